"""The client with a real session: no byte is lost, and the terminal is restored."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import random
import re
import shlex
import signal
import struct
import sys
import termios

import pytest

from sesh.loop.poll import Poll
from sesh.system import descriptors
from tests.support import PROMPT, Home, Open, Terminal, rounds, wait_until
from tests.terminal.looking import logs

READY = "ready>"
QUIT_EARLY = f"""
import os, signal, sys
sys.path[:0] = {sys.path!r}

from sesh.cli import attach
from sesh.daemon.spawn import launch
owner, name = {{"report": (launch.Connection, "await_response"), "raw": (attach, "run_client")}}[sys.argv.pop(1)]
whole = getattr(owner, name)

def struck(*words, **options):
    setattr(owner, name, whole)
    while not os.path.exists(os.path.join(os.environ["SESH_DIR"], "work.json")):
        pass
    os.kill(os.getpid(), signal.SIGQUIT)
    return whole(*words, **options)

setattr(owner, name, struck)
from sesh.__main__ import start
start()
"""
"""Presses Ctrl-\\ at one step between the creation of a session and the attachment."""


def rows(terminal: Terminal) -> list[str]:
    """Return the rows of the screen that are not empty."""
    return [row for row in terminal.screen() if row]


def test_leaving_in_the_middle_of_a_flood_is_immediate_and_tidy(terminal: Open) -> None:
    with terminal("work") as window:
        window.wait_for(READY)
        window.type("yes\r")
        window.wait_for_raw(b"y\r\n" * 1000)
        window.type(b"\x1c")
        assert window.exit_code() == 0
        assert re.search(rb"[\r\n]\[detached from work.*\]\r\n\Z", window.raw)
    with terminal("work") as window:
        window.wait_for_raw(b"y\r\ny\r\n")
        window.type(b"\x03")
        window.wait_for_raw(READY.encode(), start=len(window.raw))


@pytest.mark.parametrize("key", [b"\x1c", b"\x03"], ids=["quit", "interrupt"])
def test_a_key_that_stops_a_session_from_being_made_leaves_none_behind(
    home: Home, terminal: Open, lasting_zygotes: None, key: bytes
) -> None:
    """An interrupted launch must not create its session once the lock is free."""
    assert home.sesh("open", "other").code == 0
    before = {*home.processes()}
    with open(os.path.join(home.directory, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # no session can be created meanwhile
        with terminal("work") as window:
            wait_until(lambda: {*home.processes()} - {*before, window.pid}, "the newborn")
            window.type(key)
            assert window.exit_code() == 130
            assert "interrupted" in window.text()
    wait_until(lambda: {*home.processes()} <= before, "the newborn's end")
    assert home.names() == ["other"]


@pytest.mark.parametrize(("step", "said"), [("report", "work is there already and goes on"), ("raw", "interrupted")])
def test_the_detach_key_typed_just_after_a_session_was_made_stops_sesh_and_leaves_the_session(
    home: Home, terminal: Open, step: str, said: str
) -> None:
    """The key comes before the daemon's report, or before the terminal is raw."""
    with terminal(command=[sys.executable, "-c", QUIT_EARLY, step, "work"]) as window:
        assert window.exit_code() == 130
        assert said in window.text()
    assert home.summary("work")["attached"] == 0


