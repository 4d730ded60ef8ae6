"""Calls over a link that an op without end holds: the board's previews need no links of their own.

The bridge carries out a request with the key `beside` in a thread, while the link goes on. The DATA of such a link are
the items of the op without end; the response to any other request carries its result in itself.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, Queue
from threading import Lock
from typing import TYPE_CHECKING, Any, Union

from sesh import errors
from sesh.errors import SeshError, told
from sesh.link.link import RESPONSE_TIMEOUT, Link, LinkRequest
from sesh.reach.caller import Caller
from sesh.reach.op import Op, decode_result, encoded
from sesh.wire.messages import OP, OpResponse

if TYPE_CHECKING:
    from sesh.reach.stream import Others

_Answer = Union[OpResponse, SeshError]


class BesideCalls:
    """Calls from any thread over the link of a stream, whose thread sends the requests and hands over the answers."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._lock = Lock()
        self._link: Link | None = None
        self._number = 1  # of the last request; the first one is that of the op without end
        self._answers: dict[int, Queue[_Answer]] = {}  # of the requests that wait for an answer
        self._unsent: deque[bytes] = deque()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)

    @property
    def usable(self) -> bool:
        """True while the link is there, unless the host's sesh is older and carries out one request at a time."""
        return self._link is not None and self._link.inbound >= 0

    def call(self, caller: Caller, op: Op[..., Any], arguments: Mapping[str, object]) -> Any:
        """Have the host carry out an op that reads; return its result. Raises the op's errors, Unreachable."""
        answer: Queue[_Answer] = Queue()
        with self._lock:
            if self._link is None:
                raise self._lost()
            self._number += 1
            number = self._number
            self._answers[number] = answer
            self._unsent.append(LinkRequest(op.wire_name, encoded(arguments), beside=True).frames(number=number))
        with suppress(OSError):  # the buffer is full, which wakes the reader too
            self._writer.send(b".")
        try:
            with caller.stop.calling(lambda: answer.put(errors.Interrupted(caller.stop.message))):
                response = answer.get(timeout=RESPONSE_TIMEOUT)
        except Empty:
            raise errors.silent_host(self._host) from None
        finally:
            with self._lock:
                self._answers.pop(number, None)
        if isinstance(response, SeshError):
            raise response
        for line in response.get("lines", []):
            caller.note(told(line, self._host))
        return decode_result(op, response.get("data", "").encode())

    def _lost(self) -> errors.ConnectionLost:
        return errors.ConnectionLost(f"lost the link to @{self._host} before its answer", hint="try again")

    # -- in the thread of the stream

    def opened(self, link: Link | None) -> None:
        """Use this link from now on; end the calls that wait for an answer over the one before."""
        with self._lock:
            self._link = link if link is not None and link.bridge_welcome.get("beside") else None
            self._unsent.clear()
            for answer in self._answers.values():
                answer.put(self._lost())

    def others(self) -> Others:
        """Return what the stream has to poll for requests."""
        return [(self._reader.fileno(), select.POLLIN, self._send)]

    def _send(self) -> None:
        """Send the requests. Raises Unreachable."""
        with suppress(BlockingIOError):
            self._reader.recv(1 << 12)
        if not self.usable:
            self.opened(None)
            return
        while self._unsent:
            assert self._link is not None  # noqa: S101 (it is usable)
            self._link.send(self._unsent.popleft())

    def take(self, number: int, payload: bytes) -> None:
        """Hand over a response to the call that waits for it."""
        with self._lock:
            answer, link = self._answers.get(number), self._link
        if answer is None or link is None:
            return
        try:
            answer.put(link.decode_response(OP, payload))
        except SeshError as error:
            answer.put(error)

    def close(self) -> None:
        """End all calls; a call that begins later ends as soon."""
        self.opened(None)
        self._reader.close()
        self._writer.close()
