"""How fast a device trains a run, found by training it for a moment."""

from __future__ import annotations

import logging
import math
from itertools import pairwise
from statistics import median

from engine.datasets import PreparedData
from engine.devices.names import Place
from engine.errors import Cancelled
from engine.events import Control, Event, Record
from engine.spec import RunSpec
from engine.training.trainer import train

log = logging.getLogger(__name__)

RECORDS = 4  # the first holds what happens only once


def seconds_per_step(run: RunSpec, data: PreparedData, device: str) -> float:
    """Seconds that a step of ``run`` takes on ``device``, records included; infinite where it can't be trained there.

    Trains up to the fourth record, as in earnest, and keeps nothing. A run of fewer than two records takes 0 seconds.
    """
    records: list[Record] = []

    def take(event: Event) -> None:
        if isinstance(event, Record):
            records.append(event)

    def poll(*, wait: bool = False) -> Control | None:  # noqa: ARG001 # the signature of every poll
        return Control.CANCEL if len(records) >= RECORDS else None

    try:
        train(0, run.replace(start_from=None), data, take, poll, None, place=Place(device))
    except Cancelled:
        raise
    except Exception:  # too little memory on a card, a kernel it doesn't have: what TensorFlow raises is its own
        log.info("%s can't be trained on %s", run.architecture, device, exc_info=True)
        return math.inf
    spans = [(later.seconds - earlier.seconds) / (later.step - earlier.step) for earlier, later in pairwise(records)]
    return median(spans) if spans else 0.0
