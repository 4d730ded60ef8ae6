"""Files that are sent to a session: whole or not there, their paths pasted where programs take them for files."""

from __future__ import annotations

import errno
import os
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sesh.daemon.base.phase import Phase
from sesh.daemon.desktop import files
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.store import session_files
from sesh.wire import pieces, protocol
from sesh.wire.connection import request_frames
from sesh.wire.messages import MAX_PATHS
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Attach, Daemon, Link, Peer, desktop_events, prints

TAKES_PASTES = b"\x1b[?2004h"


class Program:
    """The program's side of a terminal in raw mode."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.typed = b""

    def read(self) -> bytes:
        """Return all that was typed so far."""
        with suppress(BlockingIOError):
            self.typed += os.read(self.descriptor, 4096)
        return self.typed


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal in raw mode."""
    ends = os.openpty()
    tty.setraw(ends[1])
    for end in ends:
        os.set_blocking(end, False)
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def program(terminal: tuple[int, int]) -> Program:
    return Program(terminal[1])


@pytest.fixture
def server(serve: Callable[[Session], Daemon], terminal: tuple[int, int]) -> Iterator[Daemon]:
    """The daemon of a session whose program takes pastes."""
    own = serve(Session(daemon_facts(), (80, 24, 0, 0), Pty(os.dup(terminal[0]), os.dup(terminal[1]))))
    prints(own.session, TAKES_PASTES)
    yield own
    own.session.desk.end_all("is over")
    own.until(lambda: not own.session.desk.files.busy)
    own.session.pump.close()


@pytest.fixture
def folder(server: Daemon) -> Path:
    return Path(session_files.folder_of(server.session.facts.files))


def drops(client: Peer, data: bytes = b"data", *, number: int = 1, name: str = "shot.png", **keys: Any) -> None:
    """Begin to send a file; its last byte is to come."""
    client.asks(number=number, wish="put", name=name, size=len(data), paste=True, **keys)
    if data:
        client.gives(number, data)


def told(client: Peer, data: bytes = b"data", **keys: Any) -> dict[str, Any]:
    """Send a whole file; return what was told of it."""
    count = len(client.messages(protocol.TOLD)) + 1
    drops(client, data, **keys)
    client.gives(keys.get("number", 1), b"")
    return client.await_message(protocol.TOLD, count)


def puts(caller: Peer, number: int = 1, **keys: Any) -> None:
    """Begin to send a file as a caller does."""
    caller.send(request_frames("put", number, **{"name": "shot.png", "paste": True, "program": "sesh", **keys}))


def response(caller: Peer, count: int = 1) -> dict[str, Any]:
    result: dict[str, Any] = caller.await_message(protocol.RESPONSE, count)["result"]
    return result


# -- looks


def test_the_paths_that_exist_here_are_found(server: Daemon, attach: Attach, tmp_path: Path) -> None:
    client = attach()
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 .png")
    Path(odd).touch()
    os.symlink("nowhere", tmp_path / "link")
    paths = [odd, str(tmp_path / "link"), str(tmp_path), str(tmp_path / "none"), "relative", "/etc/passwd/x"]
    client.asks(number=1, wish="find", paths=paths)
    assert client.await_message(protocol.TOLD) == {"number": 1, "ok": True, "why": "", "found": paths[:3]}
    client.asks(number=3, wish="find", paths=["/etc"] * (MAX_PATHS + 1))
    assert len(client.await_message(protocol.TOLD, 2)["found"]) == MAX_PATHS
    client.asks(number=5, wish="find")
    assert client.await_message(protocol.TOLD, 3)["found"] == []
    server.until(lambda: not server.session.desk.busy)
    assert desktop_events(server) == []


