"""Reconnecting an attachment whose link to another host was lost, while the user may still leave."""

from __future__ import annotations

import os
import select

from sesh import wire
from sesh.client.outcome import Outcome
from sesh.errors import Ended, LocalFault, SeshError, TimedOut, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sesh.client.attachment import Attachment
    from sesh.client.display import Display
    from sesh.keepalive import Backoff

    Reconnect = Callable[[str, str, str, int, float], wire.Connection]

_NOTICE_AFTER = 1.0
"""Seconds after which a notice is shown: a link that is back sooner costs not even a redraw."""


class Reconnector:
    """Reconnects once: tries with back-off, in a thread, until there is a connection or no reason to go on.

    `reconnect` makes one attempt (see `attach`) and may block; `since` is the position of the first missing byte.
    """

    def __init__(
        self, attachment: Attachment, display: Display, reconnect: Reconnect, since: int, backoff: Backoff
    ) -> None:
        self.attachment, self.display, self._reconnect, self._since = attachment, display, reconnect, since
        self._backoff = backoff
        self.notice_shown = False
        """Whether a notice covers a row of the screen, which then has to be redrawn."""
        self._result: wire.Connection | Exception | None = None
        self._local_error = ""

    def run(self) -> Outcome | wire.Connection:
        """Wait for the new connection; the outcome of the attachment where there is none."""
        import threading

        attachment = self.attachment
        given_up = threading.Event()
        try:
            inbound, outbound = os.pipe()
        except OSError as error:
            attachment.closing_lines.append(f"cannot reconnect: {error.strerror}")
            return Outcome("lost", attachment.name, attachment.host)
        thread = threading.Thread(target=self._try, args=(given_up, outbound), daemon=True)
        thread.start()
        poll = select.poll()
        for descriptor in (inbound, attachment.terminal.inbound, attachment.terminal.signals):
            poll.register(descriptor, select.POLLIN)
        outcome = None
        attachment.go_offline()
        while self._result is None and outcome is None:
            ready = poll.poll(None if self.notice_shown else _NOTICE_AFTER * 1000)
            if not ready and not self.notice_shown:
                self.notice_shown = True
                self.display.notice(self._notice())
            outcome = attachment.serve_offline({descriptor for descriptor, _ in ready} - {inbound})
        given_up.set()
        os.close(inbound)
        if outcome is not None:
            return outcome  # the thread ends with the process, or after its next pause
        return self._outcome_or_connection()

    def _notice(self) -> str:
        why = f" ({self._local_error} here)" if self._local_error else ""
        return f"lost the link to @{self.attachment.host}{why}; reconnecting (the detach key leaves)"

    def _outcome_or_connection(self) -> Outcome | wire.Connection:
        result, name, host = self._result, self.attachment.name, self.attachment.host
        if isinstance(result, wire.Connection):
            return result
        if isinstance(result, Ended):
            return Outcome.ended(name, host, result.result.get("exit_code"), result.result.get("signal"))
        if result is not None and not isinstance(result, SeshError):
            raise result  # a fault of our own, which is not to be lost in a thread
        self.attachment.closing_lines.append(str(result))
        return Outcome("lost", name, host)

    def _attempt(self) -> wire.Connection:
        attachment = self.attachment
        heard_at = attachment.keepalive.heard_at
        return self._reconnect(attachment.name, attachment.host or "", attachment.session_id, self._since, heard_at)

    def _try(self, given_up: threading.Event, outbound: int) -> None:
        """In the thread: try until it works, or until something other than the link is wrong."""
        result: wire.Connection | Exception | None = None
        for pause in self._backoff.pauses():
            if given_up.wait(pause):
                break
            try:
                result = self._attempt()
                self._backoff.opened()
                break
            except LocalFault as error:  # a full disk, no descriptor or process left: that may pass too
                self._local_error = error.reason
            except (Unreachable, TimedOut):
                self._local_error = ""
            except OSError as error:  # a full disk, no descriptor or process left: that may pass too
                self._local_error = error.strerror or str(error)
            except Exception as error:
                result = error
                break
        if given_up.is_set():
            if isinstance(result, wire.Connection):
                result.close()
        else:
            self._result = result
        try:
            os.write(outbound, b".")
        except BrokenPipeError:
            pass  # nobody waits any more
        os.close(outbound)
