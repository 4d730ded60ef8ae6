"""The session's screen on the terminal: output, predicted keys, and sesh's own line.

The line is drawn over the last row. A notice waits for a pause of the output, but not long; a pinned line is drawn at
once, and stays. While a line shows, output is joined to frames, at most 30 a second. Each is one write: it puts the
last row back, shows the output, and draws the line again; so the line never enters the scrollback. The row comes from
an emulator that follows the screen (`CoveredScreen`); without one, the daemon draws the screen for each frame.
"""

from __future__ import annotations

import binascii
import os
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from sesh.client.channel import Channel
from sesh.client.display import BELL, MAX_NOTIFICATION, Display, notification
from sesh.client.feedback import Feedback
from sesh.loop.timers import Timers
from sesh.wire import protocol

if TYPE_CHECKING:
    from sesh.client.covered import CoveredScreen
    from sesh.client.predict import Predictor

_PREDICT_FROM = 0.030  # seconds of round trip above which prediction starts
_PREDICT_UNTIL = 0.020  # seconds of round trip up to which prediction stops
NOTICE_TIME = 3.0  # a notice disappears at the next key, or after this many seconds
FRAME_TIME = 1 / 30  # seconds between two frames while a line shows
_PAUSE = 0.25  # seconds without output, then a notice is drawn
_LATEST = 0.5  # seconds after which it is drawn also without a pause
_MAX_SKIPPED = 1 << 20  # bytes of skipped output to keep: the newest ones
_MAX_PARTS = 8 << 20  # bytes of a screen to keep until its last part has come; then its parts are shown one by one
_MAX_COVERED = 1 << 20  # bytes of a screen to keep for the emulator; a larger one is asked for again


class LineState(Enum):
    """Where sesh's line is on its way to the terminal.

    NONE ──▶ WAITING ──a pause──▶ REQUESTED ──the screen──▶ DRAWN
    NONE, WAITING, REQUESTED ──a pinned line──▶ DRAWN       it waits for nothing
    WAITING ──a pause──▶ DRAWN                              the row below it is known already
    DRAWN ──more comes, and the row below is unknown──▶ REQUESTED
    DRAWN ──a frame that no line may cover──▶ NONE ──▶ WAITING
    any ──a resize; a key, or time, unless a line is pinned; the end of that one──▶ NONE
    """

    NONE = auto()
    WAITING = auto()  # for a pause of the output
    REQUESTED = auto()  # to be drawn with the screen that the daemon was asked for
    DRAWN = auto()  # over the last row


class KeepsQueries(Protocol):
    """Takes queries for the clipboard out of output: see `sesh.client.desktop.queries`."""

    def take(self, position: int, data: bytes) -> tuple[int, bytes]: ...

    def screen(self, data: bytes, position: int | None) -> bytes: ...

    def whole(self, data: bytes) -> bytes: ...


