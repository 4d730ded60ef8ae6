"""The far end of a link that carries connections: it connects to ports of this machine's loopback.

The near end asks for a stream to a port (`Wish.STREAM`), and to be told when a session has ended (`Wish.SESSION`).
"""

from __future__ import annotations

import time
from math import inf

from sesh.errors import Malformed, ProtocolError, TimedOut, Unreachable
from sesh.forward.end import End
from sesh.forward.stream import LAST_PORT, LOOPBACK, Carried, PortStream
from sesh.loop.poll import Poll
from sesh.schema import check, codec
from sesh.store import records
from sesh.system import paths
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import Ask, Why, Wish, refusal
from sesh.wire.pieces import MAX_STREAMS

_SESSION_LOOK = 2.0  # seconds between two looks whether a session has ended
_MAX_ASK = 4 << 10  # bytes


class FarEnd:
    """The far end of one link. `silence`: seconds without a byte of the near end, after which it has gone."""

    def __init__(self, connection: Connection, silence: float) -> None:
        self._end = End(connection, time.monotonic())
        self._pieces = self._end.pieces
        self._poll = Poll()
        self._streams: dict[int, PortStream] = {}
        self._by_descriptor: dict[int, int] = {}
        self._sessions: dict[int, str] = {}  # ids of sessions that are watched, by the number of the exchange
        self._silence = silence
        self._heard_at = time.monotonic()
        self._look_at = inf

    def run(self, frames: list[tuple[int, bytes]]) -> None:
        """Carry connections until the near end has gone. `frames`: that have come already."""
        try:
            self._handle(frames)
            while time.monotonic() < self._heard_at + self._silence:
                self._turn()
        except (Unreachable, TimedOut, ProtocolError, Malformed):
            return
        finally:
            for stream in self._streams.values():
                stream.close()

    def _turn(self) -> None:
        now = time.monotonic()
        self._move(self._end.send(now))
        for descriptor, events in self._end.events.items():
            self._poll.watch(descriptor, events)
        if self._end.connection.outbound not in self._end.events:
            self._poll.forget(self._end.connection.outbound)
        until = min(self._look_at, self._heard_at + self._silence)
        ready = self._poll.wait(now if self._end.unfinished else until)
        if self._end.connection.inbound in ready:
            self._heard_at = time.monotonic()
            self._handle(self._end.read())
        for descriptor, events in ready.items():
            if (number := self._by_descriptor.get(descriptor)) in self._streams:
                self._move_stream(number, events)
        if time.monotonic() >= self._look_at:
            self._look_at_sessions()

    def _handle(self, frames: list[tuple[int, bytes]]) -> None:
        moved = set[int]()
        for kind, payload in frames:
            if kind == protocol.PIECE:
                if (flow := self._pieces.receive(payload)) is not None:
                    moved.add(flow.number)
            elif kind == protocol.TAKEN:
                self._pieces.confirm(payload, time.monotonic())
            elif kind == protocol.ASK:
                self._begin(payload)
            elif kind == protocol.TOLD:
                self._forget(codec.parse(payload).get("number", 0))
            elif kind == protocol.PING:
                self._end.queue(protocol.frame(protocol.PONG, payload))
        self._move(moved)

    def _begin(self, payload: bytes) -> None:
        if len(payload) > _MAX_ASK:
            raise ProtocolError(f"an ASK of {len(payload)} bytes")
        ask: Ask = check.checked_here(Ask, codec.parse(payload))
        number, wish = ask.get("number", 0), ask.get("wish")
        if number in self._pieces.flows:
            raise ProtocolError("the near end began an exchange twice")
        flow = self._pieces.open(number, is_stream=wish == Wish.STREAM.value)
        port = ask.get("port", 0)
        if wish == Wish.STREAM.value and 0 < port <= LAST_PORT and len(self._streams) < MAX_STREAMS:
            stream = self._streams[number] = PortStream(port, [*LOOPBACK], flow, self._poll)
            self._by_descriptor[stream.descriptor] = number
            self._move_stream(number, 0)
        elif wish == Wish.SESSION.value:
            self._sessions[number] = ask.get("session", "")
            self._look_at = time.monotonic()
        else:
            flow.tell(refusal(Why.REFUSED))

    def _move(self, numbers: set[int]) -> None:
        for number in numbers:
            if number in self._streams:
                self._move_stream(number, 0)

    def _move_stream(self, number: int, events: int) -> None:
        stream = self._streams[number]
        before = stream.descriptor
        stream.move(events)
        if stream.descriptor != before:  # it tries the next address
            self._by_descriptor.pop(before, None)
            self._by_descriptor[stream.descriptor] = number
        if stream.state in (Carried.OVER, Carried.FAILED):
            self._pieces.flows[number].tell(stream.told)
            self._drop(number)

    def _forget(self, number: int) -> None:
        """Let go of what the near end has ended."""
        self._pieces.close(number)
        self._sessions.pop(number, None)
        if number in self._streams:
            self._drop(number)

    def _drop(self, number: int) -> None:
        stream = self._streams.pop(number)
        self._by_descriptor.pop(stream.descriptor, None)
        stream.close()

    def _look_at_sessions(self) -> None:
        """Tell of each session that has ended. A session keeps its id under a new name, and in a restart."""
        found = [records.readable(name) or {} for name in paths.names()] if self._sessions else []
        running = {each.get("id") for each in found if each.get("exit_code") is None}
        for number, session in list(self._sessions.items()):
            if session not in running:
                del self._sessions[number]
                self._pieces.flows[number].tell(refusal(Why.GONE))
        self._look_at = time.monotonic() + _SESSION_LOOK if self._sessions else inf
