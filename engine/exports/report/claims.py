"""What the measurements of stored experiments support, in sentences with the numbers behind them."""

from __future__ import annotations

from engine.analysis.claims import Claim, ComputedClaims, ComputedResult, RunClaims
from engine.analysis.results import ExperimentResult, load_results
from engine.events.experiments import Computation
from engine.experiments.activations.claims import activation_claims
from engine.experiments.architectures.claims import architecture_claims
from engine.experiments.basics.claims import basics_claims
from engine.experiments.continuation.claims import continuation_claims
from engine.experiments.convolution.claims import convolution_claims
from engine.experiments.learning_rate.claims import learning_rate_claims
from engine.experiments.schedule.claims import schedule_claims
from engine.storage.store import Store

__all__ = ["Claim", "claims_of", "claims_of_computation", "claims_of_runs"]

OF_RUNS: dict[str, RunClaims] = {
    "architectures": architecture_claims,
    "activations": activation_claims,
    "learning-rate": learning_rate_claims,
    "schedule": schedule_claims,
    "train-on": continuation_claims,
}
OF_COMPUTATIONS: dict[str, ComputedClaims] = {
    "convolution": convolution_claims,
    "basics": basics_claims,
}


def claims_of(store: Store, experiment: int) -> tuple[Claim, ...]:
    """What a stored experiment supports; empty where it came to nothing.

    Raises :class:`~engine.utils.errors.StoreError` where there is no such experiment.
    """
    stored = store.experiment(experiment)
    if stored.name in OF_RUNS:
        return claims_of_runs(load_results(store, experiment))
    found = store.computation(experiment)
    return () if found is None else claims_of_computation(stored.name, experiment, found)


def claims_of_runs(result: ExperimentResult) -> tuple[Claim, ...]:
    """What an experiment with runs supports."""
    return tuple(OF_RUNS[result.experiment.name](result))


def claims_of_computation(name: str, experiment: int, found: Computation) -> tuple[Claim, ...]:
    """What a computed experiment, called ``name``, supports."""
    return tuple(OF_COMPUTATIONS[name](ComputedResult(experiment, found)))
