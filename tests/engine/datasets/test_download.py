"""engine.datasets.download: downloads from a local server."""

from __future__ import annotations

import dataclasses
import os
import socket
from pathlib import Path

import pytest

from engine.config.specs import DataSpec
from engine.datasets import sample_images
from engine.datasets.base import RemoteFile
from engine.datasets.download import NotDownloadedError, downloads_folder, fetch
from engine.datasets.formats import cifar10, mnist
from engine.utils.errors import Cancelled, DatasetError
from tests.engine.datasets.conftest import Site, cifar_members, idx_files, leftovers, quiet, sha256, write_tar
from tests.limits import files_of_at_most

CONTENT = bytes(range(256)) * 4096  # four chunks


def remote(*urls: str, known_hash: str = sha256(CONTENT)) -> RemoteFile:
    return RemoteFile("sub/file.bin", known_hash, len(CONTENT), urls)


def test_success_with_progress_and_only_once(site: Site) -> None:
    site.files["/file.bin"] = CONTENT
    seen: list[tuple[str, int, int]] = []
    file = remote(f"{site.url}/file.bin")
    path = fetch(file, lambda *step: seen.append(step))
    assert path == downloads_folder() / "sub/file.bin"
    assert path.read_bytes() == CONTENT
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1] == ("Downloading file.bin", len(CONTENT), len(CONTENT))
    fetch(file, quiet)
    assert site.asked == ["/file.bin"]


def test_a_second_address_is_tried(site: Site) -> None:
    site.files["/here"] = CONTENT
    assert fetch(remote(f"{site.url}/gone", f"{site.url}/here"), quiet).read_bytes() == CONTENT
    assert site.asked == ["/gone", "/here"]


def refused() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/file.bin"


def test_wrong_hash(site: Site) -> None:
    site.files["/file.bin"] = CONTENT[:-1] + b"?"
    assert_fails(remote(f"{site.url}/file.bin"), "not the published file")


def test_not_found(site: Site) -> None:
    assert_fails(remote(f"{site.url}/file.bin"), "404 Not Found")


def test_connection_refused() -> None:
    assert_fails(remote(refused()), "no connection")


def test_connection_broken_off(site: Site) -> None:
    site.files["/file.bin"], site.short = CONTENT, True
    assert_fails(remote(f"{site.url}/file.bin"), "the connection broke off")


def test_no_space(site: Site) -> None:
    site.files["/file.bin"] = CONTENT
    file = remote(f"{site.url}/file.bin")
    with (
        files_of_at_most(len(CONTENT) // 2),
        pytest.raises(DatasetError, match=r"file\.bin can't be written to .*CACHE"),
    ):
        fetch(file, quiet)
    assert leftovers(downloads_folder()) == []
    assert fetch(file, quiet).read_bytes() == CONTENT


def test_more_than_the_file_has(site: Site) -> None:
    site.files["/file.bin"] = CONTENT
    assert_fails(dataclasses.replace(remote(f"{site.url}/file.bin"), size=10), "more than the published file")


def assert_fails(file: RemoteFile, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        fetch(file, quiet)
    message = str(caught.value)
    assert "127.0.0.1" in message
    assert str(downloads_folder() / "sub/file.bin") in message
    assert leftovers(downloads_folder()) == []


def test_cancelled_in_the_middle_leaves_nothing(site: Site) -> None:
    site.files["/file.bin"] = CONTENT

    def cancel(_message: str, done: int, total: int) -> None:
        if done > total // 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        fetch(remote(f"{site.url}/file.bin"), cancel)
    assert leftovers(downloads_folder()) == []


def test_a_placed_file_needs_no_network() -> None:
    path = downloads_folder() / "sub/file.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert fetch(remote(refused()), quiet) == path


@pytest.mark.skipif(os.name == "nt", reason="permissions work differently there")
def test_an_unwritable_folder(cache: Path, site: Site) -> None:
    cache.write_text("not a folder")
    site.files["/file.bin"] = CONTENT
    with pytest.raises(DatasetError, match="can't be written"):
        fetch(remote(f"{site.url}/file.bin"), quiet)


@pytest.mark.usefixtures("small_batches")
def test_cifar10_from_a_server(site: Site, tmp_path: Path) -> None:
    content = write_tar(tmp_path / "a.tar.gz", cifar_members("binary")).read_bytes()
    site.files["/c.tar.gz"] = content
    archive = RemoteFile(cifar10.ARCHIVE.name, sha256(content), len(content), (f"{site.url}/c.tar.gz",))
    raw = cifar10.load(None, quiet, archive)
    assert (raw.title, raw.x_train.shape, len(raw.class_names)) == ("CIFAR-10", (100, 32, 32, 3), 10)
    assert cifar10.load(None, quiet, archive).fingerprint == raw.fingerprint
    assert site.asked == ["/c.tar.gz"]


def served_idx_set(site: Site) -> mnist.IdxSet:
    files = idx_files()
    site.files.update({f"/{name}": content for name, content in files.items()})
    remotes = (
        RemoteFile(file.name, sha256(content), len(content), (f"{site.url}/{Path(file.name).name}",))
        for file in mnist.FASHION_MNIST_FILES.files
        for content in [files[Path(file.name).name]]
    )
    return dataclasses.replace(mnist.FASHION_MNIST_FILES, files=tuple(remotes))


def test_fashion_mnist_from_a_server(site: Site) -> None:
    raw = mnist.load(served_idx_set(site), None, quiet)
    assert (raw.title, raw.x_train.shape, raw.class_names[9]) == ("Fashion-MNIST", (30, 28, 28, 1), "Ankle boot")
    assert raw.x_test is not None
    assert raw.x_test.shape == (10, 28, 28, 1)
    assert len(site.asked) == 4


def test_the_published_tables_are_whole() -> None:
    files = [cifar10.ARCHIVE, *mnist.MNIST_FILES.files, *mnist.FASHION_MNIST_FILES.files]
    assert len({file.name for file in files}) == len({file.known_hash for file in files}) == 9
    for file in files:
        assert len(file.known_hash) == len("sha256:") + 64
        assert len(file.urls) == 2
        assert all(url.endswith(Path(file.name).name) for url in file.urls)


def test_looking_at_samples_never_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests.get", lambda *_arguments, **_options: pytest.fail("it went to the network"))
    for name in ("cifar10", "mnist", "fashion_mnist"):
        with pytest.raises(NotDownloadedError, match="Run downloads it"):
            sample_images(DataSpec(dataset=name), 20, lambda _message, _done, _total: None)
