"""What is said of the devices that there are to compute on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Device:
    """What something was computed on: ``kind`` is CPU or GPU, ``threads`` how many operations it computes at once.

    ``key`` is how the device is asked for on that machine, empty where an older version stored it; ``refusal`` says why
    it is not the one that was asked for. Neither decides any number.
    """

    kind: str
    name: str
    threads: int
    key: str = field(default="", compare=False)
    refusal: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """Such as ``GPU: NVIDIA H100``."""
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class DeviceReport:
    """What is known of a device: ``memory`` in bytes, of a GPU what TensorFlow may take; None where it doesn't say.

    ``findings`` says, with figures, how well it agrees with NumPy, and if not ``sound`` what it computes wrongly; it is
    empty, and ``sound`` None, where this start leaves the device out.
    """

    key: str
    name: str
    memory: int | None
    sound: bool | None
    findings: str


@dataclass(frozen=True)
class DeviceChoice:
    """The device that runs of ``architecture`` go to: empty where that is measured when the first one begins.

    ``seconds`` has what was measured, seconds a step by device, records included.
    """

    architecture: str
    device: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class DevicesAppraised:
    """What there is to compute on, and where each of the runs that were asked about would go, in their order."""

    reports: tuple[DeviceReport, ...]
    choices: tuple[DeviceChoice, ...]


@dataclass(frozen=True)
class WorkerReady:
    """A process has loaded its libraries and waits for work.

    ``devices`` has the name of every device that can be asked for, by its key: cpu, gpu:0 and so on.
    """

    versions: dict[str, str]
    devices: dict[str, str] = field(default_factory=dict)
