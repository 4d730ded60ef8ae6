"""Calls to several machines at once, each in a thread."""

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

STATUS_DELAY = 0.5  # seconds before the status line appears
_MAX_NAMED = 5  # hosts beyond it are counted, not named

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class _HostCaller(Caller):
    """The caller in the thread of one of several hosts: it cannot ask, and its notes name the host."""

    def __init__(self, cli: Invocation, host: str | None) -> None:
        self.local, self._host = cli.line.local, host

    def note(self, line: str) -> None:
        """Print a note."""
        printing.note(f"@{self._host}: {line}" if self._host is not None else line, self._host)


def target_of(cli: Invocation, host: str | None) -> Target:
    """Return the target for one of several hosts, for use in a thread. Raises InvalidHost."""
    return reach.target_of(_HostCaller(cli, host), host)


def gather(
    cli: Invocation, work: Mapping[Key, Callable[[], Answer]], *, first: bool = False
) -> dict[Key, Answer | SeshError]:
    """Call all functions at once, in threads; return the answers or errors, in the order of the keys.

    `first`: return only the first answer, unless there are only errors. Threads still running then, or after Ctrl-C,
    end with this process.
    """
    finished: SimpleQueue[tuple[Key, Answer | SeshError]] = SimpleQueue()

    def answer(key: Key) -> None:
        try:
            finished.put((key, work[key]()))
        except SeshError as error:
            finished.put((key, error))
        except Exception as error:
            finished.put((key, InternalError(f"internal error: {type(error).__name__}: {error}")))

    for key in work:
        threading.Thread(target=answer, args=(key,), daemon=True).start()
    answers: dict[Key, Answer | SeshError] = {}
    try:
        while len(answers) < len(work):
            try:
                key, result = finished.get(timeout=STATUS_DELAY)
            except Empty:
                if hosts := [key for key in work if isinstance(key, str) and key not in answers]:
                    cli.person.status(waiting_line(hosts))
                key, result = finished.get()
            answers[key] = result
            if first and not isinstance(result, SeshError):
                return {key: result}
    finally:
        cli.person.status("")
    return {key: answers[key] for key in work}


def on_each(
    cli: Invocation, hosts: Sequence[str | None], ask: Callable[[Target], Answer]
) -> dict[str | None, Answer | SeshError]:
    """Call `ask` for each machine; return the answers or errors.

    With a single machine, its error is raised, and the person may be asked to log in.
    """
    if len(cli.line.hosts) < 2:
        return {host: ask(cli.target_of(host)) for host in hosts}
    return gather(cli, {host: partial(ask, target_of(cli, host)) for host in hosts})


def waiting_line(hosts: Sequence[str]) -> str:
    """Return the status line that names the hosts without an answer yet."""
    more = f" and {len(hosts) - _MAX_NAMED} more" if len(hosts) > _MAX_NAMED else ""
    return f"waiting for {', '.join(hosts[:_MAX_NAMED])}{more}"
