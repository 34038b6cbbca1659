"""engine.watching.sources.course: files as they change, grow and are none, and our own export."""

from __future__ import annotations

import itertools
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.results import load_results
from engine.exports import Format, export_experiment
from engine.storage.store import Store
from engine.watching.sources.base import Ended, LoggedWeights, Measured, Problem, Restarted
from engine.watching.sources.discovery import FolderScan
from tests.engine.stored_results import by_variant, ended
from tests.engine.watching.sources.course.course_support import (
    as_lists,
    curve,
    numbers,
    part3,
    part4,
    part5,
    problems,
    save,
    sources,
    variants,
)
from tests.engine.watching.sources.log_support import read_all

TIMES = itertools.count(1)  # of modification, in ns
KEYS = st.sampled_from(["name", "loss_curve", "val_acc_curve", "grad_curve", "relu_loss_curve", "loss_curve_01"])
KEYS |= st.sampled_from(["loss_curves", "test_acc", "weights", "mlp_1", ""])


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = save(tmp_path / "part3_m.json", part3())
    (source,) = sources(tmp_path).values()
    read_all(source)
    save(path, part3(loss_curve=curve(start=5.0)))
    os.utime(path, ns=(1, 1))
    entries = read_all(source)
    assert isinstance(entries[0], Restarted)
    assert numbers(entries, "training_loss")[0] == (10, 5.0)
    path.unlink()
    assert list(source.read()) == [], "what was read of a file that is gone stays"


def test_a_run_that_is_no_longer_there(tmp_path: Path) -> None:
    path = save(tmp_path / "part4_m.json", part4())
    _, source = sources(tmp_path).values()
    read_all(source)
    save(path, part3())
    assert problems(read_all(source)) == ["part4_m.json no longer holds cnn_3/sigmoid."]


def test_a_list_that_grows_and_changes_its_order(tmp_path: Path) -> None:
    scan = FolderScan(tmp_path)
    path = save(tmp_path / "all.json", [part3()])
    found = {source.key: source for source in scan.discover(())}
    save(path, [part3(name="cnn_3", loss_curve=curve(start=7.0)), part3()])
    found |= {source.key: source for source in scan.discover(found)}
    assert sorted(found) == ["all.json#cnn_3", "all.json#mlp_1"]
    assert numbers(read_all(found["all.json#mlp_1"]), "training_loss")[0] == (10, 2.0)
    assert numbers(read_all(found["all.json#cnn_3"]), "training_loss")[0] == (10, 7.0)


def test_a_file_is_found_once_it_is_complete(tmp_path: Path) -> None:
    scan = FolderScan(tmp_path)
    path = save(tmp_path / "all.json", part4())
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    found = {source.key: source for source in scan.discover(())}
    (refused,) = found.values()
    assert list(refused.read()) == []
    path.write_bytes(content)
    assert list(refused.read()) == []
    assert [source.grouping.variant for source in scan.discover(found)] == ["cnn_3/relu", "cnn_3/sigmoid"]


def test_long_curves_come_in_pieces(tmp_path: Path) -> None:
    save(tmp_path / "part3_m.pkl", part3(loss_curve=np.arange(10_000.0)))
    (source,) = sources(tmp_path).values()
    assert len(source.read()) < 5_000
    assert source.has_more


def test_of_a_pickle_and_its_json_the_pickle_is_read(tmp_path: Path) -> None:
    save(tmp_path / "part3_m.json", part3(name="json"))
    pickled = save(tmp_path / "part3_m.pkl", part3(name="pickle"))
    assert variants(tmp_path) == ["pickle"]
    pickled.write_bytes(b"\x80\x04damaged _curve")
    assert variants(tmp_path) == ["json"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("part3_m.json", b"{", "it has no curves"),
        ("m.json", b'{"loss_curve": [1.0, 2', "it is no complete JSON, see its line 1"),
        ("m.json", b"\xff\xfe _curve", "it is no JSON"),
        ("m.json", b"[" * 100_000 + b'"_curve"', "it is no JSON"),
        ("part4_m.pkl", b"", "it has no curves"),
        ("m.pkl", b"\x80\x04X\x0a\x00\x00\x00loss_curve", "it is damaged: EOFError"),
        ("m.pkl", pickle.dumps({"loss_curve": Path("x")}), "it asks for pathlib."),
    ],
)
def test_a_file_that_should_be_a_dictionary_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    (source,) = sources(tmp_path).values()
    assert list(source.read()) == [], "it may still be being written"
    os.utime(tmp_path / name, (1e9, 1e9))
    (sentence,) = problems(read_all(source))
    assert list(source.read()) == []
    assert sentence.startswith(f"{name} can't be read as a result dictionary: {reason}")
    assert sentence.endswith(".") and sentence.count(". ") == 0


def test_other_files_are_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"name": "x", "epochs": 3}))
    (tmp_path / "individuals.pkl").write_bytes(pickle.dumps([Path("x")]))
    (tmp_path / "notes.txt").write_text("loss_curve")
    (tmp_path / "part3.png").write_bytes(b"")
    assert sources(tmp_path) == {}


def test_our_own_export_comes_back(store: Store, tmp_path: Path) -> None:
    names = ("mlp_1", "cnn_3")
    number = ended(
        store, "architectures", by_variant({name: [0.5, 0.75] for name in names}), architectures=list(names), repeats=2
    )
    export_experiment(store, number, tmp_path, [Format.COURSE])
    rates = ended(store, "learning-rate", lambda _spec: 0.5, range_test=False)
    export_experiment(store, rates, tmp_path / "rates", [Format.COURSE])
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    found = {source.grouping.variant: read_all(source) for folder in folders for source in sources(folder).values()}
    results = load_results(store, rates)
    assert set(found) >= {variant.name for variant in results.variants}, "named as in our own experiments"
    for variant in results.variants:
        mean = variant.counted_only.mean("validation_accuracy").tolist()
        assert [value for _, value in numbers(found[variant.name], "validation_accuracy")] == pytest.approx(mean)
        assert not any(isinstance(entry, Problem) for entry in found[variant.name])


def test_json_and_pickle_tell_the_same(tmp_path: Path) -> None:
    for number, values in enumerate((part3(), part4(), part5())):
        for ending in (".json", ".pkl"):
            save(tmp_path / ending[1:] / f"{number}{ending}", as_lists(values) if number == 1 else values)
    json_runs, pickle_runs = (list(sources(tmp_path / kind).values()) for kind in ("json", "pkl"))
    assert len(json_runs) == len(pickle_runs) == 6
    for one, other in zip(json_runs, pickle_runs, strict=True):
        for entry, same in zip(read_all(one), read_all(other), strict=True):
            if isinstance(entry, LoggedWeights):
                assert isinstance(same, LoggedWeights)
                np.testing.assert_array_equal(entry.values, same.values)
            else:
                assert entry == same


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_a_file_holds_there_are_runs_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, values: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "dictionaries"
    path = save(folder / "part3_m.json", values)
    os.utime(path, ns=(next(TIMES), 1))
    path.with_suffix(".pkl").write_bytes(pickle.dumps(values, 4))
    os.utime(path.with_suffix(".pkl"), ns=(1, next(TIMES)))
    found = sources(folder)
    assert found
    for source in found.values():
        entries = read_all(source)
        assert any(isinstance(entry, Problem | Ended) for entry in entries)
        for entry in entries:
            assert not isinstance(entry, Measured) or all(type(value) is float for value in entry.numbers.values())
