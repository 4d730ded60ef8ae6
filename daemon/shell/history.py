"""The commands that were run in a session: for `--history`, and for who comes back for an answer over a new link.

The commands that people type, as the shell's integration tells of them: for `--history` and the events.

A shell that is told to (`sesh --shell-init`) prints `OSC 133;C;cmdline_url=COMMAND` when a command begins, and
`OSC 133;D;CODE` when it has ended (FinalTerm's marks; the command as kitty and fish write it). What the program printed
in between is its output. A command whose words the shell does not tell, because its user keeps it out of the shell's
own history, is an event and nothing more.
"""

from __future__ import annotations

import re
import time
from collections import deque

from sesh import platform
from sesh.daemon.shell import shells
from sesh.errors import SeshError, rebuild

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.shell.run import Run

    Facts = dict[str, Any]
    from sesh.daemon.session import Session

MOST = 100
"""Commands, and answers, that are remembered."""
REMEMBERED = 256 << 10
REMEMBERED_IN_ALL = 4 << 20
"""Bytes of output kept, of one command and of all."""


class History:
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
        """What a successor needs to go on: count, last answer, commands, answers."""
        answers = [
            [key, number, {"error": each.facts()} if isinstance(each, SeshError) else each]
            for key, number, each in self._answers
        ]
        return self.count, self.last, list(self._runs), answers

    def resume(self, count: int, last: Facts | None, runs: list[tuple[Facts, bytes]], answers: list[list[Any]]) -> None:
        """Goes on where `kept` says."""
        self.count, self.last = count, last
        self._runs.extend(runs)
        for key, number, each in answers:
            self._answers.append((key, number, rebuild(each["error"]) if "error" in each else each))

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

    def answer(self, key: str, connection: Connection, asked: int, since: int) -> bool:
        """Answers who comes back for a command that was answered before; whether there was an answer.

        `since`: so many bytes of its output he has already.
        """
        found = next((each for each in self._answers if key and each[0] == key), None)
        if found is None:
            return False
        _, number, answer = found
        if isinstance(answer, SeshError):
            connection.refuse(asked, answer)
            return True
        facts, output = next((each for each in self._runs if each[0]["n"] == number), ({}, b""))
        first = int(facts.get("output_bytes", 0)) - len(output)
        missing = {"truncated": True} if first > since else {}
        connection.respond(asked, output[max(0, since - first) :], **{**answer, **missing})
        return True


LONGEST = 4096
"""Characters of a command that are kept."""
_END = b"\x1b]133;D"
_BEFORE = re.compile(rb"\A(?:\x1b\[\?2004l|\x1b\][02];[^\x07]*\x07)*\x1b\[30m\x1b\(B\x1b\[m\r")
"""What fish prints behind the mark, before the command begins."""
_PARTIAL_LINE = re.compile(
    rb"(?:\x1b\[[0-9;]*m|\x1b\(B)+"
    rb"(?:[%#](?:\x1b\[[0-9;]*m)* +\r \r|\xe2\x8f\x8e(?:\x1b\[[0-9;]*m|\x1b\(B)* *\r\xe2\x8f\x8e ?\r(?:\x1b\[K)?)\Z"
)
"""What zsh and fish print, before their prompts, to end a line that the command has left open."""
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class CommandMarks:
    """The command that is under way, by the shell's marks."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun: tuple[int, float, float, str | None, str] | None = None
        """Position behind the mark, moment (of the epoch, and monotonic), the command, its directory."""
        self._number: int | None = None

    def kept(self) -> tuple[tuple[int, float, float, str | None, str] | None, int | None]:
        """What a successor needs to go on: the command under way and its number."""
        return self._begun, self._number

    def resume(self, begun: tuple[int, float, float, str | None, str] | None, number: int | None) -> None:
        """Goes on where `kept` says."""
        self._begun, self._number = begun, number

    def found(self, body: bytes, position: int) -> None:
        """A mark has come; `body`: all behind `133;`, `position`: just behind it in the log."""
        letter = body[:1]
        if letter == b"C":
            self._begin(body, position)
        elif letter == b"D" and self._begun is not None:
            self._end(body, position)

    def _begin(self, body: bytes, position: int) -> None:
        """A command begins; one that is run for somebody is told of by who runs it."""
        session = self._session
        runs = session.runs
        if runs is not None and (runs.active is not None or runs.ran):
            self._begun = None
            return
        command = told(body)
        pid = session.pty.foreground() if session.pty is not None else 0
        cwd = platform.directory_of(pid) or platform.directory_of(int(session.facts["pid"]))
        self._begun = (position, time.time(), time.monotonic(), command, cwd)
        self._number = session.history().next() if command is not None else None
        facts = {} if command is None else {"command": [command], "n": self._number}
        session.events.add("command_started", session.name, **facts)

    def _end(self, body: bytes, position: int) -> None:
        """The command has ended."""
        if self._begun is None:
            return
        (start, moment, since, command, cwd), self._begun = self._begun, None
        session = self._session
        word = body[2:].partition(b";")[0]
        code = int(word) if word.isdigit() and len(word) < 4 else None
        if command is None:
            session.events.add("command_ended", session.name, exit_code=code)
            return
        output = self._output(start, position)
        facts = {
            "n": self._number,
            "command": [command],
            "cwd": cwd,
            "started": moment,
            "duration": round(time.monotonic() - since, 3),
            "exit_code": code,
            "output_bytes": len(output),
        }
        session.history().keep(facts, output)
        session.events.add("command_ended", session.name, exit_code=code, command=[command], n=self._number)

    def _output(self, start: int, end: int) -> bytes:
        """What the command has printed, or what is still held of it."""
        session = self._session
        data = session.log.bytes(start, end)
        data = data[: data.rfind(_END)] if _END in data else data
        data = _PARTIAL_LINE.sub(b"", _BEFORE.sub(b"", data, count=1))
        return data.replace(b"\r\n", b"\n") if session.pty is None or shells.translates(session.pty) else data


def told(body: bytes) -> str | None:
    """The command that a mark C tells, None where it tells none. Never raises, whatever the program prints."""
    field = next((each for each in body.split(b";")[1:] if each.startswith(b"cmdline_url=")), None)
    if field is None:
        return None
    raw = _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), field.partition(b"=")[2])
    text = raw.decode("utf-8", "replace")[:LONGEST]
    return "".join(each for each in text if each.isprintable() or each in "\n\t") or None
