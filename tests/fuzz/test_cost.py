"""Loops over bytes from elsewhere take time in proportion to their number (patterns: `house/test_patterns.py`).

The bounds are far above the cost of a linear loop, and far below that of a quadratic one. A loop that exceeds its bound
is interrupted.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sesh.client.keys import KeyParser
from sesh.client.terminal_reset import TerminalReset
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen import program_status
from sesh.daemon.shell import command_marks, run_marks
from sesh.errors import SeshError
from sesh.text.keys import DetachKey
from sesh.vt.emulator import Emulator
from sesh.vt.lines import LineReader
from sesh.vt.queries import QueryRemover, QueryScanner
from sesh.wire import protocol
from tests.fuzz.patterns import TooLong, bounded

_SIZE = 8 << 10
_SECONDS = 0.25
"""Processor time for an input of `_SIZE` bytes: about sixty times that of the slowest linear loop."""
_LONG = 64 << 10
"""Bytes of a sequence in pieces of two bytes, which gets half of that time for each byte."""
_WORDS = (
    b"a", b"\x1b[m", b"\x1b[1;38;5;7m", b"\x1b", b"\x1b[", b"\x1b]", b"\x1b]2;t\x07", b"\x07", b"\x1b\\", b"\x1bPq~-",
    b"\x1b_G", b"\r\n", b"\t", b" ", b";", b"0", b"\x1b[?1049h", b"\x1b[6n", b"\x1b[?", b"\x1b]133;A\x07", b"\x1b[2J",
    b"\x1b]133;C;cmdline_url=%20\x07", b"\x1b]8;;x\x1b\\", b"\x1b[H", b"\x1b[K", b"\x18", b"\xc2", b"\xff", b"\x1bc",
    "中".encode(), "e\u0301".encode(), "\u0301".encode(), "👩\u200d".encode(), b"a\x1b[99999999b", b"\x1b[65535G",
    b"\x1b[1;1;24;80${", b'\x1bPq"1;1;1;99999~\x1b\\', b"\x1b]7373;5ec", b"\x1b[200~", b"\x1b[201", b"\x1b[98;5u",
    b"\x1b[M", b"\x1b]52;c;", b"\x1b]7501;state=working\x07", b":", b"=", b"\x05\0\0\0\1", b"\x03\0\0\0\x08",
)  # fmt: skip


def _marked(data: bytes) -> None:
    filtered = run_marks.MarkFilter("5ec")
    filtered.hold()
    for part in filtered.split(data):
        if isinstance(part, bytes):
            filtered.visible(part)
    filtered.drop()


def _lines(data: bytes) -> None:
    reader = LineReader(0, 80)
    for line in reader.feed(data):
        _ = line.text
    _ = reader.current.ansi


def _reset(data: bytes) -> None:
    follower = TerminalReset()
    follower.feed(data)
    follower.reset_bytes(80)


LOOPS: dict[str, Callable[[bytes], object]] = {
    "emulator": lambda data: Emulator(80, 24).feed(data, 0.1),
    "queries": lambda data: QueryScanner().scan(data),
    "terminal reset": _reset,
    "marks of run": _marked,
    "output of a command": lambda data: command_marks.own_output(data, translated=True),
    "report": program_status.parse,
    "log": lambda data: OutputLog().append(data),
    "lines": _lines,
    "keys": lambda data: KeyParser(DetachKey.parse("C-\\")).feed(data),
    "frames": lambda data: list(protocol.Decoder().feed(data)),
}


@pytest.mark.parametrize("name", LOOPS)
def test_the_cost_grows_no_faster_than_the_bytes(name: str) -> None:
    for head, word in [(b"", word) for word in _WORDS] + [(word, b"0") for word in _WORDS]:
        data = head + word * (_SIZE // len(word))
        try:
            with bounded(_SECONDS):
                LOOPS[name](data)
        except (SeshError, ValueError):
            continue  # refused, in time
        except TooLong:
            pytest.fail(f"{name}: {head!r} and {word!r} again and again take more than {_SECONDS} s")


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"\x1b[", b"0"), (b"\x1b[", b"\b0"), (b"\x1b(", b" "), (b"\x1b]2;", b"t"), (b"\x1bPq", b"~"),
        (b"\x1bPq", b"~\x07"), (b"\x1b_G", b"A"), (b"\x1b]133;C;", b"x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["emulator", "queries", "terminal reset", "removed queries"])
def test_a_long_sequence_is_read_once_though_it_comes_in_small_pieces(name: str, start: bytes, more: bytes) -> None:
    """Each piece was searched with all that had come before it."""
    takes: dict[str, Callable[[bytes], object]] = {
        "emulator": Emulator(80, 24).feed,
        "queries": QueryScanner().scan,
        "removed queries": QueryRemover().take,
        "terminal reset": TerminalReset().feed,
    }
    data = start + more * (_LONG // len(more))
    try:
        with bounded(_LONG / _SIZE * _SECONDS / 2):
            for at in range(0, len(data), 2):
                takes[name](data[at : at + 2])
    except TooLong:
        pytest.fail(f"{name}: {start!r} and {more!r} in pieces of two bytes take too long")
