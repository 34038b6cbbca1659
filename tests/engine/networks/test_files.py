"""engine.networks.files and .loading: nothing of a .keras file is built or run but the network it describes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from engine.config.specs import NetworkSpec
from engine.networks.architectures import ARCHITECTURES, build_network, summarize
from engine.networks.description import UnfitError
from engine.networks.files import MAX_BYTES, read_network, read_weights
from engine.networks.inference import Prober
from engine.networks.loading import build_saved, load_weights
from engine.networks.notation import ACTIVATION_NAMES
from engine.utils.errors import NetworkError, StoreError
from tests.fuzz import seeds

SHAPE = (8, 8, 1)
Change = Callable[[dict[str, Any]], object]


def changed(
    folder: Path, description: Change | None = None, weights: Callable[[h5py.File], object] | None = None
) -> Path:
    """A valid file whose description or weights were changed."""
    members = seeds.zip_members(seeds.network())
    if description is not None:
        found = json.loads(members["config.json"])
        description(found)
        members["config.json"] = json.dumps(found).encode()
    if weights is not None:
        held = io.BytesIO(members["model.weights.h5"])
        with h5py.File(held, "r+") as file:
            weights(file)
        members["model.weights.h5"] = held.getvalue()
    path = folder / "network.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, f"all[{', '.join(ACTIVATION_NAMES.values())}, FC-4]"])
def test_every_network_of_the_program_is_sound(tmp_path: Path, architecture: str) -> None:
    shape, file = (32, 32, 3), tmp_path / "n.keras"
    built = build_network(architecture, shape, 10, NetworkSpec(), seed=0)
    built.save(file)
    saved, images = read_network(file)
    assert (saved.input_shape, saved.classes, saved.has_softmax, saved.training_only, images) == (
        *(shape, 10, False, ()),
        None,
    )
    network, summaries = build_saved(saved, file, shape)
    assert [summary.name for summary in summaries] == [summary.name for summary in summarize(architecture, shape, 10)]
    for loaded, expected in zip(network.get_weights(), built.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, expected)


def layers(description: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = description["config"]["layers"]
    return found


def test_code_that_a_file_brings_along_is_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "made by the file"
    harmful = (seeds.harmful_layer(canary), seeds.harmful_call(canary))
    changes: list[Change] = [
        *(lambda d, odd=odd: layers(d).insert(2, odd) for odd in harmful),
        *(lambda d, odd=odd: layers(d)[1]["config"].update(activation=odd) for odd in harmful),
        *(lambda d, odd=odd: layers(d)[1]["config"].update(dtype=odd) for odd in harmful),
        *(lambda d, odd=odd: d.update(odd) for odd in harmful),
    ]
    for change in changes:
        with pytest.raises(StoreError, match=r"network\.keras can't be used: it"):
            Prober().probe(changed(tmp_path, change), np.zeros(SHAPE, np.float32))
        assert not canary.exists()
    for odd in harmful:  # nothing is initialised as a file says
        file = changed(tmp_path, lambda d, odd=odd: layers(d)[1]["config"].update(kernel_initializer=odd))
        Prober().probe(file, np.zeros(SHAPE, np.float32))
        assert not canary.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: layers(d)[-1]["config"].update(units=65_537), "impossible sizes"),
        (lambda d: layers(d)[-1]["config"].update(units=0), "impossible sizes"),
        (lambda d: layers(d)[-3]["config"].update(units=65_536), None),
        (
            lambda d: layers(d).insert(
                -1, layers(d)[-3] | {"config": layers(d)[-3]["config"] | {"name": "wide", "units": 60_000}}
            ),
            None,
        ),
        (lambda d: layers(d)[1]["config"].update(padding="causal"), "not described as Keras describes"),
        (lambda d: layers(d)[1]["config"].update(strides=[1, 2]), r"strides=\[1, 2\], and networks here"),
        (lambda d: layers(d)[1].update(class_name="Add"), "other inputs than the output of two layers"),
        (lambda d: layers(d)[2].update(class_name="InputLayer"), "is not known here"),
        (lambda d: layers(d).insert(2, layers(d)[1]), "has two layers named 'conv_1'"),
        (lambda d: layers(d)[-2]["config"].update(activation="softmax"), "softmax that is not at the end"),
        (lambda d: layers(d)[1]["config"].update(name="x" * 201), "not described as Keras describes"),
        (lambda d: layers(d)[1]["config"].update(name="a\nb"), "not described as Keras describes"),
        (lambda d: layers(d).clear(), "only a Sequential or functional model"),
        (lambda d: d.clear(), "describes no network"),
    ],
)
def test_layers_that_are_not_trained_here(tmp_path: Path, change: Change, reason: str | None) -> None:
    file = changed(tmp_path, change)
    if reason is None:  # large, but no larger than networks may be
        read_network(file)
        return
    with pytest.raises(ValueError, match=reason):
        read_network(file)


def many_layers(description: dict[str, Any]) -> None:
    """A chain of more layers than networks may have."""
    activation = next(each for each in layers(description) if each["class_name"] == "Activation")
    layers(description)[2:2] = [
        activation | {"config": activation["config"] | {"name": f"more_{number}"}} for number in range(400)
    ]


def tensor(name: str) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}


def sums(description: dict[str, Any], count: int, nested: bool) -> None:
    """The sum of the image and what was made of it, again and again: of the last sum, or each sum in the next."""
    first, *_, last = layers(description)
    first["inbound_nodes"] = []
    found, before = [first], first["config"]["name"]
    activation = next(each for each in layers(description) if each["class_name"] == "Activation")
    for number in range(count):
        one, added = f"one_{number}", f"sum_{number}"
        other = first["config"]["name"] if nested else before
        found.append(_called(activation, one, [before]))
        found.append(_called(activation | {"class_name": "Add"}, added, [one, other]))
        found[-1]["config"].pop("activation")
        before = added
    flat = next(each for each in layers(description) if each["class_name"] == "Flatten")
    found += [_called(flat, "flat", [before]), _called(last, "last", ["flat"])]
    config = {"input_layers": [first["config"]["name"], 0, 0], "output_layers": ["last", 0, 0], "layers": found}
    description.update({"class_name": "Functional", "config": config})


def _called(layer: dict[str, Any], name: str, sources: list[str]) -> dict[str, Any]:
    node = {"args": [[tensor(source) for source in sources]], "kwargs": {}}
    return layer | {"config": layer["config"] | {"name": name}, "inbound_nodes": [node]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: sums(d, 3, nested=False), None),
        (lambda d: sums(d, 3, nested=True), None),
        (lambda d: sums(d, 20, nested=True), "Add are nested more than 8 deep"),
        (lambda d: sums(d, 400, nested=False), "the network has 800 layers, and at most 300"),
        (lambda d: sums(d, 499, nested=True), "it has 1001 layers, and at most 1000 are read"),
        (many_layers, "layers, and at most 300 are allowed"),
    ],
)
def test_graphs_are_read_up_to_a_depth_and_a_size(tmp_path: Path, change: Change, reason: str | None) -> None:
    file = changed(tmp_path, change)
    if reason is None:
        assert read_network(file)[0].notation.count("Skip") == 3
        return
    with pytest.raises(UnfitError, match=reason):
        read_network(file)


def test_more_parameters_than_any_network_may_have(tmp_path: Path) -> None:
    def wide(description: dict[str, Any]) -> None:
        for layer in layers(description):
            if layer["class_name"] == "Dense":
                layer["config"]["units"] = 60_000

    with pytest.raises(ValueError, match="parameters"):
        read_network(changed(tmp_path, wide))


def huge(file: h5py.File) -> None:
    """A sparse data set of a terabyte."""
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", (2**20, 2**18), "f4", chunks=(2**10, 2**10))


def elsewhere(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/x")


def outside(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def around(file: h5py.File) -> None:
    file["layers/dense/again"] = file["layers"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (huge, "more than any network"),
        (elsewhere, "another file"),
        (outside, "another file"),
        (around, "more than any"),
    ],
)
def test_weights_that_are_not_in_the_file_or_fill_the_memory(
    tmp_path: Path, change: Callable[[h5py.File], object], reason: str
) -> None:
    file = changed(tmp_path, weights=change)
    with pytest.raises(ValueError, match=reason):
        read_weights(file, {})
    with pytest.raises(StoreError, match=reason):
        Prober().probe(file, np.zeros(SHAPE, np.float32))
    with pytest.raises(NetworkError, match=r"can't be continued from .*network\.keras: it holds no network"):
        load_weights(build_network(seeds.NETWORK, SHAPE, 3, NetworkSpec(), seed=1), file, seeds.NETWORK, "relu")


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    file = changed(tmp_path)
    content = file.read_bytes()
    place = content.rfind(b"PK\x01\x02") + 24  # the uncompressed size in the central directory
    file.write_bytes(content[:place] + (MAX_BYTES + 1).to_bytes(4, "little") + content[place + 4 :])
    with pytest.raises(ValueError, match="unpacks to more"):
        read_network(file)


def test_a_pipe_in_the_place_of_a_network_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(StoreError, match=r"pipe\.keras can't be used"):
        Prober().probe(tmp_path / "pipe.keras", np.zeros(SHAPE, np.float32))
    network: keras.Sequential = build_network(seeds.NETWORK, SHAPE, 3, NetworkSpec(), seed=1)
    with pytest.raises(NetworkError, match="it holds no network"):
        load_weights(network, tmp_path / "pipe.keras", seeds.NETWORK, "relu")
