"""A request as a daemon reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sesh.daemon.clients.connection import Connection
from sesh.errors import UsageError
from sesh.messages import Answer, Ask

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Request:
    """One REQUEST: its connection, its number, its JSON, and the DATA that came before it."""

    def __init__(self, connection: Connection, number: int, words: Ask, data: bytes) -> None:
        self.connection, self.number, self.words, self.data = connection, number, words, data
        self.verb = words.get("verb", "")

    def respond(self, data: bytes = b"", **values: Unpack[Answer]) -> None:
        self.connection.respond(self.number, data, **values)

    def position(self, key: Literal["since", "from"]) -> int | str | None:
        """Return a position in the output, or a word for one. Raises UsageError for another text."""
        value = self.words.get(key)
        if isinstance(value, str) and value not in ("screen", "sent", "start"):
            raise UsageError(f"{key} must be a position in the output")
        return value
