"""A request as a daemon reads it: each of its values is checked when it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sesh import bounds
from sesh.daemon.clients.connection import Connection
from sesh.errors import UsageError
from sesh.messages import Answer

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Request:
    """One REQUEST: its connection, its number, its JSON, and the DATA that came before it."""

    def __init__(self, connection: Connection, number: int, words: Mapping[str, object], data: bytes) -> None:
        self.connection, self.number, self.words, self.data = connection, number, words, data
        self.verb = str(words.get("verb"))

    def respond(self, data: bytes = b"", **values: Unpack[Answer]) -> None:
        """Answers it."""
        self.connection.respond(self.number, data, **values)

    def flag(self, key: str) -> bool:
        """Returns whether a value is true."""
        return self.words.get(key) is True

    def text(self, key: str) -> str:
        """A value that must be text; empty if it is missing. Raises UsageError."""
        value = self.words.get(key, "")
        if not isinstance(value, str):
            raise UsageError(f"{key} must be a string")
        return value

    def integer(self, key: str) -> int | None:
        """A value that must be an integer, 0 or more; None if it is missing. Raises UsageError."""
        value = self.words.get(key)
        return None if value is None else bounds.integer(value, key)

    def seconds(self, key: str) -> float | None:
        """A value that must be a time; None if it is missing. Raises UsageError."""
        value = self.words.get(key)
        return None if value is None else bounds.seconds(value, key)

    def position(self, key: str) -> int | str | None:
        """A value that must be a position in the output, or a word for one. Raises UsageError."""
        value = self.words.get(key)
        return value if value in ("screen", "sent", "start") else self.integer(key)
