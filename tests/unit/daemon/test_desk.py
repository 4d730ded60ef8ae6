"""What programs want of their person's desktop goes to the leader's client, and the answer comes back."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sesh.daemon.base.due import NEVER
from sesh.daemon.desktop import desk, looks
from sesh.daemon.desktop.desk import LIST_TIME
from sesh.errors import ProtocolError
from sesh.schema import codec
from sesh.store import records
from sesh.system import platforms, ports, processes
from sesh.wire import protocol
from sesh.wire.pieces import MAX_BYTES, OVER_LINK
from tests.support import need, wait_until
from tests.unit.daemon.connections import ALL, Attach, Daemon, Peer, desktop_events, prints

# -- whether programs open pages


def offered(server: Daemon) -> bool:
    return bool(server.session.facts.variables.get("BROWSER"))


@pytest.fixture
def browsing(server: Daemon, sessions: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The daemon of a session whose programs may be offered a browser."""
    monkeypatch.delenv("BROWSER", raising=False)
    server.session.facts.browser = True
    return server


def test_programs_open_pages_only_while_the_leader_s_desktop_can(browsing: Daemon, attach: Attach) -> None:
    first = attach()
    browsing.until(lambda: offered(browsing))
    older = attach(desktop=None)  # of a sesh that says nothing of its desktop
    browsing.until(lambda: browsing.session.clients.leader is older.client)
    browsing.until(lambda: not offered(browsing))
    older.link.close()
    browsing.until(lambda: browsing.session.clients.leader is first.client)
    browsing.until(lambda: offered(browsing))


# -- whether programs find the shims


