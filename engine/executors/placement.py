"""Which device each task of a process is computed on."""

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
from engine.devices.hardware import available_devices, cpu_count, device_memory, driver_version, hidden_devices
from engine.devices.names import AUTO, CPU, METAL, AssignedDevice
from engine.events.devices import DeviceChoice, DeviceReport, DevicesAppraised
from engine.utils.errors import Cancelled
from engine.utils.paths import devices_file
from engine.utils.versions import installed_version

log = logging.getLogger(__name__)

Look = Callable[[], None]

MOST_TRIES = 2  # to look at a device, each of which ended the process


class Placement:
    """Finds a device for each task.

    A GPU is used only once it has been found to compute what it should: :mod:`engine.devices.verification` compares it with
    NumPy, once for each driver and TensorFlow. ``auto`` sends a run to the device that trains it fastest: each
    network is trained for a moment on every sound device, once, and what that took is remembered. Side by side,
    processes have a core each but share a GPU, so its time counts as many times as there are processes.

    Args:
        wanted: auto, cpu or the key of a GPU.
        side_by_side: how many processes such as this one train at once.
        threads: that this process has.
        notebook: what is remembered, in the cache folder unless given.
    """

    def __init__(
        self, wanted: str = AUTO, side_by_side: int = 1, threads: int | None = None, notebook: DeviceCache | None = None
    ) -> None:
        self._wanted, self._side_by_side = wanted, side_by_side
        self._threads = threads or cpu_count()
        self._notebook = notebook or DeviceCache(devices_file())
        self._names: dict[str, str] | None = None

    def for_run(
        self, run: RunSpec, data: PreparedData, before: str, progress: ProgressCallback, look: Look
    ) -> AssignedDevice:
        """Where ``run`` is trained: as asked for, else where it was ``before`` (if anywhere), else where it is fastest.

        ``progress`` is told what is measured; ``look`` is called now and then meanwhile, and may end it by raising.
        """
        for asked in (self._wanted, before):
            if asked in self._devices:
                return self._sound(asked, look)
        sound, refusal = self._candidates(look)
        if len(sound) == 1:
            return AssignedDevice(CPU, refusal)
        known = self._measured(run, sound)
        if len(known) < len(sound):
            known = self._measure(run, data, sound, progress, look)
        return AssignedDevice(self._fastest(known), refusal)

    def for_others(self, look: Look) -> AssignedDevice:
        """Where all else is computed: as asked for, and on the processor unless anything is."""
        return self._sound(self._wanted, look) if self._wanted in self._devices else AssignedDevice(CPU)

    def appraise(self, runs: tuple[RunSpec, ...], anew: bool, look: Look) -> DevicesAppraised:
        """What there is, and where ``runs`` would go; ``anew`` forgets what was found out before."""
        if anew:
            with self._notebook.locked(look):
                self._notebook.clear()
        reports = tuple(self._report(device, look) for device in self._devices)
        return DevicesAppraised(reports, tuple(self._choice(run, look) for run in runs))

    @property
    def _devices(self) -> dict[str, str]:
        if self._names is None:
            self._names = available_devices()
        return self._names

    def _sound(self, device: str, look: Look) -> AssignedDevice:
        if device == CPU or (judgement := self._judged(device, look)).state == "sound":
            return AssignedDevice(device)
        return AssignedDevice(CPU, judgement.findings)

    def _candidates(self, look: Look) -> tuple[list[str], str]:
        """The devices that compute as they should, and why the first of the others doesn't."""
        places = [self._sound(device, look) for device in self._devices]
        refusals = [place.refusal for place in places if place.refusal]
        return list(dict.fromkeys(place.device for place in places)), refusals[0] if refusals else ""

    def _judged(self, device: str, look: Look) -> Verification:
        identity = self.identity(device)
        found = self._notebook.verification(identity)
        if found is not None and found.state != "begun":
            return found
        with self._notebook.locked(look) as is_alone:
            found = self._notebook.verification(identity)  # another process may have found it out meanwhile
            if found is None or found.state == "begun":
                # Who has begun holds the lock until it is done: one that is not there any more has died of it, perhaps.
                tries = found.tries if found is not None and is_alone else 0
                self._notebook.store_verification(identity, Verification(state="begun", tries=tries + 1))
                found = (
                    _refused(device, f"{device} ends every process that looks whether it computes as it should")
                    if tries >= MOST_TRIES
                    else self._look_at(device)
                )
                self._notebook.store_verification(identity, found)
        return found

    @staticmethod
    def _look_at(device: str) -> Verification:
        try:
            found = check.deviations(device)
        except Exception as error:  # a kernel that the card doesn't have, memory: what TensorFlow raises is its own
            log.exception("%s can't be computed on", device)
            first_line = (str(error).splitlines() or [""])[0][:200]
            return _refused(device, f"{device} can't be computed on ({type(error).__name__}: {first_line})")
        if (mistake := check.describe_failure(device, found)) is not None:
            return _refused(device, mistake)
        return Verification(state="sound", findings=check.describe_agreement(device, found))

    def _measure(
        self, run: RunSpec, data: PreparedData, devices: list[str], progress: ProgressCallback, look: Look
    ) -> dict[str, float]:
        from engine.training.benchmark import seconds_per_step

        work = _work(run)
        with self._notebook.locked(look):
            known = self._measured(run, devices)
            missing = [device for device in devices if device not in known]
            for number, device in enumerate(missing):
                progress(f"Measuring how fast {run.architecture} trains on {device}", number, len(missing))
                identity = self.identity(device)
                # A device that ends the process as it trains takes for ever: so it stands there until it has not.
                self._notebook.store_step_seconds(identity, work, math.inf)
                try:
                    known[device] = seconds_per_step(run, data, device, look)
                except Cancelled:
                    self._notebook.discard_pending()
                    raise
                log.info("%s on %s: %g s a step", work, device, known[device])
                self._notebook.store_step_seconds(identity, work, known[device])
        return known

    def _measured(self, run: RunSpec, devices: list[str]) -> dict[str, float]:
        work = _work(run)
        found = {device: self._notebook.step_seconds(self.identity(device), work) for device in devices}
        return {device: seconds for device, seconds in found.items() if seconds is not None}

    def _fastest(self, seconds: dict[str, float]) -> str:
        """Among equals the processor, which comes first."""
        return min(seconds, key=lambda device: seconds[device] * (1 if device == CPU else self._side_by_side))

    def _report(self, device: str, look: Look) -> DeviceReport:
        if device in hidden_devices():
            return DeviceReport(device, self._devices[device], None, None, "")
        judgement = self._judged(device, look)
        look()
        try:
            memory = device_memory(device) if judgement.state == "sound" else None
        except Exception:
            log.exception("the memory of %s is not known", device)
            memory = None
        return DeviceReport(device, self._devices[device], memory, judgement.state == "sound", judgement.findings)

    def _choice(self, run: RunSpec, look: Look) -> DeviceChoice:
        if self._wanted in self._devices:
            return DeviceChoice(run.architecture, self._sound(self._wanted, look).device, {})
        sound, _ = self._candidates(look)
        if len(sound) == 1:
            return DeviceChoice(run.architecture, CPU, {})
        known = self._measured(run, sound)
        seconds = {device: each for device, each in known.items() if math.isfinite(each)}
        return DeviceChoice(run.architecture, self._fastest(known) if len(known) == len(sound) else "", seconds)

    def identity(self, device: str) -> str:
        """All that decides how ``device`` computes, and how fast: an update of any of it makes it another one."""
        threads = f", threads: {self._threads}" if device == CPU else f", {driver_version()}"
        metal = f", Metal {installed_version('tensorflow-metal')}" if device == METAL else ""
        versions = f"TensorFlow {version('tensorflow')}{metal}, Trainscope {engine.__version__}"
        return f"{device}: {self._devices[device]}{threads}, {versions}"


def _refused(device: str, mistake: str) -> Verification:
    cure = "install TensorFlow again" if device == CPU else "the processor is used instead; update its driver"
    return Verification(state="wrong", findings=f"{mistake}; {cure}, then look again (Help > Devices).")


def _work(run: RunSpec) -> str:
    """What decides how long a step of ``run`` takes, records included."""
    training = run.training
    return ", ".join(
        (
            run.architecture,
            run.data.model_dump_json(),
            run.network.activation,
            training.optimizer,
            f"batch {training.batch_size}, record every {training.record_every}",
            f"dead units: {run.counts_dead_units}",
            f"validation in {training.validation_precision}",
        )
    )
