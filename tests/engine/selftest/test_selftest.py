"""engine.selftest: what each check says of a sound machine and of a broken one, and that none stops the others."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

import main
from engine.cli.arguments import parse
from engine.cli.selftest import run_selftest
from engine.devices import verification as device_check
from engine.devices.verification import Deviation
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.devices import WorkerReady
from engine.events.runs import Checkpoint, Status
from engine.events.tasks import Event, TaskFailed
from engine.executors.tasks import TrainTask
from engine.selftest import installation, report
from engine.selftest import training as computing
from engine.selftest.check import Check, CheckState, Outcome, Result, Surroundings, failed, ok, skipped, warning
from engine.selftest.figures import check_figures
from engine.selftest.installation import check_packages, check_space, check_temporary_folder, check_workspace, compare
from engine.selftest.registry import CHECKS
from engine.selftest.runner import run_checks
from engine.selftest.storage import check_scratch_store, check_store
from engine.selftest.training import (
    check_child,
    check_devices,
    check_going_on,
    check_gpus,
    check_processor,
    check_repetition,
    check_training,
)
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.errors import Cancelled, DeviceError, WorkerError
from engine.utils.versions import installed_version
from tests.engine.support import ScriptedExecutor, finished, planned, python, record, started, weights

NEVER = 3600.0
PATIENCE = 60.0  # seconds for what must happen, and fails the test if it doesn't


@pytest.fixture
def surroundings(workspace: Path, tmp_path: Path) -> Surroundings:
    """A workspace that does not exist yet, and an empty folder of the test's own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Surroundings(workspace, scratch)


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that compute in this process leave it with the one thread that all tests have."""
    monkeypatch.setattr(computing, "cpu_count", lambda: 1)


# --- carrying checks out: these run in child processes


def says_who(surroundings: Surroundings) -> Result:
    return ok(f"{os.getpid()} {surroundings.device}", {"Fact": "a fact"})


def crashes(surroundings: Surroundings) -> Result:
    os.kill(os.getpid(), signal.SIGSEGV)
    return ok("never")


def has_no_memory(surroundings: Surroundings) -> Result:
    raise MemoryError


def is_refused(surroundings: Surroundings) -> Result:
    return ok((surroundings.scratch / "nothing").read_text())


def leaves(surroundings: Surroundings) -> Result:
    os._exit(3)


def hangs(surroundings: Surroundings) -> Result:
    """With a process of its own, which must not be left behind either."""
    command = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    with subprocess.Popen(command) as started:  # noqa: S603 - Python itself
        (surroundings.scratch / "pid").write_text(str(started.pid))
        threading.Event().wait()
    return ok("never")


def stumbles(surroundings: Surroundings) -> Result:
    raise ValueError("a value\nwith two lines")


def explains(surroundings: Surroundings) -> Result:
    raise WorkerError("It does not work; try another.")


def warns(surroundings: Surroundings) -> Result:
    return warning("Somewhat little.")


def fails(surroundings: Surroundings) -> Result:
    return failed("Too little; get more.")


def check(run: Any, *needs: str, seconds: float = NEVER, alone: bool = False) -> Check:
    return Check(run.__name__, "something", run, seconds, needs, alone)


def carried_out(checks: list[Check], surroundings: Surroundings) -> list[Outcome]:
    with closing(ControlChannel()) as control:
        return list(run_checks(checks, surroundings, control))


def test_whatever_a_check_does_the_others_have_their_turn(surroundings: Surroundings) -> None:
    checks = [
        check(says_who),
        check(crashes),
        check(warns, "crashes"),
        check(says_who, "says_who", "warns"),
        check(stumbles),
        check(explains),
        check(leaves),
        check(says_who, alone=True),
        check(says_who),
        check(has_no_memory),
        check(is_refused),
    ]
    outcomes = carried_out(checks, replace(surroundings, device="cpu"))
    who, crash, lacking, _, stumbled, explained, left, alone, last, memory, refused = (each.result for each in outcomes)
    assert (who.state, who.facts) == (CheckState.OK, {"Fact": "a fact"})
    assert {each.state for each in (crash, stumbled, explained, left, memory, refused)} == {CheckState.FAILED}
    assert "crashed (SIGSEGV)" in crash.sentence
    assert lacking == skipped("Can't be looked at, as crashes failed.")
    assert outcomes[3].result.sentence == "Can't be looked at, as warns failed.", "what was skipped is lacking too"
    assert stumbled.sentence.startswith("An unexpected ValueError ended it (a value); ")
    assert explained.sentence == "It does not work; try another."
    assert "ended with code 3" in left.sentence
    assert memory.sentence.startswith("There is not enough memory for it; ")
    assert refused.sentence.startswith("The system refused it ([Errno 2] No such file or directory: ")
    processes = [each.sentence.split()[0] for each in (who, alone, last)]
    assert len({*processes, str(os.getpid())}) == 4, "a process of its own, which the next check does not share"
    assert last.sentence.endswith(" cpu")
    assert "ValueError: a value" in (surroundings.scratch / "selftest.log").read_text()


def test_a_check_that_hangs_is_ended_with_all_it_has_started(surroundings: Surroundings) -> None:
    pid = surroundings.scratch / "pid"
    # The process is there before the clock starts, so that the check gets to its own.
    before, hung, after = carried_out([check(warns), check(hangs, seconds=2), check(warns)], surroundings)
    assert hung.result.state is CheckState.FAILED
    assert hung.result.sentence.startswith("Not done after 2 s, so it was ended; ")
    assert before.result == after.result == warning("Somewhat little.")
    with suppress(psutil.NoSuchProcess):  # killed, it may not have been buried yet
        psutil.Process(int(pid.read_text())).wait(PATIENCE)


def test_what_is_under_way_can_be_cancelled(surroundings: Surroundings) -> None:
    with closing(ControlChannel()) as control, pytest.raises(Cancelled):
        list(run_checks([check(hangs)], surroundings, control, lambda _check: control.send(Control.CANCEL)))


@pytest.mark.parametrize(
    ("code", "named"),
    [(-4, "lacks instructions"), (-9, "want of memory"), (-6, "SIGABRT"), (-99, "signal 99"), (1, "code 1")],
)
def test_how_a_process_ended_is_put_into_words(code: int, named: str) -> None:
    from engine.selftest.runner import _how_it_ended

    assert named in _how_it_ended(code)


# --- on the terminal


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def on_terminal(checks: list[Check], workspace: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = run_selftest(parse(["--selftest", "--workspace", str(workspace)]), checks)
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out.splitlines()


def test_a_line_a_check_then_how_it_went_then_facts(
    workspace: Path, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = on_terminal([check(says_who), check(warns)], workspace, capsys)
    assert code == 0, "a warning is no failure"
    assert lines[0].startswith("ok       says_who          ")
    assert lines[1] == "warning  warns             Somewhat little."
    assert lines[3].startswith("Nothing failed of 2 checks, in ")
    assert lines[3].endswith(" (1 warning).")
    facts = {line[: report.FACT_WIDTH].strip(): line[report.FACT_WIDTH :] for line in lines[5:]}
    assert {"Trainscope", "TensorFlow", "Python", "System", "Processor", "Memory", "Devices", "Fact"} <= set(facts)
    assert facts["Workspace"].startswith(f"{workspace}, ")
    assert facts["Workspace"].endswith(", not made yet")
    assert "\r" not in "".join(lines)
    assert list(temporary.iterdir()) == []
    assert not workspace.exists()


def test_one_failure_makes_the_exit_code_and_its_logs_are_kept(
    workspace: Path, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = on_terminal([check(fails), check(warns)], workspace, capsys)
    assert code == 1
    assert lines[0] == "failed   fails             Too little; get more."
    assert lines[3].startswith("1 of 2 checks failed, in ")
    [kept] = temporary.iterdir()
    assert lines[-1].split() == ["Logs", str(kept)]
    assert (kept / "selftest.log").exists()


def test_without_a_temporary_folder_a_sentence_says_so(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(workspace / "none"))
    assert run_selftest(parse(["--selftest"]), [check(warns)]) == 1
    assert (
        "No temporary folder can be written to (No such file or directory); free some space" in capsys.readouterr().err
    )


@pytest.mark.parametrize("other", [["--list"], ["--batch", "architectures"], ["--workers", "0"], ["--workers", "2"]])
def test_it_goes_alone(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(["--selftest", *other])
    assert stop.value.code == 2
    assert f"--selftest goes without {other[0]}" in capsys.readouterr().err


def test_it_can_be_told_where_and_on_what(tmp_path: Path) -> None:
    options = parse(["--selftest", "--workspace", str(tmp_path), "--device", "gpu:1"])
    assert (options.selftest, options.workspace, options.device) == (True, tmp_path, "gpu:1")
    assert not parse([]).selftest


def test_what_a_check_needs_comes_before_it() -> None:
    names = [each.name for each in CHECKS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < report.NAME_WIDTH
    for position, each in enumerate(CHECKS):
        assert set(each.needs) <= set(names[:position])


def test_a_package_without_which_nothing_starts_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking() -> int:
        raise ModuleNotFoundError("No module named 'pydantic.fields'", name="pydantic.fields")

    monkeypatch.setattr(main, "run", lacking)
    assert main.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("trainscope: The package pydantic is missing; install what the program needs: ")
    assert error.count("\n") == 1


# --- packages and folders


def test_the_packages_here_are_as_required(surroundings: Surroundings) -> None:
    found = check_packages(surroundings)
    assert found.state is CheckState.OK, found.sentence
    assert "packages as requirements.txt wants them" in found.sentence


def test_packages_that_are_missing_or_outside_are_named() -> None:
    required = """
