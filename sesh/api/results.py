"""The results of calls to a Session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sesh.schema import JobResult, RunFacts


@dataclass(frozen=True)
class Result:
    """The result of a command that has ended or timed out.

    `host`: None for this machine. `exit_code`: 128+N if signal N ended the command, 124 if it timed out, None if it was
    not waited for. `data`: the output as bytes, with the line ends of a pipe. `duration`: seconds. `truncated`: `data`
    is only the end of the output.
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
        """The output as text; invalid UTF-8 becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


def result_of(
    session: str, host: str | None, command: Sequence[str], facts: JobResult | RunFacts, data: bytes
) -> Result:
    timed_out, truncated = bool(facts.get("timed_out")), bool(facts.get("truncated"))
    code, duration = facts.get("exit_code"), facts.get("duration")
    return Result(session, host, list(command), code, data, duration, timed_out, truncated)


@dataclass(frozen=True)
class Sent:
    """The `bytes` typed, and the output's `position` then, for `since`. `typed` is True."""

    bytes: int
    position: int | None
    typed: bool


@dataclass(frozen=True)
class Met:
    """The condition that ended a wait.

    `met`: `exit`, `prompt`, `waiting`, `idle` or `for`. `match`: the text that matched the pattern, or the question.
    `exit_code`: that of the session, if it has ended. `position`: that of the output, for `since` of the next wait.
    """

    met: str
    match: str | None
    exit_code: int | None
    position: int | None
