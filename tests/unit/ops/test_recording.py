"""`--record` over a link that breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from sesh import gate, protocol
from sesh.errors import Lost, NotFound
from sesh.ops.recording import Cast, Recording
from sesh.reach import find, links
from sesh.reach.caller import Caller
from sesh.reach.route import Route


class Script:
    """A connection that brings what it was given: frames, or an error in their place."""

    def __init__(self, *parts: tuple[int, bytes] | Exception) -> None:
        self.inbound, self._other = os.pipe()
        self._parts: Iterator[tuple[int, bytes] | Exception] = iter(parts)
        if parts:
            os.write(self._other, b"x")
        self.welcome: dict[str, Any] = {"position": 0}

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Says nothing to anybody."""

    def leftovers(self) -> list[tuple[int, bytes]]:
        """Nothing came with the answer."""
        return []

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """The next part."""
        part = next(self._parts)
        if isinstance(part, Exception):
            raise part
        return part

    def message(self, kind: int, payload: bytes) -> Any:
        """What a frame says."""
        return gate.message(kind, payload, far=True)

    def close(self) -> None:
        """Closes the pipe, once."""
        for descriptor in {self.inbound, self._other} - {-1}:
            os.close(descriptor)
        self.inbound = self._other = -1


class Links(Route):
    """One connection after the other."""

    host = "box"

    def __init__(self, *connections: Any) -> None:
        super().__init__()
        self._connections = iter(connections)

    def connect(self, name: str) -> Any:
        """The first."""
        return next(self._connections)

    def reconnect(self, broken: Any, since: int) -> Any:
        """The next."""
        broken.close()
        return next(self._connections)


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_session_that_ends_while_its_link_is_mended_is_recorded_to_its_end(
    monkeypatch: pytest.MonkeyPatch, cuts: int
) -> None:
    """The second connection, for changes of size, found no session any more; that ended the recording as an error."""
    lost = [Script(Lost("the link is lost")) for _ in range(cuts)]
    last = Script((protocol.RESPONSE, protocol.encode({"id": 1, "exit_code": 3})))
    sizes: list[Any] = [Script()]

    def to_session(_caller: Caller, _host: str, name: str, *, passing: bool) -> Any:
        if not sizes:
            raise NotFound(f"no session {name}")
        return sizes.pop()

    monkeypatch.setattr(links, "to_session", to_session)
    monkeypatch.setattr(find, "welcomed", lambda _connection, _name: None)
    written: list[Any] = []
    cast = Cast(written.append)
    cast.header("work", 80, 24, "sh")
    with Recording(Caller(), Links(*lost, last), "work") as recording:
        recording.follow(cast)
    assert recording.code == 3
    assert written[-1][1:] == ["m", "ended: 3"]
