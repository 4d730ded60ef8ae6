"""Records the commands that people type, by the marks of their shells (see `marked_shells`).

With `sesh shell-init` the shell prints FinalTerm's marks: `OSC 133;C;…;cmdline_url=COMMAND` when a command begins (in
the form of kitty and fish) and `OSC 133;D;CODE` when it has ended; its output is between the marks. A command that the
shell keeps out of its own history has no `cmdline_url`, or a number that its history does not give it. It causes
events, but is not kept.
"""

from __future__ import annotations

import os
import re
import time

from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.events import Events
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell.history import History
from sesh.daemon.shell.integration import Announcement
from sesh.daemon.shell.marked_shells import CommandBegan, CommandEnded, Mark, MarkedCommand, MarkedShells, Step
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.shell.run import RunState
from sesh.system import processes
from sesh.text.coding import UTF8
from sesh.text.safe import plain

_END = b"\x1b]133;D"
_MAX_ADDITION = 4096  # bytes searched for the two patterns below; a match is about as long as a terminal's row
_PEN = rb"(?:\x1b\[[0-9;]*m|\x1b\(B|[\x0e\x0f])"  # a change of colours or charset, in any terminal's form
_BEFORE = re.compile(
    rb"(?:\x1b\[\?2004l|\x1b\][02];[^\x07\x1b]*(?:\x07|\x1b\\))*(?:\x1b\[30m" + _PEN + rb"*|\x1b\[m)\r"
)
"""Output of fish itself, between mark C and the command's output."""
_PEN_REVERSED = rb"(?:m[0-9;]*\[\x1b|B\(\x1b|[\x0e\x0f])*"
_PARTIAL_LINE = re.compile(
    rb"(?:\r \r +" + _PEN_REVERSED + rb"[%#]"
    rb"|(?:K\[\x1b)?\r ?\x8e\x8f\xe2\r *" + _PEN_REVERSED + rb"\x8e\x8f\xe2)" + _PEN_REVERSED
)
"""The line end that zsh and fish add before a prompt if the output has none. The pattern matches reversed output: from
the end, a match can start at one place only."""
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


_OTHERS = re.compile(rb"\x1b\](?:133|633);[^\x07\x1b]*(?:\x07|\x1b\\)")
"""Marks of another integration, which come when a command begins and when it has ended."""
_ZSH_REPORT = re.compile(rb"^zsh: exit [0-9]", re.MULTILINE)
"""A line of zsh's own (PRINT_EXIT_VALUE) amid the output."""
_DIGITS = 18  # of a number in a mark; a longer one is not read


