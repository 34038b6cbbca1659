"""Download of a data set: progress, cancellation, hash errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QLabel,
    QProgressBar,
)
from pytestqt.qtbot import QtBot

from engine.datasets.base import RemoteFile
from engine.datasets.download import downloads_folder, fetch
from engine.datasets.formats import cifar10
from tests.engine.datasets.conftest import (
    Site,
    cifar_members,
    leftovers,
    sha256,
    write_tar,
)
from tests.gui.conftest import MakeWindow
from tests.gui.datasets_support import enabled, message, open_page, press, row, status
from tests.gui.support import PATIENCE_MS, find

ARCHIVE_PATH = "/cifar.tar.gz"


def serve(site: Site, monkeypatch: pytest.MonkeyPatch, content: bytes, **changes: str) -> None:
    """Make CIFAR-10 be downloaded from ``site``, which serves ``content``."""
    site.files[ARCHIVE_PATH] = content
    archive = RemoteFile(cifar10.ARCHIVE.name, sha256(content), len(content), (f"{site.url}{ARCHIVE_PATH}",))
    archive = replace(archive, **changes)
    monkeypatch.setattr(cifar10, "fetch", lambda _archive, progress: fetch(archive, progress))


def small_archive(folder: Path) -> bytes:
    return write_tar(folder / "served.tar.gz", cifar_members("binary")).read_bytes()


@pytest.mark.usefixtures("small_batches")
def test_download_fetches_decodes_and_shows(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = small_archive(tmp_path)
    serve(site, monkeypatch, content)
    window, page = open_page(make_window)
    page.table.choose("cifar10")
    assert enabled(page) == {"download", "use", "add_folder", "add_file"}
    assert "press Download" in find(page, QLabel, "detail_facts").text()
    press(page, "download")
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    assert (downloads_folder() / cifar10.ARCHIVE.name).read_bytes() == content
    shown = row(page, "cifar10")
    assert (shown["Installed"], shown["Images"], shown["Classes"]) == ("yes", "120", "10")
    bars = page.detail.counts.bars
    assert (sum(bars["training"].opts["width"]), sum(bars["test"].opts["width"])) == (100, 20)
    assert enabled(page) == {"verify", "remove", "use", "add_folder", "add_file"}
    assert message(window) == ""


def test_cancel_ends_a_download_and_leaves_nothing(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, monkeypatch, bytes(2**20))
    site.gate.clear()
    window, page = open_page(make_window)
    page.table.choose("cifar10")
    press(page, "download")
    qtbot.waitUntil(lambda: status(page).startswith("Downloading"), timeout=PATIENCE_MS)
    assert enabled(page) == {"cancel", "use", "add_folder", "add_file"}
    assert "524 kB of 1.0 MB" in status(page) or "262 kB of 1.0 MB" in status(page)
    assert find(page, QProgressBar, "dataset_progress").maximum() == 2**20
    press(page, "cancel")
    site.gate.set()
    qtbot.waitUntil(lambda: "cancel" not in enabled(page), timeout=PATIENCE_MS)
    assert "Cancelled" in status(page)
    assert message(window) == ""
    assert leftovers(downloads_folder()) == []
    assert row(page, "cifar10")["Installed"] == "no"


def test_a_wrong_hash_is_reported(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, monkeypatch, b"not what was published", known_hash=sha256(b"what was published"))
    window, page = open_page(make_window)
    page.table.choose("cifar10")
    press(page, "download")
    qtbot.waitUntil(lambda: message(window) != "", timeout=PATIENCE_MS)
    assert "not the published file" in message(window)
    assert str(downloads_folder() / cifar10.ARCHIVE.name) in message(window)
    qtbot.waitUntil(lambda: "download" in enabled(page), timeout=PATIENCE_MS)
    assert leftovers(downloads_folder()) == []


def test_samples_are_shown_during_a_download(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, monkeypatch, bytes(2**20))
    site.gate.clear()
    _, page = open_page(make_window)
    page.table.choose("cifar10")
    press(page, "download")
    qtbot.waitUntil(lambda: status(page).startswith("Downloading"), timeout=PATIENCE_MS)
    page.table.choose("digits")
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    press(page, "cancel")
    site.gate.set()
    qtbot.waitUntil(lambda: "cancel" not in enabled(page), timeout=PATIENCE_MS)
