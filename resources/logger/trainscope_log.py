"""Log the training of your own code, to watch it in Trainscope while it runs. One file; needs nothing but Python 3.8.

    import trainscope_log

    run = trainscope_log.start("three rates", variant="rate 0.1", epochs=15, steps_per_epoch=900)
    for step, (images, labels) in enumerate(batches, start=1):
        ...  # train on the batch
        if step % 10 == 0:
            run.log(step, training_loss=loss, training_accuracy=accuracy, validation_accuracy=validated)
    run.finish(test_accuracy=0.63)

Each call appends a line of JSON to ``<folder>/<experiment>/<variant>-<repeat>.jsonl`` before it returns, so a script
that is killed loses nothing but the line being written. Nothing here raises an exception into the training: what is
wrong (a full disk, a wrong argument) is said once on standard error.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import hashlib
import json
import math
import operator
import os
import platform
import re
import socket
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

__version__ = "1.0.0"
__all__ = ["KerasCallback", "Run", "confusion_matrix", "start"]

STANDARD = ("training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "learning_rate")
ALIASES = {  # names that scripts use as well
    **dict.fromkeys(("loss", "train_loss"), "training_loss"),
    **dict.fromkeys(("acc", "accuracy", "train_acc", "train_accuracy"), "training_accuracy"),
    **dict.fromkeys(("val_loss", "valid_loss"), "validation_loss"),
    **dict.fromkeys(("val_acc", "val_accuracy", "valid_acc", "valid_accuracy"), "validation_accuracy"),
    "lr": "learning_rate",
}
ACCURACIES = ("training_accuracy", "validation_accuracy", "test_accuracy")
KERAS_ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")
FACTS = (
    *("seed", "epochs", "steps", "steps_per_epoch", "images_per_record", "parameters", "dataset", "images"),
    *("framework", "device"),
)
FRAMEWORKS = {"torch": "PyTorch", "keras": "Keras", "tensorflow": "TensorFlow", "jax": "JAX", "numpy": "NumPy"}
ALIVE_SECONDS = 5.0  # without a line, until a sign of life is written
USUAL_SECONDS = 0.001  # of one write; what is beyond adds up
PATIENCE_SECONDS = 0.05  # added up, from which on a thread writes
QUEUE_SECONDS = 10.0  # for which all its writes must be fast until that ends
END_SECONDS = 5.0  # for which the end of a run waits for that thread
QUEUED_BYTES = 32 * 2**20
SHARE = 0.01  # of the time, that measurements of a watched model take
INTERVALS = (10, 20, 50, 100, 200, 500, 1000)  # steps between them
SHOWN_WEIGHTS = 2_000_000  # most weights of a layer that is logged
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)  # no names of files on Windows

_Function = TypeVar("_Function", bound="Callable[..., Any]")
_said: set[str] = set()


def _say(sentence: str, key: str = "") -> None:
    """Write a sentence to standard error, once for each ``key``."""
    if (key or sentence) not in _said:
        _said.add(key or sentence)
        with contextlib.suppress(Exception):
            sys.stderr.write(f"trainscope_log: {sentence}\n")


def _never_raises(otherwise: Callable[[], Any] = lambda: None) -> Callable[[_Function], _Function]:
    """Make a function say what went wrong, and return ``otherwise()``, in place of raising an exception."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def safe(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            except Exception as error:
                name = function.__name__
                _say(f"{name}() has logged nothing ({type(error).__name__}: {error}).", name)
                return otherwise()

        return cast("_Function", safe)

    return decorate


