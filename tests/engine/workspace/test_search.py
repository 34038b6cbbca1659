"""engine.workspace.search: queries on experiments."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.workspace.catalogue import Catalogue, CatalogueEntry
from engine.workspace.search import Query
from tests.stored import store_experiment


@pytest.fixture
def entry(workspace: Path) -> CatalogueEntry:
    number = store_experiment(workspace, epochs=7)
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.rename(number, "Before the Deadline")
        catalogue.annotate(number, "looks promising")
        return catalogue.entry(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "deadline",
        "DEADLINE promising",
        "architectures digits finished",
        "#1",
        "mlp_2",
        "epochs",
        "epochs>5",
        "epochs>=7 epochs<8 epochs<=7 epochs=7",
        "dataset:digits",
        "dataset=digits",
        "architectures:mlp_1",
        "status:fin kind:archi title:before notes:promising",
        "best>=62.5 mean<60 runs=4",
        "grayscale=true",
    ],
)
def test_finds(entry: CatalogueEntry, text: str) -> None:
    assert Query(text).matches(entry)


@pytest.mark.parametrize(
    "text",
    [
        "dead promising schedule",
        "epochs>7",
        "epochs<7",
        "dataset:cifar10",
        "dataset=digit",
        "best>99",
        "title:promising",
        "epochs>many",
        "image_size>3",
        "nothing:known",
    ],
)
def test_does_not_find(entry: CatalogueEntry, text: str) -> None:
    assert not Query(text).matches(entry)


def test_a_number_too_large_to_compare_is_not_found(entry: CatalogueEntry) -> None:
    huge = replace(entry, stored=replace(entry.stored, spec='{"epochs": ' + "9" * 400 + "}"))
    assert not Query("epochs>5").matches(huge)
