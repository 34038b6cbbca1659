"""Targets: files of networks."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from engine.utils.errors import NetworkError, StoreError
from tests.fuzz import seeds
from tests.fuzz.mutators import as_json, mutated_bytes, mutated_value, mutated_zip
from tests.fuzz.oracle import CANARY, is_taken
from tests.fuzz.target import Target, spoilt

if TYPE_CHECKING:
    from engine.networks.inference import Prober


@cache
def prober() -> Prober:
    from engine.networks.inference import Prober

    return Prober()


def _network_inside(name: str, content: bytes, random: Random) -> bytes:
    if name != "config.json" or random.random() < 0.2:
        return mutated_bytes(content, random)
    description = json.loads(content)
    if random.random() < 0.4:
        layers = description["config"]["layers"]
        odd = random.choice((seeds.harmful_layer(CANARY), seeds.harmful_call(CANARY)))
        place = random.randrange(1, len(layers))
        if random.random() < 0.5:
            layers.insert(place, odd)
        else:
            layers[place]["config"][random.choice(("activation", "kernel_initializer", "dtype", "name"))] = odd
    else:
        description = mutated_value(description, random)
    return as_json(description).encode()


def _spoilt_network(content: bytes, random: Random) -> bytes:
    return mutated_zip(content, random, _network_inside)


def _probe(content: bytes, folder: Path) -> bool:
    file = folder / "asked.keras"
    file.write_bytes(content)
    image = np.zeros((8, 8, 1), np.float32)
    return is_taken(lambda: prober().probe(file, image), file.name, (StoreError,), CANARY)


def _continued(content: bytes, folder: Path) -> bool:
    from engine.config.specs import NetworkSpec
    from engine.networks.architectures import build_network
    from engine.networks.comparison import AS_TRAINED
    from engine.networks.continuation import open_start
    from engine.networks.loading import load_weights

    file = folder / "start.keras"
    file.write_bytes(content)

    def start() -> None:
        opened = open_start(file)
        opened.check_data((8, 8, 1), 3)
        architecture = opened.architecture_for(AS_TRAINED)
        activation = opened.activation_for(AS_TRAINED, AS_TRAINED)
        network = build_network(architecture, (8, 8, 1), 3, NetworkSpec(activation=activation), seed=2)
        load_weights(network, file, architecture, activation)

    return is_taken(start, file.name, (NetworkError,), CANARY)


def _seeds() -> list[bytes]:
    return [seeds.network(), seeds.residual_network()]


NETWORKS = (
    Target("network to ask", spoilt(_seeds, _spoilt_network), _probe, 0.6),
    Target("network to go on from", spoilt(_seeds, _spoilt_network), _continued, 0.6),
)
