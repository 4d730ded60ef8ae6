"""Bulk lines are kept as raw bytes, and equal drawn ones in text and pens."""

from __future__ import annotations

import random
from typing import Any
from unittest import mock

import pytest

from sesh.vt import bulk, scrollback, wrapping
from sesh.vt.emulator import Emulator
from sesh.vt.parser import Parser
from tests.support.scale import rounds
from tests.unit.vt.streams import TEXTS, cut, piece, state

PLAIN = ("a", "word ", "  ", "x" * 17, "y" * 40, "", "trailing   ")
WIDE = ("é─", "中文", "中", "ab中")
SCRIPTS = (
    *TEXTS,
    "naïve", "ÿ", "Привет", "ёлка", "e\u0301te\u0301", "a" + "\u0323\u0302" * 9, "中文字", "日本語", "ｶﾅ", "가나다",
    "\u1112\u1161\u11ab", "नमस्ते", "क्षेत्र", "สวัสดี", "น้ำ", "مرحبا", "שָׁלוֹם", "👩\u200d💻",
    "🏳\ufe0f\u200d🌈", "🇫🇷🇩🇪🇫", "👍🏽👍", "1\ufe0f\u20e3", "⚠\ufe0f", "✅", "☎\ufe0e", "⌚\ufe0e\u0301", "│├─┤",
    "█▓░", "⠋⠙⠹", "\ue0b0\uf113", "\U000f0001", "\u3000", "\u200b", "\u200d", "👩\u200d", "\u0301", "x\u20e3",
    "\u2066a\u2069", "ﷺ", "ﬁ", "𝒳", "\U0001fae8", "\U000110a5\U000110ba", "က္က",
)  # fmt: skip
ODD = ("\t", "\t\t", "z\t", "e\u0301", "\b", "\r", "\x1b[44m", "\x1b[2K", "❤\ufe0f")
WORDS = (PLAIN, PLAIN, PLAIN + WIDE, SCRIPTS, PLAIN + SCRIPTS)
SGR = ("", "0", "1", "31", "32", "38;5;9", "38;2;1;2;3", "4:3", "7", "0;1;34", "39")
BACKGROUNDS = ("41", "041", "48;2;1;2;3", "48:5:1", "101", "49", "0")


def line(rng: random.Random, words: tuple[str, ...], odd: float, sgr: tuple[str, ...]) -> str:
    out = []
    for _ in range(rng.randint(0, 6)):
        if rng.random() < 0.4:
            out.append(f"\x1b[{rng.choice(sgr)}m")
        elif rng.random() < odd:
            out.append(rng.choice(ODD))
        else:
            out.append(rng.choice(words))
    return "".join(out)


def block(rng: random.Random) -> bytes:
    words = rng.choice(WORDS)
    odd = rng.choice((0, 0, 0, 0.002))
    tabs = rng.random() < 0.3
    sgr = rng.choice((SGR, SGR, SGR + BACKGROUNDS))
    lines = [line(rng, words, odd, sgr) for _ in range(rng.randint(1, 90))]
    if rng.random() < 0.25:  # lines that are overwritten, such as a progress meter
        lines = ["\r".join(lines[: rng.randint(1, 4)]) for _ in lines]
    if tabs and words is PLAIN:
        lines = [text.replace(" ", "\t", 1) if rng.random() < 0.5 else text for text in lines]
    text = "\r\n".join(lines) + rng.choice(("", "\r\n", "tail", "\x1b[1;1Htop", "\x1b[3", "\x1b]0;t"))
    return text.encode()


