"""The commands of a session, for `history`, for events, and for reconnecting callers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from sesh.about import SESH
from sesh.daemon.clients.connection import PeerRequest
from sesh.daemon.clients.events import shorten
from sesh.errors import NotFound
from sesh.schema.facts import RunFacts

MAX_ENTRIES = 100  # commands kept, and responses; the oldest is dropped
MAX_COMMAND = 4096  # characters of each; all of them are in each checkpoint
MAX_WHOLE = 32 << 20  # bytes of outputs kept whole; at the limit, the oldest output is dropped whole
WHOLE_TIME = 600.0  # seconds after which they are shortened: a caller whose link was lost is back before
MAX_OUTPUT = 256 << 10  # bytes kept of one command's output after that, the last ones
MAX_OUTPUT_IN_ALL = 4 << 20  # bytes kept of all outputs after that


@dataclass(frozen=True)
class Begun:
    number: int  # in the history
    words: list[str]
    cwd: str
    started: float  # seconds since 1970
    began_at: float  # monotonic

    @property
    def duration(self) -> float:
        return self.lasted(time.monotonic())

    def lasted(self, at: float) -> float:
        """Return the seconds until a time (monotonic)."""
        return round(max(0.0, at - self.began_at), 3)


@dataclass
class Command:
    """A command that has ended."""

    facts: RunFacts
    output: bytes = b""  # its end; empty if it was dropped

    @property
    def is_cut(self) -> bool:
        """True if its output had more bytes than those that are kept."""
        return bool(self.facts.get("truncated")) or (self.facts["output_bytes"] or 0) > len(self.output)


def _ended(command: Command) -> float:
    return command.facts["started"] + (command.facts["duration"] or 0.0)


@dataclass
class History:
    """The commands that have ended, with their outputs, and the responses to runs."""

    count: int = 0  # of all commands so far
    commands: list[Command] = field(default_factory=list)
    responses: dict[str, RunFacts] = field(default_factory=dict)  # to runs that have begun, by their keys

    def find(self, number: int, session: str, *, whole: bool = True) -> Command:
        """Return a command. Raises NotFound; its message names `session`, whose integration may not be whole."""
        command = self._kept(number)
        if command is None:
            raise NotFound(f"{session} has no command {number}", hint=f"see: {SESH} history {session}")
        if command.facts["output_bytes"] is None and not command.facts.get("truncated"):
            if not whole:
                message = f"the output of command {number} is not known: its shell did not say exactly where it ends"
                raise NotFound(message, hint=f"see: {SESH} doctor")
            whose = "a hook, a trap or the shell itself may have printed into it"
            message = f"the output of command {number} is not known exactly: {whose}"
            raise NotFound(message, hint=f"see: {SESH} logs {session}")
        if not command.output and command.facts["output_bytes"] != 0:  # dropped, or restored without output
            message = f"the output of command {number} is not kept any more"
            raise NotFound(message, hint=f"see: {SESH} logs {session}")
        return command

    def _kept(self, number: int) -> Command | None:
        return next((command for command in self.commands if command.facts["n"] == number), None)

    def begin(self, words: list[str], cwd: str) -> Begun:
        self.count += 1
        return Begun(self.count, shorten(words, MAX_COMMAND), cwd, time.time(), time.monotonic())

    def end(
        self,
        begun: Begun,
        code: int | None,
        output: bytes | None,
        *,
        dropped: int | None = 0,
        at: float | None = None,
    ) -> None:
        """Keep a command that has ended `at` a time (monotonic), and its output, None if that is not known exactly.

        `dropped`: how many bytes of it came before `output` and are not kept; None for an unknown number.
        """
        entry: RunFacts = {
            "n": begun.number,
            "command": begun.words,
            "cwd": begun.cwd,
            "started": begun.started,
            "duration": begun.duration if at is None else begun.lasted(at),
            "exit_code": code,
            "output_bytes": None if output is None or dropped is None else dropped + len(output),
        }
        if output is not None and dropped != 0:
            entry["truncated"] = True
        commands = [*self.commands, Command(entry, output or b"")]
        if len(commands) > MAX_ENTRIES:
            commands.remove(min(commands, key=_ended))
        # A command that runs a shell began before those of that shell, and ends after them.
        self.commands = sorted(commands, key=lambda command: command.facts["n"])
        self.shorten(MAX_WHOLE, MAX_WHOLE)

    def shorten(self, most: int = MAX_OUTPUT, budget: int = MAX_OUTPUT_IN_ALL) -> None:
        """Keep at most the last `most` bytes of each output, and `budget` bytes of all."""
        for command in reversed(self.commands):
            command.output = command.output[-most:]
            budget -= len(command.output)
            if budget < 0:
                command.output = b""

    def keep_response(self, key: str, response: RunFacts) -> None:
        if key and key not in self.responses:
            self.responses[key] = response
            if len(self.responses) > MAX_ENTRIES:
                del self.responses[next(iter(self.responses))]

    @property
    def last(self) -> RunFacts | None:
        """The newest response, with its `key`: its caller may come back after the session's end."""
        key = next(reversed(self.responses), "")
        ended = key and self.responses[key]["exit_code"] is not None
        return {"key": key, **self.responses[key]} if ended else None

    def repeat_response(self, response: RunFacts, request: PeerRequest[RunFacts], since: int) -> None:
        """Respond again to a reconnecting caller, which has `since` bytes of the output."""
        command = self._kept(response["n"])
        output = command.output if command is not None else b""
        first = (command.facts["output_bytes"] or 0) - len(output) if command is not None else 0
        facts: RunFacts = {**response, "truncated": response["truncated"] or first > since}
        request.respond(facts, output[max(0, since - first) :])
