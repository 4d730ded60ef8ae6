"""A hostile host at the far end of a link, and its attacks by name."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from sesh.errors import TimedOut
from sesh.schema import codec
from sesh.wire import protocol
from sesh.wire.connection import Connection

_NO_REDRAW = bytes(protocol.NUMBER_SIZE)  # in a screen that no client has requested

ESCAPES = "\x1b]52;c;aGVsbG8=\x07\x1b]0;owned\x07\x9b31m"
"""A clipboard write, a title, and a control sequence by C1."""
GOOD: dict[str, Any] = {
    "name": "good", "host": None, "state": "running", "attached": 0, "current": False, "pid": 7, "created": None,
    "last_activity": None, "cwd": "/", "command": ["sh"], "title": None, "exit_code": None, "columns": 80, "rows": 24,
    "labels": {}, "foreground": None, "unseen": None, "activity": None,
}  # fmt: skip
ODD_ROWS: dict[str, Any] = {
    "labels": {**GOOD, "labels": [1]},
    "newline": {**GOOD, "name": "a\nb"},
    "nan": {**GOOD, "attached": float("nan")},
}
Attack = Callable[["Bridge"], object]


class Bridge:
    """The far end of one link."""

    def __init__(self) -> None:
        self.connection = Connection(0, os.dup(1))
        os.dup2(2, 1)

    def greet(self, **welcome: Any) -> None:
        """Greet as the bridge of a host does."""
        self.connection.send(protocol.BRIDGE)
        self.take(protocol.HELLO)
        self.say(protocol.WELCOME, **{"protocol": protocol.PROTOCOL, "version": "9", "home": "/", **welcome})

    def take(self, kind: int) -> dict[str, Any]:
        """Return the next frame of that kind."""
        while True:
            found, payload = self.connection.receive()
            if found == protocol.PING:
                self.connection.send(protocol.frame(protocol.PONG, payload))
            if found == kind:
                return codec.parse(payload)

    def say(self, kind: int, **words: Any) -> None:
        self.connection.send(protocol.message(kind, words))

    def data(self, payload: bytes) -> None:
        for at in range(0, len(payload), protocol.CHUNK):
            self.connection.send(protocol.frame(protocol.DATA, payload[at : at + protocol.CHUNK]))

    def leads(self, *, dies: bool = False, **words: Any) -> None:
        """Pretend to connect to a session as its daemon; with `dies`, exit before greeting."""
        request = self.take(protocol.REQUEST)
        facts = {"name": "work", "session_id": "abc", "daemon_pid": None, "cwd": None, "lines": [], **words}
        self.say(protocol.RESPONSE, id=request.get("id"), result=facts)
        self.take(protocol.HELLO)
        if dies:
            os._exit(255)
        welcome = {"protocol": protocol.PROTOCOL, "version": "9", "id": "abc", "name": "work", "position": 0}
        self.say(protocol.WELCOME, last_input=0, missed=f"hi{ESCAPES}there", **welcome)

    def attached(self, **words: Any) -> None:
        """Greet and attach a client, to an empty screen."""
        self.greet()
        self.leads(**words)
        self.connection.send(protocol.numbered(protocol.SCREEN, 0, _NO_REDRAW + b"hello\r\n"))


def answers(
    other: object = None, *rows: object, raw: bytes = b"", welcome: dict[str, Any] | None = None, **words: Any
) -> Attack:
    """Answer requests for lists with `rows`, others with `other`; or all with `raw`."""
    lists = {"views.overview": {"sessions": rows, "refusals": [], "home": "/"}}

    def attack(bridge: Bridge) -> None:
        bridge.greet(**welcome or {})
        while True:
            asked = bridge.take(protocol.REQUEST)
            bridge.data(raw or json.dumps(lists.get(str(asked.get("op")), other)).encode())
            bridge.say(protocol.RESPONSE, **{"id": asked.get("id"), "result": {"lines": [], **words}, **words})

    return attack


def says(*parts: bytes, endless: bool = False) -> Attack:
    """Answer the first request with these bytes; with `endless`, again and again."""

    def attack(bridge: Bridge) -> None:
        bridge.greet()
        bridge.take(protocol.REQUEST)
        while True:
            for part in parts:
                bridge.connection.send(part)
            if not endless:
                return

    return attack


def quits(bridge: Bridge) -> None:
    """Greet, note when in the file that GONE names, and fail."""
    bridge.greet()
    with open(os.environ["GONE"], "a", encoding="utf-8") as file:
        file.write(f"{time.monotonic()}\n")
    os._exit(1)


def stays_mute(*parts: bytes) -> Attack:
    """Answer each PING, and the first request with these bytes."""

    def attack(bridge: Bridge) -> None:
        bridge.greet()
        bridge.take(protocol.REQUEST)
        for part in parts:
            bridge.connection.send(part)
        bridge.take(protocol.REQUEST)

    return attack


def reads_out(bridge: Bridge) -> None:
    """Send each line of the file that the second argument names, as an item."""
    bridge.greet()
    bridge.take(protocol.REQUEST)
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            bridge.data(line.encode())
    bridge.connection.receive()


def million(bridge: Bridge) -> None:
    """Answer with a million sessions that have no keys."""
    answers(raw=b"[" + b"{}," * 1_000_000 + b"{}]")(bridge)


def many(bridge: Bridge) -> None:
    """Send changes of more and more sessions, and never end a report."""
    bridge.greet()
    bridge.take(protocol.REQUEST)
    for start in range(0, 1_000_000, 20):
        bridge.data(json.dumps([{**GOOD, "name": f"s{start + number}"} for number in range(20)]).encode())


def attaches(kind: int, note: str = "", **message: Any) -> Attack:
    """Attach a client, and send it a message."""

    def attack(bridge: Bridge) -> None:
        bridge.attached(lines=[note] * 3 if note else [])
        bridge.say(kind, **message)
        while True:
            bridge.connection.receive()

    return attack


def lined(bridge: Bridge) -> None:
    """Attach a client, and send it the screen that it wants before it draws a notice."""
    bridge.attached()
    while True:
        kind, payload = bridge.connection.receive()
        if kind == protocol.REDRAW:
            number = protocol.split_number(protocol.split_number(payload)[1])[0]
            bridge.connection.send(protocol.screen_frame(0, number, b"hello"))


def floods(frame: bytes) -> Attack:
    """Attach a client and send `frame` without end; a file counts the bytes."""
    block = frame * max(1, (64 << 10) // len(frame))

    def attack(bridge: Bridge) -> None:
        bridge.attached()
        gone = 0
        while True:
            bridge.connection.send(block)
            gone += len(block)
            with open(os.environ["GONE"], "w", encoding="utf-8") as file:
                file.write(str(gone))

    return attack


def wishes(bridge: Bridge) -> None:
    """Want all of the client's desktop, and claim that its person has agreed; note in a file what comes of it."""
    claims = {"program": f"vim{ESCAPES}", "key": True, "consent": "key", "pressed": time.monotonic(), "paste": True}
    asked: list[dict[str, Any]] = [
        {"wish": "list"},
        {"wish": "read", "type": "text/plain"},
        {"wish": "open", "url": "https://example.org/"},
        {"wish": "open", "url": "http://127.1:8000/", "ports": [8000]},
        {"wish": "stream", "port": 8000},
        {"wish": "port", "port": 8000},
        {"wish": "paste"},
    ]
    bridge.greet()
    bridge.leads()
    bridge.connection.send(protocol.numbered(protocol.SCREEN, 0, _NO_REDRAW + b"\x1b]052;c;?\x07\x1b]5522;type=read"))
    bridge.connection.send(protocol.numbered(protocol.OUTPUT, 0, b";Lg==\x1b\\hello"))
    bridge.take(protocol.DESKTOP)
    for number, ask in enumerate(asked, 1):
        bridge.say(protocol.ASK, number=2 * number, **claims, **ask)
    told = [bridge.take(protocol.TOLD) for _ in asked]
    why = {each["number"]: each["why"] for each in told}
    with open(os.environ["GONE"], "w", encoding="utf-8") as file:
        json.dump([why[number] for number in sorted(why)], file)
    bridge.connection.receive()


