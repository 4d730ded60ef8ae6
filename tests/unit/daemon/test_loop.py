"""The loop: who is called, and when."""

from __future__ import annotations

import os
import time

import pytest

from sesh.loop.loop import READ, WRITE, Loop


def test_a_descriptor_is_called_for_what_it_is_watched_for_and_not_after_that() -> None:
    loop, called = Loop(lambda *_: None), list[int]()
    inbound, outbound = os.pipe()
    loop.watch(inbound, READ, called.append)
    loop.watch(outbound, WRITE, called.append)
    loop.turn()
    loop.watch(outbound, 0, called.append)
    os.write(outbound, b"x")
    loop.turn()
    os.read(inbound, 1)
    os.close(outbound)
    loop.turn()
    loop.forget(inbound)
    loop.soon(lambda: None)
    loop.turn()
    os.close(inbound)
    assert called == [WRITE, READ, READ], "the end of a pipe is ready for what it is watched for"


def test_an_earlier_call_of_a_turn_may_end_the_watch_of_a_later_one() -> None:
    loop, called = Loop(lambda *_: None), list[int]()
    first, second = os.pipe(), os.pipe()

    def end(_: int) -> None:
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
    loop.timers.set("timer", 0.0, fails)
    loop.turn()
    assert (called, len(faults)) == (["fails", "fails", "other"], 2)
    now += 1.0
    loop.turn()
    assert called[3:] == ["fails"], "the call of a turn is made again"


def test_a_call_for_the_end_of_a_turn_is_made_once_and_its_own_wait_for_the_next() -> None:
    loop, called = Loop(lambda *_: None), list[int]()

    def again() -> None:
        called.append(len(called))
        if len(called) < 3:
            loop.soon(again)

    loop.soon(again)
    loop.soon(again)
    loop.turn()
    assert called == [0]
    loop.turn()
    assert called == [0, 1]
