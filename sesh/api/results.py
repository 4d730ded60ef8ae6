"""What the calls of a Session return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sesh.errors import ExitCode
from sesh.schema import JobResult, RunFacts


@dataclass(frozen=True)
class Result:
    """A command that has ended, or whose time ran out.

    `exit_code`: of the command, 128+N if signal N ended it, 124 if it timed out, None if it was not waited for. `data`:
    its output, byte for byte, line ends as a pipe would have them. `duration`: seconds. `truncated`: there was more
    output than was kept, and `data` is the end of it. `host`: None for this machine.
    """

    session: str
    host: str | None
    command: list[str]
    exit_code: int | None
    data: bytes = field(repr=False)
    duration: float | None = None
    timed_out: bool = False
    truncated: bool = False

    @property
    def output(self) -> str:
        """Its output as text; bytes that are not UTF-8 come as U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """True if it ended with 0."""
        return self.exit_code == 0


def result_of(
    session: str, host: str | None, command: Sequence[str], facts: JobResult | RunFacts, data: bytes
) -> Result:
    """Return the Result for a daemon's account of a command."""
    timed_out, truncated = bool(facts.get("timed_out")), bool(facts.get("truncated"))
    code = ExitCode.TIMED_OUT if timed_out else facts.get("exit_code")
    return Result(session, host, list(command), code, data, facts.get("duration"), timed_out, truncated)


@dataclass(frozen=True)
class Sent:
    """The number of `bytes` typed (`typed` is always True), and the `position` of the output, for a wait's `since`."""

    bytes: int
    position: int | None
    typed: bool


@dataclass(frozen=True)
class Met:
    """The condition that ended a wait.

    `met`: `exit`, `prompt`, `waiting`, `idle` or `for`. `match`: the text that was looked for, or the question.
    `exit_code`: of a session that has ended. `position`: in the session's output, for the next wait's `since`.
    """

    met: str
    match: str | None
    exit_code: int | None
    position: int | None
