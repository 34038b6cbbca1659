"""engine.training.warm_up: a training on noise that does not affect later ones."""

from __future__ import annotations

import pytest

from engine.datasets import PreparedData
from engine.events.runs import Record
from tests.engine.support import of, small_run, timeless, train_here


@pytest.mark.long
def test_what_is_trained_after_it_is_the_same_to_the_bit(few_digits: PreparedData) -> None:
    from engine.training.warm_up import train_on_noise

    before = timeless(of(Record, train_here(small_run(), few_digits)))
    train_on_noise(lambda: False)
    assert timeless(of(Record, train_here(small_run(), few_digits))) == before != []


def test_it_trains_unless_there_is_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.training import warm_up as warm_up_module

    trained = []
    real = warm_up_module.train
    monkeypatch.setattr(
        warm_up_module, "train", lambda *args, **kwargs: (trained.append(args[0]), real(*args, **kwargs))
    )
    warm_up_module.train_on_noise(lambda: True)
    assert not trained
    warm_up_module.train_on_noise(lambda: False)
    assert trained == [0]


def test_it_ends_where_work_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.events.runs import RunFinished, Status
    from engine.training import warm_up as warm_up_module

    asked = iter([False, True, True, True, True])
    ended = []
    real = warm_up_module.train

    def watched(number, run, data, emit, poll, **others):  # type: ignore[no-untyped-def]
        real(number, run, data, ended.append, poll, **others)

    monkeypatch.setattr(warm_up_module, "train", watched)
    warm_up_module.train_on_noise(lambda: next(asked))
    finished = [each for each in ended if isinstance(each, RunFinished)]
    assert [each.status for each in finished] == [Status.CANCELLED]


def test_an_error_in_it_is_logged_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from engine.executors.runner import warm_up
    from engine.training import warm_up as warm_up_module

    def broken(*_args: object, **_others: object) -> None:
        raise RuntimeError("no kernel for it")

    monkeypatch.setattr(warm_up_module, "train", broken)
    warm_up(lambda: False)
    assert "no kernel for it" in caplog.text