def pair(rng: random.Random) -> tuple[Emulator, Emulator, int]:
    """Feed bulk output both ways; return both emulators, and the number of raw lines."""
    max_lines = rng.choice((0, 5, 30, 1000))
    size = rng.choice((2, 10, 20, 41)), rng.choice((1, 2, 5))
    start = b"".join(piece(rng) for _ in range(rng.choice((0, 0, 3, 10))))
    if rng.random() < 0.7:
        start += b"\x1b\\\x1bc"
    blocks = [block(rng) for _ in range(rng.randint(1, 3))]
    quick, slow = Emulator(*size, max_lines=max_lines), Emulator(*size, max_lines=max_lines)
    kept = 0
    for data in [start, *blocks]:
        raw = mock.Mock(wraps=bulk.RawLines)
        with mock.patch.multiple(bulk, SMALLEST=1, USUAL=rng.choice((1, 100)), RawLines=raw):
            quick.feed(data)
        kept += raw.call_count
        if rng.random() < 0.3:
            quick.text()  # draws the screen
        with mock.patch.object(bulk, "SMALLEST", 1 << 40):
            slow.feed(data)
        assert quick.scroll_state() == slow.scroll_state()
    return quick, slow, kept


def long_line(rng: random.Random) -> str:
    """Return text without a line feed: of one kind, or a mix."""
    kinds = [
        PLAIN,
        PLAIN,
        WIDE,
        ("中", "文字"),
        ("e\u0301", "x", "\u0323\u0302o"),
        ("a\t", "\t", "bcd"),
        ("a\r", "\r", "bc" * 9),
    ]
    mixed = [word for kind in kinds for word in kind]
    sgr = rng.choice((("",), SGR, SGR + BACKGROUNDS))
    density = rng.choice((0, 0, 0.1, 0.5))
    odd = rng.choice((0, 0, 0, 0, 0.003))
    out = []
    words = rng.choice([*kinds, mixed])
    for _ in range(rng.randint(0, 300)):
        if rng.random() < 0.01:
            words = rng.choice([*kinds, mixed])
        if rng.random() < density:
            out.append(f"\x1b[{rng.choice(sgr)}m")
        out.append(rng.choice(ODD + SCRIPTS) if rng.random() < odd else rng.choice(words))
    return "".join(out)


def printed_over(rng: random.Random) -> str:
    """Return parts of a line that CR makes a text print over."""
    words = rng.choice(
        (("abc", "x", "", " " * 9), ("abc", "中文", "é", "中"), ("e\u0301", "bc", "\u0301"), ("a\tb", "abcd", "\t"))
    )
    colours = rng.choice((("",), tuple(f"\x1b[{sgr}m" for sgr in ("", *BACKGROUNDS))))
    parts = (rng.choice(words) * rng.randint(0, 3) + rng.choice(colours) for _ in range(rng.randint(1, 60)))
    return "".join(part + "\r" * (rng.random() < 0.6) for part in parts)


def both_ways(rng: random.Random) -> tuple[Emulator, Emulator, int]:
    """Feed long lines and others both ways, cut anywhere, looked at now and then; return the number of hidden rows."""
    max_lines = rng.choice((0, 5, 30, 1000))
    size = rng.choice((4, 10, 20, 41)), rng.choice((1, 2, 5))
    quick, slow = Emulator(*size, max_lines=max_lines), Emulator(*size, max_lines=max_lines)
    limit = rng.choice((160, 400, 2000))
    hidden = mock.Mock(wraps=bulk.RawRows)
    small: dict[str, Any] = {
        "SMALLEST": 1,
        "_SMALLEST_LONG": 1,
        "_SMALLEST_MORE": 1,
        "_MAX_LINE": limit // 16,
        "_NARROWEST": 2,
        "RawRows": hidden,
    }
    with (
        mock.patch.object(scrollback, "LINE_LIMIT", limit),
        mock.patch.object(wrapping, "_PIECE", rng.choice((9, 99, 4096))),
    ):
        for _ in range(rng.randint(1, 6)):
            text = rng.choice(
                (
                    long_line,
                    long_line,
                    printed_over,
                    lambda rng: block(rng).decode(),
                    lambda rng: piece(rng).decode("latin-1"),
                )
            )(rng)
            data = text.encode()
            if rng.random() < 0.03:
                data = data[: rng.randint(0, len(data))] + b"\xff\xe4" + data[rng.randint(0, len(data)) :]
            for part in cut(rng, data) if rng.random() < 0.3 else [data]:
                with mock.patch.multiple(bulk, USUAL=rng.choice((1, 100, 9999)), **small):
                    quick.feed(part)
                with mock.patch.object(bulk, "SMALLEST", 1 << 40):
                    slow.feed(part)
            if rng.random() < 0.5:
                assert quick.scroll_state() == slow.scroll_state()
            if rng.random() < 0.25:
                assert quick.text() == slow.text()
            if rng.random() < 0.1:
                assert quick.last_lines(99, ansi=True) == slow.last_lines(99, ansi=True)
            if rng.random() < 0.1:
                assert list(quick.screen.scrollback.pack()) is not None
            if rng.random() < 0.1:
                size = rng.choice((4, 10, 20, 41)), rng.choice((1, 2, 5))
                quick.resize(*size)
                slow.resize(*size)
        assert quick.last_error is slow.last_error is None, quick.last_error
        assert state(quick) == state(slow)
        assert quick.screen.scrollback.count <= max_lines + 1
    return quick, slow, hidden.call_count


