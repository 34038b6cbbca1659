"""engine.networks.training_images: what a network's file records of its images, and how new ones compare with it."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from engine.config.specs import DataSpec, NetworkSpec
from engine.networks.architectures import build_network
from engine.networks.continuation import StartingNetwork, open_start
from engine.networks.training_images import TrainingImages
from engine.utils.errors import NetworkError
from tests.engine.support import INFO

CLASSES = 10


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> StartingNetwork:
    """A network of this program, with the record of its images."""
    file = tmp_path_factory.mktemp("start") / "net.keras"
    build_network("mlp_1", INFO.shape, CLASSES, NetworkSpec(), seed=1).save(file)
    TrainingImages.of(DataSpec(normalization="per-dataset"), INFO).append_to(file)
    return open_start(file)


def test_keras_ignores_the_record(start: StartingNetwork) -> None:
    assert start.images is not None
    assert start.images.normalization == "per-dataset"
    assert keras.saving.load_model(start.file, compile=False).count_params() == 33_130


def test_the_same_preparation_is_taken_without_a_word(start: StartingNetwork) -> None:
    data = DataSpec(normalization="per-dataset")
    start.check_normalization(start.images, data.normalization)
    start.check_shares(start.images, data, INFO)
    assert list(start.warnings(start.images, data, INFO)) == []


def test_another_normalisation_is_refused(start: StartingNetwork) -> None:
    with pytest.raises(
        NetworkError, match="as 'per-dataset', and the setting is 'half'; set normalization=per-dataset"
    ):
        start.check_normalization(start.images, "half")


def test_other_shares_of_the_same_images_are_refused(start: StartingNetwork) -> None:
    data = DataSpec(normalization="per-dataset", test_fraction=0.5)
    with pytest.raises(NetworkError, match=r"tested on images it has learned; .*=0\.1 and test_fraction=0\.2"):
        start.check_shares(start.images, data, replace(INFO, train_count=900, test_count=753))


CHANGED, LETTERS = "trained when Digits had other images than now", "if Letters shares images with it"


@pytest.mark.parametrize(
    ("title", "own", "said"),
    [
        ("Digits", {}, CHANGED),
        ("Digits", {"own_test": True}, CHANGED),
        ("Digits", {"own_validation": True}, CHANGED),
        ("Digits", {"own_test": True, "own_validation": True}, ""),
        ("Letters", {}, LETTERS),
        ("Letters", {"own_test": True}, ""),
    ],
)
def test_learned_images_that_may_be_tested_are_warned_of(
    start: StartingNetwork, title: str, own: dict[str, Any], said: str
) -> None:
    data, others = DataSpec(), replace(INFO, fingerprint="1" * 64, title=title, **own)
    start.check_shares(start.images, data, others)
    warnings = list(start.warnings(start.images, data, others))
    assert len(warnings) == bool(said)
    assert said in "".join(warnings)


@pytest.mark.parametrize(("title", "whose"), [("Letters", "Digits; now"), ("Digits", "Digits as it then was; now")])
def test_means_of_other_images_are_warned_of(start: StartingNetwork, title: str, whose: str) -> None:
    data, others = DataSpec(normalization="per-dataset"), replace(INFO, fingerprint="1" * 64, title=title)
    warnings = list(start.warnings(start.images, data, others))
    assert f"the means and deviations of {whose} those of {title} are used" in warnings[-1]


def test_other_classes_are_warned_of(start: StartingNetwork) -> None:
    data, others = DataSpec(normalization="per-dataset"), replace(INFO, class_names=tuple("abcdefghij"))
    (warning,) = start.warnings(start.images, data, others)
    assert "to tell 0, 1, 2, 3, 4, … apart, and its outputs now stand for a, b, c, d, e, …, in this order" in warning


def test_an_unknown_preparation_is_warned_of(start: StartingNetwork) -> None:
    (warning,) = start.warnings(None, DataSpec(), INFO)
    assert warning.startswith("net.keras does not say how the images that it was trained on were normalised, so 'half'")


@pytest.mark.parametrize("record", [b"", b"{}", b"[1", b'{"normalization": "none"}', b"\xff"])
def test_a_record_that_can_not_be_read_is_none(start: StartingNetwork, tmp_path: Path, record: bytes) -> None:
    file = tmp_path / "net.keras"
    with zipfile.ZipFile(start.file) as old, zipfile.ZipFile(file, "w") as archive:
        for name in old.namelist():
            archive.writestr(name, record if name == TrainingImages.MEMBER else old.read(name))
    assert open_start(file).images is None
    shutil.copy(start.file, file)
    assert open_start(file).images == start.images
