"""Output of programs, reproducible by a seed: lines of all kinds, and redrawn screens."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

COLUMNS, ROWS = 80, 24

_WIDE = "世界文字列端末画面"
_NARROW = "é─│ñ±ж"
_SYLLABLES = ("ba", "do", "ke", "li", "mu", "no", "pa", "ri", "so", "tu")


def _word(random: Random, least: int, most: int) -> str:
    length = random.randint(least, most)
    return "".join(random.choice(_SYLLABLES) for _ in range(length))[:length]


def _plain(random: Random, number: int) -> str:
    return f"line {number} {_word(random, 0, 30)}\r\n"


def _coloured(random: Random, number: int) -> str:
    pens = random.choice(("31", "1;32", "38;5;208", "48;2;10;20;30", "4;7", "97;44"))
    return f"\x1b[{pens}mline \x1b[1m{number}\x1b[m {_word(random, 0, 9)}\x1b[3;{random.randint(31, 36)}mx\x1b[0m\r\n"


def _wide(random: Random, number: int) -> str:
    letters = "".join(random.choice(_WIDE + _NARROW) for _ in range(random.randint(1, 60)))
    return f"{number} {letters}\r\n"


def _long(random: Random, number: int) -> str:
    filler = "".join(
        random.choice(("abcdef ", "ghi", _WIDE[number % len(_WIDE)])) for _ in range(random.randint(1, 90))
    )
    return f"line {number} {filler.rstrip()}\r\n"  # the scrollback keeps no row for a blank that wraps


def _full(random: Random, number: int) -> str:
    """Rows that are full, so that the cursor waits in the last column."""
    return f"line {number} ".ljust(COLUMNS, random.choice("xyz")) + "\r\n"


def _counted(random: Random, number: int) -> str:
    """A row that is rewritten several times before the next line."""
    steps = "".join(f"\rstep {step} of {number}\x1b[K" for step in range(random.randint(1, 4)))
    return f"{steps}\rline {number}{_word(random, 0, 9)}\x1b[K\r\n"


def _tasks(random: Random, number: int) -> str:
    """Rows of tasks, redrawn in place below the output, with lines above now and then."""
    tasks = "".join(f"\r\x1b[Ktask {task}: {random.randint(0, 99)} %\r\n" for task in range(3))
    if number == 1:
        return tasks
    line = f"line {number} is done\x1b[K\r\n" if random.random() < 0.4 else ""
    return f"\x1b[3A\r{line}{tasks}"


def _footer(random: Random, number: int) -> str:
    """Lines that scroll above a fixed row, by margins."""
    begins = f"\x1b[1;{ROWS - 1}r\x1b[1;1H" if number == 1 else ""
    shown = f"\x1b7\x1b[{ROWS};1H\x1b[K\x1b[7mat {number}\x1b[m\x1b8"
    return f"{begins}line {number} {_word(random, 0, 20)}\r\n{shown}"


def _paint(random: Random) -> str:
    row, column = random.randint(1, ROWS), random.randint(1, COLUMNS - 20)
    ends = random.choice(("", "\x1b[K", "\x1b[1K"))
    return f"\x1b[{row};{column}H\x1b[{random.randint(30, 37)}m{_word(random, 1, 18)}\x1b[m{ends}"


def _screen(random: Random, number: int) -> str:
    """A full-screen program that changes words all over the alternate screen."""
    begins = "\x1b[?1049h\x1b[H\x1b[2J" if number == 1 else ""
    return begins + _paint(random)


def _both(random: Random, number: int) -> str:
    """Lines, with a program on the alternate screen from time to time."""
    if random.random() > 0.1:
        return _plain(random, number)
    painted = "".join(_paint(random) for _ in range(random.randint(5, 40)))
    return f"\x1b[?1049h\x1b[H\x1b[2J{painted}\x1b[?1049l"


def _mixed(random: Random, number: int) -> str:
    return random.choice((_plain, _coloured, _wide, _long, _full, _counted))(random, number)


KINDS: dict[str, Callable[[Random, int], str]] = {
    "mixed": _mixed,
    "tasks": _tasks,
    "both": _both,
    "footer": _footer,
    "screen": _screen,
}


def stream(kind: str, seed: int, size: int) -> bytes:
    """Return at least `size` bytes of a kind, and a last line."""
    random, length = Random(f"{kind} {seed}"), 0
    parts: list[bytes] = []
    while length < size:
        parts.append(KINDS[kind](random, len(parts) + 1).encode())
        length += len(parts[-1])
    return b"".join([*parts, b"the end\r\n"])
