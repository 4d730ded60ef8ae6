"""The commands of a session, for `--history`, for events, and for clients that reconnect for an answer.

They come from `--run` and from shell integration. With `sesh --shell-init` the shell prints FinalTerm's marks:
`OSC 133;C;cmdline_url=COMMAND` when a command begins (in the form of kitty and fish) and `OSC 133;D;CODE` when it has
ended; its output is between the marks. A command without `cmdline_url`, which the user keeps out of the shell's
history, causes events and is not kept.
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

MAX_ENTRIES = 100  # commands kept, and answers; the oldest is dropped
MAX_OUTPUT = 256 << 10  # bytes kept of one command's output, the last ones
MAX_OUTPUT_IN_ALL = 4 << 20  # bytes kept of all outputs; above it, the oldest output is dropped whole
_FACTS_SIZE = 150  # characters of an entry's JSON besides command and directory


class History:
    def __init__(self) -> None:
        self.count = 0
        self.last: RunFacts | None = None  # the run that was active at the session's end, with its `key`
        self.entries: deque[tuple[RunFacts, bytes]] = deque(maxlen=MAX_ENTRIES)  # each with its output
        self.answers: OrderedDict[str, tuple[int, dict[str, Any]]] = OrderedDict()
        """The number of a run and its answer, by the run's key."""

    def find(self, number: int, session: str) -> tuple[RunFacts, bytes]:
        """Return a command and its output. Raises NotFound; its message names `session`."""
        for entry, output in self.entries:
            if entry["n"] == number:
                if entry["output_bytes"] and not output:  # dropped, or restored without output
                    message = f"the output of command {number} is not kept any more"
                    raise NotFound(message, hint=f"see: {SESH} --logs {session}")
                return entry, output
        raise NotFound(f"{session} has no command {number}", hint=f"see: {SESH} --history {session}")

    def newest(self, budget: int) -> list[RunFacts]:
        """Return the newest commands that fit into `budget` characters, the oldest first."""
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
        """Keep a command that has ended, and its output within `MAX_OUTPUT` and `MAX_OUTPUT_IN_ALL`."""
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
        """Keep the first answer to a run that has a key."""
        if run.key and run.key not in self.answers:
            plain_answer = {"error": answer.facts()} if isinstance(answer, SeshError) else dict(answer)
            self.answers[run.key] = run.number, plain_answer
            if len(self.answers) > MAX_ENTRIES:
                self.answers.popitem(last=False)

    def answer_again(self, run: Run) -> bool:
        """Repeat the answer to a client that reconnects; return False if there was no answer yet."""
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


MAX_COMMAND = 4096  # characters; the rest is cut
_END = b"\x1b]133;D"
_LONGEST_ADDITION = 4096  # bytes searched for the two patterns below, which pad a whole terminal row
_BEFORE = re.compile(rb"(?:\x1b\[\?2004l|\x1b\][02];[^\x07]*\x07)*\x1b\[30m\x1b\(B\x1b\[m\r")
"""Output of fish between mark C and the command's own."""
_SGR_REVERSED = rb"m[0-9;]*\[\x1b"
_PARTIAL_LINE = re.compile(
    rb"(?:\r \r +(?:" + _SGR_REVERSED + rb")*[%#]"
    rb"|(?:K\[\x1b)?\r ?\x8e\x8f\xe2\r *(?:" + _SGR_REVERSED + rb"|B\(\x1b)*\x8e\x8f\xe2)"
    rb"(?:" + _SGR_REVERSED + rb"|B\(\x1b)+"
)
"""The line end that zsh and fish add before a prompt if the output has none. The pattern matches reversed output: from
the end, a match can start at one place only."""
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class CommandMarks:
    """Records the commands that people type, from the shell's OSC 133 marks.

    `emit` adds an event. `is_run` returns whether a mark belongs to a `--run`, which records its own commands.
    """

    def __init__(
        self, facts: Facts, pump: Pump, history: History, emit: Callable[..., None], is_run: Callable[[], bool]
    ) -> None:
        self._facts, self._pump, self._history, self._emit, self._is_run = facts, pump, history, emit, is_run
        self.begun: Begun | None = None
        """The active command: start of its output, start time (wall clock, monotonic), text, directory."""
        self.number: int | None = None  # of the active command; None if its mark has no text

    def handle(self, body: bytes, position: int) -> None:
        """Handle a mark that ends at `position` of the log. `body`: everything after `133;`."""
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
        data = self._pump.log.bytes(start, position)  # the log may have dropped its beginning
        data = data[: data.rfind(_END)] if _END in data else data
        output = own_output(data, translated=pty is None or pty.translates())
        self._history.add(self.number or 0, [command], cwd, moment, duration, code, output)
        self._emit("command_ended", exit_code=code, command=[command], n=self.number)


def own_output(data: bytes, *, translated: bool) -> bytes:
    """Return the output without the shell's additions. `translated`: the terminal wrote CR LF for LF."""
    before = _BEFORE.match(data[:_LONGEST_ADDITION])
    after = _PARTIAL_LINE.match(data[-_LONGEST_ADDITION:][::-1])
    data = data[before.end() if before else 0 : len(data) - (after.end() if after else 0)]
    return data.replace(b"\r\n", b"\n") if translated else data


def parse_command(body: bytes) -> str | None:
    """Return the text of the command in a mark C; None without one."""
    _, named, rest = body.partition(b";cmdline_url=")
    if not named:
        return None
    raw = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), rest.partition(b";")[0])
    text = raw.decode("utf-8", "replace")[:MAX_COMMAND]
    return plain(text, keep="\n\t") or None
