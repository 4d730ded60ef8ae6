"""Links that are mended within a second: shorter pauses and patiences for each sesh that a test starts from now on."""

from __future__ import annotations

import pytest

from sesh.client import reconnect
from sesh.link import attempts, health


def brisk(monkeypatch: pytest.MonkeyPatch, notice_after: float = 0.3) -> None:
    """A host is tried again after shorter pauses, and the user hears so many seconds after a loss of it."""
    monkeypatch.setattr(attempts, "PACE", 0.2)
    monkeypatch.setattr(attempts, "LONGEST_PACE", 0.2)
    monkeypatch.setattr(reconnect, "SAY_AFTER", notice_after)


def hasty(monkeypatch: pytest.MonkeyPatch, notice_after: float = 0.3) -> None:
    """The same, and silence on a link is noticed within a second."""
    brisk(monkeypatch, notice_after)
    monkeypatch.setattr(health, "QUIET", 0.3)
    monkeypatch.setattr(health, "LOST_AFTER", 0.6)
