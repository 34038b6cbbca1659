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
    import keras

    from engine.networks.inference import Prober


@cache
def prober() -> Prober:
    from engine.networks.inference import Prober

    return Prober()


@cache
def _network() -> keras.Sequential:
    from engine.config.specs import NetworkSpec
    from engine.networks.architectures import build_network

    return build_network(seeds.NETWORK, (8, 8, 1), 3, NetworkSpec(), seed=2)


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


def _weights(content: bytes, folder: Path) -> bool:
    from engine.training.trainer import load_weights

    file = folder / "start.keras"
    file.write_bytes(content)
    network = _network()
    return is_taken(lambda: load_weights(network, file, seeds.NETWORK, "relu"), file.name, (NetworkError,), CANARY)


NETWORKS = (
    Target("network to ask", spoilt(lambda: [seeds.network()], _spoilt_network), _probe, 0.6),
    Target("network to go on from", spoilt(lambda: [seeds.network()], _spoilt_network), _weights, 0.6),
)
