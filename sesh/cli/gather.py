"""Calls to several machines at once, each in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from sesh import reach
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import InternalError, SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target

STATUS_DELAY = 0.5
_MOST_NAMED = 5

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class _OneOf(Caller):
    """The caller for one of several hosts, in a thread: it cannot be asked, and its notes name the host."""

    def __init__(self, cli: Invocation, host: str | None) -> None:
        self.local, self._host = cli.local, host

    def note(self, line: str) -> None:
        """Print a note."""
        printing.note(f"@{self._host}: {line}" if self._host is not None else line, self._host)


def target_of(cli: Invocation, host: str | None) -> Target:
    """Return the target for one of several hosts, to be used in a thread. Raises InvalidHost."""
    return reach.target_of(_OneOf(cli, host), host)


def gather(
    cli: Invocation, work: Mapping[Key, Callable[[], Answer]], *, first: bool = False
) -> dict[Key, Answer | SeshError]:
    """Do work in threads, all at once; return the answers, or the errors in their place, in the order of the keys.

    `first`: return the first answer alone, unless there are only errors. Threads that go on, then or after Ctrl-C, end
    with this process.
    """
    come: SimpleQueue[tuple[Key, Answer | SeshError]] = SimpleQueue()

    def answer(key: Key) -> None:
        try:
            come.put((key, work[key]()))
        except SeshError as error:
            come.put((key, error))
        except Exception as error:
            come.put((key, InternalError(f"internal error: {type(error).__name__}: {error}")))

    for key in work:
        threading.Thread(target=answer, args=(key,), daemon=True).start()
    answers: dict[Key, Answer | SeshError] = {}
    try:
        while len(answers) < len(work):
            try:
                key, found = come.get(timeout=STATUS_DELAY)
            except Empty:
                if hosts := [key for key in work if isinstance(key, str) and key not in answers]:
                    cli.status(waited_for(hosts))
                key, found = come.get()
            answers[key] = found
            if first and not isinstance(found, SeshError):
                return {key: found}
    finally:
        cli.status("")
    return {key: answers[key] for key in work}


def on_each(
    cli: Invocation, hosts: Sequence[str | None], ask: Callable[[Target], Answer]
) -> dict[str | None, Answer | SeshError]:
    """Ask each machine; return the answers, or the errors in their place.

    Raises the error of the only machine of the line, which may ask the person to log in.
    """
    if len(cli.hosts) < 2:
        return {host: ask(cli.target_of(host)) for host in hosts}
    return gather(cli, {host: partial(ask, target_of(cli, host)) for host in hosts})


def waited_for(hosts: Sequence[str]) -> str:
    """Return the line that names the hosts that are waited for."""
    more = f" and {len(hosts) - _MOST_NAMED} more" if len(hosts) > _MOST_NAMED else ""
    return f"waiting for {', '.join(hosts[:_MOST_NAMED])}{more}"