def test_a_path_on_a_dead_mount_counts_as_found_and_stops_nobody(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    exists = os.path.lexists

    def hangs(path: str) -> bool:
        return goes_on.wait() if path.startswith("/dead") else exists(path)

    monkeypatch.setattr(files, "LOOK_TIME", 0.05)
    monkeypatch.setattr(os.path, "lexists", hangs)
    client = attach()
    for number in range(1, 2 * files._MOST_LOOKS + 2, 2):
        client.asks(number=number, wish="find", paths=["/nowhere", "/dead/shot.png", "/none"])
    server.until(lambda: len(client.messages(protocol.TOLD)) > files._MOST_LOOKS)
    found = [each["found"] for each in client.messages(protocol.TOLD)]
    assert found[0] == ["/dead/shot.png", "/none"]
    assert found[-1] == ["/nowhere", "/dead/shot.png", "/none"], "no other worker is left"
    assert told(client, number=101)["ok"] is True, "files have other workers"
    goes_on.set()
    server.until(lambda: not server.session.desk.files.busy)


# -- a file that a person drops


def test_a_dropped_file_lies_here_and_its_path_alone_is_pasted(
    server: Daemon, attach: Attach, folder: Path, program: Program
) -> None:
    client = attach(remote=True)
    content = os.urandom(3 << 20)
    client.asks(number=1, wish="put", name="my shot.png", size=len(content), paste=True)
    for start in range(0, len(content), 16 << 10):
        client.gives(1, content[start : start + (16 << 10)])
        server.turn()
        server.until(lambda sent=start: client.take() and _taken(client) > sent - (1 << 20))  # type: ignore[misc]
    client.gives(1, b"")
    path = str(folder / "my-shot.png")
    assert client.await_message(protocol.TOLD) == {
        "number": 1, "ok": True, "why": "", "words": "", "path": path, "pasted": True
    }  # fmt: skip
    assert (folder / "my-shot.png").read_bytes() == content
    server.until(lambda: program.read() == b"\x1b[200~" + os.fsencode(path) + b"\x1b[201~")
    assert (folder / "my-shot.png").stat().st_mode & 0o777 == 0o600
    (event,) = desktop_events(server)
    assert (event["wish"], event["bytes"], event["why"]) == ("put", len(content), None)
    assert "my-shot" not in str(event)


def _taken(client: Peer) -> int:
    """Return how many bytes of exchange 1 the daemon has taken."""
    counts = [protocol.split_taken(payload) for kind, payload in client.frames if kind == protocol.TAKEN]
    return max((count for number, count in counts if number == 1), default=0)


def test_several_files_are_pastes_of_their_own(server: Daemon, attach: Attach, folder: Path, program: Program) -> None:
    client = attach()
    for number, data in ((1, b"first"), (3, b"second")):
        drops(client, data, number=number)
    for number in (3, 1):
        client.gives(number, b"")
    client.await_message(protocol.TOLD, 2)
    server.until(lambda: program.read().count(b"\x1b[201~") == 2)
    assert {(folder / name).read_bytes() for name in ("shot.png", "shot-2.png")} == {b"first", b"second"}
    assert sorted(program.typed.replace(b"\x1b[200~", b"").split(b"\x1b[201~")[:2]) == [
        os.fsencode(folder / "shot-2.png"), os.fsencode(folder / "shot.png")
    ]  # fmt: skip
    assert all(each["pasted"] for each in client.messages(protocol.TOLD))


def test_after_a_key_the_path_is_told_and_not_pasted(
    server: Daemon, attach: Attach, folder: Path, program: Program
) -> None:
    client = attach()
    client.send(protocol.numbered(protocol.INPUT, 1, b"before"))
    drops(client)
    server.until(lambda: program.read() == b"before")
    client.send(protocol.numbered(protocol.INPUT, 2, b"x"))
    server.until(lambda: program.read() == b"beforex")
    client.gives(1, b"")
    answer = client.await_message(protocol.TOLD)
    assert (answer["pasted"], answer["path"]) == (False, str(folder / "shot.png"))
    assert program.read() == b"beforex"


def test_a_key_of_the_turn_in_which_it_begins_is_before_it(server: Daemon, attach: Attach, program: Program) -> None:
    client = attach()
    client.send(
        protocol.numbered(protocol.INPUT, 1, b"look at "),
        protocol.message(protocol.ASK, {"number": 1, "wish": "put", "name": "a", "paste": True}),
    )
    client.gives(1, b"")
    assert client.await_message(protocol.TOLD)["pasted"] is True
    server.until(lambda: program.read().startswith(b"look at \x1b[200~"))


def test_a_program_that_takes_no_pastes_any_more_gets_none(
    server: Daemon, attach: Attach, program: Program, folder: Path
) -> None:
    client = attach()
    drops(client)
    prints(server.session, b"\x1b[?2004l")
    client.gives(1, b"")
    answer = client.await_message(protocol.TOLD)
    assert (answer["ok"], answer["pasted"], program.read()) == (True, False, b"")
    assert (folder / "shot.png").exists()


@pytest.mark.parametrize("ends", ["told", "gone", "reload", "time"])
def test_what_does_not_come_whole_leaves_nothing(
    server: Daemon, attach: Attach, folder: Path, ends: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = attach()
    drops(client)
    server.until(lambda: [each.written for each in server.session.desk.files.sent] == [4])
    assert os.listdir(folder) == ["~1"]
    if ends == "told":
        client.tells(1, ok=False, why="gone")
    elif ends == "gone":
        client.link.other.close()
    elif ends == "reload":
        server.session.desk.end_all("was reloaded")
    else:
        server.session.desk.files.sent[0].until = server.session.desk.files.due = 0.0
        assert client.await_message(protocol.TOLD)["why"] == "time"
    server.until(lambda: os.listdir(folder) == [])
    assert server.session.desk.files.sent == []
    assert program.read() == b""
    (event,) = desktop_events(server)
    assert event["why"] == ("time" if ends == "time" else "gone")


def test_what_an_earlier_daemon_has_not_finished_goes_with_the_first_file(attach: Attach, folder: Path) -> None:
    with session_files.opened(str(folder), create=True):
        (folder / "~1").write_bytes(b"half")
    client = attach()
    assert told(client)["ok"] is True
    assert sorted(os.listdir(folder)) == ["shot.png", "~made"]


def test_so_many_files_come_at_once_and_one_more_is_told_to_try_again(server: Daemon, attach: Attach) -> None:
    client = attach()
    for number in range(1, 2 * files.MAX_SENT, 2):
        drops(client, number=number)
    server.until(lambda: [each.written for each in server.session.desk.files.sent] == [4] * files.MAX_SENT)
    answer = told(client, number=101)
    assert (answer["why"], answer["words"]) == ("none", "16 files are on their way to work; try again")
    client.gives(1, b"")
    assert client.await_message(protocol.TOLD, 2)["ok"] is True
    assert told(client, number=103)["ok"] is True


def test_without_descriptors_a_file_is_refused_and_every_path_counts_as_found(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client lost its connection."""
    client = attach()

    def fails(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr("sesh.system.workers.socket.socketpair", fails)
        client.asks(number=1, wish="find", paths=["/none"])
        assert client.await_message(protocol.TOLD)["found"] == ["/none"]
        answer = told(client, number=3)
    what = "cannot take shot.png: Too many open files"
    assert (answer["ok"], answer["words"]) == (False, f"{what}; close some files, or raise the limit (ulimit -n)")
    assert told(client, number=5)["ok"] is True


# -- what has no room


def test_a_file_that_is_too_large_is_refused_at_once_or_as_soon_as_it_is(
    server: Daemon, attach: Attach, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 1000)
    client = attach()
    client.asks(number=1, wish="put", name="a", size=1001)
    answer = client.await_message(protocol.TOLD)
    assert (answer["why"], answer["words"]) == ("size", "a is too large: a session takes files of at most 0 MiB")
    client.asks(number=3, wish="put", name="b", size=10)
    client.gives(3, b"x" * 1001)
    assert client.await_message(protocol.TOLD, 2)["why"] == "size"
    client.gives(3, b"late")
    server.until(lambda: not folder.exists() or os.listdir(folder) == [])
    assert client.client is not None


def test_all_files_of_a_session_have_a_limit_those_that_come_at_once_included(
    server: Daemon, attach: Attach, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 1000)
    client = attach()
    assert told(client, b"x" * 400)["ok"] is True
    drops(client, b"y" * 400, number=3)
    server.until(lambda: server.session.desk.files.sent)
    client.asks(number=5, wish="put", name="b", size=400)
    answer = client.await_message(protocol.TOLD, 2)
    assert (answer["number"], answer["why"]) == (5, "refused")
    assert answer["words"] == f"work takes at most 0 MiB of files; remove some of those in {folder}"
    client.gives(3, b"z" * 201)  # more than it promised
    answer = client.await_message(protocol.TOLD, 3)
    assert (answer["number"], answer["why"]) == (3, "refused")
    server.until(lambda: sorted(os.listdir(folder)) == ["shot.png", "~made"])
    os.unlink(folder / "shot.png")
    assert told(client, b"x" * 900, number=7)["ok"] is True


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["write", "_close", "_claim"])
def test_a_full_disk_and_a_quota_are_one_line_and_leave_nothing(
    server: Daemon, attach: Attach, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    """A network file system says only at close that it is full."""

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    client = attach()
    with monkeypatch.context() as patch:
        patch.setattr(session_files.Unfinished, step, fails)
        answer = told(client, name="a shot.png")
    assert (answer["ok"], answer["why"]) == (False, "refused")
    what = f"cannot write a shot.png to {folder}: {os.strerror(number)}"
    assert answer["words"] == f"{what}; free some space there, or set SESH_DIR to another directory"
    server.until(lambda: os.listdir(folder) == [])
    assert told(client, number=3)["ok"] is True


def test_a_disk_that_hangs_stops_nobody(
    server: Daemon, attach: Attach, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(session_files.Unfinished, "write", lambda *_: goes_on.wait())
    client = attach()
    drops(client, b"x" * 100_000)
    server.until(lambda: server.session.desk.files.sent)
    client.send(protocol.numbered(protocol.INPUT, 1, b"key"))
    server.until(lambda: program.read() == b"key")
    goes_on.set()
    client.gives(1, b"")
    assert client.await_message(protocol.TOLD)["pasted"] is False


def test_a_client_that_only_reads_sends_nothing_and_an_ended_session_takes_nothing(
    server: Daemon, attach: Attach, folder: Path
) -> None:
    watcher = attach(desktop=None, read_only=True)
    watcher.asks(number=1, wish="put", name="a")
    client = attach()
    server.session.life.phase = Phase.KEPT
    assert told(client)["words"] == "the program of work has ended"
    assert watcher.messages(protocol.TOLD) == []
    assert not folder.exists()


# -- a file that a caller sends


def test_a_caller_sends_a_file_and_its_path_is_pasted_whatever_was_typed(
    server: Daemon, attach: Attach, caller: Peer, folder: Path, program: Program
) -> None:
    client = attach()
    puts(caller, size=8)
    caller.gives(1, b"some")
    server.until(lambda: server.session.desk.files.sent)
    client.send(protocol.numbered(protocol.INPUT, 1, b"x"))
    server.until(lambda: program.read() == b"x")
    caller.gives(1, b"data")
    caller.gives(1, b"")
    path = str(folder / "shot.png")
    assert response(caller) == {"ok": True, "why": "", "words": "", "path": path, "pasted": True}
    assert (folder / "shot.png").read_bytes() == b"somedata"
    server.until(lambda: program.read() == b"x\x1b[200~" + os.fsencode(path) + b"\x1b[201~")
    (event,) = desktop_events(server)
    assert (event["wish"], event["program"], event["bytes"]) == ("put", "sesh", 8)


def test_without_pastes_the_path_is_typed_without_enter(
    server: Daemon, caller: Peer, folder: Path, program: Program
) -> None:
    prints(server.session, b"\x1b[?2004l")
    puts(caller)
    caller.gives(1, b"")
    assert response(caller)["pasted"] is True
    server.until(lambda: program.read() == os.fsencode(folder / "shot.png"))
    puts(caller, number=2, paste=False)
    caller.gives(2, b"")
    assert response(caller, 2)["pasted"] is False
    assert program.read() == os.fsencode(folder / "shot.png")


def test_a_program_that_takes_no_more_input_is_said_and_the_file_stays(
    server: Daemon, caller: Peer, folder: Path
) -> None:
    server.session.pump.unwritten += bytes(2 * protocol.CHUNK)
    puts(caller)
    caller.gives(1, b"")
    answer = response(caller)
    assert (answer["ok"], answer["pasted"]) == (True, False)
    assert "does not read its input" in answer["words"]
    assert (folder / "shot.png").exists()


def test_a_path_does_not_get_into_another_text(
    server: Daemon, caller: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing = server.requests.typing
    typing._turns.append(Any)  # type: ignore[arg-type]
    puts(caller)
    caller.gives(1, b"")
    server.until(lambda: [each.state for each in server.session.desk.files.sent] == [files.State.THERE])
    for _ in range(5):
        server.turn()
    assert (program.read(), caller.messages(protocol.RESPONSE)) == (b"", [])
    typing._turns.clear()
    assert response(caller)["pasted"] is True


def test_a_caller_that_goes_leaves_nothing(server: Daemon, caller: Peer, folder: Path) -> None:
    puts(caller)
    caller.gives(1, b"half")
    server.until(lambda: folder.exists() and os.listdir(folder) == ["~1"])
    caller.link.other.close()
    server.until(lambda: os.listdir(folder) == [])


@pytest.fixture
def again(server: Daemon) -> Iterator[Peer]:
    """Another connection of the caller."""
    peer = Peer(server)
    server.session.attached.handle_hello(peer.link.connection, {"protocol": protocol.PROTOCOL, "role": "request"})
    yield peer
    peer.link.close()


def test_a_file_that_comes_again_over_another_link_is_taken_once(
    server: Daemon, caller: Peer, again: Peer, folder: Path, program: Program
) -> None:
    """The response was lost with the link."""
    puts(caller, key="00")
    caller.gives(1, b"data")
    caller.gives(1, b"")
    first = response(caller)
    puts(again, key="00")
    again.gives(1, b"data")
    again.gives(1, b"")
    assert response(again) == first
    server.until(lambda: b"\x1b[201~" in program.read())
    assert program.typed.count(b"\x1b[200~") == 1
    assert sorted(os.listdir(folder)) == ["shot.png", "~made"]


@pytest.mark.parametrize("whole", [False, True])
def test_a_file_whose_link_is_lost_unnoticed_comes_over_the_next_one(
    server: Daemon, caller: Peer, again: Peer, folder: Path, program: Program, whole: bool
) -> None:
    typing = server.requests.typing
    typing._turns.append(Any)  # type: ignore[arg-type]
    puts(caller, key="00")
    caller.gives(1, b"data")
    if whole:
        caller.gives(1, b"")
    sent = server.session.desk.files.sent
    server.until(lambda: sent and (sent[0].state is files.State.THERE or (not whole and sent[0].written)))
    puts(again, number=7, key="00")
    again.gives(7, b"data")
    again.gives(7, b"")
    server.turn()
    typing._turns.clear()
    assert response(again)["path"] == str(folder / "shot.png")
    server.until(lambda: sorted(os.listdir(folder)) == ["shot.png", "~made"])
    assert (folder / "shot.png").read_bytes() == b"data"
    server.until(lambda: b"\x1b[201~" in program.read())
    assert program.typed.count(b"\x1b[200~") == 1


def test_a_caller_that_sends_more_than_it_may_loses_its_connection(server: Daemon, caller: Peer) -> None:
    puts(caller)
    server.until(lambda: server.session.desk.files.sent)
    server.session.desk.files.sent[0].handed = 1 << 30  # its worker takes nothing
    link: Link = caller.link
    for _ in range(2 * pieces._CREDIT_OF_STREAM // (16 << 10)):
        caller.gives(1, bytes(16 << 10))
        server.turn()
        if link.connection.closing:
            break
    assert link.connection.closing