# nothing
numpy>=1.26,<3  # a reason
nothing-called-so>=1
nothing-on-another-system; sys_platform == "nowhere"
pillow<1
"""
    missing, outside, count = compare(required)
    assert (missing, count) == (["nothing-called-so"], 3)
    assert outside == [f"pillow {installed_version('pillow')} is not <1"]


@pytest.mark.parametrize(
    ("text", "state", "named"),
    [
        ("nothing-called-so\n", CheckState.FAILED, "nothing-called-so not installed; install what is missing: "),
        ("pillow<1\n", CheckState.WARNING, "is not <1: not what the program was tested with; "),
        (None, CheckState.WARNING, "can't be read (No such file or directory)"),
    ],
)
def test_a_doubtful_installation_comes_with_its_cure(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, text: str | None, state: CheckState, named: str
) -> None:
    file = surroundings.scratch / "requirements.txt"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(installation, "REQUIREMENTS", file)
    found = check_packages(surroundings)
    assert found.state is state
    assert named in found.sentence


def test_a_built_program_carries_its_packages(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "packages that this program was built with" in check_packages(surroundings).sentence


def test_folders_are_written_to_and_left_as_they_were(surroundings: Surroundings) -> None:
    assert check_temporary_folder(surroundings).state is CheckState.OK
    assert check_workspace(surroundings) == ok(f"{surroundings.workspace} can be made.")
    assert not surroundings.workspace.exists()
    surroundings.workspace.mkdir()
    assert check_workspace(surroundings) == ok(f"{surroundings.workspace} can be written to.")
    assert [*surroundings.workspace.iterdir(), *surroundings.scratch.iterdir()] == []


def test_a_workspace_that_is_a_file_is_refused(surroundings: Surroundings) -> None:
    surroundings.workspace.write_text("")
    below = replace(surroundings, workspace=surroundings.workspace / "below")
    for each in (surroundings, below):
        found = check_workspace(each)
        assert found.state is CheckState.FAILED
        assert found.sentence.startswith(f"{surroundings.workspace} is no folder; ")


def test_a_folder_that_can_not_be_written_to_comes_with_the_systems_word(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    for found in (check_temporary_folder(surroundings), check_workspace(surroundings)):
        assert found.state is CheckState.FAILED
        assert "can't be written to (No space left on device); " in found.sentence


@pytest.mark.parametrize(
    ("free", "words", "state"),
    [
        (60 * 10**9, "60.0 GB", CheckState.OK),
        (5 * 10**8, "500 MB", CheckState.WARNING),
        (10**7, "10 MB", CheckState.FAILED),
    ],
)
def test_little_space_is_told_of(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, free: int, words: str, state: CheckState
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    found = check_space(surroundings)
    assert found.state is state
    assert found.sentence.startswith(f"{words} free in ")


# --- stores


@pytest.fixture
def stored(surroundings: Surroundings) -> Path:
    """The file of a store with an experiment."""
    with closing(Store(surroundings.workspace)) as store:
        planned(store)
        return store.file


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_sound_store_is_told_of_and_left_as_it_is(surroundings: Surroundings, stored: Path) -> None:
    before = contents(stored.parent)
    found = check_store(surroundings)
    assert found.state is CheckState.OK
    assert found.sentence.startswith("1 experiment in 0.")
    assert found.sentence.endswith(f" MB, whole, of version {SCHEMA_VERSION}.")
    assert contents(stored.parent) == before


def test_what_another_program_has_just_written_is_seen(surroundings: Surroundings) -> None:
    with closing(Store(surroundings.workspace)) as store:
        planned(store)
        planned(store)
        before = contents(surroundings.workspace)
        assert check_store(surroundings).sentence.startswith("2 experiments in ")
        after = contents(surroundings.workspace)
        assert {name: after[name] for name in before if not name.endswith("-shm")} == {
            name: before[name] for name in before if not name.endswith("-shm")
        }


def test_without_a_store_nothing_is_made(surroundings: Surroundings) -> None:
    assert check_store(surroundings).state is CheckState.OK
    assert not surroundings.workspace.exists()


def spoil_pages(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[5000:20000] = b"\xff" * 15000
    file.write_bytes(content)


@pytest.mark.parametrize(
    "spoil", [spoil_pages, lambda file: file.write_bytes(b"no store" * 1000)], ids=["pages", "another_file"]
)
def test_a_damaged_store_is_named_and_left_as_it_is(surroundings: Surroundings, stored: Path, spoil: Any) -> None:
    spoil(stored)
    before = contents(stored.parent)
    found = check_store(surroundings)
    assert found.state is CheckState.FAILED
    assert found.sentence.startswith(f"{stored} is damaged (")
    assert "keep a copy of it" in found.sentence
    assert contents(stored.parent) == before


def test_a_store_that_can_not_be_read_is_not_called_damaged(surroundings: Surroundings, stored: Path) -> None:
    stored.unlink()
    stored.mkdir()
    found = check_store(surroundings)
    assert found.state is CheckState.FAILED
    assert found.sentence.startswith(f"{stored} can't be read (")


@pytest.mark.parametrize(
    ("version", "state", "named"),
    [
        (SCHEMA_VERSION + 1, CheckState.FAILED, f"is of version {SCHEMA_VERSION + 1}, and this program reads"),
        (SCHEMA_VERSION - 1, CheckState.OK, f"brought to version {SCHEMA_VERSION} when it is next opened"),
    ],
    ids=["newer", "older"],
)
def test_the_version_of_a_store_is_told(
    surroundings: Surroundings, stored: Path, version: int, state: CheckState, named: str
) -> None:
    with closing(sqlite3.connect(stored)) as database:
        database.execute(f"PRAGMA user_version={version}")
    found = check_store(surroundings)
    assert found.state is state
    assert named in found.sentence


def test_a_store_that_is_held_by_another_program_is_no_damage(
    surroundings: Surroundings, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named, timeout=0))
    with closing(connect(stored, isolation_level=None)) as other:
        other.executescript("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM queue;")
        found = check_store(surroundings)
    assert found.state is CheckState.WARNING
    assert "is in use (database is locked); close other programs that use it" in found.sentence


def test_a_store_of_our_own_gives_back_what_was_written(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_scratch_store(surroundings).state is CheckState.OK
    assert not surroundings.workspace.exists()
    shutil.rmtree(surroundings.scratch / "store")
    monkeypatch.setattr(Store, "records", lambda _store, _run: [])
    assert check_scratch_store(surroundings).sentence.startswith("What was read is not what was written; ")


# --- computing, with executors that need no TensorFlow


def use(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Let checks train with an executor that answers as ``answer`` does."""
    monkeypatch.setattr(computing, "ProcessExecutor", lambda *_given, **_named: ScriptedExecutor(answer))


