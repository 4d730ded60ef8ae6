"""What `--undeploy` says where it cannot go through with it."""

from __future__ import annotations

import os

import pytest

from sesh.errors import TimedOut
from sesh.ops import end, undeploy
from sesh.reach.caller import Caller
from sesh.store import listing
from tests.support import Home
from tests.support.data import summary


class Noting(Caller):
    """One who may not be asked, and sees notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)


def test_what_is_forgotten_already_is_named_when_a_kept_session_does_not_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error alone was said, and nothing of those that were gone."""
    versions = os.path.join(home.path, ".local", "share", "sesh", "versions")
    os.makedirs(versions)
    kept = [summary(name=name, state="exited") for name in ("one", "two", "three")]
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setattr(listing, "summaries", lambda: kept)
    monkeypatch.setattr(end, "end_all", lambda _: {"two": TimedOut("two does not answer")})
    caller = Noting()
    with pytest.raises(TimedOut, match="two does not answer"):
        undeploy.remove(caller)
    assert caller.notes == ["what was kept of one, three is gone"]
    assert os.path.isdir(versions)
