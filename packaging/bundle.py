"""Build the bundle: a folder that runs without Python, and an archive of it with its SHA-256.

    python packaging/bundle.py

Run it in an environment with requirements-bundle.txt alone (``make bundle`` creates one), because PyInstaller collects
whatever is installed. The folder is ``dist/Trainscope``, ``dist/Trainscope.app`` on macOS.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from icons import make_icons

from engine import __version__

ROOT = Path(__file__).resolve().parents[1]
NAME = "Trainscope"
BUILD, DIST = ROOT / "build", ROOT / "dist"
MIB = 2**20


def main() -> int:
    """Build the bundle and return the exit code."""
    begin = time.monotonic()
    icons = BUILD / "icons"
    make_icons(ROOT / "resources" / "icon.svg", icons)
    (icons / "version.txt").write_text(version_resource(__version__), encoding="utf-8")
    freeze(icons)
    made = DIST / (f"{NAME}.app" if sys.platform == "darwin" else NAME)
    if sys.platform == "linux":
        strip(made / "_internal" / "tensorflow")
        add_desktop_files(made, icons)
    say(f"{made.relative_to(ROOT)}: {size_of(made) / MIB:,.0f} MiB after {time.monotonic() - begin:.0f} s")
    archive = pack(made)
    digest = sha256(archive)
    archive.with_name(f"{archive.name}.sha256").write_text(f"{digest}  {archive.name}\n", encoding="utf-8")
    say(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / MIB:,.0f} MiB after {time.monotonic() - begin:.0f} s")
    say(f"SHA-256 {digest}")
    return 0


def say(text: str) -> None:
    """Print a progress line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def freeze(icons: Path) -> None:
    """Run PyInstaller; the build ends if it fails."""
    spec = ROOT / "packaging" / "trainscope.spec"
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(DIST), "--workpath", str(BUILD), str(spec)]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"TRAINSCOPE_ICONS": str(icons)})  # noqa: S603


def strip(folder: Path) -> None:
    """Strip debug symbols from TensorFlow's libraries, a fifth of their size.

    Not from others: the libraries of NumPy and similar packages were edited after linking, and strip breaks them.
    """
    program = shutil.which("strip")
    if program is None:
        say("strip is missing (Debian: binutils), so the bundle is larger than it needs to be.")
        return
    libraries = [path for path in folder.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    subprocess.run([program, "--strip-unneeded", *map(str, libraries)], check=True)  # noqa: S603


def add_desktop_files(made: Path, icons: Path) -> None:
    """Add the files that put the program into a desktop menu."""
    source, share = ROOT / "packaging" / "linux", made / "share"
    share.mkdir()
    shutil.copy2(source / "install.sh", made)
    shutil.copy2(source / "org.trainscope.Trainscope.desktop", share)
    for picture in icons.glob("trainscope-*.png"):
        shutil.copy2(picture, share)
    name = "org.trainscope.Trainscope.metainfo.xml"
    filled_in = metainfo((source / name).read_text(encoding="utf-8"), __version__, time.strftime("%Y-%m-%d"))
    (share / name).write_text(filled_in, encoding="utf-8")


def metainfo(template: str, version: str, date: str) -> str:
    """Return the AppStream metadata of a version released on ``date`` (YYYY-MM-DD)."""
    return template.replace("@VERSION@", version).replace("@DATE@", date)


def version_resource(version: str) -> str:
    """Return the Windows version resource in PyInstaller's format."""
    numbers = (*(int(part) for part in version.split(".")[:3]), 0)
    texts = {
        "FileDescription": "Trainscope: watch neural networks learn",
        "FileVersion": version,
        "InternalName": NAME,
        "LegalCopyright": "MIT License",
        "OriginalFilename": f"{NAME}.exe",
        "ProductName": NAME,
        "ProductVersion": version,
    }
    structs = ", ".join(f"StringStruct({key!r}, {text!r})" for key, text in texts.items())
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0, OS=0x40004, "
        f"fileType=1, subtype=0, date=(0, 0)), kids=[StringFileInfo([StringTable('040904B0', [{structs}])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n"
    )


def pack(made: Path) -> Path:
    """Create an archive that the system's file manager opens; links stay links."""
    machine = platform.machine().lower()
    if sys.platform == "linux":
        archive = DIST / f"{NAME}-{__version__}-linux-{machine}.tar.xz"
        # The next level takes twice the time and saves a tenth of the size.
        environment = {"XZ_OPT": "-T0 -2"} | os.environ
        owned = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"]
        command = [tool("tar"), *owned, "-cJf", str(archive), "-C", str(DIST), made.name]
    elif sys.platform == "darwin":
        archive, environment = DIST / f"{NAME}-{__version__}-macos-{machine}.zip", dict(os.environ)
        command = [tool("ditto"), "-c", "-k", "--keepParent", str(made), str(archive)]
    else:
        base = DIST / f"{NAME}-{__version__}-windows-{machine}"
        return Path(shutil.make_archive(str(base), "zip", DIST, made.name))
    subprocess.run(command, check=True, env=environment)  # noqa: S603 - a fixed command
    return archive


def tool(name: str) -> str:
    """Return the path of a system program.

    Raises:
        SystemExit: if it is missing.
    """
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"bundle: {name} is missing; install it.")
    return found


def sha256(file: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def size_of(folder: Path) -> int:
    """Return the size of all files in ``folder`` in bytes, without links."""
    return sum(path.stat().st_size for path in files_in(folder))


def files_in(folder: Path) -> Iterable[Path]:
    """Yield all files in ``folder``, without links."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
