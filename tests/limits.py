"""Restricted permissions and disk space, even if the tests run as root."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.utils.paths import store_file

_CAPABILITY_VERSION = 0x20080522  # linux/capability.h, version 3: two words of each set
_PAST_PERMISSIONS = 1 << 1 | 1 << 2 | 1 << 3  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Make file permissions apply to this thread even if it is root's; skips the test if that is impossible."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions as POSIX has them")
    if os.geteuid() != 0:
        yield
        return
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        header, sets = _Header(_CAPABILITY_VERSION, 0), (_Sets * 2)()
        if libc.capget(ctypes.byref(header), sets):
            raise OSError(ctypes.get_errno(), "capget")
    except (OSError, AttributeError):
        pytest.skip("root can't drop its capabilities here")
    before = sets[0].effective
    sets[0].effective = before & ~_PAST_PERMISSIONS
    libc.capset(ctypes.byref(header), sets)
    try:
        yield
    finally:
        sets[0].effective = before
        libc.capset(ctypes.byref(header), sets)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Limit all files to ``size`` bytes; writing beyond fails as on a full disk. Applies to the whole process."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # Python would keep half of what it compiled
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def with_little_room(patch: pytest.MonkeyPatch, workspace: Path, pages: int) -> None:
    """Limit the growth of the store of a workspace to ``pages`` pages, for all connections opened from now on."""
    connect = sqlite3.connect
    with closing(connect(store_file(workspace))) as store:
        most = store.execute("PRAGMA page_count").fetchone()[0] + pages

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made = connect(*arguments, **options)
        made.execute(f"PRAGMA max_page_count={most}")
        return made

    patch.setattr(sqlite3, "connect", limited)
