"""Actions on stored experiments: one table, for the list and the tab of an opened experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from engine.experiments.presets import parse_settings, settings_to_toml
from engine.utils.errors import SpecError
from engine.utils.text import pluralise
from engine.workspace.catalogue import Catalogue, CatalogueEntry, TrainedChoice
from gui.background.store_reader import StoreReader
from gui.history.drafts import Drafts, TextField
from gui.widgets.actions import KEYS

FEWEST_COMPARED = 2


@dataclass(frozen=True)
class Choice:
    """Experiments an action applies to: the ``chosen`` (selected) ones, and in a list the ``ticked`` ones."""

    chosen: tuple[CatalogueEntry, ...] = ()
    ticked: tuple[CatalogueEntry, ...] = ()

    @property
    def one(self) -> CatalogueEntry | None:
        """The chosen experiment, if exactly one is chosen."""
        return self.chosen[0] if len(self.chosen) == 1 else None

    @property
    def marked(self) -> tuple[CatalogueEntry, ...]:
        """The ticked experiments, or if none the chosen ones, without deleted ones."""
        return tuple(entry for entry in self.ticked or self.chosen if not entry.is_deleted)

    @property
    def compared(self) -> tuple[CatalogueEntry, ...]:
        """The marked experiments that have curves."""
        return tuple(entry for entry in self.marked if entry.has_runs)


def _one(choice: Choice) -> bool:
    return choice.one is not None


def _one_of_ours(choice: Choice) -> bool:
    return choice.one is not None and not choice.one.is_logged


def _one_with_runs(choice: Choice) -> bool:
    return choice.one is not None and choice.one.has_runs and not choice.one.is_deleted and not choice.one.is_logged


def _one_with_networks(choice: Choice) -> bool:
    return _one_with_runs(choice) and bool(choice.one and choice.one.tested)


def _one_that_can_go_on(choice: Choice) -> bool:
    return choice.one is not None and choice.one.can_resume


def _one_ended(choice: Choice) -> bool:
    return _one_with_runs(choice) and bool(choice.one and choice.one.stored.status.is_final)


@dataclass(frozen=True)
class ActionKind:
    """An action on stored experiments.

    Attributes:
        name: key of the action.
        text: button and menu text.
        keys: shortcuts.
        tip: tool tip.
        possible: whether the action applies to a choice.
        anywhere: whether the shortcuts work while a button of it is visible, rather than only in the list.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    tip: str
    possible: Callable[[Choice], bool]
    anywhere: bool = False


ACTIONS: dict[str, ActionKind] = {
    action.name: action
    for action in (
        ActionKind("open", "Open", ("Return", "Enter"), "Show the experiment in a tab of its own", _one),
        ActionKind("rename", "Rename", ("F2",), "Give the experiment a title", _one),
        ActionKind("notes", "Notes", ("F3",), "Write down what you want to remember about it", _one),
        ActionKind(
            "compare",
            "Compare",
            ("Ctrl+K",),
            "Lay the curves of the ticked experiments over each other, and their settings side by side",
            lambda choice: len(choice.compared) >= FEWEST_COMPARED,
        ),
        ActionKind("copy_settings", "Copy settings", ("Ctrl+C",), "Copy the settings as TOML text", _one_of_ours),
        ActionKind(
            "paste_settings",
            "Paste settings",
            ("Ctrl+V",),
            "Show the settings on the clipboard, TOML or JSON, in the form they are for",
            lambda _choice: True,
        ),
        ActionKind(
            "run_again",
            "Run again",
            KEYS["run"],
            "Run the same settings once more, as a new experiment",
            _one_of_ours,
            True,
        ),
        ActionKind(
            "resume",
            "Resume",
            KEYS["resume"],
            "Train what is missing of it: runs that crashed, failed or were ended go on where they were",
            _one_that_can_go_on,
            True,
        ),
        ActionKind(
            "add_repeats",
            "Add repeats…",
            KEYS["repeats"],
            "Give every variant of it further runs",
            _one_ended,
            True,
        ),
        ActionKind(
            "train_on",
            "Continue training…",
            (),
            "Start a new run from the weights of one of its networks",
            _one_with_networks,
        ),
        ActionKind("export", "Export…", KEYS["export"], "Write its results to a folder", _one, True),
        ActionKind(
            "report",
            "Report…",
            (),
            "Write a report of the ticked experiments, or of the chosen ones",
            lambda choice: bool(choice.marked),
        ),
        ActionKind(
            "delete",
            "Delete",
            ("Del",),
            "Throw the chosen experiments away; until the window closes they can be taken back",
            lambda choice: any(not entry.is_deleted for entry in choice.chosen),
        ),
        ActionKind(
            "restore",
            "Restore",
            (),
            "Take back the deletion of the chosen experiments",
            lambda choice: any(entry.is_deleted for entry in choice.chosen),
        ),
    )
}


