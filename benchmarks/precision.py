"""Effect of validation in bfloat16: accuracy and loss of the same trained network in float32 and in bfloat16.

    python -m benchmarks.precision [--dataset digits] [--epochs N] [--seeds N]

Each network of the course is trained with each seed, and evaluated both ways on the whole validation set, as the engine
does with the library that computes in this process.
"""

from __future__ import annotations

import argparse
import os

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.config.specs import DataSpec, NetworkSpec, RunSpec, TrainingSpec
from engine.datasets import prepare
from engine.devices.hardware import configure, cpu_count
from engine.devices.libraries import used_library
from engine.networks.architectures import ARCHITECTURES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    configure(threads=cpu_count())
    import tensorflow as tf

    from engine.training.callbacks.shuffle import ShuffleOrder
    from engine.training.evaluation import PRECISIONS, Evaluator
    from engine.training.forward import folding_for
    from engine.training.trainer import build_model, fit

    data = prepare(DataSpec(dataset=options.dataset), lambda *_told: None)
    library = used_library()
    images, labels = tf.constant(data.x_validation), tf.constant(data.y_validation)
    extent = f"{options.epochs} epochs, {options.seeds} seeds"
    print(f"{library}, {options.dataset}, {len(labels):,} validation images, {extent}")
    for architecture in ARCHITECTURES:
        found = []
        for seed in range(options.seeds):
            run = RunSpec(
                variant=architecture,
                architecture=architecture,
                repeat=1,
                seed=seed,
                data=DataSpec(dataset=options.dataset),
                network=NetworkSpec(),
                training=TrainingSpec(epochs=options.epochs, record_every=100),
            )
            model = build_model(run, data, threads=cpu_count(), library=library)
            model.warm_up()
            fit(model, [ShuffleOrder(seed, len(data.y_train))])
            exact, rounded = (
                Evaluator(model.network, data.info.shape, False, folding_for(library), precision, cpu_count())(
                    images, labels
                )
                for precision in PRECISIONS
            )
            found.append((exact.accuracy, rounded.accuracy - exact.accuracy, rounded.loss / exact.loss - 1))
        accuracy, moved, loss = np.array(found).T
        print(
            f"{architecture}: {100 * accuracy.mean():.2f} %; in bfloat16 {100 * moved.mean():+.3f} points on average, "
            f"{100 * np.abs(moved).max():.3f} at most; loss {100 * np.abs(loss).max():.2f} % at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
