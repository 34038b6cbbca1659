"""Files fetched once into the cache folder, checked against a published hash."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from engine.datasets.base import ProgressCallback
from engine.utils.errors import DatasetError
from engine.utils.paths import cache_folder

_TIMEOUT_SECONDS = (10.0, 30.0)  # to connect, and between two pieces
_CHUNK_BYTES = 256 * 1024
_HEADERS = {"Accept-Encoding": "identity"}  # a .gz file as it is, not unpacked on the way


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    ``name`` is its path below the downloads folder, ``known_hash`` such as ``sha256:c4a3…``, ``size`` in bytes as
    published; ``urls`` are tried in turn.
    """

    name: str
    known_hash: str
    size: int
    urls: tuple[str, ...]


def downloads_folder() -> Path:
    """Where downloads are kept, and where files placed by hand are looked for."""
    return cache_folder() / "downloads"


class NotDownloadedError(DatasetError):
    """The file is not there, and was not to be downloaded."""


_may_download: ContextVar[bool] = ContextVar("may_download", default=True)


@contextmanager
def without_downloads() -> Iterator[None]:
    """Within, :func:`fetch` raises :class:`NotDownloadedError` rather than download anything."""
    token = _may_download.set(False)
    try:
        yield
    finally:
        _may_download.reset(token)


def fetch(file: RemoteFile, progress: ProgressCallback) -> Path:
    """The path of the file, downloaded unless it is there with the known hash.

    Raises :class:`DatasetError` where no address gives the file, and what ``progress`` raises; the file appears under
    its name only when it is whole.
    """
    if not _may_download.get() and not (downloads_folder() / file.name).exists():
        raise NotDownloadedError("Not downloaded yet; Run downloads it.")
    problems = []
    for url in file.urls:
        try:
            return _retrieve(url, file, progress)
        except _Unavailable as problem:
            problems.append(f"{urlsplit(url).netloc}: {problem}")
    raise DatasetError(
        f"{Path(file.name).name} can't be downloaded ({'; '.join(problems)}); connect to the internet and start again, "
        f"or place the official file at {downloads_folder() / file.name}."
    )


class _Unavailable(Exception):
    """Why one address did not give the file."""


def _retrieve(url: str, file: RemoteFile, progress: ProgressCallback) -> Path:
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.WARNING)  # it writes every download to stderr otherwise
    target = downloads_folder() / file.name
    try:
        # pooch looks whether the file is there with that hash, and else moves it there once it has come and has it.
        return Path(
            pooch.retrieve(url, file.known_hash, target.name, target.parent, downloader=_downloader(file, progress))
        )
    except RequestException as error:  # an OSError too, so it comes first
        raise _Unavailable(_reason(error)) from None
    except OSError as error:
        raise DatasetError(_cannot_write(target, error)) from None
    except ValueError:  # pooch's word for a hash that differs
        raise _Unavailable("what it sends is not the published file") from None


def _downloader(file: RemoteFile, progress: ProgressCallback) -> Callable[[str, str, object], None]:
    """What pooch downloads with: its own counts whole chunks, puts no limit on what comes, and leaves the connection
    open when someone cancels."""
    import requests

    def download(url: str, output: str, _pooch: object) -> None:
        message, done = f"Downloading {Path(file.name).name}", 0
        with requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS, headers=_HEADERS) as response:
            response.raise_for_status()
            with Path(output).open("wb") as target:
                for piece in response.iter_content(_CHUNK_BYTES):
                    target.write(piece)
                    done += len(piece)
                    if done > file.size:
                        raise _Unavailable("it sends more than the published file has")
                    progress(message, done, file.size)

    return download


def _reason(error: Exception) -> str:
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import HTTPError, Timeout

    if isinstance(error, HTTPError) and error.response is not None:
        return f"it answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, Timeout):
        return "no answer in time"
    return "no connection" if isinstance(error, NoConnection) else "the connection broke off"


def _cannot_write(target: Path, error: OSError) -> str:
    advice = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check that folder"
    # Where pooch has put a sentence of its own in place of the system's words, those are in the error before it.
    reason = error.strerror or getattr(error.__context__, "strerror", None) or error
    return (
        f"{target.name} can't be written to {target.parent} ({reason}); {advice} or let the "
        "environment variable TRAINSCOPE_CACHE name another folder."
    )
