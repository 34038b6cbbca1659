"""Assignment of tasks to devices."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from importlib.metadata import version

import engine
from engine.config.specs import RunSpec
from engine.datasets import PreparedData, ProgressCallback
from engine.devices import verification as check
from engine.devices.cache import DeviceCache, Verification
from engine.devices.calibration import CONVOLUTIONAL, DENSE, read_calibration, seconds_per_step
from engine.devices.hardware import available_devices, cpu_count, device_memory, gpu_software, hidden_devices
from engine.devices.libraries import used_library
from engine.devices.names import AUTO, CPU, AssignedDevice
from engine.events.devices import DeviceChoice, DeviceReport, DevicesAppraised, LibraryReport
from engine.utils.errors import Cancelled
from engine.utils.paths import devices_file
from engine.utils.text import reason

log = logging.getLogger(__name__)

CheckCancelled = Callable[[], None]

MAX_TRIES = 2  # to verify a device, each of which ended the process


class Placement:
    """Assigns a device to each task.

    A GPU is used only once it has been verified: ``engine.devices.verification`` compares it with NumPy, once for each
    driver and TensorFlow version. ``auto`` assigns a run to the device that trains it fastest: each network is trained
    for a moment on every verified device, once, and the times are cached. Parallel processes have a core each but share
    a GPU, so the GPU's time is multiplied by their number.

    Methods call ``check_cancelled`` periodically while they verify or measure; it may raise to stop that.

    Args:
        wanted: auto, cpu or the key of a GPU.
        processes: number of processes that train in parallel.
        threads: number of threads of this process.
        cache: earlier results; in the cache folder unless given.
    """

    def __init__(
        self, wanted: str = AUTO, processes: int = 1, threads: int | None = None, cache: DeviceCache | None = None
    ) -> None:
        self._wanted, self._processes = wanted, processes
        self._threads = threads or cpu_count()
        self._cache = cache or DeviceCache(devices_file())
        self._names: dict[str, str] | None = None

    def for_run(
        self,
        run: RunSpec,
        data: PreparedData,
        previous: str,
        progress: ProgressCallback,
        check_cancelled: CheckCancelled,
    ) -> AssignedDevice:
        """Return the device for a run: the requested one, else the ``previous`` one, else the fastest.

        Args:
            run: the run.
            data: its images, for measurements.
            previous: the device on which its variant was trained so far, empty if none.
            progress: receives the progress of measurements.
            check_cancelled: see the class.
        """
        for requested in (self._wanted, previous):
            if requested in self._devices:
                return self._verified(requested, check_cancelled)
        candidates, refusal = self._candidates(check_cancelled)
        if len(candidates) == 1:
            return AssignedDevice(CPU, refusal)
        seconds = self._measured(run, candidates)
        if len(seconds) < len(candidates):
            seconds = self._measure(run, data, candidates, progress, check_cancelled)
        return AssignedDevice(self._fastest(seconds), refusal)

    def for_task(self, check_cancelled: CheckCancelled) -> AssignedDevice:
        """Return the device for a task that is no run: the requested one, else the processor."""
        return self._verified(self._wanted, check_cancelled) if self._wanted in self._devices else AssignedDevice(CPU)

    def appraise(self, runs: tuple[RunSpec, ...], refresh: bool, check_cancelled: CheckCancelled) -> DevicesAppraised:
        """Verify all devices and choose one for each of ``runs``; ``refresh`` discards earlier results."""
        if refresh:
            with self._cache.locked(check_cancelled):
                self._cache.clear()
        reports = tuple(self._report(device, check_cancelled) for device in self._devices)
        choices = tuple(self._choice(run, check_cancelled) for run in runs)
        return DevicesAppraised(reports, choices, _library_reports())

    @property
    def _devices(self) -> dict[str, str]:
        if self._names is None:
            self._names = available_devices()
        return self._names

    def _verified(self, device: str, check_cancelled: CheckCancelled) -> AssignedDevice:
        if device == CPU or (verification := self._verification(device, check_cancelled)).state == "sound":
            return AssignedDevice(device)
        return AssignedDevice(CPU, verification.findings)

    def _candidates(self, check_cancelled: CheckCancelled) -> tuple[list[str], str]:
        """The devices that compute correctly, and why the first of the others doesn't."""
        assigned = [self._verified(device, check_cancelled) for device in self._devices]
        refusals = [each.refusal for each in assigned if each.refusal]
        return list(dict.fromkeys(each.device for each in assigned)), refusals[0] if refusals else ""

    def _verification(self, device: str, check_cancelled: CheckCancelled) -> Verification:
        identity = self.identity(device)
        found = self._cache.verification(identity)
        if found is not None and found.state != "begun":
            return found
        with self._cache.locked(check_cancelled) as is_locked:
            found = self._cache.verification(identity)  # another process may have finished it meanwhile
            if found is None or found.state == "begun":
                # A process holds the lock until its verification is done. Once the lock is acquired here, one that was
                # begun has ended, maybe together with its process.
                tries = found.tries if found is not None and is_locked else 0
                self._cache.store_verification(identity, Verification(state="begun", tries=tries + 1))
                found = (
                    _refused(device, f"{device} ends every process that looks whether it computes as it should")
                    if tries >= MAX_TRIES
                    else self._verify(device)
                )
                self._cache.store_verification(identity, found)
        return found

    @staticmethod
    def _verify(device: str) -> Verification:
        try:
            found = check.deviations(device)
        except Exception as error:  # TensorFlow raises types of its own: missing GPU kernels, out of memory
            log.exception("%s can't be computed on", device)
            return _refused(device, f"{device} can't be computed on ({type(error).__name__}: {reason(error)})")
        if (failure := check.describe_failure(device, found)) is not None:
            return _refused(device, failure)
        return Verification(state="sound", findings=check.describe_agreement(device, found))

    def _measure(
        self,
        run: RunSpec,
        data: PreparedData,
        devices: list[str],
        progress: ProgressCallback,
        check_cancelled: CheckCancelled,
    ) -> dict[str, float]:
        from engine.training.benchmark import seconds_per_step

        workload = _workload(run)
        with self._cache.locked(check_cancelled):
            seconds = self._measured(run, devices)
            missing = [device for device in devices if device not in seconds]
            for number, device in enumerate(missing):
                progress(f"Measuring how fast {run.architecture} trains on {device}", number, len(missing))
                identity = self.identity(device)
                # A device that ends the process while training counts as infinitely slow, so that is stored first.
                self._cache.store_step_seconds(identity, workload, math.inf)
                try:
                    seconds[device] = seconds_per_step(run, data, device, check_cancelled)
                except Cancelled:
                    self._cache.discard_pending()
                    raise
                log.info("%s on %s: %g s a step", workload, device, seconds[device])
                self._cache.store_step_seconds(identity, workload, seconds[device])
        return seconds

    def _measured(self, run: RunSpec, devices: list[str]) -> dict[str, float]:
        workload = _workload(run)
        found = {device: self._cache.step_seconds(self.identity(device), workload) for device in devices}
        return {device: seconds for device, seconds in found.items() if seconds is not None}

    def _fastest(self, seconds: dict[str, float]) -> str:
        """The fastest device; on a tie the processor, which comes first."""
        return min(seconds, key=lambda device: seconds[device] * (1 if device == CPU else self._processes))

    def _report(self, device: str, check_cancelled: CheckCancelled) -> DeviceReport:
        if device in hidden_devices():
            return DeviceReport(device, self._devices[device], None, None, "")
        verification = self._verification(device, check_cancelled)
        check_cancelled()
        try:
            memory = device_memory(device) if verification.state == "sound" else None
        except Exception:
            log.exception("the memory of %s is unknown", device)
            memory = None
        return DeviceReport(device, self._devices[device], memory, verification.state == "sound", verification.findings)

    def _choice(self, run: RunSpec, check_cancelled: CheckCancelled) -> DeviceChoice:
        if self._wanted in self._devices:
            return DeviceChoice(run.architecture, self._verified(self._wanted, check_cancelled).device, {})
        candidates, _ = self._candidates(check_cancelled)
        if len(candidates) == 1:
            return DeviceChoice(run.architecture, CPU, {})
        seconds = self._measured(run, candidates)
        finite = {device: each for device, each in seconds.items() if math.isfinite(each)}
        return DeviceChoice(run.architecture, self._fastest(seconds) if len(seconds) == len(candidates) else "", finite)

    def identity(self, device: str) -> str:
        """Return a description of all that determines results and speed of ``device``, the key of its cached results.

        An update of any part makes it another device.
        """
        name = f"{device}: {self._devices[device]}"
        if device != CPU:
            return f"{name}, {gpu_software(device)}"
        versions = f"TensorFlow {version('tensorflow')}, Trainscope {engine.__version__}"
        return f"{name}, threads: {self._threads}, {used_library()}, {versions}"


def _library_reports() -> tuple[LibraryReport, ...]:
    calibration = read_calibration()
    return tuple(
        LibraryReport(
            kind,
            calibration.library(kind),
            {library: seconds_per_step(times) for library, times in calibration.times.get(kind, {}).items()},
        )
        for kind in (DENSE, CONVOLUTIONAL)
    )


def _refused(device: str, failure: str) -> Verification:
    cure = "install TensorFlow again" if device == CPU else "the processor is used instead; update its driver"
    return Verification(state="wrong", findings=f"{failure}; {cure}, then look again (Help > Devices).")


def _workload(run: RunSpec) -> str:
    """A description of all that determines the time of a step of ``run``, records included."""
    training = run.training
    return ", ".join(
        (
            run.architecture,
            run.data.model_dump_json(),
            run.network.activation,
            ", ".join(training.step_settings),
            f"batch {training.batch_size}, record every {training.record_every}",
            f"dead units: {run.counts_dead_units}",
            f"validation in {training.validation_precision}",
            *run.augmentation.operations,
        )
    )
