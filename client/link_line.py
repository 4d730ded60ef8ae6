"""The line that reports a doubted or lost link, and the login after a refusal."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

from sesh import measures
from sesh.client.attachment_end import AttachmentEnd, EndKind
from sesh.client.display import Display
from sesh.client.view import ClientTimer, TerminalView
from sesh.errors import NO_ANSWER, AuthenticationFailed, LoginRefused, SeshError, TimedOut, Unreachable
from sesh.link.health import Health
from sesh.loop.timers import Timers
from sesh.wire import Connection

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper

DRAW_AFTER = 1.0  # a link must be doubted for so many seconds before the line is drawn
_RETRIED = LoginRefused, Unreachable, TimedOut, OSError  # errors of a login after which the user may try again


class LinkLine:
    """The line of one attachment. `leave_hint`: names the key that leaves."""

    def __init__(self, view: TerminalView, timers: Timers, host: str, leave_hint: str) -> None:
        self._view = view
        self._timers = timers
        self._host = host
        self._leave_hint = leave_hint
        self._text = ""  # empty while no line is drawn

    def forget(self) -> None:
        """Forget the line, because a new screen will cover it."""
        self._timers.clear(ClientTimer.DOUBT)
        self._text = ""

    def remove(self) -> None:
        """Remove the line, because bytes have come over the link."""
        drawn = self._text != ""
        self.forget()
        if drawn:
            self._view.redraw()

    def update(self, keeper: LinkKeeper) -> None:
        """Draw the line if the link is doubted for long; draw later changes at once."""
        if keeper.up:
            self._timers.clear(ClientTimer.DOUBT)
        elif self._text:
            self._draw(keeper)
        else:
            self._timers.ensure(ClientTimer.DOUBT, DRAW_AFTER, partial(self._draw, keeper))

    def _draw(self, keeper: LinkKeeper) -> None:
        display = self._view.display
        reason = keeper.reason
        lost = keeper.health.state is Health.LOST
        state, preposition = ("no link", "to") if lost else ("no answer", "from")
        why = f" ({reason})" if reason not in ("", NO_ANSWER) else ""  # the reason may have a URL to log in at
        heard = measures.time_of_day(keeper.heard_time)
        text = f"{state} {preposition} {self._host} since {heard}{why}; Enter tries now, {self._leave_hint}"
        if len(text) > display.terminal.grid()[0] - 2:
            text = f"{state}{why}; Enter tries, {self._leave_hint}"
        if text != self._text or not display.covered:
            self._view.remove_overlays()
            display.cover(text)  # not by `Notice.say`: the daemon cannot send the screen now
            self._text = text


def log_in(
    display: Display, keeper: LinkKeeper, name: str, host: str, refusal: LoginRefused
) -> Connection | AttachmentEnd:
    """Let the user log in; return the next link, or the end of the attachment."""
    try:
        return _await_login(display, keeper, host, refusal)
    except EOFError:
        return AttachmentEnd(EndKind.DETACHED, name, host, reason="hangup")
    except KeyboardInterrupt as interrupt:  # while the terminal is not raw, Ctrl-\ and Ctrl-C are signals
        number = interrupt.args[0]
        kinds = {signal.SIGQUIT: EndKind.DETACHED, signal.SIGINT: EndKind.LOST}
        return AttachmentEnd(kinds.get(number, EndKind.SIGNAL), name, host, signal=number)
    except SeshError as error:  # another login would fail too
        return AttachmentEnd.failed(name, host, error)


def _await_login(display: Display, keeper: LinkKeeper, host: str, error: Exception) -> Connection:
    """Attempt at each Enter until the user is logged in; return the next link.

    `error`: of the last attempt. Raises EOFError if the terminal goes away, KeyboardInterrupt with a signal's number,
    and the error after which another login would fail too.
    """
    terminal = display.terminal
    while True:
        for line in _login_lines(host, error):
            display.print_line(line)
        try:
            with terminal.lent_to_ssh():
                if not terminal.await_enter():
                    raise EOFError
                return keeper.log_in()
        except _RETRIED as failed:
            error = failed
        finally:
            terminal.drop_input()


def _login_lines(host: str, error: Exception) -> list[str]:
    if isinstance(error, AuthenticationFailed):
        return [f"{host} {error.reason}: Enter logs in, Ctrl-\\ leaves"]
    return [str(error), "Enter tries again, Ctrl-\\ leaves"]
