"""Calls to several machines at once, each in a thread."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sesh import reach
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.descriptors import polled
from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.stop import Stop
from sesh.workers import Workers

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def gather(work: Mapping[Key, Callable[[Stop], Answer]], *, first: bool = False) -> dict[Key, Answer | SeshError]:
    """Call all functions at once; return the answers or errors, in the order of the keys.

    `first`: return only the first answer, unless there are only errors.
    """
    answers: dict[Key, Answer | SeshError] = {}
    with Workers[Key, Answer]() as workers:
        for key, function in work.items():
            workers.begin(key, partial(_answer, function))
        while len(answers) < len(work):
            polled([(workers.inbound, select.POLLIN)], None)
            answers |= workers.take()
            found = [key for key, answer in answers.items() if not isinstance(answer, SeshError)]
            if first and found:
                return {key: answers[key] for key in work if key in found}
    return {key: answers[key] for key in work}


def _answer(function: Callable[[Stop], Answer], stop: Stop) -> Iterator[Answer]:
    yield function(stop)


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
    return gather({host: asking(cli, host, ask) for host in hosts})
