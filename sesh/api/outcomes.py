"""What commands and waits have come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sesh.errors import ExitCode


@dataclass(frozen=True)
class Result:
    """A command that has ended, or whose time ran out.

    `exit_code`: of the command, 128+N where signal N ended it, 124 where the time ran out, None where it was not waited
    for. `data`: what it wrote, byte for byte, line ends as a pipe would have them. `duration`: seconds. `truncated`: it
    wrote more than was kept, and `data` is the end of it. `host`: None for this machine.
    """

    session: str
    host: str | None
    command: list[str]
    exit_code: int | None
    data: bytes = field(repr=False)
    duration: float | None
    timed_out: bool
    truncated: bool

    @property
    def output(self) -> str:
        """What it wrote, as text; bytes that are not UTF-8 come as U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether it ended with 0."""
        return self.exit_code == 0

    @classmethod
    def of(cls, facts: Mapping[str, Any], data: bytes, host: str | None) -> Result:
        """The result that a daemon's account of a command gives, with the bytes that it wrote."""
        command = facts.get("command")
        return cls(
            session=str(facts.get("session")),
            host=host,
            command=[str(word) for word in command] if isinstance(command, (list, tuple)) else [],
            exit_code=facts.get("exit_code"),
            data=data,
            duration=facts.get("duration"),
            timed_out=bool(facts.get("timed_out")),
            truncated=bool(facts.get("truncated")),
        )

    @classmethod
    def of_job(cls, name: str, facts: Mapping[str, Any], retained: bytes, host: str | None) -> Result:
        """The result of a job, by its daemon's account and the bytes that its terminal got."""
        code = ExitCode.TIMED_OUT if facts.get("timed_out") else facts["exit_code"]
        return cls.of({**facts, "session": name, "exit_code": code}, retained.replace(b"\r\n", b"\n"), host)


@dataclass(frozen=True)
class Met:
    """What a wait has come to.

    `met`: `exit`, `prompt`, `idle` or `for`. `match`: the text that was looked for. `exit_code`: of a session that has
    ended. `position`: where in the session's output that was, for the next wait's `since`.
    """

    met: str
    match: str | None
    exit_code: int | None
    position: int | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Met:
        """What `ops.wait` says."""
        return cls(str(answer.get("met")), answer.get("match"), answer.get("exit_code"), answer.get("position"))
