"""Sesh's own line comes and goes over any output: the terminal has what it would have without it."""

from __future__ import annotations

import random
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest

from sesh.client import view as module
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.view import TerminalView
from sesh.loop.timers import Timers
from sesh.vt.defaults import ON_BY_DEFAULT
from sesh.vt.emulator import Emulator
from sesh.vt.modes import Stacks
from sesh.vt.render.replay import repainting
from sesh.wire import protocol
from tests.support import rounds
from tests.unit.vt.streams import cut, essence, piece

COLUMNS, ROWS = 40, 8
WORDS = "a line of sesh"
_ERASES = (b"\x1b[3J", b"\x1bc")  # the scrollback, which a screen that is drawn again leaves alone


def _ask(view: TerminalView, text: str) -> None:
    view.ask_line(text, 10.0)


class Stood(NamedTuple):
    """How a terminal stood at a position of the output."""

    scrolled: int
    alternate: bool
    stacks: Stacks
    open_rows: int


class Attached:
    """A view with a terminal, and a daemon that draws a screen whenever it is asked for one."""

    def __init__(self) -> None:
        self.terminal = Emulator(COLUMNS, ROWS)
        fake = Mock()
        fake.grid.return_value = COLUMNS, ROWS
        fake.size.return_value = COLUMNS, ROWS, 0, 0
        fake.write.side_effect = self._write
        self.written = bytearray()
        self.display = Display(fake)
        self.timers = Timers()
        self.view = TerminalView(self.display, Channel(), self.timers, "never")
        self.session = Emulator(COLUMNS, ROWS)
        self.head = self._answered = 0
        self.had_open_line = False  # a screen was asked for while a line had partly scrolled off
        self._stood: dict[int, Stood] = {}
        self._note()
        self._show(protocol.SCREEN, 0, b"")

    def _write(self, data: bytes) -> int:
        self.written += data
        self.terminal.feed(bytes(data))
        return len(data)

    def _note(self) -> None:
        session = self.session
        open_rows = len(session.screen.scrollback.open_rows)
        self._stood[self.head] = Stood(session.scrolled, session.alternate, session.stacks, open_rows)

    def _show(self, kind: int, position: int, data: bytes) -> None:
        number = self.view.redraws.to_bytes(8, "big") if kind == protocol.SCREEN else b""
        self.view.show(kind, position.to_bytes(8, "big") + number + data)

    def output(self, data: bytes) -> None:
        self.session.feed(data)
        self._show(protocol.OUTPUT, self.head, data)
        self.head += len(data)
        self._note()

    def answer(self) -> None:
        """Draw the screen, and the lines that the terminal lacks, if that was asked for."""
        if self.view.redraws == self._answered or self.session.in_image:
            return
        self._answered = self.view.redraws
        stood = self._stood[self.view.position or 0]
        self.had_open_line = self.had_open_line or stood.open_rows > 0
        screen = repainting(
            self.session,
            lines=self.session.scrolled - stood.scrolled,
            begun=stood.open_rows,
            was_alternate=stood.alternate,
            pushed=stood.stacks,
        )
        self._show(protocol.SCREEN, self.head, screen.finish())


def restored(emulator: Emulator) -> dict[str, Any]:
    """The state of an emulator, with only the modes that are not as by default."""
    state = essence(emulator)
    state["modes"] = {number: on for number, on in state["modes"].items() if on != (number in ON_BY_DEFAULT)}
    return state


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a time does not wait."""
    for name in ("FRAME_TIME", "_PAUSE", "_LATEST"):
        monkeypatch.setattr(module, name, 0.0)


def play(rng: random.Random, attached: Attached) -> None:
    view = attached.view
    pieces = (piece(rng) for _ in range(40))
    blocks = cut(rng, b"".join(each for each in pieces if each not in _ERASES))
    for block in blocks:
        act = rng.randrange(12)
        if act == 0:
            rng.choice((view.pin_line, partial(_ask, view)))(rng.choice((WORDS, f"{WORDS}, another one", "")))
        elif act == 1:
            view.show_notice(WORDS)
        elif act == 2:
            view.send_input(typed=True)
        elif act == 3:
            view.resize()
        attached.output(block)
        if rng.random() < 0.8:
            attached.timers.run()
        if rng.random() < 0.8:
            attached.answer()


@pytest.mark.usefixtures("at_once")
def test_lines_leave_no_trace_in_the_terminal_of_a_random_program() -> None:
    for seed in range(rounds(200, 2000)):
        rng = random.Random(seed)
        attached = Attached()
        play(rng, attached)
        attached.view.clear()
        attached.answer()
        attached.output(b"!")
        if attached.session.in_image or attached.had_open_line:
            continue
        assert restored(attached.terminal) == restored(attached.session), seed
        assert not any(WORDS in line for line in attached.terminal.last_lines(1000)), seed


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("say", [TerminalView.show_notice, TerminalView.pin_line, _ask])
def test_a_line_shows_behind_each_frame_and_queries_pass(say: object) -> None:
    attached = Attached()
    attached.output(b"$ ")
    say(attached.view, WORDS)  # type: ignore[operator]
    attached.timers.run()
    attached.answer()
    attached.output(b"\r\nfirst")  # a frame for which a screen may be asked
    attached.answer()
    asked = attached.view.redraws
    for number in range(50):
        attached.output(b"\rspinner %d\x1b[6n" % number + b"\n" * (number % 3))
        attached.timers.run()
        assert WORDS in attached.terminal.text()[-1]
        assert attached.written.endswith(b"\x1b[?2026l")
    assert attached.written.count(b"\x1b[6n") == 50
    assert attached.view.redraws == asked, "no screen is asked for by a frame"


@pytest.mark.usefixtures("at_once")
def test_a_line_that_asks_stays_for_its_time_also_under_keys_and_behind_the_line_of_a_lost_link() -> None:
    attached = Attached()
    view = attached.view
    attached.output(b"$ ")
    view.show_notice("a notice")
    view.ask_line("a question", 10.0)
    view.send_input(typed=True)
    attached.output(b"x")
    assert "a question" in attached.terminal.text()[-1]
    view.pin_line("no link")
    assert "no link" in attached.terminal.text()[-1]
    view.pin_line("")
    assert "a question" in attached.terminal.text()[-1]
    view.ask_line("a question", 0.0)
    attached.timers.run()
    attached.answer()
    assert attached.terminal.text()[-1].strip() == ""


def test_an_address_in_a_line_is_a_link_to_the_whole_of_it_also_where_the_line_is_cut() -> None:
    attached = Attached()
    address = "https://example.org/login?a=1&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2F"
    attached.view.pin_line(f"codex wants to open {address}")
    assert f"\x1b]8;;{address}\x1b\\https".encode() in attached.written
    attached.view.pin_line("log in at http://a.b/c; Enter logs in")
    assert b"\x1b]8;;http://a.b/c\x1b\\http://a.b/c\x1b]8;;\x1b\\; Enter" in attached.written
