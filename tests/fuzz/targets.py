"""Every place where something of a user's comes in."""

from __future__ import annotations

from tests.fuzz.files import FILES
from tests.fuzz.networks import NETWORKS
from tests.fuzz.stores import STORES
from tests.fuzz.target import Target
from tests.fuzz.texts import TEXTS

TARGETS: dict[str, Target] = {target.name: target for target in (*TEXTS, *FILES, *NETWORKS, *STORES)}
