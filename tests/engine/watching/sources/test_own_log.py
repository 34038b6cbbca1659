from __future__ import annotations

import base64
import json
import math
import tempfile
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.devices import Device
from engine.events.runs import Status
from engine.events.watching import Grouping
from engine.watching.sources import base, growing
from engine.watching.sources.base import (
    Description,
    Ended,
    LogEntry,
    LoggedWeights,
    Measured,
    Problem,
    Restarted,
    Source,
)
from engine.watching.sources.own_log import sources_in
from tests.engine.watching.sources.log_support import append, header, line, read_all, since_restart, write


def open_log(path: Path) -> Source:
    (source,) = sources_in(path.parent, [path])
    return source


def entries_of(tmp_path: Path, *lines: bytes) -> list[LogEntry]:
    return read_all(open_log(write(tmp_path / "run.jsonl", header(), *lines)))[1:]


def problem_of(tmp_path: Path, *lines: bytes) -> str:
    """The only problem of a log; what follows it is read."""
    *entries, last = entries_of(tmp_path, *lines, line(step=7))
    assert last == Measured(7)
    (problem,) = (entry for entry in entries if isinstance(entry, Problem))
    return problem.sentence


def weights_line(shape: list[int], input_shape: list[int], values: bytes, **more: Any) -> bytes:
    encoded = base64.b64encode(values).decode()
    weights = {"layer": "conv1", "shape": shape, "input_shape": input_shape, "float32": encoded, **more}
    return line(step=900, weights=weights)


def test_a_header_describes_the_run(tmp_path: Path) -> None:
    described = header(
        settings={
            "batch_size": 50,
            "lr": 0.00012345678,
            "act": "ReLU",
            "dims": [64, 32],
            "amsgrad": True,
            "none": None,
        },
        seed=3,
        epochs=15,
        steps=13_500,
        steps_per_epoch=900,
        images_per_record=500,
        parameters=13_522,
        dataset="CIFAR-10",
        classes=["airplane", "bird\x00\ud800"],
        images=[45_000, 5_000, 10_000],
        started=1767000000.0,
        host="lab-3",
        framework="PyTorch",
        device="NVIDIA H100",
        versions={"python": "3.11.7"},
        later="ignored",
    )
    source = open_log(write(tmp_path / "run.jsonl", described))
    assert source.key == "run.jsonl"
    assert source.grouping == Grouping("Homework", "cnn_4", 2)
    assert read_all(source) == [
        Description(
            Grouping("Homework", "cnn_4", 2),
            settings={
                "batch_size": "50",
                "lr": "0.000123457",
                "act": "ReLU",
                "dims": "64, 32",
                "amsgrad": "True",
                "none": "",
            },
            seed=3,
            epochs=15,
            steps=13_500,
            steps_per_epoch=900,
            images_per_record=500,
            parameters=13_522,
            dataset="CIFAR-10",
            class_names=("airplane", "bird�?"),
            image_counts=(45_000, 5_000, 10_000),
            device=Device("PyTorch", "NVIDIA H100", 0),
            versions={"python": "3.11.7"},
            started=1767000000.0,
        )
    ]


def test_the_least_header_and_a_number_of_classes(tmp_path: Path) -> None:
    (description,) = read_all(open_log(write(tmp_path / "a.jsonl", header())))
    assert description == Description(Grouping("Homework", "cnn_4", 2))
    (described,) = read_all(open_log(write(tmp_path / "b.jsonl", header(classes=3, host="lab-3"))))
    assert isinstance(described, Description)
    assert described.class_names == ("0", "1", "2")
    assert described.device == Device("Python", "lab-3", 0)


def test_nested_settings_and_long_names(tmp_path: Path) -> None:
    deep = "[" * 600 + "1" + "]" * 600
    names = [f"{'Conv, ' * 100}{number}" for number in (1, 2)]
    variants = []
    for name in names:
        described = header().replace(b'"repeat": 2', f'"repeat": 2, "settings": {{"deep": {deep}}}'.encode())
        source = open_log(write(tmp_path / "run.jsonl", described.replace(b"cnn_4", name.encode())))
        (description,) = read_all(source)
        assert isinstance(description, Description)
        assert len(description.settings["deep"]) == 1000
        variants.append(description.grouping.variant)
    assert variants[0] != variants[1]
    assert all(len(variant) == 100 and variant.startswith("Conv, Conv") for variant in variants)