class ExperimentActions(QObject):
    """Performs the actions; those that need more than the catalogue are emitted as signals with experiment numbers.

    ``rename_requested`` and ``notes_requested`` ask for an editor; ``changed`` is emitted after a change of the
    catalogue. Experiments deleted here are removed permanently by ``purge``.
    """

    open_requested = Signal(int)
    rename_requested = Signal(int)
    notes_requested = Signal(int)
    compare_requested = Signal(tuple)
    settings_pasted = Signal(str, object)  # experiment name, spec
    run_again_requested = Signal(int)
    resume_requested = Signal(int)
    repeats_requested = Signal(int)
    continuation_requested = Signal(list)  # trained networks to choose from
    export_requested = Signal(int)
    report_requested = Signal(tuple)
    changed = Signal()
    said = Signal(str)  # message for the status bar
    failed = Signal(str)

    def __init__(self, reader: StoreReader, parent: QWidget) -> None:
        super().__init__(parent)
        self._reader, self._parent = reader, parent
        self.drafts = Drafts(reader.workspace)
        self._has_failed = bool(self.drafts.all())  # whether drafts are there that no write is under way for
        self._under_way: set[int] = set()
        self._deleted: set[int] = set()
        self._handlers: dict[str, Callable[[Choice], None]] = {
            "open": _for_one(self.open_requested.emit),
            "rename": _for_one(self.rename_requested.emit),
            "notes": _for_one(self.notes_requested.emit),
            "compare": self._compare,
            "copy_settings": self._copy,
            "paste_settings": lambda _choice: self._paste(),
            "run_again": _for_one(self.run_again_requested.emit),
            "resume": _for_one(self.resume_requested.emit),
            "add_repeats": _for_one(self.repeats_requested.emit),
            "train_on": _for_one(self._find_networks),
            "export": _for_one(self.export_requested.emit),
            "report": lambda choice: self.report_requested.emit(tuple(e.number for e in choice.marked)),
            "delete": self._delete,
            "restore": self._restore,
        }

    def perform(self, name: str, choice: Choice) -> None:
        """Perform the action of that name, if it is possible."""
        if ACTIONS[name].possible(choice):
            self._handlers[name](choice)

    def set_under_way(self, experiment: int, is_under_way: bool) -> None:
        """Set whether an experiment is running, which then can't be deleted."""
        (self._under_way.add if is_under_way else self._under_way.discard)(experiment)

    def rename(self, number: int, title: str) -> None:
        """Store a title."""
        self._store_text(number, "title", title.strip())

    def annotate(self, number: int, notes: str) -> None:
        """Store notes."""
        self._store_text(number, "notes", notes)

    def retry_drafts(self) -> None:
        """Store the texts that could not be stored before."""
        if self._has_failed:
            self._has_failed = False
            for draft in self.drafts.all():
                self._store_text(*draft)

    def save_drafts(self) -> None:
        """Store all texts before the program ends; the settings keep them in case that fails."""
        self.drafts.remember()
        self.retry_drafts()

    def _store_text(self, number: int, field: TextField, text: str) -> None:
        """Store a title or notes; if that fails they stay drafts."""

        def fail() -> None:
            self._has_failed = True
            self.drafts.remember()

        self.drafts.put(number, field, text)
        self.write(
            lambda catalogue: (catalogue.rename if field == "title" else catalogue.annotate)(number, text),
            undo=fail,
            done=lambda: self.drafts.drop(number, field, text),
        )

    def write(
        self,
        change: Callable[[Catalogue], None],
        undo: Callable[[], None] = lambda: None,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Change the catalogue in the background; ``done`` is called afterwards, or ``undo`` if that fails."""

        def query(workspace: Path) -> Iterator[None]:
            with closing(Catalogue(workspace)) as catalogue:
                change(catalogue)
            yield

        def end(_answer: None) -> None:
            done()
            self.changed.emit()

        def fail(sentence: str) -> None:
            undo()
            self.failed.emit(sentence)

        self._reader.ask(query, end, fail)

    def purge(self) -> None:
        """Permanently remove the experiments deleted here."""
        if numbers := sorted(self._deleted):
            self.write(lambda catalogue: catalogue.purge(numbers))
        self._deleted.clear()

    def _delete(self, choice: Choice) -> None:
        there = [entry for entry in choice.chosen if not entry.is_deleted]
        if under_way := [entry.number for entry in there if entry.number in self._under_way]:
            self.failed.emit(f"Experiment {under_way[0]} is under way; stop or cancel it first, then delete it.")
        elif self._may_delete(there):
            numbers = [entry.number for entry in there]
            self._deleted.update(numbers)
            self.write(lambda catalogue: catalogue.delete(numbers), lambda: self._deleted.difference_update(numbers))

    def _may_delete(self, entries: Sequence[CatalogueEntry]) -> bool:
        what = f"#{entries[0].number} {entries[0].name}" if len(entries) == 1 else pluralise(len(entries), "experiment")
        text = f"Delete {what}? Until the window closes it can be taken back with Restore, under Show deleted."
        if not all(entry.stored.status.is_final for entry in entries):
            text += "\n\nIt has not come to its end: where another window trains it, it would go on there unseen."
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Delete?",
            text,
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
            self._parent,
        )
        box.setObjectName("ask_to_delete")
        box.setTextFormat(Qt.TextFormat.PlainText)
        return box.exec() == QMessageBox.StandardButton.Yes

    def _restore(self, choice: Choice) -> None:
        numbers = [entry.number for entry in choice.chosen if entry.is_deleted]
        self._deleted.difference_update(numbers)
        self.write(lambda catalogue: catalogue.restore(numbers))

    def _compare(self, choice: Choice) -> None:
        self.compare_requested.emit(tuple(entry.number for entry in choice.compared))
        if left_out := [f"#{entry.number} {entry.name}" for entry in choice.marked if not entry.has_runs]:
            self.said.emit(f"Without curves, so not in the comparison: {', '.join(left_out)}.")

    def _copy(self, choice: Choice) -> None:
        if choice.one is not None:
            QGuiApplication.clipboard().setText(settings_to_toml(choice.one.stored.name, choice.one.values))
            self.said.emit(f"The settings of experiment {choice.one.number} are on the clipboard.")

    def _paste(self) -> None:
        try:
            experiment, spec = parse_settings(QGuiApplication.clipboard().text())
        except SpecError as error:
            self.failed.emit(str(error))
        else:
            self.settings_pasted.emit(experiment.name, spec)

    def _find_networks(self, number: int) -> None:
        def query(workspace: Path) -> Iterator[list[TrainedChoice]]:
            with closing(Catalogue(workspace)) as catalogue:
                yield catalogue.trained(number)

        self._reader.ask(query, self._offer_networks, self.failed.emit)

    def _offer_networks(self, networks: list[TrainedChoice]) -> None:
        if networks:
            self.continuation_requested.emit(networks)
        else:
            self.failed.emit("None of its trained networks is there any more; run the experiment again.")


def _for_one(act: Callable[[int], None]) -> Callable[[Choice], None]:
    def perform(choice: Choice) -> None:
        if choice.one is not None:
            act(choice.one.number)

    return perform