def queries(bridge: Bridge) -> None:
    """Ask for the clipboard again and again once Ctrl-V is pressed, and take no answer."""
    bridge.attached()
    position, left, shown = 0, 0, b"asking"
    while True:
        try:
            kind, payload = bridge.connection.receive(time.monotonic() + 0.1)
        except TimedOut:
            kind, payload = 0, b""
        if kind == protocol.PING:
            bridge.connection.send(protocol.frame(protocol.PONG, payload))
        elif kind == protocol.REDRAW:
            number = protocol.split_number(protocol.split_number(payload)[1])[0]
            bridge.connection.send(protocol.screen_frame(position, number, shown))
        elif kind == protocol.INPUT and payload.endswith(b"\x16"):
            left = 8
        elif kind == protocol.DETACH:
            bridge.say(protocol.DETACH, reason="detached")
        elif left and not kind:
            left -= 1
            shown = shown if left else b"asked"
            data = b"\x1b]52;c;?\x07" * 8 + shown
            bridge.connection.send(protocol.numbered(protocol.OUTPUT, position, data))
            position += len(data)


def job(bridge: Bridge) -> None:
    """End a job with an exit code that does not exist."""
    bridge.greet()
    bridge.leads()
    bridge.say(protocol.RESPONSE, id=bridge.take(protocol.REQUEST).get("id"), result={"exit_code": 70000})
    bridge.connection.receive()


