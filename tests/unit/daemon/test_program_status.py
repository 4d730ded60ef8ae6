"""Reports of the Program Status Protocol (OSC 7501): each rule for one of them, and what is kept of many."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import program_status
from sesh.daemon.activity.program_status import MOST_RECORDS, Reports, parse

GROUP = 100
LONG_ID = "/".join(["a" * 17] * 7)


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


# -- one report


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("state=idle", {"state": "idle"}),
        ("state=working:progress=40:app=cargo", {"state": "working", "progress": "40", "app": "cargo"}),
        (" state = working :\tapp=cargo\t", {"state": "working", "app": "cargo"}),
        # What is no pair, and what nobody knows, is passed over; the rest counts.
        ("garbage:=x:Bad=1:app=b@d:future=yes:state=working:app=ok:::", {"state": "working", "app": "ok"}),
        ("app=ok:app=b@d:state=idle", {"state": "idle", "app": "ok"}),
        ("state=idle:msg=a b", {"state": "idle"}),
        ("state=idle:msg=\x01YQ", {"state": "idle"}),
        ("state=idle:\xff=1", {"state": "idle"}),
        ("id:state=idle", {"state": "idle"}),
        # The last one counts.
        ("state=idle:app=a:state=done:app=b", {"state": "done", "app": "b"}),
        ("state=idle:msg=a:msg=YQ", {"state": "idle", "msg": "YQ"}),
        # What belongs to some states, and is left out else.
        ("state=blocked:kind=auth:progress=7", {"state": "blocked", "kind": "auth", "progress": "7"}),
        ("state=blocked:kind=dance", {"state": "blocked"}),
        ("state=working:kind=auth", {"state": "working"}),
        ("state=done:kind=auth:progress=10", {"state": "done"}),
        ("state=working:progress=0", {"state": "working", "progress": "0"}),
        ("state=working:progress=100", {"state": "working", "progress": "100"}),
        *[
            (f"state=working:progress={wrong}", {"state": "working"})
            for wrong in ("101", "256", "9" * 500, "-1", "+1", "4.5", "1_0", "")
        ],
        ("state=idle:app=a/b", {"state": "idle"}),
        ("state=idle:app=", {"state": "idle"}),
        ("state=idle:app=" + "a" * 32, {"state": "idle", "app": "a" * 32}),
        ("state=clear:id=A-Z_0.9+", {"state": "clear", "id": "A-Z_0.9+"}),
        ("state=clear:id=a/b/c/d/e/f/g/h", {"state": "clear", "id": "a/b/c/d/e/f/g/h"}),
        ("state=clear:id=" + "a" * 32, {"state": "clear", "id": "a" * 32}),
        ("state=clear:id=" + LONG_ID + "bc", {"state": "clear", "id": LONG_ID + "bc"}),
        # Texts.
        ("state=done:msg=UGxhbg", {"state": "done", "msg": "UGxhbg"}),
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
        "", "app=cargo", "state=sleeping", "state=", "state=IDLE", "State=idle",
        *[f"state=clear:id={wrong}" for wrong in ("", "/", "a/", "/a", "a//b", "a,b", "a=b", "bad!", "b d", "\xe4")],
        "state=clear:id=a:id=bad!", "state=clear:id=bad!:id=a",
        "state=clear:id=" + "a" * 33, "state=clear:id=a/b/c/d/e/f/g/h/i",
        "state=clear:id=" + "/".join(["a" * 31] * 4) + "/b",
        "state=idle:" + "a" * 17 + "=1", "state=idle:" + "a" * 17 + "=",
        "state=idle:app=" + "a" * 33, "state=idle:app=" + "a" * 33 + ":app=ok",
        "state=idle:title=" + "QUFB" * 65, "state=idle:msg=" + "QUFB" * 683, "state=idle:msg=" + "QUFB" * 684,
        *[f"state=done:{key}={wrong}" for key in ("msg", "title") for wrong in ("a", "QQ=", "Q=Q", "QR", "a.b_")],
        *[f"state=done:msg={b64(wrong)}" for wrong in ("a\nb", "\x1b[31m", "a\x7f", "\x9b1m", "\0", "\t")],
        "state=done:msg=/w==", "state=done:msg=7aCA",
    ],
)  # fmt: skip
def test_what_drops_a_report_whole(text: str) -> None:
    assert parse(text.encode("latin-1")) is None


@given(st.lists(st.binary(max_size=100).map(lambda text: b"state=working:" + text), max_size=8))
def test_any_bytes(texts: list[bytes]) -> None:
    check(texts)


def check(texts: list[bytes]) -> None:
    """Whatever comes, the records are valid, and what is sent of them to a terminal makes the same records there."""
    reports, twin = Reports(), Reports()
    for at, text in enumerate(texts, 1):
        report = parse(text)
        if report is not None:
            assert set(report) <= {"state", "id", "kind", "progress", "app", "title", "msg"}
            reports.take(report, GROUP, at)
    rows = reports.as_json()
    for row in rows:
        assert all(value.isprintable() for value in row.values() if isinstance(value, str))
    for sequence in sent(reports, every=True):
        again = parse(sequence.removeprefix("\x1b]7501;").encode())
        assert again is not None
        twin.take(again, GROUP, 1)
    assert twin.as_json() == rows
    dumped = json.loads(json.dumps(reports.dump()))
    twin.restore(dumped)
    assert json.loads(json.dumps(twin.dump())) == dumped
    assert (reports.said() is None) == (not rows)


# -- the records


def sent(reports: Reports, since: int = -1, until: int = 1 << 30, *, every: bool = False) -> list[str]:
    """The sequences for a terminal, without their ends."""
    return reports.sequences(since, until, every=every).split("\x1b\\")[:-1]


def told(*texts: str, group: int = GROUP) -> Reports:
    """What is kept of these reports, which end at the positions 1, 2 and so on."""
    reports = Reports()
    for at, text in enumerate(texts, 1):
        tell(reports, text, at, group)
    return reports


def tell(reports: Reports, text: str, at: int = 1, group: int = GROUP) -> None:
    report = parse(text.encode())
    assert report is not None
    reports.take(report, group, at)


def ids(reports: Reports) -> list[str]:
    return [row["id"] or "" for row in reports.as_json()]


def stands(reports: Reports) -> tuple[str, str, str] | None:
    said = reports.said()
    return (said.state, said.question, said.kind) if said is not None else None


def test_a_report_replaces_its_record_whole_and_inherits_the_app_alone() -> None:
    reports = told("state=working:progress=4:title=YQ:msg=YQ:app=own", "state=working", "state=idle:id=a/b")
    blank = {"kind": None, "progress": None, "app": None, "title": None, "message": None}
    assert reports.as_json() == [
        {**blank, "id": None, "state": "working"},
        {**blank, "id": "a/b", "state": "idle"},
    ]
    tell(reports, "state=working:app=root")
    assert [row["app"] for row in reports.as_json()] == ["root", "root"]
    tell(reports, "state=working:id=a:app=nearest")
    assert [row["app"] for row in reports.as_json()] == ["root", "nearest", "nearest"]
    tell(reports, "state=working:id=a/b:app=own")
    assert [row["app"] for row in reports.as_json()] == ["root", "nearest", "own"]


def test_clear_removes_a_record_and_all_below_and_without_an_id_all() -> None:
    reports = told("state=idle", "state=idle:id=a", "state=idle:id=a/b", "state=idle:id=ab", "state=clear:id=a")
    assert ids(reports) == ["", "ab"]
    tell(reports, "state=clear:id=nobody")
    assert ids(reports) == ["", "ab"]
    assert reports.speaks
    tell(reports, "state=clear")
    assert (ids(reports), reports.speaks, stands(reports)) == ([], False, None)


def test_of_too_many_the_least_recently_updated_goes_first() -> None:
    reports = told(*(f"state=working:id=n{number}" for number in range(MOST_RECORDS)))
    tell(reports, "state=done:id=n0")
    tell(reports, "state=idle")
    assert len(ids(reports)) == MOST_RECORDS
    assert {"", "n0", "n2"} < set(ids(reports))
    assert "n1" not in ids(reports)


@pytest.mark.parametrize(
    ("texts", "stand"),
    [
        (("state=idle",), ("idle", "", "")),
        (("state=idle", "state=done:id=a"), ("done", "", "")),
        (("state=done", "state=working:id=a"), ("working", "", "")),
        (("state=working", "state=error:id=a:msg=YQ"), ("failed", "a", "")),
        (("state=error", "state=blocked:id=a/b:msg=YQ:kind=question"), ("waiting", "a", "question")),
        (("state=blocked:id=a:msg=YQ", "state=blocked:kind=auth"), ("waiting", "asks for a login", "auth")),
        (("state=blocked:kind=permission",), ("waiting", "asks for permission", "permission")),
        (("state=blocked:kind=question",), ("waiting", "asks a question", "question")),
        (("state=blocked",), ("waiting", "", "")),
        (("state=working:msg=YQ",), ("working", "", "")),
        (("state=blocked:msg=" + b64("a\u202eb\u200b  c" + "d" * 300),), ("waiting", "ab c" + "d" * 196, "")),
    ],
)
def test_the_most_urgent_record_says_how_the_program_stands(
    texts: tuple[str, ...], stand: tuple[str, str, str]
) -> None:
    assert stands(told(*texts)) == stand


def every_state() -> Reports:
    return told(*(f"state={state}:id={state}" for state in program_status.STATES))


def test_at_the_end_of_the_program_stays_what_a_person_is_to_see() -> None:
    reports = every_state()
    reports.ended(9)
    assert (ids(reports), reports.speaks) == (["done", "error"], False)
    reports.seen(10)
    assert ids(reports) == []
    reports = every_state()
    reports.seen(9, by_key=False)
    assert ids(reports) == ["blocked", "idle", "working"]


def test_a_terminal_gets_what_it_lacks() -> None:
    reports = told("state=working:app=x", "state=idle:id=a:msg=YQ", "state=blocked:kind=auth:progress=3")
    root, child = "\x1b]7501;state=blocked:kind=auth:progress=3", "\x1b]7501;state=idle:id=a:msg=YQ"
    assert sent(reports) == [child, root]
    assert sent(reports, 2) == [child, root]
    assert sent(reports, 3) == []
    assert sent(reports, 3, every=True) == [child, root]
    reports.ended(7)
    assert sent(reports, 3, 6) == []
    assert sent(reports, 3, 7) == ["\x1b]7501;state=clear"]
    assert sent(reports, 7) == []
    assert sent(reports) == [], "one that attaches has nothing that is to be removed"
