"""Sends files of this machine to that of the session, one after the other, each in an exchange of its own.

```
WAITING ──its turn──▶ OPENING ──its size──▶ SENDING ──the other side has it all──▶ over
                         └────────────────────┴─ an error, the link, Escape ─────▶ over, and so are those behind it
```

A file is read in a worker, as far as there is room: no key waits for a disk, nor for what goes over the link.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from io import FileIO
from math import inf
from threading import Semaphore
from typing import Protocol

from sesh.client.desktop.exchanges import Exchange
from sesh.client.desktop.runs import Work
from sesh.errors import Interrupted, SeshError, told
from sesh.system.workers import Stop
from sesh.text import describe, safe
from sesh.wire.messages import Why, why_of
from sesh.wire.pieces import MAX_FILE

PROGRESS_AFTER = 1.0  # seconds of a file's way, from which on a line shows it, and Escape ends it
_PROGRESS_EVERY = 0.25
_READ = 256 << 10  # bytes
_AHEAD = 2  # reads that nobody has taken
_WHY = {Why.SIZE: "it is too large", Why.GONE: "the link was lost", Why.TIME: "no answer came in time"}


@dataclass(frozen=True)
class File:
    """A file to be sent, or `data` that is to become one."""

    name: str
    size: int
    path: str = ""
    data: bytes = b""


class UploadState(Enum):
    """How far an upload is: see the drawing above."""

    WAITING = auto()
    OPENING = auto()
    SENDING = auto()
    OVER = auto()


@dataclass(eq=False)
class Upload:
    """A file on its way. `place`: which of how many it is; `pastes`: its path is to be pasted if nobody types."""

    file: File
    place: tuple[int, int]
    pastes: bool = True
    state: UploadState = UploadState.WAITING
    begun_at: float = inf
    size: int = 0
    given: int = 0
    pieces: deque[bytes] = field(default_factory=deque)  # that were read
    may_read: Semaphore = field(default_factory=partial(Semaphore, _AHEAD))
    worker: int | None = None
    exchange: Exchange | None = None


class Shows(Protocol):
    """Shows lines about uploads, which begin with the name of a file."""

    def show_progress(self, file: File, rest: str) -> None:
        """Show a line until another comes."""

    def end_progress(self) -> None:
        """Take the line away."""

    def show_end(self, file: File, rest: str) -> None:
        """Show a line for a while."""


class Uploads:
    """The uploads of one attachment, to a host.

    `put`: begins an exchange; `begin`: begins a worker that yields calls to make in the loop; `end`: stops it.
    """

    def __init__(
        self,
        host: str,
        shows: Shows,
        put: Callable[[str, int, bool], Exchange],
        begin: Callable[[Work], int],
        end: Callable[[int], None],
    ) -> None:
        self._host, self._place, self._shows = host, f"@{host}", shows
        self._put, self._begin, self._end = put, begin, end
        self._all: deque[Upload] = deque()
        self._unpasted: list[tuple[File, str, str]] = []  # with the paths over there, and why they were not pasted
        self._progress_at = inf
        self.shows_progress = False

    # -- the loop

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        return self._progress_at

    def act(self, now: float) -> None:
        """Show how far the upload is."""
        if now >= self._progress_at and self._all:
            upload = self._all[0]
            self._progress_at = now + _PROGRESS_EVERY
            self.shows_progress = True
            self._shows.show_progress(upload.file, self._progress(upload))

    def _progress(self, upload: Upload) -> str:
        which, count = upload.place
        place = f" ({which} of {count})" if count > 1 else ""
        sent = upload.exchange.flow.sent if upload.exchange is not None else 0
        size = upload.size or upload.file.size
        percent = 100 * sent // size if size else 0
        return f"{place} goes to {self._place}: {percent} % of {describe.amount(size)}; Escape ends it"

    # -- what begins and ends

    def add(self, files: list[File]) -> None:
        """Send files, behind those that are on their way."""
        self._all += [Upload(file, (number, len(files))) for number, file in enumerate(files, 1)]
        self._go_on()

    def note_typed(self) -> None:
        """Note that the person has typed: paths that are pasted from now on would stand in what is typed."""
        for upload in self._all:
            upload.pastes = upload.pastes and upload.exchange is not None  # the other side looks itself from then on

    def cancel(self) -> None:
        """End all uploads, as the person wishes."""
        if self._all:
            self._fail(self._all[0], "you have ended it")

    def _go_on(self) -> None:
        """Begin the next upload, if none is under way."""
        if not self._all:
            self._quiet()
            self._tell_paths()
        elif (upload := self._all[0]).state is UploadState.WAITING:
            upload.state, upload.begun_at = UploadState.OPENING, time.monotonic()
            self._progress_at = self._progress_at if self.shows_progress else upload.begun_at + PROGRESS_AFTER
            if upload.file.path:
                upload.worker = self._begin(partial(self._read, upload))
            else:
                self._opened(upload, len(upload.file.data))
                self._take(upload, upload.file.data)

    def _tell_paths(self) -> None:
        """Show where the files lie whose paths were not pasted."""
        unpasted, self._unpasted = self._unpasted, []
        if len(unpasted) == 1:
            file, path, words = unpasted[0]
            why = f" ({words})" if words else ""
            self._shows.show_end(file, f" is on {self._place}: {safe.plain(path)}{why}")
        elif unpasted:
            file, path, _ = unpasted[-1]
            folder = safe.plain(os.path.dirname(path))
            self._shows.show_end(file, f" and {len(unpasted) - 1} more are on {self._place}, in {folder}")

    def _quiet(self) -> None:
        self._progress_at = inf
        if self.shows_progress:
            self.shows_progress = False
            self._shows.end_progress()

    def _fail(self, upload: Upload, why: str) -> None:
        """End an upload that has failed, and those behind it; tell the person."""
        behind = len(self._all) - 1
        self._finish(upload)
        self._all.clear()
        self._unpasted.clear()
        self._quiet()
        others = f", nor {behind} more" if behind else ""
        self._shows.show_end(upload.file, f" was not sent to {self._place}{others}: {why}")

    def _finish(self, upload: Upload) -> None:
        """Let go of what an upload has."""
        upload.state = UploadState.OVER
        upload.pieces.clear()
        if upload.worker is not None:
            self._end(upload.worker)
        if upload.exchange is not None:
            upload.exchange.refuse(Why.GONE)  # nothing happens if it is over

    # -- in the worker

    def _read(self, upload: Upload, stop: Stop) -> Iterator[Callable[[], None]]:
        """Read a file as fast as it is taken; yield what goes on in the loop."""
        try:
            with FileIO(upload.file.path, opener=_opened_at_once) as file, stop.calling(upload.may_read.release):
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    yield partial(self._fail_in_loop, upload, "it is no file any more")
                    return
                left = status.st_size  # what comes to its end meanwhile is left out
                yield partial(self._opened, upload, left)
                while left:
                    upload.may_read.acquire()
                    stop.check()
                    data = file.read(min(left, _READ))
                    if not data:
                        yield partial(self._fail_in_loop, upload, "it has become shorter meanwhile")
                        return
                    left -= len(data)
                    yield partial(self._take, upload, data)
        except Interrupted:
            return
        except (OSError, SeshError) as error:
            yield partial(self._fail_in_loop, upload, f"cannot read it: {getattr(error, 'strerror', None) or error}")

    def _fail_in_loop(self, upload: Upload, why: str) -> None:
        if upload.state is not UploadState.OVER:
            self._fail(upload, why)

    # -- in the loop

    def _opened(self, upload: Upload, size: int) -> None:
        """Begin the exchange of a file whose size is known."""
        if upload.state is not UploadState.OPENING:
            return
        if size > MAX_FILE:
            self._fail(upload, f"it is larger than {MAX_FILE >> 20} MiB")
            return
        upload.state, upload.size = UploadState.SENDING, size
        upload.exchange = self._put(upload.file.name, size, upload.pastes)
        if upload.exchange.over:
            self._fail(upload, _WHY[Why.GONE])
        elif not size:
            upload.exchange.finish()

    def _take(self, upload: Upload, data: bytes) -> None:
        if upload.state is UploadState.SENDING:
            upload.pieces.append(data)
            self._give(upload)

    def _give(self, upload: Upload) -> None:
        """Give the exchange as much as it has room for."""
        exchange = upload.exchange
        while upload.pieces and exchange is not None and (room := exchange.room):
            data = upload.pieces.popleft()
            exchange.give(data[:room])
            upload.given += min(len(data), room)
            if len(data) > room:
                upload.pieces.appendleft(data[room:])
            else:
                upload.may_read.release()
        if exchange is not None and upload.size and upload.given == upload.size:
            exchange.finish()

    def moved(self, exchange: Exchange) -> None:
        """Handle news of an exchange that was put."""
        upload = self._all[0] if self._all else None
        if upload is None or upload.exchange is not exchange:
            return
        if not exchange.over:
            self._give(upload)
        elif exchange.answer.get("ok"):
            self._end_well(upload, exchange)
        else:
            why = why_of(exchange.answer) or Why.GONE
            self._fail(upload, self._words(exchange) or _WHY.get(why, "it was refused there"))

    def _words(self, exchange: Exchange) -> str:
        return told(exchange.answer.get("words", ""), self._host)

    def _end_well(self, upload: Upload, exchange: Exchange) -> None:
        self._finish(upload)
        self._all.popleft()
        if not exchange.answer.get("pasted"):
            self._unpasted.append((upload.file, exchange.answer.get("path", ""), self._words(exchange)))
        self._go_on()


def _opened_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)  # a FIFO that nobody writes would block
