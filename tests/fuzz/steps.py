"""The target of a daemon's loop: no call for a program's output blocks it long.

A session without a program gets output as if its pump had read it, and the emulator follows. Turns are taken as if
seconds had passed. Three clients are attached, one of another size, and read all. Sizes and labels change, the screen
is exported, checkpoints are written. The processor time of each call is measured. A hook's child, which reads the
settings, is started and ends at once.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar
from unittest import mock

from sesh.daemon import reload
from sesh.daemon.activity import notifications
from sesh.daemon.clients.client import REPLAY_LINES, Client, client_of
from sesh.daemon.clients.listener import Listener
from sesh.daemon.life import description
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.vt.render.export import export
from sesh.vt.render.replay import replaying
from sesh.wire import protocol
from tests.fuzz import grammar
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Daemon, Link, prints

Value = TypeVar("Value")

BLOCK = 64 << 10
"""The most bytes that a pump reads at once."""
_PAUSE, _MINUTE = 3.0, 61.0
"""Seconds that pass after each step, and at the end, so that the times of quiet and of notifications run out."""
_TURNS = 10_000
"""The most turns after which a daemon rests."""
MAX_CALL = 0.5
"""Seconds of one call that fail a case: ten times what is allowed, because machines may be slow."""


class Clock:
    """Measures calls: `longest` in seconds of processor time, with `now` ahead of the clock."""

    def __init__(self) -> None:
        self.longest, self.ahead, self._real = 0.0, 0.0, time.monotonic

    def now(self) -> float:
        """Return the time that the daemon sees."""
        return self._real() + self.ahead

    def call(self, what: Callable[..., Value], *args: object) -> Value:
        began = time.process_time()
        value = what(*args)
        self.longest = max(self.longest, time.process_time() - began)
        return value


class Attachment(Link):
    """A client of the daemon that reads all that it is sent; nobody types there."""

    def __init__(self, daemon: Daemon, columns: int, rows: int, *, read_only: bool = False) -> None:
        super().__init__(daemon)
        self._daemon = daemon
        hello = {"protocol": protocol.PROTOCOL, "role": "attach", "columns": columns, "rows": rows}
        daemon.session.attached.handle_hello(self.connection, {**hello, "read_only": read_only})
        self._client.used_at = 0.0  # nobody watches, so that a person is notified

    @property
    def _client(self) -> Client:
        client = client_of(self.connection)
        assert client is not None
        return client

    def resize(self, columns: int, rows: int) -> None:
        payload = protocol.size_payload(columns, rows)
        self._daemon.session.attached.handle_frame(self._client, protocol.RESIZE, payload)


def check(case: bytes) -> float:
    """Play a script to a session; return the seconds of the longest call."""
    clock = Clock()
    gc.disable()  # a collection would count for the call during which it happens
    try:
        with mock.patch("time.monotonic", clock.now):
            _play(grammar.script(case), clock)
    finally:
        gc.enable()
    assert clock.longest < MAX_CALL, f"a call of {clock.longest * 1000:.0f} ms"
    return clock.longest


def _play(script: grammar.Script, clock: Clock) -> None:
    columns, rows = (max(1, side) for side in script.size)
    session = Session(daemon_facts(persist=True, scrollback=script.bounds[0]), (columns, rows, 0, 0), Pty())
    feed = session.feed
    with _served(session) as daemon:
        leader, *others = [
            Attachment(daemon, columns, rows), Attachment(daemon, columns, rows, read_only=True),
            Attachment(daemon, 20, 5, read_only=True),
        ]  # fmt: skip
        links = [leader, *others]
        for step in script.steps:
            if isinstance(step, tuple):
                leader.resize(max(1, step[0]), max(1, step[1]))
                clock.call(daemon.turn)
                continue
            for at in range(0, len(step), BLOCK):
                clock.call(prints, session, step[at : at + BLOCK])
                while feed.lag:
                    clock.call(feed.step)
                clock.call(daemon.turn)
            _pass_time(clock, daemon, links, _PAUSE)
            clock.call(description.change, session, replace(session.facts, labels={"at": f"{clock.now()}"}))
        in_parts = replaying(feed.emulator, lines=REPLAY_LINES)
        while clock.call(in_parts.advance):
            continue
        clock.call(in_parts.finish)
        clock.call(export, feed.emulator, "json")
        clock.call(description.summary, session)
        _pass_time(clock, daemon, links, _MINUTE)
        while session.notifications.state.running:
            session.notifications.reap()
        for link in links:
            link.close()
    faults = [line for line in session.faults.lines if "a fault" in line]
    assert not faults, faults[-1].partition(" ")[2]


def _pass_time(clock: Clock, daemon: Daemon, links: list[Attachment], seconds: float) -> None:
    """Let some seconds pass, and take the turns that are due then; the clients read meanwhile."""
    clock.ahead += seconds
    for _ in range(_TURNS):
        clock.call(daemon.turn)
        read = sum(len(link.take()) for link in links)
        if not read and not daemon.has_work:
            return
    raise AssertionError("the daemon does not come to rest")


@contextmanager
def _served(session: Session) -> Iterator[Daemon]:
    listener = Listener.claim(session.name)
    try:
        yield Daemon(session, listener, None, reload.steps)
    finally:
        listener.release()


@contextmanager
def _opened() -> Iterator[Check]:
    with own_home(), mock.patch.object(notifications, "_detach", partial(os._exit, 0)):
        yield check


TARGETS = (Target("steps", grammar.make, _opened),)
