"""A terminal is asked for its clipboard, and what it replies is no input of the program."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.desktop.asking import PROBE_TIME, READ_TIME, AskingState, TerminalClipboard, Way
from sesh.desktop.targets import PNG, TEXT

DA1 = b"\x1b[?62;22c"
KITTY = b"\x1b[?5522;2$y\x1bP>|kitty(0.40)\x1b\\" + DA1
GHOSTTY = b"\x1b[?5522;0$y\x1bP>|ghostty 1.2\x1b\\" + DA1
KONSOLE = b"\x1bP>|Konsole 23.04.3\x1b\\" + DA1


class Asked:
    """A terminal that is asked."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.found: list[dict[str, bytes]] = []
        self.clipboard = TerminalClipboard(self.sent.extend)

    def read(self, mime: str, now: float = 0.0) -> None:
        self.clipboard.read(mime, self.found.append, now)

    def identity(self) -> bytes:
        return bytes(re.findall(rb"id=([0-9a-f]+)", bytes(self.sent))[-1])

    def kitty(self, status: bytes, mime: str = "", data: bytes = b"") -> bytes:
        keys = b"type=read:status=%s:id=%s" % (status, self.identity())
        keys += b":mime=" + base64.b64encode(mime.encode()) if mime else b""
        return b"\x1b]5522;%s;%s\x1b\\" % (keys, base64.b64encode(data))


@pytest.mark.parametrize("size", [2, 7, 10_000])
def test_kitty_is_asked_by_its_own_protocol_for_types_and_a_picture(size: int) -> None:
    asked = Asked()
    picture = bytes(range(256)) * 50
    for mime, parts in ((".", [b"image/png text/plain"]), (PNG, [picture[:4096], picture[4096:]])):
        asked.read(mime)
        reply = KITTY if asked.clipboard.way is Way.UNKNOWN else b""
        kept = asked.clipboard.take(b"a" + reply + b"b", 0.0)
        reply = asked.kitty(b"OK") + b"".join(asked.kitty(b"DATA", mime, part) for part in parts) + asked.kitty(b"DONE")
        # The client's search for its detach key has put an escape before the next byte.
        for piece in re.findall(rb"(?s).{1,%d}(?:(?<=\x1b).)?" % size, reply):
            kept += asked.clipboard.take(piece, 0.0)
        assert kept == b"ab"
        assert asked.found[-1] == {mime: b"".join(parts)}
    assert asked.sent.count(b"$p") == 1, "what it is was asked once"


def test_a_terminal_with_a_name_is_asked_by_osc_52() -> None:
    asked = Asked()
    asked.read(TEXT)
    assert asked.clipboard.take(GHOSTTY, 0.0) == b""
    assert asked.sent.endswith(b"\x1b]52;c;?\x1b\\")
    assert asked.clipboard.take(b"x\x1b]52;c;dGV4dA==\x07y", 0.0) == b"xy"
    assert asked.found == [{TEXT: b"text"}]
    asked.read(".")
    asked.read(PNG)
    assert asked.found[1:] == [{".": b"text/plain"}, {}]


@pytest.mark.parametrize("reply", [KONSOLE, DA1, b"\x1bP>|WezTerm 2024\x1b\\" + DA1, b""])
def test_a_terminal_that_answers_wrongly_or_never_gets_no_query(reply: bytes) -> None:
    """Konsole would empty the clipboard."""
    asked = Asked()
    asked.read(TEXT)
    asked.clipboard.take(reply, 0.0)
    asked.clipboard.act(PROBE_TIME)
    assert asked.found == [{}]
    assert b"]52" not in asked.sent
    asked.read(TEXT)
    assert asked.found == [{}, {}]


def test_an_answer_takes_as_long_as_the_person_whom_the_terminal_asks() -> None:
    asked = Asked()
    asked.read(TEXT)
    asked.clipboard.take(GHOSTTY, 0.0)
    asked.clipboard.act(READ_TIME - 0.1)
    assert asked.found == []
    asked.clipboard.act(READ_TIME)
    assert asked.found == [{}]
    assert asked.clipboard.take(b"\x1b]52;c;dGV4dA==\x07", 99.0) == b"\x1b]52;c;dGV4dA==\x07", "the daemon drops it"


def test_a_reply_with_another_id_is_a_programs() -> None:
    asked = Asked()
    asked.read(PNG)
    asked.clipboard.take(KITTY, 0.0)
    other = asked.kitty(b"DONE").replace(asked.identity(), b"other")
    assert asked.clipboard.take(other, 0.0) == other
    assert asked.found == []


def test_a_refusal_of_the_terminal_is_an_empty_clipboard() -> None:
    asked = Asked()
    asked.read(PNG)
    asked.clipboard.take(KITTY, 0.0)
    asked.clipboard.take(asked.kitty(b"EPERM"), 0.0)
    assert asked.found == [{}]


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_keys_pass_while_the_terminal_is_asked(writes: list[bytes]) -> None:
    asked = Asked()
    asked.read(TEXT)
    kept = b"".join(asked.clipboard.take(data, 0.0) for data in writes)
    kept += asked.clipboard.act(PROBE_TIME)
    data = b"".join(writes)
    assert kept == data or asked.clipboard.state is AskingState.IDLE