def test_numbers_weights_test_and_end(tmp_path: Path) -> None:
    kernel = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    entries = entries_of(
        tmp_path,
        line(step=10, epoch=1, seconds=0.5, training_loss=2.3, training_accuracy=0.1, metrics={"perplexity": 3}),
        line(step=10, validation_loss=math.nan, learning_rate=math.inf, validation_accuracy=None),
        line(step=20, gradient_norms={"conv1": 0.1, "fc": math.nan}, update_ratios={"conv1": 0.001}),
        weights_line([2, 1, 3, 3], [32, 32, 1], kernel.tobytes()),
        line(alive=12.5),
        line(test={"accuracy": 0.63, "loss": 1.1, "confusion": [[3, 1], [0, 4]]}),
        line(ended="failed", reason="ValueError: no\nmore"),
    )
    first, second, third, weights, tested, ended = entries
    assert repr(first) == repr(
        Measured(10, 1, 0.5, {"perplexity": 3.0, "training_loss": 2.3, "training_accuracy": 0.1})
    )
    assert isinstance(second, Measured) and isinstance(third, Measured)
    assert math.isnan(second.numbers["validation_loss"]) and second.numbers["learning_rate"] == math.inf
    assert set(second.numbers) == {"validation_loss", "learning_rate"} and math.isnan(second.seconds)
    assert list(third.gradient_norms) == ["conv1", "fc"] and third.update_ratios == {"conv1": 0.001}
    assert isinstance(weights, LoggedWeights)
    assert (weights.step, weights.layer, weights.input_shape) == (900, "conv1", (32, 32, 1))
    assert weights.values.dtype == np.float32 and np.array_equal(weights.values, kernel)
    assert isinstance(tested, base.Tested) and tested.confusion is not None
    assert (tested.accuracy, tested.loss, tested.confusion.tolist()) == (0.63, 1.1, [[3, 1], [0, 4]])
    assert ended == Ended(Status.FAILED, "ValueError: no more")


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x00\xff garbled\n",
        b'{"step": 3, "training_loss"\n',
        b"[" * 100_000 + b"\n",
        b'{"a": ' * 50_000 + b"1" + b"}" * 50_000 + b"\n",
        b"[" + b"0," * 1_300_000 + b"0]\n",
        b'{"step": ' + b"9" * 5000 + b"}\n",
        b'{"step": ' + b"9" * 4000 + b"}\n",
        b'{"step": 1, "training_loss": ' + b"9" * 4000 + b"}\n",
        b'{NaN: 1, "step": 1}\n',
        b"NaN\n",
        *(line(step=step) for step in (0, -1, True, 1.5, "1", None, [1], 10**13)),
        line(step=1, training_loss="2.3"),
        line(step=1, training_loss=True),
        line(step=1, training_loss=[2.3]),
        line(step=1, epoch=-1),
        line(step=1, seconds=math.nan),
        line(step=1, metrics=[1]),
        line(step=1, metrics={"": 1}),
        line(step=1, metrics={str(index): 0 for index in range(1001)}),
        line(step=1, gradient_norms={"conv1": None, "fc": "big"}),
        line(step=1, training_accuracy=450),
        line(step=1, training_accuracy=-0.1),
        weights_line([2, 1, 3, 3], [32, 32, 1], bytes(71)),
        weights_line([2, 1, 3, 3], [32, 32, 2, 2], bytes(72)),
        weights_line([2, 3, 3, 3], [32, 32, 1], bytes(216)),
        weights_line([2, 5], [4], bytes(40)),
        weights_line([2, 0], [0], b""),
        weights_line([10**6, 10**6], [10**6], b""),
        weights_line([2, 1], [1], bytes(8), float32="!!!!!!!!!!!="),
        weights_line([2, 1], [1], bytes(8), float32="ÄÖÜÄÖÜÄÖÜÄÖÜ"),
        weights_line([2, 1], [1], bytes(8), layer=""),
        line(step=1, weights="none"),
        line(test={}),
        line(test={"confusion": [[1, 2], [3]]}),
        line(test={"accuracy": 0.5, "confusion": [[1, 2]]}),
        line(test={"confusion": [[1, -2], [3, 4]]}),
        line(test={"confusion": [[0.5]]}),
        line(test={"confusion": [[0]] * 1001}),
        line(ended="exploded"),
        line(ended=1),
        line(trainscope_log=1, experiment="", variant="a", repeat=1),
        line(trainscope_log=1, experiment="a", variant="a", repeat=0),
        line(trainscope_log=2, experiment="a", variant="a", repeat=1),
        header(settings=[1]),
        header(images=[1, 2]),
        header(classes=0),
        header(started=-1),
        header(after=-5),
    ],
)
def test_what_is_wrong_is_reported_once_and_the_rest_is_read(tmp_path: Path, wrong: bytes) -> None:
    sentence = problem_of(tmp_path, wrong, wrong)
    assert sentence.startswith("run.jsonl, line 2: ")
    assert sentence.endswith("; the rest is read.")


