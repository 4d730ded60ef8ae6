"""The known remotes, asked all at once and without a prompt: for a name that is not here, and for the list."""

from __future__ import annotations

import os
import select
import time

from sesh.cli import show
from sesh.errors import Refused, SeshError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesh.cli.words import Line
    from sesh.listing import Summary

    Answer = tuple[str, list[Summary] | SeshError]

PATIENCE = 2.0
"""Seconds for all hosts together."""
QUIET = 0.3
"""Seconds of looking before a person is told what is waited for."""


def hosts(line: Line) -> list[str]:
    """The known remotes that are worth asking: none with `--local`, none that failed within the last minute."""
    from sesh.cli import far

    if line.local or far.near() is not None:
        return []
    from sesh.remote import known

    if not os.path.isdir(known.directory()):
        return []
    return [each.word for each in known.all() if not known.skipped(each.word)]


class Asking:
    """Questions to several hosts, each in a thread of its own; answers are taken as they come."""

    def __init__(self, words: list[str]) -> None:
        import threading

        self.waiting = set(words)
        self.deadline = time.monotonic() + PATIENCE
        self._answers: list[Answer] = []
        self.inbound, self._outbound = os.pipe()
        for word in words:
            threading.Thread(target=self._ask, args=(word,), daemon=True).start()

    def _ask(self, word: str) -> None:
        from sesh.cli import reach
        from sesh.remote import known, link

        answer: list[Summary] | SeshError
        try:
            destination = reach.place(word)
            sessions = link.request(destination, "summaries", reach.near(destination), patience=PATIENCE)["sessions"]
            answer = [{**each, "host": word} for each in sessions if isinstance(each, dict)]
            known.remember_names(word, answer)
        except SeshError as error:
            answer = error
            if error.code == "unreachable":
                known.failed(word)
        self._answers.append((word, answer))
        os.write(self._outbound, b".")

    def take(self) -> list[Answer]:
        """The answers that have come since the last time."""
        os.read(self.inbound, 64)
        answers, self._answers = self._answers, []
        self.waiting -= {word for word, _ in answers}
        return answers

    def left(self) -> float:
        """Seconds for which an answer is still waited for."""
        return max(0.0, self.deadline - time.monotonic())


def summaries(words: list[str]) -> Iterator[Answer]:
    """What each host answers, as it comes; a host that does not answer in time is unreachable."""
    from sesh.errors import Unreachable

    if not words:
        return
    asking = Asking(words)
    poll = select.poll()
    poll.register(asking.inbound, select.POLLIN)
    while asking.waiting:
        if not poll.poll(asking.left() * 1000):
            break
        yield from asking.take()
    for word in sorted(asking.waiting):
        yield word, Unreachable(f"{word} does not answer")


def find(line: Line, name: str, *, creates: bool = False) -> str | None:
    """The known remote that has a session of this name; None where none has.

    `creates`: the name would be created here, which a person may have done at once by Enter. Raises UsageError where
    several have it and nobody can be asked, Refused where the person declines.
    """
    words = hosts(line)
    if not words:
        return None
    asking = Asking(words)
    found: list[str] = []
    poll = select.poll()
    poll.register(asking.inbound, select.POLLIN)
    speak: float | None = time.monotonic() + QUIET
    impatient = creates and os.isatty(0) and show.on_terminal()
    if impatient:
        poll.register(0, select.POLLIN)
    while asking.waiting and asking.left() > 0:
        wait = asking.left() if speak is None else min(asking.left(), max(0.0, speak - time.monotonic()))
        for descriptor, _ in poll.poll(wait * 1000):
            if descriptor == asking.inbound:
                for word, answer in asking.take():
                    if not isinstance(answer, SeshError) and any(each.get("name") == name for each in answer):
                        found.append(word)
            else:
                os.read(0, 4096)
                return None
        if speak is not None and time.monotonic() >= speak and asking.waiting:
            speak = None
            others = ", ".join(f"@{word}" for word in sorted(asking.waiting))
            show.note(f"looking for {name} on {others}" + ("; Enter creates it here" if impatient else ""))
    return _chosen(name, sorted(found))


def _chosen(name: str, words: list[str]) -> str | None:
    """The host to use: the only one, or the one that a person chooses."""
    if len(words) < 2:
        return words[0] if words else None
    if not show.on_terminal():
        several = ", ".join(f"@{word}" for word in words)
        raise UsageError(f"{name} runs on {several}; say which: sesh @{words[0]} {name}")
    question = ", ".join(f"({number}) @{word}" for number, word in enumerate(words[:9], 1))
    answer = show.ask(f"{name} runs on several hosts: {question}, (C)ancel? [1]", "123456789"[: len(words)] + "c", "1")
    if not answer.isdecimal():
        raise Refused("nothing was done")
    return words[int(answer) - 1]
