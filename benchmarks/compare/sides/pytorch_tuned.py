"""(b) The fastest PyTorch loop that was found on two cores.

Resident tensors, batches gathered by index, channels-last convolutions, fused Adam, sums that stay tensors until a
record, and validation in chunks of 100 images for convolutions, whose activations then stay in cache (150 are as fast,
50 and 250 a twentieth slower, 500 and more a half), and all at once for dense layers. ``torch.compile`` made no
difference to cnn_4, and mlp_1 slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.compare.protocol import BATCH, LEARNING_RATE, RECORD_EVERY, SEED, Round, Workload
from benchmarks.compare.sides.torch_networks import network, tensors

DENSE_CHUNK, CONVOLUTION_CHUNK = 5_000, 100


def make(workload: Workload) -> Callable[[], Round]:
    (x, y), (x_validation, y_validation) = tensors(workload)
    has_convolutions = workload.architecture.startswith("cnn")
    layout = torch.channels_last if has_convolutions else torch.contiguous_format
    x = x.to(memory_format=layout)
    chunk = CONVOLUTION_CHUNK if has_convolutions else DENSE_CHUNK
    validation = [
        (images.contiguous(memory_format=layout), labels)
        for images, labels in zip(x_validation.split(chunk), y_validation.split(chunk), strict=True)
    ]
    criterion, summed = nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction="sum")

    def train() -> Round:
        torch.manual_seed(SEED)
        model = network(workload).to(memory_format=layout)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        records = []
        loss_sum, correct_sum = torch.zeros(()), torch.zeros(())
        begin = time.perf_counter()
        for step, chosen in enumerate(torch.randperm(workload.images).split(BATCH), start=1):
            images, labels = x[chosen].contiguous(memory_format=layout), y[chosen]
            optimizer.zero_grad(set_to_none=True)
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                loss_sum += loss.detach()
                correct_sum += (logits.argmax(1) == labels).sum()
            if step % RECORD_EVERY == 0:
                with torch.inference_mode():
                    validation_loss, right = torch.zeros(()), torch.zeros((), dtype=torch.long)
                    for images_, labels_ in validation:
                        logits = model(images_)
                        validation_loss += summed(logits, labels_)
                        right += (logits.argmax(1) == labels_).sum()
                count = len(y_validation)
                of_training = (loss_sum.item() / RECORD_EVERY, correct_sum.item() / (RECORD_EVERY * BATCH))
                records.append((*of_training, validation_loss.item() / count, right.item() / count))
                loss_sum, correct_sum = torch.zeros(()), torch.zeros(())
        return Round((time.perf_counter() - begin) / workload.steps, records[-1][-1])

    return train
