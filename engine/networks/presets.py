"""The built-in architectures: the five of the course, and well-known ones that are larger.

Layers, names and parameter counts of the five are those of the course homework (METU EE449, Homework 1, 2023, parts 1
and 3).
"""

from __future__ import annotations

from engine.networks.layers import (
    Act,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    GlobalAvgPool,
    Layer,
    MaxPool,
    Skip,
)

_COURSE: dict[str, tuple[Layer, ...]] = {
    "mlp_1": (Dense(32), Act()),
    "mlp_2": (Dense(32), Act(), Dense(64, bias=False)),
    "cnn_3": (Conv(3, 3, 16), Act(), Conv(5, 5, 8), Act(), MaxPool(2), Conv(7, 7, 16), MaxPool(2)),
    "cnn_4": (
        *(Conv(3, 3, 16), Act(), Conv(3, 3, 8), Act(), Conv(5, 5, 16), Act(), MaxPool(2)),
        *(Conv(5, 5, 16), Act(), MaxPool(2)),
    ),
    "cnn_5": (
        *(Conv(3, 3, 8), Act(), Conv(3, 3, 16), Act(), Conv(3, 3, 8), Act(), Conv(3, 3, 16), Act(), MaxPool(2)),
        *(Conv(3, 3, 16), Act(), Conv(3, 3, 8), Act(), MaxPool(2)),
    ),
}

# PyTorch's momentum (0.1 of the new value). At Keras' 0.99 the averages take some hundred steps to follow, so that an
# epoch of a small data set would be validated with those of untrained layers.
_NORM = BatchNorm(momentum=0.9)


def _conv(filters: int, stride: int = 1) -> Conv:
    return Conv(3, 3, filters, "same", stride, bias=False)  # BatchNorm shifts anyway


def _vgg_block(filters: int, dropout: float) -> tuple[Layer, ...]:
    return (*((_conv(filters), _NORM, Act()) * 2), MaxPool(2), Dropout(dropout))


def _residual_block(filters: int, stride: int = 1) -> tuple[Layer, ...]:
    body = (_conv(filters, stride), _NORM, Act(), _conv(filters), _NORM)
    shortcut = (Conv(1, 1, filters, "valid", stride, bias=False), _NORM) if stride > 1 else ()
    return Skip(body, shortcut), Act()


_OTHERS: dict[str, tuple[Layer, ...]] = {
    # Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, with plain averages for its
    # trained subsampling, every map connected to every other, and the activation of the settings.
    "lenet_5": (
        *(Conv(5, 5, 6), Act(), AvgPool(2), Conv(5, 5, 16), Act(), AvgPool(2)),
        *(Dense(120), Act(), Dense(84), Act()),
    ),
    # Three blocks in the manner of K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale
    # Image Recognition", 2015, for small images, with batch normalisation and dropout.
    "vgg_small": (
        *(*_vgg_block(32, 0.2), *_vgg_block(64, 0.3), *_vgg_block(128, 0.4)),
        *(Dense(128, bias=False), _NORM, Act(), Dropout(0.5)),
    ),
    # K. He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.2 with n = 3. Where the size changes
    # the shortcut is a 1x1 convolution (the paper's option B; its CIFAR-10 networks pad with zeros instead).
    "resnet_20": (
        *(_conv(16), _NORM, Act(), *(_residual_block(16) * 3)),
        *(*_residual_block(32, 2), *(_residual_block(32) * 2)),
        *(*_residual_block(64, 2), *(_residual_block(64) * 2)),
        GlobalAvgPool(),
    ),
}

ARCHITECTURES: dict[str, tuple[Layer, ...]] = _COURSE | _OTHERS
COURSE_ARCHITECTURES = tuple(_COURSE)
