"""The sessions of a list as they change, and what is done to them while it is shown."""

from __future__ import annotations

import os
import select

from sesh import wording
from sesh.errors import SeshError
from sesh.ops.views import bears
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.reach.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.cli.tui.console import Stage
    from sesh.ops.index import SessionIndex
    from sesh.schema import Summary

    Key = tuple[str | None, str]
    """A session: its host, None for this machine, and its name."""


class Aside:
    """Calls in threads of their own, a context manager; `inbound` becomes readable when one has returned."""

    def __enter__(self) -> Aside:
        self.inbound, self._outbound = os.pipe()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.inbound)

    def call(self, function: Callable[[], object]) -> None:
        """Calls a function; it raises nothing."""
        import threading

        threading.Thread(target=self._carry_out, args=(function,), daemon=True).start()

    def _carry_out(self, function: Callable[[], object]) -> None:
        function()
        try:
            os.write(self._outbound, b".")
        except BrokenPipeError:
            return  # nobody waits for it any more

    def take(self) -> None:
        """Reads and drops what `inbound` has sent."""
        os.read(self.inbound, 64)


def target(host: str | None) -> Target:
    """The machine that has a session of a list; nobody is asked anything there."""
    return Target(Caller()) if host is None else HostTarget(Caller(), host)


class LiveSessions:
    """The sessions with the `wanted` labels while a list of them is shown, and what is done to them meanwhile."""

    def __init__(self, index: SessionIndex, aside: Aside, wanted: dict[str, str]) -> None:
        self.index, self.aside, self.wanted = index, aside, wanted
        self._ready: set[int] = set()

    def all(self) -> dict[Key, Summary]:
        """Return the sessions by host and name, those of this machine first."""
        return entries(self.index, self.wanted)

    def wait(self, stage: Stage, seconds: float = float("inf")) -> list[str]:
        """Return the keys that are typed until something has happened; call `take` once they were dealt with."""
        keys, self._ready = stage.wait([self.aside.inbound, *self.index.descriptors], min(self.index.due, seconds))
        return keys

    def take(self) -> None:
        """Take in what has happened."""
        if self.aside.inbound in self._ready:
            self.aside.take()
        self.index.take(self._ready - {self.aside.inbound})

    def act(self, key: Key, ask: Callable[[Target], object], done: str, tell: Callable[[str], None]) -> None:
        """Do something to a session in a thread, which then tells that it is done, or what went wrong."""

        def carry_out() -> None:
            message = done
            try:
                ask(target(key[0]))
            except (SeshError, OSError) as error:
                message = wording.one_line(str(error))
            tell(message)

        self.aside.call(carry_out)


def entries(index: SessionIndex, wanted: dict[str, str]) -> dict[Key, Summary]:
    """Return the sessions with the `wanted` labels by host and name, those of this machine first."""
    sessions: dict[Key, Summary] = {(None, session["name"]): session for session in index.here}
    for host, rows in index.there.items():
        if not isinstance(rows, str):  # else it is the reason why there are none
            sessions |= {(host, session["name"]): session for session in rows}
    return {key: session for key, session in sessions.items() if bears(session, wanted)}


def await_change(index: SessionIndex, seconds: float = float("inf")) -> None:
    """Wait until something has happened to the sessions, so many seconds at the most, and take it in."""
    poll = select.poll()
    for descriptor in index.descriptors:
        poll.register(descriptor, select.POLLIN)
    index.take({descriptor for descriptor, _ in poll.poll(min(index.due, seconds) * 1000)})


def standing(session: Summary) -> tuple[str, str, str]:
    """Return how a session stands that runs, since when, and what it asks; empty for what is not known."""
    activity = session.get("activity")
    if not activity or session["state"] != "running":
        return "", "", ""
    return activity["state"], str(activity.get("since") or ""), str(activity.get("question") or "")


def title(key: Key) -> str:
    """Return a session as it is typed: its host before its name."""
    return f"@{wording.plain(key[0])} {wording.plain(key[1])}" if key[0] is not None else wording.plain(key[1])