def test_the_detach_key_leaves_a_session_whose_daemon_does_not_answer(home: Home, terminal: Open) -> None:
    home.sesh("open", "work")
    daemon = home.summary("work")["daemon_pid"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        with terminal("work") as window:
            wait_until(lambda: not window.termios()[3] & termios.ICANON, "the terminal is in raw mode")
            window.type(b"\x1c")
            assert window.exit_code() == 130
            assert "[detached from work before its daemon answered]" in window.text()
    finally:
        os.kill(daemon, signal.SIGCONT)


@pytest.mark.soak
def test_the_detach_key_leaves_a_daemon_that_was_stopped_and_what_was_typed_arrives_when_it_goes_on(
    home: Home, terminal: Open
) -> None:
    home.sesh("open", "work")
    daemon = home.summary("work")["daemon_pid"]
    with terminal("work") as window:
        window.wait_for(PROMPT)
        os.kill(daemon, signal.SIGSTOP)
        try:
            window.type("echo late-$((40+2))\r")
            window.type(b"\x1c")
            assert window.exit_code() == 0
        finally:
            os.kill(daemon, signal.SIGCONT)
    wait_until(lambda: "late-42" in logs(home, "work"), "work has printed 'late-42'")


@pytest.mark.needs("vim")
def test_r12_leaving_a_full_screen_program_gives_all_modes_back(terminal: Open) -> None:
    with terminal("work") as window:
        window.wait_for(READY)
        window.type("vim -n --clean -c 'set mouse=a' /etc/passwd\r")
        window.wait_for("root:")
        window.wait_until(lambda: 1049 in window.modes, "the full-screen program is there")
        window.type(b"\x1c")
        assert window.exit_code() == 0
        assert window.termios() == window.first_termios
        assert window.modes <= {7, 25}
        assert rows(window)[0].startswith(READY)
        assert rows(window)[-1] == "[detached from work: vim runs on; sesh work returns]"
    with terminal("work") as window:
        window.wait_for("root:")
        assert 1049 in window.modes


def test_a_paste_of_a_megabyte_reaches_a_raw_reader_whole(terminal: Open) -> None:
    paste = random.Random(1).randbytes(1_000_000).replace(b"\x1c", b"x").replace(b"\x1b", b"y")
    with terminal("work") as window:
        window.wait_for(READY)
        window.type(f"stty raw -echo; echo go; head -c {len(paste)} | sha256sum; stty sane\r")
        window.wait_for("go\n")
        window.type(paste, timeout=40)
        window.wait_for(hashlib.sha256(paste).hexdigest())


def test_a_long_output_comes_byte_for_byte(home: Home, terminal: Open) -> None:
    text = base64.encodebytes(random.Random(2).randbytes(1_000_000))
    home.write("text", text)
    with terminal("work") as window:
        window.wait_for(READY)
        window.type("stty -opost; echo BEGIN; cat text; echo END; stty sane\r")
        window.wait_until(lambda: b"\nEND\n" in window.raw[-2000:], "the end of the output", timeout=50)
        start = window.raw.index(b"BEGIN\n") + len(b"BEGIN\n")
        assert bytes(window.raw[start : start + len(text)]) == text


def test_a_program_that_does_not_read_keeps_nobody_from_leaving(terminal: Open) -> None:
    with terminal("work") as window:
        window.wait_for(READY)
        window.type("stty raw -echo; echo de${SHELL:+af}; exec sleep 1000\r")
        window.wait_for("deaf")
        window.type(b"x" * 2_000_000)

        def left() -> bool:
            """Press the key again: a detach key read together with a burst does not count."""
            if window.alive:
                window.type(b"\x1c")
            return not window.alive

        wait_until(left, "the client has left")
        assert window.exit_code() == 0


def test_r10_a_daemon_killed_is_one_line_and_a_terminal_as_before(home: Home, terminal: Open) -> None:
    with terminal("work") as window:
        window.wait_for(READY)
        window.type("printf '\\e[?1000h\\e[?1006h\\e[?25l'; exec sleep 1000\r")  # a bash that starts `sleep` may die
        window.wait_until(lambda: 1006 in window.modes, "the program takes the mouse")
        os.kill(home.summary("work")["daemon_pid"], signal.SIGKILL)
        assert window.exit_code() == 1
        assert window.termios() == window.first_termios
        assert not window.modes & {1000, 1006, 2004}
        assert rows(window)[-1] == "[work was lost: its daemon died; sesh work restarts it]"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGALRM, signal.SIGIO, signal.SIGABRT, signal.SIGRTMIN + 1])
def test_any_signal_that_ends_the_client_gives_the_terminal_back(terminal: Open, number: int) -> None:
    with terminal("work") as window:
        window.wait_for(READY)
        window.signal(number)
        assert window.exit_code() == 128 + number
        assert window.termios() == window.first_termios
        assert rows(window)[-1] == "[detached from work; sesh work returns]"


def test_r11_real_clients_that_are_killed_hung_up_or_detached_leave_nothing_behind(home: Home, terminal: Open) -> None:
    with terminal("work", columns=90, rows=20) as window:
        window.wait_for(READY)
        window.type("echo begun\r")
        window.wait_for("\nbegun")
        window.type(b"\x1c")
        assert window.exit_code() == 0
    daemon = home.summary("work")["daemon_pid"]
    before = len(os.listdir(f"/proc/{daemon}/fd"))
    for number in range(rounds(3, 1000)):
        with terminal("work", columns=90, rows=20) as window:
            window.wait_for("\nbegun")
            if number % 3 == 0:
                window.signal(signal.SIGKILL)
            elif number % 3 == 1:
                window.hang_up()
            else:
                window.type(b"\x1c")
                assert window.exit_code() == 0
        wait_until(lambda: home.summary("work")["attached"] == 0, "no terminal is attached to work")
    assert [home.summary("work")[key] for key in ("columns", "rows")] == [90, 20]
    wait_until(
        lambda: len(os.listdir(f"/proc/{daemon}/fd")) <= before, "the daemon has closed the client's descriptors"
    )


