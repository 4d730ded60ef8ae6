"""Types what the clients send as input: their keys at the end of the frames of a turn, and replies with them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sesh.daemon.activity.activity import Activity
from sesh.daemon.base.due import NEVER
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.clients.acks import InputAcks
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.frames.focus_reports import FocusReports
from sesh.daemon.pty.pump import Pump
from sesh.wire import protocol

KEY_TIMEOUT = 0.1  # seconds that an incomplete escape sequence waits for its rest; then it is typed as a key


class Keys(NamedTuple):
    """What is to be typed of one INPUT, or the keys that waited for their rest in vain."""

    client: Client
    data: bytes
    number: int  # of the INPUT
    size: int  # bytes of the INPUT
    by_person: bool  # not by the terminal
    focus_at: Sequence[int]  # where in `data` the terminal reports its focus


class Keyboard:
    """The input of all clients, on its way to the program."""

    def __init__(
        self,
        pump: Pump,
        clients: Clients,
        acks: InputAcks,
        activity: Activity,
        focus: FocusReports,
        faults: FaultLog,
    ) -> None:
        self._pump = pump
        self._clients = clients
        self._acks = acks
        self._activity = activity
        self._focus = focus
        self._faults = faults
        self.to_type: deque[Keys] = deque()
        self.due = NEVER  # time (monotonic) at which the next incomplete sequence becomes a key
        self._held: dict[Client, float] = {}  # clients with an incomplete sequence, and when (monotonic) it is a key

    def take_input(self, client: Client, payload: bytes) -> None:
        """Take an INPUT: its keys are typed in this turn, and the replies that the program waits for."""
        number, data = protocol.split_number(payload)
        if number <= client.received_input:  # a duplicate
            return
        client.received_input = number
        if client.terminal.read_only or not self._pump.life.running:
            client.last_input = number
            self._acks.owe_at_once(client)
            return
        now = time.monotonic()
        keys = client.reply_filter.filter(data, now)
        if keys is not data and client.reply_filter.key_begun:  # unchanged input means that nothing is held
            self._held[client] = now + KEY_TIMEOUT
            self._plan()
        self._queue(client, keys, number, len(data))

    def _queue(self, client: Client, data: bytes, number: int, size: int) -> None:
        """Have what passed the filter of replies typed in this turn, of `size` bytes up to INPUT `number`."""
        by_person = client.reply_filter.by_person
        if by_person:
            self._clients.note_key(client)
        self.to_type.append(Keys(client, data, number, size, by_person, client.reply_filter.focus_at))

    def forget(self, client: Client) -> None:
        """Type what is left of a client that leaves: its INPUT counts as received, so it does not come again."""
        self._release(client)
        self.type_keys(time.monotonic())
        self._held.pop(client, None)
        self._plan()
        self._acks.forget(client)

    # -- in the turn

    def release_keys(self, now: float) -> None:
        """Have the incomplete sequences typed whose rest has not come in time."""
        for client in [client for client, at in self._held.items() if at <= now]:
            del self._held[client]
            self._release(client)
        self._plan()

    def release_all(self) -> None:
        """Type every incomplete sequence: nobody will say how it goes on."""
        self.release_keys(NEVER)
        self.type_keys(time.monotonic())

    def _release(self, client: Client) -> None:
        """Have the held, incomplete sequence typed as a key: its rest did not come in time."""
        if self._pump.life.running and (key := client.reply_filter.release()):
            self._queue(client, key, client.last_input, 0)

    def _plan(self) -> None:
        self.due = min(self._held.values(), default=NEVER)

    def type_keys(self, now: float) -> None:
        """Type the keys that have come in this turn; the session has their client's size by now."""
        while self.to_type:
            keys = self.to_type.popleft()
            try:
                self._type(keys, now)
            except Exception as error:  # the client comes back, and sends again what was not typed
                self._faults.note("a fault in a client's keys", error)
                keys.client.connection.discard()

    def _type(self, keys: Keys, now: float) -> None:
        client, data, number, size, by_person, focus_at = keys
        if focus_at:
            data = self._focus.take(client, data, focus_at)
        # A key that answers an agent's question makes no draft, which would refuse a later text.
        answers = self._activity.declared_question is not None and self._pump.pty.raw()
        self._pump.type(data, counts=by_person, drafts=by_person and not answers)
        client.last_input = max(client.last_input, number)  # only now: after an error, it comes again
        self._acks.owe(client, size, now)
        if by_person:  # after the write, so that it does not delay the key
            self._activity.key_typed(data)
