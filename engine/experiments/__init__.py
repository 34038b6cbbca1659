"""The experiments, one package each; window and command line read the table ``EXPERIMENTS``."""

from __future__ import annotations

from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.base import Experiment, LoggedExperiment
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.continuation import CONTINUATION_EXPERIMENT
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from engine.experiments.learning_rate import LEARNING_RATE_EXPERIMENT
from engine.experiments.own_code import OWN_CODE_EXPERIMENT
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.utils.errors import SpecError

_ALL: tuple[Experiment, ...] = (
    ARCHITECTURES_EXPERIMENT,
    ACTIVATIONS_EXPERIMENT,
    LEARNING_RATE_EXPERIMENT,
    SCHEDULE_EXPERIMENT,
    CONVOLUTION_EXPERIMENT,
    BASICS_EXPERIMENT,
    CONTINUATION_EXPERIMENT,
    OWN_CODE_EXPERIMENT,
)
EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}

# Those that this program runs itself: each has a tab, presets and a name for --batch.
RUNNABLE_EXPERIMENTS = {name: each for name, each in EXPERIMENTS.items() if not isinstance(each, LoggedExperiment)}

COURSE_EXPERIMENTS = {name: each for name, each in EXPERIMENTS.items() if each.homework_part is not None}

ALL = "all"  # the name by which --batch runs every experiment of the course in turn


def find_runnable(name: str) -> Experiment:
    """Return the experiment of that name, if this program runs it itself.

    Raises:
        SpecError: if it doesn't, or there is none of that name; the message lists the known names.
    """
    if isinstance(EXPERIMENTS.get(name), LoggedExperiment):
        raise SpecError(f"'{name}' is logged by other programs; follow their logs with --watch FOLDER.")
    if name not in RUNNABLE_EXPERIMENTS:
        raise SpecError(f"There is no experiment called '{name}'; there are {', '.join(RUNNABLE_EXPERIMENTS)}.")
    return RUNNABLE_EXPERIMENTS[name]


def find_experiment(name: str) -> Experiment:
    """Return the experiment of that name.

    Raises:
        SpecError: if there is none; the message lists the known names.
    """
    if name not in EXPERIMENTS:
        raise SpecError(f"There is no experiment called '{name}'; there are {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]
