"""What the tools answer, as the client is told beforehand."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Opened(BaseModel):
    """A session that runs now."""

    session: str
    host: str | None
    created: bool = Field(description="False: it ran before, with all that is in it.")
    connection: str
    log: str | None = Field(description="The file, on this machine, in which what is done here is written down.")


class Ran(BaseModel):
    """A command that has ended, or whose time ran out."""

    session: str
    host: str | None
    exit_code: int | None = Field(description="128+N: ended by signal N; 124: the time ran out; null: not waited for.")
    output: str
    duration: float | None
    timed_out: bool = Field(description="The command goes on; wait with until=prompt, or look with logs.")
    truncated: bool = Field(description="There was more output; this is the end of it.")


class Waited(BaseModel):
    """What a wait has come to."""

    session: str
    host: str | None
    met: str = Field(description="exit, prompt, idle, for; or timeout: none of them yet, and the session goes on.")
    match: str | None
    exit_code: int | None
    position: int | None = Field(description="Give it as `since` to go on from here.")


class Sent(BaseModel):
    """Where the output stood when it was sent."""

    session: str
    host: str | None
    position: int | None = Field(description="Give it to wait as `since`.")


class Text(BaseModel):
    """Lines of a session."""

    session: str
    host: str | None
    text: str


class Rows(BaseModel):
    """Sessions, with the keys of `sesh --list --json`."""

    sessions: list[dict[str, Any]]


class Standing(BaseModel):
    """How sessions stand: connecting, connected, idle, expired (open it again), closed."""

    sessions: list[dict[str, Any]]


class Closed(BaseModel):
    """Sessions that were ended, and those that could not be."""

    closed: list[dict[str, str | None]]
    failed: list[dict[str, str | None]]


def cut(text: str, limit: int) -> tuple[str, bool]:
    """The end of a text, from a line's begin where that is near, and whether anything was left out."""
    if len(text) <= limit:
        return text, False
    end = text[len(text) - limit :]
    line = end.find("\n") + 1
    return end[line if line < limit // 2 else 0 :], True
