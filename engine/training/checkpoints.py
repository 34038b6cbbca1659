"""The state of a training as bytes, and back: what a run needs to go on as if nothing had been.

That is every variable of network and optimiser, where the run stands, and what the callbacks remember. The order of the
images follows from seed and epoch. The bytes are a NumPy archive without pickles, so reading one runs no code.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.events.devices import Device
from engine.training.callbacks.plateau import LowerOnPlateau
from engine.training.callbacks.recorder import Recorder
from engine.training.model import MeasuredModel
from engine.utils.arrays import Array
from engine.utils.errors import StoreError

HEADER = "header"  # the entry that holds all that is no array, as JSON


@dataclass(frozen=True)
class Origin:
    """What decides the bits of a run beside its settings: where they differ, numbers may."""

    device: Device
    versions: dict[str, str]


@dataclass(frozen=True)
class TrainingState:
    """A checkpoint, unpacked. ``epoch`` (from 0) is the one to go on with, after ``step`` steps of the whole run."""

    epoch: int
    step: int
    origin: Origin
    recorder: dict[str, Any]
    plateau: dict[str, Any]
    variables: tuple[Array, ...]

    def apply(self, model: MeasuredModel) -> None:
        """Give ``model`` the values; raises :class:`StoreError` where they are of another network."""
        variables = _variables(model)
        if [tuple(v.shape) for v in variables] != [values.shape for values in self.variables]:
            raise StoreError("The checkpoint of this run is of another network; skip the run, or run it anew.")
        for variable, values in zip(variables, self.variables, strict=True):
            variable.assign(values)
        model.first_step = self.step


def packed(
    epoch: int, model: MeasuredModel, origin: Origin, recorder: Recorder, plateau: LowerOnPlateau | None
) -> tuple[int, bytes]:
    """The step that was reached, and the state after it; ``epoch`` as in :class:`TrainingState`."""
    step = int(model.optimizer.iterations.numpy())
    header = {
        "epoch": epoch,
        "step": step,
        "origin": asdict(origin),
        "recorder": recorder.state,
        "plateau": plateau.state if plateau is not None else {},
    }
    arrays = {f"variable_{number}": np.asarray(each) for number, each in enumerate(_variables(model))}
    file = io.BytesIO()
    np.savez(file, **{HEADER: np.array(json.dumps(header))}, **arrays)  # type: ignore[arg-type] # NumPy's own stubs
    return step, file.getvalue()


def unpacked(data: bytes) -> TrainingState:
    """What :func:`packed` gave; raises :class:`StoreError` where ``data`` is damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            header = json.loads(str(archive[HEADER]))
            variables = tuple(archive[f"variable_{number}"] for number in range(len(archive.files) - 1))
        return TrainingState(
            epoch=int(header["epoch"]),
            step=int(header["step"]),
            origin=Origin(Device(**header["origin"]["device"]), header["origin"]["versions"]),
            recorder=header["recorder"],
            plateau=header["plateau"],
            variables=variables,
        )
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise StoreError(f"The checkpoint of this run is damaged ({error}); skip the run, or run it anew.") from None


def _variables(model: MeasuredModel) -> list[Any]:
    """In an order that depends on the settings alone: those of the network, of the optimiser, of the rate."""
    return [*model.network.variables, *model.optimizer.variables, *model.rate_variables]
