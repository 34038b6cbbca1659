"""Sound inputs, from which others are made by spoiling them."""

from __future__ import annotations

import base64
import gzip
import io
import json
import marshal
import os
import pickle
import random
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.experiments.presets import settings_to_toml
from engine.utils.arrays import Array
from tests.engine.datasets.conftest import cifar100_members, cifar_members, idx, pixels, python2_pickle
from tests.engine.support import small_run

TEXTS_OF_NETWORKS = (
    "cnn_4",
    "small[Conv-3x3x16, ReLU, MaxPool-2x2, FC-64(no bias)]",
    "Wide[ Conv-5×3x4,Act , FC-8 ]",
)


@cache
def settings() -> dict[str, dict[str, Any]]:
    """Of each experiment the settings of its quick preset, as plain values."""
    return {name: each.preset("quick").model_dump(mode="json") for name, each in RUNNABLE_EXPERIMENTS.items()}


@cache
def settings_texts() -> tuple[str, ...]:
    """The same as TOML and as JSON, as they are copied."""
    tables = [{"experiment": name} | values for name, values in settings().items()]
    return (
        *(settings_to_toml(name, values) for name, values in settings().items()),
        *(json.dumps(each) for each in tables),
    )


def run_spec() -> dict[str, Any]:
    """The settings of one run, as a store keeps them."""
    found: dict[str, Any] = json.loads(small_run().to_json())
    return found


class Harm:
    """What a pickle can carry: a call of its choosing."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.canary),)


def harmful_pickle(canary: Path, protocol: int) -> bytes:
    """A pickle that makes ``canary`` where it is run."""
    return pickle.dumps({b"data": Harm(canary)}, protocol)


def harmful_layer(canary: Path) -> dict[str, Any]:
    """A layer of Keras' whose function makes ``canary`` where it is called."""
    code = compile(f"lambda x: __import__('os').mkdir({str(canary)!r})", "layer", "eval").co_consts[0]
    function = {"class_name": "__lambda__", "config": {"code": base64.b64encode(marshal.dumps(code)).decode()}}
    config = {"name": "harm", "function": function, "output_shape": [4], "arguments": {}}
    return {"module": "keras.layers", "class_name": "Lambda", "config": config, "registered_name": None}


def harmful_call(canary: Path) -> dict[str, Any]:
    """What names a function of Python's, where Keras looks for a class of its own."""
    return {"module": "os", "class_name": "mkdir", "config": {"path": str(canary)}, "registered_name": "mkdir"}


