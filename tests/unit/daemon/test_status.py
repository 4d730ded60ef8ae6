"""`--status`: what it says of the screen, and that asking for it holds nothing up."""

from __future__ import annotations

import os
import time

import pytest

from sesh.daemon.description import status
from sesh.daemon.screen import model
from sesh.vt.emulator import Emulator
from tests.unit.daemon.sessions import session


def test_the_scrollback_and_the_modes_are_those_of_the_emulator() -> None:
    own = session()
    own.log.append(b"line\r\n" * 100 + b"\x1b[?2004h\x1b[?1049h")
    said = status(own)
    assert (said["scrollback"], said["modes"]) == (
        {"lines": 77, "bytes": 77 * len("line")},
        {"bracketed_paste": True, "alternate_screen": True, "canonical": False, "echo": False},
    )


def test_an_emulator_that_is_far_behind_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process was made that counted for it; the daemon waited for that, half a second at most."""
    now = 1000.0

    class Slow(Emulator):
        def feed(self, data: bytes, seconds: float | None = None) -> int:
            nonlocal now
            now += seconds or 1.0
            return super().feed(data[:100])

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("another process counts"))
    monkeypatch.setattr(model, "Emulator", Slow)
    own = session()
    own.log.append(b"line\r\n" * 10_000)
    began, scrollback = now, status(own)["scrollback"]
    assert scrollback is not None
    assert 0 < scrollback["lines"] < 9_000
    assert now - began <= model.CATCH_UP_TIME + model.STEP_TIME
