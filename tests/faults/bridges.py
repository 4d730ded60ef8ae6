"""A host that means harm, at the far end of a link. `python -m tests.faults.bridges ATTACK`."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

from sesh import protocol, wire

ESCAPES = "\x1b]52;c;aGVsbG8=\x07\x1b]0;owned\x07\x9b31m"
"""A clipboard write, a title, and a control sequence by C1."""
GOOD: dict[str, Any] = {
    "name": "good",
    "state": "running",
    "attached": 0,
    "command": ["sh"],
    "cwd": "/",
    "labels": {},
    "columns": 80,
    "rows": 24,
}
SCREEN: dict[str, Any] = {"columns": 80, "rows": 24, "title": "t", "cells": [[{"column": 0, "width": 1, "text": "x"}]]}
ODD_ROWS: dict[str, Any] = {
    "labels": {**GOOD, "labels": [1]},
    "newline": {**GOOD, "name": "a\nb"},
    "nan": {**GOOD, "attached": float("nan")},
}


class Bridge:
    """One link: it greets, and answers each request as the attack wants."""

    def __init__(self) -> None:
        self.connection = wire.Connection(0, os.dup(1))
        asked = re.search(rf"{protocol.ASKED}=(\S+)", " ".join(sys.argv))  # as a shell would set it
        self.connection.put_back(self.connection.decoder.feed(a2b_base64(asked[1] if asked else "")))
        self.greeted = False
        """True if the HELLO for the session's daemon has come with the request that led to it."""
        os.dup2(2, 1)

    def greet(self, **welcome: Any) -> None:
        self.connection.send(protocol.BRIDGE)
        self.take(protocol.HELLO)
        words = {"protocol": protocol.PROTOCOL, "version": "9", "home": "/", **welcome}
        self.say(protocol.WELCOME, **words)

    def take(self, kind: int) -> dict[str, Any]:
        """The next frame of that kind."""
        while True:
            found, payload = self.connection.receive()
            if found == protocol.PING:
                self.connection.send(protocol.frame(protocol.PONG, payload))
            if found == kind:
                return protocol.parse(payload)

    def say(self, kind: int, **words: Any) -> None:
        self.connection.send(protocol.message(kind, words))

    def data(self, payload: bytes) -> None:
        for at in range(0, len(payload), protocol.CHUNK):
            self.connection.send(protocol.frame(protocol.DATA, payload[at : at + protocol.CHUNK]))

    def answers(self, result: object = None, raw: bytes | None = None, **words: Any) -> None:
        """Answers every op with the same result, until the link is closed."""
        while True:
            number = self.take(protocol.REQUEST).get("id")
            self.data(json.dumps(result).encode() if raw is None else raw)
            self.say(protocol.RESPONSE, **{"id": number, "ok": True, "notes": [], **words})

    def leads(self, **words: Any) -> None:
        """Leads to a session, as far as the client can tell."""
        request = self.take(protocol.REQUEST)
        self.greeted = "greeting" in request
        facts = {"id": request.get("id"), "ok": True, "name": "work", "session_id": "abc", "notes": [], **words}
        self.say(protocol.RESPONSE, **facts)

    def daemon(self) -> None:
        """Greet as the daemon of that session does."""
        if not self.greeted:
            self.take(protocol.HELLO)
        words = {"protocol": protocol.PROTOCOL, "version": "9", "id": "abc", "name": "work", "position": 0}
        self.say(protocol.WELCOME, last_input=0, **words)

    def attached(self, **words: Any) -> None:
        """Greet and attach a client, to an empty screen."""
        self.greet()
        self.leads(**words)
        self.daemon()
        self.connection.send(protocol.numbered(protocol.SCREEN, 0, b"hello\r\n"))


def overview(*rows: object) -> dict[str, Any]:
    """An answer that both kinds of list take."""
    return {"sessions": list(rows), "refusals": [], "home": "/"}


def unbounded(bridge: Bridge) -> None:
    bridge.greet()
    bridge.take(protocol.REQUEST)
    frame = protocol.frame(protocol.DATA, b"x" * protocol.CHUNK)
    while True:
        bridge.connection.send(frame)


def dies(bridge: Bridge) -> None:
    bridge.greet()
    bridge.leads()
    bridge.take(protocol.HELLO)
    os._exit(255)


def silent(bridge: Bridge) -> None:
    bridge.greet()
    signal.pause()


def rows(bridge: Bridge, *kinds: str) -> None:
    bridge.greet()
    each = [GOOD, *(ODD_ROWS[kind] for kind in kinds or ODD_ROWS)]
    number = bridge.take(protocol.REQUEST)
    found: object = overview(*each) if number.get("op") == "views.overview" else each
    bridge.data(json.dumps(found).encode())
    bridge.say(protocol.RESPONSE, id=number.get("id"), ok=True, notes=[])
    bridge.connection.receive()


def attaches(kind: int, **words: Any) -> Callable[[Bridge], None]:
    def attack(bridge: Bridge) -> None:
        bridge.attached()
        bridge.say(kind, **words)
        while True:
            bridge.connection.receive()

    return attack


