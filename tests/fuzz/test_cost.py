"""No loop and no pattern that meets a stranger's bytes takes time out of proportion to them.

The bounds are far above the cost of a loop in proportion, and far below that of one whose cost grows with the square;
what exceeds a bound is interrupted.
"""

from __future__ import annotations

import importlib
import itertools
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sesh import protocol
from sesh.client.keys import KeyParser
from sesh.client.ledger import Ledger
from sesh.daemon.activity import program_status, question
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.shell import history, wrapper
from sesh.errors import SeshError
from sesh.keynames import DetachKey
from sesh.queries import QueryScanner
from sesh.vt.emulator import Emulator
from sesh.vt.lines import LineReader
from tests.house.source import modules, read

_SIZE = 16 << 10
_SECONDS = 1.0
"""Processor time for an input of `_SIZE` bytes: about a hundred times that of the dearest loop in proportion."""
_WORDS = (
    b"a", b"\x1b[m", b"\x1b[1;38;5;7m", b"\x1b", b"\x1b[", b"\x1b]", b"\x1b]2;t\x07", b"\x07", b"\x1b\\", b"\x1bPq~-",
    b"\x1b_G", b"\r\n", b"\t", b" ", b";", b"0", b"\x1b[?1049h", b"\x1b[6n", b"\x1b[?", b"\x1b]133;A\x07", b"\x1b[2J",
    b"\x1b]133;C;cmdline_url=%20\x07", b"\x1b]8;;x\x1b\\", b"\x1b[H", b"\x1b[K", b"\x18", b"\xc2", b"\xff", b"\x1bc",
    "中".encode(), "e\u0301".encode(), "\u0301".encode(), "👩\u200d".encode(), b"a\x1b[99999999b", b"\x1b[65535G",
    b"\x1b[1;1;24;80${", b'\x1bPq"1;1;1;99999~\x1b\\', b"\x1b]7373;5ec", b"\x1b[200~", b"\x1b[201", b"\x1b[98;5u",
    b"\x1b[M", b"\x1b]52;c;", b"\x1b]7501;state=working\x07", b":", b"=", b"\x05\0\0\0\1", b"\x03\0\0\0\x08",
)  # fmt: skip


def _marked(data: bytes) -> None:
    filtered = wrapper.MarkFilter("5ec", lambda *_: b"", lambda _: None)
    filtered.hold()
    filtered.filter(data)
    filtered.drop()


def _lines(data: bytes) -> None:
    reader = LineReader(0, 80)
    for line in reader.feed(data):
        _ = line.text
    _ = reader.current.ansi


def _ledger(data: bytes) -> None:
    ledger = Ledger()
    ledger.feed(data)
    ledger.undo(80)


LOOPS: dict[str, Callable[[bytes], object]] = {
    "emulator": lambda data: Emulator(80, 24).feed(data, 0.1),
    "queries": lambda data: QueryScanner().find(data),
    "ledger": _ledger,
    "marks of --run": _marked,
    "output of a command": lambda data: history.own_output(data, translated=True),
    "question": lambda data: question.in_output(data, line=True),
    "report": program_status.parse,
    "log": lambda data: OutputLog().append(data),
    "lines": _lines,
    "keys": lambda data: KeyParser(DetachKey.parse("C-\\")).feed(data),
    "frames": lambda data: list(protocol.Decoder().feed(data)),
}


class _TooLong(BaseException):
    """A call was interrupted. No `Exception`, as an emulator survives those."""


@contextmanager
def bounded() -> Iterator[None]:
    """Raise _TooLong in the block once it has taken `_SECONDS` of the processor."""

    def interrupt(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("name", LOOPS)
def test_the_cost_grows_no_faster_than_the_bytes(name: str) -> None:
    for head, word in [(b"", word) for word in _WORDS] + [(word, b"0") for word in _WORDS]:
        data = head + word * (_SIZE // len(word))
        try:
            with bounded():
                LOOPS[name](data)
        except (SeshError, ValueError):
            continue  # refused, in time
        except _TooLong:
            pytest.fail(f"{name}: {head!r} and {word!r} again and again take more than {_SECONDS} s")


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return the patterns of the product, by their place."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in modules():
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found.setdefault(f"{module.path}: {name}", value)
    return found


PATTERNS = patterns()
USED = "\n".join(module.text for module in modules())


@pytest.mark.parametrize("place", PATTERNS)
def test_every_pattern_takes_time_in_proportion(place: str) -> None:
    """A word of the pattern's own letters, again and again, behind another, and with an end that matches nothing."""
    pattern, name = PATTERNS[place], place.rpartition(" ")[2]
    text = isinstance(pattern.pattern, str)
    letters = sorted({*re.sub(r"\\.|[\[\](){}?*+|^$.]", "", str(pattern.pattern))[:300], "a", "0", " ", "\x1b", "\n"})
    words = [*letters, *map("".join, itertools.islice(itertools.product(letters[:8], repeat=2), 64))]
    methods = set(re.findall(rf"\b{name}\.(match|fullmatch|search|finditer|findall|sub|split)\b", USED))
    for head, word, tail in [(head, word, "\x00!") for word in words for head in ("", "\x1b]" if text else "\x1b[")]:
        data: Any = head + word * (_SIZE // len(word)) + tail
        data = data if text else data.encode()
        try:
            with bounded():
                if methods & {"finditer", "findall", "sub", "split"}:
                    list(pattern.finditer(data))
                if "search" in methods or not methods:
                    pattern.search(data)
                pattern.match(data)
        except _TooLong:
            pytest.fail(f"{place}: {head!r} and {word!r} again and again take more than {_SECONDS} s")


def test_the_patterns_of_the_product_are_found() -> None:
    assert len(PATTERNS) > 50
    assert "re.compile" in read("sesh/queries.py")
