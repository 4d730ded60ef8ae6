"""Random typing over a slow link: with prediction a terminal shows, once it is quiet, what one without it shows; and
nothing of what is typed without echo."""

from __future__ import annotations

import random
import re
import time
from typing import Any

from tests.fuzz.place import own_home
from tests.support import Home, Terminal, find
from tests.support.slow import Slow

ROUND_TRIP = 100
PROGRAMS: dict[str, list[str]] = {
    "bash": [],
    "zsh": ["PROMPT='%F{green}z>%f ' RPROMPT='%F{red}right%f' zsh -f\r"],
    "fish": ["fish --no-config\r"],
    "python": ["python3 -q\r"],
    "vim": ["vim -u NONE -N note\r", "i"],
}
SECRETS = {
    "read": "read -s -p 'Secret: ' answer\r",
    "getpass": "python3 -c \"import getpass; getpass.getpass('Secret: ')\"\r",
    "zsh": "zsh -fc \"read -s 'answer?Secret: '\"\r",
    "passwd": "passwd\r",
    "ssh-keygen": "ssh-keygen -q -t ed25519 -f key$RANDOM\r",
    "openssl": "openssl passwd\r",
}
"""Programs that ask for something that is not to be seen."""
_WORDS = ("echo hello", "ls -la", "git status", "print(1)", "x = [1, 2]", "for i in a b; do", "foo(bar)", "0123456789")
_QUIET = 2.5 * ROUND_TRIP / 1000
"""Seconds without output after which a link is quiet."""


def _keys(chance: random.Random, program: str) -> list[str]:
    """What a person may type."""
    keys: list[str] = []
    for _ in range(chance.randint(1, 25)):
        kind = chance.random()
        if kind < 0.62:
            keys += chance.choice(_WORDS)[: chance.randint(1, 12)]
        elif kind < 0.76:
            keys += ["\x7f"] * chance.randint(1, 6)
        elif kind < 0.84:
            keys += ["\x1b[D"] * chance.randint(1, 6)
        elif kind < 0.89:
            keys += ["\x1b[C"] * chance.randint(1, 4)
        else:
            others = ["é", "世", "\x01", "\x05", "\x17", "\x15", "\x1b[A", "\r", "\r"]
            keys.append(chance.choice([*others, "\t"] if program in ("python", "vim") else [*others, "\x0b"]))
    return keys[:60]


def _cells(terminal: Terminal) -> tuple[Any, ...]:
    """All that a person can see: cells with their pens, the cursor, the pen and the modes."""
    glass = terminal._look()
    rows = [[glass.buffer[y][x] for x in range(glass.columns)] for y in range(glass.lines)]
    return rows, terminal.cursor, tuple(glass.cursor.attrs)[1:], frozenset(glass.modes - {25})


def _type(terminal: Terminal, keys: list[str], pace: float, chance: random.Random) -> None:
    for key in keys:
        terminal.type(key)
        terminal._wait(pace * chance.uniform(0.3, 1.7))


def _settle(terminal: Terminal, seconds: float = _QUIET) -> None:
    """Waits until nothing has come for a while."""
    while terminal.pump(seconds):
        continue


def _differs(predicted: Terminal, plain: Terminal) -> bool:
    """Whether they show something else, also after a while."""
    for _ in range(8):
        _settle(predicted)
        _settle(plain, 0)
        if _cells(predicted) == _cells(plain):
            return False
    return True


def typings(home: Home, program: str, count: int, seed: int) -> int:
    """So many typings into one program; how many left something else on the screen."""
    predicted = Slow(home, ROUND_TRIP).attach("--predict", "always", name=program)
    for line in PROGRAMS[program]:
        predicted.type(line)
        _settle(predicted, 1.5)
    plain = home.terminal(program)
    _settle(plain, 1)
    bad = 0
    for number in range(count):
        chance = random.Random(f"{program} {seed} {number}")
        keys = _keys(chance, program)
        _type(predicted, keys, chance.choice((0.005, 0.02, 0.05, 0.11)), chance)
        if _differs(predicted, plain):
            bad += 1
            print(f"DIFFERENT: {program}, seed {seed}, typing {number}: {''.join(keys)!r}")
            print(predicted.portrait(), plain.portrait(), sep="\n")
            return bad
    return bad


def secrets(home: Home, way: str, count: int) -> int:
    """So many keys at a prompt that echoes nothing; how many were drawn."""
    terminal = Slow(home, ROUND_TRIP).attach("--predict", "always", name=way)
    terminal.type("x\x7f")
    _settle(terminal)
    terminal.type(SECRETS[way])
    _settle(terminal, 1.0)
    mark = len(terminal.raw)
    chance = random.Random(way)
    for _ in range(count):
        terminal.type("Q")
        terminal._wait(chance.choice((0.001, 0.005, 0.02)))
        if chance.random() < 0.05:
            terminal.type("\x7f")
    _settle(terminal)
    return len(re.findall(rb"Q", terminal.raw[mark:]))


def main(count: int, keys: int, seed: int) -> int:
    """`count` typings in all, `keys` keys at silent prompts; 0 where nothing was wrong."""
    wrong = 0
    began = time.monotonic()
    programs = [program for program in PROGRAMS if find(program) or program == "python"]
    for program in programs:
        with own_home() as home:
            bad = typings(home, program, -(-count // len(programs)), seed)
            print(f"{program}: {-(-count // len(programs))} typings, {bad} different", flush=True)
            wrong += bad
    ways = [way for way in SECRETS if way in ("read", "getpass") or find(way)]
    for way in ways:
        with own_home() as home:
            drawn = secrets(home, way, -(-keys // len(ways)))
            print(f"{way}: {-(-keys // len(ways))} secret keys, {drawn} drawn", flush=True)
            wrong += drawn
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if wrong else 0
