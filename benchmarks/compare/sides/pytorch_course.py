"""(a) PyTorch the way the course's students write it.

A DataLoader over a list of tensors, validation in batches of 50 (prepared beforehand, which is faster than a second
DataLoader), and ``.item()`` for every value.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.compare.protocol import BATCH, LEARNING_RATE, RECORD_EVERY, SEED, Round, Workload
from benchmarks.compare.sides.torch_networks import network, tensors


def make(workload: Workload) -> Callable[[], Round]:
    (x, y), (x_validation, y_validation) = tensors(workload)
    training_set = list(zip(x, y, strict=True))
    validation = list(zip(x_validation.split(BATCH), y_validation.split(BATCH), strict=True))

    def train() -> Round:
        torch.manual_seed(SEED)
        model = network(workload)
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        loader = DataLoader(training_set, batch_size=BATCH, shuffle=True)
        records = []
        losses, accuracies = [], []
        begin = time.perf_counter()
        for step, (images, labels) in enumerate(loader, start=1):
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            accuracies.append((logits.argmax(1) == labels).float().mean().item())
            if step % RECORD_EVERY == 0:
                model.eval()
                validation_loss, correct = 0.0, 0
                with torch.no_grad():
                    for images_, labels_ in validation:
                        logits = model(images_)
                        validation_loss += criterion(logits, labels_).item()
                        correct += (logits.argmax(1) == labels_).sum().item()
                model.train()
                found = (validation_loss / len(validation), correct / len(y_validation))
                records.append((sum(losses) / RECORD_EVERY, sum(accuracies) / RECORD_EVERY, *found))
                losses, accuracies = [], []
        return Round((time.perf_counter() - begin) / workload.steps, records[-1][-1])

    return train
