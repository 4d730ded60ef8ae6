"""Send a file to the machine of a session, and paste its path there: for a script, or a hotkey of the desktop.

The bytes go in pieces, as fast as they come without queueing (see `sesh.wire.pieces`). If the link or the daemon is
replaced meanwhile, they go once more: over there is a whole file or none.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from sesh.about import PROGRAM, SESH
from sesh.errors import Refused, UsageError, cannot
from sesh.names import printable
from sesh.reach.exchange import Exchange, Repeat
from sesh.reach.stream import Others, Stream
from sesh.reach.target import Target
from sesh.schema.outcomes import SentFile
from sesh.system import files
from sesh.text.safe import plain
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import PUT, Told, Why
from sesh.wire.pieces import MAX_FILE, Flow, Pieces

_TIMEOUT = 60.0  # seconds beside those that the slowest link needs
_MIN_RATE = 4 << 10  # bytes per second of that link
_BLOCK = 64 << 10  # bytes that are read at once
_TRIES = 3  # a reload of the daemon ends a try
_PROGRESS_AFTER, _PROGRESS_EVERY = 1.0, 0.2  # seconds


Read = Callable[[int, int], bytes]  # returns bytes of a file by their offset and number


@dataclass(frozen=True)
class Source:
    """A file to be sent. `opened`: makes it ready to be read."""

    name: str
    size: int
    opened: Callable[[], AbstractContextManager[Read]]


def of_bytes(data: bytes, name: str) -> Source:
    """Return a file of this content. Raises UsageError without a name, Refused if it is too large."""
    if not name:
        raise UsageError("the file has no name", hint="give it one with --name, such as shot.png")
    read: Read = lambda offset, count: data[offset : offset + count]  # noqa: E731
    return _checked(Source(name, len(data), lambda: nullcontext(read)))


def of_path(path: str, name: str = "") -> Source:
    """Return a regular file of this machine. Raises Refused."""
    shown = printable(path)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            hint = "send files, or what a program prints: --file - --name NAME"
            raise Refused(f"{shown} is {what}", hint=hint)
        name = name or os.path.basename(path)
        if not status.st_size:  # such as those of /proc, whose size nobody knows
            return of_bytes(files.read_regular(path, MAX_FILE), name)
    except OSError as error:
        raise cannot(f"read {shown}", error) from error
    return _checked(Source(name, status.st_size, partial(_opened, path)))


@contextmanager
def _opened(path: str) -> Iterator[Read]:
    """Open a file, without blocking. Raises Refused."""
    failed = partial(cannot, f"read {printable(path)}")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise failed(error) from error

    def read(offset: int, count: int) -> bytes:
        try:
            return os.pread(descriptor, count, offset)
        except OSError as error:
            raise failed(error) from error

    try:
        yield read
    finally:
        os.close(descriptor)


def _checked(source: Source) -> Source:
    if source.size > MAX_FILE:
        raise Refused(f"{plain(source.name)} is too large: a session takes files of at most {MAX_FILE >> 20} MiB")
    return source


def send_file(target: Target, name: str, source: Source) -> SentFile:
    """Put a file into a session's directory of files, and paste its path.

    To a program that takes no pastes the path is typed; there is no Enter. Raises Refused, also if the file lies there
    and its path could not be pasted.
    """
    limit = _TIMEOUT + source.size / _MIN_RATE
    with source.opened() as read, Stream.open(target, name) as stream:
        transfer = _Transfer(stream, source, read, target.caller.status)
        told: Told = {}
        for _ in range(_TRIES):
            told = transfer.run(time.monotonic() + limit)
            if told.get("why") != Why.GONE.value:
                break
        if not told.get("ok"):
            raise Refused(told.get("words") or f"{plain(source.name)} was not sent", in_response=True)
        path = told.get("path", "")
        if not told.get("pasted"):
            why = told.get("words") or "nobody knows why"
            raise Refused(f"{plain(path)} is there, but its path was not pasted: {why}", in_response=True)
        return {"path": path, "bytes": source.size}


class _Transfer:
    """A file on its way over a stream, from its beginning over each new connection."""

    def __init__(self, stream: Stream, source: Source, read: Read, status: Callable[[str], object]) -> None:
        self._stream = stream
        self._source, self._read = source, read
        self._status = status
        self._exchange = self._new_exchange()
        self._over: tuple[Connection | None, int] = None, 0  # the connection of these pieces, and the request's number
        self._pieces = Pieces(0.0, over_link=False)
        self._flow = Flow(0)
        self._offset = 0
        self._unsent = b""  # of a frame
        self._outbound = -1  # where it goes, by a number of its own: a socket is polled for what comes, too
        self._shown_at = time.monotonic() + _PROGRESS_AFTER - _PROGRESS_EVERY

    def _new_exchange(self) -> Exchange[Told]:
        keys = {"name": self._source.name, "size": self._source.size, "paste": True, "program": PROGRAM}
        return Exchange(PUT, keys, repeat=Repeat.WITH_KEY)

    def run(self, until: float) -> Told:
        """Send the file; return what was told of it."""
        self._exchange = exchange = self._stream.submit(self._new_exchange())
        try:
            for arrival in self._stream.arrivals(others=self._others, until=until):
                if arrival.kind == protocol.TAKEN:
                    self._pieces.confirm(arrival.payload, time.monotonic())
                elif arrival.exchange is exchange:
                    return self._told(exchange.response, arrival.payload)
        finally:
            self._stream.close(exchange)
            self._close()
            self._status("")
        raise AssertionError("arrivals have no end")

    def _told(self, response: Callable[..., Told], payload: bytes) -> Told:
        try:
            return response(self._stream.connection, payload)
        except UsageError as error:  # it does not know the request
            name = self._stream.name
            raise Refused(
                f"{name} runs an older sesh, which takes no files", hint=f"run: {SESH} reload {name}"
            ) from error

    def _others(self) -> Others:
        """Return the descriptor that takes the next bytes, if some are to be sent."""
        stream = self._stream
        if stream.lost:
            return []
        if self._over != (stream.connection, self._exchange.number):  # over another connection it begins again
            self._over = stream.connection, self._exchange.number
            self._pieces = Pieces(time.monotonic(), over_link=stream.host is not None, alone=True)
            self._flow = self._pieces.open(self._exchange.number)
            self._offset, self._unsent = 0, b""
            self._close()
            self._outbound = os.dup(stream.connection.outbound)
        self._unsent = self._unsent or self._next_frame()
        self._show_progress()
        return [(self._outbound, select.POLLOUT, self._send)] if self._unsent else []

    def _close(self) -> None:
        if self._outbound >= 0:
            os.close(self._outbound)
            self._outbound = -1

    def _next_frame(self) -> bytes:
        flow, left = self._flow, self._source.size - self._offset
        if left and flow.room >= min(left, _BLOCK):
            data = self._read(self._offset, min(left, _BLOCK))
            if not data:
                raise Refused(f"{plain(self._source.name)} became shorter while it was read; nothing was sent")
            flow.give(data)
            self._offset += len(data)
        if self._offset >= self._source.size:
            flow.finish()
        return self._pieces.next_frame(time.monotonic())

    def _send(self) -> None:
        """Send what fits: ssh may take no more for minutes, while the link is lost."""
        self._unsent = self._unsent[self._stream.connection.send_some(self._unsent) :]

    def _show_progress(self) -> None:
        now = time.monotonic()
        if now - self._shown_at >= _PROGRESS_EVERY and self._source.size:
            self._shown_at = now
            part = 100 * self._flow.sent // self._source.size
            self._status(f"sending {plain(self._source.name)}: {part} % of {_size(self._source.size)}")


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{max(1, count >> 10)} KiB"
