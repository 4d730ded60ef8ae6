"""What the sessions print, and the programs that print it; all the same for every contender and every run."""

from __future__ import annotations

import os
import random
import textwrap

KINDS = ("plain", "colour", "full-screen")
BURST = 8 << 20
MARKS = "@`^~|"
"""Characters that are not in the material. So a terminal draws a mark made of them whole, and never patches it."""

WORKER = """\
stty -echo 2>/dev/null
exec 3<>"$1/orders" 4<>"$1/done"
printf '@@READY@@\\r\\n'
while read -r file mark <&3; do
    cat "$2/$file"
    echo "$mark" >&4
    printf '\\033[0m\\r\\n%s\\r\\n' "$mark"
done
"""
"""$1: a directory with the pipes `orders` and `done`; $2: where the material lies. An order: a file and a mark."""

SHOWING = """\
import os, signal, sys
def show(*_):
    os.write(1, b"\\r\\n@@CONTENT@@\\r\\n")
signal.signal(signal.SIGWINCH, show)
lines = int(sys.argv[1])
os.write(1, b"".join(b"line %d of what was printed before, seventy columns of it, give or take\\r\\n" % n
                     for n in range(lines)))
show()
while True:
    signal.pause()
"""
"""Prints so many lines and a mark, and the mark again on a request to redraw (dtach keeps no screen)."""

FRAMES = """\
import os, sys
with open(os.path.join(sys.argv[1], "full-screen"), "rb") as file:
    frames = file.read(1 << 17).rpartition(b"\\x1b[H")[0].replace(b"\\x1b[H", b"\\x1b[H\\x1b[24;1H@@CONTENT@@\\x1b[H")
while True:
    os.write(1, frames)
"""
"""Draws full screens without end, each with the mark in its last row."""

READY = b"@@READY@@"
"""The mark that the worker and the echoing program print first."""
ECHOING = ["sh", "-c", "stty raw -echo; printf @@READY@@; exec cat"]
SLEEPING = ["sleep", "100000"]


def _words(random_: random.Random, columns: int) -> str:
    line = ""
    while len(line) < columns:
        line += "".join(random_.choices("etaoinshrdlucmfwypvbgkjqxz", k=random_.randint(2, 9))) + " "
    return line[:columns]


def _plain(random_: random.Random) -> bytes:
    lines = [_words(random_, random_.randint(20, 76)) + "\n" for _ in range(2000)]
    return "".join(lines).encode()


def _colour(random_: random.Random) -> bytes:
    lines = []
    for _ in range(2000):
        line = ""
        for _ in range(5):
            sgr = random_.choice(["31", "1;32", "38;5;208", "0", "4;36", "38;2;120;200;90", "2;37"])
            line += f"\x1b[{sgr}m{_words(random_, random_.randint(4, 14))}"
        lines.append(line + "\x1b[0m\n")
    return "".join(lines).encode()


def _full_screen(random_: random.Random) -> bytes:
    frames = []
    for _ in range(40):
        frame = "\x1b[H"
        for row in range(1, 24):
            frame += f"\x1b[{row};1H\x1b[{random_.choice(['0', '1;32', '7', '38;5;33'])}m{_words(random_, 24)}"
            frame += f"\x1b[0m {random_.randint(0, 99999):>8} \x1b[36m{_words(random_, 36)}\x1b[K"
        frames.append(frame)
    return "".join(frames).encode()


_MAKERS = {"plain": _plain, "colour": _colour, "full-screen": _full_screen}


def piece(kind: str) -> bytes:
    """Returns some 100 KB, which the material of a kind repeats."""
    return _MAKERS[kind](random.Random(kind))


def write(folder: str, sizes: dict[str, int]) -> dict[str, int]:
    """Writes the files of a benchmark; returns how many bytes of each a terminal is sent (`\\n` comes as `\\r\\n`).

    `sizes`: how many bytes of each kind to write, by the suffix of the file's name.
    """
    written = {}
    for kind in KINDS:
        block = piece(kind)
        for suffix, size in sizes.items():
            data = block * (size // len(block) + 1)
            with open(os.path.join(folder, kind + suffix), "wb") as file:
                file.write(data)
            written[kind + suffix] = len(data) + data.count(b"\n")
    for name, text in (("worker.sh", WORKER), ("showing.py", SHOWING), ("frames.py", FRAMES)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as script:
            script.write(textwrap.dedent(text))
    return written
