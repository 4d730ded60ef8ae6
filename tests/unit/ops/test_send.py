"""How a long text is sent: in chunks that a daemon may type one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.ops import send
from sesh.reach.caller import Caller
from sesh.reach.exchange import Exchange
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.wire.protocol import CHUNK


class Daemon:
    """The stream of a daemon that takes each text."""

    name = "work"

    def __init__(self) -> None:
        self.texts: list[bytes] = []

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None: ...

    def connect(self, _: float) -> None: ...

    def ask(self, exchange: Exchange[Any]) -> tuple[dict[str, Any], bytes]:
        self.texts.append(exchange.data)
        return {"position": 0}, b""


@given(st.integers(-3, 3), st.sampled_from(["\r\n", "é", "日", "\r", "\n", "x\r\ny"]))
def test_no_chunk_of_a_long_text_ends_within_a_character_or_a_line_end(before: int, text: str) -> None:
    """A daemon types lines one by one: a CR LF in two chunks would be two line ends."""
    daemon = Daemon()
    sent = b"x" * (CHUNK + before - 1) + text.encode() + b"z" * 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "open", lambda *_: daemon)
        assert send.send_input(Target(Caller()), "work", sent)["bytes"] == len(sent)
    assert b"".join(daemon.texts) == sent
    assert max(map(len, daemon.texts)) <= CHUNK
    for chunk, following in zip(daemon.texts, daemon.texts[1:], strict=False):
        chunk.decode()
        assert not (chunk.endswith(b"\r") and following.startswith(b"\n"))
