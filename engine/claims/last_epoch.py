"""Where a run ended: one record is a matter of luck, an epoch of them hardly."""

from __future__ import annotations

import math
from statistics import fmean

from engine.storage.results import RunResult


def last_epoch_mean(result: RunResult, quantity: str) -> float:
    """Mean of a number of a record over the last epoch that has records; NaN where none is finite."""
    epoch = result.records[-1].epoch
    values = [float(getattr(record, quantity)) for record in result.records if record.epoch == epoch]
    return fmean(finite) if (finite := [value for value in values if math.isfinite(value)]) else math.nan