def test_a_long_line_is_as_if_each_byte_of_it_had_been_parsed() -> None:
    many = rounds(40, 5000)
    assert sum(both_ways(random.Random(seed))[2] for seed in range(many)) > many * 0.3


def compare(seed: int) -> int:
    """Compare both ways with a random stream; return the number of raw lines."""
    quick, slow, count = pair(random.Random(seed))
    assert quick.last_error is slow.last_error is None, quick.last_error
    assert state(quick) == state(slow), seed
    return count


def test_both_ways_agree() -> None:
    many = rounds(60, 3000)
    assert sum(map(compare, range(many))) > many * 0.3


@pytest.mark.parametrize(
    "kind",
    [
        b"plain text\r\n",
        b"\x1b[32mgreen\x1b[0m text\tafter a tab\r\n",
        "中文 é\r\n".encode(),
        "한국어 e\u0301 ✔\ufe0e 👩\u200d👩\u200d👧 🇫🇷 क्षेत्र สวัสดี مرحبا\r\n".encode(),
        b"\x1b[1;44m white on blue \x1b[0m\r\n",
        b"10%\r20%\r\r\n",
    ],
)
def test_bulk_output_is_recognised(kind: bytes) -> None:
    emulator = Emulator(80, 24)
    with mock.patch.object(bulk, "RawLines", wraps=bulk.RawLines) as raw:
        emulator.feed(kind * 5000)
    assert raw.call_count > 0
    assert emulator.scrolled == 5000 - 23
    assert {text.rstrip() for text in emulator.last_lines(60)} == {emulator.text()[0]}


@pytest.mark.parametrize(
    "kind",
    ["plain text ", "\x1b[32mgreen\x1b[0m text ", "中文 é ", "中文", "e\u0301te\u0301 ", "a\ttab ", "10%\r20%\rdone "],
)
def test_a_long_line_is_recognised(kind: str) -> None:
    """Text without a line feed took eight times as long as the same text in lines."""
    data = kind.encode() * (400_000 // len(kind.encode()))
    emulator = Emulator(80, 24)
    with mock.patch.object(bulk, "RawRows", wraps=bulk.RawRows) as raw:
        parser = Parser.parse
        parsed = 0

        def counted(self: Parser, data: bytes, deadline: float | None = None) -> int:
            nonlocal parsed
            parsed += len(data)
            return parser(self, data, deadline)

        with mock.patch.object(Parser, "parse", counted):
            emulator.feed(b"\r\n" * 24)
            assert emulator.feed(data) == len(data)
    assert raw.call_count > 0 or "\r" in kind
    assert parsed < 40_000


@pytest.mark.parametrize("before", [b"\x1b]8;;http://%b\x07" % (b"x" * 500), b"\x1b[44m"])
def test_no_line_that_is_larger_than_its_bytes_is_lost(before: bytes) -> None:
    """A few bytes become a line with an address, or of coloured cells."""
    emulator = Emulator(1000, 24, max_lines=20_000)
    emulator.feed(before + "é\r\n".encode() * 12_000)
    assert [line.rstrip() for line in emulator.last_lines(20_000)][:12_000] == ["é"] * 12_000