def npy(array: Array, allow_pickle: bool = False) -> bytes:
    """As :func:`numpy.save` writes it."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


@cache
def arrays() -> tuple[bytes, ...]:
    """What can be convolved."""
    numbers = np.arange(48, dtype=float)
    return (
        npy(numbers.reshape(1, 1, 6, 8)),
        npy(numbers.reshape(6, 8).astype(np.int32)),
        npy(np.asfortranarray(numbers.reshape(3, 4, 4).astype(np.float16))),
    )


@cache
def npz() -> tuple[bytes, ...]:
    """Data sets of twelve images: plainly, and with names, types and shapes that are less usual."""
    labels = np.arange(12) % 2
    names = np.array(["cat", "dog"])
    plain = {"x_train": pixels(12, 6, 5), "y_train": labels, "x_test": pixels(4, 6, 5), "y_test": labels[:4]}
    first = np.moveaxis(pixels(12, 6, 5, 3), 3, 1) / np.float32(255)
    other = {"X_train": first, "train_labels": np.eye(2)[labels], "x_val": first[:4], "y_val": np.eye(2)[labels[:4]]}
    return _saved(**plain, class_names=names), _saved(**other, classes=names.astype("S"), mean=np.zeros(3))


def _saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@cache
def images() -> tuple[bytes, ...]:
    """Images of many formats and modes."""
    colour = Image.fromarray(pixels(9, 7, 3))
    kinds: tuple[tuple[Image.Image, str, dict[str, Any]], ...] = (
        (colour, "PNG", {}),
        (colour, "JPEG", {}),
        (colour, "JPEG", {"exif": _turned()}),
        (colour, "BMP", {}),
        (colour, "WEBP", {}),
        (colour, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "PPM", {}),
        (colour, "TGA", {"compression": "tga_rle"}),
        (colour, "ICO", {"sizes": [(16, 16)]}),
        (colour.convert("P"), "GIF", {"save_all": True, "append_images": [colour.convert("P")]}),
        (colour.convert("P"), "PNG", {"transparency": 0}),
        (colour.convert("RGBA"), "PNG", {}),
        (colour.convert("LA"), "PNG", {}),
        (colour.convert("1"), "PNG", {}),
        (colour.convert("I;16"), "PNG", {}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour.convert("F"), "TIFF", {}),
        (colour.resize((1, 1)), "PNG", {}),
        (colour.resize((700, 1)), "PNG", {}),
    )
    return tuple(_image(*kind) for kind in kinds)


def _turned() -> Image.Exif:
    note = Image.Exif()
    note[0x0112] = 6  # orientation
    return note


def _image(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def batch() -> bytes:
    """A pickled batch of the small CIFAR-10."""
    return python2_pickle(np.arange(20, dtype=np.uint8) % 10, pixels(20, 3072))


@cache
def archives() -> tuple[tuple[str, bytes], ...]:
    """The small CIFAR-10 and CIFAR-100 as tar, not packed so that more is spoilt than the packing: name and content."""
    makers = (("cifar-10", cifar_members), ("cifar-100", cifar100_members))
    kinds = ("binary", "python")
    return tuple((f"{name}-{kind}.tar", tar_file(members(kind))) for name, members in makers for kind in kinds)


def tar_file(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(content), {"comment": "é"}
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


@cache
def idx_files() -> tuple[dict[str, bytes], ...]:
    """Twelve images and four, not packed: by MNIST's names and by EMNIST's, whose labels start at 1."""
    sets = []
    for prefix, test, first in (("", "t10k", 0), ("emnist-letters-", "test", 1)):
        files = {}
        for part, count in (("train", 12), (test, 4)):
            files[f"{prefix}{part}-images-idx3-ubyte"] = idx(pixels(count, 6, 5))
            files[f"{prefix}{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8) % 2 + np.uint8(first))
        sets.append(files)
    return tuple(sets)


def network() -> bytes:
    """A trained network's file, for images of 8x8x1."""
    return _network(NETWORK)


def residual_network() -> bytes:
    """The same with all that a graph and its layers have."""
    return _network(RESIDUAL_NETWORK)


@cache
def _network(architecture: str) -> bytes:
    from tempfile import TemporaryDirectory

    from engine.config.specs import NetworkSpec
    from engine.networks.architectures import build_network

    state = random.getstate()  # Keras draws from it, and Hypothesis counts on it
    try:
        with TemporaryDirectory() as folder:
            file = Path(folder, "network.keras")
            build_network(architecture, (8, 8, 1), 3, NetworkSpec(), seed=1).save(file)
            return file.read_bytes()
    finally:
        random.setstate(state)


NETWORK = "small[Conv-3x3x2, ReLU, MaxPool-2x2, FC-4, Sigmoid]"
RESIDUAL_NETWORK = (
    "graph[Conv-3x3x2(same, no bias, L2 0.001), BatchNorm, ReLU, Skip[DepthwiseConv-3x3(same), LayerNorm, "
    "SpatialDropout-0.2, Skip[Conv-1x1x2]], Skip[AvgPool-2x2 | Conv-1x1x2(stride 2)], GlobalAvgPool, Dropout-0.5, "
    "FC-4, Tanh]"
)


def gzipped(content: bytes) -> bytes:
    """Packed as one file."""
    return gzip.compress(content, 1)


def zip_members(content: bytes) -> dict[str, bytes]:
    """What an archive holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
