"""``--list``: prints experiments, data sets, keys of settings and devices."""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from pathlib import Path

from engine.cli.arguments import Options
from engine.cli.executor import find_devices, make_executor
from engine.cli.output import print_lines
from engine.config.fields import describe
from engine.datasets import DATASETS
from engine.executors.base import Executor
from engine.experiments import ALL, RUNNABLE_EXPERIMENTS
from engine.experiments.base import Experiment
from engine.networks.notation import LAYER_HELP
from engine.networks.presets import SOURCES
from engine.utils.errors import TrainscopeError
from engine.workspace.durations.estimate import estimate
from engine.workspace.queue import QueueEntry


def print_list(options: Options) -> None:
    """Print what can be chosen; propagates ``DeviceError`` if no device is found."""
    print_lines("Experiments (--batch), and what they take with each preset")
    with closing(make_executor(options)) as executor:
        for experiment in RUNNABLE_EXPERIMENTS.values():
            print_lines(f"  {experiment.name:<16}{experiment.summary}")
            _list_estimates(experiment, options.workspace, executor)
    print_lines(f"  {ALL:<16}Every experiment of the course, one after the other; each takes the settings it knows.")
    print_lines("\nData sets (--dataset; also a folder of images, or a file: .npz, .npy, IDX)")
    for name, source in DATASETS.items():
        print_lines(f"  {name:<16}{source.summary}")
    print_lines("\nNetworks (architecture, architectures)")
    for name, origin in SOURCES.items():
        print_lines(f"  {name:<16}{origin}")
    print_lines("\nLayers, for networks of your own: name[Conv-3x3x16, ReLU, MaxPool-2x2, FC-64]")
    for layer, what in LAYER_HELP.items():
        print_lines(f"  {layer:<20}{what}")
    for experiment in RUNNABLE_EXPERIMENTS.values():
        _list_keys(experiment)
    print_lines("\nDevices")
    sys.stdout.flush()  # finding them takes seconds
    with closing(make_executor(options)) as executor:
        for key, name in find_devices(executor).items():
            print_lines(f"  {key:<16}{name}")


def _list_estimates(experiment: Experiment, workspace: Path, executor: Executor) -> None:
    entries = [QueueEntry(0, experiment, experiment.preset(name)) for name in experiment.presets]
    with suppress(TrainscopeError):  # without estimates if the store can't be read
        for name, found in zip(experiment.presets, estimate(workspace, entries, executor.allocation), strict=True):
            if str(found):
                print_lines(f"  {'':<16}{name}: {found}")


def _list_keys(experiment: Experiment) -> None:
    print_lines(f"\nKeys of {experiment.name} (--set key=value; values of the presets where they differ)")
    for item in describe(experiment.spec):
        default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
        presets = ", ".join(f"{n}: {p[item.key]}" for n, p in experiment.presets.items() if item.key in p)
        value = presets or ("empty" if default is None else str(default))
        unit = f" {item.unit}" if item.unit else ""
        print_lines(f"  {item.key:<22}{item.label}; {item.bounds}{unit} [{value}]")
