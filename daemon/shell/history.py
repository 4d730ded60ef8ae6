"""The commands of a session, for `--history`, for the events, and for a client that reconnects for its answer.

They come from `--run` and from the shell's integration. With `sesh --shell-init` the shell prints FinalTerm's marks:
`OSC 133;C;cmdline_url=COMMAND` when a command begins (written as kitty and fish do) and `OSC 133;D;CODE` when it has
ended. The output in between is the command's. A command that the shell does not name, because its user keeps it out of
the shell's own history, becomes an event and nothing more.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from sesh import processes
from sesh.about import SESH
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell.run import Run
from sesh.errors import NotFound, SeshError, rebuild
from sesh.schema import RunFacts
from sesh.stored import Facts
from sesh.wording import plain

Begun = tuple[int, float, float, str | None, str]

MAX_ENTRIES = 100  # commands, and answers, that are kept
MAX_OUTPUT = 256 << 10  # bytes of output kept, of one command
MAX_OUTPUT_IN_ALL = 4 << 20
_FACTS_SIZE = 150  # characters that a command's other facts take as JSON


class History:
    def __init__(self) -> None:
        self.count = 0
        self.last: RunFacts | None = None  # the command that the session's end ended, with its `key`
        self.entries: deque[tuple[RunFacts, bytes]] = deque(maxlen=MAX_ENTRIES)
        """The commands, the newest last, with the output that is kept."""
        self.answers: OrderedDict[str, tuple[int, dict[str, Any]]] = OrderedDict()
        """The command's number and the answer, as plain data, by the client's key."""

    def find(self, number: int, session: str) -> tuple[RunFacts, bytes]:
        """Return a command and its output. Raise NotFound, which names the `session`."""
        for entry, output in self.entries:
            if entry["n"] == number:
                if entry["output_bytes"] and not output:  # dropped for newer ones, or restored without
                    message = f"the output of command {number} is not kept any more"
                    raise NotFound(message, hint=f"see: {SESH} --logs {session}")
                return entry, output
        raise NotFound(f"{session} has no command {number}", hint=f"see: {SESH} --history {session}")

    def newest(self, budget: int) -> list[RunFacts]:
        """Return the newest commands whose texts have at most `budget` characters together, the oldest first."""
        newest: list[RunFacts] = []
        for entry, _ in reversed(self.entries):
            budget -= sum(map(len, map(str, entry["command"]))) + len(str(entry["cwd"])) + _FACTS_SIZE
            if budget < 0:
                break
            newest.append(entry)
        return newest[::-1]

    def restore(self, count: int, entries: list[tuple[RunFacts, bytes]]) -> None:
        self.count = count
        self.entries.extend(entries)

    def next_number(self) -> int:
        self.count += 1
        return self.count

    def add(
        self, number: int, words: list[str], cwd: str, started: float, duration: float, code: int | None, output: bytes
    ) -> None:
        """Keep a command that has ended, and as much of its output as MAX_OUTPUT and MAX_OUTPUT_IN_ALL allow."""
        entry: RunFacts = {
            "n": number,
            "command": words,
            "cwd": cwd,
            "started": started,
            "duration": round(duration, 3),
            "exit_code": code,
            "output_bytes": len(output),
        }
        self.entries.append((entry, output[-MAX_OUTPUT:]))
        budget = MAX_OUTPUT_IN_ALL
        for index in range(len(self.entries) - 1, -1, -1):
            entry, output = self.entries[index]
            budget -= len(output)
            if budget < 0 and output:
                self.entries[index] = (entry, b"")

    def add_answer(self, run: Run, answer: RunFacts | SeshError) -> None:
        """Remember the first answer to a command that has a key."""
        if run.key and run.key not in self.answers:
            plain_answer = {"error": answer.facts()} if isinstance(answer, SeshError) else dict(answer)
            self.answers[run.key] = run.number, plain_answer
            if len(self.answers) > MAX_ENTRIES:
                self.answers.popitem(last=False)

    def answer_again(self, run: Run) -> bool:
        """Answer a client that comes back for a command that has been answered; return False if it has not."""
        if run.key not in self.answers or run.request is None:
            return False
        number, answer = self.answers[run.key]
        if "error" in answer:
            run.request.refuse(rebuild(answer["error"]))
            return True
        rows = ((entry["output_bytes"], output) for entry, output in self.entries if entry["n"] == number)
        size, output = next(rows, (0, b""))
        first, since = size - len(output), run.sent or 0
        truncated = answer["truncated"] or first > since
        run.request.respond(output[max(0, since - first) :], **{**answer, "truncated": truncated})
        return True


MAX_COMMAND = 4096
_END = b"\x1b]133;D"
_LONGEST_ADDITION = 4096  # bytes in which the two below are looked for: a terminal's width of text
_BEFORE = re.compile(rb"(?:\x1b\[\?2004l|\x1b\][02];[^\x07]*\x07)*\x1b\[30m\x1b\(B\x1b\[m\r")
"""Output of fish behind the mark, before the command begins."""
_SGR_REVERSED = rb"m[0-9;]*\[\x1b"
_PARTIAL_LINE = re.compile(
    rb"(?:\r \r +(?:" + _SGR_REVERSED + rb")*[%#]"
    rb"|(?:K\[\x1b)?\r ?\x8e\x8f\xe2\r *(?:" + _SGR_REVERSED + rb"|B\(\x1b)*\x8e\x8f\xe2)"
    rb"(?:" + _SGR_REVERSED + rb"|B\(\x1b)+"
)
"""The end of line that zsh and fish add before their prompts if a command has left its line open. The expression is for
the reversed output: the addition stands at its end, and from there a match begins at one place only."""
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class CommandMarks:
    """Follows the commands that people type, by the shell's OSC 133 marks.

    `emit` reports an event; `is_run` returns whether a mark belongs to `--run`, which reports its commands itself.
    """

    def __init__(
        self, facts: Facts, pump: Pump, history: History, emit: Callable[..., None], is_run: Callable[[], bool]
    ) -> None:
        self._facts, self._pump, self._history, self._emit, self._is_run = facts, pump, history, emit, is_run
        self.begun: Begun | None = None
        """The command under way: position behind its mark, time (wall clock, and monotonic), command, directory."""
        self.number: int | None = None  # its number; None if the shell does not name it

    def handle(self, body: bytes, position: int) -> None:
        """Handle a mark; `body`: all behind `133;`, `position`: behind it in the log."""
        if body.startswith(b"C"):
            self._begin(body, position)
        elif body.startswith(b"D"):
            self._end(body, position)

    def _begin(self, body: bytes, position: int) -> None:
        if self._is_run():
            self.begun = None
            return
        command = parse_command(body)
        pid = self._pump.pty.foreground() if self._pump.pty is not None else 0
        cwd = processes.directory_of(pid) or processes.directory_of(int(self._facts["pid"]))
        self.begun = (position, time.time(), time.monotonic(), command, cwd)
        self.number = self._history.next_number() if command is not None else None
        self._emit("command_started", **({} if command is None else {"command": [command], "n": self.number}))

    def _end(self, body: bytes, position: int) -> None:
        if self.begun is None:
            return
        (start, moment, since, command, cwd), self.begun = self.begun, None
        digits = body[2:].partition(b";")[0]
        code = int(digits) if digits.isdigit() and len(digits) < 4 else None
        if command is None:
            self._emit("command_ended", exit_code=code)
            return
        duration, pty = time.monotonic() - since, self._pump.pty
        data = self._pump.log.bytes(start, position)  # as far as the log still has it
        data = data[: data.rfind(_END)] if _END in data else data
        output = own_output(data, translated=pty is None or pty.translates())
        self._history.add(self.number or 0, [command], cwd, moment, duration, code, output)
        self._emit("command_ended", exit_code=code, command=[command], n=self.number)


def own_output(data: bytes, *, translated: bool) -> bytes:
    """Return the output without the shell's additions. `translated`: the terminal made CR LF of each LF."""
    before = _BEFORE.match(data[:_LONGEST_ADDITION])
    behind = _PARTIAL_LINE.match(data[-_LONGEST_ADDITION:][::-1])
    data = data[before.end() if before else 0 : len(data) - (behind.end() if behind else 0)]
    return data.replace(b"\r\n", b"\n") if translated else data


def parse_command(body: bytes) -> str | None:
    """Return the command that a mark C names, None if it names none."""
    _, named, rest = body.partition(b";cmdline_url=")
    if not named:
        return None
    raw = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), rest.partition(b";")[0])
    text = raw.decode("utf-8", "replace")[:MAX_COMMAND]
    return plain(text, keep="\n\t") or None
