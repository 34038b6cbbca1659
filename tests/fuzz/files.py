"""Targets: files and folders of images, and arrays."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st

from engine.config.parsing import read_toml
from engine.config.specs import DataSpec
from engine.datasets import load_raw
from engine.datasets.formats import cifar10
from engine.datasets.formats.cifar import CIFAR100, Cifar
from engine.datasets.formats.image import read_image
from engine.datasets.formats.unpickle import UnpickleError, read_batch
from engine.datasets.inventory import inventory
from engine.datasets.registry import check_path
from engine.experiments.convolution.inputs import load_array
from engine.utils.errors import DatasetError, SpecError, TrainscopeError
from engine.utils.paths import cache_folder
from engine.workspace.dataset_library import DatasetLibrary
from engine.workspace.network_library import NetworkLibrary
from tests.engine.datasets.conftest import pixels, quiet, save, small_counts
from tests.fuzz import seeds
from tests.fuzz.mutators import mutated_bytes, mutated_zip
from tests.fuzz.networks import prober
from tests.fuzz.oracle import CANARY, is_taken
from tests.fuzz.target import Target, spoilt


def _load(path: Path, canary: Path | None = None) -> bool:
    return is_taken(lambda: _look_and_load(path), path.name, (DatasetError,), canary)


def _anew(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


# --- arrays


def _array_inside(name: str, content: bytes, random: Random) -> bytes:
    if random.random() < 0.5:
        return mutated_bytes(content, random)
    return seeds.npy(_odd_array(random), allow_pickle=True)


def _odd_array(random: Random) -> Any:
    """Of a type, shape or content that no reader of images or kernels counts on."""
    kinds = [
        *("u1", "i8", "u8", "f2", "f4", "f8", "g", "c16", "?", "U3", "S2"),
        *("M8[s]", "m8[s]", "V3", "O", ">f8", "i1,f4"),
    ]
    shape = tuple(random.choice((0, 1, 2, 4, 12)) for _ in range(random.randint(0, 5)))
    array = np.zeros(shape, random.choice(kinds))
    if array.dtype.kind == "f":
        array[...] = random.choice((0.5, float("nan"), float("inf"), -1.0, 300.0))
    return array


def _npz(content: bytes, folder: Path) -> bool:
    file = folder / "images.npz"
    file.write_bytes(content)
    return _load(file)


def _npy(content: bytes, folder: Path) -> bool:
    root = _anew(folder / "arrays")
    np.save(root / "y_train.npy", np.arange(3))
    (root / "x_train.npy").write_bytes(content)
    _load(root, CANARY)
    file = folder / "kernel.npy"
    file.write_bytes(content)
    return is_taken(lambda: load_array(str(file)), file.name, (SpecError,), CANARY)


def _spoilt_npy(content: bytes, random: Random) -> bytes:
    return _array_inside("", content, random)


def _harmful_arrays(random: Random) -> bytes:
    """Objects, which only a pickle can hold."""
    objects = np.array([[seeds.Harm(CANARY)] * random.randint(1, 3)] * 2, object)
    return seeds.npy(objects, allow_pickle=True)


# --- images


def _image(content: bytes, folder: Path) -> bool:
    file = folder / "picture"
    file.write_bytes(content)
    return is_taken(lambda: read_image(file), file.name, (DatasetError,))


FILES_OF_A_FOLDER = ("a.png", "b.PNG", "c.jpg", "d.gif", "e.bmp", "f.webp", "h.tif", "i.ppm", ".hidden.png", "g.heic")
PARTS_OF_A_FOLDER = (
    ("train/", "test/"),
    ("train/",),
    ("",),
    ("Training/", "valid/", "seg_test/seg_test/"),
    ("all/data/train/", "all/data/val/"),
    ("train_a/", "train_b/"),
)


def _spoilt_folder(random: Random) -> dict[str, bytes | str | None]:
    """Places in a folder and what is there: content, None for a folder, or where a link leads."""
    found: dict[str, bytes | str | None] = {}
    for part in random.choice(PARTS_OF_A_FOLDER):
        for label in random.choice((("cat", "dog"), ("cat", "dog", "\udcff"), ("cat", "a\nb"), ("cat",), ("..x", "é"))):
            for name in random.sample(FILES_OF_A_FOLDER, random.randint(1, 4)):
                content = random.choice(seeds.images())
                found[f"{part}{label}/{name}"] = mutated_bytes(content, random) if random.random() < 0.05 else content
    for _ in range(random.randrange(3)):
        place = random.choice((*found, "train/cat/x.png", "train", "cat", "test/odd/y.png"))
        found[place] = random.choice((b"", None, ".", "nowhere", "/dev/zero", b"no image", place.rpartition("/")[2]))
    return found


def _folder(found: dict[str, bytes | str | None], folder: Path) -> bool:
    root = _anew(folder / "images")
    for place, content in found.items():
        path = root / place
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            match content:
                case None:
                    path.mkdir(exist_ok=True)
                case bytes():
                    path.write_bytes(content)
                case _:
                    path.symlink_to(content)
        except OSError:  # something of that name is there already
            continue
    return _load(root)


# --- archives


def _spoilt_archive(found: tuple[str, bytes], random: Random) -> tuple[str, bytes]:
    name, content = found
    content = mutated_bytes(content, random)
    if random.random() < 0.5:
        # Headers come every few thousand bytes.
        place = 512 * random.randrange(len(content) // 512 + 1) + random.randrange(512)
        content = content[:place] + random.choice((b"\xff", b"\0", b"7" * 12, b"\x80" + b"\xff" * 11)) + content[place:]
    if random.random() < 0.4:
        return f"{name}.gz", seeds.gzipped(content)
    return (f"{name}.gz", mutated_bytes(seeds.gzipped(content), random)) if random.random() < 0.3 else (name, content)


def _small_batches(cifar: Cifar) -> Any:
    return patch.dict(cifar.batches, small_counts(cifar))


def _archive(found: tuple[str, bytes], folder: Path) -> bool:
    file = folder / found[0]
    file.write_bytes(found[1])
    with _small_batches(cifar10.FORMAT), _small_batches(CIFAR100):
        return _load(file)


# Single instructions of pickles, of which random programs are made.
OPCODES = (
    *(
        b"(",
        b"0",
        b"2",
        b"N",
        b"]",
        b"}",
        b")",
        b"l",
        b"d",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"e",
        b"a",
        b"s",
        b"u",
        b"R",
    ),
    *(
        b"b",
        b"o",
        b"\x81",
        b"\x92",
        b"\x8f",
        b"\x90",
        b"\x91",
        b"\x93",
        b"\x94",
        b"q\x01",
        b"h\x01",
        b"r\xff\xff\xff\x7f",
    ),
    *(
        b"K\x01",
        b"J\xff\xff\xff\xff",
        b"U\x04data",
        b"U\x06labels",
        b"X\x01\0\0\0a",
        b"\x8a\xff" + b"\x7f" * 255,
        b"P1\n",
    ),
    *(b"cos\nsystem\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"Q"),
    *(
        b"ios\nsystem\n",
        b"I9\n",
        b"\x95" + b"\xff" * 8,
        b"\x96" + b"\0\0\0\0\1\0\0\0",
        b"\x8e" + b"\xff" * 8,
        b"S'a'\n",
        b".",
    ),
)


def _spoilt_pickle(content: bytes, random: Random) -> bytes:
    match random.randrange(4):
        case 0:
            return b"\x80\x02" + b"".join(random.choices(OPCODES, k=random.randint(1, 60))) + b"."
        case 1:
            place = random.randint(0, min(len(content), 200))
            return content[:place] + b"".join(random.choices(OPCODES, k=3)) + content[place:]
        case 2:
            # Doubled again and again, which is small to keep and endless to hash, compare or print.
            bomb = b"K\x00" + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(1, 60))
            before, after = random.choice(
                ((b"}", b"K\x01s"), (b"cnumpy\ndtype\n", b"\x85R"), (b"(", b"\x91"), (b"", b""))
            )
            return b"\x80\x02" + before + bomb + after + b"."
        case _:
            return mutated_bytes(content, random)


def _pickle(content: bytes, _folder: Path) -> bool:
    try:
        taken = is_taken(lambda: read_batch(content), refusals=())
    except UnpickleError:  # which says what comes after the file's name
        return False
    return taken


def _harmful_pickle(protocol: int, folder: Path) -> bool:
    canary = folder / "canary"
    members = {"cifar-10-batches-py/data_batch_1": seeds.harmful_pickle(canary, protocol)}
    file = folder / "harmful.tar"
    file.write_bytes(seeds.tar_file(members))
    with _small_batches(cifar10.FORMAT):
        return _load(file, canary)


def _spoilt_idx(files: dict[str, bytes], random: Random) -> dict[str, bytes]:
    name = random.choice(list(files))
    content = mutated_bytes(files[name], random)
    if random.random() < 0.3:
        place = 4 * random.randint(0, 3)
        content = (
            files[name][:place] + random.choice((b"\xff" * 4, b"\0" * 4, b"\0\0\xff\xff")) + files[name][place + 4 :]
        )
    changed = {each: data for each, data in files.items() if each != name}
    match random.randrange(4):
        case 0:
            return changed
        case 1:
            return changed | {f"{name}.gz": seeds.gzipped(content)}
        case 2:
            return changed | {f"{name}.gz": mutated_bytes(seeds.gzipped(content), random)}
    return changed | {name: content}


def _idx(files: dict[str, bytes], folder: Path) -> bool:
    root = _anew(folder / "idx")
    for name, content in files.items():
        (root / name).write_bytes(content)
    return _load(root) if files else True


def _cache(found: tuple[int, bytes | None, int], folder: Path) -> bool:
    """Decoded images are made anew where what is kept of them is damaged, so this is never refused."""
    which, content, change = found
    root = folder / "sound"
    if not root.exists():
        for label in ("cat", "dog"):
            save(root / label / "a.png", pixels(5, 5))
    assert _load(root)
    files = sorted(path for path in (cache_folder() / "decoded").rglob("*") if path.is_file())
    file = files[which % len(files)]
    before = file.read_bytes()
    file.unlink()
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content or mutated_bytes(before, Random(change)))  # noqa: S311
    is_taken(lambda: inventory([root]), refusals=())
    return is_taken(lambda: load_raw(DataSpec(dataset=str(root)), quiet), refusals=())


# --- what is no file


def _look_and_load(path: Path) -> None:
    check_path(path)
    load_raw(DataSpec(dataset=str(path)), quiet)


READERS: dict[str, Any] = {
    "settings.toml": read_toml,
    "networks.toml": lambda path: NetworkLibrary(path.parent).networks(),
    "datasets.toml": lambda path: DatasetLibrary(path.parent).paths(),
    "images.npz": lambda path: load_raw(DataSpec(dataset=str(path)), quiet),
    "images.tar.gz": lambda path: load_raw(DataSpec(dataset=str(path)), quiet),
    "images": _look_and_load,
    "kernel.npy": lambda path: load_array(str(path)),
    "picture.png": read_image,
    "asked.keras": lambda path: prober().probe(path, np.zeros((8, 8, 1), np.float32)),
    "train-images-idx3-ubyte": lambda path: load_raw(DataSpec(dataset=str(path.parent)), quiet),
    "trainscope.sqlite3": lambda path: _open_store(path.parent),
}
KINDS = ("pipe", "zeros", "random", "loop", "nowhere", "folder", "empty", "one byte", "socket")


def _open_store(workspace: Path) -> None:
    from contextlib import closing

    from engine.workspace.catalogue import Catalogue

    with closing(Catalogue(workspace)) as catalogue:
        catalogue.entries()


def make_odd(kind: str, path: Path) -> None:
    """Put something at ``path`` that is hardly what anybody meant."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "zeros" | "random":
            path.symlink_to(f"/dev/{'zero' if kind == 'zeros' else 'urandom'}")
        case "loop":
            path.symlink_to(path)
        case "nowhere":
            path.symlink_to(path.parent / "not there")
        case "folder":
            path.mkdir()
        case "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)
        case _:
            path.write_bytes(b"x" if kind == "one byte" else b"")


