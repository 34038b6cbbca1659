"""Report of stored experiments: settings, tables, figures and claims in one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from engine.exports.files import NOT_UTF_8, check_writable
from engine.exports.report.build import build_document
from engine.exports.report.document import Document
from engine.storage.store import Store
from engine.utils.errors import ExportError, ReportError
from engine.utils.files import write_atomic
from engine.utils.text import reason

__all__ = ["SUFFIXES", "check_report_file", "write_report"]

SUFFIXES = (".html", ".pdf")


def write_report(store: Store, experiments: Sequence[int], file: Path) -> Path:
    """Write a report to a file, which is replaced only by a complete one.

    Args:
        store: the store that holds the experiments.
        experiments: ids of the experiments.
        file: the target; its suffix decides between HTML and PDF.

    Returns:
        The file.

    Raises:
        ReportError: if there is no experiment, the file can't be written, or a text can't be encoded.
    """
    check_report_file(file)
    try:
        write_atomic(file, _renderer(file)(build_document(store, experiments)))
    except UnicodeEncodeError as error:
        raise ReportError(f"{file} can't be written: {NOT_UTF_8}") from error
    except OSError as error:
        raise ReportError(f"{file} can't be written ({error.strerror}); choose another file.") from error
    return file


def check_report_file(file: Path) -> None:
    """Check that a report can be written to a file.

    Raises:
        ReportError: if the suffix is not supported or the file can't be written.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise ReportError(f"A report can't be written as '{file.name}'; its name must end in {' or '.join(SUFFIXES)}.")
    try:
        if file.is_dir():
            raise ReportError(f"{file} is a folder; name a file for the report.")
        check_writable(file.parent)
        with suppress(FileNotFoundError):
            file.lstat()  # raises if the name is not a valid file name
    except ExportError as error:
        raise ReportError(str(error)) from None
    except (OSError, ValueError) as error:  # an invalid file name
        raise ReportError(f"{file} can't be written ({reason(error)}); choose another file.") from None


def _renderer(file: Path) -> Callable[[Document], bytes]:
    if file.suffix.lower() == ".pdf":
        from engine.exports.report.pdf import render_pdf

        return render_pdf
    from engine.exports.report.html import render_html

    return render_html
