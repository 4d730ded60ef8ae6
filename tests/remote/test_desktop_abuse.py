"""A host, and programs on it, that try to get more of the person's machine than the person gives.

The program under test is told what to do by a file, so it acts without any key; what the person presses is typed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sesh.client.desktop.consent import OPEN_EVERY
from sesh.wire.connection import hello_frame, request_frames
from sesh.wire.messages import DESK
from tests.remote.accounts import ROOT
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, Terminal, wait_until
from tests.support.home import PATHS
from tests.support.slow import Slow

CTRL_V, DETACH = "\x16", "\x1c"
TEXT = "of which no key tells"
OTHER_USER = 12345
# The person's machine.
XCLIP = """#!/bin/sh
case "$*" in
*TARGETS*) cat "{place}/types" ;;
*-i) cat > "{place}/text" ;;
*image/png*) cat "{place}/picture"; : > "{place}/given" ;;
*) cat "{place}/text" ;;
esac
"""
BROWSER = """#!/bin/sh
echo "$1" >> "{place}/opened"
"""
# A program of the session, which does what it finds in `orders`, and reads nothing but replies to its queries.
PROGRAM = """
import json, os, socket, subprocess, sys, threading, tty

sys.path += {paths!r}
import sesh.api as sesh
from sesh.ops import desk
from sesh.wire import protocol
from sesh.wire.connection import connect, request_frames
from sesh.wire.messages import DESK, Wish

tty.setraw(0)
typed = bytearray()

def listen():
    while data := os.read(0, 4096):
        typed.extend(data)

threading.Thread(target=listen, daemon=True).start()
session, reading, kept = desk.own_session(), [], []

def ask(wish, **words):
    answer = desk.ask(session, Wish(wish), **words)
    return [answer.ok, answer.told.get("why"), answer.data.decode()]

def pages(urls):
    return [ask("open", url=url)[1] or "opened" for url in urls]

def browse(size):
    try:
        sesh.browse("https://a/" + "x" * size)
    except sesh.SeshError as error:
        return error.message

def run(*words, **variables):
    done = subprocess.run(words, capture_output=True, env=dict(os.environ, **variables))
    return [done.returncode, done.stdout.decode(), done.stderr.decode()]

def put(text):
    os.write(1, text.encode())

def replies():
    said = bytes(typed).decode()
    typed.clear()
    return said

def listens(port, uid=None):
    read, write = os.pipe()
    if uid is None:
        kept.append(socket.create_server(("127.0.0.1", port)))
    elif os.fork() == 0:
        os.setuid(uid)
        server = socket.create_server(("127.0.0.1", port))
        os.write(write, b"x")
        server.accept()
    else:
        os.read(read, 1)

def begin_reading():
    connection = connect(session)
    connection.handshake()
    connection.send(request_frames(DESK, 1, wish="read", type="image/png", url="", program="p", size=0))
    while (frame := connection.receive())[0] != protocol.DATA:
        pass
    reading[:] = [connection, len(frame[1])]

def end_reading():
    connection, size = reading
    while (frame := connection.receive())[0] != protocol.RESPONSE:
        size += len(frame[1])
    return [size, connection.decode_response(DESK, frame[1])["why"]]

put("the program is up")
while True:
    with open("orders") as orders:
        for line in orders:
            name, words, keys = json.loads(line)
            said = json.dumps(globals()[name](*words, **keys))
            with open("answers.new", "w") as answers:
                answers.write(said)
            os.rename("answers.new", "answers")
"""


@pytest.fixture
def desktop(home: Home) -> Path:
    """The folder of the person's clipboard and of the pages that were opened."""
    place = Path(home.path, "desktop")
    place.mkdir()
    home.write("bin/xclip", XCLIP.format(place=place), mode=0o755)
    home.write("bin/xdg-open", BROWSER.format(place=place), mode=0o755)
    home.env["DISPLAY"] = ":87"
    (place / "types").write_text("UTF8_STRING\n")
    (place / "text").write_text(TEXT)
    (place / "opened").write_text("")
    return place


