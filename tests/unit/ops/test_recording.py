"""`--record` over a link that breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from sesh import gate, protocol
from sesh.errors import Lost, NotFound
from sesh.ops.recording import Cast, Recording
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.stream import Stream
from sesh.reach.target import Target


class Script:
    """A connection that brings what it was given: frames, or an error in their place."""

    def __init__(self, *parts: tuple[int, bytes] | Exception) -> None:
        self.inbound, self._other = os.pipe()
        self._parts: Iterator[tuple[int, bytes] | Exception] = iter(parts)
        if parts:
            os.write(self._other, b"x")
        self.welcome: dict[str, Any] = {}
        self._frames: list[tuple[int, bytes]] = []

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Says nothing to anybody."""

    def leftovers(self) -> list[tuple[int, bytes]]:
        """What was read."""
        frames, self._frames = self._frames, []
        return frames

    def read(self) -> None:
        """The next part."""
        part = next(self._parts)
        if isinstance(part, Exception):
            raise part
        self._frames.append(part)

    def message(self, kind: int, payload: bytes) -> Any:
        """What a frame says."""
        return gate.message(kind, payload, far=True)

    def ping(self) -> None:
        """It is not silent."""

    def close(self) -> None:
        """Closes the pipe, once."""
        for descriptor in {self.inbound, self._other} - {-1}:
            os.close(descriptor)
        self.inbound = self._other = -1


class Machine(Target):
    """A host that can be connected to so many times for changes of size."""

    host = "box"

    def __init__(self, *connections: Any) -> None:
        super().__init__(Caller())
        self._connections = list(connections)

    def connect(self, name: str, *_: object, **__: object) -> Any:
        if not self._connections:
            raise NotFound(f"no session {name}")
        return self._connections.pop()


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_session_that_ends_while_its_link_is_mended_is_recorded_to_its_end(
    monkeypatch: pytest.MonkeyPatch, cuts: int
) -> None:
    """The second connection, for changes of size, found no session any more; that ended the recording as an error."""
    lost = [Script(Lost("the link is lost")) for _ in range(cuts)]
    last = Script((protocol.RESPONSE, protocol.encode({"id": 1, "exit_code": 3})))
    links: Iterator[Any] = iter([*lost, last])
    monkeypatch.setattr(find, "welcomed", lambda *_: {})
    written: list[Any] = []
    cast = Cast(written.append)
    cast.header("work", 80, 24, "sh")
    stream = Stream(next(links), "work", host="box", again=lambda _: next(links))
    with stream, Recording(Machine(Script(), Script()), stream) as recording:
        recording.follow(cast)
    assert recording.code == 3
    assert written[-1][1:] == ["m", "ended: 3"]
