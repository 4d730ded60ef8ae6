r"""Holds a paste that may be files that were dropped on the terminal, until it is known whether they are to be sent.

```
PASSING ──the mark before a paste──▶ PASTE ──its end──▶ LOOKING ──they are here, and not there──▶ ASKING
   ▲                                   │                   │                                        │  └─Ctrl-V─▶ sent
   └─ no paths, silence, too long ─────┴─ a key, or not so ─┴──────────── any other key, or time ────┘
```

Pure: parts of the input and times (monotonic) come in, and parts of the input come out. Whatever comes behind a held
paste waits behind it: a paste, as it may be another dropped file, and reports of the terminal. A key does not wait: all
that is held passes, and then the key. So input keeps its order, and nobody types into a line that asks.

Files of which no paste has come, such as a picture on the clipboard, are an offer: PASSING becomes ASKING at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf
from typing import Generic, TypeVar

from sesh.client.desktop.presses import Press
from sesh.desktop import dropped
from sesh.text import keys
from sesh.text.keys import PASTE, PASTE_END

SILENCE = 0.3  # seconds without a byte of a paste, after which it passes
ASK_TIME = 10.0  # seconds that the line asks
MAX_HELD = 64 << 10  # bytes

File = TypeVar("File")


class DropState(Enum):
    """What is held: see the drawing above."""

    PASSING = auto()
    PASTE = auto()
    LOOKING = auto()
    ASKING = auto()


@dataclass
class _Held(Generic[File]):
    """A part of the input that waits: a paste with its marks, or a report (`number` 0).

    `files`: what the paste stands for; None while that is not known.
    """

    data: bytearray
    number: int = 0
    files: list[File] | None = field(default=None)


class Drops(Generic[File]):
    """The held input of one attachment.

    `look`: called with the number of a paste and its readings; who looks calls `found` or `missing`. `ask`: called with
    the files to ask for. `send`: called with those that the person has agreed to.
    """

    def __init__(
        self,
        look: Callable[[int, list[dropped.Paths]], None],
        ask: Callable[[list[File]], None],
        send: Callable[[list[File]], None],
    ) -> None:
        self._look, self._ask, self._send = look, ask, send
        self._held: list[_Held[File]] = []
        self._collects = False  # the last of them is a paste whose end has not come
        self._asked: list[File] = []  # what the line asks for
        self._last_number = 0
        self._silent_at = self._asked_until = inf

    @property
    def state(self) -> DropState:
        if self._collects:
            return DropState.PASTE
        if any(held.number and held.files is None for held in self._held):
            return DropState.LOOKING
        return DropState.ASKING if self._asked else DropState.PASSING

    @property
    def asks(self) -> bool:
        """True while a line asks, also while a further paste comes behind it."""
        return self._asked != []

    @property
    def due(self) -> float:
        """The time from which on `act` is to be called."""
        return min(self._silent_at, self._asked_until)

    # -- input

    def take(self, part: bytes, press: Press, now: float) -> bytes:
        """Take a part of the input; return what passes."""
        if self._collects:
            return self._take_pasted(part, press, now)
        if press is Press.PASTE_START and part == PASTE:  # the rest of a mark belongs to what has passed
            if not self._held:
                self.release()  # the paste takes the place of an offer
            self._last_number += 1
            self._held.append(_Held(bytearray(part), self._last_number))
            self._collects, self._silent_at = True, now + SILENCE
            return b""
        if self.state is DropState.PASSING:
            return part
        if press is Press.PASTE_KEY and self.state is DropState.ASKING:
            return self._send_asked()
        if press.is_key or press is Press.PASTE_START:
            return self.release() + part
        if not self._held:  # an offer has nothing that a report waits for
            return part
        self._held.append(_Held(bytearray(part)))
        return self._bounded()

    def _take_pasted(self, part: bytes, press: Press, now: float) -> bytes:
        paste = self._held[-1]
        paste.data += part
        self._silent_at = now + SILENCE
        if not press.is_key:
            data = bytes(paste.data)
            _, begun = keys.paste_end(data, len(PASTE))
            may_be_paths = dropped.may_begin(data[len(PASTE) : len(data) - begun])
            return self._bounded() if may_be_paths else self.release()
        self._collects, self._silent_at = False, inf
        readings = dropped.readings(bytes(paste.data[len(PASTE) : -len(PASTE_END)]))
        if not readings or len(paste.data) > MAX_HELD:
            return self.release()
        self._look(paste.number, readings)
        return b""

    def _bounded(self) -> bytes:
        return self.release() if sum(len(held.data) for held in self._held) > MAX_HELD else b""

    def release(self) -> bytes:
        """Return all that is held, in its order; ask for nothing."""
        held, self._held = self._held, []
        self._collects, self._asked = False, []
        self._silent_at = self._asked_until = inf
        return b"".join(bytes(each.data) for each in held)

    def _send_asked(self) -> bytes:
        """Have the files sent that the line asks for; return the reports that came between the pastes."""
        files = self._asked
        self._held = [held for held in self._held if not held.number]
        passed = self.release()
        self._send(files)
        return passed

    def act(self, now: float) -> bytes:
        """Return what was held for too long."""
        return self.release() if now >= self.due else b""

    # -- answers

    def holds(self, number: int) -> bool:
        """Return whether a paste is still held."""
        return any(held.number == number for held in self._held)

    def found(self, number: int, files: list[File], now: float) -> None:
        """Note that a paste is a drop of files; ask for them once every paste is known to be one."""
        for held in self._held:
            if held.number == number:
                held.files = files
        if all(held.files is not None for held in self._held if held.number):
            self._begin_asking([file for held in self._held for file in held.files or []], now)

    def missing(self, number: int) -> bytes:
        """Note that a paste is no drop; return what is held."""
        return self.release() if self.holds(number) else b""

    def offer(self, files: list[File], now: float) -> None:
        """Ask for files of which no paste has come, while nothing is held."""
        if self.state is DropState.PASSING:
            self._begin_asking(files, now)

    def _begin_asking(self, files: list[File], now: float) -> None:
        if files:
            self._asked, self._asked_until = files, now + ASK_TIME
            self._ask(files)
