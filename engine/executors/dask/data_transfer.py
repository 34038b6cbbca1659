"""Images of a run: found on its worker, or sent there by the client and verified by hash."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from engine.config.specs import DataSpec
from engine.datasets import describe_dataset
from engine.datasets.download import without_downloads
from engine.datasets.registry import load_raw
from engine.executors.dask.attempts import Attempt
from engine.executors.dask.messages import DataRequest
from engine.utils.errors import DatasetError, TrainscopeError
from engine.utils.paths import cache_folder

log = logging.getLogger(__name__)

PART_BYTES = 2**23


# Worker side.


def obtain_data(attempt: Attempt, data: DataSpec) -> DataSpec:
    """Locate the data set on this worker; request it from the client if necessary.

    Returns:
        ``data`` itself if its images have the requested hash on this machine, else the same with the file received.

    Raises:
        DatasetError: if the client is gone or could not send the images, or they arrived incomplete.
    """
    wanted = attempt.request.fingerprint
    if _fingerprint(data) == wanted:
        return data
    file = received_file(wanted)
    sent = data.replace(dataset=str(file))
    with locked(file):  # processes of one machine share a cache
        if not file.exists() or _fingerprint(sent) != wanted:
            attempt.publish(DataRequest(data, wanted))
            attempt.wait_for_data()
            if _fingerprint(sent) != wanted:
                raise DatasetError(f"The images of {data.dataset} did not arrive whole; start the run again.")
    return sent


@cache
def _compute_fingerprint(data: str) -> str:
    with without_downloads():  # the client's copy arrives sooner, and a node may lack internet access
        return describe_dataset(DataSpec.from_json(data), lambda _message, _done, _total: None).fingerprint


def _fingerprint(data: DataSpec) -> str | None:
    """Return the hash of the images of ``data`` on this machine, or None if they are not available."""
    try:
        return _compute_fingerprint(data.to_json())
    except TrainscopeError as error:
        log.info("%s is not here: %s", data.dataset, error)
        return None


def received_file(fingerprint: str) -> Path:
    """Return the path of the images received from a client."""
    return cache_folder() / "sent" / f"{fingerprint}.npz"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the inter-process lock of ``file``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        yield


def receive_part(fingerprint: str, offset: int, part: bytes, digest: str) -> None:
    """Write a part of a file of images; called by the client.

    Args:
        fingerprint: hash of the images, which names the file.
        offset: position of the part in bytes; a part received twice is overwritten.
        part: content of the part.
        digest: hexadecimal SHA-256 of the whole file with the last part, else empty.

    Raises:
        ValueError: if ``fingerprint`` is not a hash, or the file differs from what was sent.
    """
    if len(fingerprint) != hashlib.sha256().digest_size * 2 or not fingerprint.isalnum():
        raise ValueError("not the hash of a data set")  # it is used as a file name
    file = received_file(fingerprint)
    unfinished = file.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("r+b" if offset else "wb") as out:
        out.seek(offset)
        out.truncate()
        out.write(part)
    if digest:
        with unfinished.open("rb") as whole:
            if hashlib.file_digest(whole, "sha256").hexdigest() != digest:
                raise ValueError("the images did not arrive whole")
        unfinished.replace(file)


# Client side.


async def send_data(call: Callable[..., Awaitable[Any]], data: DataSpec, fingerprint: str) -> None:
    """Send the images of a data set to a worker in parts.

    Args:
        call: calls a function with its arguments on the worker.
        data: the data set, as named on this machine.
        fingerprint: hash of its images.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npz"
        await asyncio.to_thread(_pack, data, file)
        digest = hashlib.sha256()
        size, offset = file.stat().st_size, 0
        with file.open("rb") as content:
            while part := content.read(PART_BYTES):
                digest.update(part)
                is_last = offset + len(part) == size
                await call(receive_part, fingerprint, offset, part, digest.hexdigest() if is_last else "")
                offset += len(part)


def _pack(data: DataSpec, file: Path) -> None:
    """Write the images of ``data`` as stored to an .npz file, which yields the same hash."""
    raw = load_raw(data, lambda _message, _done, _total: None)
    arrays: dict[str, Any] = {"class_names": np.array(raw.class_names)}
    for name, (images, labels) in raw.parts.items():
        arrays |= {f"x_{name}": images, f"y_{name}": labels}
    np.savez(file, **arrays)