class CommandMarks:
    """Records the commands that people type; `sesh run` records its own."""

    def __init__(
        self,
        facts: Facts,
        pump: Pump,
        marked_shells: MarkedShells,
        runs: RunQueue,
        history: History,
        events: Events,
    ) -> None:
        self._facts = facts
        self._events = events
        self._pump = pump
        self._marked_shells = marked_shells
        self._runs = runs
        self._history = history

    def handle(self, body: bytes, position: int) -> None:
        """Handle a mark that ends at `position` of the log. `body`: everything after `133;`."""
        run = self._runs.active
        is_of_run = run is not None and run.state >= RunState.TYPED
        mark, group = parse_mark(body, self._facts.coding), self._pump.foreground
        self._take(self._marked_shells.take_mark(mark, position, group, time.monotonic(), of_run=is_of_run))
        if mark.letter in ("A", "B"):
            self._marked_shells.note_image(processes.image_of(group))

    def handle_editor(self, sequence: bytes) -> None:
        """Handle a switch of bracketed paste: `CSI ? 2004 h` or `l`."""
        is_on = sequence.endswith(b"h")
        self._take(self._marked_shells.take_editor(self._pump.foreground if is_on else 0, time.monotonic(), on=is_on))

    def announce(self, body: bytes) -> None:
        """Handle the announcement of a shell. `body`: everything after `7373;integration;`."""
        announced = Announcement.parse(body)
        if announced is not None:
            self._take(self._marked_shells.take_announcement(announced, self._pump.foreground, time.monotonic()))

    def _take(self, steps: list[Step]) -> None:
        for step in steps:
            if step.command.of_run:
                continue
            if isinstance(step, CommandBegan):
                self._begin(step.command)
            else:
                self._end(step)

    def _begin(self, command: MarkedCommand) -> None:
        if command.text is None:
            self._events.add("command_started")
            return
        cwd = processes.directory_of(self._pump.foreground) or processes.directory_of(int(self._facts.pid))
        command.begun = self._history.begin([command.text], cwd)
        self._events.add("command_started", command=command.begun.words, n=command.begun.number)

    def _end(self, ended: CommandEnded) -> None:
        command, code, end, at = ended
        begun = command.begun
        if begun is None:
            self._events.add("command_ended", exit_code=code)
            return
        is_whole = command.start >= self._pump.log.base  # else the log has dropped the beginning of the output
        output: bytes | None = None
        if end is not None and not _may_be_mixed(command, begun.lasted(at)):
            output = self._output(command, end, whole=is_whole)
        self._history.end(begun, code, output, dropped=0 if is_whole else None, at=at)
        self._events.add("command_ended", exit_code=code, command=begun.words, n=begun.number)

    def _output(self, command: MarkedCommand, end: int, *, whole: bool) -> bytes | None:
        data = self._pump.log.content(command.start, end)
        data = data[: data.rfind(_END)] if _END in data else data
        if command.shell == "zsh" and _ZSH_REPORT.search(data):
            return None
        is_fish = whole and command.shell in ("", "fish")
        return own_output(data, translated=self._pump.pty.translates(), fish=is_fish, late=not command.ours)


def _may_be_mixed(command: MarkedCommand, lasted: float) -> bool:
    """Return whether something else may have printed into a command's output.

    The shell's mark says so of hooks and traps. zsh itself adds a line to what has used much processor time.
    """
    is_reported = command.report is not None and lasted * (os.cpu_count() or 1) >= command.report
    return command.mixed or is_reported


def own_output(data: bytes, *, translated: bool, fish: bool = True, late: bool = True) -> bytes:
    """Return the output without the shell's additions.

    `translated`: the terminal wrote CR LF for LF; `fish`: the shell may be fish; `late`: mark D may come behind the
    line end that a shell adds.
    """
    data = _OTHERS.sub(b"", data)
    before = _BEFORE.match(data[:_MAX_ADDITION]) if fish else None
    after = _PARTIAL_LINE.match(data[-_MAX_ADDITION:][::-1]) if late else None
    start = before.end() if before else 0
    end = len(data) - (after.end() if after else 0)
    data = data[start:end]
    return data.replace(b"\r\n", b"\n") if translated else data


def parse_mark(body: bytes, coding: str = UTF8) -> Mark:
    """Return the mark in what follows `133;`. `coding`: of the shell's locale."""
    letter, *fields = body.split(b";")
    named = dict(field.partition(b"=")[::2] for field in fields if b"=" in field)
    shell_id = named.get(b"sesh", b"")
    code = fields[0] if letter[:1] == b"D" and fields else named.get(b"code", b"")
    return Mark(
        letter[:1].decode("ascii", "replace"),
        shell_id.decode() if _number(shell_id) is not None else "",
        number if (number := _number(code)) is not None and number < 1000 else None,
        _number(named.get(b"h", b"")),
        parse_command(body, coding) if letter[:1] == b"C" else None,
        _number(named.get(b"report", b"")),
        mixed=named.get(b"mixed") == b"1",
        expanded=not any(field.startswith(b"$") for field in fields),
    )


def _number(digits: bytes) -> int | None:
    return int(digits) if digits.isdigit() and len(digits) <= _DIGITS else None


def parse_command(body: bytes, coding: str = UTF8) -> str | None:
    """Return the text of the command in a mark C, whose `%` stand for bytes of a coding; None without one."""
    _, named, rest = body.partition(b";cmdline_url=")
    if not named:
        return None
    raw = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), rest.partition(b";")[0])
    return plain(raw.decode(coding, "replace"), keep="\n\t") or None
