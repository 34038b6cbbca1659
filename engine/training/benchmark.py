"""How fast a device trains a run, found by training it for a moment."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from engine.config.specs import RunSpec, ScheduleSpec
from engine.datasets import PreparedData
from engine.devices.names import AssignedDevice
from engine.events.commands import Control
from engine.events.runs import Record
from engine.events.tasks import Event
from engine.training.trainer import train
from engine.utils.errors import Cancelled

log = logging.getLogger(__name__)

# The first record holds what happens only once. Intervals of small networks are over in milliseconds: they are measured
# for a while.
FEWEST_RECORDS, MOST_RECORDS, SECONDS = 4, 30, 0.3
LONGEST_INTERVAL = 50  # steps; longer ones would say little more
HARMLESS_RATE = 0.001  # at which nothing diverges; how long a step takes doesn't depend on it


def seconds_per_step(run: RunSpec, data: PreparedData, device: str, look: Callable[[], None]) -> float:
    """Seconds that a step of ``run`` takes on ``device``, records included; infinite where it can't be trained there.

    Trains for a moment, as in earnest but for the learning rate, and keeps nothing. ``look`` is called after each
    record, and may end it by raising.
    """
    every = min(run.training.record_every, LONGEST_INTERVAL)
    trial = run.replace(
        start_from=None,
        max_steps=MOST_RECORDS * every,
        schedule=ScheduleSpec(),
        training=run.training.replace(record_every=every, learning_rate=HARMLESS_RATE),
    )
    records: list[Record] = []

    def take(event: Event) -> None:
        if isinstance(event, Record):
            records.append(event)

    def poll(*, wait: bool = False) -> Control | None:  # noqa: ARG001 # the signature of every poll
        look()
        enough = len(records) >= FEWEST_RECORDS and records[-1].seconds >= SECONDS
        return Control.CANCEL if enough or len(records) == MOST_RECORDS else None

    try:
        train(0, trial, data, take, poll, None, place=AssignedDevice(device))
    except Cancelled:
        raise
    except Exception:  # too little memory on a card, a kernel it doesn't have: what TensorFlow raises is its own
        log.info("%s can't be trained on %s", run.architecture, device, exc_info=True)
        return math.inf
    spans = [(later.seconds - earlier.seconds) / (later.step - earlier.step) for earlier, later in pairwise(records)]
    return median(spans) if spans else math.inf
