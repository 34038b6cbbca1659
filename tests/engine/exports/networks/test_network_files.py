"""engine.exports.networks: exported files, run by their own runtimes, predict what Keras predicts."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from engine.config.export_formats import Format
from engine.config.specs import NetworkSpec
from engine.events.runs import Status
from engine.events.tasks import Exported, TaskFailed
from engine.executors.runner import TaskRunner
from engine.executors.tasks import ExportNetworkTask, ExportTask, needs_tensorflow
from engine.exports import Export, export_experiment
from engine.exports.networks import export_network, network_properties
from engine.exports.networks.onnx_file import onnx_model
from engine.exports.networks.tflite_file import write_tflite
from engine.networks.architectures import build_network
from engine.storage.store import Store
from engine.utils.arrays import Array
from engine.utils.errors import Cancelled, ExportError
from tests.engine.exports.every_layer import SHAPE, network_with_every_layer
from tests.engine.support import INFO, finished, planned, record, small_spec, started

layers = keras.layers
IMAGES = np.random.default_rng(0).normal(size=(5, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return network_with_every_layer()


@pytest.fixture(scope="module")
def expected(network: keras.Model) -> Array:
    logits: Array = network(IMAGES, training=False).numpy()
    return logits


def run_onnx(model: onnx.ModelProto | Path, images: Array) -> dict[str, Array]:
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    outputs = [each.name for each in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, {"images": images}), strict=True))


def run_tflite(file: Path, images: Array) -> dict[str, Array]:
    outputs: dict[str, Array] = tf.lite.Interpreter(str(file)).get_signature_runner()(images=images)
    return outputs


def check(outputs: dict[str, Array], expected: Array) -> None:
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"], tf.nn.softmax(expected), rtol=1e-5, atol=1e-5)


def test_onnx_runtime_computes_the_same_with_every_layer(network: keras.Model, expected: Array) -> None:
    assert np.ptp(expected) > 0.5
    check(run_onnx(onnx_model(network, {}), IMAGES), expected)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
def test_tflite_computes_the_same_with_every_layer(network: keras.Model, expected: Array, tmp_path: Path) -> None:
    write_tflite(tmp_path / "network.tflite", network)
    check(run_tflite(tmp_path / "network.tflite", IMAGES), expected)


def test_a_tflite_file_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(4)])
    wrong = dict.fromkeys(("logits", "probabilities"), np.full((1, 4), np.nan, np.float32))
    runs_wrongly = SimpleNamespace(get_signature_runner=lambda: lambda **_images: wrong)
    converter = SimpleNamespace(convert=lambda: b"contents")
    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_saved_model", lambda _folder: converter)
    monkeypatch.setattr(tf.lite, "Interpreter", lambda **_content: runs_wrongly)
    with pytest.raises(ExportError, match="computes something else, so it was not written"):
        write_tflite(tmp_path / "network.tflite", network)
    assert not (tmp_path / "network.tflite").exists()


def test_a_layer_without_a_counterpart_is_named() -> None:
    unknown = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.PReLU(name="prelu_1")])
    with pytest.raises(ExportError, match=r"The layer prelu_1, a PReLU, can't be written as ONNX"):
        onnx_model(unknown, {})


def trained(store: Store, **models: tuple[str | None, str | None]) -> int:
    """An experiment of two repeats of each of ``models``, whose second run is the better; its number.

    The files in the workspace are named as given, and hold networks of their own.
    """
    number, runs = planned(store, small_spec(architectures=list(models), repeats=2))
    for run in runs:
        spec = run.trained_spec
        name = models[spec.variant][spec.repeat - 1]
        if name is not None:
            build_network(spec.variant, INFO.shape, 10, NetworkSpec(), seed=run.run).save(store.workspace / name)
        store.add(started(run.run))
        store.add(record(run.run))
        model = None if name is None else str(store.workspace / name)
        store.add(finished(run.run, test_accuracy=spec.repeat / 10, model=model))
    store.finish_experiment(number, Status.FINISHED, "")
    return number


def test_a_single_network_is_exported_as_a_task(store: Store, tmp_path: Path) -> None:
    trained(store, mlp_1=(None, "mlp.keras"))
    model = store.workspace / "mlp.keras"
    properties = network_properties("half", True, ["a", "b"], "Two", (-1.0,), (1.0,))
    assert (properties["dataset"], properties["black"], properties["white"]) == ("Two", "[-1.0]", "[1.0]")
    events: list[Any] = []
    for file in (tmp_path / "one.ONNX", tmp_path / "none/\0.onnx"):
        task = ExportNetworkTask(model, (32, 32, 1), properties, file)
        assert needs_tensorflow(task)
        TaskRunner().execute(task, events.append, lambda **_: None)
    assert events[0] == Exported(str(tmp_path), 1)
    assert isinstance(events[1], TaskFailed)
    stored = {each.key: each.value for each in onnx.load_model(tmp_path / "one.ONNX", format="protobuf").metadata_props}
    assert stored == properties
    assert needs_tensorflow(ExportTask(tmp_path, 1, tmp_path, (Format.PNG, Format.ONNX)))
    assert not needs_tensorflow(ExportTask(tmp_path, 1, tmp_path))


def test_unknown_values_of_black_and_white_are_said(store: Store, tmp_path: Path) -> None:
    trained(store, mlp_1=(None, "mlp.keras"))
    properties = network_properties("per-dataset", True, ["a", "b"])
    assert "black" not in properties
    said = export_network(tmp_path / "one.onnx", store.workspace / "mlp.keras", (32, 32, 1), properties)
    assert said == (
        "one.onnx was exported without the values of black and white, which are unknown here for the normalisation "
        "'per-dataset'; normalise its images with the means and deviations used in training."
    )
    assert not export_network(tmp_path / "one.keras", store.workspace / "mlp.keras", (32, 32, 1), properties)


def names_of(export: Export, folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in export.files]


def test_the_network_of_the_best_run_is_exported_with_what_it_needs(store: Store, tmp_path: Path) -> None:
    number = trained(store, mlp_1=("worse.keras", "better.keras"))
    export = export_experiment(store, number, tmp_path / "out", [Format.KERAS, Format.ONNX])
    assert names_of(export, tmp_path / "out") == ["settings.toml", "networks/mlp_1.keras", "networks/mlp_1.onnx"]
    assert (tmp_path / "out/networks/mlp_1.keras").read_bytes() == (store.workspace / "better.keras").read_bytes()
    images = np.random.default_rng(2).uniform(-1, 1, (3, *INFO.shape)).astype(np.float32)
    expected = keras.saving.load_model(store.workspace / "better.keras", compile=False)(images).numpy()
    check(run_onnx(tmp_path / "out/networks/mlp_1.onnx", images), expected)
    model = onnx.load(tmp_path / "out/networks/mlp_1.onnx")
    properties: dict[str, Any] = {each.key: each.value for each in model.metadata_props}
    assert json.loads(properties["class_names"]) == list("0123456789")
    assert (properties["normalization"], properties["grayscale"]) == ("half", "true")


def test_networks_of_an_earlier_export_are_removed(store: Store, tmp_path: Path) -> None:
    number = trained(store, mlp_1=(None, "better.keras"))
    export_experiment(store, number, tmp_path / "out", [Format.KERAS])
    export = export_experiment(store, number, tmp_path / "out", [Format.JSON])
    assert [path.name for path in export.removed] == ["mlp_1.keras"]
    assert not (tmp_path / "out/networks").exists()


def test_a_missing_network_is_named_and_the_others_are_exported(store: Store, tmp_path: Path) -> None:
    number = trained(store, mlp_1=(None, "gone.keras"), mlp_2=("kept.keras", None), cnn_3=(None, "here.keras"))
    (store.workspace / "gone.keras").unlink()
    export = export_experiment(store, number, tmp_path / "out", [Format.KERAS])
    assert names_of(export, tmp_path / "out") == ["settings.toml", "networks/cnn_3.keras"]
    gone, unsaved = export.problems
    assert gone.startswith(f"The trained network {store.workspace / 'gone.keras'} can't be used (")
    assert unsaved == "mlp_2 was not exported as a network, as the network of its best run was not saved."


def test_an_export_of_networks_can_be_cancelled(store: Store, tmp_path: Path) -> None:
    number = trained(store, mlp_1=(None, "a.keras"), mlp_2=(None, "b.keras"))

    def cancel_later(_message: str, done: int, _total: int) -> None:
        if done:
            raise Cancelled("Cancelled before it was done.")

    with pytest.raises(Cancelled):
        export_experiment(store, number, tmp_path / "out", [Format.KERAS], cancel_later)
    assert [path.name for path in (tmp_path / "out/networks").iterdir()] == ["mlp_1.keras"]
    assert "networks/mlp_1.keras" in (tmp_path / "out/export-files.json").read_text(encoding="utf-8")


def test_a_folder_that_can_not_be_written_is_named(store: Store, tmp_path: Path) -> None:
    number = trained(store, mlp_1=(None, "a.keras"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/networks").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(ExportError, match=r"can't be written \(File exists\); choose another folder\."):
        export_experiment(store, number, tmp_path / "out", [Format.KERAS])


def test_a_variant_that_was_not_tested_is_named(store: Store, tmp_path: Path) -> None:
    number, (run,) = planned(store)
    store.add(started(run.run))
    store.add(record(run.run))
    store.add(finished(run.run, Status.CANCELLED, test_accuracy=None, test_loss=None, confusion=None))
    with closing(store):
        export = export_experiment(store, number, tmp_path, [Format.ONNX])
    assert export.problems == ["mlp_1 was not exported as a network, as none of its runs was tested; train it again."]
