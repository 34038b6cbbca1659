"""Versions of the program and its libraries, found without importing them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import engine

LIBRARIES = {
    "TensorFlow": "tensorflow",
    "Keras": "keras",
    "NumPy": "numpy",
    "scikit-learn": "scikit-learn",
    "PySide6": "PySide6-Essentials",
    "pyqtgraph": "pyqtgraph",
}
NOT_INSTALLED = "not installed"


def versions() -> dict[str, str]:
    """Return the versions of the program, of each of ``LIBRARIES`` and of Python, in this order."""
    libraries = {title: installed_version(package) for title, package in LIBRARIES.items()}
    return {"Trainscope": engine.__version__, **libraries, "Python": platform.python_version()}


def installed_version(package: str) -> str:
    """Return the version of an installed package, by its name on PyPI; ``NOT_INSTALLED`` if it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
