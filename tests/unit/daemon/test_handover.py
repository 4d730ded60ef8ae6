"""A session that a reload hands over as JSON is the same session, and goes on."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.daemon import description, reload
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.measures import STEADY
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


class Socket:
    def dump(self) -> tuple[int, int, int]:
        return -1, 0, 0


def record(own: Session) -> reload.Snapshot:
    requests = SimpleNamespace(typing=SimpleNamespace(outcomes={}))
    return reload.snapshot_of(cast(Server, SimpleNamespace(session=own, listener=Socket(), requests=requests)))


def through_json(own: Session) -> Session:
    return reload.session_of(json.loads(json.dumps(record(own))))


@settings(max_examples=8)
@given(OUTPUT, OUTPUT, st.booleans(), st.booleans())
def test_a_session_is_the_same_after_json_and_goes_on(
    before: list[bytes], after: list[bytes], drawn: bool, trimmed: bool
) -> None:
    own = session()
    printed(own, before)
    own.findings.title, own.pump.sent_at = "t\u00fc", 7
    for event in ("notification", "bell", "command_ended"):
        own.events.missed.note({"event": event, "text": "n", "exit_code": 1})
    own.clients.size = (100, 30, 0, 0)
    own.model.resize(100, 30)
    if drawn:
        own.model.catch_up(10)
    if trimmed:
        own.log.append((b"x" * 62 + b"\r\n") * (300 << 4))
        own.model.catch_up(10)
        own.relay.pace()
    other = through_json(own)
    assert json.dumps(record(other)) == json.dumps(record(own))
    assert other.events.missed.line(7) == own.events.missed.line(7)
    for each in (own, other):
        printed(each, after)
        each.model.catch_up(10)
    assert other.pump.scanner.carry == own.pump.scanner.carry
    assert other.log.bytes(0) == own.log.bytes(0)
    assert essence(other.model.emulator) == essence(own.model.emulator)
    assert description.summary(other) == description.summary(own)


def test_a_job_has_the_time_that_was_left() -> None:
    own = session()
    own.facts["ends_at"] = 2000.25
    own.timers.set("timeout", 60, lambda: None)
    assert (through_json(own).facts["ends_at"] or 0) - STEADY.now() == pytest.approx(60, abs=5)
