"""What each setting of optimiser, loss and learning rate costs a step, as a ratio to the same optimiser without it.

All alternate in one process, on one thread, with a record and its validation every ten steps: A B C ... A B C.

Usage: python -m benchmarks.training_settings [rounds]
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.config.specs import TrainingSpec
from engine.devices.hardware import configure
from engine.training.model import MeasuredModel
from engine.training.noise import noise, noise_run
from engine.training.trainer import build_model

SHAPE, CLASSES, TRAINING_IMAGES, VALIDATION_IMAGES = (32, 32, 1), 10, 1_000, 500
STEPS, CALLS = 10, {"mlp_1": 4, "cnn_4": 1}  # steps between records; intervals per round

SETTINGS: dict[str, dict[str, Any]] = {
    "Adam": {},
    "Adam, weight decay": {"weight_decay": 0.01},
    "Adam, clipping": {"clip_norm": 1.0},
    "Adam, label smoothing": {"label_smoothing": 0.1},
    "Adam, class weights": {"class_weights": "balanced"},
    "Adam, weight average": {"ema_momentum": 0.99},
    "Adam, cosine": {"rate_over_time": "cosine"},
    "Adam, restarts": {"rate_over_time": "cosine-restarts"},
    "Adam, one cycle": {"rate_over_time": "one-cycle"},
    "Adam, warm-up": {"warm_up": 1},
    "Adam, warm-up, one cycle": {"rate_over_time": "one-cycle", "warm_up": 1},
    "SGD": {"optimizer": "sgd"},
    "SGD, momentum": {"optimizer": "sgd", "momentum": 0.9},
    "SGD, Nesterov": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    "RMSprop": {"optimizer": "rmsprop"},
    "RMSprop, momentum": {"optimizer": "rmsprop", "momentum": 0.9},
}


def main(rounds: int) -> None:
    configure(threads=1)
    print(
        f"One thread, {rounds} rounds, batch 50, a record with validation on {VALIDATION_IMAGES} images every {STEPS}"
    )
    for architecture, calls in CALLS.items():
        models = {name: compiled(architecture, settings) for name, settings in SETTINGS.items()}
        times: dict[str, list[float]] = {name: [] for name in models}
        for number in range(rounds + 1):
            for name, model in models.items():
                begin = time.perf_counter()
                for _ in range(calls):
                    model.run_segment(0, STEPS, validates=True)
                if number:  # the first round warms up
                    times[name].append(time.perf_counter() - begin)
        for name, seconds in times.items():
            base = times[name.partition(",")[0]]
            ratios = sorted(one / other for one, other in zip(seconds, base, strict=True))
            step = 1000 * median(seconds) / (calls * STEPS)
            print(f"{architecture:6} {name:24} {step:7.3f} ms a step {median(ratios):6.2f} times")


def compiled(architecture: str, settings: dict[str, Any]) -> MeasuredModel:
    run = noise_run(architecture, TrainingSpec(record_every=STEPS, **settings))
    model = build_model(run, noise(SHAPE, CLASSES, TRAINING_IMAGES, VALIDATION_IMAGES))
    model.warm_up()
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
