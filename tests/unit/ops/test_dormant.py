"""Sessions without a daemon that are started again."""

from __future__ import annotations

import errno
import itertools
import os
from typing import Any

import pytest

from sesh.errors import SeshError
from sesh.ops import create, dormant
from sesh.reach.caller import Caller
from sesh.store import checkpoints, own, records
from sesh.system import files, paths
from tests.support.data import record
from tests.unit.crashes import killed_before_change

pytestmark = pytest.mark.usefixtures("sessions")


def test_a_session_whose_rename_is_cut_off_has_one_name() -> None:
    """It had both, so that what removed one of them took the screen of the other."""
    folder = files.ready_directory()
    for number in itertools.count(1):
        dead: Any = record("before", id="00ff", daemon_pid=2, daemon_start="")
        records.write(dead)
        open(paths.socket_path("before"), "wb").close()
        killed = killed_before_change(number, lambda: dormant.rename("before", "after"))
        assert [records.id_of(name) for name in paths.names() if records.readable(name)] == ["00ff"], number
        assert killed or own.is_record(paths.record_path("after"))
        for name in ("before", "after"):
            records.remove(name)
        if not killed:
            break
    left = [entry for entry in os.listdir(folder) if not files.UNFINISHED.fullmatch(entry)]
    assert left == [".lock"]
    assert number > 2


def test_a_session_that_cannot_be_started_again_stays_where_its_screen_cannot_be_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a full disk, the record was not written either, and the session was lost."""
    files.ready_directory()
    lost: Any = record("web", id="00ff", cwd="/", daemon_pid=2, daemon_start="", command=["make"], labels={"a": "b"})
    records.write(lost)
    checkpoints.restore(
        "00ff", {"size": [80, 24], "drawn": [80, 24], "cell_height": 20, "lines": 10}, b"what it showed"
    )

    def started(*_: object) -> None:
        records.remove("web")  # its name was taken
        raise SeshError("no such command")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(create, "start", started)
    monkeypatch.setattr(checkpoints, "write", full)
    spec: Any = {"columns": 0, "rows": 0, "labels": {}}
    summary: Any = {"name": "web", "state": "lost", "cwd": "/", "labels": {}, "lost": {"reason": "crash"}}
    with pytest.raises(SeshError):
        dormant.start(Caller(), spec, "web", summary, again=True)
    assert (records.read("web") or {})["labels"] == {"a": "b"}
    assert checkpoints.read("00ff") is None