class _File:
    """The file of a run, to which whole lines are appended.

    A line is written by the thread that logs it, so that it outlives the process. If the drive is slow, full or gone,
    lines are queued and written by a thread of the file's own, which also writes the signs of life.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.process = path, os.getpid()
        self.header = b""
        self._began = self._last = time.monotonic()
        self._descriptor = descriptor
        self._lock = threading.RLock()  # reentrant, as a handler of a signal may log, too
        self._changed = threading.Condition(self._lock)
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._excess = 0.0
        self._queue_until = 0.0  # 0 if lines are not queued
        self._lost_place = self._closing = False
        threading.Thread(target=self._work, name="trainscope_log", daemon=True).start()

    def write(self, line: bytes) -> None:
        """Append ``line``, or queue it."""
        if self.process != os.getpid():
            return  # a forked process, such as one that loads images
        with self._lock:
            if self._closing:
                _say("What is logged after the end of a run is left out.")
            elif self._queue_until:
                self._enqueue(line)
            else:
                begin = time.monotonic()
                rest = self._append(line)
                self._last = time.monotonic()
                if rest or self._excess or self._last - begin > USUAL_SECONDS:
                    self._excess = max(self._excess + self._last - begin - USUAL_SECONDS, 0.0)
                if rest or self._excess > PATIENCE_SECONDS:
                    _say(f"Writing {self.path} takes long; a thread does it from now on.", f"slow {self.path}")
                    self._excess, self._queue_until = 0.0, self._last + QUEUE_SECONDS
                    self._enqueue(rest)

    @_never_raises()
    def end(self, status: str, reason: str = "") -> None:
        """Write how the run ended, and let the thread end; wait for what is queued, but not for long."""
        if self.process != os.getpid():
            return
        self.write(_line({"ended": status, "reason": reason} if reason else {"ended": status}))
        until = time.monotonic() + END_SECONDS
        with self._lock:
            self._closing = True
            self._changed.notify_all()
            while self._queue and time.monotonic() < until:
                self._changed.wait(0.1)
            if self._queue:
                _say(f"The last lines of {self.path} could not be written.")

    def _append(self, line: bytes) -> bytes:
        """Write as much of ``line`` as possible, and return the rest."""
        try:
            return line[os.write(self._descriptor, line) :]
        except OSError as error:
            _say(f"{self.path} can't be written ({error.strerror or error}); trying again.", f"slow {self.path}")
            self._lost_place = error.errno not in FULL
            return line

    def _enqueue(self, line: bytes) -> None:
        if self._queued + len(line) > QUEUED_BYTES and not line.startswith(b'{"ended"'):
            _say(f"{self.path} can't be written for too long; records are lost.", f"lost {self.path}")
        elif line:
            self._queue.append(line)
            self._queued += len(line)
            self._changed.notify_all()

    def _work(self) -> None:
        """Write what is queued, and signs of life, until the file is closed."""
        while self._queue or not self._closing:
            with self._lock:
                if not self._queue and not self._closing:
                    self._changed.wait(max(self._last + ALIVE_SECONDS - time.monotonic(), 0.01))
                line = self._queue[0] if self._queue else b""
            # The lock is not held while the drive is used, as that may take long.
            if line:
                self._write_queued(line)
            elif not self._closing:
                self._look_after()
        os.close(self._descriptor)

    def _write_queued(self, line: bytes) -> None:
        if self._lost_place:
            self._open_again()
        begin = time.monotonic()
        rest = self._append(line)
        took = time.monotonic() - begin
        if rest:
            time.sleep(0.2)
        with self._lock:
            self._last = time.monotonic()
            self._queue.popleft()
            self._queued -= len(line) - len(rest)
            if rest:
                self._queue.appendleft(rest)
            if rest or took > 5 * USUAL_SECONDS:
                self._queue_until = self._last + QUEUE_SECONDS
            elif not self._queue and self._last > self._queue_until:
                self._queue_until = 0.0
            self._changed.notify_all()

    def _look_after(self) -> None:
        """Write a sign of life if it is time, and go on in a new file if this one was removed."""
        links = 1
        with contextlib.suppress(OSError):  # the drive is gone, which the next line that can't be written will tell
            links = os.fstat(self._descriptor).st_nlink
        if os.name == "posix" and links == 0:
            _say(f"{self.path} was removed; what is logged from now on is in a new file.", f"removed {self.path}")
            self._open_again()
        with self._lock:
            now = time.monotonic()
            if now - self._last >= ALIVE_SECONDS and not self._closing:
                self.write(b'{"alive": %.1f}\n' % (now - self._began))

    def _open_again(self) -> None:
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = _open(self.path, os.O_CREAT)
            if os.fstat(opened).st_size == 0:
                os.write(opened, self.header)
            os.dup2(opened, self._descriptor, inheritable=False)  # at once, as another thread may be writing
            os.close(opened)
            self._lost_place = False


class Run:
    """A run that is logged, made by :func:`start`. As a context manager it notes how the block ends.

    Attributes:
        path: the file; None if it can't be written, and nothing is logged.
        repeat: number of the repeat, from 1.
        step: the last one that was logged.
        description: what is known of the run, as in the first line of the file.
    """

    def __init__(
        self,
        description: dict[str, Any],
        image_shape: Sequence[int],
        file: _File | None,
        seconds: float = 0.0,
        step: int = 0,
    ) -> None:
        self.path = file.path if file else None
        self.repeat: int = description.get("repeat", 0)
        self.step: int = description.get("after", step)
        self.description, self.image_shape = description, tuple(image_shape)
        self.at_end: list[Callable[[], object]] = []
        self._file = file
        self._formats: dict[tuple[str, ...], str] = {}
        self._seconds = seconds - time.monotonic()
        if file is not None:
            self._unfinished = weakref.finalize(self, _abandon, file)
            self._write_description()
            description.pop("after", None)  # a later description must not remove what was logged since

    @_never_raises()
    def log(
        self,
        step: int,
        *,
        epoch: int | None = None,
        gradient_norms: Mapping[str, float] | None = None,
        update_ratios: Mapping[str, float] | None = None,
        **numbers: Any,
    ) -> None:
        """Log numbers of an optimiser step; more may follow for the same step.

        Args:
            step: from 1.
            epoch: from 1; follows from ``steps_per_epoch`` if that is known.
            gradient_norms: L2 norm of the gradient of each layer's weights, by layer from first to last.
            update_ratios: L2 norm of the step's update of each layer's weights over that of the weights.
            numbers: ``training_loss``, ``training_accuracy``, ``validation_loss``, ``validation_accuracy`` and
                ``learning_rate``, or usual short names such as ``loss``, ``val_acc`` and ``lr``; any others are shown
                by their names. Accuracies are fractions. None is left out.
        """
        if self._file is None:
            return
        try:
            step = operator.index(step)
        except TypeError:
            _say(
                f"A step must be a whole number, not {step!r:.50}; what is logged for such a step is left out.", "whole"
            )
            return
        if step < 1:
            _say(f"Steps count from 1; what is logged for step {step} is left out.", "step")
            return
        self.step = step
        line = f'{{"step": {step}, "seconds": {self._seconds + time.monotonic():.3f}'
        if epoch is not None:
            line += f', "epoch": {operator.index(epoch)}'
        if not ALIASES.keys().isdisjoint(numbers):
            numbers = {ALIASES.get(name, name): value for name, value in numbers.items()}
        if numbers:
            line += self._format(numbers)
        if gradient_norms:
            line += f', "gradient_norms": {json.dumps(_numbers(gradient_norms))}'
        if update_ratios:
            line += f', "update_ratios": {json.dumps(_numbers(update_ratios))}'
        self._file.write(f"{line}}}\n".encode())

    def _format(self, numbers: Mapping[str, Any]) -> str:
        """Return numbers as further parts of a JSON object; floats by a format, which is faster than ``json``."""
        for name, value in numbers.items():
            if type(value) is not float or not -math.inf < value < math.inf or (value > 1 and name in ACCURACIES):
                break
        else:
            names = tuple(numbers)
            if names not in self._formats:
                parts = {name: f'"{name}": %({name})r' for name in names if name.isidentifier()}
                found = [parts.pop(name) for name in STANDARD if name in parts]
                found += [f'"metrics": {{{", ".join(parts.values())}}}'] if parts else []
                self._formats[names] = f", {', '.join(found)}" if all(map(str.isidentifier, names)) else ""
            if self._formats[names]:
                return self._formats[names] % numbers
        plain = _numbers(numbers)
        entry: dict[str, Any] = {name: plain.pop(name) for name in STANDARD if name in plain}
        if plain:
            entry["metrics"] = plain
        return f", {json.dumps(entry)[1:-1]}" if entry else ""

    @_never_raises()
    def log_weights(
        self,
        step: int,
        weights: Mapping[str, Any],
        *,
        input_shape: Sequence[int] | None = None,
        inputs_first: bool = False,
        channels_last: bool = False,
    ) -> None:
        """Log the weights of the first layer, which are shown as images. Needs NumPy.

        Args:
            step: after which these are the weights; 0 for the initial ones.
            weights: by name, such as ``{"W1": W1, "b1": b1}``. The first array of two or four dimensions is logged:
                (units, inputs) or (out_channels, in_channels, height, width).
            input_shape: (height, width, channels) of the images; that of :func:`start` if None.
            inputs_first: whether arrays are (inputs, units) or (height, width, in_channels, out_channels) instead.
            channels_last: whether the inputs of a dense layer are images flattened from (height, width, channels)
                instead of (channels, height, width); the same for gray ones.
        """
        if self._file is None:
            return
        import numpy as np

        layer = next((name for name, values in weights.items() if np.ndim(values) in (2, 4)), None)
        if layer is None:
            _say("No weights are logged, as no array has two or four dimensions.", "weights")
            return
        values = weights[layer]
        values = np.asarray(values.detach().float().cpu() if hasattr(values, "detach") else values)
        if values.size > SHOWN_WEIGHTS:
            _say(f"The weights of {layer} are not logged, as there are more than {SHOWN_WEIGHTS:,}.", "weights")
            return
        if inputs_first:
            values = values.transpose((1, 0) if values.ndim == 2 else (3, 2, 0, 1))
        shape, images = values.shape, tuple(input_shape or self.image_shape)
        images = (*images, 1) if len(images) == 2 else images
        if len(shape) == 4:
            images = images if len(images) == 3 else (*shape[2:], shape[1])
        elif len(images) != 3 or math.prod(images) != shape[1]:
            images = (shape[1],)
        elif channels_last:
            values = values.reshape(-1, *images).transpose(0, 3, 1, 2)
        text = base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
        described = {"layer": _clean(layer), "shape": shape, "input_shape": images, "float32": text}
        self._file.write(_line({"step": int(step), "weights": described}))

    @_never_raises()
    def describe(self, **facts: Any) -> None:
        """Add to what :func:`start` said, such as ``parameters`` or ``device``, once it is known."""
        facts = {name: _plain(value) for name, value in facts.items() if value is not None}
        if self._file is not None and any(self.description.get(name) != value for name, value in facts.items()):
            self.description.update(facts)
            self._write_description()

    @_never_raises()
    def watch(self, model: Any, optimizer: Any, every: int | None = None) -> None:
        """Log gradient norms, update ratios, rate and first-layer weights of a PyTorch model while it is trained.

        Call it once, before the first step. Steps are counted as ``optimizer`` takes them.

        Args:
            model: a ``torch.nn.Module``.
            optimizer: of PyTorch 2.0 or newer.
            every: number of steps from one measurement to the next; if None ten, or so many more (20, 50, 100 …) that
                measuring takes no more than a hundredth of the time.
        """
        if self._file is not None:
            _TorchWatch(self, model, optimizer, every)

    @_never_raises()
    def finish(
        self,
        *,
        test_accuracy: float | None = None,
        test_loss: float | None = None,
        confusion: Any = None,
        labels: Any = None,
        predictions: Any = None,
    ) -> None:
        """End the run, with the results of its test if there was one.

        Args:
            test_accuracy: fraction of the test images; follows from the confusion matrix.
            test_loss: mean over the test images.
            confusion: counts, a row for each true class; see :func:`confusion_matrix`.
            labels: true classes of the test images, in place of ``confusion``.
            predictions: predicted classes, or an array (images, classes) of scores.
        """
        if self._file is None or not self._unfinished.alive:
            return
        for action in self.at_end:
            action()
        if confusion is None and labels is not None and predictions is not None:
            confusion = confusion_matrix(labels, predictions, self.description.get("classes", 0))
        test = _tested(confusion)
        given = _numbers({"test_accuracy": test_accuracy, "test_loss": test_loss})
        test.update({name[len("test_") :]: value for name, value in given.items()})
        if test:
            self._file.write(_line({"test": test}))
        self._end("finished")

    def __enter__(self) -> Run:
        return self

    @_never_raises()
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.finish()
        else:
            self._end(*_failure(error))

    def _end(self, status: str, reason: str = "") -> None:
        if self._file is not None and self._unfinished.detach():
            self._file.end(status, reason)

    def _write_description(self) -> None:
        if self._file is not None:
            self._file.header = _line(self.description)
            self._file.write(self._file.header)


@_never_raises(lambda: Run({}, (), None))
def start(
    experiment: str = "",
    variant: str = "default",
    repeat: int | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    after: int | None = None,
    settings: Any = None,
    classes: Sequence[str] | int | None = None,
    image_shape: Sequence[int] = (),
    **facts: Any,
) -> Run:
    """Begin to log a run. Runs of the same variant are its repeats, of which means and bands are shown.

    Args:
        experiment: what is compared; the script's name if empty.
        variant: what the repeats of this run have in common, such as ``rate 0.1``.
        repeat: number of the repeat, from 1; the next one that is free if None.
        folder: where all experiments are logged; if None that of the environment variable TRAINSCOPE_LOGS, or else
            ``trainscope-logs`` beside the script.
        resume: whether to append to an existing run: the given repeat, or else the newest one.
        after: the step after which a resumed run goes on; what was logged for later ones is replaced. The last step
            that was logged if None.
        settings: of the training, as a mapping or the namespace of ``argparse``.
        classes: their names or number.
        image_shape: (height, width, channels), to show the first layer's weights as images.
        facts: ``seed``, ``epochs``, ``steps``, ``steps_per_epoch``, ``images_per_record`` (over which a training loss
            is averaged), ``parameters``, ``dataset``, ``images`` (numbers of training, validation and test images),
            ``framework`` and ``device``; anything else is a setting.

    Returns:
        The run. If its file can't be written it logs nothing, which is said on standard error.
    """
    experiment = _clean(experiment) or _script().stem
    variant = _clean(variant) or "default"
    versions = {name: str(getattr(sys.modules[name], "__version__", "")) for name in FRAMEWORKS if name in sys.modules}
    description: dict[str, Any] = {"trainscope_log": 1, "experiment": experiment, "variant": variant, "repeat": 0}
    if resume and after is not None:
        description["after"] = int(after)
    given = _as_mapping(settings)
    given.update({name: value for name, value in facts.items() if name not in FACTS})
    description["settings"] = {_clean(name): _plain(value) for name, value in given.items()}
    description["framework"] = next((FRAMEWORKS[name] for name in versions), "")
    if classes is not None:
        description["classes"] = classes if isinstance(classes, int) else [_clean(name) for name in classes]
    description.update({name: _plain(facts[name]) for name in FACTS if facts.get(name) is not None})
    description.update(started=time.time(), host=socket.gethostname())
    description["versions"] = {"python": platform.python_version(), "trainscope_log": __version__, **versions}
    path, descriptor = _create(_folder(folder, experiment), variant, repeat, resume)
    description["repeat"] = int(path.stem.rsplit("-", 1)[1])
    before = _tail(descriptor)
    times = re.findall(rb'"seconds": ([0-9.]+)', before)
    file = _File(path, descriptor)
    if before and not before.endswith(b"\n"):
        file.write(b"\n")  # ends the line that was being written when the script was killed
    steps = re.findall(rb'^{"step": ([0-9]+)', before, re.MULTILINE)
    return Run(description, image_shape, file, float(times[-1]) if times else 0.0, int(steps[-1]) if steps else 0)


def _as_mapping(settings: Any) -> dict[str, Any]:
    """Return settings as a new dictionary."""
    if settings is None or isinstance(settings, Mapping):
        return dict(settings or {})
    try:
        return dict(vars(settings))
    except TypeError:
        _say(f"The settings must be a dictionary or a namespace, not {settings!r:.50}; they are left out.")
        return {}


def _create(folder: Path, variant: str, repeat: int | None, resume: bool) -> tuple[Path, int]:
    """Open the file of a run, a new one unless ``resume``, and return its path and descriptor."""
    name = _file_name(variant)
    if repeat is not None and repeat < 1:
        _say(f"Repeats count from 1; {repeat} is taken as the next one that is free.")
        repeat = None
    matches = [re.fullmatch(re.escape(name) + r"-(\d{1,9})\.jsonl", each.name) for each in folder.iterdir()]
    newest = max((int(match[1]) for match in matches if match), default=0)
    number = repeat or (newest if resume and newest else newest + 1)
    while True:
        path = folder / f"{name}-{number}.jsonl"
        try:
            descriptor = _open(path, os.O_CREAT if resume else os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            number += 1
        else:
            if repeat is not None and number != repeat:
                _say(f"Repeat {repeat} of {variant!r} exists already; this is repeat {number}.", "repeat")
            return path, descriptor


def _open(path: Path, flags: int) -> int:
    return os.open(str(path), os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | flags, 0o666)


def _tail(descriptor: int) -> bytes:
    """Return the last megabyte of a file."""
    os.lseek(descriptor, max(os.fstat(descriptor).st_size - 2**20, 0), os.SEEK_SET)
    return os.read(descriptor, 2**20)


def _folder(given: str | os.PathLike[str] | None, experiment: str) -> Path:
    """Make the folder of an experiment."""
    logs = Path(given or os.environ.get("TRAINSCOPE_LOGS") or _script().parent / "trainscope-logs")
    folder = logs.expanduser().resolve() / _file_name(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _script() -> Path:
    """Return the path of the script, or one in the current folder for a notebook or a module run by ``-m``."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file).resolve() if file and getattr(main, "__spec__", None) is None else Path.cwd() / "own code"


