"""A network of one hidden layer in NumPy, with forward and backward pass by hand, logged for Trainscope.

    python numpy_mlp.py --epochs 5 --seed 0

Trains on scikit-learn's handwritten digits. Needs trainscope_log.py beside this script, or installed.
"""

from __future__ import annotations

import argparse

import numpy as np
import trainscope_log
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH = 50
RECORD_EVERY = 10
UNITS = 32


def load():
    """Return images (n, 1024) in [-1, 1] and labels for training, validation and test."""
    digits = load_digits()
    images = digits.images.repeat(4, axis=1).repeat(4, axis=2).reshape(-1, 32 * 32) / 8 - 1
    rest, test, rest_labels, test_labels = train_test_split(
        images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    training, validation, labels, validation_labels = train_test_split(
        rest, rest_labels, test_size=0.1, stratify=rest_labels, random_state=0
    )
    return (training, labels), (validation, validation_labels), (test, test_labels)


def forward(weights, images):
    """Return the hidden layer's activations and the logits."""
    hidden = np.maximum(images @ weights["W1"] + weights["b1"], 0)
    return hidden, hidden @ weights["W2"] + weights["b2"]


def softmax(logits):
    """Return probabilities of the classes."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def evaluate(weights, images, labels):
    """Return loss, accuracy and predicted classes."""
    logits = forward(weights, images)[1]
    predicted = logits.argmax(axis=1)
    loss = -np.log(softmax(logits)[np.arange(len(labels)), labels] + 1e-12).mean()
    return loss, (predicted == labels).mean(), predicted


def backward(weights, images, labels):
    """Return the loss, the accuracy, and the gradient of the loss with respect to each array of weights."""
    hidden, logits = forward(weights, images)
    probabilities = softmax(logits)
    rows = np.arange(len(labels))
    loss = -np.log(probabilities[rows, labels] + 1e-12).mean()
    accuracy = (logits.argmax(axis=1) == labels).mean()
    slope = probabilities
    slope[rows, labels] -= 1
    slope /= len(labels)
    before = (slope @ weights["W2"].T) * (hidden > 0)
    gradients = {
        "W1": images.T @ before,
        "b1": before.sum(axis=0),
        "W2": hidden.T @ slope,
        "b2": slope.sum(axis=0),
    }
    return loss, accuracy, gradients


class Adam:
    """The optimiser of Kingma and Ba (2015)."""

    def __init__(self, weights, rate=0.001):
        self.rate, self.step = rate, 0
        self.mean = {name: np.zeros_like(values) for name, values in weights.items()}
        self.square = {name: np.zeros_like(values) for name, values in weights.items()}

    def update(self, weights, gradients):
        """Change the weights, and return by how much."""
        self.step += 1
        changes = {}
        for name, gradient in gradients.items():
            self.mean[name] += 0.1 * (gradient - self.mean[name])
            self.square[name] += 0.001 * (gradient**2 - self.square[name])
            mean = self.mean[name] / (1 - 0.9**self.step)
            square = self.square[name] / (1 - 0.999**self.step)
            changes[name] = -self.rate * mean / (np.sqrt(square) + 1e-8)
            weights[name] += changes[name]
        return changes


def main():
    """Train and test one network."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", help="where to log (default: trainscope-logs beside this script)")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    (images, labels), validation, (test_images, test_labels) = load()
    generator = np.random.default_rng(options.seed)
    bound1, bound2 = 1 / np.sqrt(images.shape[1]), 1 / np.sqrt(UNITS)
    weights = {
        "W1": generator.uniform(-bound1, bound1, (images.shape[1], UNITS)),
        "b1": generator.uniform(-bound1, bound1, UNITS),
        "W2": generator.uniform(-bound2, bound2, (UNITS, 10)),
        "b2": generator.uniform(-bound2, bound2, 10),
    }
    adam = Adam(weights)
    run = trainscope_log.start(
        "NumPy", "mlp_1 by hand", folder=options.folder, seed=options.seed, epochs=options.epochs,
        steps_per_epoch=-(-len(labels) // BATCH), classes=10, image_shape=(32, 32, 1), dataset="digits",
        images=[len(labels), len(validation[1]), len(test_labels)], images_per_record=BATCH * RECORD_EVERY,
        parameters=sum(values.size for values in weights.values()), batch_size=BATCH, learning_rate=0.001,
    )  # fmt: skip
    run.log_weights(0, weights, inputs_first=True)

    losses, accuracies = [], []
    for epoch in range(1, options.epochs + 1):
        order = generator.permutation(len(labels))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            loss, accuracy, gradients = backward(weights, images[batch], labels[batch])
            sizes = {name: np.linalg.norm(weights[name]) for name in ("W1", "W2")}
            changes = adam.update(weights, gradients)
            losses.append(loss)
            accuracies.append(accuracy)
            if adam.step % RECORD_EVERY == 0:
                validation_loss, validation_accuracy, _ = evaluate(weights, *validation)
                run.log(
                    adam.step, epoch=epoch, training_loss=np.mean(losses), training_accuracy=np.mean(accuracies),
                    validation_loss=validation_loss, validation_accuracy=validation_accuracy, learning_rate=adam.rate,
                    gradient_norms={name: np.linalg.norm(gradients[name]) for name in sizes},
                    update_ratios={name: np.linalg.norm(changes[name]) / sizes[name] for name in sizes},
                )  # fmt: skip
                losses, accuracies = [], []
        run.log_weights(adam.step, weights, inputs_first=True)

    test_loss, test_accuracy, predicted = evaluate(weights, test_images, test_labels)
    run.finish(test_accuracy=test_accuracy, test_loss=test_loss, labels=test_labels, predictions=predicted)
    print(f"Test accuracy {test_accuracy:.1%}, logged in {run.path}")


if __name__ == "__main__":
    main()
