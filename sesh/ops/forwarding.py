"""Ports of a host, reached at the same ports of this machine: what listens here, and the link that it keeps.

A link:
```
UP ──doubted──▶ new connections wait ──▶ UP
 └──lost──▶ every connection ends, new ones wait for at most 10 s ──another link──▶ UP
```
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from sesh.about import PROGRAM
from sesh.errors import ConnectionLost, Refused, SeshError, Unreachable, UsageError
from sesh.forward.listener import Listener, first_free, unprivileged
from sesh.forward.near import Carry, NearEnd
from sesh.link.keeper import LinkKeeper
from sesh.link.link import Link, LinkRequest
from sesh.ops.forward import carry
from sesh.reach.host_target import LIST_DOUBTED_AFTER, HostTarget
from sesh.schema.facts import ForwardedPort
from sesh.system import platforms
from sesh.system.descriptors import polled
from sesh.system.ports import Look, holder
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import OP, Why

_RETRY = 10.0  # seconds between two attempts at a link that was refused, while somebody connects


class Control(Protocol):
    """Who may change what is forwarded meanwhile."""

    def watched(self) -> dict[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""

    def act(self, ready: list[int]) -> None:
        """Go on with what has become ready."""


@dataclass
class _Forwarded:
    """One port. `session_id`, `session`: with which it ends, by its id and its name; empty without one."""

    listener: Listener
    session_id: str = ""
    session: str = ""
    watch: Carry | None = None  # tells when the session ends
    is_answered: bool = False  # something has answered there, or its silence was told


def _taken(target: HostTarget) -> tuple[Link, str]:
    """Open a link that carries connections; return it, and what names the host's loopback."""
    try:
        return target.taken(carry)
    except UsageError as error:  # the op takes no words that could be wrong
        hint = f"upgrade it: {PROGRAM} deploy @{target.host}"
        raise Refused(f"the sesh of @{target.host} is older, and forwards no port", hint=hint) from error


def why_other(port: int) -> str:
    """Return why a port of a host is not at the same port here."""
    if unprivileged(port) != port:
        return f"port {port} is root's here"
    listens = Look().listeners(port) != []
    return (
        f"port {port} is taken here by {holder(port)}" if listens else f"port {port} of the host is one of this machine"
    )


