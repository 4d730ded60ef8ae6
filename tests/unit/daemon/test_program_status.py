"""Program Status Protocol (OSC 7501): the rules for one report, and for many."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity.declared import state_of
from sesh.daemon.screen.program_status import MAX_RECORDS, STATES, ProgramStatus, parse

GROUP = 100
LONG_ID = "/".join(["a" * 17] * 7)


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


# -- one report


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("state=working:progress=40:app=cargo", {"state": "working", "progress": "40", "app": "cargo"}),
        (" state = working :\tapp=cargo\t", {"state": "working", "app": "cargo"}),
        # Parts that are no pair, and unknown keys, are skipped. Of a key that is repeated, the last value counts.
        ("garbage:=x:Bad=1:app=b@d:future=yes:state=working:app=ok:::", {"state": "working", "app": "ok"}),
        ("app=ok:app=b@d:state=idle:msg=a b:\xff=1:id", {"state": "idle", "app": "ok"}),
        ("state=idle:app=a:msg=a:state=done:app=b:msg=YQ", {"state": "done", "app": "b", "msg": "YQ"}),
        # Keys that belong to some states are left out with other states.
        ("state=blocked:kind=auth:progress=7", {"state": "blocked", "kind": "auth", "progress": "7"}),
        ("state=blocked:kind=dance", {"state": "blocked"}),
        ("state=done:kind=auth:progress=10", {"state": "done"}),
        ("state=working:progress=0", {"state": "working", "progress": "0"}),
        *[(f"state=working:progress={wrong}", {"state": "working"}) for wrong in ("101", "9" * 500, "-1", "4.5", "")],
        ("state=idle:app=a/b", {"state": "idle"}),
        ("state=idle:app=" + "a" * 32, {"state": "idle", "app": "a" * 32}),
        ("state=clear:id=a/b/c/d/e/f/g/h", {"state": "clear", "id": "a/b/c/d/e/f/g/h"}),
        ("state=clear:id=" + LONG_ID + "bc", {"state": "clear", "id": LONG_ID + "bc"}),
        # Texts.
        ("state=done:msg=UGxhbg==:title=5a6J5YWo", {"state": "done", "msg": "UGxhbg==", "title": "5a6J5YWo"}),
        ("state=done:msg=:title=", {"state": "done"}),
        ("state=idle:title=" + "QUFB" * 64, {"state": "idle", "title": "QUFB" * 64}),
        ("state=idle:msg=" + "QUFB" * 682 + "QUE", {"state": "idle", "msg": "QUFB" * 682 + "QUE"}),
        ("state=idle:" + "a" * 16 + "=1", {"state": "idle"}),
    ],
)
def test_what_a_report_means(text: str, means: dict[str, str]) -> None:
    assert parse(text.encode("latin-1")) == means


@pytest.mark.parametrize(
    "text",
    [
        "", "app=cargo", "state=sleeping", "state=", "state=IDLE",
        *[f"state=clear:id={wrong}" for wrong in ("", "/", "a/", "/a", "a//b", "a,b", "bad!", "b d", "\xe4")],
        "state=clear:id=a:id=bad!", "state=clear:id=bad!:id=a",
        "state=clear:id=" + "a" * 33, "state=clear:id=a/b/c/d/e/f/g/h/i",
        "state=clear:id=" + "/".join(["a" * 31] * 4) + "/b",
        "state=idle:" + "a" * 17 + "=1", "state=idle:app=" + "a" * 33 + ":app=ok",
        "state=idle:title=" + "QUFB" * 65, "state=idle:msg=" + "QUFB" * 683,
        *[f"state=done:{key}={wrong}" for key in ("msg", "title") for wrong in ("a", "QQ=", "Q=Q", "QR", "a.b_")],
        *[f"state=done:msg={b64(wrong)}" for wrong in ("a\nb", "\x1b[31m", "a\x7f", "\x9b1m", "\0")],
        "state=done:msg=/w==", "state=done:msg=7aCA",
    ],
)  # fmt: skip
def test_what_drops_a_report_whole(text: str) -> None:
    assert parse(text.encode("latin-1")) is None


@given(st.lists(st.binary(max_size=100).map(lambda text: b"state=working:" + text), max_size=8))
def test_of_any_bytes_a_terminal_and_a_reload_get_the_same_records(texts: list[bytes]) -> None:
    status, twin = ProgramStatus(), ProgramStatus()
    for at, text in enumerate(texts, 1):
        report = parse(text)
        if report is not None:
            status.store(report, GROUP, at)
    rows = status.as_json()
    assert all(value.isprintable() for row in rows for value in row.values() if isinstance(value, str))
    for sequence in status.sequences(-1, 9, every=True).split("\x1b\\")[:-1]:
        take(twin, sequence.removeprefix("\x1b]7501;"))
    assert twin.as_json() == rows
    assert ProgramStatus(**json.loads(json.dumps(asdict(status)))) == status
    assert (state_of(status) is None) == (not rows)


# -- the records


def take(status: ProgramStatus, *texts: str, at: int = 1) -> ProgramStatus:
    """Let `status` take these texts, which end at position `at` and the following positions."""
    for position, text in enumerate(texts, at):
        report = parse(text.encode())
        assert report is not None
        status.store(report, GROUP, position)
    return status


def test_a_report_replaces_its_record_whole_and_inherits_the_app_alone() -> None:
    status = take(
        ProgramStatus(), "state=working:progress=4:title=YQ:msg=YQ:app=own", "state=working", "state=idle:id=a/b"
    )
    blank = {"kind": None, "progress": None, "app": None, "title": None, "message": None}
    assert status.as_json() == [
        {**blank, "id": None, "state": "working"},
        {**blank, "id": "a/b", "state": "idle"},
    ]
    take(status, "state=working:app=root", "state=working:id=a:app=nearest")
    assert [row["app"] for row in status.as_json()] == ["root", "nearest", "nearest"]
    take(status, "state=working:id=a/b:app=own")
    assert [row["app"] for row in status.as_json()] == ["root", "nearest", "own"]


def test_clear_removes_a_record_and_all_below_and_without_an_id_all() -> None:
    status = take(ProgramStatus(), *(f"state=idle:id={part}" for part in ("r", "a", "a/b", "ab")), "state=clear:id=a")
    take(status, "state=clear:id=nobody")
    assert ([*status.records], status.speaks) == (["r", "ab"], True)
    take(status, "state=clear")
    assert (status.records, status.speaks, state_of(status)) == ({}, False, None)


def test_of_too_many_the_least_recently_updated_goes_first() -> None:
    status = take(ProgramStatus(), *(f"state=working:id=n{number}" for number in range(MAX_RECORDS)))
    take(status, "state=done:id=n0", "state=idle")
    assert [*status.records] == [*(f"n{number}" for number in range(2, MAX_RECORDS)), "n0", ""]


@pytest.mark.parametrize(
    ("texts", "stands"),
    [
        (("state=idle", "state=done:id=a"), ("done", "", "")),
        (("state=done", "state=working:id=a"), ("working", "", "")),
        (("state=working", "state=error:id=a:msg=YQ"), ("failed", "a", "")),
        (("state=error", "state=blocked:id=a/b:msg=YQ:kind=question"), ("waiting", "a", "question")),
        (("state=blocked:id=a:msg=YQ", "state=blocked:kind=auth"), ("waiting", "asks for a login", "auth")),
        (("state=blocked",), ("waiting", "", "")),
        (("state=working:msg=YQ",), ("working", "", "")),
        (("state=blocked:msg=" + b64("a\u202eb\u200b  c" + "d" * 300),), ("waiting", "ab c" + "d" * 196, "")),
    ],
)
def test_the_most_urgent_record_says_how_the_program_stands(
    texts: tuple[str, ...], stands: tuple[str, str, str]
) -> None:
    said = state_of(take(ProgramStatus(), *texts))
    assert said is not None
    assert (said.state, said.question, said.kind) == stands


def test_a_result_stays_after_the_programs_end_until_a_person_sees_it() -> None:
    status = take(ProgramStatus(), *(f"state={state}:id={state}" for state in STATES))
    status.drop_ended(9)
    assert ({*status.records}, status.speaks) == ({"done", "error"}, False)
    status.drop_results(10)
    assert status.records == {}
