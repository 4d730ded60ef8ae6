"""An attempt at another link, in a thread of its own, and what it comes back to."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sesh import wire
from sesh.messages import Introduction
from sesh.stop import Stop

OpenLink = Callable[["Attempt"], wire.Connection]
Result = wire.Connection | Exception


class LostSession:
    """A session whose link is lost, or may be: what an attempt needs to come back to it."""

    def __init__(
        self,
        name: str,
        host: str,
        session_id: str,
        position: int,
        heard_at: float,
        hello: Introduction | None = None,
        *,
        attached: bool = False,
    ) -> None:
        self.name, self.host, self.session_id, self.attached = name, host, session_id, attached
        self.position, self.heard_at, self.hello = position, heard_at, hello
        """`position`: of the first byte of output that has not come. `heard_at`: when anything came last. `hello`: goes
        along with the request for the session. `attached`: a terminal shows it."""


class Attempt(Stop):
    """One attempt; stopping it ends it, and closes a connection that comes late. `lost`: whether the link before it is
    known to be lost. `session`: what it is to come back to, if that is one. `asks`: whether ssh may prompt, on the
    terminal as it is."""

    def __init__(self, *, lost: bool, session: LostSession | None = None, asks: bool = False) -> None:
        super().__init__()
        self.lost, self.session, self.asks = lost, session, asks
        self.result: Result | None = None
        self.reached: Callable[[], bool] = bool
        """Whether the server has answered; set by who opens the link."""

    def begin(self, open_link: OpenLink, announce: Callable[[], object]) -> None:
        """Open a link in a thread; `announce` is called there once there is a result. Raises RuntimeError."""
        threading.Thread(target=self._run, args=(open_link, announce), daemon=True).start()

    def stop(self) -> None:
        super().stop()
        if isinstance(self.result, wire.Connection):
            self.result.close()

    def _run(self, open_link: OpenLink, announce: Callable[[], object]) -> None:
        try:
            result: Result = open_link(self)
        except Exception as error:
            result = error
        with self._lock:
            if not self.stopped:
                self.result = result
                announce()
                return
        if isinstance(result, wire.Connection):
            result.close()
