"""Persistent user preferences, and how they combine with the command line."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QSettings

from engine.cli.arguments import MAX_DIGITS, MAX_WORKERS, Options
from engine.config.cluster import ClusterChoice, parse_cluster
from engine.devices.names import AUTO, parse_device
from engine.utils.errors import SpecError, StoreError
from engine.utils.files import write_atomic
from engine.utils.paths import default_workspace
from gui.utils.theme import Scheme, stored_scheme

UNSAFE_VALUES = (b"@Variant(", b"@DateTime(")


@dataclass(frozen=True)
class Preferences:
    """The user's settings.

    Attributes:
        workspace: folder of the results; None is the user's data folder.
        workers: number of training processes; None is automatic.
        device: key of the device to compute on.
        scheme: light, dark or the system's.
        cluster: the cluster chosen last, in use or not.
        uses_cluster: whether runs train on ``cluster``.
    """

    workspace: Path | None = None
    workers: int | None = None
    device: str = AUTO
    scheme: Scheme = Scheme.SYSTEM
    cluster: ClusterChoice | None = None
    uses_cluster: bool = False


@dataclass(frozen=True)
class StartupOptions:
    """Options that a window is opened with."""

    workspace: Path
    workers: int | None = None
    device: str = AUTO
    cluster: ClusterChoice | None = None


def program_settings() -> QSettings:
    """Return the persistent settings of the program."""
    return without_unsafe_values(QSettings("Trainscope", "Trainscope"))


def without_unsafe_values(settings: QSettings) -> QSettings:
    """Remove serialised Qt objects, which the program never writes, from a settings file; return ``settings``.

    Qt deserialises such values on reading, and a damaged one would crash the program at every start.
    """
    file = Path(settings.fileName())
    if file.suffix not in (".conf", ".ini"):  # the registry of Windows, the preferences of macOS
        return settings
    with suppress(OSError):  # no file yet, or not accessible
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not any(kind in line for kind in UNSAFE_VALUES)]
        if len(kept) < len(lines):
            write_atomic(file, b"".join(kept))
            settings.sync()
    return settings


def load_preferences(settings: QSettings) -> Preferences:
    """Return the stored preferences; invalid values are replaced by defaults."""
    workspace = settings.value("workspace")
    return Preferences(
        _folder(workspace),
        _workers(settings.value("workers")),
        _device(settings.value("device")),
        stored_scheme(settings),
        cluster := _cluster(
            settings.value("cluster"), settings.value("cluster_tls"), settings.value("cluster_gpu_share")
        ),
        cluster is not None and settings.value("cluster_used") == "yes",
    )


def save_preferences(settings: QSettings, preferences: Preferences) -> None:
    """Store ``preferences``; defaults are not written.

    Raises:
        StoreError: if the settings file can't be written.
    """
    cluster = preferences.cluster
    values = {
        "workspace": None if preferences.workspace is None else str(preferences.workspace),
        "workers": preferences.workers,
        "device": None if preferences.device == AUTO else preferences.device,
        "scheme": preferences.scheme.value,
        "cluster": None if cluster is None else str(cluster),
        "cluster_tls": "yes" if cluster is not None and cluster.tls else None,
        "cluster_gpu_share": None if cluster is None or cluster.gpu_share == 1 else str(cluster.gpu_share),
        "cluster_used": "yes" if preferences.uses_cluster else None,
    }
    for key, value in values.items():
        if value is None:
            settings.remove(key)
        else:
            settings.setValue(key, value)
    settings.sync()
    if settings.status() is not QSettings.Status.NoError:
        raise StoreError(
            f"The settings can't be written to {settings.fileName()}, so they won't be remembered; check that file and "
            "its folder."
        )


def startup_options(options: Options, preferences: Preferences) -> StartupOptions:
    """Combine command line and preferences; the command line takes precedence."""
    return StartupOptions(
        options.workspace if options.workspace_given else _workspace(preferences),
        preferences.workers if options.workers is None else options.workers or None,
        options.device or preferences.device,
        options.cluster if options.cluster or options.workers is not None else _cluster_in_use(preferences),
    )


def update_startup_options(start: StartupOptions, before: Preferences, after: Preferences) -> StartupOptions:
    """Return ``start`` with the preferences that differ between ``before`` and ``after``; the rest is kept."""
    if after.workspace != before.workspace:
        start = replace(start, workspace=_workspace(after))
    if after.workers != before.workers:
        start = replace(start, workers=after.workers)
    if after.device != before.device:
        start = replace(start, device=after.device)
    return start


def _workspace(preferences: Preferences) -> Path:
    return preferences.workspace or default_workspace().absolute()


def _folder(value: object) -> Path | None:
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    try:
        Path(value).expanduser()
    except RuntimeError:  # the home of an unknown user
        return None
    return Path(value)


def _workers(value: object) -> int | None:
    # Text if read from the file, a number if set in this process.
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        return None
    return int(text) if 0 < int(text) <= MAX_WORKERS else None


def _device(value: object) -> str:
    try:
        return parse_device(str(value or AUTO))
    except SpecError:
        return AUTO


def _cluster(value: object, tls: object, gpu_share: object) -> ClusterChoice | None:
    try:
        return parse_cluster(str(value), tls == "yes", float(str(gpu_share or 1))) if value else None
    except (SpecError, ValueError):
        return None


def _cluster_in_use(preferences: Preferences) -> ClusterChoice | None:
    return preferences.cluster if preferences.uses_cluster else None
