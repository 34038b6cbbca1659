"""Targets: texts and values that are typed, pasted, or stand in files of settings."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from engine.cli.arguments import Options, parse
from engine.cli.batch import build_specs
from engine.config.fields import describe
from engine.config.parsing import parse_assignments
from engine.config.specs import RunSpec
from engine.datasets.inventory import inventory
from engine.events.runs import Status
from engine.experiments import ALL, COURSE_EXPERIMENTS, RUNNABLE_EXPERIMENTS
from engine.experiments.presets import describe_settings, parse_settings
from engine.exports import check_writable
from engine.exports.report import check_report_file
from engine.networks.architectures import summarize
from engine.storage.rows import StoredExperiment
from engine.utils.errors import ExportError, ReportError, SpecError
from engine.workspace.catalogue import CatalogueEntry
from engine.workspace.dataset_library import FILE_NAME as DATASETS_FILE
from engine.workspace.dataset_library import DatasetLibrary
from engine.workspace.network_library import FILE_NAME as NETWORKS_FILE
from engine.workspace.network_library import NetworkLibrary
from engine.workspace.search import Query
from tests.engine.config.test_specs import values_of
from tests.fuzz import seeds
from tests.fuzz.mutators import ODD_TEXTS, ODD_VALUES, as_json, mutated_bytes, mutated_text, mutated_value
from tests.fuzz.oracle import check_sentence, is_taken
from tests.fuzz.target import Target, spoilt

texts = st.text(st.characters(), max_size=60) | st.sampled_from([each for each in ODD_VALUES if isinstance(each, str)])
odd_texts = texts | st.sampled_from(ODD_TEXTS)
names = st.sampled_from(list(RUNNABLE_EXPERIMENTS))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Some settings of an experiment with any values, or values as others have them."""
    name = draw(names)
    items = draw(st.lists(st.sampled_from(describe(RUNNABLE_EXPERIMENTS[name].spec)), min_size=1, max_size=3))
    odd = plain | st.sampled_from(ODD_VALUES)
    values = {item.key: draw(values_of(item) if draw(st.booleans()) else odd) for item in items}
    return name, values | (draw(st.dictionaries(texts, odd, max_size=1)) if draw(st.integers(0, 4)) == 0 else {})


