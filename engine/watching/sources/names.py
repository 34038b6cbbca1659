"""What names say: which number a column or tag holds, and to which variant and repeat a run belongs.

**Numbers.** A name such as ``val_loss`` or ``Loss/validation`` is split into words. It is a standard number if it has
a word for the quantity, words for at most one part of the data (without one: training), and otherwise only words that
change neither, such as ``epoch`` or ``mean``; so ``val_loss`` is the validation loss, and ``val_box_loss`` a metric of
its own.

**Runs.** Runs of one variant are averaged, so what may be another variant is never taken for a repeat:

- ``cnn_4_run3``, ``cnn_4-seed=3``, ``cnn_4_fold_3`` and the like are repeats of ``cnn_4``. In a folder of its own,
  ``cnn_4/run3``, ``cnn_4/3``, Lightning's ``cnn_4/version_2`` and ``cnn_4/2023-11-12_13-44-00`` are, too.
- Date and time at either end are left out; such runs are repeats in the order of their names.
- A plain number at the end belongs to the variant, as in ``mlp_1``, ``cnn_4`` or ``units_64``. It is a repeat only
  behind the name of an architecture of the course (``cnn_4_2``, up to 10), or if the names of other runs say so: if
  they count from 0 (``net_0``, ``net_1``) or from a name without number (``net``, ``net_1``), without a gap. Names of
  architectures of the course stay whole even then.
- Runs that only have a number or a time, without a folder that names a variant (``runs/3``,
  ``lightning_logs/version_0``, ``Nov12_13-44-00_host``), are variants of their own, as nothing says that they are
  alike; but ``seed_3`` and ``fold_3`` are repeats of what the watched folder is named after.
- Seeds and Lightning's versions are counted from 0: ``seed_0`` is the first repeat. So are other numbers if a 0 occurs
  in the variant.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.events.watching import Grouping
from engine.networks.architectures import ARCHITECTURES
from engine.watching.sources.values import name_of

TEST_LOSS = "test_loss"
TEST_ACCURACY = "test_accuracy"
LEARNING_RATE = "learning_rate"

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PARTS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "training"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_LOSS = frozenset(("loss", "losses", "cost", "cross", "entropy", "crossentropy", "xent", "nll", "ce"))
_ACCURACY = frozenset(("acc", "accuracy", "sparse", "categorical", "binary", "multiclass", "top", "1"))
_NEUTRAL = frozenset(
    (
        *("epoch", "epochs", "step", "steps", "batch", "iter", "iteration", "iterations", "vs", "global", "per"),
        *("mean", "avg", "average", "running", "metrics", "metric", "scalar", "scalars"),
    )
)
# The second is that of Lightning's LearningRateMonitor: lr-Adam.
_RATE = re.compile(r"(epoch[-_/ ]?)?(lr|learning[-_/ ]?rate)|lr-\w+(/pg1)?", re.IGNORECASE)

_DAY = r"(?<!\d)(?:19|20)\d\d-?[01]\d-?[0-3]\d"
_TIME = r"[0-2]\d[-:_.h]?[0-5]\d(?:[-:_.m]?[0-5]\d)?s?(?:[._]\d{1,6})?"
_STAMP = rf"(?:{_DAY}(?:[-_ T.]?{_TIME})?Z?|(?<!\d)1[4-9]\d{{8}}(?:\.\d+)?)"
_STAMP_BEFORE, _STAMP_BEHIND = re.compile(rf"^{_STAMP}(?:[-_ .]+|$)"), re.compile(rf"(?:^|[-_ .]+){_STAMP}$")
_MARKED = re.compile(
    r"(?:(?P<base>.*[^-_ .,])[-_ .,]+)?(?P<mark>run|rep|repeat|repetition|seed|trial|fold|try|version)"
    r"[-_ =.]*(?P<number>\d{1,6})",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?P<base>.+)[-_ .](?P<number>\d{1,4})")
_MARKS_FROM_0 = frozenset(("seed", "version"))
_SURE_MARKS = frozenset(("seed", "fold", "rep", "repeat", "repetition"))
_MAX_COURSE_REPEAT = 10

# Names of folders and files that say nothing of a run.
_GENERIC_FOLDERS = frozenset(("runs", "logs", "log", "lightning_logs", "tb_logs", "tensorboard", "fit", "csv_logs"))
_GENERIC_FILES = frozenset(
    ("metrics", "log", "logs", "training", "training_log", "train", "history", "progress", "results")
)


def standard_name(name: str, part: str = "") -> str | None:
    """Return which standard number a column or tag is.

    Args:
        name: of the column or tag.
        part: word for the part of the data, if something else than the name tells it, such as the folder ``train``.

    Returns:
        One of ``base.STANDARD_NUMBERS``, ``TEST_LOSS``, ``TEST_ACCURACY``, or None for a metric of its own.
    """
    if _RATE.fullmatch(name):
        return LEARNING_RATE
    words = _words(name)
    parts = {_PARTS[word] for word in words if word in _PARTS} or {_PARTS.get(part.lower(), "training")}
    rest = {word for word in words if word not in _PARTS} - _NEUTRAL
    if len(parts) > 1:
        return None
    if rest and rest <= _LOSS:
        return f"{parts.pop()}_loss"
    if rest <= _ACCURACY and (rest & {"acc", "accuracy"} or rest == {"top", "1"}):
        return f"{parts.pop()}_accuracy"
    return None


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def standard_names(names: Collection[str]) -> dict[str, str]:
    """Return the standard numbers among all names of a log, by name; of several for the same, the most plain one.

    Losses that are logged both at steps and as means of epochs are taken from the steps for training, as a curve shows
    more then, and from the epochs for validation, as its steps are batches of the validation images.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if (standard := standard_name(name)) is not None:
            found[standard].append(name)
    return {min(same, key=lambda name: _rank(name, standard)): standard for standard, same in found.items()}


