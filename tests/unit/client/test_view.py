"""Screens over a link come in parts, and are shown as a whole."""

from __future__ import annotations

from unittest.mock import Mock

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.view import TerminalView
from sesh.loop.timers import Timers
from sesh.protocol import PART, SCREEN


def show(view: TerminalView, kind: int, number: int, data: bytes) -> None:
    view.show(kind, protocol.numbered(kind, number, data)[5:])


def test_parts_before_a_redraw_are_not_shown_with_the_screen_that_follows() -> None:
    """The replay begins again after a redraw, so its lines would come twice."""
    display = Mock(started=False)
    view = TerminalView(display, Channel(on_link=True), Timers(), "never")
    show(view, SCREEN, PART, b"lines")
    view.redraw()
    view.handle_pong(b"redraw")
    show(view, SCREEN, PART, b"lines, ")
    show(view, SCREEN, 100, b"screen")
    display.show.assert_called_once_with(b"lines, screen", is_replay=True)
    assert view.position == 100


def test_a_notice_keeps_a_screen_of_several_parts_from_no_terminal() -> None:
    display = Mock(started=True)
    view = TerminalView(display, Channel(on_link=True), Timers(), "never")
    view.notice.say("a notice")
    show(view, protocol.REDRAW, PART, bytes(protocol.CHUNK))
    show(view, protocol.REDRAW, 100, b"screen")
    display.show.assert_called_once_with(bytes(protocol.CHUNK) + b"screen", is_replay=True)
