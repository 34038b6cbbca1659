"""Attempts on a worker and the transfer of images to it, without a cluster."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.events.commands import Control
from engine.events.runs import Checkpoint, Interrupted, RunFinished, Status
from engine.executors.dask import attempts
from engine.executors.dask.attempts import Attempt, AttemptRegistry
from engine.executors.dask.data_transfer import receive_part, received_file
from engine.executors.dask.messages import AttemptReady, MessageBatch, RunRequest
from engine.executors.dask.worker import run_attempt
from engine.executors.tasks import TrainTask
from tests.engine.support import finished, python, record, small_run

OWNER = "somebody"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> AttemptRegistry:
    made = AttemptRegistry()
    monkeypatch.setattr(attempts, "REGISTRY", made)
    return made


def request_for(run: int = 1, interrupted: Interrupted | None = None) -> RunRequest:
    return RunRequest(OWNER, TrainTask(run, small_run(), None, interrupted), "0" * 64)


def added(registry: AttemptRegistry, run: int = 1) -> Attempt:
    return registry.add(request_for(run))


def polled(offsets: dict[str, int] | None = None, owner: str = OWNER) -> list[MessageBatch]:
    return asyncio.run(attempts.poll_messages(owner, offsets or {}, 0.0))


def test_messages_are_polled_by_offset(registry: AttemptRegistry) -> None:
    attempt = added(registry)
    first, second = record(step=10), record(step=20)
    attempt.publish(first)
    (batch,) = polled()
    assert batch == MessageBatch(attempt.token, 1, 0, (AttemptReady(), first), is_last=False)
    assert polled({attempt.token: 2}) == [], "nothing is new"
    attempt.publish(second)
    attempt.is_over = True
    (batch,) = polled({attempt.token: 2})
    assert (batch.offset, batch.messages, batch.is_last) == (2, (second,), True)
    (again,) = polled()
    assert again.messages == (AttemptReady(), first, second), "a client that was started anew reads it all"


def test_of_checkpoints_the_newest_alone_is_kept(registry: AttemptRegistry) -> None:
    attempt = added(registry)
    for step in (26, 52, 78):
        attempt.publish(record(step=step))
        attempt.publish(Checkpoint(1, step, b"x"))
    (batch,) = polled()
    kept = [message for message in batch.messages if isinstance(message, Checkpoint)]
    assert kept == [Checkpoint(1, 78, b"x")]
    assert len(batch.messages) == 7, "offsets stay valid"


def test_a_long_log_comes_in_several_batches(registry: AttemptRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_BATCH_MESSAGES", 3)
    attempt = added(registry)
    for step in range(10, 60, 10):
        attempt.publish(record(step=step))
    attempt.is_over = True
    offset, found = 0, []
    while batches := polled({attempt.token: offset}):
        (batch,) = batches
        found += batch.messages
        offset += len(batch.messages)
        assert batch.is_last == (offset == 6)
    assert [message.step for message in found[1:]] == [10, 20, 30, 40, 50]


def test_a_client_sees_its_own_attempts_alone(registry: AttemptRegistry) -> None:
    attempt = added(registry)
    assert polled(owner="somebody else") == []
    attempts.deliver("somebody else", attempt.token, Control.STOP)
    assert attempt.poll() is None
    attempts.discard("somebody else", attempt.token)
    assert attempt.token in registry.attempts


def test_a_poll_waits_for_a_message(registry: AttemptRegistry) -> None:
    """Messages published by a training thread wake it."""
    attempt = added(registry)

    async def ask() -> list[MessageBatch]:
        asking = asyncio.create_task(attempts.poll_messages(OWNER, {attempt.token: 1}, 30.0))
        await asyncio.sleep(0)  # it has begun, and waits
        thread = threading.Thread(target=attempt.publish, args=(record(),))
        thread.start()
        found = await asyncio.wait_for(asking, 10)
        thread.join()
        return found

    (batch,) = asyncio.run(ask())
    assert batch.messages == (record(),)


def execute(request: RunRequest) -> list[Any]:
    trained: list[TrainTask] = []

    def train(attempt: Attempt, task: TrainTask) -> None:
        trained.append(task)
        attempt.publish(finished(task.run))

    run_attempt(request, train)
    return trained


def test_without_its_client_a_run_starts_as_requested(
    registry: AttemptRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "CLIENT_TIMEOUT_SECONDS", 0.0)
    resume_point = Interrupted(b"from here")
    (task,) = execute(request_for(interrupted=resume_point))
    assert task.interrupted == resume_point
    (batch,) = polled()
    assert batch.is_last
    assert isinstance(batch.messages[-1], RunFinished)
    assert batch.messages[-1].status is Status.FINISHED


def test_messages_for_a_client_that_never_comes_back_are_dropped(
    registry: AttemptRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, under_way = added(registry, 1), added(registry, 2)
    over.is_over = True
    polled()
    registry.prune()
    assert len(registry.attempts) == 2, "its client was in contact just now"
    monkeypatch.setattr(attempts, "RETENTION_SECONDS", 1e-9)
    registry.prune()
    assert list(registry.attempts) == [under_way.token]


def test_what_is_discarded_before_it_started_is_not_trained(registry: AttemptRegistry) -> None:
    waiting = threading.Thread(target=lambda: trained.extend(execute(request_for())))
    trained: list[Any] = []
    waiting.start()
    while not registry.attempts:
        pass
    (token,) = registry.attempts
    attempts.discard(OWNER, token)
    waiting.join(20)
    assert not waiting.is_alive()
    assert trained == []
    assert registry.attempts == {}


def test_a_paused_run_without_its_client_is_suspended(
    registry: AttemptRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = added(registry)
    attempts.deliver(OWNER, attempt.token, Control.PAUSE)
    assert attempt.poll(wait=True) is Control.PAUSE
    monkeypatch.setattr(attempts, "CLIENT_TIMEOUT_SECONDS", 0.0)
    assert attempt.poll(wait=True) is Control.SUSPEND


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path))
    (tmp_path / "sent").mkdir()
    return tmp_path


NAME = "ab" * 32


def test_parts_of_a_file_make_the_whole(cache: Path) -> None:
    parts = [b"one", b"two", b"three"]
    offset = 0
    for part in parts:
        is_last = part == parts[-1]
        digest = hashlib.sha256(b"".join(parts)).hexdigest() if is_last else ""
        for _ in range(2):  # an answer may be lost, and the part be sent again
            if not (is_last and received_file(NAME).exists()):
                receive_part(NAME, offset, part, digest)
        offset += len(part)
    assert received_file(NAME).read_bytes() == b"onetwothree"


def test_a_file_that_is_not_what_was_sent_is_not_kept(cache: Path) -> None:
    with pytest.raises(ValueError, match="did not arrive whole"):
        receive_part(NAME, 0, b"broken", hashlib.sha256(b"whole").hexdigest())
    assert not received_file(NAME).exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/passwd", "a" * 63, "a" * 63 + "/"])
def test_the_name_of_a_file_is_a_hash(name: str, cache: Path) -> None:
    with pytest.raises(ValueError, match="not the hash"):
        receive_part(name, 0, b"x", "")
    assert list((cache / "sent").iterdir()) == []


def test_other_threads_of_a_worker_can_import_while_tensorflow_loads(tmp_path: Path) -> None:
    """A stand-in for Keras looks at what other threads see meanwhile."""
    seen = tmp_path / "seen"
    (tmp_path / "tensorflow.py").touch()
    (tmp_path / "keras.py").write_text(
        "import pathlib, sys\n"
        "hidden = [name for name, module in sys.modules.items() if module is None]\n"
        f"pathlib.Path({str(seen)!r}).write_text(repr(hidden))\n"
    )
    code = f"""
import sys, threading
sys.path.insert(0, {str(tmp_path)!r})
from engine.devices.hardware import load_tensorflow
if sys.argv[1] == "worker":
    from engine.executors.dask.worker import report_versions
    report_versions("somebody")
    for thread in threading.enumerate():
        if thread.name == "load":
            thread.join()
else:
    load_tensorflow()
"""
    for kind, hides in (("worker", False), ("child process", True)):
        ended = python("-c", code, kind)
        assert ended.returncode == 0, ended.stderr
        assert ("scipy" in seen.read_text(encoding="utf-8")) == hides
        seen.unlink()
