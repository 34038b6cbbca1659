"""Detection of missing displays and libraries, which would make Qt abort the process."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Debian and Ubuntu packages of the libraries that Qt's X11 plug-in needs.
DEBIAN_PACKAGES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
}


def explain_missing_display(platform: str, environment: Mapping[str, str]) -> str | None:
    """Return why no window can be opened on this system, as a sentence; None if no reason is found."""
    if platform != "linux" or environment.get("QT_QPA_PLATFORM", "xcb") != "xcb":
        return None
    if environment.get("WAYLAND_DISPLAY"):
        return None
    if not environment.get("DISPLAY"):
        return "There is no display to open a window on; log in to a desktop, or train without a window: --batch."
    if not _loads(_xcb_plugin()) and (missing := missing_libraries()):
        packages = " ".join(packages_for(missing))
        return f"Qt lacks {', '.join(missing)}; install the packages that hold them (Debian, Ubuntu: {packages})."
    return None


def missing_libraries() -> list[str]:
    """Return the missing libraries that Qt's GUI module and X11 plug-in depend on, sorted."""
    linker, plugin = shutil.which("ldd"), _xcb_plugin()
    if linker is None or plugin is None:
        return []
    found: set[str] = set()
    for library in (plugin, *(plugin.parents[2] / "lib").glob("libQt6Gui.so*")):
        output = subprocess.run([linker, str(library)], capture_output=True, text=True, check=False).stdout  # noqa: S603
        found |= {line.split()[0] for line in output.splitlines() if line.endswith("not found")}
    return sorted(found)


def packages_for(libraries: list[str]) -> list[str]:
    """Return the Debian packages of ``libraries``, sorted; a library of unknown package is listed itself."""
    return sorted({DEBIAN_PACKAGES.get(library, library) for library in libraries})


def _loads(library: Path | None) -> bool:
    """Whether ``library`` and its dependencies can be loaded; cheaper than listing the missing ones."""
    try:
        ctypes.CDLL(str(library) if library else None)
    except OSError:
        return False
    return True


def _xcb_plugin() -> Path | None:
    specification = importlib.util.find_spec("PySide6")
    if specification is None or specification.origin is None:
        return None
    plugin = Path(specification.origin).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    return plugin if plugin.exists() else None
