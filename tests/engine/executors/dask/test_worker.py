"""What a worker of a cluster keeps for its client, without a cluster."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.events.commands import Control
from engine.events.runs import Checkpoint, Interrupted, RunFinished, Status
from engine.executors.dask import worker as remote
from engine.executors.tasks import TrainTask
from tests.engine.support import finished, record, small_run

OWNER = "somebody"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[remote.Desk]:
    made = remote.Desk()
    monkeypatch.setattr(remote, "DESK", made)
    yield made


def ticket(run: int = 1, interrupted: Interrupted | None = None) -> remote.Ticket:
    return remote.Ticket(OWNER, TrainTask(run, small_run(), None, interrupted), "0" * 64)


def opened(desk: remote.Desk, run: int = 1) -> remote.Attempt:
    attempt = remote.Attempt(ticket(run))
    desk.attempts[attempt.token] = attempt
    return attempt


def collected(read: dict[str, int] | None = None, owner: str = OWNER) -> list[remote.Post]:
    return asyncio.run(remote.collect(owner, read or {}, 0.0))


def test_letters_are_given_from_where_the_client_stopped_reading(desk: remote.Desk) -> None:
    attempt = opened(desk)
    first, second = record(step=10), record(step=20)
    attempt.say(first)
    (post,) = collected()
    assert post == remote.Post(attempt.token, 1, 0, (remote.Begun(), first), is_over=False)
    assert collected({attempt.token: 2}) == [], "nothing is new"
    attempt.say(second)
    attempt.is_over = True
    (post,) = collected({attempt.token: 2})
    assert (post.first, post.letters, post.is_over) == (2, (second,), True)
    (again,) = collected()
    assert again.letters == (remote.Begun(), first, second), "a client that was started anew reads it all"


def test_of_checkpoints_the_newest_alone_is_kept(desk: remote.Desk) -> None:
    attempt = opened(desk)
    for step in (26, 52, 78):
        attempt.say(record(step=step))
        attempt.say(Checkpoint(1, step, b"x"))
    (post,) = collected()
    kept = [letter for letter in post.letters if isinstance(letter, Checkpoint)]
    assert kept == [Checkpoint(1, 78, b"x")]
    assert len(post.letters) == 7, "numbers of letters stay"


def test_a_long_log_comes_in_several_answers(desk: remote.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_LETTERS", 3)
    attempt = opened(desk)
    for step in range(10, 60, 10):
        attempt.say(record(step=step))
    attempt.is_over = True
    read, found = 0, []
    while posts := collected({attempt.token: read}):
        (post,) = posts
        found += post.letters
        read += len(post.letters)
        assert post.is_over == (read == 6)
    assert [letter.step for letter in found[1:]] == [10, 20, 30, 40, 50]


def test_a_client_sees_its_own_attempts_alone(desk: remote.Desk) -> None:
    attempt = opened(desk)
    assert collected(owner="somebody else") == []
    remote.deliver("somebody else", attempt.token, Control.STOP)
    assert attempt.poll() is None
    remote.forget("somebody else", attempt.token)
    assert attempt.token in desk.attempts


def test_a_question_waits_for_an_answer(desk: remote.Desk) -> None:
    """What a training thread says wakes it."""
    attempt = opened(desk)

    async def ask() -> list[remote.Post]:
        asking = asyncio.create_task(remote.collect(OWNER, {attempt.token: 1}, 30.0))
        while OWNER not in desk._bells:
            await asyncio.sleep(0)
        thread = threading.Thread(target=attempt.say, args=(record(),))
        thread.start()
        found = await asyncio.wait_for(asking, 10)
        thread.join()
        return found

    (post,) = asyncio.run(ask())
    assert post.letters == (record(),)


def carried_out(made: remote.Ticket) -> list[Any]:
    trained: list[TrainTask] = []

    def train(attempt: remote.Attempt, task: TrainTask) -> None:
        trained.append(task)
        attempt.say(finished(task.run))

    remote.carry_out(made, train)
    return trained


def test_where_nobody_is_heard_it_begins_as_ordered(desk: remote.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SILENCE_SECONDS", 0.0)
    ordered = Interrupted(b"from here")
    (task,) = carried_out(ticket(interrupted=ordered))
    assert task.interrupted == ordered
    (post,) = collected()
    assert post.is_over
    assert isinstance(post.letters[-1], RunFinished)
    assert post.letters[-1].status is Status.FINISHED


def test_what_was_said_for_somebody_who_never_comes_back_is_let_go(
    desk: remote.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, under_way = opened(desk, 1), opened(desk, 2)
    over.is_over = True
    collected()
    desk.clear_out()
    assert len(desk.attempts) == 2, "it was heard just now"
    monkeypatch.setattr(remote, "KEEP_SECONDS", 1e-9)
    desk.clear_out()
    assert list(desk.attempts) == [under_way.token]


def test_what_is_forgotten_before_it_began_is_not_trained(desk: remote.Desk) -> None:
    waiting = threading.Thread(target=lambda: trained.extend(carried_out(ticket())))
    trained: list[Any] = []
    waiting.start()
    while not desk.attempts:
        pass
    (token,) = desk.attempts
    remote.forget(OWNER, token)
    waiting.join(20)
    assert not waiting.is_alive()
    assert trained == []
    assert desk.attempts == {}


def test_a_run_that_is_held_for_nobody_ends(desk: remote.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = opened(desk)
    remote.deliver(OWNER, attempt.token, Control.PAUSE)
    assert attempt.poll(wait=True) is Control.PAUSE
    monkeypatch.setattr(remote, "SILENCE_SECONDS", 0.0)
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
            if not (is_last and remote.sent_file(NAME).exists()):
                remote.receive(NAME, offset, part, digest)
        offset += len(part)
    assert remote.sent_file(NAME).read_bytes() == b"onetwothree"


def test_a_file_that_is_not_what_was_sent_is_not_kept(cache: Path) -> None:
    with pytest.raises(ValueError, match="did not arrive whole"):
        remote.receive(NAME, 0, b"broken", hashlib.sha256(b"whole").hexdigest())
    assert not remote.sent_file(NAME).exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/passwd", "a" * 63, "a" * 63 + "/"])
def test_the_name_of_a_file_is_a_hash(name: str, cache: Path) -> None:
    with pytest.raises(ValueError, match="not the hash"):
        remote.receive(name, 0, b"x", "")
    assert list((cache / "sent").iterdir()) == []
