"""The list: every session once, in bounded time, whatever its files and its daemon are like."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh import files, machine, paths, processes, protocol
from sesh.daemon.clients.listener import Listener
from sesh.store import listing, records
from tests.support import data

DEAD = (1 << 22) - 1


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = str(tmp_path / "s")
    monkeypatch.setenv("SESH_DIR", path)
    monkeypatch.setattr(listing, "PATIENCE", 0.3)
    return files.ready_directory()


def record(name: str, **more: object) -> None:
    plain = {"id": "00ff", "pid": 7, "created": "2026-01-01T00:00:00Z", "cwd": "/tmp", "command": ["sh"]}
    records.write(data.record(name, **{**plain, "labels": {"a": "b"}, **more}))


class Daemon:
    """A daemon that answers every connection with the same bytes."""

    def __init__(self, name: str, answer: bytes | None) -> None:
        self.listener = Listener.claim(name)
        self.listener.socket.setblocking(True)
        self.answer = answer
        self.mute: list[Any] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer = self.listener.accept()
            except OSError:
                return
            if peer is None:
                return
            if self.answer is not None:
                peer.recv(1 << 16)
                peer.sendall(self.answer)
            if self.answer is not None:
                peer.close()
            else:
                self.mute.append(peer)

    def close(self) -> None:
        self.listener.socket.shutdown(2)
        self.thread.join(30)
        for peer in self.mute:
            peer.close()
        self.listener.socket.close()


Daemons = Callable[[str, "bytes | None"], Daemon]


@pytest.fixture
def daemon(directory: str) -> Iterator[Daemons]:
    started: list[Daemon] = []

    def start(name: str, answer: bytes | None) -> Daemon:
        started.append(Daemon(name, answer))
        return started[-1]

    yield start
    for each in started:
        each.close()


def welcome(number: int = protocol.PROTOCOL) -> bytes:
    return protocol.message(protocol.WELCOME, {"protocol": number, "version": "9", "id": "0", "name": "x"})


def response(session: Any) -> bytes:
    return welcome() + protocol.message(protocol.RESPONSE, {"id": 1, "ok": True, "session": session})


def states() -> dict[str, str]:
    return {session["name"]: session["state"] for session in listing.summaries()}


def test_sessions_are_listed_by_name_as_their_daemons_describe_them(daemon: Daemons) -> None:
    daemon("b", response(data.summary(name="b", state="running", newer=1)))
    daemon("a", response(data.summary(name="a", state="exited")))
    found = listing.summaries()
    assert [session["name"] for session in found] == ["a", "b"]
    assert "newer" in found[1]
    assert found[0]["current"] is False


def test_a_dead_daemons_record_is_lost_and_another_machines_runs(directory: str) -> None:
    record("lost", daemon_pid=DEAD)
    record("reborn", daemon_start="0")
    record("rebooted", boot="before")
    record("far", machine="elsewhere", machine_name="beta")
    found = {session["name"]: session for session in listing.summaries()}
    assert {name: session["state"] for name, session in found.items()} == {
        "lost": "lost", "reborn": "lost", "rebooted": "lost", "far": "running",
    }  # fmt: skip
    assert found["far"]["machine"] == "beta"
    assert found["lost"]["labels"] == {"a": "b"}
    assert found["lost"]["responding"] is False


def test_files_that_are_no_records_hide_nothing(directory: str) -> None:
    record("good", daemon_pid=DEAD)
    junk = {
        "cut": b'{"name": "cu', "list": b"[]", "empty": b"", "bare": b"{}", "deep": b"[" * 100_000,
        "binary": b"\xff\xfe", "odd": b'{"machine": 5, "daemon_pid": "x", "labels": 3}',
    }  # fmt: skip
    for name, content in junk.items():
        Path(directory, f"{name}.json").write_bytes(content)
        os.chmod(os.path.join(directory, f"{name}.json"), 0o600)
    os.symlink("/etc/passwd", os.path.join(directory, "link.json"))
    Path(directory, "open.json").write_text("{}")
    Path(directory, "not a name.json").write_text("{}")
    os.mkdir(os.path.join(directory, "folder.sock"))
    assert states() == {"good": "lost"}


def test_a_record_whose_values_are_of_odd_types_is_left_out_and_named(directory: str) -> None:
    record("good", daemon_pid=DEAD)
    for key, value in (("daemon_pid", 10**300), ("labels", ["x"]), ("daemon_start", []), ("cwd", "\ud800")):
        record("odd", **{"daemon_pid": DEAD, key: value})
        assert states() == {"good": "lost"}
        (why,) = listing.refusals()
        assert f"odd.json is damaged ({key}" in why


def test_a_daemon_that_does_not_answer_is_shown_from_its_record_in_bounded_time(daemon: Daemons) -> None:
    daemon("mute", None)
    record("mute")
    daemon("quick", response(data.summary(name="quick", state="running")))
    found = {session["name"]: session for session in listing.summaries()}
    assert (found["mute"]["state"], found["mute"]["responding"]) == ("running", False)
    assert found["quick"]["state"] == "running"


def test_where_few_can_be_asked_at_once_all_are_asked(daemon: Daemons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "most_connections", lambda: 4)
    names = [f"s{number}" for number in range(6)]
    for name in names:
        daemon(name, None if name == "s1" else response(data.summary(name=name, state="running")))
    assert [name for name, answer in listing._query(paths.names(), 0.1) if answer is not None] == names[:1] + names[2:]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400\r\n\r\n",
        b"\x02\xff\xff\xff\xff",
        welcome(99),
        welcome() + protocol.frame(protocol.RESPONSE, b"{"),
        response([]),
        response(data.summary(name=5)),
        welcome() + protocol.message(protocol.RESPONSE, {"id": 1, "error": {"code": "x", "message": "y"}}),
    ],
)
def test_a_daemon_that_answers_nonsense_is_shown_from_its_record(daemon: Daemons, answer: bytes) -> None:
    daemon("odd", answer)
    record("odd", daemon_pid=DEAD)
    assert states() == {"odd": "lost"}


def test_a_live_daemon_that_cannot_make_its_socket_again_is_shown(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question to a daemon that ended just then failed, and with it the whole list."""
    record("gone", daemon_pid=os.getppid(), daemon_start=processes.start_time(os.getppid()))
    monkeypatch.setattr(listing, "_recovered", lambda *_: True)
    (found,) = listing.summaries()
    assert (found["state"], found["responding"]) == ("running", False)
