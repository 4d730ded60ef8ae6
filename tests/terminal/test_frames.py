"""The frames of a live daemon match their types: requests, answers, and messages to clients."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

import pytest

from sesh import messages, protocol, wire
from sesh.daemon.requests import REQUESTS
from sesh.messages import Message, Welcome
from tests.support import Sesh
from tests.support.typed import differences

pytestmark = pytest.mark.usefixtures("inside")

RUN = {"exit_code", "duration", "timed_out", "truncated", "n"}
LINES = {"position", "alternate", "first", "older"}
HERE = [each for each in sys.path if each]
ASKED: list[tuple[str, Mapping[str, Any], bytes, set[str]]] = [
    ("summary", {}, b"", {"session"}),
    ("status", {}, b"", {"session"}),
    ("screen", {"format": "text"}, b"", {"continued"}),
    ("modes", {}, b"", {"cursor"}),
    ("logs", {"lines": 3}, b"", LINES),
    ("logs", {"end": True}, b"", LINES | {"open", "blank", "columns", "start"}),
    ("logs", {"lines": 3, "until": 1 << 62}, b"", LINES),
    ("label", {"set": {"team": "web"}}, b"", {"labels"}),
    ("resume", {"command": ["agent", "--resume", "1"]}, b"", set()),
    ("state", {"state": "working", "hook": True}, b"", set()),
    ("switch", {"to": "other", "probe": True}, b"", {"switched"}),
    ("typed", {}, b"", {"at", "watched"}),
    ("tell", {"name": "other", "state": "waiting", "question": "why?"}, b"", {"told"}),
    ("send", {}, b"\r", {"position"}),
    ("press", {}, b"\r", {"position"}),
    ("send", {"key": "00aa", "enter": True, "force": False}, b"true", {"position"}),
    ("send", {"key": "00aa", "enter": True}, b"true", {"position"}),
    ("wait", {"prompt": True, "timeout": 20}, b"", {"met", "position"}),
    ("run", {"wait": True, "key": "00ff", "timeout": 20}, b"true", RUN),
    ("run", {"wait": True, "since": 0}, b"echo\0on", RUN),
    ("run_interrupt", {}, b"", set()),
    ("history", {"n": 1}, b"", {"n", "command", "cwd", "started", "duration", "exit_code", "output_bytes"}),
    ("history", {}, b"", set()),
    ("interrupt", {"key": "00ee"}, b"", set()),
    ("rename", {"to": "play"}, b"", set()),
    ("detach", {"which": "all"}, b"", {"detached"}),
    ("reload", {"python": sys.executable, "path": HERE}, b"", set()),
]
"""Requests: the verb, its keys, the data, and the keys of the answer except `id` and `ok`."""
OTHERS = {"asked", "feed", "kill", "events"}
"""Verbs that have tests of their own."""


def answered(connection: wire.Connection, verb: str, words: Mapping[str, Any], data: bytes = b"") -> dict[str, Any]:
    """Send a request; return the answer's keys, which are those of its type."""
    connection.send(wire.request_frames(verb, 1, data, **words))
    deadline = time.monotonic() + 20
    while True:
        kind, payload = connection.receive(deadline)
        if kind == protocol.RESPONSE:
            found = protocol.parse(payload)
            assert (found.pop("id"), found.pop("ok", None)) == (1, True), found
            assert list(differences(found, getattr(messages, verb.upper()).response)) == []
            return found


def greeted(name: str) -> wire.Connection:
    connection = wire.connect(name)
    connection.send(wire.hello_frame("request"))
    kind, payload = connection.receive(time.monotonic() + 20)
    assert kind == protocol.WELCOME
    assert list(differences(protocol.parse(payload), Welcome)) == []
    return connection


def test_each_request_is_answered_with_what_its_type_says(sesh: Sesh) -> None:
    sesh("--open", "work")
    with greeted("work") as connection:
        for verb, words, data, keys in ASKED:
            found = answered(connection, verb, words, data)
            assert found.keys() == keys, verb
    assert {verb for verb, *_ in ASKED} | OTHERS == {*REQUESTS}


def test_each_request_is_handled_with_the_type_of_its_answer() -> None:
    named = {each for each in vars(messages).values() if isinstance(each, messages.RequestType)}
    assert named - {messages.START, messages.OP} == {*REQUESTS}, "the other two are not to a daemon"
    for verb, method in REQUESTS.items():
        assert get_args(get_type_hints(method)["request"]) == (getattr(messages, verb.upper()).response,)


TOLD = {
    protocol.NOTICE: {"text", "name"},
    protocol.TELL: {"name", "state", "question"},
    protocol.SWITCH: {"name", "host", "rows_below"},
    protocol.DETACH: {"reason", "rows_below", "queries", "command"},
    protocol.EXIT: {"name", "code", "signal", "reason"},
}
"""The keys of each message to an attached client, by kind of frame."""


def told(client: wire.Connection, *kinds: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield messages to a client until a frame of each of these kinds has come."""
    missing = set(kinds)
    while missing:
        kind, payload = client.receive(time.monotonic() + 20)
        if kind in TOLD:
            yield kind, protocol.parse(payload)
        missing.discard(kind)


def test_what_an_attached_client_is_told_is_what_its_type_says(sesh: Sesh) -> None:
    sesh("--open", "work", "--", "cat")
    seen: dict[int, set[str]] = {}
    for last in (protocol.DETACH, protocol.EXIT):
        name = sesh("--list", "--json").json()[0]["name"]
        with wire.connect(name) as client, greeted(name) as asking:
            client.send(wire.hello_frame("attach", columns=80, rows=24, client=str(last)))
            list(told(client, protocol.SCREEN))
            if last == protocol.DETACH:
                for verb, words in (
                    ("rename", {"to": "play"}),
                    ("tell", {"name": "other", "state": "waiting", "question": "why?"}),
                    ("switch", {"to": "other"}),
                ):
                    answered(asking, verb, words)
            asking.send(wire.request_frames("detach" if last == protocol.DETACH else "kill", 9))
            for kind, message in told(client, last):
                assert list(differences(message, Message)) == []
                seen[kind] = seen.get(kind, set()) | message.keys()
    assert seen == TOLD
