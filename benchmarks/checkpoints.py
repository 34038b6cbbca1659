"""Cost of a checkpoint after every epoch: training time with and without checkpoints, and their size.

Trainings alternate in one process, A B A B: unchanged, with every event pickled as for the pipe and stored; and with a
callback that does nothing instead of the one that sends checkpoints. On the digits an epoch takes a few hundredths of a
second, so this is the worst case.

Usage: python -m benchmarks.checkpoints [rounds]
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.config.specs import DataSpec, NetworkSpec, RunSpec, TrainingSpec
from engine.datasets import PreparedData, prepare
from engine.devices.hardware import configure
from engine.events.runs import Checkpoint, RunFinished
from engine.events.tasks import Event
from engine.storage.store import Store

NETWORKS = {
    "mlp_1": 20,  # epochs
    "cnn_4": 5,
    "wide[FC-1000, ReLU, FC-1000, ReLU]": 5,
}


def main(rounds: int) -> None:
    import keras

    from engine.training import trainer

    configure(1)
    data = prepare(DataSpec(), lambda _message, _done, _total: None)
    with_checkpoints = trainer.EmitCheckpoints
    for architecture, epochs in NETWORKS.items():
        times: dict[bool, list[float]] = {True: [], False: []}
        size = 0
        for turn in range(2 * rounds + 2):
            keeps = turn % 2 == 0
            trainer.EmitCheckpoints = with_checkpoints if keeps else lambda *_: keras.callbacks.Callback()
            seconds, found = trained(architecture, epochs, data)
            size = max(size, found)
            if turn > 1:  # the first of each is a warm-up
                times[keeps].append(seconds / epochs)
        trainer.EmitCheckpoints = with_checkpoints
        ratios = [a / b for a, b in zip(times[True], times[False], strict=True)]
        print(
            f"{architecture}: an epoch {1000 * median(times[True]):.0f} ms with checkpoints ({size / 1e6:.2f} MB), "
            f"{1000 * median(times[False]):.0f} without: {median(ratios):.3f} times "
            f"({min(ratios):.3f} to {max(ratios):.3f})",
            flush=True,
        )


def trained(architecture: str, epochs: int, data: PreparedData) -> tuple[float, int]:
    """Training time in seconds, and the size of a checkpoint in bytes."""
    from engine.training.trainer import train

    run = RunSpec(
        variant="benchmark",
        architecture=architecture,
        repeat=1,
        seed=0,
        data=DataSpec(),
        network=NetworkSpec(),
        training=TrainingSpec(epochs=epochs),
    )
    size, seconds = 0, 0.0
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        number = store.add_experiment("benchmark", "{}", 0, data.info, 1)
        (planned,) = store.add_runs(number, [run], [0], [1])

        def emit(event: Event) -> None:
            nonlocal size, seconds
            store.add(pickle.loads(pickle.dumps(event)))  # noqa: S301 - pickled by this process
            if isinstance(event, Checkpoint):
                size = len(event.data)
            if isinstance(event, RunFinished):
                seconds = event.seconds or 0.0

        train(planned.run, run, data, emit, lambda: None, None)
    return seconds, size


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
