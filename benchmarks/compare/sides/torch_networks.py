"""The architectures as PyTorch networks, and the images in PyTorch's layout."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmarks.compare.protocol import CLASSES, Workload
from engine.networks.architectures import summarize
from engine.networks.layers import Act, Conv, Dense, MaxPool


def network(workload: Workload) -> nn.Sequential:
    """Build the network, from images [n, channels, 32, 32] to logits, with PyTorch's (the course's) initialisation."""
    layers: list[nn.Module] = []
    for summary in summarize(workload.architecture, workload.shape, CLASSES):
        match summary.layer:
            case Conv(height, width, filters):
                layers.append(nn.Conv2d(summary.input_shape[2], filters, (height, width)))
            case MaxPool(size):
                layers.append(nn.MaxPool2d(size))
            case Dense(units, bias):
                if len(summary.input_shape) > 1:
                    layers.append(nn.Flatten())
                layers.append(nn.Linear(math.prod(summary.input_shape), units, bias=bias))
            case Act():
                layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def tensors(workload: Workload) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return training and validation images with their labels."""
    data = workload.prepared()
    return (
        (_channels_first(data.x_train), torch.from_numpy(data.y_train).long()),
        (_channels_first(data.x_validation), torch.from_numpy(data.y_validation).long()),
    )


def _channels_first(images) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
