"""engine.exports.manifest: files of an earlier export don't stay behind, and no others are touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.exports import Format, export_experiment
from engine.exports.manifest import FILE_NAME
from engine.storage.store import Store
from engine.utils.errors import ExportError
from tests.engine.support import finished, planned, record, small_spec, started, weights

EVERYTHING = (Format.SVG, Format.CSV, Format.JSON, Format.COURSE)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")} - {FILE_NAME}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, int, int]]:
    """Experiments on mlp_1 and on mlp_2, one run of one record each."""
    with closing(Store(tmp_path_factory.mktemp("exports") / "workspace")) as store:
        numbers = []
        for architecture in ("mlp_1", "mlp_2"):
            number, (run,) = planned(store, small_spec(architectures=[architecture]))
            for event in (started(run.run), weights(run.run), record(run.run, 1), finished(run.run)):
                store.add(event)
            numbers.append(number)
        yield store, numbers[0], numbers[1]


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write figures without drawing them, where only their names matter."""

    def save(_figure: object, target: Path, **_options: object) -> None:
        target.write_text("drawn")

    monkeypatch.setattr("engine.analysis.figures.save_figure", save)


@pytest.mark.usefixtures("quick_figures")
def test_another_experiments_files_do_not_stay_behind(exports: tuple[Store, int, int], tmp_path: Path) -> None:
    store, first, second = exports
    export_experiment(store, first, tmp_path, EVERYTHING)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "course" / "part3_mine.json").write_text("{}")
    export = export_experiment(store, second, tmp_path, EVERYTHING)
    removed = {"part3_mlp_1.json", "part3_mlp_1.pkl", "weights_mlp_1.svg", "network_mlp_1.svg"}
    assert {path.name for path in export.removed} == removed
    assert names(tmp_path) == {
        *("settings.toml", "summary.json", "curves.csv", "test_scores.csv", "part3.svg"),
        *("weights_mlp_2.svg", "network_mlp_2.svg", "notes.txt"),
        *("course", "course/part3_mlp_2.json", "course/part3_mlp_2.pkl", "course/part3_mine.json"),
    }


@pytest.mark.usefixtures("quick_figures")
def test_formats_no_longer_chosen_do_not_stay_behind(exports: tuple[Store, int, int], tmp_path: Path) -> None:
    store, first, _ = exports
    export_experiment(store, first, tmp_path, [*EVERYTHING, Format.TENSORBOARD])
    export = export_experiment(store, first, tmp_path, [Format.JSON])
    assert len(export.removed) == 8
    assert names(tmp_path) == {"settings.toml", "summary.json"}, "emptied folders are removed too"
    assert export_experiment(store, first, tmp_path, [Format.JSON]).removed == []


@pytest.mark.usefixtures("quick_figures")
def test_a_file_that_was_changed_since_stays(exports: tuple[Store, int, int], tmp_path: Path) -> None:
    store, first, _ = exports
    export_experiment(store, first, tmp_path, EVERYTHING)
    (tmp_path / "curves.csv").write_text("edited by hand")
    export = export_experiment(store, first, tmp_path, [Format.JSON])
    assert names(tmp_path) == {"settings.toml", "summary.json", "curves.csv"}
    assert export.remark == (
        "; 6 files of an earlier export removed; 1 changed file of an earlier export kept: curves.csv"
    )
    assert export_experiment(store, first, tmp_path, [Format.CSV]).remark == "; 1 file of an earlier export removed"


def test_a_list_never_reaches_outside_its_folder(exports: tuple[Store, int, int], tmp_path: Path) -> None:
    store, first, _ = exports
    folder, outside = tmp_path / "out", tmp_path / "outside"
    for path in (folder, outside):
        path.mkdir()
    (outside / "kept.txt").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "kept.txt")
    digest = hashlib.sha256(b"x").hexdigest()
    listed = ["../outside/kept.txt", str(outside / "kept.txt"), "link/kept.txt", "link.txt", "a\0b", "..", "", "."]
    (folder / FILE_NAME).write_text(json.dumps({"files": dict.fromkeys(listed, digest)}))
    assert export_experiment(store, first, folder, [Format.JSON]).removed == []
    assert (outside / "kept.txt").exists()
    assert (folder / "link.txt").is_symlink()


@pytest.mark.parametrize("contents", ["", "[]", "{", '{"files": {"a": 1}}', '{"files": ["curves.csv"]}', "[" * 10**5])
def test_a_list_that_is_none_removes_nothing(exports: tuple[Store, int, int], tmp_path: Path, contents: str) -> None:
    store, first, _ = exports
    (tmp_path / "curves.csv").write_text("mine")
    (tmp_path / FILE_NAME).write_text(contents)
    assert export_experiment(store, first, tmp_path, [Format.JSON]).removed == []
    assert names(tmp_path) == {"settings.toml", "summary.json", "curves.csv"}


@pytest.mark.usefixtures("quick_figures")
def test_what_an_export_left_that_broke_off_is_removed_by_the_next(
    exports: tuple[Store, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, first, second = exports
    export_experiment(store, first, tmp_path, [Format.CSV, Format.JSON])
    with monkeypatch.context() as patch:

        def full(*_given: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("engine.exports.course.portable_pickle", full)
        with pytest.raises(ExportError, match="No space left"):
            export_experiment(store, second, tmp_path, EVERYTHING)
    assert names(tmp_path) >= {"curves.csv", "part3.svg", "course/part3_mlp_2.json"}
    export_experiment(store, second, tmp_path, [Format.JSON])
    assert names(tmp_path) == {"settings.toml", "summary.json"}


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("settings.toml", []),
        ("summary.json", [Format.JSON]),
        ("curves.csv", [Format.CSV]),
        ("part3.png", [Format.PNG]),
        ("part3.svg", [Format.SVG]),
        ("part3.pdf", [Format.PDF]),
        ("course/part3_mlp_1.json", [Format.COURSE]),
        ("course/part3_mlp_1.pkl", [Format.COURSE]),
        ("tensorboard/mlp_1/1/events.*", [Format.TENSORBOARD]),
        (FILE_NAME, []),
    ],
)
def test_every_file_takes_its_place_once_it_is_complete(
    exports: tuple[Store, int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    formats: list[Format],
) -> None:
    replace, completed = Path.replace, []

    def refuse(part: Path, target: Path) -> Path:
        if target.relative_to(tmp_path).match(name):
            completed.append(part.stat().st_size)
            raise OSError(28, "No space left on device")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ExportError, match="No space left on device"):
        export_experiment(exports[0], exports[1], tmp_path, formats)
    assert completed
    assert min(completed) > 0
    left = [path for path in tmp_path.rglob("*") if path.match(name) or ".part" in path.name]
    assert left == []


@pytest.mark.usefixtures("quick_figures")
def test_a_name_that_is_no_utf_8_is_refused_and_leaves_the_earlier_files_whole(
    exports: tuple[Store, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, first, _ = exports
    export_experiment(store, first, tmp_path, EVERYTHING)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr("engine.exports.summary", lambda *_given: {"classes": ["caf\udce9"]})
    with pytest.raises(ExportError, match=r"can't be written as UTF-8; rename the class folders .*\.$"):
        export_experiment(store, first, tmp_path, EVERYTHING)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
