"""The daemon's own replies: exact bytes, numbers alone, and never what the program chose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.about import __version__
from sesh.daemon.screen.default_replies import reply_to, size_report
from sesh.vt.emulator import Emulator
from sesh.vt.queries import QueryScanner, form, reply_form
from tests.support.tools import ROOT


def model(*, origin: bool = False) -> Emulator:
    """An emulator that the program has worked on."""
    emulator = Emulator(100, 30)
    emulator.feed(b"\x1b[5;20r\x1b[1;38:2::1:2:3m\x1b[?2004h\x1b[4 q\x1b[>5u\x1b[12;40H")
    emulator.feed(b"\x1b[?6h\x1b[8;40H" * origin)
    return emulator


def queries(data: bytes) -> list[bytes]:
    """The queries in what a program writes, as the daemon finds them."""
    return [body for kind, body, _ in QueryScanner().scan(data) if kind == "query"]


def asked(data: bytes, emulator: Emulator) -> bytes:
    """All replies to what a program writes."""
    return b"".join(reply_to(query, emulator) for query in queries(data))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[0c", b"\x1b[?62;22c"),
        (b"\x1bZ", b"\x1b[?62;22c"),
        (b"\x1b[>c", b"\x1b[>1;10;0c"),
        (b"\x1b[=c", b"\x1bP!|00000000\x1b\\"),
        (b"\x1b[5n", b"\x1b[0n"),
        (b"\x1b[6n", b"\x1b[12;40R"),
        (b"\x1b[?6n", b"\x1b[?12;40R"),
        (b"\x1b[?996n", b"\x1b[?997;1n"),
        (b"\x1b[?4711n", b""),
        (b"\x1b[?2004$p", b"\x1b[?2004;1$y"),
        (b"\x1b[?6$p", b"\x1b[?6;2$y"),
        (b"\x1b[?4711$p", b"\x1b[?4711;0$y"),
        (b"\x1b[4$p", b"\x1b[4;2$y"),
        (b"\x1b[>0q", f"\x1bP>|sesh({__version__})\x1b\\".encode()),
        (b"\x1b[?u", b"\x1b[?5u"),
        (b"\x1b[>4;2m\x1b[?4m\x1b[?1m", b"\x1b[>4;0m\x1b[>1;0m"),
        (b"\x1b[18t", b"\x1b[8;30;100t"),
        (b"\x1b[19t", b"\x1b[9;30;100t"),
        (b"\x1b[14t\x1b[20t\x1b[21t\x1b[3$w\x1b[#S", b""),
        (b"\x1bP$qm\x1b\\", b"\x1bP1$r0;1;38;2;1;2;3m\x1b\\"),
        (b"\x1bP$qr\x1b\\", b"\x1bP1$r5;20r\x1b\\"),
        (b"\x1bP$q q\x1b\\", b"\x1bP1$r4 q\x1b\\"),
        (b"\x1b[1$w", b"\x1bP1$u12;40;1;A;@;@;0;2;@;BBBB\x1b\\"),
        (b"\x1b[2$w", b"\x1bP2$u9/17/25/33/41/49/57/65/73/81/89/97\x1b\\"),
        (b"\x1bP+q436f;524742;4d73\x1b\\", b"\x1bP0+r\x1b\\"),
        (b"\x1bP+qnothex\x1b\\", b"\x1bP0+r\x1b\\"),
        (b"\x1b]11;?\x07", b"\x1b]11;rgb:0000/0000/0000\x07"),
        (b"\x1b]10;?\x1b\\", b"\x1b]10;rgb:d0d0/d0d0/d0d0\x1b\\"),
        (b"\x1b]4;1;?;261;?;x;?;16;?\x07", b"\x1b]4;1;rgb:cdcd/0000/0000\x07\x1b]4;16;rgb:0000/0000/0000\x07"),
        (b"\x1b]4;255;?;231;?\x07", b"\x1b]4;255;rgb:eeee/eeee/eeee\x07\x1b]4;231;rgb:ffff/ffff/ffff\x07"),
        (b"\x1b]21;background=?;cursor_text=?;rm=?\x07", b"\x1b]21;background=rgb:0000/0000/0000;cursor_text=\x07"),
        (b"\x1b]52;c;?\x07\x1b]99;p=?;\x07\x1b_Gi=1,a=q;AAAA\x1b\\\x1b[1;1;1;1;9;9*y", b""),
    ],
    ids=repr,
)  # fmt: skip
def test_each_query_gets_its_fixed_reply_of_the_form_that_a_filter_lets_pass(query: bytes, expected: bytes) -> None:
    assert asked(query, model()) == expected
    for each in queries(query):
        assert form(reply_to(each, model())) in (b"", reply_form(each))


@pytest.mark.parametrize(
    ("sets", "value"),
    [
        ("11;#400000", "rgb:4040/0000/0000"),
        ("11;#123", "rgb:1111/2222/3333"),
        ("11;#111222333444", "rgb:1112/2233/3444"),
        ("11;rgb:1/22/333", "rgb:1111/2222/3333"),
        ("21;background=#0a0b0c", "rgb:0a0a/0b0b/0c0c"),
        ("11;red", "rgb:0000/0000/0000"),
        ("11;$(reboot)", "rgb:0000/0000/0000"),
    ],
)
def test_a_colour_that_the_program_has_set_is_told_in_numbers(sets: str, value: str) -> None:
    emulator = Emulator(80, 24)
    emulator.feed(f"\x1b]{sets}\x07".encode())
    assert asked(b"\x1b]11;?\x07", emulator) == f"\x1b]11;{value}\x07".encode()
    assert asked(b"\x1b]21;background=?\x07", emulator) == f"\x1b]21;background={value}\x07".encode()


CONTROLS = {"CSI": "\x1b[", "OSC": "\x1b]", "DCS": "\x1bP", "APC": "\x1b_", "ST": "\x1b\\", "SP": " ", "none": ""}


def documented() -> list[tuple[bytes, bytes]]:
    """The queries and replies of the page."""
    page = Path(ROOT, "docs", "TERMINAL.md").read_text()
    rows = re.findall(r"^\|[^`\n]*\| `([^`]+)` \| `?([^`\n]+)`? \|$", page, re.MULTILINE)
    return [(spelled(query), spelled(reply)) for query, reply in rows]


def spelled(words: str) -> bytes:
    return "".join(CONTROLS.get(word, word) for word in words.split()).encode()


def test_the_page_tells_every_reply_while_nobody_is_attached() -> None:
    rows = documented()
    assert len(rows) > 50
    for query, reply in rows:
        assert asked(query, Emulator(80, 24)) == reply, query
        assert reply or queries(query) or QueryScanner().scan(query) or query.startswith(b"\x1b]52"), query


def test_in_origin_mode_the_row_counts_from_the_margin() -> None:
    assert asked(b"\x1b[6n", model(origin=True)) == b"\x1b[8;40R"


def test_the_size_is_reported_in_rows_first() -> None:
    assert size_report((80, 24, 800, 600)) == b"\x1b[48;24;80;600;800t"


QUERY = st.tuples(
    st.sampled_from([
        (b"\x1b[", b"n"), (b"\x1b[?", b"n"), (b"\x1b[?", b"$p"), (b"\x1b[", b"$p"), (b"\x1b[", b"t"), (b"\x1b[", b"c"),
        (b"\x1b[?", b"S"), (b"\x1bP$q", b"\x1b\\"), (b"\x1bP+q", b"\x1b\\"), (b"\x1b]4;", b"?\x07"),
        (b"\x1b]", b";?\x1b\\"),        (b"\x1b[", b"*y"), (b"\x1b_G", b"\x1b\\"), (b"\x1b]52;", b";?\x07"),
    ]),
    st.one_of(st.binary(max_size=12), st.from_regex(rb"[0-9;]{0,12}", fullmatch=True)),
)  # fmt: skip


@given(st.lists(QUERY, max_size=5))
def test_r21_replies_hold_no_text_of_the_program(asked_for: list[tuple[tuple[bytes, bytes], bytes]]) -> None:
    """R21: only numbers and fixed words; a line end makes a shell run the reply."""
    data = b"".join(start + body + end for (start, end), body in asked_for)
    given_back = asked(data, model())
    bare = re.sub(rb"\x1b\\|\x1b\[|\x1bP|\x1b\]|\x07|rgb:|sesh\(", b"", given_back)
    assert re.fullmatch(rb"[0-9a-f;:/?>!|$+=*{(). cnRyumtxSrspq\"]*", bare), given_back
    assert len(given_back) <= 60 * max(1, len(queries(data)))
