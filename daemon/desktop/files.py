"""Files that are sent to the session's machine, and looks whether a path exists here.

```
TAKING ──the last byte──▶ WHOLE ──its worker──▶ THERE ──its path is pasted, or shown over there──▶ told
   └────────────────────────┴─ no room, time, whoever sends it has gone ─▶ told, and nothing is left
```

Each file has a worker, a thread, which alone touches the disk: a full, slow or dead file system stops no key. The same
holds for looks: a path on a dead mount has no answer, and counts as found.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import Optional

from sesh import errors
from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.facts import Facts
from sesh.daemon.pty.pump import Pump
from sesh.errors import Refused, SeshError
from sesh.loop.poll import READ, Poll
from sesh.store import session_files
from sesh.system.workers import Stop, Workers
from sesh.text.safe import plain
from sesh.wire.messages import MAX_PATHS, Ask, Told, Why, refusal
from sesh.wire.pieces import HELD, MAX_EXCHANGES, MAX_FILE, MAX_FILES, Flow, Pieces

TIME = 30.0  # seconds without progress after which a file is given up
LOOK_TIME = 1.0  # seconds after which a path without an answer counts as found
_AWAITS_TURN = 0.02  # seconds between two looks whether another text has been typed
MAX_SENT = 16  # files that are on their way; more are refused
_MOST_LOOKS = 4  # workers at a time; each of them may hang
_BLOCK = 64 << 10  # bytes that a worker writes at once
_MAX_NAME = 64  # characters of a name in a line

Tell = Callable[[Told], None]
TypePath = Callable[..., Optional[bool]]  # of `Typing`
_Item = Callable[[], None]  # what a worker has the daemon do


class State(Enum):
    """How far a file is: see the drawing above."""

    TAKING = auto()
    WHOLE = auto()
    THERE = auto()
    TOLD = auto()


@dataclass(eq=False)
class Sent:
    """A file on its way here.

    `owner`, `number`: of its exchange, a client's link or a caller's connection. `size`: what was promised, or what has
    come if that is more; `written`: bytes on the disk. `by_person`: somebody has dropped it, so its path is pasted only
    if nothing was typed since. `typed_at`: when (monotonic) somebody had last typed before it began; None until the end
    of the turn in which it began.
    `pieces`: count the bytes of a caller, whose connection has no other exchange; `request_key`: identifies it, if it
    comes again.
    """

    owner: object
    number: int
    name: str
    size: int
    flow: Flow
    tell: Tell
    pastes: bool
    by_person: bool
    pieces: Optional[Pieces] = None
    request_key: str = ""
    until: float = NEVER
    worker: int = 0
    state: State = State.TAKING
    written: int = 0
    handed: int = 0  # bytes that its worker has not written yet
    blocks: SimpleQueue[Optional[bytes]] = field(default_factory=SimpleQueue)
    typed_at: Optional[float] = None
    path: str = ""


@dataclass(eq=False)
class _Look:
    """Paths that are looked for. `missing`: those of them that do not exist."""

    paths: list[str]
    tell: Tell
    until: float
    missing: set[str] = field(default_factory=set)


class Files(Part):
    """The files on their way to a session, and the looks for paths."""

    def __init__(self, agenda: Agenda, facts: Facts, pump: Pump) -> None:
        super().__init__(agenda)
        self._facts = facts
        self._pump = pump
        self.poll = Poll()  # the server's, once there is one
        self.type_path: TypePath = lambda *_, **__: False  # that of `Typing`, once there is one
        self.sent: list[Sent] = []
        self._looks: dict[int, _Look] = {}
        self._writers: Workers[int, _Item] | None = None
        self._lookers: Workers[int, _Item] | None = None
        self._last_worker = 0
        self._opening = Lock()
        self._is_clean = False  # no file is left that another daemon has not finished
        self.outcomes: dict[str, Told] = {}  # by a request's `key`

    @property
    def busy(self) -> bool:
        """True while something is under way, or a worker of what was given up may still speak."""
        return self._writers is not None or self._lookers is not None

    def _workers(self, most: int) -> Workers[int, _Item]:
        """Return new workers, for whose words the daemon waits."""
        workers = Workers[int, _Item](most)
        self.poll.watch(workers.inbound, READ)
        return workers

    def _next_worker(self) -> int:
        self._last_worker += 1
        return self._last_worker

    # -- looks

    def find(self, ask: Ask, tell: Tell) -> None:
        """Look which of the paths of an ASK exist, and tell."""
        wanted = [path for path in ask.get("paths", []) if os.path.isabs(path)][:MAX_PATHS]
        try:
            self._lookers = self._lookers or self._workers(_MOST_LOOKS)
        except OSError:  # no descriptor is left, so nobody can look
            tell(_found(wanted))
            return
        worker = self._next_worker()
        look = self._looks[worker] = _Look(wanted, tell, time.monotonic() + LOOK_TIME)
        if len(self._lookers.running) < MAX_EXCHANGES:  # else as many hang already
            self._lookers.begin(worker, partial(self._look, worker, look))
        self._plan()

    def _look(self, worker: int, look: _Look, _stop: Stop) -> Iterator[_Item]:
        """Look for paths; runs in a thread."""
        for path in look.paths:
            if not os.path.lexists(path):
                yield partial(look.missing.add, path)
        yield partial(self._end_look, worker)

    def _end_look(self, worker: int) -> None:
        look = self._looks.pop(worker, None)
        if look is not None:
            look.tell(_found([path for path in look.paths if path not in look.missing]))

    # -- files

    def take(self, sent: Sent) -> None:
        """Begin to take a file."""
        if not self._pump.life.running:
            sent.tell(refusal(Why.REFUSED, f"the program of {self._facts.name} has ended"))
            return
        if sent.size > MAX_FILE:
            sent.tell(refusal(Why.SIZE, _too_large(sent.name)))
            return
        if len(self.sent) >= MAX_SENT:
            words = f"{MAX_SENT} files are on their way to {self._facts.name}; try again"
            sent.tell(refusal(Why.NONE, words))
            return
        try:
            self._writers = self._writers or self._workers(MAX_SENT)
        except OSError as error:
            sent.tell(refusal(Why.REFUSED, errors.cannot(f"take {_shown(sent.name)}", error).text))
            return
        sent.worker = self._next_worker()
        sent.until = time.monotonic() + TIME
        self.sent.append(sent)
        self._writers.begin(sent.worker, partial(self._write, sent))
        self.bytes_came(sent)

    def take_again(self, sent: Sent) -> bool:
        """Return whether the file of a caller, whose link was lost, needs not come once more; tell the caller of it."""
        if (told := self.outcomes.get(sent.request_key)) is not None:
            sent.tell(told.copy())
            return True
        for other in [each for each in self.sent if each.request_key == sent.request_key != ""]:
            if other.state is not State.TAKING:  # it is here, and the caller does not know that
                other.owner, other.number, other.tell = sent.owner, sent.number, sent.tell
                return True
            self._fail(other, Why.GONE, "")
        return False

    def of(self, owner: object, number: int) -> Sent | None:
        """Return the file of an exchange."""
        return next((sent for sent in self.sent if sent.owner is owner and sent.number == number), None)

    def bytes_came(self, sent: Sent) -> None:
        """Hand what has come of a file to its worker."""
        sent.until = time.monotonic() + TIME
        sent.size = max(sent.size, sent.flow.received)
        if sent.size > MAX_FILE:
            self._fail(sent, Why.SIZE, _too_large(sent.name))
        else:
            self._hand_over(sent)
        self._plan()

    def _hand_over(self, sent: Sent) -> None:
        """Give a worker as much as it is to hold; the rest waits where it is counted."""
        while sent.handed < HELD and (data := sent.flow.take(_BLOCK)):
            sent.handed += len(data)
            sent.blocks.put(data)
        if sent.state is State.TAKING and sent.flow.ended and not sent.flow.incoming:
            sent.state = State.WHOLE
            sent.blocks.put(b"")

    def _write(self, sent: Sent, _stop: Stop) -> Iterator[_Item]:
        """Write a file as its bytes come; runs in a thread. None in their place ends it. Raises SeshError."""
        path = session_files.folder_of(self._facts.files)
        try:
            with session_files.opened(path, create=True) as folder:
                with self._opening:
                    if not self._is_clean:
                        folder.discard_unfinished()
                    self._is_clean = True
                    room = MAX_FILES - folder.size() - sum(each.size for each in self._others_of(sent))
                if sent.size > room:
                    raise Refused(_no_room(self._facts.name, path))
                with folder.writing() as file:
                    while data := sent.blocks.get():
                        if sent.size > room:
                            raise Refused(_no_room(self._facts.name, path))
                        file.write(data)
                        yield partial(self._note_written, sent, len(data))
                    if data is not None and sent.state is State.WHOLE:
                        yield partial(self._note_there, sent, file.finish(sent.name))
        except OSError as error:
            raise errors.cannot(f"write {_shown(sent.name)} to {path}", error) from error

    def _others_of(self, sent: Sent) -> list[Sent]:
        """Return the earlier files that are on their way, and not in the directory yet; a worker asks."""
        return [each for each in list(self.sent) if each.worker < sent.worker and each.state is not State.THERE]

    def _note_written(self, sent: Sent, count: int) -> None:
        sent.handed -= count
        sent.written += count
        sent.until = time.monotonic() + TIME
        if sent in self.sent:
            self._hand_over(sent)

    def _note_there(self, sent: Sent, path: str) -> None:
        sent.path = path
        if sent in self.sent:
            sent.state = State.THERE

    def _end(self, sent: Sent, told: Told) -> None:
        """Tell of a file, and end its worker."""
        self.sent.remove(sent)
        sent.state = State.TOLD
        sent.blocks.put(None)
        if sent.request_key and told.get("ok"):
            self.outcomes[sent.request_key] = told.copy()
            if len(self.outcomes) > MAX_EXCHANGES:
                del self.outcomes[next(iter(self.outcomes))]
        sent.tell(told)

    def _fail(self, sent: Sent, why: Why, words: str) -> None:
        self._end(sent, refusal(why, words))

    def leave(self, owner: object, number: int | None = None) -> None:
        """Give up the files of an exchange, or of all exchanges of a link or connection that is gone."""
        for sent in [each for each in self.sent if each.owner is owner and number in (None, each.number)]:
            self._fail(sent, Why.GONE, "")

    def end_all(self, words: str) -> None:
        """Give up every file, since something has happened to the session."""
        for sent in list(self.sent):
            self._fail(sent, Why.GONE, words)

    # -- in the turn

    def act(self, now: float) -> None:
        """Do what workers have found and done, and give up what takes too long."""
        for workers in (self._writers, self._lookers):
            for worker, item in workers.take() if workers is not None else ():
                self._handle(worker, item)
        for sent in list(self.sent):
            if sent.state is State.THERE:
                self._paste(sent)
            elif sent.until <= now:
                self._fail(sent, Why.TIME, f"{_shown(sent.name)} did not come in time")
        for worker, look in list(self._looks.items()):
            if look.until <= now:  # what has no answer counts as found
                self._end_look(worker)
        self._writers = self._unless_idle(self._writers, is_used=bool(self.sent))
        self._lookers = self._unless_idle(self._lookers, is_used=bool(self._looks))
        self._plan()

    def _unless_idle(self, workers: Workers[int, _Item] | None, *, is_used: bool) -> Workers[int, _Item] | None:
        """Return workers that are still needed; close others, which frees their descriptors."""
        if workers is None or is_used or workers.running:
            return workers
        self.poll.forget(workers.inbound)
        workers.close()
        return None

    def _handle(self, worker: int, item: _Item | SeshError) -> None:
        if not isinstance(item, SeshError):
            item()
            return
        sent = next((each for each in self.sent if each.worker == worker), None)
        if sent is not None:
            self._fail(sent, Why.REFUSED, item.text)
        self._end_look(worker)

    def _plan(self) -> None:
        waits = [_AWAITS_TURN + time.monotonic() for sent in self.sent if sent.state is State.THERE]
        times = [sent.until for sent in self.sent] + [look.until for look in self._looks.values()]
        self.due = min(times + waits, default=NEVER)

    def move(self, ready: dict[int, int]) -> None:
        """Note when somebody last typed before the files that begin in this turn; act if a worker has items."""
        for sent in self.sent:
            if sent.typed_at is None:
                sent.typed_at = self._pump.input_line.input_at
        if any(workers is not None and workers.inbound in ready for workers in (self._writers, self._lookers)):
            self.due = 0.0

    # -- the path

    def _paste(self, sent: Sent) -> None:
        """Paste the path of a file that lies here, unless somebody else types; then tell."""
        told: Told = {"ok": True, "why": "", "path": sent.path, "pasted": False, "words": ""}
        before = self._pump.input_line.input_at
        if sent.pastes and not (sent.by_person and sent.typed_at != before):
            try:
                pasted = self.type_path(sent.path, by_person=sent.by_person)
            except SeshError as error:
                told["words"] = error.text
            else:
                if pasted is None:  # another text is being typed
                    return
                told["pasted"] = pasted
        for other in self.sent:
            if other.typed_at == before:  # that was no person
                other.typed_at = self._pump.input_line.input_at
        self._end(sent, told)


def _shown(name: str) -> str:
    last = plain(os.path.basename(name.rstrip("/")))
    return f"{last[: _MAX_NAME - 1]}…" if len(last) > _MAX_NAME else last or "the file"


def _too_large(name: str) -> str:
    return f"{_shown(name)} is too large: a session takes files of at most {MAX_FILE >> 20} MiB"


def _no_room(session: str, folder: str) -> str:
    return f"{session} takes at most {MAX_FILES >> 20} MiB of files; remove some of those in {folder}"


def _found(paths: list[str]) -> Told:
    return {"ok": True, "why": "", "found": paths}
