"""Screens over a link come in parts, and are shown as a whole."""

from __future__ import annotations

from math import inf
from unittest.mock import Mock

from sesh.client.channel import Channel
from sesh.client.view import TerminalView
from sesh.loop.timers import Timers
from sesh.wire import protocol
from sesh.wire.protocol import PART, SCREEN

_UNASKED, _FIRST = bytes(8), (1).to_bytes(8, "big")  # the number of the request that a screen answers


def show(view: TerminalView, kind: int, number: int, data: bytes) -> None:
    view.show(kind, protocol.numbered(kind, number, data)[5:])


def test_parts_before_a_redraw_are_not_shown_with_the_screen_that_follows() -> None:
    """The replay begins again after a redraw, so its lines would come twice."""
    display = Mock(started=False, covered=False)
    view = TerminalView(display, Channel(), Timers(), "never")
    show(view, SCREEN, PART, _UNASKED + b"lines")
    view.redraw()
    show(view, SCREEN, PART, _UNASKED + b"more lines")
    show(view, SCREEN, PART, _FIRST + b"lines, ")
    show(view, SCREEN, 100, _FIRST + b"screen")
    display.show_screen.assert_called_once_with(b"lines, screen", 100, line="")
    assert view.position == 100


def test_output_comes_with_the_screen_that_takes_the_line_of_sesh_away() -> None:
    """The line entered the scrollback, or the row under it was lost."""
    display = Mock(started=True, covered=True)
    channel = Mock(received=0)
    view = TerminalView(display, channel, Timers(), "never")
    show(view, protocol.OUTPUT, 0, b"output")
    display.show.assert_not_called()
    channel.send.assert_called_once_with(protocol.redraw(0, 1))
    show(view, SCREEN, 6, _FIRST + b"screen")
    display.show_screen.assert_called_once_with(b"screen", 6, line="")


def test_a_line_waits_for_the_first_screen_whatever_the_size_of_the_window_is_until_then() -> None:
    """Many a window manager changes the size of a window that has just opened."""
    display, timers = Mock(started=False, covered=False), Timers()
    display.terminal.size.return_value = 80, 24, 0, 0
    view = TerminalView(display, Channel(), timers, "never")
    view.show_notice("new session work")
    view.resize()
    assert timers.due == inf
    display.started = True
    show(view, SCREEN, 0, _UNASKED + b"screen")
    assert timers.due < inf


def test_an_answer_without_bytes_is_no_screen_that_a_line_could_cover() -> None:
    """The emulator below the line began with an empty screen, so the last row was blank once the line had gone."""
    display, channel = Mock(started=True, covered=False), Mock(received=0)
    view = TerminalView(display, channel, Timers(), "never")
    view.redraw()
    show(view, SCREEN, 100, _FIRST)
    assert view._screen is None
    view.redraw()
    show(view, SCREEN, 100, (2).to_bytes(8, "big") + b"screen")
    assert view._screen == b"screen"
