"""Versions of the program and of what it stands on; nothing is imported to find them."""

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


def versions() -> dict[str, str]:
    """Version of the program, of each of :data:`LIBRARIES` and of Python, in this order."""
    libraries = {title: installed_version(package) for title, package in LIBRARIES.items()}
    return {"Trainscope": engine.__version__, **libraries, "Python": platform.python_version()}


def installed_version(package: str) -> str:
    """Version of a package, by the name that pip knows it by."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
