"""The course's five architectures in PyTorch, trained as the homework asks and logged for Trainscope.

    python pytorch_course.py cnn_4 --epochs 3 --seed 0
    python pytorch_course.py mlp_1 --images CIFAR-FOLDER --epochs 15

Without ``--images`` it trains on scikit-learn's handwritten digits, for seconds; a folder of images has the layout
``train/<class>/*.jpg`` and ``test/<class>/*.jpg``. Needs trainscope_log.py beside this script, or installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

import numpy as np
import torch
import trainscope_log
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 50
RECORD_EVERY = 10

# Layers before the prediction layer, for images of 32x32 pixels and one channel; then the prediction layer.
ARCHITECTURES = {
    "mlp_1": lambda: nn.Sequential(nn.Flatten(), nn.Linear(1024, 32), nn.ReLU(), nn.Linear(32, 10)),
    "mlp_2": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(1024, 32), nn.ReLU(), nn.Linear(32, 64, bias=False), nn.Linear(64, 10)
    ),
    "cnn_3": lambda: nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU()),
        *(nn.Conv2d(16, 8, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 7), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(144, 10)),
    ),
    "cnn_4": lambda: nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU()),
        *(nn.Conv2d(16, 8, 3), nn.ReLU()),
        *(nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 10)),
    ),
    "cnn_5": lambda: nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.ReLU()),
        *(nn.Conv2d(8, 16, 3), nn.ReLU()),
        *(nn.Conv2d(16, 8, 3), nn.ReLU()),
        *(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 16, 3), nn.ReLU()),
        *(nn.Conv2d(16, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 10)),
    ),
}


def load_handwritten_digits():
    """Return images (n, 32, 32) in [0, 1] and labels of training and test, and the names of the classes."""
    digits = load_digits()
    images = digits.images.repeat(4, axis=1).repeat(4, axis=2) / 16
    parts = train_test_split(images, digits.target, test_size=0.2, stratify=digits.target, random_state=0)
    return parts[0], parts[2], parts[1], parts[3], [str(digit) for digit in range(10)]


def load_folder(folder):
    """Return the same of a folder of images of 32x32 pixels, in gray."""
    from PIL import Image

    classes = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
    parts = []
    for part in ("train", "test"):
        files = [
            (path, label) for label, name in enumerate(classes) for path in sorted((folder / part / name).iterdir())
        ]
        colours = np.stack([np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) for path, _ in files]) / 255
        parts += [colours @ np.array([0.2989, 0.587, 0.114], dtype=np.float32), np.array([label for _, label in files])]
    return (*parts, classes)


def tensors(images, labels):
    """Normalise images, and return them as a data set of tensors (n, 1, 32, 32)."""
    return TensorDataset(torch.tensor((images - 0.5) / 0.5, dtype=torch.float32)[:, None], torch.tensor(labels))


@torch.no_grad()
def evaluate(model, dataset):
    """Return loss, accuracy and logits."""
    model.eval()
    images, labels = dataset.tensors
    logits = torch.cat([model(chunk) for chunk in images.split(500)])
    model.train()
    loss = nn.functional.cross_entropy(logits, labels).item()
    return loss, (logits.argmax(1) == labels).float().mean().item(), logits


def train(model, training, validation, run, epochs):
    """Train with Adam; log every ten steps the means over the ten batches, and validation."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    run.watch(model, optimizer, every=RECORD_EVERY)
    step, losses, accuracies = 0, [], []
    for epoch in range(1, epochs + 1):
        for images, labels in DataLoader(training, batch_size=BATCH, shuffle=True):
            logits = model(images)
            loss = nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            losses.append(loss.item())
            accuracies.append((logits.argmax(1) == labels).float().mean().item())
            if step % RECORD_EVERY == 0:
                validation_loss, validation_accuracy, _ = evaluate(model, validation)
                run.log(
                    step, epoch=epoch, training_loss=mean(losses), training_accuracy=mean(accuracies),
                    validation_loss=validation_loss, validation_accuracy=validation_accuracy,
                    learning_rate=optimizer.param_groups[0]["lr"],
                )  # fmt: skip
                losses, accuracies = [], []


def main():
    """Train and test one network."""
    parser = argparse.ArgumentParser()
    parser.add_argument("architecture", nargs="?", default="cnn_4", choices=ARCHITECTURES)
    parser.add_argument("--images", type=Path, help="folder of images, such as CIFAR-10's")
    parser.add_argument("--folder", help="where to log (default: trainscope-logs beside this script)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    loaded = load_folder(options.images) if options.images else load_handwritten_digits()
    images, labels, test_images, test_labels, classes = loaded
    images, validation_images, labels, validation_labels = train_test_split(
        images, labels, test_size=0.1, stratify=labels, random_state=0
    )
    training, validation = tensors(images, labels), tensors(validation_images, validation_labels)
    test = tensors(test_images, test_labels)
    model = ARCHITECTURES[options.architecture]()
    with trainscope_log.start(
        "PyTorch", options.architecture, folder=options.folder, seed=options.seed, epochs=options.epochs,
        steps_per_epoch=-(-len(training) // BATCH), classes=classes, images=[len(training), len(validation), len(test)],
        dataset=options.images.name if options.images else "digits", images_per_record=BATCH * RECORD_EVERY,
        batch_size=BATCH, optimizer="Adam", learning_rate=0.001,
    ) as run:  # fmt: skip
        train(model, training, validation, run, options.epochs)
        test_loss, test_accuracy, logits = evaluate(model, test)
        run.finish(test_accuracy=test_accuracy, test_loss=test_loss, labels=test_labels, predictions=logits)
    print(f"Test accuracy {test_accuracy:.1%}, logged in {run.path}")


if __name__ == "__main__":
    main()
