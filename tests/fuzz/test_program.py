"""The program itself, started with what it can't use: one line, another code than 0, nothing stored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.utils.paths import store_file
from tests.engine.support import ROOT
from tests.fuzz.oracle import SECONDS, check_sentence

BYTES = os.fsdecode(b"caf\xe9")  # a name that is no UTF-8, as disks of old have them


@pytest.mark.long
def test_the_program_refuses_in_one_line_whatever_it_is_started_with(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "digits.toml").write_text("epochs = " + "9" * 5000)
    (tmp_path / BYTES).mkdir()
    (tmp_path / "pipe").mkdir()
    workspace = tmp_path / "workspace"
    starts = {
        "pipe": ("architectures", "--config", tmp_path / "pipe.toml"),
        "digits": ("all", "--config", tmp_path / "digits.toml"),
        "bytes": ("architectures", "--dataset", tmp_path / BYTES),
        "device": ("convolution", "--set", "kernel=/dev/zero", "--report", tmp_path / "a\nb.txt"),
        "long": ("architectures", "--workers", "9" * 5000),
        "folder": ("basics", "--export", "/dev/null/x"),
    }
    for start, options in starts.items():
        command = [sys.executable, "main.py", "--workspace", str(workspace), "--batch", *map(str, options)]
        ended = subprocess.run(  # noqa: S603
            command, cwd=ROOT, capture_output=True, text=True, timeout=3 * SECONDS, check=False
        )
        assert ended.returncode in (1, 2), start
        (line,) = ended.stderr.splitlines()
        assert line.startswith("trainscope: "), start
        check_sentence(line.removeprefix("trainscope: "))
        assert ended.stdout == "", start
        assert not store_file(workspace).exists(), start


def test_a_name_that_is_no_text_is_printed_as_the_bytes_it_is_made_of(tmp_path: Path) -> None:
    """A name of bytes that are no text once ended the program after the training, with a traceback."""
    code = (
        "import sys; from engine.utils.streams import prepare_streams; prepare_streams()\n"
        "import engine.cli.batch as batch; from engine.cli.arguments import parse\n"
        "batch.run = lambda options: batch.print_lines(f'Exported to {options.export}') or 0\n"
        "sys.exit(batch.run_until_interrupted(parse(sys.argv[1:])))"
    )
    command = [sys.executable, "-c", code, "--batch", "architectures", "--export", str(tmp_path / BYTES)]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, env=environment)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.rstrip().endswith(b"caf\xe9"), "the bytes that it is made of"
