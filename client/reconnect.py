"""A link to another host that was lost: tried again while the person may leave, taken up where it broke."""

from __future__ import annotations

import os
import select

from sesh import wire
from sesh.client.outcome import Outcome
from sesh.errors import Ended, SeshError, TimedOut, Unreachable
from sesh.keepalive import backoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sesh.client.attachment import Visit
    from sesh.client.display import Display

    Again = Callable[[str, str, str, int, float], wire.Connection]

_QUIET = 1.0
"""Seconds after which the person is told: a link that is mended sooner costs not even a redraw."""


class Mending:
    """One outage. `again` gives a new connection, and may take its time; `since` is the first byte that is missing."""

    def __init__(self, visit: Visit, display: Display, again: Again, since: int) -> None:
        self.visit, self.display, self._again, self._since = visit, display, again, since
        self.told = False
        """Whether a line about it was laid over the screen, which has to be drawn anew then."""
        self._found: wire.Connection | SeshError | None = None

    def run(self) -> Outcome | wire.Connection:
        """Waits until the link stands again, or until there is no more reason to wait."""
        import threading

        visit = self.visit
        host = visit.host or ""
        over = threading.Event()
        inbound, outbound = os.pipe()
        thread = threading.Thread(target=self._try, args=(over, outbound), daemon=True)
        thread.start()
        poll = select.poll()
        for descriptor in (inbound, visit.terminal.inbound, visit.terminal.signals):
            poll.register(descriptor, select.POLLIN)
        outcome = None
        visit.lost()
        while self._found is None and outcome is None:
            ready = poll.poll(None if self.told else _QUIET * 1000)
            if not ready and not self.told:
                self.told = True
                self.display.notice(f"the link to @{host} is lost; trying to come back (the detach key leaves)")
            outcome = visit.offline({descriptor for descriptor, _ in ready} - {inbound})
        over.set()
        os.close(inbound)
        if outcome is not None:
            return outcome  # the thread ends with the process, or with its next pause
        return self._result()

    def _result(self) -> Outcome | wire.Connection:
        found, name, host = self._found, self.visit.name, self.visit.host
        if isinstance(found, Ended):
            return Outcome.ended(name, host, found.result.get("exit_code"), found.result.get("signal"))
        if isinstance(found, wire.Connection):
            return found
        if found is not None:
            self.visit.lines.append(str(found))
        return Outcome("lost", name, host)

    def _try(self, over: threading.Event, outbound: int) -> None:
        """In a thread: asks for the connection until it comes, or until something else than the link is wrong."""
        visit = self.visit
        found: wire.Connection | SeshError | None = None
        for pause in backoff():
            if over.wait(pause):
                break
            try:
                found = self._again(visit.name, visit.host or "", visit.number, self._since, visit.keepalive.heard_at)
                break
            except (Unreachable, TimedOut):
                continue
            except SeshError as error:
                found = error
                break
        if over.is_set():
            if isinstance(found, wire.Connection):
                found.close()
        else:
            self._found = found
        try:
            os.write(outbound, b".")
        except BrokenPipeError:
            pass  # nobody waits any more
        os.close(outbound)
