"""``--list``: prints experiments, data sets, keys of settings and devices."""

from __future__ import annotations

import sys
from contextlib import closing

from engine.cli.arguments import Options
from engine.cli.executor import find_devices, make_executor
from engine.cli.output import print_lines
from engine.config.fields import describe
from engine.datasets import DATASETS
from engine.experiments import ALL, EXPERIMENTS
from engine.experiments.base import Experiment


def print_list(options: Options) -> None:
    """Print what can be chosen; propagates ``DeviceError`` if no device is found."""
    print_lines("Experiments (--batch)")
    for experiment in EXPERIMENTS.values():
        print_lines(f"  {experiment.name:<16}{experiment.summary}")
    print_lines(f"  {ALL:<16}Every experiment of the course, one after the other; each takes the settings it knows.")
    print_lines("\nData sets (--dataset; also a folder of images, or a file: .npz, .npy, IDX)")
    for name, source in DATASETS.items():
        print_lines(f"  {name:<16}{source.summary}")
    for experiment in EXPERIMENTS.values():
        _list_keys(experiment)
    print_lines("\nDevices")
    sys.stdout.flush()  # finding them takes seconds
    with closing(make_executor(options)) as executor:
        for key, name in find_devices(executor).items():
            print_lines(f"  {key:<16}{name}")


def _list_keys(experiment: Experiment) -> None:
    print_lines(f"\nKeys of {experiment.name} (--set key=value; values of the presets where they differ)")
    for item in describe(experiment.spec):
        default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
        presets = ", ".join(f"{n}: {p[item.key]}" for n, p in experiment.presets.items() if item.key in p)
        value = presets or ("empty" if default is None else str(default))
        unit = f" {item.unit}" if item.unit else ""
        print_lines(f"  {item.key:<22}{item.label}; {item.bounds}{unit} [{value}]")