class Forwarding:
    """The forwarded ports of one host. Raises the errors of a first link; then it keeps one.

    `note`: gets lines for the person.
    """

    def __init__(self, target: HostTarget, note: Callable[[str], None]) -> None:
        self.host = target.host
        self._note = note
        link, network = _taken(target)
        self._shares_loopback = network == platforms.network()
        self._keeper = LinkKeeper(target.destination)
        self._keeper.log("connect", session=None)
        self._near: NearEnd | None = None
        self._ports: list[_Forwarded] = []
        self._retried_at = -inf
        self._has_sent = False  # so that there may be more to send
        self._use(link)

    def close(self) -> None:
        """Close everything."""
        for each in self._ports:
            each.listener.close()
        self._ports.clear()
        if self._near is not None:
            self._near.connection.close()
        self._keeper.close()
        self._keeper.log("disconnect", session=None, reason="closed")

    # -- ports

    def add(self, port: int, session_id: str = "", session: str = "") -> ForwardedPort:
        """Listen for a port of the host, at the next free one here; return both. Raises Refused."""
        for each in self._ports:
            if each.listener.far_port == port and each.listener.sockets:
                return self._facts(each)
        # Where both share one loopback, it would connect to itself at the same port.
        listener = first_free(port, unprivileged(port) + self._shares_loopback, Listener)
        made = _Forwarded(listener, session_id, session)
        self._ports.append(made)
        self._watch_session(made)
        return self._facts(made)

    def stop(self, port: int | None = None) -> list[ForwardedPort]:
        """Forward a port no more, of here or of the host; without one, none. Return what was ended."""
        ended = [each for each in self._ports if port in (None, each.listener.port, each.listener.far_port)]
        facts = [self._facts(each) for each in ended]
        for each in ended:
            self._end(each)
        return facts

    def _end(self, port: _Forwarded) -> None:
        port.listener.close()
        self._ports.remove(port)
        if port.watch is not None:
            port.watch.refuse(Why.GONE)

    def rows(self) -> list[ForwardedPort]:
        """Return what is forwarded."""
        return [self._facts(each) for each in self._ports]

    def _facts(self, port: _Forwarded) -> ForwardedPort:
        listener = port.listener
        return {
            "host": self.host, "port": listener.far_port, "local": listener.port,
            "url": f"http://localhost:{listener.port}", "session": port.session or None,
            "connections": len(listener.connections), "up": self._near is not None and self._keeper.up,
        }  # fmt: skip

    def _watch_session(self, port: _Forwarded) -> None:
        port.watch = self._near.session(port.session_id) if self._near is not None and port.session_id else None

    # -- the loop

    def run(self, control: Control | None = None) -> None:
        """Carry connections while something is forwarded. Raises the errors of the host's sesh."""
        while self._ports:
            self._send()
            ready = polled(self._watched(control).items(), self._due)
            now = time.monotonic()
            self._receive(ready, now)
            self._keep(ready)
            for each in list(self._ports):
                each.listener.act(ready, now, self._begin)
            if control is not None:
                control.act(ready)

    @property
    def _due(self) -> float | None:
        if self._has_sent:
            return 0.0
        due = min([self._keeper.due, *(each.listener.due for each in self._ports)])
        return None if due == inf else due

    def _watched(self, control: Control | None) -> dict[int, int]:
        found = dict.fromkeys(self._keeper.descriptors, int(select.POLLIN))
        found |= self._near.events if self._near is not None else {}
        found |= control.watched() if control is not None else {}
        for each in self._ports:
            found |= each.listener.watched()
        return found

    def _begin(self, port: int) -> Carry:
        """Begin a connection; it is over while there is no link that is known to work, and then waits."""
        if self._near is None or not self._keeper.up:
            self._try_again()
            return Carry(port, None)
        return self._near.stream(port)

    def _send(self) -> None:
        """Send what can be sent, and read what there is room for since."""
        now = time.monotonic()
        try:
            moved = self._near.moved(now) if self._near is not None else []
        except Unreachable:
            self._lose()
            return
        for carried in moved:
            self._move(carried, now)
        self._has_sent = moved != []

    def _receive(self, ready: list[int], now: float) -> None:
        near = self._near
        if near is None or near.connection.inbound not in ready:
            return
        try:
            for kind, payload in near.read():
                if kind == protocol.RESPONSE:
                    near.connection.decode_response(OP, payload)
                elif (carried := near.handle(kind, payload, now)) is not None:
                    self._move(carried, now)
        except Unreachable:
            self._lose()

    def _move(self, carried: Carry, now: float) -> None:
        for each in list(self._ports):
            if each.watch is carried:
                if carried.over:
                    self._note(f"{each.session} on @{self.host} has ended, and with it port {each.listener.far_port}")
                    self._end(each)
            elif each.listener.far_port == carried.port and each.listener.moved(carried, now, self._begin):
                self._tell_silence(each, carried)

    def _tell_silence(self, port: _Forwarded, carried: Carry) -> None:
        """Note once that nothing answers over there, which a browser shows as an empty answer."""
        if carried.received:
            port.is_answered = True
        elif carried.told is not None and not carried.told.get("ok") and not port.is_answered:
            port.is_answered = True
            self._note(f"nothing answers at port {port.listener.far_port} of @{self.host}")

    # -- the link

    def _use(self, link: Link) -> None:
        link.health.doubted_after = LIST_DOUBTED_AFTER
        near = self._near = NearEnd(link, time.monotonic())
        self._keeper.watch(link, lambda payload: near.queue(protocol.frame(protocol.PING, payload)))
        for each in self._ports:
            self._watch_session(each)

    def _lose(self) -> None:
        """Let go of a lost link: every connection over it ends."""
        near, self._near = self._near, None
        if near is None:
            return
        now = time.monotonic()
        for carried in near.lose():
            for each in self._ports:
                if each.watch is not carried:
                    each.listener.moved(carried, now, self._begin)
        near.connection.close()
        self._keeper.link_closed()
        self._note(f"lost the link to @{self.host}; reconnecting")

    def _keep(self, ready: list[int]) -> None:
        """Have the link replaced where it is lost."""
        found = self._keeper.run(ready)
        if found is not None:
            self._replace(found)
        elif self._keeper.health.state.lost:
            self._lose()

    def _replace(self, found: Connection) -> None:
        assert isinstance(found, Link)  # noqa: S101 (the keeper opens no other connection)
        self._lose()
        try:
            found.send(LinkRequest(carry.wire_name, b"{}").frames())
        except (Unreachable, ConnectionLost):
            found.close()
            self._keeper.watch(Connection(-1, -1), lambda _: None)
            return
        self._use(found)
        self._keeper.session_connected("")
        self._note(f"reconnected to @{self.host}")

    def _try_again(self) -> None:
        """Try to log in again after a refusal: somebody wants to connect."""
        now = time.monotonic()
        refusal: SeshError | None = self._keeper.refusal
        if refusal is not None and now >= self._retried_at + _RETRY:
            self._retried_at = now
            self._note(f"@{self.host} refused the link: {refusal.message}")
            self._keeper.key_sent(enter=True)