def _odd_file(found: tuple[str, str], folder: Path) -> bool:
    reader, kind = found
    path = _anew(folder / "odd") / reader
    make_odd(kind, path)
    return is_taken(lambda: READERS[reader](path), "", (TrainscopeError,))


FILES = (
    Target("npz", spoilt(seeds.npz, lambda data, random: mutated_zip(data, random, _array_inside)), _npz),
    Target("npy", spoilt(seeds.arrays, _spoilt_npy), _npy, 2.0),
    Target("harmful npy", st.randoms(use_true_random=False).map(_harmful_arrays), _npy, 0.02),
    Target("image", spoilt(seeds.images, mutated_bytes), _image, 3.0),
    Target("folder of images", st.integers(0, 2**48).map(lambda n: _spoilt_folder(Random(n))), _folder),  # noqa: S311
    Target("archive", spoilt(seeds.archives, _spoilt_archive), _archive, 0.6),
    Target("pickle", spoilt(lambda: [seeds.batch()], _spoilt_pickle), _pickle, 2.0),
    Target("harmful pickle", st.integers(0, 5), _harmful_pickle, 0.05),
    Target("IDX files", spoilt(seeds.idx_files, _spoilt_idx), _idx),
    Target(
        "decoded images",
        st.tuples(st.integers(0, 9), st.none() | st.just(b"") | st.binary(max_size=9), st.integers(0, 2**48)),
        _cache,
        0.5,
    ),
    Target("what is no file", st.tuples(st.sampled_from(list(READERS)), st.sampled_from(KINDS)), _odd_file, 0.4),
)
