"""Reconnecting an attachment whose link to another host was lost, while the user may still leave.

A host that lets nobody in without a person is logged in to in place.
"""

from __future__ import annotations

import select
import time

from sesh import wire
from sesh.client.outcome import Outcome
from sesh.client.race import Attempts
from sesh.client.terminal import EXIT_SIGNALS
from sesh.errors import Ended, LoginRefused, NotFound, SeshError, TimedOut, Unreachable
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.client.attachment import Attachment
    from sesh.client.race import Reconnect
    from sesh.keepalive import Backoff

_NOTICE_AFTER = 1.0
"""Seconds after which a notice is shown: a link that is back sooner costs not even a redraw."""


class Reconnector:
    """One reconnection: waits for attempts with back-off, until there is a connection or no reason to go on.

    `since` is the position of the first missing byte. Attempts that the attachment has under way are continued.
    """

    def __init__(self, attachment: Attachment, reconnect: Reconnect, since: int, backoff: Backoff) -> None:
        self._attachment, self._display = attachment, attachment.display
        self._reconnect, self._since, self._backoff = reconnect, since, backoff
        self.notice_shown = False
        """True if the person was told of the lost link."""
        self.logged_in = False
        """True if the person was asked to log in on the terminal, which then shows nothing of the session."""

    def run(self) -> Outcome | wire.Connection:
        """Wait for the new connection; return the outcome of the attachment if there is none."""
        attachment = self._attachment
        attachment.go_offline()
        result: Outcome | wire.Connection | Exception | None = attachment.channel.raced
        if result is None:
            under_way = attachment.channel.take_attempts()
            result = self._wait(under_way) if isinstance(under_way, Attempts) else under_way
        if not isinstance(result, (Outcome, wire.Connection, Ended, LoginRefused)):
            try:
                attempts = Attempts(self._attempt, self._backoff)
            except OSError as error:
                attachment.closing_lines.append(f"cannot reconnect: {error.strerror}")
                return attachment.outcome("lost")
            result = self._wait(attempts)
        if isinstance(result, LoginRefused):
            result = self._log_in(result)
        if isinstance(result, (Outcome, wire.Connection)):
            return result
        if isinstance(result, Ended):
            end = result.result
            code, number, reason = end.get("exit_code"), end.get("signal"), end.get("reason")
            return Outcome.ended(attachment.name, attachment.host, code, number, reason)
        if not isinstance(result, SeshError):
            raise result  # a fault of our own, which is not to be lost in a thread
        outcome = attachment.outcome("lost")
        if isinstance(result, NotFound):
            outcome.said = result.line(attachment.host)
        else:
            attachment.closing_lines.append(str(result))
        return outcome

    def _wait(self, attempts: Attempts) -> Outcome | wire.Connection | Exception:
        """Return the attempts' result, or the outcome if the person left meanwhile."""
        attachment = self._attachment
        descriptors = (attempts.descriptor, attachment.terminal.inbound, attachment.terminal.signals)
        watched = [(descriptor, select.POLLIN) for descriptor in descriptors]
        while attempts.result is None:
            deadline = None if self.notice_shown else time.monotonic() + _NOTICE_AFTER
            ready = wire.polled(watched, deadline)
            dropping = attachment.input.dropping
            outcome = attachment.serve_offline(ready, attachment.hold)
            if attachment.input.dropping != dropping or not (ready or self.notice_shown):
                self.notice_shown = True
                self._display.notice(self._notice(attempts))
            if outcome is not None:
                attempts.give_up()
                return outcome
        attempts.close()
        return attempts.result

    def _notice(self, attempts: Attempts) -> str:
        why = f" ({attempts.local_error} here)" if attempts.local_error else ""
        more = "; input is dropped from now on" if self._attachment.input.dropping else " (the detach key leaves)"
        return f"lost the link to @{self._attachment.host}{why}; reconnecting{more}"

    def _attempt(self, _stop: object = None, *, ask: bool = False) -> wire.Connection:
        attachment = self._attachment
        heard_at = attachment.channel.keepalive.heard_at
        name, host, session_id = attachment.name, attachment.host or "", attachment.session_id
        return self._reconnect(name, host, session_id, self._since, heard_at, ask=ask)

    # -- a login that the person at the terminal is asked for

    def _log_in(self, reason: SeshError | OSError) -> Outcome | wire.Connection | SeshError:
        """Return the connection, the outcome if the person leaves instead, or the error that no login helps against.

        Nothing is tried before Enter, and no input is kept. The terminal shows the session no longer, and makes room
        for its SCREEN if there is a connection.
        """
        attachment, display = self._attachment, self._display
        self.logged_in = True
        display.suspend()
        display.line(f"lost the link to @{attachment.host}; {attachment.name} keeps running")
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
        while not any(enter in keys for enter in (b"\r", b"\n") for keys in typed):
            typed.clear()
            outcome = self._attachment.serve_offline(wire.polled(watched, None), typed.append)
            if outcome is not None:
                return outcome
            if display.started:  # stopped and continued, it has made room for the session
                display.suspend()
                self._say(reason)
        return None

    def _say(self, reason: SeshError | OSError) -> None:
        key, host = self._attachment.options.detach_key, self._attachment.host
        leaves = f"{key.name if key is not None else 'Ctrl-C'} leaves"
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
            return self._attempt(ask=True)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            terminal.raw(flush=True)
            terminal.take_signals()


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)
