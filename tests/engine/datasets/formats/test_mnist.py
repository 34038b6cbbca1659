"""engine.datasets.formats.mnist: the named sets of IDX files."""

from __future__ import annotations

import gzip

from engine.config.specs import DataSpec
from engine.datasets import load_raw
from engine.datasets.download import downloads_folder
from tests.engine.datasets.conftest import idx_files, quiet


def test_unpacked_files_placed_by_hand_need_no_network() -> None:
    folder = downloads_folder() / "fashion_mnist"
    folder.mkdir(parents=True)
    for name, content in idx_files().items():
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    raw = load_raw(DataSpec(dataset="fashion_mnist"), quiet)
    assert (raw.title, raw.class_names[0]) == ("Fashion-MNIST", "T-shirt/top")