class Program:
    """The program in a session of the host, and the terminal in which its person sits."""

    def __init__(self, far: Home, terminal: Terminal, name: str) -> None:
        self.folder, self.terminal = Path(far.path, name), terminal
        self.folder.mkdir()
        os.mkfifo(self.folder / "orders")
        script = far.write(f"{name}/program.py", PROGRAM.format(paths=PATHS))
        terminal.type(f"cd {self.folder}; exec {sys.executable} {script}\r")
        terminal.wait_for("the program is up")

    def does(self, name: str, *words: Any, **keys: Any) -> Any:
        """Have it do something; return what comes of it."""
        self.begins(name, *words, **keys)
        return self.result()

    def begins(self, name: str, *words: Any, **keys: Any) -> None:
        with open(self.folder / "orders", "w", encoding="utf-8") as orders:
            orders.write(json.dumps([name, words, keys]) + "\n")

    def result(self) -> Any:
        answers = self.folder / "answers"
        self.terminal.wait_until(answers.exists, "the program has an answer")
        text = answers.read_text(encoding="utf-8")
        answers.unlink()
        return json.loads(text)

    def opens(self, *urls: str) -> Any:
        """Ask as a program that knows the protocol; return what comes of each, in one word."""
        return self.does("pages", urls)

    def reads(self) -> Any:
        return self.does("ask", "read", type_="text/plain")


@pytest.fixture
def far(home: Home, beside: Beside, desktop: Path) -> ViaHost:
    host = beside("box")
    host.env["DISPLAY"] = ""
    (way,) = host.way
    os.unlink(way)
    assert host.way == [way], "it is written anew, with this environment"
    return host


@contextmanager
def program(home: Home, far: Home, name: str = "work", *options: str) -> Iterator[Program]:
    with home.terminal("@box", name, *options) as terminal:
        terminal.wait_for(PROMPT)
        yield Program(far, terminal, name)


def opened(desktop: Path) -> list[str]:
    return (desktop / "opened").read_text().split()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


ADDRESSES = [
    "file:///etc/passwd", "javascript:alert(1)", "vscode://x", "-version", "--help", "https://a/\x1b]52;c;?\x07",
    "https://a/\r\nb", "https://a/ b", "https://me@a/", "https://a\\@b/", "https://a/" + "x" * (1 << 17), "",
]  # fmt: skip


def test_a_page_is_an_address_of_http_whatever_was_pressed(home: Home, far: ViaHost, desktop: Path) -> None:
    with program(home, far) as asking:
        asking.terminal.type("x")
        assert asking.opens(*ADDRESSES) == ["refused"] * len(ADDRESSES)
        assert asking.does("browse", 1 << 20) == "this address is not opened: it is longer than 8,192 bytes"
        assert asking.opens("https://example.org/") == ["opened"]
        assert opened(desktop) == ["https://example.org/"]


def test_of_a_hundred_pages_at_most_three_open_for_a_key_with_time_between(
    home: Home, far: ViaHost, desktop: Path
) -> None:
    with program(home, far) as asking:
        asking.terminal.type("x")
        began = time.monotonic()
        results = asking.opens(*(f"https://example.org/{number}" for number in range(100)))
        assert 1 <= results.count("opened") <= min(3, 1 + (time.monotonic() - began) // OPEN_EVERY)
        assert len(opened(desktop)) == results.count("opened")
        assert {*results} == {"opened", "consent"}
        asking.terminal.wait_for("wants to open: https://example.org/")


LOOPBACK = ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]",  # noqa: S104
            "x.localhost", "localhost.", "LOCALHOST", "%6cocalhost"]  # fmt: skip


def test_a_host_opens_no_page_of_the_persons_machine(home: Home, far: ViaHost, desktop: Path) -> None:
    """Nobody listens there, and ports below 1024 are not carried."""
    port = free_port()
    with program(home, far) as asking:
        asking.terminal.type("x")
        addresses = [f"http://{host}{suffix}/" for host in LOOPBACK for suffix in (f":{port}", "", ":1023")]
        assert asking.opens(*addresses) == ["refused"] * len(addresses)
        assert opened(desktop) == []


