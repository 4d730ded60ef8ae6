"""The targets of the emulator: what must hold whatever a program prints."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from sesh.vt import bulk
from sesh.vt.emulator import Emulator
from sesh.vt.grammar import LIMIT
from sesh.vt.modes import STACK_LIMIT
from sesh.vt.render.export import export
from sesh.vt.render.replay import repainting, replay
from sesh.vt.render.viewport import Viewport
from tests.fuzz import grammar
from tests.fuzz.grammar import Script
from tests.fuzz.target import pure
from tests.unit.vt.streams import cut, essence, state

_ALL = 10**9


_WORDS = (
    grammar.RESIZE, b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b\\", b"\x07", b"\r\n", b"\x1b[99999999b", b"\x1b[?1049h",
    b"\x1bc", b"\x1b7", b"\x1b8", b"\x1b[m", b"\x1b[1;5r", b"\t", "中".encode(), "\u0301".encode(), "\u200d".encode(),
    b"\x18",
)  # fmt: skip


@contextmanager
def path(*, fast: bool) -> Iterator[None]:
    """Within the block, output takes the fast path whenever that is possible, or never."""
    with mock.patch.multiple(bulk, SMALLEST=1 if fast else 1 << 60, USUAL=100):
        yield


def new(script: Script) -> Emulator:
    """Return the emulator of a script before its first step."""
    return Emulator(*script.size, max_lines=script.bounds[0], max_bytes=script.bounds[1])


def feed_in_time(emulator: Emulator, data: bytes, seconds: float) -> float:
    """Feed data in calls of `seconds`, like a daemon; return the longest one's time."""
    dearest = 0.0
    while data:
        began = time.process_time()
        taken = emulator.feed(data, seconds)
        dearest = max(dearest, time.process_time() - began)
        assert 0 < taken <= len(data)
        data = data[taken:]
    return dearest


def fed(script: Script, rng: random.Random | None = None, seconds: float | None = None) -> Emulator:
    """Return the emulator after a script, fed in pieces (`rng`) or in calls of `seconds`."""
    emulator = new(script)
    for step in script.steps:
        if isinstance(step, tuple):
            emulator.resize(*step)
        elif seconds is not None:
            feed_in_time(emulator, step, seconds)
        else:
            for piece in cut(rng, step) if rng is not None else (step,):
                emulator.feed(piece)
    check_bounds(emulator)
    return emulator


def check_bounds(emulator: Emulator) -> None:
    """Check that positions are within the screen, and that all kept things are bounded."""
    assert emulator.last_error is None, repr(emulator.last_error)
    screen, scrollback = emulator.screen, emulator.screen.scrollback
    assert len(screen.rows) == screen.height
    assert all(len(row.text) == len(row.pens) == screen.columns for row in screen.rows)
    assert 0 <= screen.cursor.y < screen.height
    assert 0 <= screen.cursor.x <= screen.columns
    assert 0 <= screen.top <= screen.bottom < screen.height
    assert 0 <= screen.left <= screen.right < screen.columns
    assert scrollback.count <= scrollback.max_lines + 1  # one may be unfinished
    assert scrollback.bytes <= scrollback.max_bytes + (64 << 10) * 4
    assert len(emulator.screen.title) <= 1024
    assert len(screen.icon_name) <= 1024
    assert len(emulator.unfinished.decode("utf-8", "replace")) <= LIMIT + 1  # and an unfinished character
    for stack in (screen.titles.entries, screen.kitty_stack, screen.other.kitty_stack):
        assert len(stack) <= STACK_LIMIT + 1
    assert len(screen.osc_values) <= 300
    assert all(len(value) <= 1024 for value in screen.osc_values.values())


def _with_all_bytes(script: Script) -> Script:
    """Return the script without a bound in bytes, because cuts change a line's bytes."""
    return script._replace(bounds=(script.bounds[0], _ALL))


def check_chunks(case: bytes) -> None:
    """Check that neither cuts nor stops for lack of time change the state."""
    script = _with_all_bytes(grammar.script(case))
    whole = fed(script)
    rng = random.Random(zlib.crc32(case))
    for other in (fed(script, rng), fed(script, seconds=rng.choice((0.0, 0.0, 1e-5, 1e-3)))):
        assert state(other) == state(whole)


def check_paths(case: bytes) -> None:
    """Check that the fast path and the full path give the same state."""
    script = _with_all_bytes(grammar.script(case))
    with path(fast=True):
        quick = fed(script)
    with path(fast=False):
        slow = fed(script)
    assert state(quick) == state(slow)


def check_replay(case: bytes) -> None:
    """Check that a replay gives a new terminal the same state."""
    script = grammar.script(case)
    emulator = fed(script)
    size = (emulator.columns, emulator.height)
    copy = Emulator(*size, max_lines=_ALL, max_bytes=_ALL)
    copy.feed(replay(emulator, lines=_ALL))
    assert copy.last_error is None, repr(copy.last_error)
    here, there = essence(emulator), essence(copy)
    if size[0] == 1:  # a terminal of one column takes no wide character, which lines from a wider one may hold
        del here["lines held"], there["lines held"]
    assert there == here


def check_views(case: bytes) -> None:
    """Check that any screen can be drawn, in each form and at another size."""
    script = grammar.script(case)
    emulator = new(script)
    small, glass = Viewport(7, 3), Emulator(7, 3)
    small.update(emulator)
    for step in script.steps:
        if isinstance(step, tuple):
            emulator.resize(*step)
        else:
            emulator.feed(step)
        glass.feed(small.update(emulator))
        assert glass.last_error is None, repr(glass.last_error)
    assert not small.update(emulator)
    repainting(emulator, lines=5).finish()
    for form in ("text", "ansi", "json"):
        export(emulator, form).decode()
    json.loads(export(emulator, "json"))
    list(emulator.screen.scrollback.pack())
    assert all("\n" not in line for line in emulator.last_lines(50))


TARGETS = (
    pure("tokenizer", grammar.make, check_chunks, _WORDS),
    pure("screen", grammar.make, check_paths, _WORDS),
    pure("replay", grammar.make, check_replay, _WORDS),
    pure("views", grammar.make, check_views, _WORDS),
)
