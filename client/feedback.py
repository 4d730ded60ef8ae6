"""Finds out that the session shows the terminal that shows the session.

A session's program may join the multiplexer in which the client runs, by a line in the shell's startup file or because
a person types it. Then all that the terminal is given comes back as the session's output, without end. Only something
that comes round proves that, whatever lies on the way: one multiplexer in another, or a host. It is a line with a
random word. As a person sees that line, it is drawn only if output that came without a pause stops while the terminal
is given nothing, and goes on once the terminal has it, three times.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import Enum, auto

from sesh.client.channel import Channel
from sesh.client.display import MAX_PENDING, Display
from sesh.loop.timers import Timers

_PAUSE = 0.25  # seconds, and two round trips, without output or keys that end a flow
_FIRST_LOOK = 0.5  # seconds of a flow before a look, and from one look to the next, which doubles
_LONGEST_BETWEEN = 60.0  # seconds; a key of a person makes it short again, since who joins a multiplexer types
_ROUNDS = 3  # of silence and new output, until a line is drawn
# A pane beside another one becomes narrower with each round, until the word does not fit: then so many rounds prove it.
_ROUNDS_WITHOUT_LINE = 6
_WORD_SIZE = 8  # columns, and one on both sides
# A silence is so many usual gaps, but lasts `_PAUSE` to so many seconds; yet it is never fewer gaps than the last.
_SILENT_GAPS, _LONGEST_SILENCE, _FEWEST_GAPS = 10, 0.5, 4
# What the terminal was given before it is given nothing comes back for a while: on a busy machine, through several
# multiplexers, for long. So a look waits for a part of the time since the look before: none is long at first.
_UNDER_WAY, _LONGEST_UNDER_WAY = 0.1, 0.4  # a part of that time; seconds. Two round trips are added
# If the terminal's size changed, it waits for the longest time: tmux fits a window to a terminal after 250 ms.
_BURST = 0.1  # seconds whose keys may come at once
_WORD_COMES = 1.0  # seconds, and two round trips, for the word to come back
_KEYS_OF_A_PERSON = 100.0  # reads of keys and reports in a second; more are keys that come round


class FeedbackState(Enum):
    """How far a look is.

    WATCHING ──a long flow──▶ HOLDING ──silence──▶ RELEASED ──output──▶ HOLDING again, then MARKED ──the word──▶ FOUND
    All else leads back to WATCHING.
    """

    WATCHING = auto()
    HOLDING = auto()  # the terminal is given nothing
    RELEASED = auto()  # it has been given what was held
    MARKED = auto()  # the line with the word was drawn
    FOUND = auto()


class Feedback:
    """Looks for the loop while output or keys flow; else it does nothing.

    `mark` draws a line over the last row, and `unmark` puts that row back. `send_size` sends the terminal's size to the
    daemon, and `send_input` the input: they come round, too, so they wait during a look. `round_trip`: of the link, in
    seconds.
    """

    def __init__(
        self,
        display: Display,
        channel: Channel,
        timers: Timers,
        mark: Callable[[str], object],
        unmark: Callable[[], object],
        send_size: Callable[[], object],
        send_input: Callable[[], object],
    ) -> None:
        self.state = FeedbackState.WATCHING
        self.round_trip = 0.0
        self._display, self._channel, self._timers = display, channel, timers
        self._mark, self._unmark, self._send_size, self._send_input = mark, unmark, send_size, send_input
        self._word, self._tail = b"", b""
        self._under_way = 0.0  # seconds of a look in which what was under way may still come
        self._silence = 0.0  # seconds after that in which what comes refutes a loop
        self._silent_from = 0.0  # time (monotonic) at which the silence begins
        self._latest = 0.0  # time (monotonic) of the last output or key
        self._latest_key = 0.0  # time (monotonic) of the last key
        self._keys_flow = False  # they come faster than a person's
        self._size_waits = False
        self._rounds = 0
        self._look_soon()
        self._begin_flow(0.0)

    @property
    def found(self) -> bool:
        return self.state is FeedbackState.FOUND

    @property
    def _pause(self) -> float:
        """The seconds without output or keys that end a flow."""
        return _PAUSE + 2 * self.round_trip

    def _begin_flow(self, now: float) -> None:
        """Count anew from what comes now: a pause was before it."""
        self._began = now
        self._count = 0  # outputs and keys since
        self._keys = 0  # reads since
        self._sizes = 0  # changes since

    def _look_soon(self) -> None:
        """Let the next look come as early as the first one."""
        self._between = _FIRST_LOOK  # seconds from a look to the next one
        self._next_look = 0.0  # time (monotonic)

    def output(self, data: bytes) -> None:
        """Note output or a screen, before it is shown."""
        self._note_flow(time.monotonic())
        if self.state is FeedbackState.MARKED:
            seen = self._tail + data
            self._tail = seen[-len(self._word) :]
            if self._word in seen:
                self._timers.clear(self._give_up)
                self.state = FeedbackState.FOUND

    def keys(self) -> None:
        """Note input, reports included, before it is sent. A person who types does not wait for their echo."""
        self._keys += 1
        self._latest_key = now = time.monotonic()
        if self.state in (FeedbackState.HOLDING, FeedbackState.RELEASED) and not self._keys_flow:
            self._end_look()
        self._note_flow(now)
        if self._is_of_a_person(now):
            self._look_soon()

    def takes_size(self) -> bool:
        """Note a change of the terminal's size; return whether to send it now."""
        self._sizes += 1
        self._size_waits = self.state not in (FeedbackState.WATCHING, FeedbackState.FOUND)
        return not self._size_waits

    def _is_of_a_person(self, now: float) -> bool:
        """Return whether the keys of this flow are so few that a person may have typed them."""
        return self._keys <= _KEYS_OF_A_PERSON * (now - self._began + _BURST)

    def _note_flow(self, now: float) -> None:
        """Note that output or keys have come, which begins a look, refutes a loop, or confirms one."""
        if self.state is FeedbackState.WATCHING:
            if now - self._latest > self._pause:
                self._begin_flow(now)
            self._latest = now
            self._count += 1
            if now - self._began >= _FIRST_LOOK and now >= self._next_look and self._display.started:
                self._look_unless_typed_to(now)
        elif self.state is FeedbackState.HOLDING:
            if now >= self._silent_from or len(self._display.queue.waiting) > MAX_PENDING:
                self._end_look()
        elif self.state is FeedbackState.RELEASED:
            self._timers.clear(self._end_look)
            self._rounds += 1
            fits = self._display.terminal.grid()[0] >= _WORD_SIZE + 2
            if self._rounds < (_ROUNDS if fits else _ROUNDS_WITHOUT_LINE):
                self._hold(now)
            elif fits:
                self._draw_word()
            else:
                self.state = FeedbackState.FOUND

    def _look_unless_typed_to(self, now: float) -> None:
        self._keys_flow = not self._is_of_a_person(now)
        if now - self._latest_key <= self._pause and not self._keys_flow:
            return
        usual_gap = (now - self._began) / self._count
        longest = max(_LONGEST_SILENCE, _FEWEST_GAPS * usual_gap)
        self._silence = min(max(_PAUSE, _SILENT_GAPS * usual_gap), longest)
        under_way = _LONGEST_UNDER_WAY if self._sizes else min(_UNDER_WAY * self._between, _LONGEST_UNDER_WAY)
        self._under_way = under_way + 2 * self.round_trip
        self._next_look = now + self._between
        self._between = min(2 * self._between, _LONGEST_BETWEEN)
        self._rounds = 0
        self._hold(now)

    def _hold(self, now: float) -> None:
        self.state = FeedbackState.HOLDING
        self._display.held = self._channel.input.held = True
        self._silent_from = now + self._under_way
        self._timers.set(self._release, self._under_way + self._silence)

    def let_go(self) -> None:
        """Pass on what is held."""
        self._display.held = self._channel.input.held = False
        self._display.flush()
        self._send_input()

    def _release(self) -> None:
        self.state = FeedbackState.RELEASED
        self._timers.set(self._end_look, self._pause)
        self.let_go()

    def _draw_word(self) -> None:
        self.state = FeedbackState.MARKED
        self._word, self._tail = os.urandom(_WORD_SIZE // 2).hex().encode(), b""
        self._timers.set(self._give_up, _WORD_COMES + 2 * self.round_trip)
        self._mark(f"{self._word.decode()} · does the session show this terminal?")

    def _give_up(self) -> None:
        self._unmark()
        self._end_look()

    def _end_look(self) -> None:
        """Pass on what is held, and watch the flow again."""
        self.state = FeedbackState.WATCHING
        for call in (self._release, self._end_look):
            self._timers.clear(call)
        self.let_go()
        self._latest = time.monotonic()
        if self._size_waits:
            self._size_waits = False
            self._send_size()
