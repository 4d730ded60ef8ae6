"""Checked values are of their type, bounded and printable; all others raise one error."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional, is_typeddict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import errors
from sesh.errors import ProtocolError, SeshError
from sesh.ops import doctor, jobs, search, sessions, shell, sweep, views
from sesh.reach.op import decode_result
from sesh.schema import check, codec
from sesh.text import safe
from sesh.wire import messages, protocol
from sesh.wire.connection import Connection
from tests.support import data

KINDS = (protocol.WELCOME, protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.DATA)
VERBS = [each for each in vars(messages).values() if isinstance(each, messages.RequestType)]
ANSWERS = [each for each in vars(messages).values() if is_typeddict(each)]
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_KEYS = st.sampled_from(
    [*(key for answer in ANSWERS for key in answer.__annotations__), "sessions", "refusals", "home", "code", "text",
     "message", "state", "cells", "done", "failed", "output", "$bytes", "event"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["work", "\x1b]0;t\x07", "a\nb"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=30,
)


def _far() -> Connection:
    connection = Connection(-1, -1)
    connection.over_link = True
    return connection


_CLIENT = {
    "id": 1, "pid": 1, "tty": "/dev/pts/1", "machine": "m", "columns": 80, "rows": 24, "since": "2026-03-01T11:57:00Z",
    "read_only": False, "mode": "raw",
}  # fmt: skip
_ROW = data.summary(
    id="00ff", foreground={"pid": 1, "command": ["vi"], "title": "t"}, labels={"a": "b"}, exit_code=0, machine="m",
    unseen={"bells": 1, "notification": "n", "failed": 0}, clients=[_CLIENT],
    activity={"state": "waiting", "why": "hook", "since": "2026-03-01T11:57:00Z", "question": "q", "kind": "k"},
)  # fmt: skip
_COMMAND = data.command(command=["make"], exit_code=0, duration=1.0, started="2026-03-01T11:57:00Z")
_HIT = {
    "session": "web", "line": 1, "text": "t", "before": ["b"], "after": ["a"], "command": ["c"], "started": "s",
    "host": None,
}  # fmt: skip
_ERROR = {"code": "busy", "what": "w", "hint": "h", "exit": 1}
WHOLE: dict[Any, Any] = {
    views.status: _ROW,
    views.overview: {"sessions": [_ROW], "refusals": ["r"], "home": "/h"},
    views.cells: data.screen([data.run("text", fg=1, link="l", underline="u")]),
    shell.history: [_COMMAND],
    jobs.result: {**data.job_result(name="web", reason="r", command=["c"], directory="/"), "output": {"$bytes": ""}},
    search.grep: {"hits": [_HIT], "failed": {"web": _ERROR}},
    search.count: {"counts": {"web": 1}, "failed": {"web": _ERROR}},
    sessions.kill: {"done": ["web"], "failed": {"web": _ERROR}},
    sessions.label: {"a": "b"},
    doctor.all_: [{"check": "c", "state": "s", "message": "m", "remedy": "r"}],
    sweep.leftovers: [{"kind": "k", "what": "w", "age": 1, "pid": 1}],
    views.logs: ["l"],
}
"""An answer of an op with a value in each place."""


def passed(op: Any, value: Any) -> Any:
    """Check a host's answer to an op, and return it."""
    return decode_result(op, json.dumps(value).encode())


def texts(found: Any) -> list[str]:
    """Return all text in a value except under the key `start`."""
    if isinstance(found, str):
        return [found]
    if isinstance(found, dict):
        return [each for key, value in found.items() if key != "start" for each in [key, *texts(value)]]
    return [text for each in found for text in texts(each)] if isinstance(found, list) else []


@given(st.sampled_from([*KINDS, *VERBS]), _VALUES)
def test_a_frame_passes_in_its_shape_or_is_a_protocol_error(kind: int | messages.RequestType[Any], value: Any) -> None:
    """A RESPONSE has the shape that its verb says, or an error of the host."""
    far, payload = _far(), json.dumps(value if isinstance(kind, int) else {"result": value}).encode()
    try:
        found = far.decode_message(kind, payload) if isinstance(kind, int) else far.decode_response(kind, payload)
    except SeshError as error:
        found = {"error": str(error)}
    assert not any(_ACTS.search(text) for text in texts(found))
    if kind in (protocol.EXIT, messages.WAIT):
        assert found.get("code", found.get("exit_code")) in (None, *range(256))


@given(st.sampled_from(list(WHOLE)), _VALUES)
def test_an_answer_passes_in_its_type_or_is_a_protocol_error(op: Any, value: Any) -> None:
    try:
        found = passed(op, value)
    except ProtocolError:
        return
    found = json.loads(re.sub(safe.STYLES, "", json.dumps(found, ensure_ascii=False, default=str)))
    assert not any(_ACTS.search(text) for text in texts(found))


