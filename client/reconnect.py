"""Reconnecting an attachment whose link to another host was lost, while the user may still leave.

A host that lets nobody in without a person is logged in to in place.
"""

from __future__ import annotations

import select
import signal

from sesh import wire
from sesh.client.attachment import Attachment, extended
from sesh.client.link_watch import ENTER, LinkWatch
from sesh.client.outcome import Outcome
from sesh.client.terminal import EXIT_SIGNALS
from sesh.errors import Ended, LoginRefused, NotFound, SeshError, TimedOut, Unreachable
from sesh.link.race import Result
from sesh.typed import pressed


class Reconnector:
    """One reconnection: waits until there is a connection, or no reason to go on."""

    def __init__(self, attachment: Attachment, link: LinkWatch) -> None:
        self._attachment, self._display, self._link = attachment, attachment.display, link
        self.logged_in = False
        """True if the person was asked to log in on the terminal, which then shows nothing of the session."""

    def run(self) -> Outcome | wire.Connection:
        """Wait for the new connection; return the outcome of the attachment if there is none."""
        attachment = self._attachment
        attachment.go_offline()
        if self._link.replacement is None:
            self._link.reopen.closed()
            outcome = self._wait()
            if outcome is not None:
                return outcome
        result: Outcome | Result | None = self._link.replacement
        if isinstance(result, LoginRefused):
            result = self._log_in(result)
        if isinstance(result, (Outcome, wire.Connection)):
            return result
        if isinstance(result, Ended):
            end = result.result
            code, number, reason = end.get("exit_code"), end.get("signal"), end.get("reason")
            return Outcome.ended(attachment.name, attachment.host, code, number, reason)
        if not isinstance(result, SeshError):
            assert result is not None  # noqa: S101 (`_wait` waits for it)
            raise result  # a fault of our own, which is not to be lost in a thread
        outcome = attachment.outcome("lost")
        if isinstance(result, NotFound):
            outcome.said = result.line(attachment.host)
        else:
            attachment.closing_lines = extended(attachment.closing_lines, str(result))
        return outcome

    def _wait(self) -> Outcome | None:
        """Wait for the replacement; return the outcome if the person leaves before."""
        attachment, terminal, link = self._attachment, self._attachment.terminal, self._link

        def hold(keys: bytes) -> None:
            attachment.hold(keys)
            link.typed([("input", keys)])

        while link.replacement is None:
            descriptors = terminal.inbound, terminal.signals, *link.reopen.descriptors
            ready = wire.polled([(descriptor, select.POLLIN) for descriptor in descriptors], link.due)
            outcome = attachment.serve_offline(ready, hold)
            if outcome is not None:
                return outcome
            link.look_after(ready, dropping=attachment.input.dropping)
        return None

    # -- a login that the person at the terminal is asked for

    def _log_in(self, reason: SeshError | OSError) -> Outcome | wire.Connection | SeshError:
        """Return the connection, the outcome if the person leaves instead, or the error that no login helps against.

        Nothing is tried before Enter, and no input is kept. The terminal shows the session no longer, and makes room
        for its SCREEN if there is a connection.
        """
        attachment, display = self._attachment, self._display
        self.logged_in = True
        display.suspend()
        display.line(f"no link to {attachment.host} since {self._link.since}; {attachment.name} keeps running")
        if attachment.input.drop():
            display.line("what was typed since then was dropped")
        while True:
            outcome = self._wait_for_enter(reason)
            if outcome is not None:
                return outcome
            try:
                connection = self._attempt_on_terminal()
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
        while not any(pressed(keys, *ENTER) for keys in typed):
            typed.clear()
            outcome = self._attachment.serve_offline(wire.polled(watched, None), typed.append)
            if outcome is not None:
                return outcome
            if display.started:  # stopped and continued, it has made room for the session
                display.suspend()
                self._say(reason)
        return None

    def _say(self, reason: SeshError | OSError) -> None:
        host, leaves = self._attachment.host, self._attachment.options.leaves
        if isinstance(reason, LoginRefused) and reason.asks:
            self._display.line(f"{host} asks for a password or a second factor: Enter logs in, {leaves}")
        else:
            self._display.line(str(reason))
            self._display.line(f"Enter tries again, {leaves}")

    def _attempt_on_terminal(self) -> wire.Connection:
        """Make an attempt with the terminal as it was before it was raw; drop input beside ssh's prompt.

        Raises KeyboardInterrupt, with its number, at a signal that ends the client.
        """
        terminal = self._attachment.terminal
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTSTP, *EXIT_SIGNALS)}
        try:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            for number in EXIT_SIGNALS:
                signal.signal(number, _interrupt)
            terminal.cooked()
            return self._link.reopen.log_in()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            terminal.raw(flush=True)
            terminal.take_signals()


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)
