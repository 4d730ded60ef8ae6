"""What the emulator is given: lines in many scripts, and frames as full-screen programs draw them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

EMOJI = ["😀", "🚀", "👍🏽", "👩\u200d👩\u200d👧", "🇫🇷", "❤️", "⌚", "👩🏻\u200d💻", "✅", "⚠️", "🎉", "#️⃣"]
_LATIN = "etaoinshrdlucmfwypvbgkjqxz"
_LETTERS = {
    "ascii": _LATIN,
    "latin-1": _LATIN + "àâäçéèêëîïôöùûüßñ" * 2,
    "cyrillic": "".join(map(chr, range(0x430, 0x450))),
    "arabic": "".join(map(chr, (*range(0x627, 0x63B), *range(0x641, 0x64B)))),
    "cjk": "".join(map(chr, range(0x4E00, 0x9FA6))),
    "korean": "".join(map(chr, range(0xAC00, 0xD7A4))),
}


class Writer:
    """Makes text of chance, always the same."""

    def __init__(self, kind: str) -> None:
        self.random = random.Random(kind)
        self.latin = self.words(_LATIN)

    def words(self, letters: str, longest: int = 9) -> list[str]:
        """Some hundred words."""
        return ["".join(self.random.choices(letters, k=self.random.randint(2, longest))) for _ in range(400)]

    def vocabulary(self, kind: str) -> list[str]:
        """The words of a script."""
        latin = self.latin
        if kind == "combining":
            marks = ("", "", "\u0301", "\u0308", "\u0323\u0302")
            return ["".join(char + self.random.choice(marks) for char in word) for word in latin]
        if kind == "devanagari":
            return ["नमस्ते", "हिन्दी", "क्षेत्र", "भारत", "विद्या", "की", "में", "है"]
        if kind == "thai":
            return ["สวัสดี", "ภาษาไทย", "ที่", "กรุงเทพ", "น้ำ", "เป็น"]
        if kind == "emoji":
            return [*EMOJI, *latin[:8]]
        return self.words(_LETTERS[kind], 6 if kind in ("cjk", "korean") else 9)

    def lines(self, kind: str, count: int) -> str:
        """Lines of a script, some longer than the screen is wide."""
        words = self.vocabulary(kind)
        return "".join(
            " ".join(self.random.choices(words, k=self.random.randint(4, 12)))[:70] + "\n" for _ in range(count)
        )

    def text(self, columns: int) -> str:
        """Words that fill so many columns."""
        return " ".join(self.random.choices(self.latin, k=columns // 2))[:columns]

    def number(self, most: int) -> int:
        """One up to `most`."""
        return self.random.randint(1, most)


MIXED = ("ascii", "latin-1", "cyrillic", "cjk", "emoji", "combining")


def _mixed(writer: Writer) -> str:
    return "".join(writer.lines(kind, 50) for _ in range(6) for kind in MIXED)


def _mixed_in_colour(writer: Writer) -> str:
    return "".join(
        f"\x1b[{writer.random.choice((0, 1, 31, 32, 33))}m{line}" for line in _mixed(writer).splitlines(True)
    )


def _boxes(writer: Writer) -> str:
    rule = "├" + "┼".join(["─" * 22] * 3) + "┤\n"
    return "".join("│" + "│".join(f" {writer.text(20)} " for _ in range(3)) + "│\n" + rule for _ in range(300))


def _htop(writer: Writer) -> Iterator[str]:
    """Meters, and a table with a colour for each field."""
    number, rest = writer.number, "\x1b[39m"
    for _ in range(40):
        for row in range(1, 5):
            yield f"\x1b[{row};3H\x1b[36m{row}{rest}\x1b[1m[\x1b[m\x1b[32m{'|' * number(20)}\x1b[31m{'|' * number(5)}"
            yield f"\x1b[90m\x1b[1m{' ' * number(8)}{number(99)}.{number(9)}%{rest}]\x1b[m"
        for row in range(8, 23):
            yield f"\x1b[{row};1H{number(99999):>7} \x1b[35mroot      {rest}\x1b[m 20   0 \x1b[36m{number(9)},"
            yield f"{number(999)}{rest}M \x1b[36m{number(99)}{rest},{number(999)} S \x1b[32m{number(9)}.{number(9)}"
            yield f"{rest}  0.0  0:{number(59):02}.{number(99):02} {writer.text(8 + number(14))}\x1b[K"


def _btop(writer: Writer) -> Iterator[str]:
    """Graphs of braille in true colour."""
    number = writer.number
    for _ in range(30):
        yield "\x1b[?2026h"
        for row in range(2, 23):
            yield f"\x1b[{row};1f\x1b[38;2;85;109;89m│"
            for _ in range(8):
                level = number(255)
                dots = "".join(chr(0x2800 + number(255)) for _ in range(1 + number(5)))
                yield f"\x1b[38;2;{level};{255 - level};120m{dots}"
            yield f"\x1b[{row};60f\x1b[38;2;238;238;238m{number(999):>4} {writer.text(12)}\x1b[38;2;85;109;89m│"
        yield "\x1b[?2026l"


def _lazygit(writer: Writer) -> Iterator[str]:
    """Panels, the pen reset as terminfo does it."""
    rest = "\x1b(B\x1b[m"
    for _ in range(40):
        yield "\x1b[?25l"
        for row in range(1, 24):
            yield f"\x1b[{row};1H\x1b[32m│{rest}\x1b[1;34m{writer.text(8)}{rest}{writer.text(14)}\x1b[32m│{rest}│"
            yield f"\x1b[3{writer.number(6)}m{writer.text(46)}{rest}│"
        yield f"\x1b[24;1H╰{'─' * 60}╯\x1b[?12l\x1b[?25h"


def _vim(writer: Writer) -> Iterator[str]:
    """A file scrolled line by line: a region, a line feed, the line with its colours, the ruler."""
    yield "\x1b[?1049h"
    for at in range(800):
        yield f"\x1b[?25l\x1b[1;23r\x1b[23;1H\n\x1b[1;24r\x1b[23;1H\x1b[33m{at:>4} \x1b[m\x1b[38;5;130mdef\x1b[m "
        yield f"{writer.text(12)}(\x1b[36m{writer.text(8)}\x1b[m, {writer.text(20)}):\x1b[24;63H{at},1"
        yield f"\x1b[8C{at % 100}%\x1b[23;6H\x1b[?25h"
    yield "\x1b[r\x1b[?1049l"


FRAMES: dict[str, Callable[[Writer], Iterator[str]]] = {"htop": _htop, "btop": _btop, "lazygit": _lazygit, "vim": _vim}
LINES: dict[str, Callable[[Writer], str]] = {
    **{
        kind: (lambda writer, kind=kind: writer.lines(kind, 1000))  # type: ignore[misc]
        for kind in (*_LETTERS, "combining", "devanagari", "thai", "emoji")
    },
    "mixed": _mixed,
    "mixed in colour": _mixed_in_colour,
    "boxes": _boxes,
}


def piece(kind: str) -> bytes:
    """A stretch of some 100 KB of a kind, which is to be repeated."""
    writer = Writer(kind)
    return ("".join(FRAMES[kind](writer)) if kind in FRAMES else LINES[kind](writer)).encode()
