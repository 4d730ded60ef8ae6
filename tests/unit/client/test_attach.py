"""The client in a real terminal, opposite a daemon that does what the test wants."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest

from sesh import protocol
from sesh.client.channel import WINDOW
from tests.support import Home, Terminal, wait_until
from tests.unit.client.fake_daemon import FAREWELL, FakeDaemon, Peer, client, command

FRESH = b"\x1b[24;1H" + b"\n" * 24 + b"\x1b[H"
PROMPT = FRESH + b"$ "


@pytest.fixture
def daemon(home: Home) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(home)
    yield fake
    fake.close()


def test_hello_tells_what_the_terminal_is(home: Home, daemon: FakeDaemon) -> None:
    env = {"COLORTERM": "truecolor", "SSH_AUTH_SOCK": "/agent"}
    with client(home, "replace=yes", "replay=no", columns=91, rows=33, pixels=(910, 660), env=env) as terminal:
        hello = daemon.accept().hello
        expected = {
            "role": "attach", "protocol": protocol.PROTOCOL, "columns": 91, "rows": 33, "width": 910, "height": 660,
            "term": "xterm-256color", "colorterm": "truecolor", "tty": terminal.tty, "lang": "C.UTF-8",
            "read_only": False, "replace": True, "replay": False, "auth_sock": "/agent", "pid": terminal.pid,
        }  # fmt: skip
        assert {key: hello.get(key) for key in expected} == expected
        assert re.fullmatch("[0-9a-f]{16,}", hello["client"])
        assert "since" not in hello


def test_rubbish_from_the_daemon_is_an_error_and_the_terminal_comes_back(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT + b"\x1b[?1h")
        terminal.wait_for("$")
        peer.connection.sendall(b"\xff" * 100)
        assert terminal.exit_code() == 1
        assert terminal.termios() == before
        assert 1 not in terminal.modes
        assert "error: the other side announced" in terminal.text()


def test_being_continued_after_an_unseen_stop_draws_anew(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.signal(signal.SIGSTOP)
        wait_until(lambda: _state(terminal.pid) == "T")
        terminal.signal(signal.SIGCONT)
        peer.expect(protocol.RESIZE)
        peer.redraw(0, PROMPT)


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_the_windows_size_is_passed_on_with_pixels(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.resize(100, 40, (1000, 800))
        assert protocol.split_size(peer.expect(protocol.RESIZE)) == (100, 40, 1000, 800)


def test_a_ping_is_answered_and_an_unknown_frame_passed_over(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.send(0xEE, b"what is this")
        peer.send(protocol.PING, b"token")
        assert peer.expect(protocol.PONG) == b"token"
        assert terminal.alive


def test_a_lone_escape_is_not_kept(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.type(b"\x1b")
        assert peer.keys(1) == b"\x1b"


RELINKED = """
import functools
from sesh.client import loop
from sesh.link.reopen import Reopen
loop.FLUSH_DELAY = 0.3
def again(attempt):
    connection = wire.connect("work")
    attempt.win(connection)
    return connection
def reconnect(host, ping, describe):
    return Reopen(lambda attempt: again(attempt), ping, describe)
attach = functools.partial(attach, reconnect=reconnect)
"""
"""A client whose link is replaced, and that awaits the rest of a key for longer."""


def test_an_escape_that_is_held_while_a_link_is_replaced_reaches_the_session(home: Home, daemon: FakeDaemon) -> None:
    """It waited for the next key."""
    with Terminal(command("work", "host=box", before=RELINKED), env=home.env, cwd=home.path) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.type(b"x\x1b")
        peer.connection.close()
        peer = daemon.accept()
        peer.welcome()
        typed = b""
        while b"\x1b" not in typed:
            kind, payload = peer.next()
            typed += protocol.split_number(payload)[1] if kind == protocol.INPUT else b""


GREETED_BEFORE = (
    RELINKED
    + """
from sesh import protocol
def again(attempt):
    connection = wire.connect("work")
    attempt.win(connection)
    connection.peer.greeted = {**attempt.session.hello, "since": 0}
    connection.send(protocol.message(protocol.HELLO, connection.peer.greeted))
    return connection
"""
)
"""A client whose new link was greeted before the old one had brought its last output."""


def test_output_that_two_links_bring_shows_once(home: Home, daemon: FakeDaemon) -> None:
    with Terminal(command("work", "host=box", before=GREETED_BEFORE), env=home.env, cwd=home.path) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.output(0, b"abc")
        terminal.wait_for("$ abc")
        peer.connection.close()
        peer = daemon.accept()
        peer.welcome()
        peer.output(0, b"abcd")
        peer.output(4, b"ef")
        terminal.wait_for("ef")
        assert terminal.screen()[0] == "$ abcdef"


def test_the_terminal_is_not_read_once_much_was_typed_ahead(home: Home, daemon: FakeDaemon) -> None:
    limit = "from sesh.client import channel; channel.LIMIT = 1 << 16"
    with Terminal(command("work", before=limit), env=home.env, cwd=home.path) as terminal:
        peer = daemon.accept()
        peer.welcome(b"$ ")
        terminal.wait_for("$")
        terminal.type(b"x" * WINDOW)
        taken = 0
        while taken < WINDOW:  # and acknowledges nothing
            taken += len(peer.expect(protocol.INPUT)) - 8
        with pytest.raises(AssertionError, match="not accepted"):
            terminal.type(b"x" * (1 << 19), timeout=1)


def test_a_terminal_that_does_not_read_can_be_left(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        peer.connection.settimeout(0.5)
        assert _stuffed(peer) < 64  # blocks of 64 KiB: the client's buffer is bounded
        os.write(terminal._master, b"\x1c")
        wait_until(lambda: terminal.termios() == before)
        assert terminal.exit_code() == FAREWELL


def _stuffed(peer: Peer) -> int:
    """How many blocks of output go in before the client takes no more."""
    for number in range(1000):
        try:
            peer.output(number << 16, b"y" * (1 << 16))
        except TimeoutError:
            return number
    return 1000


def test_a_switch_that_fails_says_why_and_stays(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.SWITCH, name="nowhere", host=None)
        peer.redraw(0, b"\x1b[H$ ")
        terminal.wait_for("nowhere")
        peer.output(0, b"still here")
        terminal.type(b"x")
        assert peer.keys(1) == b"x"
        terminal.wait_for("$ still here")
        assert "nowhere" not in terminal.text()


@pytest.mark.parametrize(("name", "host"), [("../x", None), ("ok", "-oProxyCommand=x"), ("work", None)])
def test_a_switch_to_what_is_no_session_is_ignored(home: Home, daemon: FakeDaemon, name: str, host: str | None) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.SWITCH, name=name, host=host)
        peer.output(0, b"still here")
        terminal.wait_for("$ still here")
        terminal.type(b"x")
        assert peer.keys(1) == b"x", "it asks for no line that says why it stays"
