"""Explanations of layers that people write as other programs or the homework do, and that are no layer here."""

from __future__ import annotations

import re
from collections.abc import Callable

_ADDED = "it is added automatically, with one unit per class; leave it out"
_UNLESS = ", unless it is the prediction layer, which is added automatically"
_FLATTENED = "the values are flattened automatically before the first FC layer; leave it out"
_SOFTMAX = "softmax is part of the loss, and is applied to the prediction layer automatically; leave it out"
_LEFT_OUT = "there is no such layer; leave it out"
_RESCALED = "the normalisation of the images is a setting; leave it out"
_NO_GROUPS = "there is no normalisation of groups; write LayerNorm or BatchNorm"
_PADDED = "write a padded convolution or pooling, as in Conv-3x3x16(same)"
_RATE = "write dropout with its share, as in Dropout-0.5"
_RATE_OF_CHANNELS = "write dropout of channels with its share, as in SpatialDropout-0.2"
_ADDITION = "write a residual block, as in Skip[Conv-3x3x16(same), ReLU]"
_JOINED = "there are no layers side by side but in a residual block, whose outputs are added: Skip[layers | shortcut]"
_SIZED_POOL = "write pooling with its window, as in MaxPool-2x2"
_SIZED_MEAN = "write pooling with its window, as in AvgPool-2x2"
_DEPTHWISE = "write a depthwise convolution with the size of its kernels, as in DepthwiseConv-3x3"
_UNITS = "write a fully connected layer with its number of units, as in FC-64"
_CHANNELS = "write a convolution as width x height x number of channels, as in Conv-3x3x16"

# Names in lower case without spaces, hyphens and underscores, with or without a size.
_NAMES: dict[str, str] = {
    **dict.fromkeys(("predictionlayer", "prediction", "predictionlayerfc", "output", "outputlayer"), _ADDED),
    **dict.fromkeys(("flatten", "reshape", "flattenlayer"), _FLATTENED),
    **dict.fromkeys(("softmax", "logsoftmax"), _SOFTMAX),
    **dict.fromkeys(("input", "inputlayer", "identity"), _LEFT_OUT),
    **dict.fromkeys(("rescaling", "normalization", "normalisation", "normalize"), _RESCALED),
    **dict.fromkeys(("dropout", "alphadropout", "gaussiandropout"), _RATE),
    **dict.fromkeys(("spatialdropout", "spatialdropout2d", "dropout2d"), _RATE_OF_CHANNELS),
    **dict.fromkeys(("batchnorm", "batchnorm2d", "batchnormalization", "bn"), "write BatchNorm"),
    **dict.fromkeys(("layernorm", "layernormalization", "ln"), "write LayerNorm"),
    **dict.fromkeys(("groupnorm", "groupnormalization"), _NO_GROUPS),
    **dict.fromkeys(("avgpool", "avgpool2d", "averagepool", "averagepooling", "averagepooling2d"), _SIZED_MEAN),
    **dict.fromkeys(
        ("globalaveragepooling2d", "globalaveragepooling", "gap", "adaptiveavgpool2d"), "write GlobalAvgPool"
    ),
    **dict.fromkeys(("depthwiseconv", "depthwiseconv2d", "dwconv"), _DEPTHWISE),
    **dict.fromkeys(("zeropadding2d", "zeropadding", "padding", "pad"), _PADDED),
    **dict.fromkeys(("add", "residual", "residualblock", "skip", "shortcut"), _ADDITION),
    **dict.fromkeys(("concat", "concatenate", "concatenation"), _JOINED),
    **dict.fromkeys(("maxpool", "maxpool2d", "maxpooling", "maxpooling2d", "pool", "pooling"), _SIZED_POOL),
    **dict.fromkeys(("fc", "dense", "linear", "fullyconnected"), _UNITS),
    **dict.fromkeys(("conv", "conv2d", "convolution"), _CHANNELS),
    "swish": "write SiLU",
}

_NUMBER = r"(\d{1,9})"
# Spellings from which the right one follows; each with what makes it of the numbers.
_SPELLINGS: tuple[tuple[str, Callable[[tuple[str, ...]], str]], ...] = (
    (rf"(?:fc|dense|linear|fullyconnected){_NUMBER}", lambda found: f"FC-{found[0]}{_UNLESS}"),
    (rf"(?:fc|dense|linear|fullyconnected){_NUMBER}nobias", lambda found: f"FC-{found[0]}(no bias)"),
    (rf"conv(?:2d)?{_NUMBER}x{_NUMBER}x{_NUMBER}", lambda found: f"Conv-{'x'.join(found)}"),
    (rf"max(?:pool|pooling)(?:2d)?{_NUMBER}", lambda found: f"MaxPool-{found[0]}x{found[0]}"),
    (rf"max(?:pool|pooling)(?:2d)?{_NUMBER}x\1", lambda found: f"MaxPool-{found[0]}x{found[0]}"),
    (rf"(?:avg|average)(?:pool|pooling)(?:2d)?{_NUMBER}(?:x\1)?", lambda found: f"AvgPool-{found[0]}x{found[0]}"),
    (rf"(?:depthwise|dw)conv(?:2d)?{_NUMBER}x{_NUMBER}", lambda found: f"DepthwiseConv-{'x'.join(found)}"),
)


def explain(piece: str) -> str | None:
    """Say what to write in place of ``piece``, which is no layer; None if nothing better than a list is known."""
    plain = re.sub(r"[\s_\-()\[\]=.:]", "", piece).lower().replace("×", "x")
    for pattern, spelling in _SPELLINGS:
        if match := re.fullmatch(pattern, plain, re.ASCII):
            return f"write {spelling(match.groups())}"
    if (name := plain.removeprefix("nn")) in _NAMES or (name := re.sub(r"\d[\dx,]*$", "", plain)) in _NAMES:
        return _NAMES[name]
    return None
