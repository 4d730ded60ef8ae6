"""Logging in again, in place, on a host whose link was lost and that lets nobody in without a person."""

from __future__ import annotations

import select

from sesh import wire
from sesh.client.outcome import Outcome
from sesh.client.terminal import EXIT_SIGNALS
from sesh.errors import LoginRefused, SeshError, TimedOut, Unreachable
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.client.attachment import Attachment
    from sesh.client.display import Display

_ENTER = (b"\r", b"\n")


class Login:
    """A login that the person at the terminal is asked for: nothing is tried before Enter, and no input is kept.

    `attempt` makes the connection, and lets ssh prompt on the terminal.
    """

    def __init__(self, attachment: Attachment, display: Display, attempt: Callable[[], wire.Connection]) -> None:
        self._attachment, self._display, self._attempt = attachment, display, attempt

    def run(self, refusal: Unreachable) -> Outcome | wire.Connection | SeshError:
        """Return the connection, the outcome if the person leaves instead, or the error that no login helps against.

        The terminal shows the session no longer, and makes room for its SCREEN if there is a connection.
        """
        attachment, display = self._attachment, self._display
        display.suspend()
        display.line(f"lost the link to @{attachment.host}; {attachment.name} keeps running")
        if attachment.input.drop():
            display.line("what was typed since then was dropped")
        reason: SeshError | OSError = refusal
        while True:
            outcome = self._wait_for_enter(reason)
            if outcome is not None:
                return outcome
            try:
                connection = self._lend_terminal()
            except KeyboardInterrupt as interrupt:  # the keys that leave and give up make signals here
                number = interrupt.args[0]
                kind = {signal.SIGQUIT: "detached", signal.SIGINT: "lost"}.get(number, "signal")
                return attachment.outcome(kind, number=number)
            except (Unreachable, TimedOut, OSError) as error:
                reason = error
            except SeshError as error:
                return error
            else:
                display.resume()
                return connection

    def _wait_for_enter(self, reason: SeshError | OSError) -> Outcome | None:
        """Say why there is no connection, and wait until Enter is pressed; return the outcome if the person leaves."""
        terminal, display = self._attachment.terminal, self._display
        watched = [(terminal.inbound, select.POLLIN), (terminal.signals, select.POLLIN)]
        typed: list[bytes] = []
        self._say(reason)
        while not any(enter in keys for enter in _ENTER for keys in typed):
            typed.clear()
            outcome = self._attachment.serve_offline(wire.polled(watched, None), typed.append)
            if outcome is not None:
                return outcome
            if display.started:  # stopped and continued, it has made room for the session
                display.suspend()
                self._say(reason)
        return None

    def _say(self, reason: SeshError | OSError) -> None:
        key = self._attachment.options.detach_key
        leaves = f"{key.name if key is not None else 'Ctrl-C'} leaves"
        if isinstance(reason, LoginRefused) and reason.asks:
            host = self._attachment.host
            self._display.line(f"{host} asks for a password or a second factor: Enter logs in, {leaves}")
        else:
            self._display.line(str(reason))
            self._display.line(f"Enter tries again, {leaves}")

    def _lend_terminal(self) -> wire.Connection:
        """Make the attempt with the terminal as it was before it was raw; drop input beside ssh's prompt.

        Raises KeyboardInterrupt, with its number, at a signal that ends the client.
        """
        terminal = self._attachment.terminal
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTSTP, *EXIT_SIGNALS)}
        try:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            for number in EXIT_SIGNALS:
                signal.signal(number, _interrupt)
            terminal.cooked()
            return self._attempt()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            terminal.raw(flush=True)
            terminal.take_signals()


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)