@pytest.mark.skipif(not ROOT, reason="it takes root to have a process of another user")
@pytest.mark.parametrize("uid", [None, OTHER_USER])
def test_the_port_of_another_user_is_not_carried(home: Home, far: ViaHost, desktop: Path, uid: int | None) -> None:
    """The host has no loopback of its own, so this machine finds a port that is to be carried taken."""
    port = free_port()
    with program(home, far) as asking:
        asking.does("listens", port, uid)
        asking.terminal.type("x")
        assert asking.opens(f"https://example.org/?redirect_uri=http://localhost:{port}/") == (
            ["taken"] if uid is None else ["opened"]
        )
        assert asking.opens(f"http://localhost:{port}/") == (["consent"] if uid is None else ["refused"])


@pytest.mark.skipif(not ROOT, reason="it takes root to have a process of another user")
def test_a_process_of_another_user_is_not_heard(home: Home, far: ViaHost, desktop: Path) -> None:
    """Also where it reaches the socket, as after a slip of its owner."""
    frames = hello_frame("request") + request_frames(DESK, 1, b"stolen", wish="write", type="text/plain", size=6)
    path = f"{far.directory}/work.sock"
    with program(home, far) as asking:
        open_to_all = {each: os.stat(each).st_mode for each in (far.root, far.path, far.directory, path)}
        asking.terminal.type(CTRL_V)
        with socket.socket(socket.AF_UNIX) as own:
            own.connect(path)
            own.sendall(hello_frame("request"))
            assert own.recv(100), "its owner is heard"
        try:
            for each, mode in open_to_all.items():
                os.chmod(each, mode | 0o777)  # noqa: S103
            assert ask_as(OTHER_USER, path, frames) == b""
        finally:
            for each, mode in open_to_all.items():
                os.chmod(each, mode)
        assert (desktop / "text").read_text() == TEXT
        assert asking.reads() == [True, "", TEXT], "the session goes on"


