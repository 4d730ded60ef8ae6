"""A REQUEST or a HELLO is checked against its type before it has an effect."""

from __future__ import annotations

import ast
import signal
from collections.abc import Generator
from dataclasses import replace
from inspect import signature
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest

from sesh.daemon.base.phase import Phase, ProgramEnd
from sesh.daemon.clients import connection
from sesh.daemon.life import description
from sesh.daemon.requests import typed_text
from sesh.daemon.requests.requests import MAX_REQUESTS, REQUESTS
from sesh.daemon.watching.waits import MAX_WAITS
from sesh.errors import ProtocolError
from sesh.schema import codec
from sesh.store import records
from sesh.wire import messages, protocol
from tests.house.source import modules
from tests.unit.daemon.connections import Daemon, Link

NONSENSE = [float("nan"), float("inf"), -1, -0.5, 1e300, 10**40, True, False, "5", "", [], {}, [5]]
"""Values that a request may not have as a number."""
NUMBERS = [
    ("run", "timeout"), ("run", "since"), ("wait", "timeout"), ("wait", "idle"), ("wait", "from"), ("wait", "else"),
    ("wait", "since"), ("events", "since"), ("logs", "lines"), ("history", "n"), ("feed", "at"),
]  # fmt: skip


def answer(server: Daemon, link: Link, **words: object) -> dict[str, Any]:
    server.requests.handle(link.connection, {"id": 1, **words})
    link.connection.flush()
    (found,) = [codec.parse(payload) for kind, payload in link.take() if kind == protocol.RESPONSE]
    return found


@pytest.mark.parametrize(("verb", "key"), NUMBERS)
@pytest.mark.parametrize("value", NONSENSE)
def test_a_number_that_is_none_is_a_usage_error_and_does_nothing(
    server: Daemon, link: Link, verb: str, key: str, value: object
) -> None:
    """A timeout of NaN made a deadline that was always near: the loop spun."""
    more = {"follow": True} if verb == "wait" else {}
    found = answer(server, link, verb=verb, **{key: value}, **more)
    assert found["error"]["code"] == "usage", found
    assert server.session.waits.all == []
    assert server.session.runs.due == float("inf")
    assert not server.session.runs.all_runs()
    assert server.session.sender.followers == {}


@pytest.mark.parametrize("number", [float("nan"), "1", None, [], True, 10**40, -1])
def test_a_request_whose_number_is_none_is_refused_as_number_0(server: Daemon, link: Link, number: object) -> None:
    found = answer(server, link, verb="summary", id=number)
    assert (found["id"], found["error"]["code"]) == (0, "usage")


def test_a_request_is_malformed_or_late_or_unknown_in_this_order(server: Daemon, link: Link) -> None:
    known = {"verb": "label", "set": {"team": "web"}}
    for words, code, what in (
        ({**known, "begin_by": 0, "set": {"team": 1}}, "usage", "a malformed request: .set.team is not text"),
        ({"verb": "future", "begin_by": "0"}, "usage", "a malformed request: .begin_by"),
        ({**known, "begin_by": 0}, "timeout", "was asked too late"),
        ({"verb": "future", "begin_by": 0}, "timeout", "was asked too late"),
        ({"verb": "future"}, "usage", "has no request future"),
        ({"verb": "_unknown"}, "usage", "has no request _unknown"),
        ({"verb": "pending"}, "usage", "has no request pending"),
        ({"verb": "wait", "from": "middle"}, "usage", "a malformed request: .from is not"),
        ({"verb": "wait", "from_": 0, "from": -1}, "usage", "a malformed request: .from is not"),
    ):
        error = answer(server, link, **words)["error"]
        assert (error["code"], what in error["what"]) == (code, True), error
    assert server.session.facts.labels == {}
    more = {"request": 1, "self": 1, "set_": 1, "future": None, "begin_by": None}
    assert answer(server, link, **known, **more)["result"] == {"team": "web"}


def test_no_caller_sends_a_word_that_the_request_does_not_take() -> None:
    """A daemon ignores an unknown word, because another version may know it."""
    of_the_sender = {"timeout", "deadline", "begin_by", "repeat", "pace", "over"}
    wrong, count = [], 0
    for module in modules():
        for call in (node for node in module.nodes if isinstance(node, ast.Call)):
            # Such as `messages.WAIT` or `WAIT`; `Wish.PUT` is another word.
            names = {ast.unparse(each).removeprefix("messages.") for each in call.args}
            for verb in {name.lower() for name in names if name.isupper()} & REQUESTS.keys():
                taken = {name.removesuffix("_") for name in signature(REQUESTS[verb]).parameters}
                sent = {each.arg for each in call.keywords if each.arg is not None}
                tables = [each for each in call.args if isinstance(each, ast.Dict)]
                sent |= {str(key.value) for table in tables for key in table.keys if isinstance(key, ast.Constant)}
                wrong += [f"{module.path}:{call.lineno}: {word}" for word in sent - taken - of_the_sender]
                count += 1
    assert (wrong, count > 30) == ([], True)