def _rank(name: str, standard: str) -> tuple[bool, bool, int, str]:
    words = _words(name)
    return name != standard, ("epoch" if standard.startswith("training") else "step") in words, len(words), name


@dataclass(frozen=True)
class _Place:
    """Where a run belongs: folders that name its experiment, variant, and number, None if it has none."""

    folders: tuple[str, ...]
    variant: str
    number: int | None = None


def run_path(key: str) -> str:
    """Return the name of a run whose log is a file: without suffix, and without a name such as ``metrics``."""
    path = PurePosixPath(key)
    return (path.parent if path.stem.lower() in _GENERIC_FILES else path.with_suffix("")).as_posix()


def grouping(name: str, root: str) -> Grouping:
    """Return where a run belongs, as far as its own name tells; see ``group``."""
    place = _place(_split(name), root, {})
    number = place.number if place.number != 0 else 1
    return Grouping(_experiment(place, root), place.variant, number or 0)


def group(names: Sequence[str], root: str) -> list[Grouping]:
    """Return where runs belong, as their names tell together.

    Args:
        names: such as ``cnn_4_run3``; folders are separated by ``/``.
        root: name of the watched folder: the experiment, unless further folders name it.

    Returns:
        One grouping for each name, in their order; repeats are counted from 1, without two of the same.
    """
    numbers = _numbers(names)
    places = [_place(_split(name), root, numbers) for name in names]
    variants: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for index in sorted(range(len(names)), key=lambda each: (places[each].number is None, names[each])):
        variants[places[index].folders, places[index].variant].append(index)
    repeats = [0] * len(names)
    for indexes in variants.values():
        shift = int(any(places[index].number == 0 for index in indexes))
        taken: set[int] = set()
        for index in indexes:
            number = places[index].number
            repeat = -1 if number is None else number + shift
            if repeat < 0 or repeat in taken:
                repeat = next(each for each in range(1, len(taken) + 2) if each not in taken)
            taken.add(repeat)
            repeats[index] = repeat
    return [
        Grouping(_experiment(place, root), place.variant, repeat) for place, repeat in zip(places, repeats, strict=True)
    ]


def _split(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.split("/") if part not in ("", "."))


def _experiment(place: _Place, root: str) -> str:
    return name_of("/".join(place.folders) or root)


def _numbers(names: Sequence[str]) -> Mapping[tuple[str, ...], set[int]]:
    """Return which plain numbers follow each name, and -1 for the name itself."""
    numbers: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for *folders, last in filter(None, map(_split, names)):
        bare = _without_stamp(last)
        numbers[*folders, bare].add(-1)
        if match := _NUMBERED.fullmatch(bare):
            numbers[*folders, match["base"]].add(int(match["number"]))
    return numbers


def _without_stamp(name: str) -> str:
    return _STAMP_BEHIND.sub("", _STAMP_BEFORE.sub("", name))


def _place(parts: tuple[str, ...], root: str, numbers: Mapping[tuple[str, ...], set[int]]) -> _Place:
    *parents, last = parts or (root or "run",)
    folders = tuple(folder for folder in parents if folder.lower() not in _GENERIC_FOLDERS)
    bare = _without_stamp(last)
    match = _MARKED.fullmatch(bare)
    number = int(bare) if re.fullmatch(r"\d{1,6}", bare) else None
    if match:
        number = int(match["number"]) + (match["mark"].lower() in _MARKS_FROM_0)
    if match and match["base"]:
        return _Place(folders, name_of(match["base"]), number)
    if match is None and bare and number is None:
        base, repeat = _plain_number(tuple(parents), bare, numbers)
        return _Place(folders, name_of(base), repeat)
    if parents and parents[-1].lower() not in _GENERIC_FOLDERS:
        place = _place(tuple(parents), root, {})
        return place if place.number is not None else _Place(place.folders, place.variant, number)
    if match and match["mark"].lower() in _SURE_MARKS:
        return _Place(folders, name_of(root or "run"), number)
    return _Place(folders, name_of(last))


def _plain_number(
    folders: tuple[str, ...], name: str, numbers: Mapping[tuple[str, ...], set[int]]
) -> tuple[str, int | None]:
    """Return variant and number of a name that may end in a number which counts repeats."""
    match = _NUMBERED.fullmatch(name)
    if match is None:
        siblings = numbers.get((*folders, name), {-1})
        return (name, 0) if _is_count(siblings) and -1 in siblings else (name, None)
    base, number = match["base"], int(match["number"])
    is_course_repeat = base in ARCHITECTURES and number <= _MAX_COURSE_REPEAT
    if is_course_repeat or (name not in ARCHITECTURES and _is_count(numbers.get((*folders, base), set()))):
        return base, number
    return name, None


def _is_count(numbers: Collection[int]) -> bool:
    """Whether numbers count repeats: from 0, or from a name without number, without a gap."""
    counted = sorted(number for number in numbers if number >= 0)
    first = 1 if -1 in numbers and 0 not in numbers else 0
    return len(numbers) > 1 and counted == list(range(first, first + len(counted)))
