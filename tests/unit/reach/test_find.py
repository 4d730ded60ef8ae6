"""A request to a daemon that ends meanwhile."""

from __future__ import annotations

import socket

import pytest

from sesh import wire
from sesh.errors import NotFound
from sesh.messages import LOGS
from sesh.reach import find


def test_what_reads_a_session_whose_daemon_ends_meanwhile_learns_that_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`sesh logs` failed while the daemon of an ended session left it to its files."""
    near, far = socket.socketpair()
    far.close()
    left = {"name": "work", "state": "lost", "lost": {"reason": "reboot"}}
    monkeypatch.setattr(find, "connect", lambda _: wire.adopt(near, "work"))
    monkeypatch.setattr(find, "dormant", lambda _: left)
    with pytest.raises(NotFound, match="work was lost"):
        find.request("work", LOGS)
