"""The target of links: `sesh --bridge` over pipes as ssh would carry them, asked anything."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sesh import protocol, wire
from sesh.errors import ProtocolError, TimedOut, Unreachable
from tests.fuzz.mutation import mutated
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target
from tests.support import Home

ANSWERS_WITHIN = 30.0
MOST_SESSIONS = 8
_SIGN = b"the fuzzer's own"

#: Ops that neither look at other processes of this machine nor take long, with the words that they know.
_OPS: dict[str, tuple[str, ...]] = {
    "sessions.summaries": (),
    "sessions.there": ("name", "required"),
    "sessions.open_": ("name", "spec", "join"),
    "sessions.new": ("name", "spec", "choice"),
    "sessions.job": ("name", "spec"),
    "sessions.detach": ("name",),
    "sessions.rename": ("name", "new"),
    "sessions.label": ("name", "labels"),
    "sessions.message": ("name", "text"),
    "sessions.kill": ("names",),
    "jobs.result": ("name",),
    "layout.sessions": (),
    "layout.make": ("entries",),
    "shell.history": ("name",),
    "shell.history_output": ("name", "number"),
    "views.overview": (),
    "views.status": ("name",),
    "views.screen": ("name", "form"),
    "views.logs": ("name", "lines", "ansi"),
    "follow.ended": ("name",),
    "follow.log": ("name",),
    "enter.attach": ("name",),
    "enter.go": ("name", "spec"),
    "enter.new": ("name", "spec"),
    "enter.job": ("name", "spec"),
    "no.such": ("name",),
    "sessions.__init__": (),
    "": (),
}
_ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, 1.5, float("nan"), "", "\0", "x" * 300, "\x1b[31m\n", "\ud800", "../x", "a b", [], [[]],
    {}, {"$bytes": "eA=="}, {"$bytes": 1}, {"$bytes": "é"}, ["work"], {"command": ["cat"]}, {"command": "cat"},
    {"command": [1]}, {"directory": "/"}, {"directory": "/no"}, {"label": ["k=v"]}, {"labels": {"k": "v"}},
    {"env": ["A=1"]}, "0123456789abcdef", [{"name": "work"}],
    [{"name": "x", "directory": None, "command": ["cat"], "labels": {}}], {"k": ""}, {"k": 1},
)  # fmt: skip
_NAMES = ("work", "work", "other", "third")
CODES = {
    "not_found", "exists", "busy", "timeout", "interrupted", "invalid_name", "invalid_host", "usage", "unreachable",
    "not_deployed", "refused", "protocol", "internal",
}  # fmt: skip
"""`internal` is the answer to words of another type than any sesh sends."""


def _value(rng: random.Random, word: str) -> Any:
    if rng.random() < 0.4:
        return rng.choice(_ODD)
    if word in ("name", "new"):
        return rng.choice(_NAMES)
    return {"spec": {"command": ["cat"]}, "names": ["work"], "labels": {"k": "v"}, "lines": 10, "number": 1}.get(word)


def _request(rng: random.Random) -> bytes:
    op = rng.choice(list(_OPS))
    data = {word: _value(rng, word) for word in _OPS[op] if rng.random() < 0.8}
    if rng.random() < 0.1:
        data[rng.choice(("caller", "name", "more", ""))] = rng.choice(_ODD)
    if rng.random() < 0.15:
        words: dict[str, Any] = {"id": 1, "verb": rng.choice(("connect", "enter", "op", "future", None, 5))}
        for word in ("name", "session_id", "passing", "arguments", "answers", "asks", "op"):
            if rng.random() < 0.4:
                words[word] = rng.choice((*_ODD, "work", "enter.go", {"name": "work"}))
        return protocol.frame(protocol.REQUEST, json.dumps(words).encode())
    asks: dict[str, Any] = {
        "asks": rng.random() < 0.3,
        "answers": rng.choice(([], ["y"], ["n", "c"], "y", [None], [["y"]])),
    }
    if op.startswith("enter.") and rng.random() < 0.5:
        return wire.asking(
            "enter", 1, op=op, arguments=data, session_id=rng.choice(("", "00ff00ff00ff00ff", "é")), **asks
        )
    return wire.asking("op", 1, json.dumps(data).encode(), op=op, **asks)


def make(rng: random.Random) -> bytes:
    """A few requests, some of them changed."""
    frames = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        frame = _request(rng)
        frames.append(mutated(rng, frame) if rng.random() < 0.1 else frame)
    return b"".join(frames)


def unfinished(data: bytes) -> bool:
    """Whether bytes end within a frame."""
    decoder = protocol.Decoder()
    try:
        decoder.feed(data)
    except ProtocolError:
        return False
    return bool(decoder.unfinished)


class Bridge:
    """`sesh --bridge` in a home, started again whenever a case has ended it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._log = os.path.join(home.root, "stderr")
        self.connection: wire.Connection | None = None

    def greeted(self) -> wire.Connection:
        """The connection, once the mark and WELCOME have come."""
        if self.connection is not None:
            return self.connection
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
        self.connection = wire.Connection(inbound, outbound)
        seen = b""
        while not seen.endswith(protocol.BRIDGE):
            byte = os.read(inbound, 1)
            assert byte, self.said()
            seen += byte
        self.connection.hello("bridge", time.monotonic() + ANSWERS_WITHIN, near={"host": "box"})
        return self.connection

    def said(self) -> str:
        """What it wrote to stderr."""
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def check(self, case: bytes) -> None:
        """Each request is answered with data or with an error that has a code, and what ends the bridge is one line."""
        connection = self.greeted()
        deadline = time.monotonic() + ANSWERS_WITHIN
        try:
            connection.send(case + protocol.frame(protocol.PING, _SIGN), deadline)
            if unfinished(case):
                self._hang_up()  # what follows would belong to that frame
            while (frame := connection.receive(deadline)) != (protocol.PONG, _SIGN):
                if frame[0] == protocol.RESPONSE:
                    error = protocol.parse(frame[1]).get("error")
                    assert error is None or error["code"] in CODES, error
        except TimedOut:
            self.close()
            raise
        except (Unreachable, ProtocolError):  # it has refused what it was sent, or led to a session, which has
            self.close()
        said = self.said()
        assert "Traceback" not in said, said[-2000:]
        if len(self._home.names()) > MOST_SESSIONS:
            self._home.sesh("--kill-all", "-y", timeout=60)

    def _hang_up(self) -> None:
        """Closes the way there; what was said before is still answered."""
        if self.connection is not None:
            os.close(self.connection.outbound)
            self.connection.outbound = -1

    def close(self) -> None:
        """Ends it."""
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
