"""engine.workspace.network_library: named networks in a TOML file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cli.arguments import parse
from engine.cli.batch import build_spec
from engine.experiments import EXPERIMENTS
from engine.utils.errors import NetworkError, SpecError, StoreError
from engine.workspace.network_library import NetworkLibrary

SMALL, DEEP = "small[Conv-3x5x4, ReLU, FC-8(no bias)]", "deep_2[FC-32, Act, FC-16, Tanh]"


@pytest.fixture
def library(workspace: Path) -> NetworkLibrary:
    """A library in a workspace that does not exist yet."""
    return NetworkLibrary(workspace)


def test_a_missing_file_is_an_empty_library(library: NetworkLibrary) -> None:
    assert library.networks() == {}
    assert not library.file.exists()


def test_what_was_saved_is_known_again_by_name(library: NetworkLibrary, workspace: Path) -> None:
    library.save("small[conv-3x5x4,relu, fc-8 (no bias)]")
    library.save(DEEP)
    assert NetworkLibrary(workspace).networks() == {"small": SMALL, "deep_2": DEEP}


def test_the_file_is_toml_that_a_person_can_read(library: NetworkLibrary, workspace: Path) -> None:
    library.save(SMALL)
    table = tomllib.loads((workspace / "networks.toml").read_text(encoding="utf-8"))
    assert table == {"small": "Conv-3x5x4, ReLU, FC-8(no bias)"}


def test_saving_under_a_known_name_takes_its_place(library: NetworkLibrary) -> None:
    for architecture in (SMALL, DEEP, "small[FC-4]"):
        library.save(architecture)
    assert library.networks() == {"small": "small[FC-4]", "deep_2": DEEP}


def test_a_network_removed_is_forgotten_and_others_are_kept(library: NetworkLibrary) -> None:
    library.save(SMALL)
    library.save(DEEP)
    library.remove("small")
    library.remove("never_there")
    assert library.networks() == {"deep_2": DEEP}


def test_a_name_stands_for_the_whole_network_and_any_other_text_for_itself(library: NetworkLibrary) -> None:
    library.save(SMALL)
    assert library.resolve(" small ") == SMALL
    assert [library.resolve(text) for text in ("cnn_4", "other[FC-8]", "nonsense")] == [
        *("cnn_4", "other[FC-8]", "nonsense")
    ]


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("cnn_4[FC-8]", "'cnn_4' is the name of a built-in architecture"),
        ("small[FC-0]", "the number of units in 'FC-0' must be from 1 to 65536"),
        ("small", "there is no architecture called 'small'"),
        ("1st[FC-8]", "'1st' is no name of an architecture"),
    ],
)
def test_what_is_no_network_is_not_saved(library: NetworkLibrary, architecture: str, reason: str) -> None:
    with pytest.raises(NetworkError, match=f"^{reason}.*\\.$"):
        library.save(architecture)
    assert not library.file.exists()


def test_the_bare_name_of_a_course_network_is_not_saved(library: NetworkLibrary) -> None:
    with pytest.raises(NetworkError):
        library.save("cnn_4")


def test_entries_that_a_person_spoilt_are_passed_over(library: NetworkLibrary, workspace: Path) -> None:
    workspace.mkdir()
    lines = [
        'small = "conv-3x5x4, relu, fc-8(no bias)"',
        'bad = "FC-x"',
        "number = 3",
        'cnn_4 = "FC-8"',
        '"two words" = "FC-8"',
    ]
    library.file.write_text("\n".join([*lines, "[table]", 'small = "FC-8"']), encoding="utf-8")
    assert library.networks() == {"small": SMALL}


def test_a_network_saved_before_its_name_was_built_in_is_kept_and_stands_for_the_name(
    library: NetworkLibrary, workspace: Path
) -> None:
    workspace.mkdir()
    library.file.write_text('lenet_5 = "FC-8"\nspoilt = "FC-x"', encoding="utf-8")
    library.save(SMALL)
    library.remove("never_there")
    assert library.resolve("lenet_5") == "lenet_5[FC-8]"
    assert tomllib.loads(library.file.read_text(encoding="utf-8")).keys() == {"lenet_5", "spoilt", "small"}
    with pytest.raises(NetworkError, match=r"^'vgg_small' is a built-in architecture"):
        library.save("vgg_small[FC-8]")


@pytest.mark.parametrize("content", [b"small = ", b"\xff\xfe", b"small = 1\nsmall = 2"])
def test_a_file_that_is_no_toml_is_named_and_kept(library: NetworkLibrary, workspace: Path, content: bytes) -> None:
    workspace.mkdir()
    library.file.write_bytes(content)
    for act in (library.networks, lambda: library.save(SMALL), lambda: library.remove("small")):
        with pytest.raises(StoreError) as error:
            act()
        assert str(error.value).startswith(f"{library.file} can't be read (")
        assert str(error.value).endswith("); mend or remove it.")
        assert "\n" not in str(error.value)
    assert library.file.read_bytes() == content


def test_a_workspace_that_can_not_be_written_is_named(library: NetworkLibrary, workspace: Path) -> None:
    workspace.write_text("a file")
    with pytest.raises(StoreError, match=r"networks\.toml can't be (read|written) "):
        library.save(SMALL)


def test_saving_leaves_no_other_file(library: NetworkLibrary, workspace: Path) -> None:
    library.save(SMALL)
    library.remove("small")
    assert [path.name for path in workspace.iterdir()] == ["networks.toml"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_gives_networks_or_a_sentence(library: NetworkLibrary, workspace: Path, content: bytes) -> None:
    workspace.mkdir(exist_ok=True)
    library.file.write_bytes(content)
    try:
        assert all(architecture.startswith(f"{name}[") for name, architecture in library.networks().items())
    except StoreError as error:
        assert str(error).endswith(".")


def test_saved_networks_can_be_named_on_the_command_line(library: NetworkLibrary, workspace: Path) -> None:
    library.save(SMALL)
    several = ["--batch", "architectures", "--workspace", str(workspace), "--set", "architectures=mlp_1,small"]
    spec = build_spec(EXPERIMENTS["architectures"], parse(several))
    assert spec.model_dump()["architectures"] == ("mlp_1", SMALL)
    one = ["--batch", "schedule", "--workspace", str(workspace), "--set", "architecture=small"]
    assert build_spec(EXPERIMENTS["schedule"], parse(one)).model_dump()["architecture"] == SMALL
    with pytest.raises(SpecError, match="no architecture called 'smal'"):
        build_spec(EXPERIMENTS["schedule"], parse([*one[:-1], "architecture=smal"]))


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 3000, ".".join("a" * 50_000) + " = 1", "a = "])
def test_a_file_that_is_no_table_is_refused_by_name(workspace: Path, text: str) -> None:
    workspace.mkdir()
    library = NetworkLibrary(workspace)
    library.file.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=rf"{library.file.name} can't be read .*; mend or remove it\.$"):
        library.networks()


def test_a_pipe_in_its_place_is_not_waited_for(workspace: Path) -> None:
    workspace.mkdir()
    os.mkfifo(NetworkLibrary(workspace).file)
    with pytest.raises(StoreError, match="pipe or a device"):
        NetworkLibrary(workspace).networks()
