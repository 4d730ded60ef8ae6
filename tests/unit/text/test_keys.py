"""Typed bytes become the same tokens however they are cut; keys have names."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.errors import UsageError
from sesh.text.keys import (
    MAX_SEQUENCE,
    PASTE,
    PASTE_END,
    PRESS,
    RELEASE,
    REPEAT,
    Key,
    chord_of,
    is_report,
    paste_end,
    pressed,
    tokens,
)
from tests.support import rounds

WHOLE = [
    b"a", b"\r", b"\x7f", b"\x00", "é".encode(), "日".encode(), "😀".encode(), b"\x1bx", b"\x1b\r", b"\x1b]", b"\x1bP",
    b"\x1b[A", b"\x1bOA", b"\x1b[3~", b"\x1b[1;5C", b"\x1b[97;5:3u", b"\x1b[27;5;92~", b"\x1b[5 q", b"\x1b[I",
    b"\x1b[<0;12;34M", b"\x1b[?62;4c", b"\x1b[M !!", b"\x1b[M\xa0\xe0\xff", PASTE, PASTE_END,
]  # fmt: skip
BROKEN = [b"\x1b[1;", b"\x1b[", b"\x1b[M !", b"\xc3", b"\xe6\x97", b"\xf0\x9f\x98", b"\x1bO", b"\x1b"]
PIECES = st.sampled_from(WHOLE + BROKEN) | st.binary(max_size=4)


def split(pieces: list[bytes]) -> list[bytes]:
    """Return the tokens of bytes in pieces; an incomplete token waits for its rest."""
    found: list[bytes] = []
    held = b""
    for piece in pieces:
        data, held = held + piece, b""
        for token, whole in tokens(data):
            assert not held
            if whole:
                found.append(token)
            else:
                held = token
    return [*found, held] if held else found


@pytest.mark.parametrize("token", WHOLE, ids=repr)
def test_each_form_is_one_token(token: bytes) -> None:
    assert list(tokens(token * 2)) == [(token, True)] * 2
    for size in range(1, len(token)):
        assert list(tokens(token[:size]))[-1][1] is False


@pytest.mark.parametrize("token", BROKEN, ids=repr)
def test_a_token_ends_before_what_breaks_it_off(token: bytes) -> None:
    assert list(tokens(token)) == [(token, False)]
    assert list(tokens(token + b"\x1b[A")) == [(token, True), (b"\x1b[A", True)]


def test_a_control_sequence_without_end_is_cut_off() -> None:
    data = b"\x1b[" + b"1;" * MAX_SEQUENCE
    assert [len(token) for token, _ in tokens(data)][:2] == [MAX_SEQUENCE, 1]
    assert is_report(data[:MAX_SEQUENCE])


@settings(max_examples=rounds(200, 10_000))
@given(st.lists(PIECES, max_size=12).map(b"".join), st.lists(st.integers(0, 80), max_size=12))
def test_any_cutting_gives_the_same_tokens_and_nothing_is_lost(data: bytes, places: list[int]) -> None:
    edges = sorted({0, len(data), *(min(place, len(data)) for place in places)})
    whole = split([data])
    assert split([data[a:b] for a, b in itertools.pairwise(edges)]) == whole
    assert b"".join(whole) == data
    assert all(whole)


@settings(max_examples=rounds(100, 3000))
@given(st.binary(max_size=30), st.integers(0, 40))
def test_the_end_of_a_paste_is_seen_however_it_is_cut(text: bytes, cut: int) -> None:
    data = text.replace(PASTE_END, b"") + PASTE_END + b"x"
    first = data[: min(cut, len(data))]
    end, begun = paste_end(first, 0)
    if end < 0:
        rest = first[len(first) - begun :] + data[len(first) :]
        end = len(data) - len(rest) + paste_end(rest, 0)[0]
    assert end == len(data) - 1


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (b"\x1b[A", (("A", 1, 0), PRESS)),
        (b"\x1b[1;5:2D", (("D", 1, 4), REPEAT)),
        (b"\x1b[3;2~", (("~", 3, 1), PRESS)),
        (b"\x1b[97;5:3u", (("u", 97, 4), RELEASE)),
        (b"\x1b[97:65;2u", (("u", 65, 0), PRESS)),
        (b"\x1b[27;5;92~", (("u", 92, 4), PRESS)),
        (b"\x1b[92;197u", (("u", 92, 4), PRESS)),
        (b"\x1b[?1u", None),
        (b"\x1b[24;80R", None),
        (b"\x1b[I", None),
        (b"\x1bOA", None),
        (b"\x1b", None),
        (b"a", None),
    ],
)
def test_control_sequences_are_chords(sequence: bytes, expected: object) -> None:
    assert chord_of(sequence) == expected


@pytest.mark.parametrize(
    "report",
    [b"\x1b[<0;1;1M", b"\x1b[M !!", b"\x1b[I", b"\x1b[O", b"\x1b[?1;2c", b"\x1b[?6", b"\x1b[0n", b"\x1b[32;1;1M"],
)
def test_reports_are_no_keys(report: bytes) -> None:
    assert is_report(report)
    assert not any(map(is_report, (b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1b[A", b"\x1bOI", b"\x1b[97u", b"c")))


@pytest.mark.parametrize(
    ("data", "press"),
    [
        (b"\x03", True), (b"ab\x03c", True), (b"\x1b\x03", True), (b"\x1b[99;5u", True), (b"\x1b[99;133u", True),
        (b"\x1b[99;5:2u", True), (b"\x1b[27;5;99~", True), (b"\x1b[1089::99;5u", True),
        (PASTE + b"\x03" + PASTE_END + b"\x03", True),
        (b"\x1b[99;5:3u", False), (b"\x1b[99;6u", False), (b"c", False), (b"", False),
        (PASTE + b"\x03" + PASTE_END, False), (PASTE + b"\x03", False),
    ],
)  # fmt: skip
def test_a_key_is_pressed_in_whatever_form_the_terminal_sends_it(data: bytes, press: bool) -> None:
    assert pressed(data, Key.parse("Enter"), Key.parse("C-c")) is press


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("C-c", b"\x03"),
        ("c-C", b"\x03"),
        ("^C", b"\x03"),
        ("C-\\", b"\x1c"),
        ("C-[", b"\x1b"),
        ("C-]", b"\x1d"),
        ("C-_", b"\x1f"),
        ("C-@", b"\0"),
        ("C-Space", b"\0"),
        ("C-?", b"\x7f"),
        ("M-x", b"\x1bx"),
        ("C-M-x", b"\x1b\x18"),
        ("M-C-x", b"\x1b\x18"),
        ("M-Enter", b"\x1b\r"),
        ("Enter", b"\r"),
        ("enter", b"\r"),
        ("Escape", b"\x1b"),
        ("Tab", b"\t"),
        ("BTab", b"\x1b[Z"),
        ("S-Tab", b"\x1b[Z"),
        ("Space", b" "),
        ("BSpace", b"\x7f"),
        ("Up", b"\x1b[A"),
        ("C-Left", b"\x1b[1;5D"),
        ("S-Up", b"\x1b[1;2A"),
        ("Home", b"\x1b[H"),
        ("F1", b"\x1bOP"),
        ("S-F1", b"\x1b[1;2P"),
        ("F5", b"\x1b[15~"),
        ("F12", b"\x1b[24~"),
        ("M-F5", b"\x1b[15;3~"),
        ("DC", b"\x1b[3~"),
        ("PPage", b"\x1b[5~"),
        ("NPage", b"\x1b[6~"),
        ("x", b"x"),
        ("S-x", b"X"),
        ("-", b"-"),
        ("M--", b"\x1b-"),
        ("ä", "ä".encode()),
    ],
)
def test_keys_send_what_a_terminal_sends(name: str, sent: bytes) -> None:
    assert Key.parse(name).sent == sent


@pytest.mark.parametrize("name", ["", "Entre", "C-", "C-é", "C-ß", "F13", "F0", "C-Enterx", "X-c", "ab"])
def test_what_is_no_key_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="is not a key"):
        Key.parse(name)


@pytest.mark.parametrize(
    ("name", "normal", "application"),
    [("Up", b"\x1b[A", b"\x1bOA"), ("Home", b"\x1b[H", b"\x1bOH"), ("C-Up", b"\x1b[1;5A", b"\x1b[1;5A")],
)
def test_cursor_keys_are_as_the_program_wants_them(name: str, normal: bytes, application: bytes) -> None:
    assert Key.parse(name).sent == normal
    assert Key.parse(name).application == application
