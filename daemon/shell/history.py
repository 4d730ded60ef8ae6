"""The commands that were run in a session: for `--history`, and for who comes back for an answer over a new link."""

from __future__ import annotations

from collections import deque

from sesh.errors import SeshError, rebuild

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.daemon.clients.connection import Peer
    from sesh.daemon.shell.run import Run

    Facts = dict[str, Any]

MOST = 100
"""Commands, and answers, that are remembered."""
REMEMBERED = 256 << 10
REMEMBERED_IN_ALL = 4 << 20
"""Bytes of output kept, of one command and of all."""


class Past:
    """What is remembered; the oldest goes first."""

    def __init__(self) -> None:
        self.count = 0
        """The number of the newest command."""
        self.last: Facts | None = None
        """The answer to the command that was under way when the session ended, with its `key`."""
        self._runs: deque[tuple[Facts, bytes]] = deque(maxlen=MOST)
        self._answers: deque[tuple[str, int, Facts | SeshError]] = deque(maxlen=MOST)

    def __iter__(self) -> Iterator[tuple[Facts, bytes]]:
        """Each command's facts and what is kept of its output, the newest last."""
        return iter(self._runs)

    def kept(self) -> tuple[int, Facts | None, list[tuple[Facts, bytes]], list[list[Any]]]:
        """What a successor needs to go on: count, last answer, commands, answers (an error: code, message, exit)."""
        answers = [
            [key, number, [each.code, str(each), int(each.exit_code)] if isinstance(each, SeshError) else each]
            for key, number, each in self._answers
        ]
        return self.count, self.last, list(self._runs), answers

    def resume(self, count: int, last: Facts | None, runs: list[tuple[Facts, bytes]], answers: list[list[Any]]) -> None:
        """Goes on where `kept` says."""
        self.count, self.last = count, last
        self._runs.extend(runs)
        for key, number, each in answers:
            self._answers.append((key, number, rebuild(*each) if isinstance(each, list) else each))

    def remember(self, run: Run, code: int | None, output: bytes) -> None:
        """Keeps a command that has ended."""
        facts = {
            "n": run.number,
            "command": run.words,
            "cwd": run.cwd,
            "started": run.started,
            "duration": round(run.duration or 0.0, 3),
            "exit_code": code,
            "output_bytes": len(output),
        }
        self.keep(facts, output)

    def next(self) -> int:
        """The number of a command that begins now."""
        self.count += 1
        return self.count

    def keep(self, facts: Facts, output: bytes) -> None:
        """Keeps the facts of a command, and as much of its output as there is room for."""
        self.count = max(self.count, int(facts["n"]))
        self._runs.append((facts, output[-REMEMBERED:]))
        room = REMEMBERED_IN_ALL
        for at in range(len(self._runs) - 1, -1, -1):
            known, kept = self._runs[at]
            room -= len(kept)
            if room < 0 and kept:
                self._runs[at] = (known, b"")

    def answered(self, run: Run, answer: Facts | SeshError) -> None:
        """Keeps the first answer to a command that has a key."""
        if run.key and all(key != run.key for key, _, _ in self._answers):
            self._answers.append((run.key, run.number, answer))

    def answer(self, key: str, peer: Peer, asked: int, since: int) -> bool:
        """Answers who comes back for a command that was answered before; whether there was an answer.

        `since`: so many bytes of its output he has already.
        """
        found = next((each for each in self._answers if key and each[0] == key), None)
        if found is None:
            return False
        _, number, answer = found
        if isinstance(answer, SeshError):
            peer.refuse(asked, answer.code, str(answer), int(answer.exit_code))
            return True
        facts, output = next((each for each in self._runs if each[0]["n"] == number), ({}, b""))
        first = int(facts.get("output_bytes", 0)) - len(output)
        missing = {"truncated": True} if first > since else {}
        peer.respond(asked, output[max(0, since - first) :], **{**answer, **missing})
        return True
