"""Check for the system libraries that Qt needs: install them if permitted, otherwise name the packages.

Run by ``make run`` and ``make test``; does nothing on systems other than Linux, or if no library is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gui.startup.platform_check import missing_libraries, packages_for


def main() -> int:
    """Return 0 if no library is missing at the end, else 1."""
    missing = missing_libraries() if sys.platform == "linux" else []
    if not missing:
        return 0
    packages = packages_for(missing)
    if may_install():
        apt_get("update")
        # Some packages have other names on newer systems, so each is installed separately.
        for package in packages:
            apt_get("install", "-y", package)
        missing = missing_libraries()
    if missing:
        sys.stderr.write(
            f"Qt lacks {', '.join(missing)}; install the packages that hold them "
            f"(Debian, Ubuntu: apt-get install {' '.join(packages_for(missing))}).\n"
        )
    return 1 if missing else 0


def apt_get(*arguments: str) -> None:
    """Run apt-get non-interactively; success is judged by what is still missing."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = [shutil.which("apt-get") or "apt-get", "-qq", *arguments]
    subprocess.run(command, check=False, env=environment, capture_output=True)  # noqa: S603 - a fixed command


def may_install() -> bool:
    """Return whether this is a Debian-like system and the user is root."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


if __name__ == "__main__":
    sys.exit(main())
