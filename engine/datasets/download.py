"""Files downloaded once into the cache folder and verified against a published hash."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import urlsplit

from engine.datasets.base import ProgressCallback, RemoteFile
from engine.utils.errors import DatasetError
from engine.utils.paths import cache_folder

_TIMEOUT_SECONDS = (10.0, 30.0)  # to connect; between two chunks
_CHUNK_BYTES = 256 * 1024
_HEADERS = {"Accept-Encoding": "identity"}  # no transparent decompression of .gz files


def downloads_folder() -> Path:
    """Return the folder of downloads, where files provided by the user are found as well."""
    return cache_folder() / "downloads"


class NotDownloadedError(DatasetError):
    """The file is missing and downloads are disabled."""


_may_download: ContextVar[bool] = ContextVar("may_download", default=True)


@contextmanager
def without_downloads() -> Iterator[None]:
    """Disable downloads in this context: ``fetch`` raises ``NotDownloadedError`` instead."""
    token = _may_download.set(False)
    try:
        yield
    finally:
        _may_download.reset(token)


def fetch(file: RemoteFile, progress: ProgressCallback) -> Path:
    """Return the path of a file, downloading it unless it exists with the known hash.

    The file appears under its name only when it is complete. Errors of ``progress`` are propagated.

    Raises:
        DatasetError: if no address provides the file.
        NotDownloadedError: if it is missing and downloads are disabled.
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
    """Why an address did not provide the file."""


def _retrieve(url: str, file: RemoteFile, progress: ProgressCallback) -> Path:
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.WARNING)  # it logs every download to stderr otherwise
    target = downloads_folder() / file.name
    try:
        # pooch checks for an existing file with that hash, else moves the download there after verifying it.
        return Path(
            pooch.retrieve(url, file.known_hash, target.name, target.parent, downloader=_downloader(file, progress))
        )
    except RequestException as error:  # also an OSError, so it comes first
        raise _Unavailable(_reason(error)) from None
    except OSError as error:
        raise DatasetError(_write_error_message(target, error)) from None
    except ValueError:  # how pooch reports a wrong hash
        raise _Unavailable("what it sends is not the published file") from None


def _downloader(file: RemoteFile, progress: ProgressCallback) -> Callable[[str, str, object], None]:
    """Return a downloader for pooch.

    Unlike pooch's own, it reports progress in bytes, limits the size and closes the connection on cancellation.
    """
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


def _write_error_message(target: Path, error: OSError) -> str:
    advice = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check that folder"
    # pooch may replace the system's error by one of its own; the former is then its context.
    reason = error.strerror or getattr(error.__context__, "strerror", None) or error
    return (
        f"{target.name} can't be written to {target.parent} ({reason}); {advice} or let the "
        "environment variable TRAINSCOPE_CACHE name another folder."
    )
