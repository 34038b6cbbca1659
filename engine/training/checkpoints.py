"""Serialisation of a training's state, from which an interrupted run resumes exactly.

The state comprises all variables of network and optimiser, the position in the run, and the state of the callbacks. The
order of the images need not be stored: it follows from seed and epoch. The format is a NumPy archive without pickles,
so reading it executes no code.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.events.devices import Device
from engine.training.callbacks.early_stopping import StopEarly, StoppingState
from engine.training.callbacks.plateau import LowerOnPlateau
from engine.training.callbacks.recorder import Recorder
from engine.training.model import MeasuredModel
from engine.utils.arrays import Array
from engine.utils.errors import StoreError

HEADER = "header"  # the entry with everything but the arrays, as JSON
# Before the numbers of the other entries: variables of the training, and weights that early stopping keeps.
VARIABLE, KEPT = "variable_", "kept_"


@dataclass(frozen=True)
class Environment:
    """What determines a run's numbers besides its settings; in another environment they may differ."""

    device: Device
    versions: dict[str, str]


@dataclass(frozen=True)
class TrainingState:
    """The contents of a checkpoint.

    Attributes:
        epoch: the epoch to resume with, from 0.
        step: number of steps made.
        environment: where the checkpoint was made.
        recorder: state of the ``Recorder``.
        plateau: state of ``LowerOnPlateau``; empty without one.
        stopping: state of ``StopEarly``; None without one.
        variables: values in the order of ``_variables``.
    """

    epoch: int
    step: int
    environment: Environment
    recorder: dict[str, Any]
    plateau: dict[str, Any]
    stopping: StoppingState | None
    variables: tuple[Array, ...]

    def apply(self, model: MeasuredModel) -> None:
        """Assign the variables of ``model``.

        Raises:
            StoreError: if the state is that of another network.
        """
        variables = _variables(model)
        if [tuple(v.shape) for v in variables] != [values.shape for values in self.variables]:
            raise StoreError("The checkpoint of this run is of another network; skip the run, or run it anew.")
        for variable, values in zip(variables, self.variables, strict=True):
            variable.assign(values)
        model.first_step = self.step


def pack_checkpoint(
    epoch: int,
    model: MeasuredModel,
    environment: Environment,
    recorder: Recorder,
    plateau: LowerOnPlateau | None,
    stopping: StopEarly | None,
) -> tuple[int, bytes]:
    """Serialise the state of a training; ``epoch`` as in ``TrainingState``.

    Returns:
        The last step, and the state after it.
    """
    step = int(model.optimizer.iterations.numpy())
    header = {
        "epoch": epoch,
        "step": step,
        "origin": asdict(environment),
        "recorder": recorder.state,
        "plateau": plateau.state if plateau is not None else {},
    }
    arrays = {f"{VARIABLE}{number}": np.asarray(each) for number, each in enumerate(_variables(model))}
    if stopping is not None:
        state = stopping.state
        header["stopping"] = {key: value for key, value in vars(state).items() if key != "weights"}
        arrays |= {f"{KEPT}{number}": each for number, each in enumerate(state.weights)}
    file = io.BytesIO()
    np.savez(file, **{HEADER: np.array(json.dumps(header))}, **arrays)  # type: ignore[arg-type] # NumPy's own stubs
    return step, file.getvalue()


def unpack_checkpoint(data: bytes) -> TrainingState:
    """Deserialise what ``pack_checkpoint`` returned.

    Raises:
        StoreError: if ``data`` is damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            header = json.loads(str(archive[HEADER]))
            variables, kept = _numbered(archive, VARIABLE), _numbered(archive, KEPT)
        return TrainingState(
            epoch=int(header["epoch"]),
            step=int(header["step"]),
            environment=Environment(Device(**header["origin"]["device"]), header["origin"]["versions"]),
            recorder=header["recorder"],
            plateau=header["plateau"],
            stopping=StoppingState(**stopping, weights=kept) if (stopping := header.get("stopping")) else None,
            variables=variables,
        )
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise StoreError(f"The checkpoint of this run is damaged ({error}); skip the run, or run it anew.") from None


def _numbered(archive: Mapping[str, Array], prefix: str) -> tuple[Array, ...]:
    """Return the entries called ``prefix`` and a number, in the order of the numbers."""
    return tuple(archive[f"{prefix}{number}"] for number in range(sum(name.startswith(prefix) for name in archive)))


def _variables(model: MeasuredModel) -> list[Any]:
    """Variables of network, optimiser and learning rate, in an order that depends on the settings only."""
    return [*model.network.variables, *model.optimizer.variables, *model.rate_variables]
