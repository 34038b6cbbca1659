"""CIFAR-100 from its official archives or extracted folders, with its 100 fine classes."""

from __future__ import annotations

from engine.datasets.formats.cifar import Cifar

CIFAR100 = Cifar(
    title="CIFAR-100",
    kind="cifar100",
    batches={"train": 50_000, "test": 10_000},
    label_bytes=2,  # the coarse class and the fine one
    label_key=b"fine_labels",
    classes=100,
    folders=("cifar-100-binary", "cifar-100-python"),
    archives=("cifar-100-binary.tar.gz", "cifar-100-python.tar.gz"),
    names_files=("meta", "fine_label_names.txt"),
    names_key=b"fine_label_names",
)