def test_keys_typed_while_the_client_leaves_do_not_reach_the_shell_outside(home: Home) -> None:
    home.sesh("open", "work")
    daemon = home.summary("work")["daemon_pid"]
    with home.terminal("work") as window, open(window.tty, "rb", buffering=0) as line:
        window.wait_for(READY)
        os.kill(daemon, signal.SIGSTOP)
        for typed in (b"\x1c", b"stray\r"):
            window.type(typed)
            window.wait_until(lambda: descriptors.unread(line.fileno()) == 0, "the client has read the keys")
        os.kill(daemon, signal.SIGCONT)
        assert window.exit_code() == 0


@pytest.mark.needs("vim")
def test_a_client_that_is_stopped_and_continued_shows_the_session_again(home: Home) -> None:
    command = shlex.join([*home.command, "work"])
    with Terminal(["bash", "--norc", "-i"], env=home.env, cwd=home.path) as window:
        window.wait_for(READY)
        window.type(f"{command}\n")
        window.wait_for(" work")
        window.wait_for(re.compile(f"^{READY}\\n*$"))
        window.type("vim -n --clean /etc/passwd\r")
        window.wait_for("root:")
        window.wait_until(lambda: 1049 in window.modes, "the full-screen program is there")
        client = home.summary("work")["clients"][0]["pid"]
        os.kill(client, signal.SIGTSTP)
        window.wait_for("Stopped")
        assert 1049 not in window.modes
        window.type("echo in the outer shell\n")
        window.wait_for("\nin the outer shell\n")
        window.type("fg\n")
        window.wait_for("root:")
        assert 1049 in window.modes
        window.type(":q\r")
        window.wait_until(lambda: 1049 not in window.modes, "the full-screen program is gone")
        window.type(b"\x1c")
        window.wait_for("[detached from work")
        window.wait_for(re.compile(f"detached from work.*\\n{READY}"))


def test_a_mode_that_only_some_terminals_have_is_set_again_and_undone_each_time(home: Home) -> None:
    home.sesh("open", "work", "--", "sh", "-c", "printf '\\033[?7727hready'; exec cat")
    wait_until(lambda: "ready" in home.sesh("screen", "work").stdout, "work shows 'ready'")
    for _ in range(2):
        window = home.terminal("work")
        window.wait_for_raw(b"\x1b[?7727h")
        window.type(b"\x1c")
        window.wait_for_raw(b"\x1b[?7727l")
        assert window.exit_code() == 0


@pytest.mark.needs_fork("the client stops between two system calls")
def test_a_size_that_changes_as_a_key_comes_reaches_the_program_first(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, resized = Poll.wait, list[int]()

    def halting(poll: Poll, until: float) -> dict[int, int]:
        if resized:
            os.kill(os.getpid(), signal.SIGSTOP)
        ready = wait(poll, until)
        if 0 in ready:  # after the poll, which does not report this signal
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 20, 70, 0, 0))
            resized.append(0)
        return ready

    terminal = home.terminal("work", columns=91, rows=17)
    terminal.wait_for(PROMPT)
    monkeypatch.setattr(Poll, "wait", halting)
    second = home.terminal("work", columns=91, rows=17)
    second.wait_for(PROMPT)
    second.type("stty size\r")
    assert home.sesh("wait", "work", "--for", "20 70", "--since-start", "--timeout", "30").code == 0
    second.signal(signal.SIGKILL)


def test_a_terminal_of_another_size_shows_a_full_screen_program_on_its_alternate_screen(terminal: Open) -> None:
    """The program's picture stayed behind on the terminal that left."""
    with terminal("work", columns=90, rows=20) as window:
        window.wait_for(READY)
        with terminal("-a", "-r", "work", columns=70, rows=12) as small:
            small.wait_for(READY)
            window.type("printf '\\033[?1049h''picture'; read go; printf '\\033[?1049l'\r")
            small.wait_for(re.compile("^picture", re.MULTILINE))
            assert READY not in small.text()
            window.type("\r")
            small.wait_for(READY)
            window.type("printf '\\033[?1049h''picture'; read go\r")
            small.wait_for(re.compile("^picture", re.MULTILINE))
            small.type(b"\x1c")
            assert small.exit_code() == 0
            assert "\npicture" not in f"\n{small.text()}"
