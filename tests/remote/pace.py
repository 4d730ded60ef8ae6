"""Shorter pauses and timeouts, so that links mend within a second."""

from __future__ import annotations

import pytest

from sesh.client import attachment
from sesh.link import health, keeper


def hasty(monkeypatch: pytest.MonkeyPatch, notice_after: float = 0.3) -> None:
    """Notice silence on a link within a second, tell of it after `notice_after`, and try the host again soon."""
    monkeypatch.setattr(keeper, "INTERVAL", 0.2)
    monkeypatch.setattr(keeper, "MAX_INTERVAL", 0.2)
    monkeypatch.setattr(attachment, "LINK_LINE_AFTER", notice_after)
    monkeypatch.setattr(health, "PING_AFTER", 0.3)
    monkeypatch.setattr(health, "LOST_AFTER", 0.6)
