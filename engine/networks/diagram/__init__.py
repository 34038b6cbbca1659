"""The picture of a network as data: blocks of layers and the lines between them, with positions but without colours."""

from __future__ import annotations

from engine.networks.diagram.blocks import Block, Diagram
from engine.networks.diagram.layout import lay_out
from engine.networks.diagram.stacks import Kind

__all__ = ["Block", "Diagram", "Kind", "lay_out"]
