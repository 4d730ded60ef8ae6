"""Many sessions at the price of one: a process that listens in the place of each one's daemon, and answers as these do.

`python -m tests.support.crowd COUNT` makes the sessions s000, s001, … in SESH_DIR, prints a line, and answers until all
have been killed.
"""

from __future__ import annotations

import os
import resource
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sesh import identity, paths, protocol, writing
from sesh.about import __version__
from sesh.store import records
from tests.support import ROOT, Home


@contextmanager
def crowd(home: Home, count: int) -> Iterator[tuple[list[str], int]]:
    """The names of so many sessions in a home, and the pid of the process that answers for all of them."""
    words = [sys.executable, "-m", "tests.support.crowd", str(count)]
    with subprocess.Popen(words, env=home.environment(), cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield [f"s{number:03}" for number in range(count)], process.pid
        finally:
            process.kill()
    for name in home.names():
        os.unlink(os.path.join(home.directory, f"{name}.json"))
        os.unlink(os.path.join(home.directory, f"{name}.sock"))


class _Peer:
    def __init__(self, connection: socket.socket, name: str) -> None:
        self.connection, self.name = connection, name
        self.decoder = protocol.Decoder()


def _answer(peer: _Peer, request: dict[str, Any]) -> bool:
    """Answers a request; whether the session goes on."""
    answer: dict[str, Any] = {"id": request["id"], "ok": True}
    summary = {"name": peer.name, "state": "running", "attached": 0, "command": ["sh"], "cwd": "/", "labels": {}}
    if request["verb"] in ("summary", "status"):
        answer["session"] = {
            **summary,
            "id": peer.name,
            "pid": 1,
            "foreground": None,
            "daemon_pid": os.getpid(),
            "created": "2026-01-01T00:00:00Z",
        }
    elif request["verb"] == "kill":
        with writing.locked(paths.directory()):
            records.remove(peer.name)
    if request["verb"] != "events":
        peer.connection.sendall(protocol.message(protocol.RESPONSE, answer))
    return bool(request["verb"] != "kill")


def _serve(peer: _Peer, left: set[str]) -> bool:
    """Answers what a peer has sent; whether it may send more. `left`: the sessions that have not been killed."""
    data = peer.connection.recv(1 << 16)
    for kind, payload in peer.decoder.feed(data) if data else ():
        if kind == protocol.HELLO:
            facts = {"protocol": protocol.PROTOCOL, "version": __version__, "id": peer.name, "name": peer.name}
            peer.connection.sendall(protocol.message(protocol.WELCOME, facts))
        elif kind == protocol.REQUEST and not _answer(peer, protocol.parse(payload)):
            left.discard(peer.name)
            return False
    return bool(data)


def main(count: int) -> None:
    """Serves `count` sessions to their end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard >= 0 else 4096, hard))
    folder = writing.ready_directory()
    poll = selectors.DefaultSelector()
    left = {f"s{number:03}" for number in range(count)}
    for name in left:
        with writing.masked(0o177):
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(os.path.join(folder, name + paths.SOCKET))
        listening.listen(16)
        poll.register(listening, selectors.EVENT_READ, name)
        records.write({
            "name": name, "id": name, "machine": identity.machine(), "boot": identity.boot_id(),
            "daemon_pid": os.getpid(), "daemon_start": identity.start_time(os.getpid()), "version": __version__,
        })  # fmt: skip
    print("ready", flush=True)
    while left:
        for key, _ in poll.select():
            if isinstance(key.data, str):
                connection, _address = key.fileobj.accept()  # type: ignore[union-attr]
                poll.register(connection, selectors.EVENT_READ, _Peer(connection, key.data))
                continue
            peer: _Peer = key.data
            try:
                goes_on = _serve(peer, left)
            except OSError:
                goes_on = False  # it waits no longer
            if not goes_on:
                poll.unregister(peer.connection)
                peer.connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
