"""The results of the tools, whose schemas the client reads; and truncation of long text."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class OfSession(BaseModel):
    session: str
    host: str | None


class Opened(OfSession):
    created: bool = Field(description="False: it already ran, with its state.")
    connection: str
    log: str | None = Field(description="The work log of this session, a file on this machine.")


class Ran(OfSession):
    exit_code: int | None = Field(description="128+N: ended by signal N; 124: timed out; null: not waited for.")
    output: str
    duration: float | None
    timed_out: bool = Field(description="The command goes on; wait with until=prompt, or look with logs.")
    truncated: bool = Field(description="There was more output; this is the end.")
    hint: str | None = Field(description="How to read the output before this.")


class Waited(OfSession):
    met: str = Field(description="exit, prompt, waiting, idle, for; or timeout: none holds yet, the session goes on.")
    match: str | None
    exit_code: int | None
    position: int | None = Field(
        description="Pass it as `since` to continue from here. After timeout it is `since` itself: nothing is skipped."
    )


class SentText(OfSession):
    position: int | None = Field(description="Pass it to `wait` as `since`.")
    typed: bool = Field(description="Always true: text that was not typed is an error.")
    path: str | None = Field(default=None, description="Where the file lies on the session's machine.")


class SessionText(OfSession):
    text: str
    hint: str | None = Field(default=None, description="How to read the output that is not in the text.")


class SessionRows(BaseModel):
    """Sessions, with the keys of `sesh list --json`."""

    sessions: list[dict[str, Any]]


class Statuses(BaseModel):
    """Sessions with `session`, `host`, `log`, `connection`; if known, the keys of `sesh status --json`."""

    sessions: list[dict[str, Any]] = Field(
        description="connection: connecting, connected, idle (nothing happened for five minutes), expired (its host "
        "does not answer, or its daemon died: open it again) or closed (it has ended)."
    )


class NotClosed(OfSession):
    code: str
    message: str


class Closed(BaseModel):
    closed: list[OfSession]
    failed: list[NotClosed]


class Copied(BaseModel):
    type: str
    bytes: int


class Browsed(BaseModel):
    url: str


def cut(name: str, host: str | None, text: str, limit: int, skip: int = 0) -> tuple[str, str | None]:
    """Return the end of a text, and a hint how to read any rest.

    `skip`: how many lines of the session come after the text. The lines of the hint overlap the returned text by one,
    because a prompt may follow the output.
    """
    if len(text) <= limit:
        return text, None
    end = text[len(text) - limit :]
    line = end.find("\n") + 1
    end = end[line if line < limit // 2 else 0 :]
    before = text[: len(text) - len(end)]
    where = f", host={host}" if host else ""
    more = "" if before.endswith("\n") else f", output_limit={len(text)}"
    count = before.count("\n") + 1
    skip = skip + end.count("\n")
    words = f"name={name}{where}, lines={count}, skip={skip}{more}"
    return end, f"{len(before):,} characters before this were left out; read them with logs: {words}"
