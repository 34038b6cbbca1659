"""A separate cache for every test, and sample images, archives and a web server."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickletools
import struct
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.datasets.formats import cifar10
from engine.datasets.formats.cifar import CIFAR100, Cifar
from engine.utils.arrays import Array

BATCH = 20  # images in a batch of the small CIFAR-10


def quiet(_message: str, _done: int, _total: int) -> None:
    """Ignore progress."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache of ürün"
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def pixels(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path: Path, image: Array | Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path)
    return path


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """train/ and test/ of classes cat and dog, 12 and 6 coloured 8x8 PNGs each."""
    folder = tmp_path / "çiçekler"
    for part, count in (("train", 12), ("test", 6)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                save(folder / part / name / f"{number:02}.png", pixels(8, 8, 3, seed=number + 100 * label))
    return folder


# --- CIFAR-10


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for cifar in (cifar10.FORMAT, CIFAR100):
        for name, count in small_counts(cifar).items():
            monkeypatch.setitem(cifar.batches, name, count)


def small_counts(cifar: Cifar) -> dict[str, int]:
    """Images in the batches of small archives: at least one of each class for training."""
    return {name: 100 if name == "train" else BATCH for name in cifar.batches}


def cifar_batch(seed: int, count: int = BATCH, classes: int = 10) -> tuple[Array, Array]:
    """Labels [count] and rows of planes [count, 3072]."""
    return np.arange(count, dtype=np.uint8) % classes, pixels(count, 3072, seed=seed)


def binary_batch(seed: int) -> bytes:
    labels, rows = cifar_batch(seed)
    return np.hstack([labels[:, np.newaxis], rows]).tobytes()


def python2_pickle(labels: Array, rows: Array, key: bytes = b"labels") -> bytes:
    """A batch, opcode for opcode as Python 2 and its NumPy wrote the official ones (pickle protocol 2)."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + b"(K\x01J" + struct.pack("<i", len(rows)) + b"M\x00\x0c\x86"
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T" + struct.pack("<i", rows.size) + rows.tobytes() + b"tb"
    )  # fmt: skip
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels.tolist()) + b"e"
    content = b"\x80\x02}(U\x04data" + array + b"U" + bytes([len(key)]) + key + numbers + b"U\x0bbatch_labelU\x04testu."
    pickletools.dis(content, io.StringIO())  # raises if malformed
    return content


def cifar_members(kind: str) -> dict[str, bytes]:
    """The members of a small archive, binary or python."""
    names = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
    if kind == "binary":
        return {f"cifar-10-batches-bin/{name}.bin": binary_batch(seed) for seed, name in enumerate(names)}
    return {f"cifar-10-batches-py/{name}": python2_pickle(*cifar_batch(seed)) for seed, name in enumerate(names)}


CIFAR100_NAMES = tuple(f"class_{number}" for number in range(100))


def cifar100_members(kind: str) -> dict[str, bytes]:
    """The members of a small archive of CIFAR-100, in the order of the official ones."""
    members = {}
    for seed, (name, count) in enumerate(small_counts(CIFAR100).items()):
        labels, rows = cifar_batch(seed, count, 100)
        if kind == "binary":
            coarse_and_fine = np.stack([labels // 5, labels], axis=1)
            members[f"cifar-100-binary/{name}.bin"] = np.hstack([coarse_and_fine, rows]).tobytes()
        else:
            members[f"cifar-100-python/{name}"] = python2_pickle(labels, rows, b"fine_labels")
    if kind == "binary":
        return {"cifar-100-binary/fine_label_names.txt": "\n".join(CIFAR100_NAMES).encode() + b"\n"} | members
    names = [name.encode() for name in CIFAR100_NAMES]
    meta = b"".join(b"U" + bytes([len(name)]) + name for name in names)
    pickled = b"\x80\x02}U\x10fine_label_names](" + meta + b"es."
    return {"cifar-100-python/file.txt~": b""} | members | {"cifar-100-python/meta": pickled}


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


# --- IDX


def idx(array: Array) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def idx_files() -> dict[str, bytes]:
    """Four gzipped files: 30 and 10 images of 28x28, labels 0 to 9."""
    files = {}
    for part, count in (("train", 30), ("t10k", 10)):
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(pixels(count, 28, 28, seed=count)))
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(np.arange(count, dtype=np.uint8) % 10))
    return files


# --- a server


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


GATE_SECONDS = 60  # a test that forgets to open it fails rather than hangs


class Site:
    """A local web server: its files, and the paths requested."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.url = ""
        self.short = False  # announce more than is sent, like a broken connection
        self.gate = threading.Event()  # half of a file is sent, the rest once it is set
        self.gate.set()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            content = site.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) * (2 if site.short else 1)))
            self.end_headers()
            try:
                self.wfile.write(content[: len(content) // 2])
                site.gate.wait(GATE_SECONDS)
                self.wfile.write(content[len(content) // 2 :])
            except (BrokenPipeError, ConnectionResetError):  # the test cancelled
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep stderr clean."""

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.daemon_threads = False
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def leftovers(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
