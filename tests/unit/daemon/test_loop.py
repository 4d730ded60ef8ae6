"""The loop: who is called, and when."""

from __future__ import annotations

import os
import time

import pytest

from sesh.loop.loop import READ, Loop


def test_an_earlier_call_of_a_turn_may_end_the_watch_of_a_later_one() -> None:
    loop, called = Loop(lambda *_: None), list[int]()
    first, second = os.pipe(), os.pipe()

    def end(*_: int) -> None:
        called.append(1)
        for inbound, _outbound in (first, second):
            loop.forget(inbound)

    for inbound, outbound in (first, second):
        loop.watch(inbound, READ, end)
        os.write(outbound, b"x")
    loop.turn()
    for each in (*first, *second):
        os.close(each)
    assert called == [1]


def test_an_error_costs_no_other_call_and_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[Exception] = []
    loop, called = Loop(lambda _, error: faults.append(error)), list[str]()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def fails() -> None:
        called.append("fails")
        raise OSError("no")

    loop.soon(fails)
    loop.soon(lambda: called.append("other"))
    loop.timers.set(fails, 0.0)
    loop.turn()
    assert (called, len(faults)) == (["fails", "fails", "other"], 2)
    now += 1.0
    loop.turn()
    assert called[3:] == ["fails"], "the call of a turn is made again"
