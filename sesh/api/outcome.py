"""What commands and waits have come to."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
        """What it wrote, as text; bytes that are no UTF-8 come as U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether it ended with 0."""
        return self.exit_code == 0

    @classmethod
    def of(cls, told: Mapping[str, Any], data: bytes, host: str | None) -> Result:
        """The result that `--json` tells of, with its bytes."""
        command = told.get("command")
        return cls(
            session=str(told.get("session")),
            host=host,
            command=[str(word) for word in command] if isinstance(command, (list, tuple)) else [],
            exit_code=told.get("exit_code"),
            data=data,
            duration=told.get("duration"),
            timed_out=bool(told.get("timed_out")),
            truncated=bool(told.get("truncated")),
        )

    @classmethod
    def told(cls, answer: Mapping[str, Any], host: str | None) -> Result:
        """The result in an answer of `--run --json` or `--exec --json`."""
        coded = answer.get("output_base64")
        data = b64decode(coded) if isinstance(coded, str) else str(answer.get("output") or "").encode()
        return cls.of(answer, data, host)


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
    def told(cls, answer: Mapping[str, Any]) -> Met:
        """What an answer of `--wait --json` says."""
        return cls(str(answer.get("met")), answer.get("match"), answer.get("exit_code"), answer.get("position"))
