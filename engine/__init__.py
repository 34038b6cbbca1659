"""Everything that computes or stores. Nothing here imports Qt."""

__version__ = "0.1.0"
