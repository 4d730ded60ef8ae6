"""A terminal's own colours, tab stops and cursor come back, and no reply to sesh reaches the program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.terminal_reset import TerminalReset

CASES = [  # a change, what is asked before it, the reply, and what gives the value back
    (b"\x1b[2 q", b"\x1bP$q q\x1b\\", b"\x1bP1$r6 q\x1b\\", b"\x1b[6 q"),
    (b"\x1b]11;#000\x07", b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:11/22/33\x07", b"\x1b]11;rgb:11/22/33\x1b\\"),
    (b"\x1b]112\x1b\\", b"\x1b]12;?\x1b\\", b"\x1b]12;rgb:1/2/3\x1b\\", b"\x1b]12;rgb:1/2/3\x1b\\"),
    (b"\x1b]21;cursor_text=red\x07", b"\x1b]21;cursor_text=?\x1b\\", b"\x1b]21;cursor_text=blue\x07",
     b"\x1b]21;cursor_text=blue\x1b\\"),
    (b"\x1b]21;background=red\x07", b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:1/2/3\x07", b"\x1b]11;rgb:1/2/3\x1b\\"),
    (b"\x1b[=5u", b"\x1b[?u", b"\x1b[?1u", b"\x1b[=1;1u"),
    (b"\x1b[3g", b"\x1b[2$w", b"\x1bP2$u5/9/13\x1b\\", b"\x1bP2$t5/9/13\x1b\\"),
    (b"\x1b]4;1;red;7;blue\x07", b"\x1b]4;1;?\x1b\\\x1b]4;7;?\x1b\\", b"\x1b]4;1;rgb:1/1/1\x07\x1b]4;7;rgb:7/7/7\x07",
     b"\x1b]4;1;rgb:1/1/1\x1b\\\x1b]4;7;rgb:7/7/7\x1b\\"),
]  # fmt: skip


def asked(follower: TerminalReset, block: bytes) -> bytes:
    """Feed a block; return what the terminal gets."""
    shown = follower.feed(block)
    at, questions = follower.questions(0.0)
    return shown[:at] + questions + shown[at:]


@pytest.mark.parametrize(("change", "query", "reply", "back"), CASES)
def test_what_was_before_is_asked_once_and_given_back(change: bytes, query: bytes, reply: bytes, back: bytes) -> None:
    follower = TerminalReset()
    assert asked(follower, b"text" + change) == b"text" + query + change
    assert asked(follower, change) == change
    assert follower.before.take(b"a" + reply + b"b", 0.0) == b"ab"
    done = follower.reset_bytes(80)
    assert back in done
    assert follower.before.take(reply, 0.0) == reply, "a second reply is not for sesh"
    asked(follower, b"\x1bc\x1b[0 q\x1b]104;1\x07\x1b]111\x07")
    assert back in follower.reset_bytes(80)


@pytest.mark.parametrize(("change", "query", "reply", "_back"), CASES)
def test_a_program_gets_the_replies_to_its_own_queries(change: bytes, query: bytes, reply: bytes, _back: bytes) -> None:
    follower = TerminalReset()
    assert asked(follower, query + change) == query + query + change
    assert follower.before.take(reply, 0.0) == reply
    assert follower.before.take(reply, 0.0) == b""


@pytest.mark.parametrize(("change", "query", "reply", "back"), CASES)
def test_a_query_of_the_program_that_has_its_reply_takes_none_of_seshs(
    change: bytes, query: bytes, reply: bytes, back: bytes
) -> None:
    follower = TerminalReset()
    assert asked(follower, query) == query
    assert follower.before.take(reply, 0.0) == reply
    assert asked(follower, change) == query + change
    assert follower.before.take(reply, 0.0) == b""
    assert back in follower.reset_bytes(80)


@pytest.mark.parametrize(("change", "query", "reply", "back"), CASES)
def test_a_change_that_comes_in_two_blocks_is_asked_about(
    change: bytes, query: bytes, reply: bytes, back: bytes
) -> None:
    for cut in range(1, len(change)):
        follower = TerminalReset()
        assert asked(follower, b"text" + change[:cut]) + asked(follower, change[cut:]) == b"text" + query + change
        assert follower.before.take(reply, 0.0) == b""
        assert back in follower.reset_bytes(80)


@pytest.mark.parametrize(("change", "query", "reply", "back"), CASES)
def test_a_change_that_has_begun_to_pass_is_not_asked_about(
    change: bytes, query: bytes, reply: bytes, back: bytes
) -> None:
    """A screen ends in its beginning, or it was too long to be held."""
    for cut in range(1, len(change)):
        follower = TerminalReset()
        assert follower.feed(change[:cut], is_screen=True) == change[:cut]
        assert query not in asked(follower, change[cut:]) + asked(follower, change)
        assert follower.before.take(reply, 0.0) == reply
        assert back not in follower.reset_bytes(80)


@given(
    st.lists(st.binary(min_size=1, max_size=1) | st.sampled_from([b"\x1b]11;", b"\x1b[2", b"0" * 700, b"\x07", b"q"]))
)
def test_nothing_is_lost_or_changes_its_place(blocks: list[bytes]) -> None:
    follower = TerminalReset()
    shown = b"".join(follower.feed(block) for block in blocks)
    assert shown + follower.held == b"".join(blocks)
    assert len(follower.held) <= 1024


@given(st.lists(st.sampled_from([*CASES]), max_size=4, unique=True), st.data())
def test_replies_are_taken_from_any_pieces_of_input(cases: list[tuple[bytes, ...]], data: st.DataObject) -> None:
    follower = TerminalReset()
    for case in cases:
        asked(follower, case[0])
    awaited = [case[2] for case in cases]
    if {CASES[1], CASES[4]} <= {*cases}:  # one background, asked once
        awaited.remove(CASES[4][2])
    typed, sent = b"", b""
    for reply in awaited:
        key = data.draw(st.sampled_from([b"", b"a", b"\x1b[A", b"\x1b[200~x\x1b[201~", "é".encode()]))
        typed += key
        sent += key + reply
    got = b""
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        got += follower.before.take(sent[:size], 0.0)
        sent = sent[size:]
    assert got + follower.before.flush() == typed
    assert not follower.before.awaits


def test_what_may_begin_a_reply_is_let_go() -> None:
    follower = TerminalReset()
    asked(follower, b"\x1b]11;red\x07")
    assert follower.before.take(b"\x1b", 0.0) == b""
    assert follower.before.holding
    assert follower.before.flush() == b"\x1b"
    assert follower.before.take(b"x\x1b", 10.0) == b"x\x1b", "no reply is expected so late"