def leaves(bridge: Bridge) -> None:
    """Detach a client before its first screen."""
    bridge.greet()
    bridge.leads()
    bridge.say(protocol.DETACH, reason="detached")
    bridge.connection.receive()


ATTACKS: dict[str, Attack] = {
    "data": says(protocol.frame(protocol.DATA, b"x" * protocol.CHUNK), endless=True),
    "dies": lambda bridge: bridge.attached(dies=True),
    "silent": lambda bridge: bridge.greet(),
    "mute": lambda _: None,
    "quits": quits,
    "unanswered": stays_mute(),
    "answers-another": stays_mute(protocol.message(protocol.RESPONSE, {"id": 2, "result": {"lines": []}})),
    "rows": answers(None, GOOD, *ODD_ROWS.values()),
    **{f"row-{kind}": answers(None, GOOD, row) for kind, row in ODD_ROWS.items()},
    "million": million,
    "deep": answers(raw=b"[" * 100_000 + b"]" * 100_000),
    "notes": answers(None, GOOD, lines=[f"n{number}{ESCAPES}" for number in range(500)]),
    "odd-error": answers(error={"code": ["x"], "message": 3}),
    "odd-welcome": answers(None, GOOD, welcome={"version": [1]}),
    "asks": answers(question=f"really{ESCAPES}?", answers=[["y", f"Yes{ESCAPES}"], ["n", "No"]], default="y", above=""),
    "picture": answers({"text": "x", "lines": ["x"]}, GOOD),
    "picture-cells": answers({"columns": 80, "rows": 24, "title": "t", "cells": []}, GOOD),
    "misframes": says(b"\x11\xff\xff\xff\xff" + b"x" * 100),
    "says": reads_out,
    "many": many,
    "noted": attaches(protocol.EXIT, f"look {ESCAPES}here", code=0, name="work"),
    "exit-range": attaches(protocol.EXIT, code=-(10**20)),
    "exit-name": attaches(protocol.EXIT, code=3, name=f"x{ESCAPES}"),
    "detach-name": attaches(protocol.DETACH, name="a\nb"),
    "switch": attaches(protocol.SWITCH, name="other", host="elsewhere"),
    "notice": lined,
    "crumbs": floods(protocol.numbered(protocol.SCREEN, 0, _NO_REDRAW + b"\xc3\xa4")),
    "wishes": wishes,
    "queries": queries,
    "job-range": job,
    "leaves": leaves,
    "odd-name": lambda bridge: bridge.attached(name="a\nevil"),
}


def main() -> None:
    """Carry out the attack that the first argument names."""
    try:
        ATTACKS[sys.argv[1]](Bridge())
        signal.pause()
    except Exception:  # the client has gone
        os._exit(0)