@pytest.fixture
def program(
    server: Daemon, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Yield what has a program run in the foreground, with variables besides those of the session."""
    (sessions / "bin").mkdir()
    (sessions / "bin" / ".sesh").touch()
    monkeypatch.setenv("HOME", str(sessions))  # whose startup files load nothing
    begun: list[subprocess.Popen[bytes]] = []

    def begin(**variables: str) -> subprocess.Popen[bytes]:
        own = {"SHELL": "/bin/bash", "SESH_ENV_FILE": records.file_of(server.session.facts.id, "env")}
        words = [need("sleep"), "60"]
        made = subprocess.Popen(words, env={**own, **variables})
        begun.append(made)
        wait_until(lambda: processes.command_of(made.pid), "it is the program")
        monkeypatch.setattr(server.session.pump.pty, "foreground", lambda: made.pid)
        return made

    yield begin
    for each in begun:
        each.kill()
        each.wait()


def look(client: Peer, number: int) -> str:
    """Ask as a client does at a paste key; return the line that its person is to see."""
    client.asks(number=number, wish="shims")
    client.server.until(lambda: any(told["number"] == number for told in client.messages(protocol.TOLD)))
    return str(client.messages(protocol.TOLD)[-1].get("words", ""))


@pytest.mark.skipif(not platforms.LINUX, reason="only /proc tells of another program's variables")
def test_a_paste_key_in_a_program_that_does_not_find_the_shims_says_the_line_to_add_once(
    server: Daemon, attach: Attach, program: Callable[..., object], sessions: Path
) -> None:
    client = attach()
    program(PATH=f"{sessions}/bin:/bin")
    assert look(client, 1) == ""
    program(PATH="/usr/bin:/bin", SESH_ENV_FILE="")  # as behind `sudo -i`
    assert look(client, 3) == ""
    program(PATH="/usr/bin:/bin")
    assert look(client, 5) == 'no clipboard in sleep; end ~/.bashrc with: eval "$(sesh shell-init bash)"'
    assert look(client, 7) == ""


@pytest.mark.skipif(not platforms.LINUX, reason="only /proc tells of another program's variables")
def test_where_the_shell_loads_the_integration_the_line_names_doctor(
    server: Daemon, attach: Attach, program: Callable[..., object], sessions: Path
) -> None:
    (sessions / ".bashrc").write_text('eval "$(sesh shell-init bash)"\n')
    client = attach()
    program(PATH="/usr/bin:/bin")
    assert look(client, 1).endswith(f"{sessions}/bin is not in its PATH; see: sesh doctor")


# -- what callers get


def test_a_list_is_asked_of_the_client_that_leads_and_answered(server: Daemon, attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("list")
    ask = client.await_message(protocol.ASK)
    assert (ask["wish"], ask["program"], ask["number"] % 2) == ("list", "vim", 0)
    client.tells(ask["number"], types=["text/plain", "image/png"])
    response = caller.await_message(protocol.RESPONSE)
    assert response["result"] == {"ok": True, "why": "", "types": ["text/plain", "image/png"]}
    assert desktop_events(server) == []  # a list alone takes nothing


def test_the_bytes_of_a_read_reach_the_caller_before_its_response(server: Daemon, attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("read", type="image/png")
    number = client.await_message(protocol.ASK)["number"]
    client.gives(number, b"PNG")
    client.gives(number, b"PNG")
    client.tells(number, type="image/png")
    response = caller.await_message(protocol.RESPONSE)
    assert (response["result"]["type"], caller.data) == ("image/png", b"PNGPNG")
    (event,) = desktop_events(server)
    assert (event["wish"], event["program"], event["bytes"], event["why"]) == ("read", "vim", 6, None)


def test_the_bytes_of_a_write_reach_the_client_whole(attach: Attach, caller: Peer) -> None:
    client = attach()
    content = os.urandom(150_000)
    caller.wishes("write", content, type="text/plain")
    number = client.await_message(protocol.ASK)["number"]
    client.server.until(lambda: client.ended(number))
    assert client.flow(number).take() == content
    client.tells(number)
    assert caller.await_message(protocol.RESPONSE)["result"]["ok"] is True


def test_a_write_in_pieces_waits_for_the_client_and_has_a_limit(attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("write", b"a", type="text/plain", more=True)
    number = client.await_message(protocol.ASK)["number"]
    caller.gives(1, b"b" * 100)
    caller.gives(1, b"")
    client.server.until(lambda: client.ended(number))
    assert client.flow(number).take() == b"a" + b"b" * 100
    caller.take()
    assert (protocol.TAKEN, protocol.taken(1, 101)[protocol.HEADER_SIZE :]) in caller.frames


def test_what_is_larger_than_a_clipboard_is_refused(
    attach: Attach, caller: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MAX_BYTES", 100)
    client = attach()
    caller.wishes("read", type="image/png")
    client.gives(client.await_message(protocol.ASK)["number"], b"x" * 101)
    assert caller.await_message(protocol.RESPONSE)["result"]["why"] == "size"
    assert client.await_message(protocol.TOLD)["ok"] is False  # the client stops
    caller.wishes("write", type="text/plain", more=True, number=2)
    client.await_message(protocol.ASK, 2)
    caller.gives(2, b"x" * 101)
    assert caller.await_message(protocol.RESPONSE, 2)["result"]["why"] == "size"
    assert MAX_BYTES > 100


# -- whom nobody can ask


def test_with_nobody_attached_the_response_says_so(server: Daemon, caller: Peer) -> None:
    caller.wishes("read", type="text/plain")
    told = caller.await_message(protocol.RESPONSE)["result"]
    assert told["why"] == "none"
    assert "nobody is attached to" in told["words"]
    assert [event["why"] for event in desktop_events(server)] == ["none"]


def test_a_client_that_has_just_attached_is_awaited(server: Daemon, attach: Attach, caller: Peer) -> None:
    client = attach(desktop=None)
    caller.wishes("list")
    server.until(lambda: server.session.desk.busy)
    server.turn()
    assert 0 < server.session.desk.due - time.monotonic() < desk.SPEAKS_WITHIN
    client.send(protocol.message(protocol.DESKTOP, ALL))
    client.tells(client.await_message(protocol.ASK)["number"], types=[])
    assert caller.await_message(protocol.RESPONSE)["result"]["ok"] is True


def test_an_older_client_and_one_that_only_reads_are_nobodys_desktop(
    attach: Attach, caller: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "SPEAKS_WITHIN", 0.0)
    attach(desktop=None, version="0.1")
    caller.wishes("open", url="https://example.org/")
    told = caller.await_message(protocol.RESPONSE)["result"]
    assert (told["why"], "sesh 0.1" in told["words"]) == ("none", True)
    watcher = attach(desktop=None, read_only=True)
    watcher.send(protocol.message(protocol.DESKTOP, ALL))
    caller.wishes("open", url="https://example.org/", number=2)
    assert caller.await_message(protocol.RESPONSE, 2)["result"]["why"] == "none"
    assert watcher.messages(protocol.ASK) == []


def test_a_client_that_goes_in_the_middle_ends_what_it_was_asked(attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("read", type="image/png")
    client.gives(client.await_message(protocol.ASK)["number"], b"PNG")
    client.link.other.close()
    assert caller.await_message(protocol.RESPONSE)["result"]["why"] == "gone"


def test_a_caller_that_goes_in_the_middle_is_told_to_the_client(attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("read", type="image/png")
    number = client.await_message(protocol.ASK)["number"]
    caller.link.other.close()
    assert client.await_message(protocol.TOLD) == {"number": number, "ok": False, "why": "gone", "words": ""}
    client.server.until(lambda: not client.server.session.desk.busy)


def test_a_client_that_says_nothing_is_given_up_in_time(
    server: Daemon, attach: Attach, caller: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = attach()
    caller.wishes("list")
    client.await_message(protocol.ASK)
    assert server.session.desk.due - time.monotonic() < LIST_TIME
    server.session.desk.act(time.monotonic() + LIST_TIME)
    assert caller.await_message(protocol.RESPONSE)["result"]["why"] == "time"
    assert server.session.desk.due == NEVER


def test_a_reload_in_the_middle_ends_what_was_asked(server: Daemon, attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("read", type="image/png")
    client.await_message(protocol.ASK)
    server.session.desk.end_all("was reloaded")
    assert caller.await_message(protocol.RESPONSE)["result"]["why"] == "gone"


def test_a_program_that_asks_again_and_again_is_one_event(server: Daemon, caller: Peer) -> None:
    for number in range(1, 6):
        caller.wishes("read", type="text/plain", number=number)
    caller.await_message(protocol.RESPONSE, 5)
    assert len(desktop_events(server)) == 1


def test_more_wishes_than_one_client_has_at_a_time_are_refused(
    attach: Attach, caller: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MAX_EXCHANGES", 2)
    client = attach()
    for number in range(1, 5):
        caller.wishes("list", number=number)
    client.await_message(protocol.ASK, 2)
    assert caller.await_message(protocol.RESPONSE, 2)["result"]["why"] == "none"
    assert len(client.messages(protocol.ASK)) == 2


def test_a_client_that_begins_exchanges_and_reads_no_answer_loses_its_connection(
    server: Daemon, attach: Attach
) -> None:
    client = attach()
    known, connection = client.client, client.link.connection
    for number in range(1, 513, 2):
        server.session.desk.handle_frame(known, protocol.ASK, codec.encode({"number": number, "wish": "stream"}))
    assert not connection.closing
    with pytest.raises(ProtocolError, match="more exchanges"):
        server.session.desk.handle_frame(known, protocol.ASK, codec.encode({"number": 513, "wish": "stream"}))


@pytest.mark.parametrize("kind", [protocol.TOLD, protocol.ASK, protocol.DESKTOP])
def test_a_client_that_says_more_than_a_response_takes_loses_its_connection(
    server: Daemon, attach: Attach, caller: Peer, kind: int
) -> None:
    """In the response a character may take three times as many bytes, which is no frame any more."""
    client = attach()
    caller.wishes("list")
    number = client.await_message(protocol.ASK)["number"]
    said = f'{{"number":{number},"ok":false,"why":"none","words":"{"é" * 500_000}"}}'.encode()
    with pytest.raises(ProtocolError, match="bytes"):
        server.session.desk.handle_frame(client.client, kind, said)
    words = "é" * 20_000
    said = f'{{"number":{number},"ok":false,"why":"none","words":"{words}"}}'.encode()
    server.session.desk.handle_frame(client.client, protocol.TOLD, said)
    assert caller.await_message(protocol.RESPONSE)["result"]["words"] == words


@pytest.mark.parametrize(
    "frame",
    [
        protocol.message(protocol.ASK, {"number": 2, "wish": "stream", "port": 3000}),
        protocol.message(protocol.ASK, {"number": "1", "wish": "stream"}),
        protocol.message(protocol.TOLD, {"number": -2}),
        protocol.message(protocol.DESKTOP, {"open": "yes"}),
        protocol.frame(protocol.DESKTOP, b"[]"),
        protocol.frame(protocol.PIECE, b"1234"),
        protocol.frame(protocol.TAKEN, b"12345678"),
    ],
)  # fmt: skip
def test_a_client_that_sends_nonsense_loses_its_connection_and_no_other_does(
    server: Daemon, attach: Attach, caller: Peer, frame: bytes
) -> None:
    client, other = attach(), attach()
    client.send(frame)
    server.until(lambda: client.client is None)
    assert server.session.clients.all == [other.client]
    caller.wishes("list")
    other.tells(other.await_message(protocol.ASK)["number"], types=[])
    assert caller.await_message(protocol.RESPONSE)["result"]["ok"] is True


def test_frames_of_exchanges_that_have_ended_are_ignored(server: Daemon, attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("list")
    number = client.await_message(protocol.ASK)["number"]
    for _ in range(2):
        client.tells(number, types=[])
        client.gives(number, b"late")
        client.send(protocol.taken(number, 4), protocol.taken(99, 4))
    caller.await_message(protocol.RESPONSE)
    server.until(lambda: not server.session.desk.busy)
    assert client.client is not None
    assert len(caller.messages(protocol.RESPONSE)) == 1


# -- nothing waits for pieces


def test_output_goes_before_pieces_and_no_more_of_them_than_the_window_are_on_their_way(
    server: Daemon, attach: Attach, caller: Peer
) -> None:
    client = attach(remote=True)
    caller.wishes("write", b"x" * 200_000, type="text/plain")
    client.await_message(protocol.ASK)
    for _ in range(20):
        server.turn()
    client.take()
    pieces = [payload for kind, payload in client.frames if kind == protocol.PIECE]
    assert 0 < sum(map(len, pieces)) <= OVER_LINK + 8 * len(pieces)
    assert max(map(len, pieces)) <= OVER_LINK + 8
    client.frames.clear()
    prints(server.session, b"output")
    client.send(protocol.taken(0, OVER_LINK))
    server.turn()
    client.take()
    assert client.frames[0][0] == protocol.OUTPUT


# -- connections that come home


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def number_of(listening: socket.socket) -> int:
    number: int = listening.getsockname()[1]
    return number


def test_a_connection_to_a_port_of_the_sessions_user_is_carried_both_ways(
    server: Daemon, attach: Attach, port: socket.socket
) -> None:
    client = attach()
    client.asks(number=1, wish="stream", port=number_of(port))
    client.gives(1, b"GET / ")
    client.gives(1, b"HTTP/1.1\r\n")
    client.gives(1, b"")
    server.until(lambda: server.session.desk.busy)
    for _ in range(5):
        server.turn()
    accepted, _ = port.accept()
    with accepted:
        got = b""
        while data := accepted.recv(100):
            got += data
            server.turn()
        assert got == b"GET / HTTP/1.1\r\n"
        accepted.sendall(b"HTTP/1.1 200 OK\r\n")
    assert client.await_message(protocol.TOLD)["ok"] is True
    assert client.flow(1).take() == b"HTTP/1.1 200 OK\r\n"
    server.until(lambda: not server.session.desk.busy)


def test_a_port_on_which_nobody_or_another_user_listens_is_refused(
    server: Daemon, attach: Attach, port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = attach()
    client.asks(number=1, wish="stream", port=22)
    assert client.await_message(protocol.TOLD)["why"] == "refused"
    monkeypatch.setattr(ports.Look, "listeners", lambda *_: [ports.Listener("127.0.0.1", os.geteuid() + 1)])
    client.asks(number=3, wish="stream", port=number_of(port))
    assert client.await_message(protocol.TOLD, 2)["why"] == "refused"


def test_a_connection_for_which_no_descriptor_is_left_is_an_answer(
    attach: Attach, port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = attach()

    def fails(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("sesh.forward.stream.socket.socket", fails)
    client.asks(number=1, wish="stream", port=number_of(port))
    assert client.await_message(protocol.TOLD)["why"] == "gone"


def test_a_connection_that_the_program_resets_is_an_end_and_what_it_sent_before_comes(
    server: Daemon, attach: Attach, port: socket.socket
) -> None:
    client = attach()
    client.asks(number=1, wish="stream", port=number_of(port))
    server.until(lambda: server.session.desk.busy)
    server.turn()
    accepted, _ = port.accept()
    accepted.sendall(b"half")
    server.until(lambda: client.take() and client.flow(1).incoming == b"half")
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
    assert client.await_message(protocol.TOLD)["ok"] is True
    server.until(lambda: not server.session.desk.busy)


def test_the_client_learns_when_nobody_listens_any_more(
    server: Daemon, attach: Attach, port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "PORT_LOOK", 0.01)
    client = attach()
    client.asks(number=1, wish="port", port=number_of(port))
    server.until(lambda: server.session.desk.busy)
    assert client.messages(protocol.TOLD) == []
    port.close()
    assert client.await_message(protocol.TOLD)["why"] == "gone"


def without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: socket.socket) -> Path:
    """Have a stand-in of lsof say who listens, once a file is there; return the file."""
    waits = tmp_path / "goes"
    lsof = tmp_path / "lsof"
    said = f"p1\\nu{os.geteuid()}\\nf3\\nn127.0.0.1:{number_of(port)}\\n"
    lsof.write_text(f"#!/bin/sh\nuntil [ -e {waits} ]; do sleep 0.01; done\nprintf '{said}'\n")
    lsof.chmod(0o755)
    monkeypatch.setattr(platforms, "LINUX", False)
    monkeypatch.setattr(ports, "LSOF", (str(lsof),))
    return waits


def test_without_proc_no_turn_waits_for_the_program_that_says_who_listens(
    server: Daemon, attach: Attach, caller: Peer, port: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = attach()
    goes = without_proc(monkeypatch, tmp_path, port)
    client.asks(number=1, wish="stream", port=number_of(port))
    client.asks(number=3, wish="stream", port=1)
    caller.wishes("open", url=f"http://127.0.0.1:{number_of(port)}/")
    server.until(lambda: server.session.desk.looks.busy)
    prints(server.session, b"meanwhile")
    server.until(lambda: any(kind == protocol.OUTPUT and b"meanwhile" in data for kind, data in client.take()))
    assert client.messages(protocol.ASK) == []
    goes.touch()
    assert client.await_message(protocol.ASK)["ports"] == [number_of(port)]
    assert client.await_message(protocol.TOLD)["number"] == 3
    client.gives(1, b"from the browser")
    port.settimeout(30)
    server.until(lambda: client.take() is not None and server.session.desk.busy)
    accepted, _ = port.accept()
    with accepted:
        accepted.settimeout(0.01)
        server.until(lambda: arrives(accepted, b"from the browser"))
        client.gives(1, b"")
    server.until(lambda: len(client.messages(protocol.TOLD)) == 2)


def test_a_look_that_hangs_finds_nobody(
    server: Daemon, attach: Attach, port: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = attach()
    without_proc(monkeypatch, tmp_path, port)
    monkeypatch.setattr(looks, "TIMEOUT", 0.1)
    client.asks(number=1, wish="stream", port=number_of(port))
    assert client.await_message(protocol.TOLD)["why"] == "refused"
    server.until(lambda: not server.session.desk.busy)


def arrives(accepted: socket.socket, data: bytes) -> bool:
    try:
        return accepted.recv(len(data)) == data
    except TimeoutError:
        return False


def test_an_address_comes_with_the_ports_that_it_names_and_on_which_the_user_listens(
    attach: Attach, caller: Peer, port: socket.socket
) -> None:
    client = attach()
    own = number_of(port)
    for number, (url, own_ports) in enumerate([
        (f"https://login.example/?redirect_uri=http%3A%2F%2Flocalhost%3A{own}%2Fcallback", [own]),
        (f"http://127.0.0.1:{own}/", [own]),
        ("http://127.0.0.1:1/?redirect_uri=http%3A%2F%2Flocalhost%3A1%2F", []),
        ("file:///etc/passwd", []),
    ], 1):  # fmt: skip
        caller.wishes("open", url=url, number=number)
        assert client.await_message(protocol.ASK, number)["ports"] == own_ports


def test_what_is_too_long_is_refused_at_once(attach: Attach, caller: Peer) -> None:
    client = attach()
    caller.wishes("open", url=f"https://example.org/{'x' * 9000}")
    assert caller.await_message(protocol.RESPONSE)["result"]["why"] == "refused"
    caller.wishes("read", type="text/" + "x" * 9000, number=2)
    assert caller.await_message(protocol.RESPONSE, 2)["result"]["why"] == "refused"
    assert client.messages(protocol.ASK) == []


# -- the display


def test_a_file_says_whether_the_one_who_leads_brought_a_display(server: Daemon, attach: Attach) -> None:
    file = records.file_of(server.session.facts.id, "display")
    attach(renewed={"DISPLAY": ":0"})
    server.turn()
    assert os.path.exists(file)
    os.unlink(file)
    server.session.desk.restore_files()
    assert os.path.exists(file)
    attach(renewed={"DISPLAY": "", "SSH_CONNECTION": "there"})
    server.turn()
    assert not os.path.exists(file)
