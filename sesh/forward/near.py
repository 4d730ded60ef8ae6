"""The near end of a link that carries connections: what it asks of the far end, each an exchange."""

from __future__ import annotations

from typing import Optional

from sesh.forward.end import End
from sesh.schema import codec
from sesh.text import safe
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import Ask, Told, Why, Wish, refusal
from sesh.wire.pieces import MAX_STREAMS, Flow, FlowUser


class Carry(FlowUser):
    """One exchange. `told`: how the far end has ended it; None before."""

    def __init__(self, port: int, flow: Flow | None) -> None:
        super().__init__(flow or Flow(0))
        self.port = port
        self._is_over = flow is None
        self.told: Optional[Told] = None

    @property
    def over(self) -> bool:
        return self._is_over

    @property
    def lost(self) -> bool:
        """True once the link has gone."""
        return self.over and self.told is None

    @property
    def received(self) -> int:
        """The bytes that have come so far."""
        return self.flow.received

    def refuse(self, why: Why) -> None:
        """End it."""
        if not self.over:
            self._is_over = True
            self.flow.tell(refusal(why))

    def end(self, told: Told | None) -> None:
        """Note that the far end has ended it; without `told`, that the link has gone."""
        self._is_over, self.told = True, told


class NearEnd(End):
    """The near end of one link."""

    def __init__(self, connection: Connection, now: float) -> None:
        super().__init__(connection, now)
        self._carried: dict[int, Carry] = {}
        self._next_number = 1

    def stream(self, port: int) -> Carry:
        """Begin a connection to a port of the far machine; it is over if there are too many."""
        if len(self._carried) >= MAX_STREAMS:
            return Carry(port, None)
        return self._ask({"wish": Wish.STREAM.value, "port": port})

    def session(self, session_id: str) -> Carry:
        """Ask to be told when a session has ended."""
        return self._ask({"wish": Wish.SESSION.value, "session": session_id})

    def _ask(self, ask: Ask) -> Carry:
        number = self._next_number
        self._next_number += 2
        carry = self._carried[number] = Carry(ask.get("port", 0), self.pieces.open(number, is_stream="port" in ask))
        self.queue(protocol.message(protocol.ASK, {**ask, "number": number}))
        return carry

    def handle(self, kind: int, payload: bytes, now: float) -> Carry | None:
        """Handle a frame; return the exchange that it moves. Raises ProtocolError."""
        if kind == protocol.PIECE:
            flow = self.pieces.receive(payload)
            return None if flow is None else self._carried.get(flow.number)
        if kind == protocol.TAKEN:
            self.pieces.confirm(payload, now)
        elif kind == protocol.TOLD:
            told: Told = safe.checked_from_host(Told, codec.parse(payload), "TOLD")
            carry = self._carried.pop(told.get("number", 0), None)
            self.pieces.close(told.get("number", 0))
            if carry is not None:
                carry.end(told)
            return carry
        return None

    def moved(self, now: float) -> list[Carry]:
        """Send what can be sent; return the exchanges that have room again. Raises Unreachable."""
        found = [carry for number in self.send(now) if (carry := self._carried.get(number)) is not None]
        for number in [number for number in self._carried if number not in self.pieces.flows]:
            del self._carried[number]  # it was refused here, and the far end has been told
        return found

    def lose(self) -> list[Carry]:
        """End every exchange, since the link has gone; return them."""
        lost = list(self._carried.values())
        self._carried.clear()
        for carry in lost:
            carry.end(None)
        return lost