@given(st.text())
def test_styled_lines_hold_text_and_sgr_alone(text: str) -> None:
    found = safe.without_controls(f"\x1b[1m{text}\x1b]52;c;x\x07\x1b[2J\x1b[0m")
    assert found.startswith("\x1b[1m")
    assert found.endswith("\x1b[0m")
    assert not _ACTS.search(re.sub(safe.STYLES, "", found))
    assert "]52" not in re.findall("\x1b[^m]*", found)


def _screen(*rows: list[dict[str, Any]], **words: Any) -> dict[str, Any]:
    cursor = {"row": 0, "column": 0, "visible": True, "style": 0}
    plain = {"columns": 80, "rows": 24, "title": "", "alternate": False, "colours": {}, "continued": []}
    return {**plain, "cursor": cursor, "cells": list(rows), **words}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (_screen(columns=10**6), ".columns"),
        ({"text": "x"}, " is missing"),
        (_screen(colours={"1": 5}), ".colours"),
        (_screen([{"column": 0, "width": 1, "text": "x", "bold": 1}]), ".cells"),
    ],
)
def test_a_screen_of_another_type_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ProtocolError, match=re.escape(reason)):
        passed(views.cells, value)


def test_values_that_would_cost_much_memory_are_refused_and_text_that_looks_like_them_is_not() -> None:
    many = b"[" + b'"",[],' * codec.MAX_VALUES + b"[]]"
    tracemalloc.start()
    with pytest.raises(ProtocolError, match="values in one answer"):
        codec.value(many)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20, "counting them takes no memory"
    tracemalloc.stop()
    text = "[,{" * codec.MAX_VALUES
    assert codec.value(json.dumps([text, '\\"']).encode()) == [text, '\\"']


def test_text_of_this_machine_passes_as_it_is() -> None:
    """A directory whose name is no UTF-8, or holds an escape, is still found."""
    facts = data.summary(cwd="/caf\udce9\x1b", command=["x" * 9000])
    payload = codec.encode({"id": 1, "result": facts})
    assert Connection(-1, -1).decode_response(messages.SUMMARY, payload) == facts


def _follow(_who: object, from_: int, set: Optional[dict[str, str]] = None, *, ends: bool = False) -> None:  # noqa: A002, UP045
    """Have the signature of a verb, and do nothing."""


def test_arguments_are_those_of_the_signature() -> None:
    assert check.arguments(_follow, {"from": 3, "set": {"a": "b"}}) == {"from_": 3, "set": {"a": "b"}}
    assert check.arguments(_follow, {"from": 3, "future": 1, "_who": 1, "from_": ""}) == {"from_": 3}


@pytest.mark.parametrize("odd", [{}, [], None, {"from_": 3}, {"from": -1}, {"from": 3, "ends": None}, {"set": {}}])
def test_arguments_of_another_type_are_refused_and_so_is_a_lack(odd: object) -> None:
    with pytest.raises(errors.Malformed):
        check.arguments(_follow, odd)


@pytest.mark.parametrize("session", ["work", 5, None, [], {"name": "work"}])
def test_a_session_without_its_facts_is_refused(session: object) -> None:
    with pytest.raises(ProtocolError, match=r"RESPONSE\.result"):
        _far().decode_response(messages.SUMMARY, codec.encode({"id": 1, "result": session}))


def _changed(value: Any, put: str) -> Iterator[Any]:
    """Yield copies of a value, with this text in place of one part or key."""
    yield put
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {**{k: v for k, v in value.items() if k != key}, put: inner}
            yield from ({**value, key: each} for each in _changed(inner, put))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from ([*value[:at], each, *value[at + 1 :]] for each in _changed(inner, put))


@pytest.mark.parametrize("op", WHOLE, ids=lambda op: op.wire_name)
def test_no_part_of_an_answer_lets_in_what_a_terminal_acts_on(op: Any) -> None:
    assert passed(op, WHOLE[op])
    for value in _changed(WHOLE[op], "\x1b]0;t\x07"):
        try:
            found = passed(op, value)
        except ProtocolError:
            continue
        assert not any(_ACTS.search(text) for text in texts(found)), value


@dataclass(frozen=True)
class _Grown:
    first: int
    later: str = ""


def test_a_field_with_a_default_may_be_missing_as_an_older_sesh_does_not_know_it() -> None:
    assert check.checked_here(_Grown, {"first": 1}) == _Grown(1)
    with pytest.raises(errors.Malformed):
        check.checked_here(_Grown, {"later": "x"})
