"""Stopping what waits, from another thread."""

from __future__ import annotations

import threading

import pytest

from sesh.errors import Interrupted, Unreachable
from sesh.stop import Stop

asleep = Stop.sleep


def test_all_that_sleep_wake_and_who_comes_later_does_not_sleep() -> None:
    stop, ended = Stop(), []

    def sleeper() -> None:
        try:
            asleep(stop, 60)
        except Interrupted:
            ended.append(1)

    threads = [threading.Thread(target=sleeper) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.stop()
    stop.stop()
    for thread in threads:
        thread.join(10)
    assert (len(ended), stop.stopped) == (3, True)
    with pytest.raises(Interrupted):
        asleep(stop, 60)


def test_sleep_ends_by_itself() -> None:
    asleep(Stop(), 0.01)


def test_every_way_is_called_each_time_also_behind_one_that_fails() -> None:
    stop, called = Stop(), []

    def unreachable() -> None:
        called.append("first")
        raise Unreachable("gone")

    with stop.calling(unreachable), stop.calling(lambda: called.append("second")):
        stop.stop()
        stop.stop()
    stop.stop()
    assert called == ["first", "second"] * 2


def cut(stop: Stop) -> None:
    stop.stop()
    raise Unreachable("cut")


def test_what_was_cut_off_was_interrupted_and_what_broke_by_itself_was_not() -> None:
    stop = Stop()
    with pytest.raises(Unreachable), stop.calling(list):
        raise Unreachable("it broke")
    with pytest.raises(Interrupted, match="stopped waiting"), stop.calling(list):
        cut(stop)
    with pytest.raises(Interrupted, match="before it began"), stop.calling(list):
        pytest.fail("it does not begin")
