"""engine.utils.files: neither pipes, devices nor pathological texts block reading."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.utils.files import (
    MAX_CHARACTERS,
    MAX_DOTS,
    atomic_path,
    check_file,
    check_paths,
    open_file,
    read_text,
    toml_table,
    write_atomic,
)


def test_a_file_is_opened_for_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\r\n2")
    with open_file(tmp_path / "a") as file:
        assert file.read() == b"1\r\n2"
    check_file(str(tmp_path / "a"))
    assert read_text(tmp_path / "a") == "1\r\n2"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe or a device"):
        open_file(tmp_path / "pipe")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_a_device_is_not_read(tmp_path: Path, device: str) -> None:
    (tmp_path / "link").symlink_to(device)
    with pytest.raises(OSError, match="pipe or a device"):
        read_text(tmp_path / "link")


def test_a_folder_and_what_is_not_there_are_told_as_usual(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_file(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("gone", "loop", "x" * 5000):
        with pytest.raises(OSError, match=r"No such file|symbolic links|too long"):
            open_file(tmp_path / name)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_no_file_can_be_called_is_not_there(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        open_file(name)


def test_a_text_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as file:
        file.truncate(2**40)  # sparse: takes no space
    with pytest.raises(OSError, match="too large"):
        read_text(tmp_path / "long")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "9" * 5000, "5000 digits"),
        ("a = " + "[" * 3000, "nested too deeply"),
        (".".join("a" * 50_000) + " = 1", f"{MAX_DOTS:,} dots"),  # takes tomllib many seconds
        ("#" * (MAX_CHARACTERS + 1), "longer than"),
        ("a", "Expected"),
    ],
    ids=["digits", "depth", "dots", "length", "syntax"],
)
def test_tables_that_are_none(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        toml_table(text)


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "bom.toml").write_bytes("epochs = 1  # ç".encode("utf-8-sig"))
    assert read_text(tmp_path / "bom.toml") == "epochs = 1  # ç"
    assert toml_table("\ufeffepochs = 1") == {"epochs": 1}, "as text copied from such a file"


@pytest.mark.parametrize(("encoding", "named"), [("utf-16", "UTF-16"), ("utf-16-be", "UTF-8"), ("latin-1", "UTF-8")])
def test_another_encoding_is_named(tmp_path: Path, encoding: str, named: str) -> None:
    (tmp_path / "other.toml").write_bytes("notes = 'ç'".encode(encoding))
    if encoding == "utf-16-be":  # without a mark, so only a character that is not UTF-8 tells
        (tmp_path / "other.toml").write_bytes("notes = 'ç\ud7ff'".encode(encoding))
    with pytest.raises(ValueError, match=rf"it is (not )?{named} text.*; save it as UTF-8$"):
        read_text(tmp_path / "other.toml")


@pytest.mark.parametrize("path", [r"C:\Users\me\images", r"D:\temp\new", r"C:\bilder", r"D:\data", r"\\server\share"])
def test_a_windows_path_in_double_quotes_gets_a_hint(path: str) -> None:
    with pytest.raises(ValueError, match=r"in single quotes a backslash stands for itself, as in 'C:\\images'$"):
        check_paths(toml_table(f'epochs = 1\ndataset = "{path}"'))
    assert toml_table(f"dataset = '{path}'") == {"dataset": path}


def test_other_texts_and_names_that_there_are_may_have_control_characters(tmp_path: Path) -> None:
    (there := tmp_path / "a\tb").touch()
    check_paths({"title": "a:\tb", "dataset": str(there), "model": None})


@pytest.mark.parametrize("path", [r"C:\\Users\\me", "C:/Users/me"])
def test_a_windows_path_that_double_quotes_can_hold_is_read(path: str) -> None:
    assert toml_table(f'dataset = "{path}"') == {"dataset": path.replace(r"\\", "\\")}


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    file = tmp_path / "kept.toml"
    write_atomic(file, "a = 'ç'")
    with atomic_path(file) as part:
        part.write_bytes(b"new")
        assert part.suffix == ".toml"
        assert file.read_text(encoding="utf-8") == "a = 'ç'", "as it was until the end"
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "kept.toml"
    write_atomic(file, b"old")
    with pytest.raises(error), atomic_path(file) as part:
        part.write_bytes(b"half")
        raise error
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_longest_name_there_is_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 251 + ".txt")
    write_atomic(file, b"1")
    assert file.read_bytes() == b"1"


def test_a_link_stays_one(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    write_atomic(link, b"1")
    assert link.is_symlink()
    assert file.read_bytes() == b"1"
