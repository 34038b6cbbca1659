"""engine.experiments.convolution: computation, claims, figures and files."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import experiments
from engine.events.channel import ControlChannel
from engine.events.experiments import Computation, Computed, ComputedPart, ExperimentFinished
from engine.events.runs import Status
from engine.executors.inline import InlineExecutor
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from engine.experiments.convolution.experiment import ConvolutionSpec, compute, load
from engine.experiments.convolution.inputs import KERNELS, load_array
from engine.experiments.convolution.numpy_convolution import METHODS
from engine.exports import export_experiment
from engine.session import Session
from engine.storage.store import Store
from engine.utils.errors import Cancelled, SpecError
from tests.engine.support import of

PNG = b"\x89PNG"


def silent(_message: str, _done: int, _total: int) -> None:
    """A progress callback that does nothing."""


def small(**changes: Any) -> ConvolutionSpec:
    return ConvolutionSpec.build({"images": 1, "repeats": 1} | changes)


def file(path: Path, *shape: int, scale: float = 1.0) -> str:
    """An ``.npy`` file of normally distributed values."""
    np.save(path, scale * np.random.default_rng(0).normal(size=shape))
    return str(path)


@pytest.fixture(scope="module")
def quick() -> tuple[Computation, list[ComputedPart]]:
    """Result of the quick preset, and the parts it emitted."""
    parts: list[ComputedPart] = []
    return compute(CONVOLUTION_EXPERIMENT.preset("quick"), parts.append, silent), parts  # type: ignore[arg-type]


@pytest.mark.parametrize("preset", ["quick", "course"])
def test_both_presets_have_the_homeworks_shapes(preset: str) -> None:
    spec = CONVOLUTION_EXPERIMENT.preset(preset)
    assert isinstance(spec, ConvolutionSpec)
    input, kernel, names = load(spec, silent)
    assert (input.shape, input.dtype) == ((5, 1, 28, 28), np.uint8)
    assert (kernel.shape, kernel.dtype) == ((8, 1, 4, 4), np.float64)
    assert names == list(KERNELS)


def test_all_methods_give_what_the_loops_give(quick: tuple[Computation, list[ComputedPart]]) -> None:
    found, _ = quick
    assert list(found.arrays) == [*METHODS, "input", "kernel"]
    for method in METHODS:
        output = found.arrays[method]
        assert (output.shape, output.dtype) == ((5, 8, 25, 25), np.float64)
        difference = np.abs(output - found.arrays["loops"]).max()
        assert found.findings["methods"][method]["largest_difference"] == difference
        assert difference < 1e-10
    assert found.arrays["loops"][0, 0, 0, 0] == pytest.approx(
        (found.arrays["input"][0, 0, :4, :4] * found.arrays["kernel"][0, 0]).sum()
    )


def test_times_and_ratios_belong_together(quick: tuple[Computation, list[ComputedPart]]) -> None:
    methods = quick[0].findings["methods"]
    assert list(methods) == list(METHODS)
    assert methods["loops"]["speedup"] == 1
    for values in methods.values():
        assert values["seconds"] > 0
        assert values["calls"] == 3
        assert values["speedup"] == methods["loops"]["seconds"] / values["seconds"]


def test_each_method_is_reported_when_it_is_done(quick: tuple[Computation, list[ComputedPart]]) -> None:
    found, parts = quick
    assert [part.name for part in parts] == ["shapes"] + ["method"] * len(METHODS)
    assert parts[0].values["output_shape"] == [5, 8, 25, 25]
    assert [part.values["method"] for part in parts[1:]] == list(METHODS)
    assert {part.values.pop("method"): part.values for part in pickle.loads(pickle.dumps(parts[1:]))} == (  # noqa: S301
        found.findings["methods"]
    )


def test_findings_are_plain_and_reported(quick: tuple[Computation, list[ComputedPart]]) -> None:
    findings = quick[0].findings
    assert json.loads(json.dumps(findings)) == findings
    heading, titles, *rows = CONVOLUTION_EXPERIMENT.batch_lines(findings)
    assert heading == "input 5x1x28x28, kernel 8x1x4x4, output 5x8x25x25"
    assert [row[: titles.index("  ")] for row in rows] == [title[: titles.index("  ")] for title in METHODS.values()]
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize(
    ("images", "kernels", "title"),
    [
        (1, 1, "1 image (rows) convolved with 1 kernel (columns)"),
        (12, 2, "10 of 12 images (rows) convolved with 2 kernels (columns)"),
        (1, 20, "1 image (rows) convolved with 16 of 20 kernels (columns)"),
    ],
)
def test_the_figures_show_a_row_an_image_and_a_column_a_kernel(
    tmp_path: Path, images: int, kernels: int, title: str
) -> None:
    spec = small(
        input=file(tmp_path / "input.npy", images, 2, 6, 5), kernel=file(tmp_path / "kernel.npy", kernels, 2, 3, 2)
    )
    found = compute(spec, lambda _part: None, silent)
    figures = {name: figure for name, figure, _caption in CONVOLUTION_EXPERIMENT.figures(spec, found)}
    assert list(figures) == ["convolution_raw", "convolution_normalised"]
    for figure in figures.values():
        rows, columns = min(images, 10) + 1, min(kernels, 16) + 1
        assert len(figure.axes) == rows * columns + 1  # and the colour bar
        assert figure.get_suptitle() == title


def test_the_grey_scales_of_the_figures(quick: tuple[Computation, list[ComputedPart]]) -> None:
    found, _ = quick
    raw, stretched = (figure for _, figure, _ in CONVOLUTION_EXPERIMENT.figures(None, found))
    last = {name: figure.axes[6 * 9 - 1].images[0] for name, figure in (("raw", raw), ("stretched", stretched))}
    np.testing.assert_array_equal(last["raw"].get_array(), found.arrays["loops"][4, 7])
    largest = np.abs(found.arrays["loops"]).max()
    assert last["raw"].get_clim() == (-largest, largest)
    assert last["stretched"].get_clim() == (0, 1)
    shown = last["stretched"].get_array()
    assert shown is not None
    assert (shown.min(), shown.max()) == (0, 1)


def test_single_precision_is_less_precise_but_for_the_loops() -> None:
    methods = compute(small(precision="float32"), lambda _part: None, silent).findings["methods"]
    assert [values["dtype"] for values in methods.values()] == ["float64", "float32", "float32", "float32"]
    for method in ("windows", "im2col", "framework"):
        assert 1e-9 < methods[method]["largest_difference"] < 1e-2


def test_files_of_the_user_are_taken_whole(tmp_path: Path) -> None:
    spec = small(input=file(tmp_path / "input.npy", 7, 6), kernel=file(tmp_path / "kernel.npy", 3, 2, 2))
    found = compute(spec, lambda _part: None, silent)
    assert found.findings["input_shape"] == [1, 1, 7, 6]
    assert found.findings["kernel_shape"] == [3, 1, 2, 2]
    assert found.findings["kernel_names"] == ["kernel 1", "kernel 2", "kernel 3"]
    assert found.arrays["framework"].shape == (1, 3, 6, 5)


def test_what_is_built_in_fits_a_file_with_channels(tmp_path: Path) -> None:
    colour = small(input=file(tmp_path / "input.npy", 2, 3, 9, 9))
    assert compute(colour, lambda _part: None, silent).findings["kernel_shape"] == [8, 3, 4, 4]
    deep = small(kernel=file(tmp_path / "kernel.npy", 2, 4, 5, 5))
    assert compute(deep, lambda _part: None, silent).findings["input_shape"] == [1, 4, 28, 28]


@pytest.mark.parametrize(
    ("input", "kernel", "message"),
    [((1, 3, 9, 9), (1, 2, 3, 3), "3 channels"), ((1, 1, 3, 3), (1, 1, 4, 4), "don't fit"), ((4,), (2, 2), "dimensio")],
)
def test_files_that_do_not_fit_together(
    tmp_path: Path, input: tuple[int, ...], kernel: tuple[int, ...], message: str
) -> None:
    spec = small(input=file(tmp_path / "input.npy", *input), kernel=file(tmp_path / "kernel.npy", *kernel))
    with pytest.raises(SpecError, match=message):
        compute(spec, lambda _part: None, silent)


@pytest.mark.parametrize(
    ("scale", "precision", "message"), [(1e300, "float64", "Plain loops"), (1e100, "float32", "Sliding windows")]
)
def test_sums_that_overflow_are_refused(tmp_path: Path, scale: float, precision: str, message: str) -> None:
    files = {name: file(tmp_path / f"{name}.npy", 4, 4, scale=scale) for name in ("input", "kernel")}
    with pytest.raises(SpecError, match=f"{message}.* too large for {precision}"):
        compute(small(precision=precision, **files), lambda _part: None, silent)


def test_the_loops_can_be_cancelled_half_way() -> None:
    calls: list[tuple[str, int, int]] = []

    def progress(message: str, done: int, total: int) -> None:
        calls.append((message, done, total))
        if done and message == METHODS["loops"]:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        compute(small(images=40, repeats=1000), lambda _part: None, progress)
    message, done, total = calls[-1]
    assert (message, total) == (METHODS["loops"], 40 * 8 * 25)
    assert 0 < done < total


def test_paths_are_stored_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert small(input="a.npy").input == str(tmp_path / "a.npy")
    assert small(kernel="~/a.npy").kernel == str(tmp_path / "a.npy")
    assert small(input=" ").input is None


def test_a_session_stores_and_exports_it(
    store: Store, control: ControlChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(experiments.EXPERIMENTS, "convolution", CONVOLUTION_EXPERIMENT)
    events: list[Any] = []
    spec = small(images=2)
    ended = Session(store, InlineExecutor(), events.append, control).run(CONVOLUTION_EXPERIMENT, spec)
    assert ended == ExperimentFinished(1, Status.FINISHED)
    files = {path.name: path for path in export_experiment(store, 1, tmp_path / "out").files}
    pictures = {f"convolution_{kind}.{suffix}" for kind in ("raw", "normalised") for suffix in ("png", "svg")}
    assert set(files) == {"summary.json", "settings.toml", "convolution.npz"} | pictures
    assert files["convolution_raw.png"].read_bytes().startswith(PNG)
    with np.load(files["convolution.npz"], allow_pickle=False) as archive:
        assert list(archive) == ["loops", "windows", "im2col", "framework"]
        for method in archive:
            np.testing.assert_array_equal(archive[method], of(Computed, events)[0].arrays[method])
            assert archive[method].shape == (2, 8, 25, 25)
    summary = json.loads(files["summary.json"].read_text(encoding="utf-8"))
    assert summary["methods"] == of(Computed, events)[0].findings["methods"]
    assert summary["settings"]["images"] == 2
    assert ConvolutionSpec.from_toml(files["settings.toml"].read_text(encoding="utf-8")) == spec


def test_a_session_says_what_is_wrong_with_a_file(store: Store, control: ControlChannel, tmp_path: Path) -> None:
    spec = small(input=str(tmp_path / "absent.npy"))
    ended = Session(store, InlineExecutor(), lambda _event: None, control).run(CONVOLUTION_EXPERIMENT, spec)
    assert ended.status is Status.FAILED
    assert ended.reason.startswith(f"{tmp_path / 'absent.npy'} can't be read")


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f8', 'fortran_order': , 'shape': (3, 4), ",
        b"{'descr': ',f8', 'fortran_order': False, 'shape': (3, 4), }",
        b"(" * 200,
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 99999999999999999999), }",
    ],
)
def test_a_damaged_header_names_the_file(tmp_path: Path, header: bytes) -> None:
    file = tmp_path / "kernel.npy"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(96))
    with pytest.raises(SpecError, match=r"kernel\.npy "):
        load_array(str(file))


def test_a_pipe_in_the_place_of_an_array_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(SpecError, match=r"pipe\.npy can't be read \(It is a pipe or a device\)"):
        load_array(str(tmp_path / "pipe.npy"))
