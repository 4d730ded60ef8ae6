"""The target of links: `sesh --bridge` over pipes, as over ssh, gets any requests."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sesh.errors import ProtocolError, TimedOut, Unreachable
from sesh.schema import codec
from sesh.wire import protocol
from sesh.wire.connection import Connection
from tests.fuzz import values
from tests.fuzz.mutation import mutated
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target
from tests.fuzz.values import changed
from tests.support import Home
from tests.support.greeting import greet

ANSWERS_WITHIN = 30.0
MAX_SESSIONS = 8
_SIGN = b"the fuzzer's own"

_SPEC: dict[str, Any] = {"command": ["cat"], "directory": "/", "env": ["A=1"], "label": ["k=v"]}
_ENTRY: dict[str, Any] = {"name": "third", "host": None, "directory": None, "command": ["cat"], "labels": {"k": "v"}}
#: Ops that neither look at other processes of this machine nor take long, with values for their parameters.
_OPS: dict[str, dict[str, Any]] = {
    "sessions.there": {"name": "work", "required": False},
    "sessions.detach": {"name": "work"},
    "sessions.rename": {"name": "work", "new": "other"},
    "sessions.label": {"name": "work", "labels": {"k": "v"}},
    "sessions.kill": {"names": ["work"]},
    "jobs.result": {"name": "third"},
    "layout.sessions": {},
    "layout.make": {"entries": [_ENTRY]},
    "create.here": {"directory": "/"},
    "search.grep": {"pattern": "x", "names": ["work"], "context": 1, "ignore_case": True},
    "shell.history": {"name": "work"},
    "shell.history_output": {"name": "work", "number": 1},
    "views.overview": {},
    "views.status": {"name": "work"},
    "views.cells": {"name": "work"},
    "views.screen": {"name": "work", "form": "ansi"},
    "views.logs": {"name": "work", "lines": 10, "ansi": True},
    "wait.ended": {"name": "work"},
    "events.log": {"name": "work"},
    "enter.attach": {"name": "work"},
    "enter.open_": {"name": "work", "spec": _SPEC, "join": True},
    "enter.go": {"name": "work", "spec": _SPEC, "meant": "", "other": ""},
    "new.new": {"name": "other", "spec": _SPEC, "choice": "new"},
    "enter.job": {"name": "third", "spec": _SPEC, "keep": True, "timeout": 5.0, "stdin": True},
    "no.such": {"name": "work"},
    "sessions.__init__": {},
    "": {},
}
CODES = {
    "not_found", "exists", "busy", "timeout", "interrupted", "invalid_name", "invalid_host", "usage", "unreachable",
    "not_deployed", "refused", "protocol",
}  # fmt: skip
"""The codes that an answer may have: no input may cause an `internal` error."""
_ORIGIN: dict[str, Any] = {
    "host": "box", "home": "/home/me", "size": [80, 24, 0, 0], "term": "xterm", "colorterm": "truecolor",
    "locale": {"LANG": "C.UTF-8", "LC_TIME": "C"}, "set_by_ssh": ["LC_ALL"],
}  # fmt: skip


def _request(rng: random.Random) -> bytes:
    op = rng.choice(list(_OPS))
    data = changed(rng, {word: value for word, value in _OPS[op].items() if rng.random() < 0.8}, 2)
    if rng.random() < 0.1:
        data = rng.choice(values.ODD) if rng.random() < 0.3 else {**data, rng.choice(("caller", "more", "")): 1}
    asks: dict[str, Any] = {
        "can_answer": rng.random() < 0.3,
        "answers": rng.choice(([], ["y"], ["n", "c"], "y", [None], [["y"]])),
    }
    words: dict[str, Any] = {"id": 1, "verb": "op", "op": op, **asks}
    if op.startswith("enter."):
        words["session_id"] = rng.choice(("", "00ff00ff00ff00ff"))
    if rng.random() < 0.2:
        words = changed(rng, words, 2)
    return protocol.frame(protocol.DATA, _json(data)) + protocol.frame(protocol.REQUEST, _json(words))


def _json(value: Any) -> bytes:
    """Return the value as JSON, cut off if it is too long for a frame."""
    return json.dumps(value).encode()[: protocol.MAX_PAYLOAD]


def make(rng: random.Random) -> bytes:
    """Make a few requests, some changed, at times after a HELLO with odd facts."""
    frames = []
    if rng.random() < 0.15:
        hello = {"protocol": protocol.PROTOCOL, "role": "bridge", "origin": changed(rng, _ORIGIN, 3)}
        frames.append(protocol.message(protocol.HELLO, hello))
    for _ in range(rng.choice((1, 1, 2, 4))):
        frame = _request(rng)
        frames.append(mutated(rng, frame) if rng.random() < 0.1 else frame)
    return b"".join(frames)


def unfinished(data: bytes) -> bool:
    """Tell whether bytes end within a frame."""
    decoder = protocol.Decoder()
    try:
        decoder.feed(data)
    except ProtocolError:
        return False
    return bool(decoder.held)


class Bridge:
    """`sesh --bridge` in a home, started again whenever a case has ended it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._log = os.path.join(home.root, "stderr")
        self.connection: Connection | None = None

    def greeted(self) -> Connection:
        """Return the connection, once the mark and WELCOME have come."""
        if self.connection is None:
            greet(self._begun(), "bridge", time.monotonic() + ANSWERS_WITHIN, origin={"host": "box"})
        assert self.connection is not None
        return self.connection

    def _begun(self) -> Connection:
        """Start a bridge; return its connection once the mark has come."""
        theirs, outbound = os.pipe()
        inbound, back = os.pipe()
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [*self._home.command, "--bridge"],
                stdin=theirs,
                stdout=back,
                stderr=log,
                env=self._home.env,
                start_new_session=True,
            )
        os.close(theirs)
        os.close(back)
        connection = self.connection = Connection(inbound, outbound)
        seen = b""
        while not seen.endswith(protocol.BRIDGE):
            byte = os.read(inbound, 1)
            assert byte, self.said()
            seen += byte
        return connection

    def said(self) -> str:
        """Return what the bridge wrote to stderr."""
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def check(self, case: bytes) -> None:
        """Check that a bridge answers or refuses a case without a fault of its own."""
        if case[:1] == bytes([protocol.HELLO]):
            self.close()
            connection = self._begun()
        else:
            connection = self.greeted()
        deadline = time.monotonic() + ANSWERS_WITHIN
        try:
            connection.send(case + protocol.frame(protocol.PING, _SIGN), deadline)
            if unfinished(case):
                self._hang_up()  # what follows would belong to that frame
            while (frame := connection.receive(deadline)) != (protocol.PONG, _SIGN):
                if frame[0] == protocol.RESPONSE:
                    error = codec.parse(frame[1]).get("error")
                    assert error is None or error["code"] in CODES, error
        except TimedOut:
            self.close()
            raise
        except (Unreachable, ProtocolError):  # the bridge, or a session behind it, has refused the case
            self.close()
        said = self.said()
        assert "Traceback" not in said, said[-2000:]
        assert "internal error" not in said, said[-2000:]
        if len(self._home.names()) > MAX_SESSIONS:
            self._home.sesh("kill-all", "-y", timeout=60)

    def _hang_up(self) -> None:
        """Close the direction to the bridge; earlier requests are still answered."""
        if self.connection is not None:
            os.close(self.connection.outbound)
            self.connection.outbound = -1

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self._process is not None:
            try:
                self._process.wait(ANSWERS_WITHIN)
            finally:
                self._process.kill()
                self._process.wait()
                self._process = None


@contextmanager
def _opened() -> Iterator[Check]:
    with own_home() as home:
        bridge = Bridge(home)
        try:
            yield bridge.check
        finally:
            bridge.close()


_WORDS = (
    b'"$bytes":',
    b'"id":',
    b'"verb":',
    b'"op":',
    b'"name":"work"',
    b"\x11\0\0\0\x01x",
    b"\x0f\0\0\0\x02{}",
    b"[" * 2000,
)
TARGETS = (Target("bridge", make, _opened, _WORDS, slow=True),)