def _file_name(text: str) -> str:
    """Return a name that every file system takes; different texts get different names."""
    name = re.sub(r"[^\w .,=+()-]", "_", text).encode()[:80].decode(errors="ignore").strip(" .")
    if not name or RESERVED.match(name):
        name = f"_{name}"
    return name if name == text else f"{name}~{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _abandon(file: _File) -> None:
    """End a run whose script ends, or drops it, without ``finish``."""
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    file.end(*(_failure(error) if error else ("stopped", "The script ended without finish().")))


def _failure(error: BaseException) -> tuple[str, str]:
    status = "failed" if isinstance(error, Exception) else "stopped"  # Ctrl+C and exit() are no errors
    return status, _clean(f"{type(error).__name__}: {error}"[:1000].rstrip(": "))


def _line(entry: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(entry)}\n".encode()


def _clean(text: object) -> str:
    return str(text).encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _plain(value: Any) -> Any:
    """Return what JSON has as it is, scalars as numbers, and anything else as text."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    with contextlib.suppress(Exception):
        value = value.item()
    return value if value is None or isinstance(value, (bool, int, float)) else _clean(value)[:10_000]


def _number(name: str, value: Any) -> float | None:
    """Convert a number of any library, or return None if it is none."""
    if type(value) is not float and value is not None:
        try:
            value = float(value.item() if hasattr(value, "item") else value)  # NumPy's and PyTorch's have that
        except Exception:
            _say(f"{name} is left out, as it is no number: {str(value)[:80]!r}.", f"number {name}")
            return None
    if value is not None and value > 1 and name in ACCURACIES:
        _say(f"{name} is {value:g}; log a fraction from 0 to 1, a percentage divided by 100.", "accuracy")
    return cast("float | None", value)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: _number(name, value) for name, value in values.items()}
    return {name: number for name, number in numbers.items() if number is not None}


@_never_raises(list)
def confusion_matrix(labels: Any, predictions: Any, classes: Sequence[str] | int = 0) -> list[list[int]]:
    """Count how often each class was taken for each.

    Args:
        labels: the true classes, from 0.
        predictions: the predicted classes, or an array (images, classes) of scores.
        classes: their names or number; as many as occur if 0.

    Returns:
        Counts, with a row for each true class and a column for each predicted one; empty if they do not match.
    """
    true, predicted = _indices(labels), _indices(predictions)
    if len(true) != len(predicted) or min(true + predicted, default=0) < 0:
        _say("There is no confusion matrix, as not every image has a label and a prediction, from 0.")
        return []
    size = max(classes if isinstance(classes, int) else len(classes), 1 + max(true + predicted, default=0))
    matrix = [[0] * size for _ in range(size)]
    for row, column in zip(true, predicted):
        matrix[row][column] += 1
    return matrix


def _indices(classes: Any) -> list[int]:
    """Convert classes, or scores of classes, to a list of classes."""
    if not hasattr(classes, "tolist") and hasattr(classes, "numpy"):  # TensorFlow
        classes = classes.numpy()
    rows = classes.tolist() if hasattr(classes, "tolist") else classes
    return [max(range(len(row)), key=row.__getitem__) if isinstance(row, list) else int(row) for row in rows]


@_never_raises(dict)
def _tested(confusion: Any) -> dict[str, Any]:
    """Return a confusion matrix, and the accuracy that follows from it."""
    matrix = [[int(count) for count in row] for row in ([] if confusion is None else confusion)]
    count = sum(map(sum, matrix))
    right = sum(row[index] for index, row in enumerate(matrix))
    return {"accuracy": right / count, "confusion": matrix} if count else {}


class _TorchWatch:
    """What :meth:`Run.watch` measures, in hooks of the optimiser."""

    def __init__(self, run: Run, model: Any, optimizer: Any, every: int | None) -> None:
        import torch

        self._torch, self._run, self._optimizer, self._every = torch, run, optimizer, every or INTERVALS[0]
        self._is_fixed, self._is_costly = every is not None, False
        self._began, self._ended = 0.0, time.perf_counter()  # of the last measurement
        self._step, self._shown = run.step, -1  # the last step, and the last one whose weights are logged
        self._layers = {_layer_name(name): each for name, each in model.named_parameters() if each.ndim > 1}
        shown = (torch.nn.Linear, torch.nn.Conv2d)
        named = [(_layer_name(f"{name}.weight"), each) for name, each in model.named_modules()]
        self._first = {name: each.weight for name, each in named if isinstance(each, shown)}
        self._measured: dict[str, Any] = {}  # layers of the step that is measured
        self._before: list[Any] = []  # their weights before it
        trained = [each for each in model.parameters() if each.requires_grad]
        device = trained[0].device
        run.describe(
            framework="PyTorch",
            parameters=sum(each.numel() for each in trained),
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper(),
        )
        hooks = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]
        run.at_end += [self._show_weights, *(hook.remove for hook in hooks)]
        if not run.image_shape and not hasattr(model, "_orig_mod"):
            self._find_image_shape(model)

    def _find_image_shape(self, model: Any) -> None:
        """Take the shape of the images from the first call of ``model``."""

        # A hook of all modules, as one of the model would be copied and saved with it.
        @_never_raises()
        def before_call(module: Any, inputs: Any) -> None:
            if module is model:
                hook.remove()
                sizes = tuple(inputs[0].shape[1:])
                self._run.image_shape = (*sizes[1:], sizes[0]) if len(sizes) == 3 else sizes

        hook = self._torch.nn.modules.module.register_module_forward_pre_hook(before_call)

    @_never_raises()
    def _before_step(self, *_of_optimizer: Any) -> None:
        if self._shown < 0:
            self._show_weights()
        self._step += 1
        if self._step % self._every == 0:
            self._began = time.perf_counter()
            trained = {name: each for name, each in self._layers.items() if each.grad is not None}
            self._measured = {name: each for name, each in trained.items() if not each.grad.is_sparse}
            self._before = [each.detach().clone() for each in self._measured.values()]

    @_never_raises()
    def _after_step(self, *_of_optimizer: Any) -> None:
        if self._step % self._every == 0 and self._measured:
            layers = list(self._measured.values())
            changes = [each.detach() - before for each, before in zip(layers, self._before)]
            norms = self._norms([each.grad for each in layers] + changes + self._before)
            parts = [norms[start :: len(layers)] for start in range(len(layers))]  # gradient, change, weights
            self._run.log(
                self._step,
                gradient_norms={name: gradient for name, (gradient, _, _) in zip(self._measured, parts)},
                update_ratios={name: change / size for name, (_, change, size) in zip(self._measured, parts) if size},
                learning_rate=float(self._optimizer.param_groups[0]["lr"]),
            )
            self._measure_less_often()
        interval = self._run.description.get("steps_per_epoch") or max(10 * self._every, self._step // 20)
        if self._step - self._shown >= interval:
            self._show_weights()

    def _measure_less_often(self) -> None:
        """Lengthen the interval after two measurements that took more than their share, as the first are slow."""
        before, self._ended = self._ended, time.perf_counter()
        was_costly, self._is_costly = self._is_costly, self._ended - self._began > SHARE * (self._ended - before)
        if was_costly and self._is_costly and not self._is_fixed:
            self._every = next((each for each in INTERVALS if each > self._every), self._every)
            self._is_costly = False

    def _norms(self, tensors: list[Any]) -> list[float]:
        norm, single = self._torch.linalg.vector_norm, self._torch.float32
        norms = [norm(each.detach(), dtype=single) for each in tensors]
        found: list[float] = self._torch.stack([each.to(norms[0].device) for each in norms]).tolist()
        return found

    def _show_weights(self) -> None:
        if self._shown != self._step:
            self._shown = self._step
            if self._first:
                self._run.log_weights(self._step, self._first)


def _layer_name(parameter: str) -> str:
    """Return the name of a layer from that of its weights, without what ``torch.compile`` adds."""
    name = parameter.replace("_orig_mod.", "").lstrip(".")
    return name[: -len(".weight")] if name.endswith(".weight") else name


@_never_raises()
def KerasCallback(run: Run, every: int = 10) -> Any:  # noqa: N802
    """Return a callback for ``model.fit`` that logs to ``run``; Keras 3, or Keras 2 of TensorFlow.

    Every ``every`` steps it logs the learning rate, training loss and accuracy, and whatever else Keras averages, over
    the batches since the last record; once an epoch validation and the first layer's weights. ``run.finish`` is left to
    the script.
    """
    try:
        import keras
    except ImportError:
        from tensorflow import keras
    return type("KerasCallback", (_KerasLog, keras.callbacks.Callback), {})(run, every)


class _KerasLog:
    """The methods of :func:`KerasCallback`. Keras' own logs are means since the beginning of the epoch."""

    model: Any
    params: Any

    def __init__(self, run: Run, every: int) -> None:
        super().__init__()
        self._run, self._every = run, every
        self._step = self._epoch_began = run.step
        self._epoch = 0
        self._read: dict[str, tuple[float, float]] = {}  # total and count of each mean, as last read
        self._sums: dict[str, tuple[float, float]] = {}  # the same since the last record
        self._recorded = False

    @_never_raises()
    def on_train_begin(self, logs: Any = None) -> None:
        self._run.describe(
            framework="Keras",
            epochs=self.params.get("epochs"),
            steps_per_epoch=self.params.get("steps"),
            parameters=sum(math.prod(each.shape) for each in self.model.trainable_weights),
        )
        self._show_weights()

    @_never_raises()
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._epoch_began = epoch + 1, self._step
        self._read = {}  # Keras has set its means to zero

    @_never_raises()
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        before, self._step = self._step, self._epoch_began + batch + 1
        if self._step // self._every > before // self._every:
            self._read_means()
            means = {name: total / count for name, (total, count) in self._sums.items() if count}
            self._sums, self._recorded = {}, self._recorded or bool(means)
            rate = getattr(self.model.optimizer, "learning_rate", None)
            rate = rate(self.model.optimizer.iterations) if callable(rate) else rate
            self._run.log(self._step, epoch=self._epoch, learning_rate=rate, **_standard(means, "training_"))

    @_never_raises()
    def on_test_begin(self, logs: Any = None) -> None:
        self._read_means()  # Keras validates with the same means

    @_never_raises()
    def on_test_end(self, logs: Any = None) -> None:
        self._read = {name: _total_and_count(mean) for name, mean in self._means()}

    @_never_raises()
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._read_means()
        logs = logs or {}
        numbers = _standard({name[4:]: logs[name] for name in logs if name.startswith("val_")}, "validation_")
        if not self._recorded:  # the means can't be read during an epoch, so these are over the epoch
            numbers.update(_standard({name: logs[name] for name in logs if not name.startswith("val_")}, "training_"))
        self._run.log(self._step, epoch=epoch + 1, **numbers)
        self._show_weights()

    def _read_means(self) -> None:
        """Add what was added to Keras' means since they were last read."""
        for name, mean in self._means():
            total, count = _total_and_count(mean)
            old_total, old_count = self._read.get(name, (0.0, 0.0))
            sum_, number = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (sum_ + total - old_total, number + count - old_count)
            self._read[name] = (total, count)

    def _means(self) -> Iterable[tuple[str, Any]]:
        for metric in self.model.metrics:
            for each in getattr(metric, "metrics", None) or [metric]:  # Keras 3 has compiled ones in another
                if hasattr(each, "total") and hasattr(each, "count"):
                    yield each.name, each

    def _show_weights(self) -> None:
        for layer in _keras_layers(self.model):
            kernel = getattr(layer, "kernel", None)
            if kernel is not None and len(kernel.shape) in (2, 4):
                shape = self.model.input_shape[1:] if len(kernel.shape) == 2 else layer.input.shape[1:]
                self._run.log_weights(
                    self._step, {layer.name: kernel}, input_shape=shape, inputs_first=True, channels_last=True
                )
                return


def _keras_layers(model: Any) -> Iterable[Any]:
    for layer in model.layers:
        yield from _keras_layers(layer) if hasattr(layer, "layers") else [layer]


def _total_and_count(mean: Any) -> tuple[float, float]:
    return float(mean.total), float(mean.count)


def _standard(numbers: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Name Keras' loss and accuracy as :meth:`Run.log` does."""
    names = {"loss": f"{prefix}loss", **dict.fromkeys(KERAS_ACCURACIES, f"{prefix}accuracy")}
    return {names.get(name, f"{prefix}{name}"): value for name, value in numbers.items()}