def test_parts_of_a_line_that_are_right_are_kept(tmp_path: Path) -> None:
    assert entries_of(tmp_path, line(step=3, training_loss=1.5, validation_loss="high", metrics={"f1": {}})) == [
        Measured(3, numbers={"training_loss": 1.5}),
        Problem("run.jsonl, line 2: 'f1' is not a number; the rest is read."),
    ]


def test_a_line_without_end_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "READ_BYTES", 2**14)
    path = write(tmp_path / "run.jsonl", header(), b"x" * 2**22 + b"\n", line(step=1))
    file = growing.GrowingFile(path, max_line_bytes=2**16)
    lines: list[tuple[int, bytes | None]] = []
    tracemalloc.start()
    while file.has_more:
        lines += file.read().lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == [(1, header()[:-1]), (2, None), (3, line(step=1)[:-1])]
    assert peak < 2**19


def test_too_many_metrics_are_left_out(tmp_path: Path) -> None:
    lines = [line(step=step, metrics={f"metric {step}-{each}": 1 for each in range(400)}) for step in range(1, 5)]
    entries = entries_of(tmp_path, *lines)
    assert [len(entry.numbers) for entry in entries if isinstance(entry, Measured)] == [400, 400, 200, 0]
    assert [entry for entry in entries if isinstance(entry, Problem)] == [
        Problem("run.jsonl, line 4: the run has more than 1,000 metrics; the rest is read.")
    ]


def test_a_file_without_header_is_none_of_ours(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "empty.jsonl"),
        write(tmp_path / "cut.jsonl", header()[:-1]),
        write(tmp_path / "numbers.jsonl", line(step=1)),
        write(tmp_path / "later.jsonl", line(trainscope_log=2, experiment="a", variant="a", repeat=1)),
        tmp_path / "gone.jsonl",
        tmp_path,
    ]
    assert not list(sources_in(tmp_path, files))


def test_a_program_killed_within_the_header_is_started_again(tmp_path: Path) -> None:
    path = write(tmp_path / "run.txt", header()[:30], b"\n", header(), line(step=1))
    assert read_all(open_log(path)) == [
        Problem("run.txt, line 1: it is not valid JSON; the rest is read."),
        Description(Grouping("Homework", "cnn_4", 2)),
        Measured(1),
    ]


