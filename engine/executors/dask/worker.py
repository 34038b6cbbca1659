"""Run attempts on a Dask worker, whose messages the client polls.

Only what a worker needs is imported here, as it may have no display.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from engine.devices.calibration import likely_library
from engine.devices.hardware import configure, load_tensorflow, silence_stderr
from engine.devices.libraries import use_library
from engine.events.runs import RunFinished, Status
from engine.events.tasks import Event
from engine.executors.dask import attempts
from engine.executors.dask.attempts import Attempt
from engine.executors.dask.data_transfer import obtain_data
from engine.executors.dask.messages import RunRequest, TrainedNetwork
from engine.executors.placement import Placement
from engine.executors.runner import TaskRunner
from engine.executors.tasks import TrainTask
from engine.utils.errors import TrainscopeError
from engine.utils.versions import versions

log = logging.getLogger(__name__)

_TRAINING = threading.Lock()  # one run at a time: TensorFlow's thread pool and Keras's state are per process
_LOADING = threading.Lock()  # held while the standard streams are redirected and restored


def train_remotely(request: RunRequest) -> None:
    """Train a run and publish its messages; the task that Dask executes."""
    run_attempt(request, _train)


def run_attempt(request: RunRequest, train: Callable[[Attempt, TrainTask], None]) -> None:
    """Register an attempt at a run, wait for the start signal and train.

    Args:
        request: the run.
        train: trains the run from the point given by the start signal.
    """
    with _TRAINING:
        attempts.REGISTRY.prune()
        attempt = attempts.REGISTRY.add(request)
        try:
            signal = attempt.wait_for_start()
            if signal.is_wanted:
                train(attempt, replace(request.task, interrupted=signal.interrupted))
        finally:
            attempt.is_over = True


def _train(attempt: Attempt, task: TrainTask) -> None:
    try:
        data = obtain_data(attempt, task.spec.data)
    except TrainscopeError as error:
        attempt.publish(RunFinished(task.run, Status.FAILED, str(error)))
        return
    with tempfile.TemporaryDirectory() as folder:
        model_file = Path(folder) / "network.keras" if task.model_file is not None else None

        def emit(event: Event) -> None:
            if isinstance(event, RunFinished) and event.model is not None:
                attempt.publish(TrainedNetwork(Path(event.model).read_bytes()))
            attempt.publish(event)

        local = replace(task, spec=task.spec.replace(data=data), model_file=model_file)
        _runner(attempt.request.device, attempt.request.threads).execute(local, emit, attempt.poll)


_RUNNERS: list[TaskRunner] = []


def _runner(device: str, threads: int | None) -> TaskRunner:
    """Return the only runner of this process.

    It keeps the device and threads of the first run, as TensorFlow is configured once per process.
    """
    if not _RUNNERS:
        from distributed import get_worker

        threads = threads or get_worker().state.nthreads
        # A worker of a local:N cluster shares this program's terminal.
        with _LOADING, silence_stderr():
            configure(threads, device, hide_optional=False)
        _RUNNERS.append(TaskRunner(Placement(device, threads=threads)))
    return _RUNNERS[0]


# Called by the client; run in the worker's event loop.


def report_versions(owner: str) -> dict[str, str]:
    """Return the versions of the program and its libraries on this worker.

    Also starts loading TensorFlow, as the client is about to train.
    """
    attempts.REGISTRY.last_contact[owner] = time.monotonic()
    _quieten_dask()
    _load_once()
    return versions()


@cache
def _load_once() -> None:
    threading.Thread(target=_load, name="load", daemon=True).start()


def _load() -> None:
    use_library(likely_library())
    try:
        with _LOADING, silence_stderr():
            load_tensorflow(hide_optional=False)  # other threads of the worker may import what would be hidden
            import engine.training.trainer  # noqa: F401
    except Exception:  # the first run reports it to the client
        log.exception("TensorFlow can't be loaded")


def _quieten_dask() -> None:
    """Suppress Dask's log entry for each call of ``Client.run``, of which there are several per second."""
    logger = logging.getLogger("distributed.worker")
    if _is_no_call not in logger.filters:
        logger.addFilter(_is_no_call)


def _is_no_call(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Run out-of-band function")
