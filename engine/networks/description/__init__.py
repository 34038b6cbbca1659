"""Reading of the network that a .keras file describes, without building or running anything of it.

A description is taken only if its layers can be trained here, and mean the same here: every setting of a layer that
changes its output must be one that ``engine.networks.layers`` has. What is taken can be written in the notation of
``engine.networks.notation``, whose limits bound its size.
"""

from __future__ import annotations

from engine.networks.description.reader import read_description
from engine.networks.description.saved import SavedLayer, SavedNetwork, UnfitError

__all__ = ["SavedLayer", "SavedNetwork", "UnfitError", "read_description"]
