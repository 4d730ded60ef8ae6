"""The programs in the sessions and their output, the same for every contender."""

from __future__ import annotations

import os
import random

from bench.rows import KINDS

SIZES = {"burst": 8 << 20, "sustained": 64 << 20}
READY, CONTENT = b"@@READY@@", b"@@CONTENT@@"
"""The mark that a program prints first, and one that stands for the content of a screen."""
SLEEPING = ["sleep", "100000"]
ECHOING = ["sh", "-c", "stty raw -echo; printf @@READY@@; exec cat"]
FLOODING = ["sh", "-c", "exec yes '@@CONTENT@@ and some more of it, so that a row is about filled'"]

_WORKER = """\
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
_SHOWING = """\
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
_FRAMES = """\
import os, sys
with open(os.path.join(sys.argv[1], "burst-frames"), "rb") as file:
    frames = file.read(1 << 17).rpartition(b"\\x1b[H")[0].replace(b"\\x1b[H", b"\\x1b[H\\x1b[24;1H@@CONTENT@@\\x1b[H")
while True:
    os.write(1, frames)
"""
"""Draws full screens without end, each with the mark in its last row."""

_LETTERS = {
    "latin": "etaoinshrdlucmfwypvbgkjqxz",
    "accents": "etaoinshrdlucmfwypvbgkjqxz" + "àâäçéèêëîïôöùûüßñ" * 2,
    "cyrillic": "".join(map(chr, range(0x430, 0x450))),
    "cjk": "".join(map(chr, range(0x4E00, 0x9FA6))),
}
_EMOJI = ["😀", "🚀", "👍🏽", "👩\u200d👩\u200d👧", "🇫🇷", "❤️", "⌚", "👩🏻\u200d💻", "✅", "⚠️", "🎉", "#️⃣"]
_MARKS = ("", "", "\u0301", "\u0308", "\u0323\u0302")


def _words(chance: random.Random, columns: int) -> str:
    line = ""
    while len(line) < columns:
        line += "".join(chance.choices(_LETTERS["latin"], k=chance.randint(2, 9))) + " "
    return line[:columns]


def _plain(chance: random.Random) -> str:
    return "".join(_words(chance, chance.randint(20, 76)) + "\n" for _ in range(2000))


def _colour(chance: random.Random) -> str:
    pens = ["31", "1;32", "38;5;208", "0", "4;36", "38;2;120;200;90", "2;37"]
    parts = (f"\x1b[{chance.choice(pens)}m{_words(chance, chance.randint(4, 14))}" for _ in range(10_000))
    return "".join(part + "\x1b[0m\n" * (number % 5 == 4) for number, part in enumerate(parts))


def _frames(chance: random.Random) -> str:
    text = ""
    for row in list(range(1, 24)) * 40:
        text += "\x1b[H" * (row == 1)
        text += f"\x1b[{row};1H\x1b[{chance.choice(['0', '1;32', '7', '38;5;33'])}m{_words(chance, 24)}"
        text += f"\x1b[0m {chance.randint(0, 99999):>8} \x1b[36m{_words(chance, 36)}\x1b[K"
    return text


def _scripts(chance: random.Random) -> str:
    """Return lines in many scripts, some longer than the screen is wide."""
    scripts = [["".join(chance.choices(letters, k=6)) for _ in range(400)] for letters in _LETTERS.values()]
    scripts.append(["".join(char + chance.choice(_MARKS) for char in word) for word in scripts[0]])
    scripts.append([*_EMOJI, *scripts[0][:8]])
    lines = (" ".join(chance.choices(words, k=chance.randint(4, 12)))[:70] for _ in range(300) for words in scripts)
    return "".join(f"{line}\n" for line in lines)


_MAKERS = {"plain": _plain, "colour": _colour, "frames": _frames, "scripts": _scripts}


def piece(kind: str) -> bytes:
    """Return some 100 KB, which the material of a kind repeats."""
    return _MAKERS[kind](random.Random(kind)).encode()


def write(folder: str) -> None:
    """Write the files that are printed (`burst-plain`, …), and the programs."""
    os.mkdir(folder)
    for kind in KINDS:
        block = piece(kind)
        for length, size in SIZES.items():
            with open(os.path.join(folder, f"{length}-{kind}"), "wb") as file:
                file.write(block * (size // len(block) + 1))
    for name, text in (("worker.sh", _WORKER), ("showing.py", _SHOWING), ("frames.py", _FRAMES)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as script:
            script.write(text)
