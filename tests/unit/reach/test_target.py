"""Ops asked for by name: their data survives a link, and what is no op is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import bridge, protocol, wire
from sesh.errors import UsageError
from sesh.ops import jobs, sessions
from sesh.reach import arguments, calls
from sesh.reach.op import named

if TYPE_CHECKING:
    from sesh.reach.op import Op

WORD = st.binary(max_size=8).map(os.fsdecode)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORD | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
)


@given(DATA)
def test_data_of_any_bytes_survives_the_link(data: Any) -> None:
    """Bytes that are no UTF-8, controls, quotes, empty words: no shell of a host ever reads them."""
    assert calls.decoded(calls.encoded(data)) == data


@given(st.lists(WORD, max_size=6))
def test_words_of_any_bytes_survive_the_frames(argv: list[str]) -> None:
    sent = wire.asking("op", 1, calls.encoded({"command": argv}), op="sessions.open_", asks=False, answers=[])
    frames = protocol.Decoder().feed(sent)
    assert [kind for kind, _ in frames] == [protocol.DATA, protocol.REQUEST]
    assert calls.decoded(frames[0][1]) == {"command": argv}


@pytest.mark.parametrize(
    "name",
    ["", "sessions", "sessions.", ".kill", "sessions._summary", "end.end_all", "no.such", "sessions.no_such",
     "os.system", "sessions.kill.x", "../x.y"],
)  # fmt: skip
def test_only_ops_are_carried_out_by_name(name: str) -> None:
    with pytest.raises(UsageError, match="has no op"):
        bridge.op_named(name)


def test_data_that_an_op_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match="takes other arguments"):
        arguments.check(sessions.there, {"name": "x", "future": True})


@pytest.mark.parametrize("op", [sessions.there, jobs.result, sessions.label])
def test_data_that_an_op_lacks_is_refused(op: Op[..., object]) -> None:
    """It was an internal error of the other side."""
    with pytest.raises(UsageError, match=f"{op.wire_name} takes other arguments"):
        arguments.check(op, {})


def test_arguments_go_over_a_link_by_their_names_however_they_are_given() -> None:
    assert named(sessions.rename, ("old", "new"), {}) == named(sessions.rename, (), {"name": "old", "new": "new"})
    assert named(sessions.rename, ("old",), {"new": "new"}) == {"name": "old", "new": "new"}