def ready(**versions: str) -> list[Event]:
    return [WorkerReady(versions, {"cpu": "a processor"})]


def test_a_child_with_other_libraries_is_found(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda _task: ready(keras=installed_version("keras")))
    assert check_child(surroundings).state is CheckState.OK
    use(monkeypatch, lambda _task: ready(keras="2.15.0", numpy=installed_version("numpy")))
    found = check_child(surroundings)
    assert found.state is CheckState.FAILED
    assert f"loads keras 2.15.0, not {installed_version('keras')}: " in found.sentence
    assert "numpy" not in found.sentence


def test_what_a_child_says_of_its_failure_is_passed_on(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, lambda _task: [TaskFailed("The training process was ended by signal 4.")])
    with pytest.raises(Exception, match=r"^The training process was ended by signal 4\.$"):
        check_child(surroundings)


def test_devices_are_named_and_one_that_is_not_there_is_refused(surroundings: Surroundings) -> None:
    found = check_devices(surroundings)
    assert found.state is CheckState.OK
    assert found.facts["Devices"].startswith("cpu: ")
    with pytest.raises(DeviceError, match=r"There is no gpu:9 on this machine"):
        check_devices(replace(surroundings, device="gpu:9"))


def with_gpu(monkeypatch: pytest.MonkeyPatch, **largest: float) -> None:
    """A machine with a GPU, whose devices are off by so much where 1e-6 would be rounding."""
    monkeypatch.setattr(computing, "available_devices", lambda: {"cpu": "a processor", "gpu:0": "a card"})
    names = {"cpu": "cpu", "gpu:0": "gpu"}
    monkeypatch.setattr(
        device_check,
        "deviations",
        lambda device: [Deviation("convolution", "output", largest[names[device]], 1e-6)],
    )


