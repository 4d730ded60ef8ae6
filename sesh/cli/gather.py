"""Calls to several machines at once, each in a thread."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from math import inf
from typing import Generic, TypeVar

from sesh import reach
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.descriptors import polled
from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.stop import Stop
from sesh.workers import Workers

_STATUS_DELAY = 0.5  # seconds before the status line appears
_MAX_NAMED = 5  # hosts beyond it are counted, not named

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Gathering(Generic[Key, Answer]):
    """Functions that are called at once; `answers` has what they returned, or their errors."""

    def __init__(self, cli: Invocation, work: Mapping[Key, Callable[[Stop], Answer]]) -> None:
        self.cli, self._work = cli, work
        self.answers: dict[Key, Answer | SeshError] = {}
        self.workers: Workers[Key, Answer] = Workers()

    def run(self, signals: int = -1, *, first: bool = False) -> None:
        """Call the functions until all have answered. `first`: until one has, without an error.

        `signals`: call `signalled` when this descriptor is readable.
        """
        say_at = time.monotonic() + _STATUS_DELAY
        with self.workers as workers, ExitStack() as undo:
            undo.callback(self.cli.status, "")
            for key, function in self._work.items():
                workers.begin(key, partial(_answer, function))
            while len(self.answers) < len(self._work):
                watched = [(each, select.POLLIN) for each in (workers.inbound, signals) if each >= 0]
                ready = polled(watched, None if say_at == inf else say_at)
                if not ready:
                    say_at = inf
                    self.cli.status(_waiting_line([key for key in self._work if key not in self.answers]))
                if signals in ready:
                    self.signalled()
                for key, answer in workers.take():
                    self.take(key, answer)
                if first and any(not isinstance(answer, SeshError) for answer in self.answers.values()):
                    break

    def take(self, key: Key, answer: Answer | SeshError) -> None:
        """Take the answer of a function."""
        self.answers[key] = answer

    def signalled(self) -> None:
        """Handle signals."""


def _answer(function: Callable[[Stop], Answer], stop: Stop) -> Iterator[Answer]:
    yield function(stop)


def gather(
    cli: Invocation, work: Mapping[Key, Callable[[Stop], Answer]], *, first: bool = False
) -> dict[Key, Answer | SeshError]:
    """Call all functions at once; return the answers or errors, in the order of the keys.

    `first`: return only the first answer, unless there are only errors.
    """
    gathering = Gathering(cli, work)
    gathering.run(first=first)
    answers = {key: gathering.answers[key] for key in work if key in gathering.answers}
    found = [key for key, answer in answers.items() if not isinstance(answer, SeshError)] if first else []
    return {key: answers[key] for key in found or answers}


class _HostCaller(Caller):
    """The caller in the thread of one of several hosts: it cannot ask, and its notes name the host."""

    def __init__(self, cli: Invocation, host: str | None, stop: Stop) -> None:
        self.local, self.stop, self._host = cli.local, stop, host

    def note(self, line: str) -> None:
        """Print a note."""
        printing.note(printing.on_host(self._host, line), self._host)


def asking(cli: Invocation, host: str | None, ask: Callable[[Target], Answer]) -> Callable[[Stop], Answer]:
    """Return the function that calls `ask` with the target for a host, in the thread of that host."""
    return lambda stop: ask(reach.target_of(_HostCaller(cli, host, stop), host))


def on_hosts(
    cli: Invocation, hosts: Sequence[str | None], ask: Callable[[Target], Answer]
) -> dict[str | None, Answer | SeshError]:
    """Call `ask` for hosts of the line, or None for this machine; return the answers or errors.

    If the line has at most one host, an error is raised, and the person may be asked to log in.
    """
    if len(cli.line.hosts) < 2:
        return {host: ask(cli.target_of(host)) for host in hosts}
    return gather(cli, {host: asking(cli, host, ask) for host in hosts})


def _waiting_line(keys: Sequence[object]) -> str:
    """Return the status line that names the hosts without an answer yet; empty for other keys."""
    hosts = [key for key in keys if isinstance(key, str)]
    more = f" and {len(hosts) - _MAX_NAMED} more" if len(hosts) > _MAX_NAMED else ""
    return f"waiting for {', '.join(hosts[:_MAX_NAMED])}{more}" if hosts else ""
