"""packaging/: what a bundle holds, what it says of itself, and how it gets into a menu."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

import engine
from engine.utils.paths import RESOURCES
from gui.app import DESKTOP_ID

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
ID = "org.trainscope.Trainscope"


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    """Scripts import one another by name, as they do when one is started."""
    sys.path.insert(0, str(PACKAGING))
    yield
    sys.path.remove(str(PACKAGING))


def script(name: str) -> ModuleType:
    return import_module(name)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("tensorflow/include/eigen/Core.h", False),
        ("tensorflow/libtensorflow_cc.so.2", True),
        ("tensorflow/python/profiler/internal/_pywrap_profiler_plugin.so", True),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6/Qt/plugins/imageformats/libqsvg.so", True),
        ("sklearn/datasets/data/digits.csv.gz", True),
        ("sklearn/datasets/data/iris.csv", False),
        ("matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf", True),
        ("libgtk-3.so.0", False),
        ("libxcb-cursor.so.0", True),
        ("resources/report/report.css", True),
        ("resources/logger/trainscope_log.py", True),
        ("resources/logger/__pycache__/trainscope_log.cpython-312.pyc", False),
        ("resources/logger/build/lib/trainscope_log.py", False),
        ("resources/examples/pytorch_course.py", True),
    ],
)
def test_what_is_left_out(path: str, kept: bool) -> None:
    assert script("contents").is_needed(path) is kept


def test_a_windows_program_says_its_name_and_version() -> None:
    text = script("bundle").version_resource("1.2.3")
    assert "filevers=(1, 2, 3, 0), prodvers=(1, 2, 3, 0)" in text
    assert "StringStruct('ProductName', 'Trainscope')" in text
    assert "StringStruct('FileVersion', '1.2.3')" in text
    compile(text, "version.txt", "eval")  # PyInstaller evaluates it


def test_icons_hold_every_size_a_system_asks_for(tmp_path: Path) -> None:
    from PIL import Image

    script("icons").make_icons(RESOURCES / "icon.svg", tmp_path)
    with Image.open(tmp_path / "trainscope-48.png") as picture:
        assert picture.size == (48, 48)
    with Image.open(tmp_path / "trainscope.ico") as icon:
        assert {(16, 16), (32, 32), (256, 256)} <= icon.info["sizes"]
    assert (tmp_path / "trainscope.icns").read_bytes()[:4] == b"icns"


def test_the_metadata_names_this_version() -> None:
    template = (PACKAGING / "linux" / f"{ID}.metainfo.xml").read_text(encoding="utf-8")
    found = ElementTree.fromstring(script("bundle").metainfo(template, engine.__version__, "2026-01-02"))  # noqa: S314
    release = found.find("releases/release")
    assert release is not None
    assert (release.get("version"), release.get("date")) == (engine.__version__, "2026-01-02")
    assert found.findtext("id") == ID
    assert found.findtext("launchable") == f"{ID}.desktop"


def test_a_desktop_knows_the_window_by_its_menu_entry() -> None:
    entry = (PACKAGING / "linux" / f"{ID}.desktop").read_text(encoding="utf-8")
    assert DESKTOP_ID == ID
    assert "StartupWMClass=Trainscope\n" in entry, "as X11 has it: the program's name"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A bundle without its program, in a folder whose name is no easy one."""
    folder = tmp_path / 'a "folder" of $HOME 100%' / "Trainscope"
    (folder / "share").mkdir(parents=True)
    shutil.copy2(PACKAGING / "linux" / "install.sh", folder)
    for name in (f"{ID}.desktop", f"{ID}.metainfo.xml"):
        shutil.copy2(PACKAGING / "linux" / name, folder / "share")
    (folder / "share" / "trainscope-48.png").write_bytes(b"picture")
    (folder / "Trainscope").write_text("#!/bin/sh\necho started\n", encoding="utf-8")
    (folder / "Trainscope").chmod(0o755)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="menus of Linux desktops")
def test_the_program_gets_into_the_menu_and_out_again(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}

    def install(*options: str) -> str:
        command = ["/bin/sh", str(unpacked / "install.sh"), *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603

    install()
    data = home / ".local" / "share"
    entry = (data / "applications" / f"{ID}.desktop").read_text(encoding="utf-8")
    assert unescaped(re.search(r'^Exec="(.*)"$', entry, re.MULTILINE)) == str(unpacked / "Trainscope")
    assert (data / "icons" / "hicolor" / "48x48" / "apps" / f"{ID}.png").read_bytes() == b"picture"
    link = home / ".local" / "bin" / "trainscope"
    assert link.resolve() == (unpacked / "Trainscope").resolve()
    if (validate := shutil.which("desktop-file-validate")) is not None:
        subprocess.run([validate, str(data / "applications" / f"{ID}.desktop")], check=True)  # noqa: S603
    install()  # once more does no harm
    assert str(unpacked) in install("--uninstall")
    assert [path for path in home.rglob("*") if path.is_file() or path.is_symlink()] in ([], cache_of(data))


def cache_of(data: Path) -> list[Path]:
    """What update-desktop-database keeps where it is installed."""
    return [data / "applications" / "mimeinfo.cache"]


def unescaped(found: re.Match[str] | None) -> str:
    """The path in an Exec line, read as the desktop entry specification says."""
    assert found is not None
    plain = re.sub(r"\\(.)", r"\1", found[1])  # of the value
    return re.sub(r"\\(.)", r"\1", plain).replace("%%", "%")  # of the quoted argument


def test_a_resolved_list_is_read() -> None:
    text = "tensorflow==2.21.0\nuvicorn[standard]==0.1 ; sys_platform == 'linux'\n# tensorflow==9\n"
    assert script("resolve").versions_in(text) == {"tensorflow": "2.21.0", "uvicorn": "0.1"}


def test_a_solution_that_is_missing_is_said_with_its_words() -> None:
    resolve = script("resolve")
    asked = resolve.Question("requirements.txt", "Linux arm64", "3.12")
    none = resolve.Answer(asked, {}, "no wheel of x", is_solved=False)
    unknown = resolve.Answer(asked, {}, "no network", is_solved=None)
    lines = list(resolve.table([none, unknown]))
    assert lines[1].endswith("NO SOLUTION")
    assert lines[2].endswith("not known")
    assert "no wheel of x" in lines[3]


def test_an_index_that_cannot_be_reached_is_no_missing_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = script("resolve")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    answer = resolve.ask(resolve.Question("requirements.txt", "Linux x86-64", "3.12"))
    assert answer.is_solved is None, answer.trouble


def test_everything_that_is_released_is_checked() -> None:
    resolve = script("resolve")
    asked = {(each.file, each.platform, each.python) for each in resolve.questions() if not each.lowest}
    for platform in resolve.PLATFORMS:
        for python in resolve.PYTHONS:
            assert ("requirements.txt", platform, python) in asked
