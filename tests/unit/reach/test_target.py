"""Ops asked for by name: their data survives a link, and what is no op is refused."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import bridge, protocol, wire
from sesh.errors import Interrupted, NotDeployed, NotFound, Unreachable, UsageError
from sesh.link_state import LinkState
from sesh.ops import enter, jobs, sessions
from sesh.reach import arguments, calls, links
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.host_target import HostTarget
from sesh.reach.op import named
from sesh.reach.target import Target
from sesh.remote import known
from sesh.remote.deploy import fleet
from sesh.remote.ssh.destination import Destination

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


def test_an_op_of_this_machine_is_called_and_raises_as_it_is() -> None:
    with pytest.raises(NotFound, match="no session nosuch"):
        Target(Caller()).call(sessions.there, name="nosuch", required=True)


def test_arguments_go_over_a_link_by_their_names_however_they_are_given() -> None:
    assert named(sessions.rename, ("old", "new"), {}) == named(sessions.rename, (), {"name": "old", "new": "new"})
    assert named(sessions.rename, ("old",), {"new": "new"}) == {"name": "old", "new": "new"}


def test_who_stops_while_a_job_may_not_have_begun_is_not_told_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupts = Interrupts(tie=False, message="")

    def reopened(*_: object, **__: object) -> NoReturn:
        interrupts.stop()
        raise Unreachable("not yet")

    monkeypatch.setattr(links, "reopened", reopened)
    try:
        with pytest.raises(Interrupted, match=r"^the job may or may not have started; check with: sesh @box$"):
            HostTarget(Caller(), "box")._reopened(interrupts, LinkState(time.monotonic(), at_once=1), None)
    finally:
        interrupts.close()


def test_ctrl_c_once_the_host_has_answered_still_says_whether_the_session_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pressed(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    link: Any = SimpleNamespace(open_session=lambda *_, **__: ({"name": "work"}, b""))
    monkeypatch.setattr(HostTarget, "open", lambda _, **__: link)
    monkeypatch.setattr(HostTarget, "_keep", pressed)
    monkeypatch.setattr(links, "left_behind", lambda *_: "work is there")
    with pytest.raises(KeyboardInterrupt, match="work is there"):
        HostTarget(Caller(), "box").enter(enter.go, "work")


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_sesh_is_deployed_to_a_host_without_it_and_the_link_opened_again_if_the_person_wants_that(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    story: list[str] = []
    link: Any = SimpleNamespace(remote_info={}, asked=False, swallowed=False)

    def opened(*_: Any, **__: Any) -> Any:
        story.append("opened")
        if "deployed" not in story:
            raise NotDeployed("no sesh")
        return link

    def deployed(places: list[Destination]) -> list[Any]:
        story.append("deployed")
        return [SimpleNamespace(error=None) for _ in places]

    class Person(Caller):
        can_ask = True

        def ask(self, question: str, *_: Any, **__: Any) -> str:
            story.append(question)
            return answer

    monkeypatch.setattr(links, "_link", opened)
    monkeypatch.setattr(fleet, "deploy_all", deployed)
    monkeypatch.setattr(known, "record", lambda *_, **__: None)
    question = "@box has no sesh; deploy it there?"
    if answer == "y":
        assert links.opened(Person(), Destination("box"), offer=True) is link
        assert story == ["opened", question, "deployed", "opened"]
    else:
        with pytest.raises(NotDeployed):
            links.opened(Person(), Destination("box"), offer=True)
        assert story == ["opened", question]
