"""How a session is described to others."""

from __future__ import annotations

import errno

import pytest

from sesh import machine
from sesh.daemon import description
from sesh.daemon.phase import ProgramEnd
from tests.unit.daemon.test_handover import session


def test_a_command_of_megabytes_is_cut_where_it_is_shown_and_kept_where_it_is_known() -> None:
    """The answer did not fit into one frame: the session could not even be listed."""
    own = session()
    own.facts["command"] = ["cat", *(["x" * 100_000] * 15)]
    shown = description.summary(own)["command"] or []
    assert shown[0] == "cat"
    assert sum(map(len, shown)) < 1 << 16
    assert shown[-1].endswith("…")
    assert description.record(own)["command"] == own.facts["command"]
    assert description.summary(session())["command"] == ["sh", "-c", "ü\udcff"]


def test_the_record_of_the_end_asks_nothing_that_the_system_may_refuse_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """It read anew when the machine had started: without a descriptor for that an ended session was listed as lost."""
    own = session()
    before = description.record(own)

    def refused() -> str:
        raise OSError(errno.EMFILE, "no descriptor is left")

    monkeypatch.setattr(machine, "boot_id", refused)
    own.life.end = ProgramEnd(code=3)
    after = description.record(own)
    assert (after["exit_code"], after["boot"]) == (3, before["boot"])
