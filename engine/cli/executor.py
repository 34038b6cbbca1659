"""Creates the executor chosen on the command line, and lists its devices."""

from __future__ import annotations

from contextlib import closing

from engine.cli.arguments import Options
from engine.devices.names import AUTO
from engine.events.channel import ControlChannel
from engine.events.devices import WorkerReady
from engine.events.tasks import Event, TaskFailed
from engine.executors.base import Executor
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.routing import RoutingExecutor
from engine.executors.tasks import DeviceTask
from engine.utils.errors import DeviceError
from engine.utils.paths import log_folder


def make_executor(options: Options) -> Executor:
    """Create the executor by ``--workers``: None chooses the number of processes, 0 trains in this process."""
    device = options.device or AUTO
    if options.workers == 0:
        return InlineExecutor(device)
    local = ProcessExecutor(options.workers, log_folder(options.workspace), device=device)
    return RoutingExecutor(local, options.workspace, device, options.cluster)


def find_devices(executor: Executor) -> dict[str, str]:
    """Return the name of each device by its key.

    Raises:
        DeviceError: if TensorFlow can't be queried.
    """
    found: list[Event] = []
    with closing(ControlChannel()) as control:
        executor.run([DeviceTask()], found.append, control)
    for event in found:
        if isinstance(event, WorkerReady):
            return event.devices
        if isinstance(event, TaskFailed):
            raise DeviceError(event.reason)
    raise DeviceError("No device was found; install the packages in requirements.txt again.")
