"""engine.executors.inference: the tasks for trying out a network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from engine.config.specs import DataSpec, NetworkSpec
from engine.datasets import PreparedData
from engine.events.channel import ControlChannel
from engine.events.inference import ImageRead, NetworkOpened, PickedTestImages, Probed
from engine.events.tasks import TaskFailed
from engine.executors import inference
from engine.executors.inference import InferenceRunner
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import InferenceTask, OpenNetworkTask, PickTestImagesTask, ProbeTask, ReadImageTask
from engine.networks.architectures import build_network
from engine.networks.inference import softmax
from engine.networks.training_images import TrainingImages
from engine.utils.errors import DatasetError

SHAPE = (32, 32, 1)


def quiet(_message: str, _done: int, _total: int) -> None:
    """Ignores progress."""


def picked(runner: InferenceRunner, count: int, seed: int, data: DataSpec | None = None) -> PickedTestImages:
    answer = runner.answer(PickTestImagesTask(data or DataSpec(), count, seed), quiet)
    assert isinstance(answer, PickedTestImages)
    return answer


def test_test_images_are_picked_by_the_seed(digits: PreparedData) -> None:
    runner = InferenceRunner()
    found = picked(runner, 12, 1)
    assert found.images.shape == (12, *SHAPE)
    assert found.images.dtype == np.uint8
    assert found.class_names == digits.info.class_names
    again, other = picked(runner, 12, 1), picked(runner, 12, 2)
    assert np.array_equal(again.images, found.images)
    assert not np.array_equal(other.images, found.images)


def test_they_are_of_the_test_part_and_labelled(digits: PreparedData) -> None:
    found = picked(InferenceRunner(), 20, 0)
    for image, label in zip(found.images, found.labels, strict=True):
        same = (np.abs(digits.x_test - (image / np.float32(255) - 0.5) / 0.5) < 1e-6).all(axis=(1, 2, 3))
        assert same.any()
        assert label in digits.y_test[same]


def test_no_more_than_there_are_and_none_twice(digits: PreparedData) -> None:
    found = picked(InferenceRunner(), 1000, 0)
    assert len(found.images) == len(found.labels) == digits.info.test_count
    assert np.bincount(found.labels).tolist() == np.bincount(digits.y_test).tolist()


def test_a_data_set_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[DataSpec] = []
    load = inference.load_raw

    def loading(spec: DataSpec, progress: Any) -> Any:
        loaded.append(spec)
        return load(spec, progress)

    monkeypatch.setattr(inference, "load_raw", loading)
    runner, small = InferenceRunner(), DataSpec(image_size=8)
    for data in (DataSpec(), DataSpec(), small):
        picked(runner, 1, 0, data)
    assert loaded == [DataSpec(), small]


def test_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path))
    with pytest.raises(DatasetError, match=r"images of cifar10 are not on this computer; run an experiment"):
        InferenceRunner().answer(PickTestImagesTask(DataSpec(dataset="cifar10"), 1, 0), quiet)


def test_an_image_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "a.png")
    answer = InferenceRunner().answer(ReadImageTask(tmp_path / "a.png"), quiet)
    assert isinstance(answer, ImageRead)
    assert (answer.file.name, answer.image.shape, answer.image[0, 0].tolist()) == ("a.png", (2, 3, 3), [1, 2, 3])


@pytest.fixture
def control() -> Any:
    channel = ControlChannel()
    yield channel
    channel.close()


def run_tasks(tasks: list[InferenceTask], control: ControlChannel) -> list[Any]:
    events: list[Any] = []
    executor = InlineExecutor()
    executor.run(tasks, events.append, control)
    executor.close()
    return [
        event
        for event in events
        if isinstance(event, Probed | ImageRead | NetworkOpened | PickedTestImages | TaskFailed)
    ]


def test_a_network_is_asked_about_a_test_image(digits: PreparedData, tmp_path: Path, control: ControlChannel) -> None:
    network = build_network("mlp_1", SHAPE, 10, NetworkSpec(), seed=1)
    network.save(tmp_path / "m.keras")
    images = picked(InferenceRunner(), 3, 0).images
    tasks = [ProbeTask(tmp_path / "m.keras", image, DataSpec(), SHAPE) for image in images]
    answers = run_tasks(list(tasks), control)
    for image, answer in zip(images, answers, strict=True):
        fed = (image / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
        logits = np.asarray(network(fed[np.newaxis]))[0]
        assert answer.probabilities == pytest.approx(softmax(logits), abs=1e-5)
        assert [layer.name for layer in answer.layers] == ["input", "dense_1", "act_1", "prediction"]


def test_a_file_of_keras_is_described_and_asked_without_a_data_set(tmp_path: Path, control: ControlChannel) -> None:
    """A network for images that are no squares; the drawing is resized to them and normalised as chosen."""
    file = tmp_path / "own.keras"
    parts = [
        keras.layers.DepthwiseConv2D(3, name="eyes"),
        keras.layers.Conv2D(4, 3, activation="relu", name="more"),
        keras.layers.GaussianNoise(0.1, name="noise"),
        keras.layers.GlobalAveragePooling2D(name="mean"),
        keras.layers.Dense(2, activation="softmax", name="end"),
    ]
    network = keras.Sequential([keras.Input((6, 9, 3)), *parts])
    network.save(file)
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    asked = ProbeTask(file, image, None, (6, 9, 3), normalization="none")
    opened, answer, refused = run_tasks(
        [OpenNetworkTask(file), asked, replace(asked, normalization="per-dataset")], control
    )
    assert (opened.file, opened.shape, opened.classes) == (file, (6, 9, 3), 2)
    assert opened.architecture == "network[DepthwiseConv-3x3, Conv-3x3x4, ReLU, GlobalAvgPool]"
    assert opened.names == ("eyes", "more", "more, ReLU", "mean", "end")
    assert (opened.left_out, opened.normalization, opened.class_names) == (("noise (GaussianNoise)",), None, ())
    assert (opened.weights.layer, opened.weights.input_shape) == ("eyes", (6, 9, 3))
    kernel = np.asarray(parts[0].get_weights()[0])
    np.testing.assert_array_equal(opened.weights.values, kernel.transpose(2, 3, 0, 1), strict=True)
    assert opened.outputs == 3
    expected = network(image[np.newaxis] / np.float32(255), training=False).numpy()[0]
    np.testing.assert_allclose(answer.probabilities, expected, rtol=1e-4)
    assert refused == TaskFailed(
        "The normalisation per-dataset needs a data set; choose one, or another normalisation."
    )


def test_what_a_file_of_this_program_records_is_told(
    digits: PreparedData, tmp_path: Path, control: ControlChannel
) -> None:
    file = tmp_path / "m.keras"
    build_network("mlp_1", SHAPE, 10, NetworkSpec(), seed=1).save(file)
    TrainingImages.of(DataSpec(), digits.info).append_to(file)
    (opened,) = run_tasks([OpenNetworkTask(file)], control)
    assert (opened.trained_on, opened.normalization, opened.class_names) == (
        *("Digits", "half"),
        digits.info.class_names,
    )
    assert (opened.black, opened.white) == ((-1.0,), (1.0,))
    assert opened.weights.values.shape == (32, 1024)
    assert opened.outputs == 32


@pytest.mark.parametrize(("shape", "units", "shown"), [((4, 4, 1), 300, 256), ((400, 400, 1), 30, 25)])
def test_of_a_large_first_layer_what_can_be_seen_is_described(
    tmp_path: Path, control: ControlChannel, shape: tuple[int, int, int], units: int, shown: int
) -> None:
    layer = keras.layers.Dense(units)
    network = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), layer, keras.layers.Dense(2)])
    network.save(tmp_path / "large.keras")
    (opened,) = run_tasks([OpenNetworkTask(tmp_path / "large.keras")], control)
    assert opened.outputs == units
    np.testing.assert_array_equal(opened.weights.values, np.asarray(layer.get_weights()[0]).T[:shown])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("net.h5", "it is an HDF5 file, the former format of Keras; load it in Keras and save it as .keras"),
        (
            "scaled.keras",
            r"its layer 'scale' \(Rescaling\) is of a kind that networks here do not have; save the network",
        ),
        ("odd.keras", "it takes 7 values, which are no image in gray or colour; choose another one."),
        ("many.keras", "it takes 4x4x2 values, which are no image"),
    ],
)
def test_a_file_that_can_not_be_tried_is_refused_by_name(
    tmp_path: Path, control: ControlChannel, name: str, reason: str
) -> None:
    build: dict[str, list[Any]] = {
        "scaled.keras": [keras.Input((4, 4, 1)), keras.layers.Rescaling(2, name="scale"), keras.layers.Flatten()],
        "odd.keras": [keras.Input((7,)), keras.layers.Dense(2)],
        "many.keras": [keras.Input((4, 4, 2)), keras.layers.Flatten()],
    }
    if name in build:
        keras.Sequential([*build[name], keras.layers.Dense(2)]).save(tmp_path / name)
    else:
        (tmp_path / name).touch()
    (refused,) = run_tasks([OpenNetworkTask(tmp_path / name)], control)
    assert re.match(f"The trained network .*{name} can't be used: {reason}", refused.reason)


def test_what_goes_wrong_is_said_and_the_next_task_answered(tmp_path: Path, control: ControlChannel) -> None:
    gone = ProbeTask(tmp_path / "gone.keras", np.zeros((4, 4, 1), np.uint8), DataSpec(), SHAPE)
    unread = ReadImageTask(tmp_path / "gone.png")
    failed, unfound, answer = run_tasks([gone, unread, PickTestImagesTask(DataSpec(), 2, 0)], control)
    assert "gone.keras" in failed.reason
    assert "There is no file" in unfound.reason
    assert len(answer.images) == 2