def floods(*frames: bytes) -> Callable[[Bridge], None]:
    """Once attached it sends these frames without end, and reads nothing. It says how many bytes have gone."""
    block = b"".join(frames) * max(1, (64 << 10) // sum(map(len, frames)))

    def attack(bridge: Bridge) -> None:
        bridge.attached()
        gone = 0
        while True:
            bridge.connection.send(block)
            gone += len(block)
            with open(os.environ["GONE"], "w", encoding="utf-8") as file:
                file.write(str(gone))

    return attack


def answered(result: object = None, raw: bytes | None = None, **words: Any) -> Callable[[Bridge], None]:
    def attack(bridge: Bridge) -> None:
        bridge.greet()
        bridge.answers(result, raw, **words)

    return attack


def job(**words: Any) -> Callable[[Bridge], None]:
    """A job that ends in an odd way."""

    def attack(bridge: Bridge) -> None:
        bridge.greet()
        bridge.leads()
        bridge.daemon()
        number = bridge.take(protocol.REQUEST).get("id")
        bridge.say(protocol.RESPONSE, **{"id": number, "ok": True, **words})
        bridge.connection.receive()

    return attack


def greets(**welcome: Any) -> Callable[[Bridge], None]:
    def attack(bridge: Bridge) -> None:
        bridge.greet(**welcome)
        bridge.answers(overview(GOOD))

    return attack


def noted(bridge: Bridge) -> None:
    bridge.attached(notes=[[f"look {ESCAPES}here", True]] * 3)
    bridge.say(protocol.EXIT, code=0, name="work")
    bridge.connection.receive()


def screens(answer: object) -> Callable[[Bridge], None]:
    """A list with one session, and of its screen always the same, whatever was asked for."""

    def attack(bridge: Bridge) -> None:
        bridge.greet()
        while True:
            asked = bridge.take(protocol.REQUEST)
            lists = {"views.overview": overview(GOOD), "sessions.summaries": [GOOD]}
            bridge.data(json.dumps(lists.get(str(asked.get("op")), answer)).encode())
            bridge.say(protocol.RESPONSE, id=asked.get("id"), ok=True, notes=[])

    return attack


def says(bridge: Bridge) -> None:
    """What the file named by the second word holds, item by item, as the answer of an op that yields."""
    bridge.greet()
    bridge.take(protocol.REQUEST)
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            bridge.data(line.encode())
    bridge.connection.receive()


def many(bridge: Bridge) -> None:
    """Changes of more and more sessions, which never stand whole."""
    bridge.greet()
    bridge.take(protocol.REQUEST)
    for start in range(0, 1_000_000, 20):
        bridge.data(json.dumps([{**GOOD, "name": f"s{start + number}"} for number in range(20)]).encode())


def misframes(bridge: Bridge) -> None:
    bridge.greet()
    bridge.take(protocol.REQUEST)
    bridge.connection.send(b"\x11\xff\xff\xff\xff" + b"x" * 100)
    bridge.connection.receive()


ATTACKS: dict[str, Callable[[Bridge], None]] = {
    "data": unbounded,
    "dies": dies,
    "silent": silent,
    "mute": lambda _: None,
    "rows": rows,
    **{f"row-{kind}": lambda bridge, kind=kind: rows(bridge, kind) for kind in ODD_ROWS},  # type: ignore[misc]
    "million": answered(raw=b"[" + b"{}," * 1_000_000 + b"{}]"),
    "deep": answered(raw=b"[" * 100_000 + b"]" * 100_000),
    "notes": answered(overview(GOOD), notes=[[f"n{number}{ESCAPES}", False] for number in range(500)]),
    "odd-error": answered(error={"code": ["x"], "message": 3}),
    "says": says,
    "many": many,
    "misframes": misframes,
    "picture": screens({"text": "x", "lines": ["x"]}),
    "picture-cells": screens(SCREEN),
    "odd-welcome": greets(version=[1]),
    "noted": noted,
    "exit-range": attaches(protocol.EXIT, code=-(10**20)),
    "exit-name": attaches(protocol.EXIT, code=3, name=f"x{ESCAPES}"),
    "detach-name": attaches(protocol.DETACH, name="a\nb"),
    "switch": attaches(protocol.SWITCH, name="other", host="elsewhere"),
    "notice": attaches(protocol.NOTICE, text=f"hi{ESCAPES}there", hold=True),
    "long-ping": floods(protocol.frame(protocol.PING, b"x" * 1_000_000)),
    "crumbs": floods(protocol.numbered(protocol.OUTPUT, 0, b"\xc3\xa4")),
    "held": floods(protocol.message(protocol.NOTICE, {"text": "x" * 4000, "hold": True})),
    "job-range": job(exit_code=70000),
    "odd-name": lambda bridge: (bridge.greet(), bridge.leads(name="a\nevil"))[0],  # type: ignore[func-returns-value]
    "asks": answered(question=f"really{ESCAPES}?", answers=[["y", f"Yes{ESCAPES}"], ["n", "No"]], default="y"),
}


if __name__ == "__main__":
    try:
        ATTACKS[sys.argv[1]](Bridge())
        signal.pause()
    except Exception:  # the client has gone
        os._exit(0)
