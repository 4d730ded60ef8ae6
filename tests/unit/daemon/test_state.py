"""A session as plain data: through JSON and back it is the same session, and goes on."""

from __future__ import annotations

import errno
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh import identity
from sesh.daemon import description
from sesh.daemon.session import Session
from sesh.daemon.upgrade.state import FORMAT, check_format, dump_session, load_session
from sesh.moments import STEADY
from tests.support.data import daemon_facts
from tests.unit.vt.streams import essence

PIECES = st.sampled_from([
    b"plain\r\n", b"\x1b[1;31mbold", b"\x1b]0;a title\x07", b"\x1b]2;cut", b"\xe7\x95\x8c", b"\xe7\x95", b"\x1b[?1049h",
    b"\x1b[?1049l", b"\x1b[5;5H", b"\x07", b"\x1b[", b"6n", b"\xff\xfe\x00", b"\r\n" * 30,
])  # fmt: skip
OUTPUT = st.lists(PIECES, max_size=40)


def session(name: str = "work") -> Session:
    facts = daemon_facts(name=name, command=["sh", "-c", "ü\udcff"], labels={"a": "b"}, keep=True)
    return Session(facts, (80, 24, 800, 480), None)


def printed(own: Session, output: list[bytes]) -> None:
    for block in output:
        own.pump.scanner.find(block)
        own.log.append(block)


def through_json(own: Session) -> Session:
    return load_session(json.loads(json.dumps(dump_session(own))), None)


@settings(max_examples=40)
@given(OUTPUT, OUTPUT, st.booleans(), st.booleans())
def test_a_session_is_the_same_after_json_and_goes_on(
    before: list[bytes], after: list[bytes], seen: bool, trimmed: bool
) -> None:
    own = session()
    printed(own, before)
    own.relay.seen = seen
    own.title, own.pump.sent_at = "t\u00fc", 7
    for event in (
        {"event": "notification", "text": "n"},
        {"event": "bell"},
        {"event": "command_ended", "exit_code": 1},
    ):
        own.missed.note(event)  # type: ignore[arg-type]
    own.clients.size = (100, 30, 0, 0)
    own.model.resize(100, 30)
    if seen:
        own.model.catch_up(10)
    if trimmed:
        own.log.append((b"x" * 62 + b"\r\n") * (300 << 4))
        own.model.catch_up(10)
        own.relay.trim()
    other = through_json(own)
    assert dump_session(other) == dump_session(own)
    assert other.missed.line(7) == own.missed.line(7)
    for each in (own, other):
        printed(each, after)
        each.model.catch_up(10)
    assert other.pump.scanner.carry == own.pump.scanner.carry
    assert other.log.bytes(0) == own.log.bytes(0)
    assert essence(other.model.emulator) == essence(own.model.emulator)
    assert description.summary(other) == description.summary(own)


def test_clients_that_may_come_back_and_a_jobs_deadline_are_part_of_it() -> None:
    """Without these a successor would type a returning client's INPUT twice, and let a job run for ever."""
    own = session()
    own.facts["deadline"] = 2000.25
    own.timers.set("timeout", 60, lambda: None)
    own.clients.departed["token"] = (7, 1234, True)
    own.end.timed_out = True
    other = through_json(own)
    assert other.clients.departed == own.clients.departed
    assert (other.facts["deadline"] or 0) - STEADY.now() == pytest.approx(60, abs=5), (
        "what is left, whatever the clock says"
    )
    assert other.end.timed_out


def test_another_format_is_refused() -> None:
    check_format({"format": FORMAT})
    with pytest.raises(ValueError, match="format 99"):
        check_format({"format": 99})
    with pytest.raises(ValueError, match="format None"):
        check_format({})


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

    monkeypatch.setattr(identity, "boot_id", refused)
    own.end.code = 3
    assert description.record(own)["exit_code"] == 3
    assert description.record(own)["marked"].split()[0] == before["boot"]