@st.composite
def assignments(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An experiment, and what stands behind ``--set``."""
    name = draw(names)
    keys = st.sampled_from([item.key for item in describe(RUNNABLE_EXPERIMENTS[name].spec)])
    pair = st.builds("{}={}".format, keys, odd_texts | st.integers().map(str) | st.floats().map(str)) | odd_texts
    return name, draw(st.lists(pair, min_size=1, max_size=3))


OPTIONS = (
    *("--batch", "--list", "--preset", "--dataset", "--set", "--config", "--workers", "--workspace", "--export"),
    *("--formats", "--report", "--device", "--version", "--", "-x", "--set=", "--workers="),
)
arguments = st.lists(
    st.sampled_from((*OPTIONS, "architectures", "all", "quick", "gpu:0", "png,svg", "epochs=1")) | odd_texts, max_size=6
)


def _pasted(text: str, _folder: Path) -> bool:
    return is_taken(lambda: parse_settings(text))


def _values(found: tuple[str, dict[str, Any]], _folder: Path) -> bool:
    name, values = found

    def use() -> None:
        spec = RUNNABLE_EXPERIMENTS[name].spec.build(values)
        assert type(spec).from_json(spec.to_json()) == spec
        assert type(spec).from_toml(spec.to_toml()) == spec

    return is_taken(use, refusals=(SpecError,))


def _run(values: Any, _folder: Path) -> bool:
    return is_taken(lambda: RunSpec.from_json(as_json(values)), refusals=(SpecError,))


def _assignments(found: tuple[str, list[str]], _folder: Path) -> bool:
    spec = RUNNABLE_EXPERIMENTS[found[0]].spec
    return is_taken(lambda: spec.build(parse_assignments(spec, found[1])), refusals=(SpecError,))


def _config(content: bytes, folder: Path) -> bool:
    file = folder / "mine.toml"
    file.write_bytes(content)
    options = Options(ALL, False, "quick", None, (), file, None, folder, None)

    def use() -> None:
        build_specs(list(COURSE_EXPERIMENTS.values()), options)
        build_specs([RUNNABLE_EXPERIMENTS["architectures"]], replace(options, batch="architectures"))

    # What is wrong with a value is told by its key; only what is wrong with the file by its name.
    return is_taken(use, refusals=(SpecError,))


def _command_line(given: list[str], _folder: Path) -> bool:
    said, shown = io.StringIO(), io.StringIO()
    with redirect_stderr(said), redirect_stdout(shown):
        try:
            is_taken(lambda: parse(given), refusals=())
        except SystemExit as ended:
            assert ended.code in (0, 2)
            if ended.code == 0:
                return True
            line = said.getvalue()
            assert line.startswith("trainscope: ")
            check_sentence(line.removesuffix("\n"))
            return False
    return True


def _architecture(text: str, _folder: Path) -> bool:
    def use() -> None:
        spec: Any = RUNNABLE_EXPERIMENTS["architectures"].spec.build({"architectures": [text]})
        summarize(spec.architectures[0], (32, 32, 1), 10)

    return is_taken(use)


def _networks(content: bytes, folder: Path) -> bool:
    (folder / NETWORKS_FILE).write_bytes(content)
    library = NetworkLibrary(folder)
    return is_taken(lambda: (library.networks(), library.resolve("small")), NETWORKS_FILE)


def _datasets(content: bytes, folder: Path) -> bool:
    (folder / DATASETS_FILE).write_bytes(content)
    return is_taken(lambda: inventory(DatasetLibrary(folder).paths()), DATASETS_FILE)


def _stored(spec: dict[str, Any], random: Random) -> dict[str, Any]:
    """Settings as a store may hold them: changed, but a table that JSON can hold."""
    try:
        found = json.loads(as_json(mutated_value(spec, random)))
    except ValueError:  # a number that JSON can't hold
        return {}
    return found if isinstance(found, dict) else {}


def _entry(spec: dict[str, Any]) -> CatalogueEntry:
    stored = StoredExperiment(
        *(7, "architectures", as_json(spec), 0, None, {}, None, 1, Status.FINISHED, "", 0.0, 1.0, "Título", "", None)
    )
    return CatalogueEntry(
        stored, "Architectures", 1, (Status.FINISHED,), 0, 1, 0.5, 0.5, *describe_settings("architectures", spec), None
    )


def _search(found: tuple[str, Any], _folder: Path) -> bool:
    text, spec = found
    return is_taken(lambda: Query(text).matches(_entry(spec)), refusals=())


conditions = st.builds(
    "{}{}{}".format,
    st.sampled_from(("epochs", "best", "seconds", "number", "dataset", "notes", "architectures", "nothing")),
    st.sampled_from(("<", ">", "<=", ">=", "=", ":")),
    odd_texts | st.floats().map(str) | st.integers().map(str),
)


def _places(name: str, folder: Path) -> bool:
    if name.startswith(("/", "~")) or ".." in name:  # not to write where this machine keeps things
        return True
    exported = is_taken(lambda: check_writable(folder / "out" / name), refusals=(ExportError,))
    reported = is_taken(lambda: check_report_file(folder / "out" / f"{name}.html"), refusals=(ReportError,))
    return exported and reported


def _toml_bytes() -> list[bytes]:
    return [each.preset("quick").to_toml().encode() for each in RUNNABLE_EXPERIMENTS.values()]


def _table(entries: dict[str, str]) -> bytes:
    return "\n".join(f'{name} = "{value}"' for name, value in entries.items()).encode()


def _toml_values(random: Random) -> bytes:
    values = mutated_value({"paths": ["/a", "b/c.npz"], "small": "Conv-3x3x4, ReLU"}, random)
    return as_json(values).replace(":", "=").encode()


TEXTS = (
    Target("pasted settings", spoilt(seeds.settings_texts, mutated_text), _pasted, 2.0),
    Target(
        "pasted tables",
        spoilt(
            lambda: [{"experiment": name} | values for name, values in seeds.settings().items()],
            lambda table, random: as_json(mutated_value(table, random)),
        ),
        _pasted,
        2.0,
    ),
    Target("pasted text", odd_texts, _pasted),
    Target("values of fields", fields(), _values, 2.0),
    Target("settings of a run", spoilt(lambda: [seeds.run_spec()], mutated_value), _run),
    Target("set options", assignments(), _assignments, 2.0),
    Target("file of settings", spoilt(_toml_bytes, mutated_bytes), _config, 0.6),
    Target("command line", arguments, _command_line),
    Target("architectures", spoilt(lambda: seeds.TEXTS_OF_NETWORKS, mutated_text) | odd_texts, _architecture, 2.0),
    Target(
        "networks.toml",
        spoilt(lambda: [_table({"small": "Conv-3x3x16, ReLU", "wide": "FC-8, Act"})], mutated_bytes)
        | st.randoms(use_true_random=False).map(_toml_values),
        _networks,
    ),
    Target(
        "datasets.toml",
        spoilt(lambda: [b'paths = [\n    "/a/b",\n    "~/c.npz",\n]\n'], mutated_bytes)
        | st.randoms(use_true_random=False).map(_toml_values),
        _datasets,
    ),
    Target(
        "search",
        st.tuples(
            st.lists(odd_texts | conditions, max_size=3).map(" ".join),
            spoilt(lambda: [seeds.settings()["architectures"]], _stored),
        ),
        _search,
        2.0,
    ),
    Target("names of exports", odd_texts, _places),
)
