"""engine.events.channel: commands from one thread to another."""

from __future__ import annotations

import signal
import threading
from multiprocessing.connection import wait

import pytest

from engine.events.channel import ControlChannel
from engine.events.commands import Control


def test_controls_are_fetched_in_the_order_they_were_sent(control: ControlChannel) -> None:
    assert control.poll() is None
    control.send(Control.STOP)
    control.send(Control.CANCEL)
    assert [control.poll(), control.poll(), control.poll()] == [Control.STOP, Control.CANCEL, None]


def test_a_control_from_another_thread_wakes_who_waits_for_it(control: ControlChannel) -> None:
    sender = threading.Thread(target=control.send, args=(Control.STOP,))
    sender.start()
    assert wait([control.connection], timeout=60) == [control.connection]
    sender.join()
    assert control.poll() is Control.STOP


def test_a_control_can_be_sent_from_a_signal_handler(control: ControlChannel) -> None:
    previous = signal.signal(signal.SIGINT, lambda *_: control.send(Control.STOP))
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert control.poll() is Control.STOP


def test_a_closed_channel_takes_no_more() -> None:
    channel = ControlChannel()
    channel.close()
    with pytest.raises(OSError, match="closed"):
        channel.send(Control.STOP)
