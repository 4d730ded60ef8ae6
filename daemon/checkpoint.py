"""Checkpoints of a session: written when its output has gone quiet, so that a daemon's death does not take all of it.

Output arms one timer, and nothing else does: a session in which nothing happens writes nothing and wakes nobody. One
whose emulator was never needed keeps the bytes as they came, so that none is loaded for this alone.
"""

from __future__ import annotations

import time

from sesh import platform
from sesh.daemon.clients.model import Model
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.session import stamp
from sesh.store import checkpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.session import Session
    from sesh.vt.emulator import Emulator

QUIET = 1.0
"""Seconds without output after which it is worth keeping."""
BUSY = 30.0
"""Seconds between two checkpoints while output does not stop."""
SHARE, PACE = 100, 32 << 10
"""A checkpoint is followed by that many times the time it took, and by a second for so many bytes, without another."""
LINES, TAIL = 1000, 256 << 10
"""Lines of scrollback that are kept; bytes, of those that no emulator has seen."""

_SCREEN_ERASED, _SCROLLBACK_ERASED, _ALTERNATE = b"\x1b[2J", b"\x1b[3J", b"\x1b[?1049h"
_NEAR = 16
"""Bytes within which the two stand where one command (`clear`) wrote both."""


class Checkpoint:
    """The checkpoints of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written = time.monotonic()
        self._rest = 0.0
        """Seconds until the next one may come."""

    def look(self) -> None:
        """Some time after output came: writes a checkpoint where it is time, else looks again."""
        session = self._session
        now = time.monotonic()
        until = max(session.log.touched + QUIET, self._written + self._rest)
        until = min(until, self._written + BUSY)
        if now >= until and session.model.eager and not session.model.loaded:
            until = now + QUIET  # the emulator is about to be loaded
        if now < until:
            session.timers.set("checkpoint", until - now, self.look)
        else:
            self.write()

    def write(self) -> None:
        """Writes one now. Raises OSError where it cannot be written."""
        session = self._session
        began = self._written = time.monotonic()
        session.timers.clear("checkpoint")
        model, data = _kept(session)
        facts = {
            "written": stamp(time.time()),
            "last_activity": stamp(session.last_activity),
            "cwd": platform.directory_of(session.facts["pid"]) if platform.LINUX and session.running else "",
            "title": session.title,
            "model": model,
        }
        checkpoints.write(session.facts["id"], facts, data)
        self._rest = max(SHARE * (time.monotonic() - began), len(data) / PACE)

    def remove(self) -> None:
        """The session has ended by itself, or was told to: nobody will look for it."""
        self._session.timers.clear("checkpoint")
        checkpoints.remove(self._session.facts["id"])


def _kept(session: Session) -> tuple[dict[str, object], bytes]:
    """The bytes that show the session, and the sizes at which a model is to take them."""
    model, log = session.model, session.log
    if not model.loaded and log.base == 0:
        data = log.bytes(0)
        at = _needed(data)
        return _sizes(model.dump(), at), data[at:]
    from sesh.vt.render.replay import replay

    lines = LINES
    data = replay(model.emulator, lines=lines, clear=False)
    while len(data) > checkpoints.LARGEST and lines:
        lines //= 4
        data = replay(model.emulator, lines=lines, clear=False)
    size = [model.emulator.columns, model.emulator.rows]
    return {"position": 0, "size": size, "born": size, "resizes": [], "marks": [], "emulator": None}, data


def _needed(data: bytes) -> int:
    """From where on a session's bytes are kept: what a person cleared is not, nor is more than so many lines."""
    at = data.rfind(_SCROLLBACK_ERASED)
    if at < 0 or _SCREEN_ERASED not in data[max(0, at - _NEAR) : at]:
        at = 0
    line = data.find(b"\n", len(data) - TAIL) + 1 if len(data) - at > TAIL else 0
    return line if line > at and _ALTERNATE not in data[at:line] else at


def _sizes(model: dict[str, Any], at: int) -> dict[str, object]:
    """The sizes of a model that begins at a later byte."""
    before = [size for position, *size in model["resizes"] if position <= at]
    after = [[position - at, *size] for position, *size in model["resizes"] if position > at]
    return {**model, "born": before[-1] if before else model["born"], "resizes": after}


def emulator(header: checkpoints.Header, data: bytes) -> Emulator:
    """The emulator as it was when a checkpoint was written. Raises ValueError where the checkpoint makes no sense."""
    log = OutputLog()
    log.restore(0, data)
    try:
        columns, rows = header["model"]["size"]
        model = Model(log, columns, rows)
        model.restore(header["model"])
        while model.lag:
            model.step()
        model.settle()
    except (KeyError, TypeError) as error:
        raise ValueError(f"a checkpoint that cannot be read: {error}") from error
    return model.emulator
