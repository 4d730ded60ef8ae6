"""Mend links within a second, by shorter pauses and timeouts for each sesh that a test starts from then on."""

from __future__ import annotations

import pytest

from sesh.client import attached_link
from sesh.link import health, schedule


def brisk(monkeypatch: pytest.MonkeyPatch, notice_after: float = 0.3) -> None:
    """Try a host again after shorter pauses, and tell the user of a loss after `notice_after` seconds."""
    monkeypatch.setattr(schedule, "PACE", 0.2)
    monkeypatch.setattr(schedule, "LONGEST_PACE", 0.2)
    monkeypatch.setattr(attached_link, "SAY_AFTER", notice_after)


def hasty(monkeypatch: pytest.MonkeyPatch, notice_after: float = 0.3) -> None:
    """Do as `brisk`, and notice silence on a link within a second."""
    brisk(monkeypatch, notice_after)
    monkeypatch.setattr(health, "QUIET", 0.3)
    monkeypatch.setattr(health, "LOST_AFTER", 0.6)
