"""Finds the commands that people type, by the marks of shell integration.

With `sesh shell-init` the shell prints FinalTerm's marks: `OSC 133;C;cmdline_url=COMMAND` when a command begins (in
the form of kitty and fish) and `OSC 133;D;CODE` when it has ended; its output is between the marks. A command that the
user keeps out of the shell's history has no `cmdline_url`. It causes events, but is not kept.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.events import Events
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell.history import Begun
from sesh.daemon.shell.queue import RunQueue
from sesh.system import processes
from sesh.text.safe import plain

_END = b"\x1b]133;D"
_MAX_ADDITION = 4096  # bytes searched for the two patterns below; a match is about as long as a terminal's row
_PEN = rb"(?:\x1b\[[0-9;]*m|\x1b\(B|[\x0e\x0f])"  # a change of colours or charset, in any terminal's form
_BEFORE = re.compile(rb"(?:\x1b\[\?2004l|\x1b\][02];[^\x07]*\x07)*\x1b\[30m" + _PEN + rb"*\r")
"""Output of fish itself, between mark C and the command's output."""
_PEN_REVERSED = rb"(?:m[0-9;]*\[\x1b|B\(\x1b|[\x0e\x0f])*"
_PARTIAL_LINE = re.compile(
    rb"(?:\r \r +" + _PEN_REVERSED + rb"[%#]"
    rb"|(?:K\[\x1b)?\r ?\x8e\x8f\xe2\r *" + _PEN_REVERSED + rb"\x8e\x8f\xe2)" + _PEN_REVERSED
)
"""The line end that zsh and fish add before a prompt if the output has none. The pattern matches reversed output: from
the end, a match can start at one place only."""
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class Active(NamedTuple):
    start: int  # the position of its output
    begun: Optional[Begun]  # None if it is kept out of the history


class CommandMarks:
    """Records the commands that people type; `sesh run` records its own."""

    def __init__(self, facts: Facts, pump: Pump, runs: RunQueue, events: Events) -> None:
        self._facts = facts
        self._events = events
        self._pump = pump
        self._runs = runs
        self.active: Active | None = None

    def handle(self, body: bytes, position: int) -> None:
        """Handle a mark that ends at `position` of the log. `body`: everything after `133;`."""
        if body.startswith(b"C"):
            self._begin(body, position)
        elif body.startswith(b"D"):
            self._end(body, position)

    def _begin(self, body: bytes, position: int) -> None:
        if self._runs.active is not None:  # then the mark is about the run
            self.active = None
            return
        command = parse_command(body)
        if command is None:
            self.active = Active(position, None)
            self._events.add("command_started")
            return
        cwd = processes.directory_of(self._pump.foreground) or processes.directory_of(int(self._facts.pid))
        begun = self._runs.history.begin([command], cwd)
        self.active = Active(position, begun)
        self._events.add("command_started", command=begun.words, n=begun.number)

    def _end(self, body: bytes, position: int) -> None:
        active = self.active
        self.active = None
        if active is None:
            return
        digits = body[2:].partition(b";")[0]
        code = int(digits) if digits.isdigit() and len(digits) < 4 else None
        begun = active.begun
        if begun is None:
            self._events.add("command_ended", exit_code=code)
            return
        data = self._pump.log.content(active.start, position)  # the log may have dropped its beginning
        data = data[: data.rfind(_END)] if _END in data else data
        self._runs.history.end(begun, code, own_output(data, translated=self._pump.pty.translates()))
        self._events.add("command_ended", exit_code=code, command=begun.words, n=begun.number)


def own_output(data: bytes, *, translated: bool) -> bytes:
    """Return the output without the shell's additions. `translated`: the terminal wrote CR LF for LF."""
    before = _BEFORE.match(data[:_MAX_ADDITION])
    after = _PARTIAL_LINE.match(data[-_MAX_ADDITION:][::-1])
    start = before.end() if before else 0
    end = len(data) - (after.end() if after else 0)
    data = data[start:end]
    return data.replace(b"\r\n", b"\n") if translated else data


def parse_command(body: bytes) -> str | None:
    """Return the text of the command in a mark C; None without one."""
    _, named, rest = body.partition(b";cmdline_url=")
    if not named:
        return None
    raw = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), rest.partition(b";")[0])
    return plain(raw.decode("utf-8", "replace"), keep="\n\t") or None