def test_a_device_that_computes_wrongly_is_refused_with_figures(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpu(monkeypatch, cpu=1e-7, gpu=0.25)
    assert check_processor(surroundings).state is CheckState.OK
    found = check_gpus(surroundings)
    assert found == failed(
        "gpu:0 computes 1 of 1 pattern wrongly, furthest off: convolution, output, by 0.25 (rounding explains "
        "1.0·10⁻⁶); train on another device (cpu), and update its driver."
    )
    with_gpu(monkeypatch, cpu=0.5, gpu=1e-7)
    assert check_gpus(surroundings).state is CheckState.OK
    assert check_processor(surroundings).sentence.endswith("; install TensorFlow again.")


def test_only_the_gpu_that_was_asked_for_is_looked_at(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpu(monkeypatch, cpu=0, gpu=0.25)
    assert check_gpus(replace(surroundings, device="cpu")) == skipped("Only cpu was asked for.")
    assert check_gpus(replace(surroundings, device="gpu:0")).state is CheckState.FAILED
    monkeypatch.setattr(computing, "available_devices", lambda: {"cpu": "a processor"})
    assert check_gpus(surroundings) == skipped("No GPU.")


@pytest.mark.parametrize("differs", ["record", "weights", ""])
def test_a_training_that_does_not_repeat_is_found(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    def answer(task: TrainTask) -> list[Any]:
        other = task.run == 2
        loss = 2.25 + 1e-12 if other and differs == "record" else 2.25
        kernel = weights(task.run, step=1 if other and differs == "weights" else 0)
        # Wall time is another one each time, of course.
        return [started(task.run), record(task.run, training_loss=loss, seconds=task.run), kernel, finished(task.run)]

    use(monkeypatch, answer)
    found = check_repetition(surroundings)
    assert found.state is (CheckState.FAILED if differs else CheckState.OK)
    assert ("from the same seed differ" in found.sentence) == bool(differs)


@pytest.mark.parametrize("differs", ["record", "weights", ""])
def test_a_run_that_goes_on_to_another_end_is_found(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    def answer(task: TrainTask) -> list[Any]:
        loss = 2.25 + 1e-12 if task.interrupted and differs == "record" else 2.25
        step = 20 if task.interrupted and differs == "weights" else 21
        before = [] if task.interrupted else [record(task.run, 10), Checkpoint(task.run, 15, b"as it was at 15")]
        after = [record(task.run, 20, training_loss=loss), weights(task.run, step=step)]
        return [started(task.run), *before, *after, finished(task.run)]

    use(monkeypatch, answer)
    found = check_going_on(surroundings)
    assert found.state is (CheckState.FAILED if differs else CheckState.OK)
    assert ("to another end" in found.sentence) == bool(differs)


def trained(task: TrainTask, *losses: float, **end: Any) -> list[Any]:
    records = [record(task.run, 10 * position, training_loss=loss) for position, loss in enumerate(losses, start=1)]
    assert task.model_file is not None
    task.model_file.parent.mkdir(parents=True, exist_ok=True)
    task.model_file.write_text("a network")
    return [started(task.run), *records, finished(task.run, model=str(task.model_file), **end)]


def test_a_network_must_learn(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda task: trained(task, 2.3, 1.1))
    found = check_training(surroundings)
    assert found.sentence.startswith("mlp_1 on digits, 20 steps: loss 2.30 → 1.10, 50 % of the test images right; ")
    assert found.state is CheckState.OK
    use(monkeypatch, lambda task: trained(task, 2.3, 2.3))
    found = check_training(surroundings)
    assert found.state is CheckState.FAILED
    assert "loss 2.30 → 2.30" in found.sentence
    assert "it does not learn" in found.sentence


def test_a_training_that_fails_says_why(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda task: [finished(task.run, Status.CRASHED, reason="It was ended by signal 9.")])
    found = check_training(surroundings)
    assert found.state is CheckState.FAILED
    assert "It was ended by signal 9." in found.sentence


def test_a_store_that_lost_a_record_of_the_training_is_found(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, lambda task: trained(task, 2.3, 1.7, 1.1))
    records = Store.records
    monkeypatch.setattr(Store, "records", lambda store, run: records(store, run)[1:])
    assert check_training(surroundings).sentence.startswith("The store does not hold what was trained; ")


# --- figures


def test_a_figure_is_drawn_and_an_empty_one_is_found(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    class Small(Figure):
        def savefig(self, path: Path, dpi: float) -> None:
            super().savefig(path, dpi=dpi / 2)

    found = check_figures(surroundings)
    assert found.state is CheckState.OK
    assert found.sentence.startswith("A figure of 700x500 pixels, ")
    monkeypatch.setattr("engine.analysis.figures.range_test_panel", lambda *_given: Figure(figsize=(7, 5)))
    assert check_figures(surroundings).sentence.startswith("Only 0 pixels of a figure were drawn; ")
    monkeypatch.setattr("engine.analysis.figures.range_test_panel", lambda *_given: Small(figsize=(7, 5)))
    assert check_figures(surroundings).sentence.startswith("A figure of 700x500 pixels was read as 350x250; ")


# --- all of it, for real


@pytest.mark.long
def test_everything_is_well_here(tmp_path: Path) -> None:
    ended = python("main.py", "--selftest", "--workspace", str(tmp_path / "workspace"), "--device", "cpu")
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    states = {line[9:27].strip(): line.split()[0] for line in lines[: lines.index("")]}
    assert states == {each.name: "ok" for each in CHECKS} | {"GPUs": "skipped", "plots": "ok", "display": "ok"}
    assert not (tmp_path / "workspace").exists()
