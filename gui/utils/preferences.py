"""What the user chose once and for all, and what this start makes of it."""

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

BUILT = (b"@Variant(", b"@DateTime(")


@dataclass(frozen=True)
class Preferences:
    """``workspace`` None is the user's data folder; ``workers`` None lets the program choose.

    ``cluster`` is the one that was chosen last, whether or not it is used now.
    """

    workspace: Path | None = None
    workers: int | None = None
    device: str = AUTO
    scheme: Scheme = Scheme.SYSTEM
    cluster: ClusterChoice | None = None
    uses_cluster: bool = False


@dataclass(frozen=True)
class StartUp:
    """What a window is opened on."""

    workspace: Path
    workers: int | None = None
    device: str = AUTO
    cluster: ClusterChoice | None = None


def program_settings() -> QSettings:
    """Where the window remembers things."""
    return mended(QSettings("Trainscope", "Trainscope"))


def mended(settings: QSettings) -> QSettings:
    """``settings`` without values of a kind that the program never writes, where they are in a file.

    Qt builds what such a value says that it is, and a damaged one ends the program, at every start.
    """
    file = Path(settings.fileName())
    if file.suffix not in (".conf", ".ini"):  # the registry of Windows, the preferences of macOS
        return settings
    with suppress(OSError):  # nothing was remembered yet, or nothing can be
        lines = file.read_bytes().splitlines(keepends=True)
        sound = [line for line in lines if not any(kind in line for kind in BUILT)]
        if len(sound) < len(lines):
            write_atomic(file, b"".join(sound))
            settings.sync()
    return settings


def load_preferences(settings: QSettings) -> Preferences:
    """What is remembered; what can't be made sense of counts as never chosen."""
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
    """Remember; what is as the program would have it is not written down.

    Raises :class:`~engine.utils.errors.StoreError` where the file can't be written.
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


def start_up(options: Options, preferences: Preferences) -> StartUp:
    """The command line wins over what is remembered."""
    return StartUp(
        options.workspace if options.workspace_given else _workspace(preferences),
        preferences.workers if options.workers is None else options.workers or None,
        options.device or preferences.device,
        options.cluster if options.cluster or options.workers is not None else _cluster_in_use(preferences),
    )


def changed_start(start: StartUp, before: Preferences, after: Preferences) -> StartUp:
    """This start with what the user has just changed; the rest stays as the command line had it."""
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
    except RuntimeError:  # the home of a user there is not
        return None
    return Path(value)


def _workers(value: object) -> int | None:
    # The file holds text, the settings just set a number.
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
