"""Reconnecting an attachment whose link to another host was lost, while the user may still leave."""

from __future__ import annotations

import select
import time

from sesh import wire
from sesh.client.outcome import Outcome
from sesh.client.race import Attempts
from sesh.errors import Ended, LoginRefused, SeshError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.client.attachment import Attachment
    from sesh.client.display import Display
    from sesh.client.race import Reconnect
    from sesh.keepalive import Backoff

_NOTICE_AFTER = 1.0
"""Seconds after which a notice is shown: a link that is back sooner costs not even a redraw."""


class Reconnector:
    """One reconnection: waits for attempts with back-off, until there is a connection or no reason to go on.

    `since` is the position of the first missing byte. Attempts that the attachment has under way are continued.
    """

    def __init__(
        self, attachment: Attachment, display: Display, reconnect: Reconnect, since: int, backoff: Backoff
    ) -> None:
        self._attachment, self._display, self._reconnect, self._since = attachment, display, reconnect, since
        self._backoff = backoff
        self.notice_shown = False
        """True if the person was told of the lost link."""
        self.logged_in = False
        """True if the person was asked to log in on the terminal, which then shows nothing of the session."""

    def run(self) -> Outcome | wire.Connection:
        """Wait for the new connection; return the outcome of the attachment if there is none."""
        attachment = self._attachment
        attachment.go_offline()
        if attachment.channel.raced is not None:
            return self._outcome_or_connection(attachment.channel.raced)
        result: Outcome | wire.Connection | Exception | None
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
            from sesh.client.login import Login

            self.logged_in = True
            result = Login(attachment, self._display, lambda: self._attempt(ask=True)).run(result)
        return self._outcome_or_connection(result)

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

    def _outcome_or_connection(self, result: Outcome | wire.Connection | Exception) -> Outcome | wire.Connection:
        attachment = self._attachment
        if isinstance(result, (Outcome, wire.Connection)):
            return result
        if isinstance(result, Ended):
            code, number = result.result.get("exit_code"), result.result.get("signal")
            return Outcome.ended(attachment.name, attachment.host, code, number)
        if not isinstance(result, SeshError):
            raise result  # a fault of our own, which is not to be lost in a thread
        attachment.closing_lines.append(str(result))
        return attachment.outcome("lost")

    def _attempt(self, _stop: object = None, *, ask: bool = False) -> wire.Connection:
        attachment = self._attachment
        heard_at = attachment.channel.keepalive.heard_at
        name, host, session_id = attachment.name, attachment.host or "", attachment.session_id
        return self._reconnect(name, host, session_id, self._since, heard_at, ask=ask)
