"""The client in a real terminal, opposite a daemon that does what the test wants."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from collections.abc import Iterator

import pytest

from sesh import protocol
from sesh.client.unacknowledged_input import WINDOW
from sesh.messages import Hello
from tests.support import Home, Terminal, processes, rounds, wait_until
from tests.support.typed import differences
from tests.unit.client.fake_daemon import FAREWELL, FakeDaemon, Peer, client, command

FRESH = b"\x1b[24;1H" + b"\n" * 24 + b"\x1b[H"
PROMPT = FRESH + b"$ "


@pytest.fixture
def daemon(home: Home) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(home)
    yield fake
    fake.close()


def lines(terminal: Terminal) -> list[str]:
    """What stands on the screen, without empty rows."""
    return [row for row in terminal.screen() if row]


# -- arriving


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


def test_nothing_is_printed_before_the_screen_and_the_screen_comes_unchanged(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        wait_until(lambda: not terminal.termios()[3] & 2)
        everything = bytes(range(256))
        peer.welcome(everything)
        peer.output(0, everything)
        terminal.wait_until(lambda: len(terminal.raw) >= 512)
        assert bytes(terminal.raw) == everything * 2


def test_keys_typed_ahead_reach_the_session(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        terminal.type(b"ls\r")
        peer = daemon.accept()
        peer.welcome(PROMPT)
        assert peer.keys(3).replace(b"\n", b"\r") == b"ls\r"


def test_a_refusal_is_raised_and_the_terminal_untouched(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.tell(protocol.RESPONSE, id=0, error={"code": "refused", "message": "not now", "exit": 1})
        assert terminal.exit_code() == 1
        assert terminal.termios() == before
        assert lines(terminal) == ["error: not now"]


def test_another_protocol_is_one_line(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        daemon.accept().welcome(protocol=99)
        assert terminal.exit_code() == 1
        assert "incompatible" in terminal.text()


def test_a_daemon_that_does_not_welcome_can_be_left(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        daemon.accept()
        terminal.type(b"\x1c")
        assert terminal.exit_code() == FAREWELL
        assert lines(terminal)[0] == "[detached from work before its daemon answered]"


@pytest.mark.parametrize("redirection", ["</dev/null", ">/dev/null", "</dev/null >/dev/null"])
def test_without_a_terminal_attaching_is_refused(home: Home, daemon: FakeDaemon, redirection: str) -> None:
    with Terminal(["sh", "-c", f'"$0" "$@" {redirection}', *command("work")], env=home.env) as terminal:
        assert terminal.exit_code() == 1


def test_the_hello_of_a_client_is_what_its_type_says(home: Home, daemon: FakeDaemon) -> None:
    with client(home, "host=box"):
        hello = daemon.accept().hello
        assert {"protocol", "version", "role", "pid"} <= hello.keys()
        wishes = {key: each for key, each in hello.items() if key not in ("protocol", "version", "role", "pid")}
        assert list(differences(wishes, Hello)) == []


# -- leaving


def test_the_detach_key_leaves_and_gives_the_terminal_back(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT + b"\x1b[?2004h\x1b[?1000;1006h\x1b[>1u\x1b[?25l\x1b=")
        terminal.wait_for("$")
        assert terminal.termios() != before
        terminal.type(b"echo\x1c")
        assert peer.keys(4) == b"echo"
        peer.expect(protocol.DETACH)
        peer.tell(protocol.DETACH, reason="detached", rows_below=3, queries=False)
        assert terminal.exit_code() == FAREWELL
        assert terminal.termios() == before
        assert not terminal.modes & {2004, 1000, 1006}
        assert terminal.screen()[:6] == [
            "$",
            "",
            "",
            "",
            "[detached from work]",
            "outcome: detached work None None detached",
        ]
        assert b"\x1b[<1u" in terminal.raw
        assert b"\x1b>" in terminal.raw
        assert b"\x1bc" not in terminal.raw
        assert b"\x1b[?1049l" not in terminal.raw


def test_a_daemon_that_hangs_is_left_at_once(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        began = time.monotonic()
        terminal.type(b"\x1c")
        assert terminal.exit_code() == FAREWELL
        assert time.monotonic() - began < 5
        assert "[detached from work]" in lines(terminal)


def test_answers_to_open_queries_are_not_left_for_the_shell(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.type(b"\x1c")
        peer.expect(protocol.DETACH)
        peer.tell(protocol.DETACH, reason="detached", rows_below=0, queries=True)
        terminal.type(b"\x1b[?62;22c")
        assert terminal.exit_code() == FAREWELL
        assert "62" not in terminal.text()


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ({"code": 3, "signal": None, "reason": "exited"}, "[work ended: 3]"),
        ({"code": None, "signal": 9, "reason": "exited"}, "[work ended by SIGKILL]"),
        ({"code": None, "signal": 1, "reason": "killed"}, "[work ended by --kill]"),
        ({"code": None, "signal": 1, "reason": "terminated"}, "[work was ended by SIGTERM to its daemon]"),
        ({"code": 0, "signal": None, "name": "renamed"}, "[renamed ended: 0]"),
    ],
)
def test_the_programs_end_is_one_line(home: Home, daemon: FakeDaemon, end: dict[str, object], line: str) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.output(0, b"exit\r\n")
        peer.tell(protocol.EXIT, **end)
        assert terminal.exit_code() == FAREWELL
        assert terminal.termios() == before
        assert terminal.screen()[:2] == ["$ exit", line]


def test_being_replaced_says_so(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.DETACH, reason="replaced", rows_below=0, queries=False)
        assert terminal.exit_code() == FAREWELL
        assert lines(terminal)[1] == "[detached from work: replaced by another client]"


@pytest.mark.parametrize("end", [b"", b"\x1b[?2004l\r", b"\x1b[?2004l\r\x1b[?2004h"])
def test_leaving_below_a_line_that_was_taken_in_adds_no_blank_row(home: Home, daemon: FakeDaemon, end: bytes) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT + b"sesh play\r\n" + end)
        terminal.wait_for("$ sesh play")
        peer.tell(protocol.DETACH, reason="replaced", rows_below=0, queries=False)
        assert terminal.exit_code() == FAREWELL
        assert terminal.screen()[:2] == ["$ sesh play", "[detached from work: replaced by another client]"]


def test_a_daemon_that_dies_leaves_a_tidy_terminal(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT + b"\x1b[?1049h\x1b[?1000h\x1b[Hfull screen\x1b]2;half a ti")
        terminal.wait_for("full screen")
        peer.connection.close()
        assert terminal.exit_code() == FAREWELL
        assert terminal.termios() == before
        assert lines(terminal) == [
            "$",
            "[work was lost: its daemon died; sesh work restarts it]",
            "outcome: lost work None None",
        ]
        assert not terminal.modes & {1049, 1000}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_r12_a_signal_gives_the_terminal_back(home: Home, daemon: FakeDaemon, number: int) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT + b"\x1b[?1049h\x1b[?2004h")
        terminal.wait_until(lambda: 2004 in terminal.modes)
        terminal.signal(number)
        assert terminal.exit_code() == 128 + number
        assert terminal.termios() == before
        assert not terminal.modes & {1049, 2004}
        assert peer.gone()


def test_r13_a_window_that_closes_ends_the_client_alone(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.hang_up()
        wait_until(lambda: not terminal.alive)
        assert peer.gone()


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


def test_r12_stopping_gives_the_terminal_back_for_the_while(home: Home, daemon: FakeDaemon) -> None:
    """In a shell with job control, since a process group without one above it cannot be stopped by SIGTSTP."""
    home.write("client.sh", f"exec {shlex.join(command('work'))}\n")
    env = home.env
    with Terminal(["bash", "--norc", "-i"], env=env, cwd=home.path) as terminal:
        terminal.wait_for("ready>")
        terminal.type(b"sh client.sh\n")
        peer = daemon.accept()
        pid = peer.hello["pid"]
        peer.welcome(PROMPT + b"\x1b[?1049h\x1b[?2004hfull screen")
        terminal.wait_for("full screen")
        os.kill(pid, signal.SIGTSTP)
        terminal.wait_for(re.compile("Stopped.*\nready>"))
        assert _state(pid) == "T"
        assert 1049 not in terminal.modes
        terminal.type(b"stty -a; fg\n")
        peer.expect(protocol.RESIZE)
        peer.expect(protocol.REDRAW)
        terminal.wait_for_raw(re.compile(rb"[^-]icanon.*[^-]echo ", re.DOTALL))
        terminal.wait_until(lambda: 1049 in terminal.modes)
        peer.send(protocol.SCREEN, bytes(8) + b"\x1b[2J\x1b[H\x1b[?2004hdrawn again")
        terminal.wait_for("drawn again")
        terminal.type(b"x")
        assert peer.keys(1) == b"x"
        terminal.type(b"\x1c")
        terminal.wait_for(re.compile("detached from work.*\n.*\nready>"))
        assert 1049 not in terminal.modes


def test_a_signal_that_comes_while_it_is_stopped_ends_the_client(home: Home, daemon: FakeDaemon) -> None:
    home.write("client.sh", f"exec {shlex.join(command('work'))}\n")
    with Terminal(["bash", "--norc", "-i"], env=home.env, cwd=home.path) as terminal:
        terminal.wait_for("ready>")
        terminal.type(b"sh client.sh\n")
        peer = daemon.accept()
        pid = peer.hello["pid"]
        peer.welcome(PROMPT + b"full screen")
        terminal.wait_for("full screen")
        os.kill(pid, signal.SIGTSTP)
        terminal.wait_for(re.compile("Stopped.*\nready>"))
        os.kill(pid, signal.SIGTERM)
        terminal.type(b"fg; echo code=$?\n")
        terminal.wait_for("code=143")


def test_being_continued_after_an_unseen_stop_draws_anew(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.signal(signal.SIGSTOP)
        wait_until(lambda: _state(terminal.pid) == "T")
        terminal.signal(signal.SIGCONT)
        peer.expect(protocol.RESIZE)
        peer.expect(protocol.REDRAW)


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


# -- attached


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
from sesh.client import attachment
attachment.FLUSH_DELAY = 0.3
wire.Connection.broken = lambda *_: True
attach = functools.partial(attach, reconnect=lambda _: wire.connect("work"))
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


def test_one_who_only_watches_sends_no_keys_and_can_leave(home: Home, daemon: FakeDaemon) -> None:
    with client(home, "read_only=yes") as terminal:
        peer = daemon.accept()
        assert peer.hello["read_only"] is True
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.type(b"rm -rf\r")
        peer.hold()
        terminal.type(b"\x1c")
        peer.expect(protocol.DETACH)


def test_the_environment_names_the_detach_key(home: Home, daemon: FakeDaemon) -> None:
    with client(home, env={"SESH_DETACH_KEY": "C-b d"}) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.type(b"\x1c")
        assert peer.keys(1) == b"\x1c"
        terminal.type(b"\x02")
        assert peer.silent()
        terminal.type(b"d")
        peer.expect(protocol.DETACH)


def test_a_paste_of_ten_megabytes_arrives_byte_for_byte(home: Home, daemon: FakeDaemon) -> None:
    paste = b"\x1b[200~" + os.urandom(10_000_000).replace(b"\x1b", b"e") + b"\x1b[201~"
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        got = bytearray()
        for start in range(0, len(paste), 1 << 16):
            piece = paste[start : start + (1 << 16)]
            terminal.type(piece)
            got += peer.keys(len(piece)) if len(got) < len(paste) - (1 << 18) else b""
        got += peer.keys(len(paste) - len(got))
        assert got == paste


def test_a_program_that_does_not_read_holds_up_keys_but_not_the_detach_key(home: Home, daemon: FakeDaemon) -> None:
    """Without acknowledgements the client sends 256 KiB, keeps what follows, and still sees Ctrl-\\."""
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        for _ in range(8):
            terminal.type(b"x" * (1 << 16))
        size = 0
        while size < 256 << 10:
            size += len(peer.expect(protocol.INPUT)) - 8
        assert size == 256 << 10
        assert peer.silent()
        terminal.type(b"\x1c")
        peer.expect(protocol.DETACH)
        assert terminal.exit_code() == FAREWELL


def test_the_terminal_is_not_read_once_much_was_typed_ahead(home: Home, daemon: FakeDaemon) -> None:
    limit = "from sesh.client import unacknowledged_input; unacknowledged_input.LIMIT = 1 << 16"
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


def test_many_megabytes_of_output_arrive_byte_for_byte(home: Home, daemon: FakeDaemon) -> None:
    block = b"".join(b"\x1b[%dm%06d\x1b[0m\r\n" % (30 + n % 8, n) for n in range(14000))[: 1 << 18]
    whole, position = rounds(80, 400), 0
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(b"!")
        terminal.wait_for_raw(b"!")
        terminal.raw.clear()
        peer.connection.setblocking(False)
        unsent = memoryview(b"")
        received = 0
        deadline = time.monotonic() + 50
        while received < whole * len(block) and time.monotonic() < deadline:
            if not unsent and position < whole * len(block):
                unsent = memoryview(protocol.numbered(protocol.OUTPUT, position, block))
                position += len(block)
            try:
                unsent = unsent[peer.connection.send(unsent) :] if unsent else unsent
            except BlockingIOError:
                pass
            terminal.pump(0.01)
            if len(terminal.raw) >= 8 * len(block):
                taken = bytes(terminal.raw[: 8 * len(block)])
                assert taken == block * 8
                del terminal.raw[: 8 * len(block)]
                received += len(taken)
        assert received == whole * len(block)


def test_a_terminal_that_does_not_read_can_be_left(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        before = terminal.first_termios
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        peer.connection.settimeout(0.5)
        assert _stuffed(peer) < 64  # blocks of 64 KiB: the client's buffer is bounded
        os.write(terminal._master, b"\x1c")
        wait_until(lambda: terminal.termios() == before, timeout=3)
        assert terminal.exit_code() == FAREWELL


def _stuffed(peer: Peer) -> int:
    """How many blocks of output go in before the client takes no more."""
    for number in range(1000):
        try:
            peer.output(number << 16, b"y" * (1 << 16))
        except TimeoutError:
            return number
    return 1000


def test_r13_an_idle_client_does_nothing(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        wait_until(lambda: all(processes.rested([terminal.pid]) for _ in range(6)), what="0.3 s of sleep")


# -- the title of the window


@pytest.mark.parametrize("part", [b"\x1b[3", b"\x1b]52;c;", b"\xe2\x94", b"\xf0", b"\x1bPq" + b"~" * 20000])
def test_a_title_waits_until_neither_a_sequence_nor_a_character_is_unfinished(
    home: Home, daemon: FakeDaemon, part: bytes
) -> None:
    with client(home, "title=yes") as terminal:
        peer = daemon.accept()
        assert peer.hello["title"] is True
        peer.welcome(PROMPT)
        terminal.wait_for_raw(b"\x1b]2;work\x1b\\")
        peer.output(0, part)
        peer.tell(protocol.TITLE, name="work", text="vim\x1b[2J")
        peer.send(protocol.PING)
        peer.expect(protocol.PONG)
        terminal.wait_until(lambda: len(part) <= len(terminal.raw) - bytes(terminal.raw).rfind(part[:1]))
        wait_until(lambda: processes.rested([terminal.pid]))
        terminal.pump()
        at = len(terminal.raw)
        assert bytes(terminal.raw).endswith(part)
        peer.output(len(part), b"\x1b\\")
        terminal.wait_for_raw("\x1b]2;work — vim[2J\x1b\\".encode(), start=at)
        assert bytes(terminal.raw)[at:].startswith(b"\x1b\\\x1b]2;")


def test_a_title_that_the_programs_pop_brought_back_gives_way_to_sesh_s(home: Home, daemon: FakeDaemon) -> None:
    with client(home, "title=yes") as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for_raw(b"\x1b[22;0t\x1b]2;work\x1b\\")
        at = len(terminal.raw)
        peer.output(0, b"\x1b[23;0tx")
        terminal.wait_for_raw(b"x\x1b[22;0t\x1b]2;work\x1b\\", start=at)


# -- notices


def test_the_last_byte_of_a_link_s_output_is_shown_in_any_charset(home: Home, daemon: FakeDaemon) -> None:
    r"""`printf 'caf\xe9'` showed `caf` until more came."""
    with client(home, "host=box") as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        start = len(terminal.raw)
        peer.output(0, b"caf\xe9")
        while (frame := peer.next())[0] != protocol.PING:
            assert frame[0] == protocol.GOT
        peer.send(protocol.PONG, frame[1])
        terminal.wait_for_raw(b"caf\xe9", start=start)
        peer.output(4, b"jos\xe9")
        peer.tell(protocol.EXIT, code=0)
        assert terminal.exit_code() == FAREWELL
        assert b"jos\xe9" in terminal.raw


def test_a_notice_lies_over_the_last_row_until_a_key_is_pressed(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        peer.tell(protocol.NOTICE, text="lunch \x1b[2J is ready", hold=True)
        terminal.wait_for("lunch [2J is ready")
        assert terminal.screen()[23] == " lunch [2J is ready"
        assert terminal.cursor == (0, 2)
        terminal.type(b"x")
        assert peer.keys(1) == b"x"
        peer.expect(protocol.REDRAW)


def test_a_notice_passes_by_itself(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.NOTICE, text="x" * 500, hold=True)
        peer.expect(protocol.REDRAW, timeout=5)
        assert terminal.screen()[22] == ""


def test_who_only_watches_asks_the_daemon_to_send_nothing_below_the_line(home: Home, daemon: FakeDaemon) -> None:
    with client(home, "read_only=yes") as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        terminal.wait_for("$")
        terminal.type(b"x")
        text = protocol.parse(peer.expect(protocol.NOTICE))["text"]
        peer.output(0, b"what is on its way\r\n")
        peer.tell(protocol.NOTICE, text=text, hold=True)
        terminal.wait_for("read-only: keys are not passed on")
        assert lines(terminal) == ["$ what is on its way", " read-only: keys are not passed on; Ctrl-\\ leaves"]


def test_the_row_below_a_line_is_there_again_where_the_daemon_dies(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.output(0, b"\x1b[m" + b"".join(b"row-%d\r\n" % number for number in range(60)) + b"the last")
        peer.tell(protocol.NOTICE, text="lunch is ready", hold=True)
        terminal.wait_for("lunch is ready")
        peer.connection.close()
        assert terminal.exit_code() == FAREWELL
        text = terminal.text()
        assert "lunch" not in text
        assert "row-59\nthe last\n" in text


def test_what_was_missed_is_a_line_of_its_own_before_the_screen(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome()
        peer.tell(protocol.NOTICE, text="away 3h", hold=False)
        peer.send(protocol.SCREEN, bytes(8) + PROMPT)
        terminal.wait_for("$")
        assert "[away 3h]" in terminal.text()


# -- switching


def test_a_switch_shows_the_other_session_and_comes_back_to_where_it_was(home: Home, daemon: FakeDaemon) -> None:
    other = FakeDaemon(home, "other")
    with client(home) as terminal:
        before = terminal.first_termios
        first = daemon.accept()
        first.welcome(PROMPT + b"\x1b[?2004h", position=10, id="one")
        first.output(10, b"sesh other\r\n")
        first.tell(protocol.SWITCH, name="other", host=None)
        second = other.accept()
        assert second.hello["seen"] == {}
        assert second.hello["client"] != first.hello["client"]
        second.welcome(FRESH + b"% ", name="other")
        assert first.gone()
        terminal.wait_until(lambda: lines(terminal) == ["%"])
        assert 2004 not in terminal.modes
        assert "detached" not in terminal.text()
        second.tell(protocol.SWITCH, name="work", host=None)
        third = daemon.accept()
        assert third.hello["seen"]["one"] == 22
        third.welcome(PROMPT, id="one")
        third.tell(protocol.EXIT, code=0, signal=None, name="work")
        assert terminal.exit_code() == FAREWELL
        assert terminal.termios() == before
        assert lines(terminal)[-2:] == ["[work ended: 0]", "outcome: ended work 0 None"]
    other.close()


def test_a_switch_that_fails_says_why_and_stays(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.SWITCH, name="nowhere", host=None)
        peer.hold()
        terminal.wait_for("nowhere")
        terminal.type(b"x")
        assert peer.keys(1) == b"x"
        peer.expect(protocol.REDRAW)
        peer.output(0, b"still here")
        terminal.wait_for("$ still here")


def test_a_switch_that_is_refused_says_why_and_stays(home: Home, daemon: FakeDaemon) -> None:
    other = FakeDaemon(home, "other")
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.SWITCH, name="other", host=None)
        other.accept().tell(protocol.RESPONSE, id=0, error={"code": "refused", "what": "not today", "exit": 1})
        peer.hold()
        terminal.wait_for("not today")
        peer.output(0, b"still here")
        terminal.wait_for("$ still here")
    other.close()


def test_a_host_may_ask_before_the_switch_on_a_terminal_that_is_as_it_was(home: Home, daemon: FakeDaemon) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT + b"\x1b[?2004h")
        peer.tell(protocol.SWITCH, name="nowhere", host="gpu")
        terminal.wait_for_raw(b"\x1b[?2004l")
        terminal.wait_for_raw(b"password for gpu\r\n")
        peer.expect(protocol.RESIZE)
        peer.expect(protocol.REDRAW)
        peer.send(protocol.SCREEN, bytes(8) + b"\x1b[H\x1b[K$ ")
        peer.hold()
        terminal.wait_for("nowhere")
        terminal.type(b"x")
        assert peer.keys(1) == b"x"


@pytest.mark.parametrize(("name", "host"), [("../x", None), ("ok", "-oProxyCommand=x"), ("work", None)])
def test_a_switch_to_what_is_no_session_is_ignored(home: Home, daemon: FakeDaemon, name: str, host: str | None) -> None:
    with client(home) as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.SWITCH, name=name, host=host)
        peer.output(0, b"still here")
        terminal.wait_for("$ still here")


def test_a_daemon_elsewhere_may_not_send_the_client_to_another_host(home: Home, daemon: FakeDaemon) -> None:
    with client(home, "host=gpu") as terminal:
        peer = daemon.accept()
        peer.welcome(PROMPT)
        peer.tell(protocol.SWITCH, name="other", host="elsewhere")
        peer.output(0, b"still here")
        terminal.wait_for("$ still here")
