"""Events about compute devices."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Device:
    """The device on which something was computed.

    Attributes:
        kind: CPU or GPU.
        threads: number of operations computed at once.
        key: the device's name in settings on that machine (cpu, gpu:0); empty if stored by an older version.
        refusal: why it is not the requested device, if so. Like ``key``, it is not compared, as it affects no result.
        library: the library that computes on a processor: oneDNN or Eigen; empty for a GPU, and if stored by an older
            version.
        instructions: those of the processor that concern training, such as ``AVX, AVX2``, on which bits depend too.
    """

    kind: str
    name: str
    threads: int
    key: str = field(default="", compare=False)
    refusal: str = field(default="", compare=False)
    library: str = ""
    instructions: str = ""

    @property
    def title(self) -> str:
        """Such as ``GPU: NVIDIA H100``."""
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class DeviceReport:
    """What is known of a device.

    Attributes:
        memory: in bytes, for a GPU what TensorFlow may take; None if unknown.
        is_correct: whether it computes correctly; None if the device is hidden from this process.
        findings: how well it agrees with NumPy, with figures, or what it computes wrongly.
    """

    key: str
    name: str
    memory: int | None
    is_correct: bool | None
    findings: str


@dataclass(frozen=True)
class DeviceChoice:
    """The device for runs of an architecture.

    Attributes:
        device: empty if it is still to be measured when the first run starts.
        seconds: measured seconds per step by device, including records.
    """

    architecture: str
    device: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class LibraryReport:
    """What was measured of the libraries for one kind of network.

    Attributes:
        kind: ``dense`` or ``convolutional``.
        library: the one that is used; empty if it is still to be measured.
        seconds: measured seconds per step of the reference network by library, including records.
    """

    kind: str
    library: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class DevicesAppraised:
    """The available devices, and the device choice for each of the requested runs, in their order.

    ``libraries`` are those of the processor.
    """

    reports: tuple[DeviceReport, ...]
    choices: tuple[DeviceChoice, ...]
    libraries: tuple[LibraryReport, ...] = ()


@dataclass(frozen=True)
class Calibrated:
    """Reference times of this process were measured, in seconds; see ``engine.devices.calibration``.

    Attributes:
        kind: the kind of work.
        library: the library of this process.
        step: of one training step.
        validation: of one validation.
        compilation: of building and compiling the network.
    """

    kind: str
    library: str
    step: float
    validation: float
    compilation: float


@dataclass(frozen=True)
class MachineCalibrated:
    """All reference times of this machine are known now."""


@dataclass(frozen=True)
class WorkerReady:
    """A process has loaded its libraries and waits for work.

    ``devices`` has the name of every device that can be requested, by its key: cpu, gpu:0 and so on.
    """

    versions: dict[str, str]
    devices: dict[str, str] = field(default_factory=dict)
