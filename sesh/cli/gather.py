"""Calls to several machines at once, each in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, NoReturn, TypeVar

from sesh import reach
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.output import sesh_error
from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target

_STATUS_DELAY = 0.5  # seconds before the status line appears
_MAX_NAMED = 5  # hosts beyond it are counted, not named

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Gathering(Generic[Key, Answer]):
    """Functions that are called at once, in threads; `answers` has what they returned, or their errors.

    `calls`: the main thread calls what is put here, by the other threads or by signal handlers.
    """

    def __init__(self, cli: Invocation, work: Mapping[Key, Callable[[], Answer]]) -> None:
        self._cli, self._work = cli, work
        self.answers: dict[Key, Answer | SeshError] = {}
        self.calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self.threads = [threading.Thread(target=self._call, args=(key,), daemon=True) for key in work]

    def run(self, *, first: bool = False) -> None:
        """Call the functions until all have answered. `first`: until one has, without an error.

        Threads that still run then, or after Ctrl-C, end with this process.
        """
        for thread in self.threads:
            thread.start()
        try:
            while len(self.answers) < len(self._work):
                try:
                    call = self.calls.get(timeout=_STATUS_DELAY)
                except Empty:
                    if hosts := [key for key in self._work if isinstance(key, str) and key not in self.answers]:
                        self._cli.status(_waiting_line(hosts))
                    call = self.calls.get()
                call()
                if first and any(not isinstance(answer, SeshError) for answer in self.answers.values()):
                    break
        finally:
            self._cli.status("")

    def take(self, key: Key, answer: Answer | SeshError) -> None:
        """Take the answer of a function; only its first one counts."""
        self.answers.setdefault(key, answer)

    def _call(self, key: Key) -> None:
        try:
            answer: Answer | SeshError = self._work[key]()
        except BrokenPipeError as error:
            self.calls.put(partial(_raise, error))
            return
        except Exception as error:
            answer = sesh_error(error)
        self.calls.put(partial(self.take, key, answer))


def gather(
    cli: Invocation, work: Mapping[Key, Callable[[], Answer]], *, first: bool = False
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

    def __init__(self, cli: Invocation, host: str | None) -> None:
        self.local, self._host = cli.line.local, host

    def note(self, line: str) -> None:
        """Print a note."""
        printing.note(f"@{self._host}: {line}" if self._host is not None else line, self._host)


def target_of(cli: Invocation, host: str | None) -> Target:
    """Return the target for one of several hosts, for use in a thread. Raises InvalidHost."""
    return reach.target_of(_HostCaller(cli, host), host)


def on_each(
    cli: Invocation, hosts: Sequence[str | None], ask: Callable[[Target], Answer]
) -> dict[str | None, Answer | SeshError]:
    """Call `ask` for each machine; return the answers or errors.

    With a single machine, its error is raised, and the person may be asked to log in.
    """
    if len(cli.line.hosts) < 2:
        return {host: ask(cli.target_of(host)) for host in hosts}
    return gather(cli, {host: partial(ask, target_of(cli, host)) for host in hosts})


def _waiting_line(hosts: Sequence[str]) -> str:
    """Return the status line that names the hosts without an answer yet."""
    more = f" and {len(hosts) - _MAX_NAMED} more" if len(hosts) > _MAX_NAMED else ""
    return f"waiting for {', '.join(hosts[:_MAX_NAMED])}{more}"


def _raise(error: BaseException) -> NoReturn:
    raise error