class TerminalView:
    """Shows frames on the display. `predict`: on which links to show keys before their echo.

    `display.covered` says whether any line covers the last row: it stays true until the row is put back, also once the
    line is to go, and is true of the line that `feedback` draws. `LineState` is about the notice and the pinned line
    alone; DRAWN is one of them over the last row, with output that waits for frames.
    """

    def __init__(self, display: Display, channel: Channel, timers: Timers, predict: str) -> None:
        self.display = display
        self._channel = channel
        self._predict = predict
        self._predictor: Predictor | None = None
        self.position: int | None = None  # of the first byte of output that is not shown yet; None before a screen
        self._timers = timers
        self._notice = ""  # a line that goes at the next key, or after a while
        self._link_line = ""  # stays until it is changed; it hides the other lines
        self._asking_line = ""  # stays for its time; it hides the notice
        self._line_state = LineState.NONE
        self._waits_since = 0.0  # time (monotonic) since which the notice waits for a pause
        self._drawn_at = 0.0  # time (monotonic) of the last frame with a line
        self._frame = bytearray()  # output that waits for the next frame, after `position`
        self._screen: bytes | None = None  # the whole screen, if nothing came since; from it the emulator would begin
        self._below: CoveredScreen | None = None  # the screen below the line; None until output comes, or if unknown
        self.queries: KeepsQueries | None = None  # keeps what programs ask of the clipboard from the terminal
        self.redraws = 0  # the number of the last request for a screen
        self._awaits_screen = False  # the frames before the requested screen are skipped: it contains their effect
        self._skipped = b""
        self._parts = bytearray()  # of a screen whose last part has not come
        self.feedback = Feedback(
            display, channel, timers, self._draw_mark, self._take_mark_away, self.resize, self.send_input
        )

    @property
    def needs_only_output(self) -> bool:
        """True if output from `position` on is all that the terminal needs: no screen, and no row put back."""
        return self.display.started and not (self.display.covered or self._awaits_screen or self._parts)

    @property
    def pending(self) -> int:
        """The number of bytes that wait for the terminal; none while it is given nothing on purpose."""
        return 0 if self.display.held else len(self.display.queue.waiting) + len(self._frame)

    @property
    def held_back_from(self) -> int | None:
        """The end of the frames that the terminal has, while it is given nothing on purpose; else None."""
        given = self.display.queue.given if self.display.held else None
        return None if given is None else given.whole_frames

    # -- frames of the daemon

    def show(self, kind: int, payload: bytes) -> None:
        """Show a frame of output or screen, unless a requested screen will replace it."""
        is_output = kind == protocol.OUTPUT
        position, data = protocol.split_number(payload)
        answered, data = (0, data) if is_output else protocol.split_number(data)
        self._channel.count(data)
        if data:
            self.feedback.output(data)
        if self.feedback.found:
            return
        if self._awaits_screen and answered != self.redraws:
            if is_output:
                self._skip(data)
        elif is_output:
            self._show_output(position, data)
        else:
            self._show_screen(position, data)

    def _skip(self, data: bytes) -> None:
        self._skipped = (self._skipped + data)[-_MAX_SKIPPED:]

    def _show_output(self, position: int, data: bytes) -> None:
        shown_to = (self.position or 0) + len(self._frame)
        if position < shown_to:
            data, position = data[shown_to - position :], shown_to  # without what has come over an earlier link
        if self.queries is not None:
            position, data = self.queries.take(position, data)
            if not data:  # it is held back, as the beginning of a query
                return
        if self._line_state is LineState.DRAWN:
            self._frame += data
            self.show_frame()
        elif self.display.covered:
            self.redraw()
            self._skip(data)
        else:
            self.position = position + len(data)
            self._screen = None
            before, after = (b"", b"") if self._predictor is None else self._predictor.follow(position, data)
            self.display.show(data, self.position, before, after)
            self._await_pause()

    def _show_screen(self, position: int, data: bytes) -> None:
        """Show a screen as a whole, once its last part has come."""
        # If the link is lost before the last part, the terminal must not have shown some lines already.
        self._parts += data
        is_whole = position != protocol.PART
        if not is_whole and len(self._parts) < _MAX_PARTS:
            return
        screen = bytes(self._parts)
        self._parts.clear()
        if self.queries is not None:
            shown = self.queries.screen(screen, position if is_whole else None)
            if not is_whole:
                self._parts += screen[len(shown) :]
            screen = shown
        if not self._awaits_screen and self._line_state is LineState.DRAWN:
            if not self._show_below_line(screen, position if is_whole else None):
                self.redraw()
            return
        # A screen that nobody asked for, behind the first one, may bring only the changed rows of a part. An empty one
        # answers a request, too: output goes on, and the screen comes later.
        is_full = is_whole and screen != b"" and (self._awaits_screen or self.position is None)
        self._awaits_screen = False
        self._skipped = b""
        self.withdraw_guesses()
        gets_line = is_whole and (self._pinned != "" or self._line_state is LineState.REQUESTED)
        self._set_position(position if is_whole else None)
        self.display.show_screen(screen, self.position if is_whole else None, line=self._line if gets_line else "")
        self._screen = screen if is_full and len(screen) <= _MAX_COVERED else None
        if gets_line:
            self._note_drawn()
        else:
            self._await_pause()

    def _set_position(self, position: int | None) -> None:
        self.position = self.position if position is None else position

    def show_skipped(self) -> None:
        """Show the skipped output: an ended session sends no requested screen."""
        self.finish()
        rest = self._skipped + self._frame
        self.display.show(rest if self.queries is None else self.queries.whole(rest))
        self._skipped = b""
        self._frame.clear()

    def finish(self) -> None:
        """Show the output that waits, without sesh's line."""
        self.withdraw_guesses()
        if self._frame or self._below is not None:
            self._show_below_line(stays=False)

    # -- sesh's own line

    @property
    def _pinned(self) -> str:
        return self._link_line or self._asking_line

    @property
    def _line(self) -> str:
        return self._pinned or self._notice

    @property
    def line_columns(self) -> int:
        """The columns that a line has."""
        return self.display.terminal.grid()[0] - 2

    def notify(self, text: str, *, is_own: bool) -> None:
        """Notify the user. `is_own`: of the shown session, which needs no notice."""
        sequence = notification(text, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not is_own:  # the bell alone says nothing
            self.show_notice(text[:MAX_NOTIFICATION])

    def show_notice(self, text: str) -> None:
        """Show a line, instead of the last notice, in the next pause or soon, until a key comes."""
        self._notice = text
        self._timers.clear(self._end_notice)
        if self._line_state is LineState.DRAWN:
            self._draw()
        else:
            self._await_pause()

    def pin_line(self, text: str) -> None:
        """Show a line at once, and until another text is given, also under output; empty: remove the line."""
        before, changes = self._pinned, text != self._link_line
        self._link_line = text
        if text or changes:
            self._show_pinned(before)

    def ask_line(self, text: str, seconds: float = 0.0) -> None:
        """Show a line at once, for its time, also under output and keys; empty: remove the line."""
        if not (text or self._asking_line):
            return
        before, changes = self._pinned, text != self._asking_line
        self._asking_line = text
        self._timers.clear(self.ask_line, "")
        if text:
            self._timers.set(self.ask_line, seconds, "")
        if changes:
            self._show_pinned(before)

    def _show_pinned(self, before: str) -> None:
        if text := self._pinned:
            if text != before or not self.display.covered:
                self._draw()
        elif before:
            if self._notice and self._line_state is LineState.DRAWN:
                self._draw()
            else:
                self._uncover()

    @property
    def ignores_clipboard(self) -> bool:
        """True if the terminal is known to ignore OSC 52: one of VTE's, or macOS's own."""
        return bool(os.environ.get("VTE_VERSION")) or os.environ.get("TERM_PROGRAM") == "Apple_Terminal"

    def insert(self, sequence: bytes) -> None:
        """Send the terminal a sequence, between two of the program's."""
        self.display.insert(sequence)

    def write_clipboard(self, text: bytes) -> bool:
        """Put text on the terminal's clipboard (OSC 52), between two sequences; False if it ignores that."""
        if not self.ignores_clipboard:
            self.display.insert(b"\x1b]52;c;%s\x1b\\" % binascii.b2a_base64(text, newline=False))
        return not self.ignores_clipboard

    def _await_pause(self) -> None:
        """Draw the line in the next pause, or soon if there is none."""
        if not (self._line and self.display.started):
            return
        now = time.monotonic()
        if self._line_state is LineState.NONE:
            self._line_state = LineState.WAITING
            self._waits_since = now
        if self._line_state is LineState.WAITING:
            self._timers.set(self._draw_notice, max(0.0, min(_PAUSE, self._waits_since + _LATEST - now)))

    def _draw_notice(self) -> None:
        if self._screen is not None:
            self._draw()
            return
        self._line_state = LineState.REQUESTED
        if not self._awaits_screen:
            self.redraw()  # with that screen the row below the line is known

    def _draw(self) -> None:
        """Draw the line over what the terminal shows now."""
        self.withdraw_guesses()
        self.display.draw_over_last_row(self._line)
        self._note_drawn()

    def _draw_mark(self, text: str) -> None:
        """Draw a line that stays until output comes."""
        self.withdraw_guesses()
        self.display.draw_over_last_row(text)

    def _take_mark_away(self) -> None:
        if self._line_state is LineState.DRAWN:
            self._draw()
        elif self.display.covered and not self._awaits_screen:
            self.redraw()

    def _note_drawn(self) -> None:
        self._line_state = LineState.DRAWN
        self._drawn_at = time.monotonic()
        self._timers.clear(self._draw_notice)
        if not self._pinned:
            self._timers.ensure(self._end_notice, NOTICE_TIME)

    def show_frame(self) -> None:
        """Show the output that waits, once the last frame was seen for a while, and the terminal has taken it."""
        if not self._frame or self.display.queue.waiting:
            return
        left = self._drawn_at + FRAME_TIME - time.monotonic()
        if left > 0:
            self._timers.ensure(self.show_frame, left)
        elif not self._show_below_line():
            self.redraw()

    def _show_below_line(self, screen: bytes = b"", position: int | None = None, *, stays: bool = True) -> bool:
        """Put the last row back, show the output that waits and a screen, and draw the line again if it `stays`.

        Return False, and do nothing, if the last row is unknown.
        """
        below = self._follow()
        if below is None:
            return False
        put_back, data = below.last_row, bytes(self._frame)
        self._frame.clear()
        self._set_position((self.position or 0) + len(data))
        gets_line = below.follow(data + screen) and below.coverable and stays
        line = self._line if gets_line else ""
        self.display.show(data, self.position, put_back, line="" if screen else line)
        if screen:
            self._set_position(position)
            self.display.show_screen(screen, self.position if position is not None else None, line=line)
        if gets_line:
            self._note_drawn()
        else:
            self._below = None
            self._line_state = LineState.NONE
            self._await_pause()
        return True

    def _follow(self) -> CoveredScreen | None:
        """Return the screen below the line; None if it is unknown."""
        if self._below is None and self._screen is not None:
            from sesh.client.covered import CoveredScreen  # noqa: PLC0415 - loads pyte

            below = CoveredScreen(*self.display.terminal.grid())
            self._below = below if below.follow(self._screen) else None
        self._screen = None
        return self._below

    def _end_notice(self) -> None:
        """Forget the notice, unless it waits for the first screen; put the last row back."""
        self.withdraw_guesses()
        if self.display.started:
            self._notice = ""
            self._timers.clear(self._draw_notice)
            self._timers.clear(self._end_notice)
        if not self._pinned:
            self._uncover()

    def _uncover(self) -> None:
        """Put the last row back, without the daemon if it is known here."""
        was_drawn, self._line_state = self._line_state is LineState.DRAWN, LineState.NONE
        is_known = was_drawn and (self._below is not None or self._frame)  # else it costs time to find out
        if is_known and self._show_below_line(stays=False):
            return
        if self.display.covered and not self._awaits_screen:
            self.redraw()

    def clear(self) -> None:
        """Remove guesses and sesh's lines."""
        self._link_line = self._asking_line = ""
        self._timers.clear(self.ask_line, "")
        self._end_notice()

    def send_input(self, *, typed: bool = False) -> None:
        """Send queued input, if the daemon takes it now, and show its predicted effect. `typed`: remove the notice."""
        sent = self._channel.send_input()
        if typed and self._notice:
            self._end_notice()
        if self._predictor is not None:
            for number, data in sent:
                if self._pinned:  # guesses and the line would share the last row
                    self._predictor.pass_over(number)
                else:
                    self.display.write(self._predictor.input_sent(number, data))

    def handle_prediction(self, kind: int, payload: bytes) -> None:
        if self._predictor is not None:
            self.display.write(self._predictor.handle(kind, payload))

    def follow_round_trip(self, seconds: float) -> None:
        """Start prediction on a long round trip (in seconds), stop prediction on a short one."""
        if self._line_state is LineState.DRAWN:  # guesses and the line would share the last row
            return
        limit = _PREDICT_FROM if self._predictor is None else _PREDICT_UNTIL
        if self._predict == "never" or (self._predict != "always" and seconds <= limit):
            self.withdraw_guesses()
            self._predictor = None
            return
        if self._predictor is None:
            from sesh.client.predict import Predictor  # noqa: PLC0415 - loads pyte

            unechoed = self._channel.input
            self._predictor = Predictor(
                self._channel.send, self.display.terminal.grid, unechoed.number, unechoed.acknowledged
            )
        self._predictor.request_model()

    def withdraw_guesses(self) -> None:
        if self._predictor is not None:
            self.display.write(self._predictor.withdraw())

    def redraw(self) -> None:
        """Request the whole screen, and the output that the terminal lacks."""
        self.withdraw_guesses()
        if self._line_state is LineState.DRAWN:
            self._line_state = LineState.REQUESTED
        self._below = self._screen = None
        self._parts.clear()
        self.redraws += 1
        self._awaits_screen = True
        self._skipped = bytes(self._frame)
        self._frame.clear()
        self._channel.send(protocol.redraw(self.position or 0, self.redraws))

    def size_frame(self) -> bytes:
        return protocol.frame(protocol.RESIZE, protocol.size_payload(*self.display.terminal.size()))

    def resize(self) -> None:
        """Send the terminal's size; remove the notice, and draw a pinned line again with the next screen."""
        if not self.feedback.takes_size():
            return
        self._channel.send(self.size_frame())
        self._below = self._screen = None
        self._end_notice()
        if self._pinned:
            self._uncover()

    def suspend(self) -> None:
        """Give the terminal back; a later `redraw` brings what it has not been given."""
        self.clear()
        self.display.suspend()
        given = self.display.queue.given
        self.position = None if given is None else given.position
