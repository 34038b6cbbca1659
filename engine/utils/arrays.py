"""The type of a NumPy array whose shape and dtype the docstring gives."""

from __future__ import annotations

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