def test_only_whole_lines_are_read_as_the_file_grows(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", header())
    source = open_log(path)
    assert read_all(source) == [Description(Grouping("Homework", "cnn_4", 2))]
    assert not source.read()
    named = '{"step": 1, "metrics": {"Präzision": 1}}\n'.encode()
    cut = named.index("ä".encode()) + 1
    append(path, named[:cut])
    assert not read_all(source)
    append(path, named[cut:])
    assert read_all(source) == [Measured(1, numbers={"Präzision": 1.0})]
    assert source.sizes == {"run.jsonl": path.stat().st_size}


def test_a_resumed_program_describes_its_run_again(tmp_path: Path) -> None:
    first, second = entries_of(tmp_path, line(step=950, training_loss=1), header(after=900))
    assert first == Measured(950, numbers={"training_loss": 1.0})
    assert second == Description(Grouping("Homework", "cnn_4", 2), after=900)


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", header(), line(step=1), line(step=2))
    source = open_log(path)
    read_all(source)
    write(path, header(), line(step=1))  # shorter
    assert read_all(source) == [Restarted(), Description(Grouping("Homework", "cnn_4", 2)), Measured(1)]
    Path(write(tmp_path / "new", header(seed=1), line(step=4), line(step=5), line(step=6))).replace(path)  # longer
    assert read_all(source)[:3] == [Restarted(), Description(Grouping("Homework", "cnn_4", 2), seed=1), Measured(4)]


def test_a_synchronised_file_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", header(), line(step=1))
    source = open_log(path)
    read_all(source)
    Path(write(tmp_path / "new", path.read_bytes(), line(step=2))).replace(path)
    assert read_all(source) == [Measured(2)]


def test_a_file_that_vanishes_or_is_emptied_yields_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", header(), line(step=1))
    content = path.read_bytes()
    source = open_log(path)
    read_all(source)
    path.unlink()
    assert not source.read() and not source.has_more
    write(path)
    assert not source.read() and not source.has_more
    write(path, content, line(step=2))
    assert read_all(source) == [Measured(2)]


def test_a_log_is_read_in_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "READ_BYTES", 64)
    source = open_log(write(tmp_path / "run.jsonl", header(), *(line(step=step) for step in range(1, 50))))
    sizes = []
    entries: list[LogEntry] = []
    while source.has_more:
        entries += source.read()
        sizes.append(source.sizes["run.jsonl"])
    assert all(0 <= after - before <= 64 for before, after in pairwise(sizes))
    assert entries[1:] == [Measured(step) for step in range(1, 50)]


def test_percentages_that_show_late_are_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", header(), line(step=1, training_accuracy=0.5, validation_accuracy=0.4))
    source = open_log(path)
    read_all(source)
    append(path, line(step=2, training_accuracy=42.5, validation_accuracy=0.41), line(test={"accuracy": 63}))
    assert read_all(source) == [
        Restarted(),
        Description(Grouping("Homework", "cnn_4", 2)),
        Measured(1, numbers={"training_accuracy": 0.005, "validation_accuracy": 0.4}),
        Measured(2, numbers={"training_accuracy": 0.425, "validation_accuracy": 0.41}),
        base.Tested(0.63),
    ]


def test_percentages_from_the_start_are_read_once(tmp_path: Path) -> None:
    assert entries_of(tmp_path, line(step=1, training_accuracy=0), line(step=2, training_accuracy=10)) == [
        Measured(1, numbers={"training_accuracy": 0.0}),
        Measured(2, numbers={"training_accuracy": 0.1}),
    ]
    assert entries_of(tmp_path, line(step=1, training_accuracy=1.0005)) == [
        Measured(1, numbers={"training_accuracy": 1.0})
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        *("step", "epoch", "seconds", "training_loss", "training_accuracy", "metrics", "gradient_norms", "weights"),
        *("test", "ended", "reason", "alive", "trainscope_log", "settings", "classes", "images", "after", "started"),
    ]
)
ANY_LINE = (
    st.dictionaries(KEYS, JSON, max_size=4).map(lambda values: line(**values))
    | st.integers(1, 99).map(lambda step: line(step=step, training_accuracy=step / 10))
    | st.binary(max_size=20).map(lambda data: data + b"\n")
)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(ANY_LINE, max_size=8), end=st.binary(max_size=9), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_in_any_pieces_give_the_same_entries_as_at_once(
    lines: list[bytes], end: bytes, cuts: list[int]
) -> None:
    content = b"".join([header(), *lines, end])
    with tempfile.TemporaryDirectory() as folder:
        whole = read_all(open_log(write(Path(folder) / "run.jsonl", content)))
        path = Path(folder) / "run.jsonl"
        source = open_log(path)
        path.write_bytes(b"")
        entries: list[LogEntry] = []
        for start, stop in pairwise([0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]):
            append(path, content[start:stop])
            entries += read_all(source)
    assert repr(since_restart(entries)) == repr(since_restart(whole))
    assert sum(isinstance(entry, Problem) for entry in since_restart(whole)) <= 1
    json.dumps([repr(entry) for entry in whole]).encode()
