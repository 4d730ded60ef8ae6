"""The commands that people type, as the shell's integration tells of them: for `--history` and the events.

A shell that is told to (`sesh --shell-init`) prints `OSC 133;C;cmdline_url=COMMAND` when a command begins, and
`OSC 133;D;CODE` when it has ended (FinalTerm's marks; the command as kitty and fish write it). What the program printed
in between is its output. A command whose words the shell does not tell, because its user keeps it out of the shell's
own history, is an event and nothing more.
"""

from __future__ import annotations

import re
import time

from sesh import platform
from sesh.daemon.shell import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.session import Session

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


class Marks:
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
        """A mark has come; `body`: all behind `133;`, `position`: just behind it in the stream."""
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
        data = session.stream.bytes(start, end)
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
