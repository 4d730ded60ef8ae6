"""The line that reports a silent link, and the login after a refusal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sesh import measures
from sesh.client.display import Display
from sesh.client.view import TerminalView, Timer
from sesh.errors import NO_ANSWER, LoginRefused, TimedOut, Unreachable
from sesh.link.health import Health
from sesh.loop.timers import Timers
from sesh.wire import Connection

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper

SAY_AFTER = 1.0  # seconds of doubt after which the line reports it; a link that is heard sooner costs no redraw
_RETRIED = LoginRefused, Unreachable, TimedOut, OSError  # errors of a login after which the user may try again


class LinkLine:
    """The line of one attachment. `leaves`: names the key that leaves."""

    def __init__(self, view: TerminalView, timers: Timers, host: str, leaves: str) -> None:
        self._view, self._timers = view, timers
        self._host, self._leaves = host, leaves
        self._text = ""

    def reset(self) -> None:
        """Forget the line: another link has replaced the doubted one, and covers it."""
        self._timers.clear(Timer.DOUBT)
        self._text = ""

    def remove(self) -> None:
        """Remove the line, because bytes have come over the link: the doubt is over."""
        shown = self._text != ""
        self.reset()
        if shown:
            self._view.redraw()

    def update(self, keeper: LinkKeeper) -> None:
        """Draw the line if the link is doubted for long; draw later changes at once."""
        if keeper.up:
            self._timers.clear(Timer.DOUBT)
        elif self._text:
            self._draw(keeper)
        else:
            self._timers.ensure(Timer.DOUBT, SAY_AFTER, partial(self._draw, keeper))

    def _draw(self, keeper: LinkKeeper) -> None:
        display, reason = self._view.display, keeper.reason
        lost = keeper.health.state is Health.LOST
        state, preposition = ("no link", "to") if lost else ("no answer", "from")  # without a link, Ctrl-C gives up
        why = f" ({reason})" if reason not in ("", NO_ANSWER) else ""  # it may have a URL to log in at
        heard = measures.time_of_day(keeper.heard_time)
        text = f"{state} {preposition} {self._host} since {heard}{why}; Enter tries now, {self._leaves}"
        if len(text) > display.terminal.grid()[0] - 2:
            text = f"{state}{why}; Enter tries, {self._leaves}"
        if text != self._text or not display.covered:
            self._view.take_back()
            display.cover(text)  # not by `NoticeLine.say`: the daemon cannot send the screen now
            self._text = text


def log_in(display: Display, keeper: LinkKeeper, host: str, reason: Exception) -> Connection:
    """Let the user log in, who begins each attempt with Enter; return the next link.

    Raises EOFError if the terminal goes away, KeyboardInterrupt with a signal's number, and the error after which
    another login would not help.
    """
    terminal = display.terminal
    while True:
        for line in _login_lines(host, reason):
            display.print_line(line)
        try:
            with terminal.lent():
                if not terminal.await_enter():
                    raise EOFError
                return keeper.log_in()
        except _RETRIED as error:
            reason = error
        finally:
            terminal.drop_input()


def _login_lines(host: str, reason: Exception) -> list[str]:
    """Return the lines that say why and how to log in."""
    if isinstance(reason, LoginRefused) and reason.asks:
        return [f"{host} {reason.reason}: Enter logs in, Ctrl-\\ leaves"]
    return [str(reason), "Enter tries again, Ctrl-\\ leaves"]
