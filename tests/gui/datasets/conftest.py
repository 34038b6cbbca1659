"""Fixtures of the engine's data sets, and their libraries imported on this thread."""

from __future__ import annotations

import importlib

import pytest

from tests.engine.datasets.conftest import cache, image_folder, no_proxy, site, small_batches

__all__ = ["cache", "image_folder", "no_proxy", "site", "small_batches"]


@pytest.fixture(scope="module", autouse=True)
def libraries_are_loaded() -> None:
    """Import libraries on this thread: the program imports them in other processes, these tests in threads."""
    for name in ("sklearn.datasets", "pooch", "requests", "PIL.Image"):
        importlib.import_module(name)
