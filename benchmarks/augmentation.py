"""Cost of augmentation: the time of a training step with each setting, relative to one without any.

    python -m benchmarks.augmentation [rounds]

One thread, batches of 50 images of 32x32 pixels, without records. All settings of a network alternate in one process.
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.config.augmentation import AugmentationSpec
from engine.config.specs import TrainingSpec
from engine.devices.hardware import configure
from engine.devices.libraries import used_library
from engine.training.noise import noise, noise_run

SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "flip, shift": {"flip": True, "shift": 4},
    "rotation, zoom": {"rotation": 15, "zoom": 0.1},
    "brightness, contrast": {"brightness": 0.2, "contrast": 0.2},
    "cutout": {"cutout": 8},
    "mixup": {"mixup": 0.2},
}
SETTINGS["all"] = {key: value for setting in SETTINGS.values() for key, value in setting.items()}
STEPS = {"mlp_1": 200, "cnn_4": 30}
CHANNELS = (1, 3)


def main(rounds: int) -> None:
    configure(threads=1)
    for architecture, steps in STEPS.items():
        for channels in CHANNELS:
            compare(architecture, channels, steps, rounds)


def compare(architecture: str, channels: int, steps: int, rounds: int) -> None:
    from engine.training.trainer import build_model

    data = noise((32, 32, channels), 10, 50 * steps, 100)
    models = {}
    for name, settings in SETTINGS.items():
        run = noise_run(architecture, TrainingSpec()).replace(augmentation=AugmentationSpec(**settings))
        models[name] = build_model(run, data, library=used_library())
        models[name].warm_up()
    ratios: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(rounds):
        times = {}
        for name, model in models.items():
            begin = time.perf_counter()
            model.run_segment(0, steps, validates=False)
            times[name] = time.perf_counter() - begin
        for name, seconds in times.items():
            ratios[name].append(seconds / times["nothing"])
    print(f"{architecture}, {channels} channel{'s' if channels > 1 else ''}, {used_library()}:")
    for name, found in ratios.items():
        print(f"  {name:<22} {median(found):.2f} ({min(found):.2f} to {max(found):.2f})", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
