"""A network in Keras, trained by ``fit`` and logged for Trainscope by a callback.

    python keras_fit.py --epochs 3 --seed 0

Trains on scikit-learn's handwritten digits. Needs trainscope_log.py beside this script, or installed.
"""

from __future__ import annotations

import argparse

import keras
import trainscope_log
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH = 50


def load():
    """Return images (n, 32, 32, 1) in [-1, 1] and labels of training and test."""
    digits = load_digits()
    images = digits.images.repeat(4, axis=1).repeat(4, axis=2)[..., None] / 8 - 1
    return train_test_split(images, digits.target, test_size=0.2, stratify=digits.target, random_state=0)


def main():
    """Train and test the course's network mlp_1 or cnn_3."""
    parser = argparse.ArgumentParser()
    parser.add_argument("architecture", nargs="?", default="cnn_3", choices=["mlp_1", "cnn_3"])
    parser.add_argument("--folder", help="where to log (default: trainscope-logs beside this script)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    images, test_images, labels, test_labels = load()
    if options.architecture == "mlp_1":
        hidden = [layers.Flatten(), layers.Dense(32, activation="relu")]
    else:
        hidden = [
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(8, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 7),
            layers.MaxPooling2D(),
            layers.Flatten(),
        ]
    model = keras.Sequential([keras.Input((32, 32, 1)), *hidden, layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    with trainscope_log.start(
        "Keras", options.architecture, folder=options.folder, seed=options.seed, dataset="digits", classes=10,
        batch_size=BATCH, optimizer="Adam", learning_rate=0.001, images_per_record=10 * BATCH,
    ) as run:  # fmt: skip
        model.fit(
            images, labels, batch_size=BATCH, epochs=options.epochs, validation_split=0.1, verbose=2,
            callbacks=[trainscope_log.KerasCallback(run, every=10)],
        )  # fmt: skip
        test_loss, test_accuracy = model.evaluate(test_images, test_labels, verbose=0)
        predictions = model.predict(test_images, verbose=0)
        run.finish(test_accuracy=test_accuracy, test_loss=test_loss, labels=test_labels, predictions=predictions)
    print(f"Test accuracy {test_accuracy:.1%}, logged in {run.path}")


if __name__ == "__main__":
    main()
