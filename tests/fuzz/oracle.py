"""What must hold of every input: taken, or refused in one sentence, in reasonable time, and nothing of it is run."""

from __future__ import annotations

import faulthandler
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.utils.errors import TrainscopeError
from engine.utils.text import MAX_CHARACTERS

SECONDS = 30  # for one input: no measure of speed, but a hang takes longer
STDERR = 2  # its file descriptor, whatever stands in for it
CANARY = Path(tempfile.gettempdir(), "trainscope-made-by-an-input")  # there is none as long as nothing is run
LONG_NAME = 40  # a longer one may be left out of the middle of a sentence

Refusals = tuple[type[Exception], ...]


class Hang(BaseException):
    """An input took so long that it must be called a hang; no ``except Exception`` of the program's takes it."""


@contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raises :class:`Hang` within; what can't be interrupted ends the process, and says where it was."""

    def over(_number: int, _frame: object) -> None:
        raise Hang(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(3 * seconds, exit=True, file=STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_taken(
    use: Callable[[], object], name: str = "", refusals: Refusals = (TrainscopeError,), canary: Path | None = None
) -> bool:
    """Whether ``use`` took what it was given; False where it was refused as it should be.

    Anything else fails: an error of another kind, a sentence that is none or leaves out ``name`` of the file, a hang, a
    warning, and a ``canary``, a file that only code in the input would make.
    """
    try:
        with time_limit(), warnings.catch_warnings():
            warnings.simplefilter("error")
            use()
    except refusals as error:
        check_sentence(str(error), name)
        return False
    finally:
        assert canary is None or not canary.exists(), "code in the input was run"
    return True


def check_sentence(text: str, name: str = "") -> None:
    """Fails unless ``text`` is one sentence for a person, which names the file called ``name``."""
    assert text.endswith((".", "?")), text
    assert text.isprintable(), ascii(text)
    assert len(text) <= MAX_CHARACTERS, text
    assert not any(word in text for word in ("Traceback", "object at 0x", "NoneType")), text
    assert name in text or len(name) > LONG_NAME, f"{text} does not name {name}"