def test_each_request_is_handled_with_the_type_of_its_answer() -> None:
    """So mypy holds that a daemon's answer is what its caller expects."""
    named = {each for each in vars(messages).values() if isinstance(each, messages.RequestType)}
    assert named - {messages.START, messages.OP, messages.FORWARD} == {*REQUESTS}, "the others are not to a daemon"
    for verb, method in REQUESTS.items():
        assert get_args(get_type_hints(method)["request"]) == (getattr(messages, verb.upper()).response,)


@pytest.mark.parametrize("odd", [None, -1, 1.5, "\ud800", [], {"a": -1}, 10**30])
@pytest.mark.parametrize("key", ["pid", "tty", "columns", "read_only", "seen"])
def test_a_hello_of_other_types_ends_its_connection_and_attaches_nobody(
    server: Daemon, link: Link, key: str, odd: object
) -> None:
    hello = {"protocol": protocol.PROTOCOL, "role": "attach", key: odd}
    with pytest.raises(ProtocolError, match=f"HELLO: .{key}"):
        server.session.attached.handle_hello(link.connection, hello)
    assert not server.session.clients.all


def test_a_session_that_was_left_in_the_list_can_still_be_removed(server: Daemon) -> None:
    """A kill just after the end was told as done, and the session stayed listed."""
    description.write_record(server.session)
    session_id = server.session.facts.id
    server.listener.release(session_id, remove=False)
    assert records.read("work") is not None
    server.listener.release(session_id)
    assert records.read("work") is None


def test_a_wait_too_many_is_refused(server: Daemon, link: Link) -> None:
    for number in range(1, MAX_WAITS + 1):
        server.requests.handle(link.connection, {"id": number, "verb": "wait", "idle": 1000})
    one_more = answer(server, link, verb="wait", id=MAX_WAITS + 1)
    assert one_more["error"]["code"] == "busy", one_more


def test_an_interrupt_that_comes_again_over_another_link_is_sent_to_the_program_once(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(server.session.pump, "pty", SimpleNamespace(signal_foreground=sent.append))
    monkeypatch.setattr(server.session.life, "running", True)
    again = Link(server)
    for each, key in ((link, "5ec1"), (again, "5ec1"), (again, "5ec2")):
        assert answer(server, each, verb="interrupt", key=key)["result"] == {}
    again.close()
    assert sent == [signal.SIGINT] * 2


def test_texts_behind_another_are_bounded_and_begin_by_their_deadline_with_all_they_said(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text was typed up to its deadline although its connection had closed."""
    typing, now, typed, gone = server.requests.typing, [5.0], list[tuple[bytes, bool]](), Link(server)
    monkeypatch.setattr(connection, "uptime", lambda: now[0])

    def noted(data: bytes, *, enter: bool, more: bool) -> Generator[float, None, dict[str, int]]:
        assert not enter
        typed.append((data, more))
        yield from ()
        return {}

    monkeypatch.setattr(typing, "_type", noted)
    monkeypatch.setattr(typing, "_check", lambda *_, **__: None)
    earlier: Any = object()
    typing._turns.append(earlier)
    server.requests.handle(gone.connection, {"id": 1, "verb": "send", "key": "gone"})
    server.drop(gone.connection)
    for number in range(1, MAX_REQUESTS + 1):
        words = {"begin_by": 10} if number == 1 else {"key": f"{number}", "more": True}
        link.connection.data = bytearray(b"%d" % number)
        server.requests.handle(link.connection, {"id": number, "verb": "send", **words})
    assert typed == []
    now[0] = 11.0
    typing._turns.remove(earlier)
    server.until(lambda: not server.requests.unfinished)
    gone.close()
    assert typed == [(b"%d" % number, True) for number in range(2, MAX_REQUESTS)]
    link.connection.flush()
    refused = [codec.parse(payload) for _, payload in link.take()]
    codes = {each["id"]: each["error"]["code"] for each in refused if "error" in each}
    assert codes == {MAX_REQUESTS: "busy", 1: "timeout"}


def test_a_text_keeps_its_turn_for_its_rest_only_if_that_comes(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed_text, "STALLED", 1000.0)
    typing, typed, reasons = server.requests.typing, list[bytes](), {b"one": "", b"rest": "it has ended"}

    def noted(data: bytes, *, enter: bool, more: bool) -> Generator[float, None, dict[str, str]]:
        typed.append(data)
        yield from ()
        return {"reason": reasons.get(data, "")}

    monkeypatch.setattr(typing, "_type", noted)
    for data, words in ((b"one", {"goes_on": True}), (b"two", {}), (b"rest", {"more": True, "goes_on": True})):
        link.connection.data = bytearray(data)
        server.requests.handle(link.connection, {"id": 1, "verb": "send", **words})
    server.until(lambda: not server.requests.unfinished)
    assert typed == [b"one", b"rest", b"two"]


@pytest.mark.parametrize("persist", [True, False])
def test_a_termination_before_the_final_phase_ends_the_daemon_too(server: Daemon, persist: bool) -> None:
    """The daemon of a kept session went on."""
    session = server.session
    session.facts.update(replace(session.facts, keep=True, persist=persist))
    session.life.phase = Phase.ENDED
    session.life.end = ProgramEnd(3)
    server._terminate()
    server.ending.respond()
    assert session.life.phase == (Phase.ABANDONED if persist else Phase.REMOVED)
    assert (records.read("work") or {}).get("exit_code") == (3 if persist else None)