def ask_as(uid: int, path: str, frames: bytes) -> bytes:
    """Send frames to a socket as another user; return what it answers."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        with suppress(BrokenPipeError, ConnectionResetError), socket.socket(socket.AF_UNIX) as asking:
            asking.connect(path)
            os.write(write, b"connected")
            asking.sendall(frames)
            os.write(write, asking.recv(100))
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as answer:
        return answer.read().removeprefix(b"connected")


def test_a_key_in_another_session_or_of_a_spectator_gives_nothing(home: Home, far: ViaHost, desktop: Path) -> None:
    with (
        program(home, far) as asking,
        home.terminal("@box", "other") as elsewhere,
        home.terminal("@box", "work", "-r") as watching,
    ):
        elsewhere.wait_for(PROMPT)
        watching.wait_for("the program is up")
        elsewhere.type(CTRL_V)
        elsewhere.type(f"x{CTRL_V}x")
        watching.type(f"{CTRL_V}x{CTRL_V}")
        assert asking.reads() == [False, "consent", ""]
        asking.terminal.wait_for("asks for your clipboard")
        asking.terminal.type(CTRL_V)
        assert asking.reads() == [True, "", TEXT]
        assert asking.does("replies") == "", "the key was the line's"
        asking.terminal.type(DETACH)
        assert asking.terminal.exit_code() == 0
        asking.terminal = watching
        watching.type(CTRL_V)
        assert asking.reads() == [False, "none", ""], "who watches is nobody's desktop"
        assert asking.opens("https://example.org/") == ["none"]
        assert asking.does("ask", "write", type_="text/plain")[:2] == [False, "none"]
        assert (asking.does("run", "xclip", "-o", "-sel", "c")[0], opened(desktop)) == (1, [])


ACTING = "\x1b]52;c;c3RvbGVu\x07\x1b]52;c;?\x07\x1b]5522;type=read;Lg==\x1b\\\x1b]052;c;?\x18"


def test_what_was_printed_acts_no_more_when_it_is_shown_again(home: Home, far: ViaHost, desktop: Path) -> None:
    with program(home, far) as asking:
        asking.does("put", f"{ACTING}shown")
        asking.terminal.wait_for("shown")
        assert asking.terminal.raw.count(b"\x1b]52;") == 1
        asking.terminal.type(DETACH)
        assert asking.terminal.exit_code() == 0
        asking.does("put", f"{ACTING}and unseen")
        with home.terminal("@box", "work") as again:
            again.wait_for("and unseen")
            again.type(CTRL_V)
            asking.terminal = again
            assert asking.reads() == [True, "", TEXT], "the clipboard is the person's"
            asking.does("replies")
            assert (b"]52;" in again.raw, b"52;c;?" in again.raw, b"type=read" in again.raw) == (False, False, False)
            assert asking.does("replies") == ""


def test_a_client_that_goes_in_the_middle_gives_no_part(home: Home, far: ViaHost, desktop: Path) -> None:
    (desktop / "types").write_text("image/png\n")
    (desktop / "picture").write_bytes(bytes(10 << 20))
    with program(home, far) as asking:
        asking.terminal.type(CTRL_V)
        asking.does("begin_reading")
        asking.terminal.signal(signal.SIGKILL)
        asking.terminal.wait_until(asking.terminal.ended, "the client has gone")
        asking.begins("end_reading")
        wait_until((asking.folder / "answers").exists, "the program has its answer")
        size, why = asking.result()
        assert (size < 10 << 20, why) == (True, "gone")


SETTINGS = """
[desktop]
paste = "never"
browse = "always"
[desktop."bo*"]
paste = "always"
browse = "never"
copy = "never"
"""


def test_a_host_that_may_not_write_the_clipboard_writes_it_in_no_way(home: Home, far: ViaHost, desktop: Path) -> None:
    """The other settings hold for a host, too, and for all where it has none of its own."""
    config = Path(home.path, ".config/sesh/config.toml")
    config.write_text(config.read_text() + SETTINGS)
    with program(home, far) as asking:
        assert asking.does("run", "xclip", "-sel", "c", "/dev/null")[0] == 1
        asking.does("put", "\x1b]52;c;c3RvbGVu\x07\x1b]052;;c3RvbGVu\x1b\\written")
        asking.terminal.wait_for("written")
        assert b"c3RvbGVu" not in asking.terminal.raw
        assert asking.reads() == [True, "", TEXT], "without a key"
        asking.terminal.type("x")
        assert asking.opens("https://example.org/") == ["consent"]
        assert "example.org" not in asking.terminal.text()
    home.sesh("open", "here")
    with home.terminal("here") as terminal:
        terminal.wait_for(PROMPT)
        here = Program(home, terminal, "here")
        terminal.type(CTRL_V)
        assert here.reads() == [False, "consent", ""]
        assert here.opens("https://example.org/here") == ["opened"]
        here.does("put", "\x1b]52;c;d3JpdHRlbg==\x07shown")
        terminal.wait_for_raw(b"\x1b]52;c;d3JpdHRlbg==\x07")
    assert opened(desktop) == ["https://example.org/here"]


@pytest.mark.soak
def test_a_key_counts_over_a_link_of_800_ms_and_once(home: Home, desktop: Path) -> None:
    """The request comes to the client after its own two seconds."""
    Slow(home, 800, predict="never")
    home.sesh("open", "work")
    with home.terminal("@slow", "work") as terminal:
        terminal.wait_for(PROMPT)
        asking = Program(home, terminal, "work")
        terminal.type(CTRL_V)
        wait_until(lambda: asking.does("replies") == CTRL_V, "the key has come to the program")
        assert asking.does("ask", "list")[:2] == [True, ""]
        assert asking.reads() == [True, "", TEXT]
        (desktop / "text").write_text("copied since")
        assert asking.reads() == [False, "consent", ""]
