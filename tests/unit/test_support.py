"""The harness itself, with plain shells: what other tests stand on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess

import pytest

from tests.support import PROMPT, Glass, Home, Terminal, need, processes, wait_until, warm
from tests.support.order import dealt
from tests.support.race import Race


def shell(home: Home, columns: int = 80, rows: int = 24, answers: bool = False) -> Terminal:
    opened = home.terminal(command=["bash"], columns=columns, rows=rows, answers=answers)
    opened.wait_for(PROMPT)
    return opened


def test_a_home_is_private_and_knows_nothing_of_the_developer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    other = Home()
    try:
        assert os.stat(home.directory).st_mode & 0o777 == 0o700
        assert len(home.directory) < 50
        assert "XDG_RUNTIME_DIR" not in other.env
        assert other.path != home.path
    finally:
        other.close()
    assert not os.path.exists(other.root)


@pytest.mark.skipif(not warm.ABLE, reason="nothing is forked here")
def test_commands_are_forked_whatever_the_locale_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an account without one Python sets LC_CTYPE itself: each command was started anew, and the run took longer."""
    monkeypatch.setattr(warm, "_servers", {})
    for name in ("LC_CTYPE", "LC_TIME"):
        monkeypatch.setenv(name, "C.UTF-8")
    try:
        assert home.fits([*home.command, "--list"], home.environment())
    finally:
        warm.stop()


def test_each_worker_begins_with_its_part_of_what_takes_long() -> None:
    tests = [
        f"tests/{file}::{n}"
        for file, many in (("unit/remote/a", 40), ("remote/b", 6), ("faults/c", 3), ("terminal/d", 9))
        for n in range(many)
    ]
    order = dealt(tests, lambda test: test.partition("::")[0], 2)
    assert sorted(order) == sorted(tests)
    first, second = ([test.partition("::")[0] for test in part] for part in (order[:29], order[29:]))
    assert first == ["tests/remote/b"] * 6 + ["tests/unit/remote/a"] * 23
    assert second == ["tests/terminal/d"] * 9 + ["tests/faults/c"] * 3 + ["tests/unit/remote/a"] * 17
    assert dealt([], str, 3) == []
    assert dealt(["tests/remote/b::1", "tests/unit/a::1"], str, 3) == ["tests/remote/b::1", "tests/unit/a::1"]


def test_a_terminal_shows_what_its_program_prints(home: Home) -> None:
    terminal = shell(home)
    terminal.type("echo $((40 + 2))-$TERM\n")
    terminal.wait_for("42-xterm-256color")
    assert terminal.screen()[0] == f"{PROMPT} echo $((40 + 2))-$TERM"
    terminal.wait_until(lambda: terminal.cursor == (2, len(PROMPT) + 1), what="the next prompt")
    assert b"42-xterm-256color\r\n" in terminal.raw


def test_a_terminal_has_the_size_that_it_says_and_tells_of_a_change(home: Home) -> None:
    script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.01; done"
    terminal = home.terminal(command=["bash", "-c", script], columns=60, rows=10)
    terminal.wait_for("10 60")
    terminal.resize(100, 30)
    terminal.wait_for("30 100")


def test_an_exit_code_comes_with_all_that_was_printed(home: Home) -> None:
    terminal = home.terminal(command=["sh", "-c", "seq 1 5000; exit 7"])
    assert terminal.exit_code() == 7
    assert b"5000\r\n" in terminal.raw
    assert "1\n2\n3\n" in terminal.text()
    assert not terminal.alive


def test_an_exit_code_of_a_killed_program_is_negative(home: Home) -> None:
    terminal = shell(home)
    terminal.signal(signal.SIGKILL)
    assert terminal.exit_code() == -signal.SIGKILL


def test_a_program_that_is_not_there_is_127(home: Home) -> None:
    assert home.terminal(command=["/no/such/program"]).exit_code() == 127


def test_the_attributes_of_the_line_can_be_compared(home: Home) -> None:
    script = "read x; stty raw -echo; echo now; read x; stty sane; exec sleep 0"
    terminal = home.terminal(command=["sh", "-c", script])
    before = terminal.termios()
    terminal.type("\n")
    terminal.wait_for_raw(b"now")
    assert terminal.termios() != before
    terminal.type("\n")
    terminal.exit_code()
    assert terminal.termios()[3] == before[3]


def test_a_large_paste_passes_a_program_that_prints_as_much(home: Home) -> None:
    terminal = home.terminal(command=["sh", "-c", "stty raw -echo; echo ready; head -c 1000000 | tr a-z A-Z"])
    terminal.wait_for_raw(b"ready")
    terminal.type(b"x" * 1_000_000)
    terminal.exit_code()
    assert terminal.raw.count(b"X") == 1_000_000


def test_queries_are_answered_only_where_it_was_asked_for(home: Home) -> None:
    ask = ["bash", "-c", r"stty raw -echo; printf '\e[6n'; IFS= read -r -t 0.3 -d R reply; printf '%q' \"$reply\""]
    ask[2] = ask[2].replace('\\"', '"')
    silent = home.terminal(command=ask)
    silent.exit_code()
    assert b"''" in silent.raw
    speaking = home.terminal(command=ask, answers=True)
    speaking.exit_code()
    assert b"1;1" in speaking.raw


@pytest.mark.parametrize("session", ["0123456789012345", "0123456789abcdef"])
def test_a_file_with_an_id_of_decimal_digits_belongs_to_its_session(home: Home, session: str) -> None:
    """About one id in two thousand has no letter, and looks like the pid behind the name of an unfinished file."""
    name = home.write(".sesh/a.json", json.dumps({"id": session, "daemon_pid": 1 << 30}))
    files = [home.write(f".sesh/.{kind}.{session}", "") for kind in ("agent", "checkpoint", "scrollback0", "env")]
    assert Race(home, 0).loose() == ""
    unfinished = home.write(".sesh/.a.json.4321", "")
    assert Race(home, 0).loose() == os.path.basename(unfinished)
    os.unlink(unfinished)
    os.unlink(name)
    assert set(Race(home, 0).loose().split()) == {os.path.basename(path) for path in files}


def test_closing_the_window_hangs_up(home: Home) -> None:
    terminal = home.terminal(
        command=["sh", "-c", "trap 'echo gone > gone; exit' HUP; echo ready; read x; while :; do sleep 0.02; done"]
    )
    terminal.wait_for("ready")
    terminal.hang_up()
    wait_until(lambda: os.path.exists(os.path.join(home.path, "gone")))
    wait_until(lambda: not terminal.alive)


def test_waiting_in_vain_shows_the_screen(home: Home) -> None:
    terminal = shell(home)
    with pytest.raises(AssertionError, match=re.escape(f"|{PROMPT}")):
        terminal.wait_for("never", timeout=0.1)


def test_what_runs_in_a_home_is_found_and_ends_with_it(home: Home) -> None:
    other = Home()
    other.strict = False
    daemon = subprocess.Popen(["sleep", "1000"], env=other.env, start_new_session=True)
    try:
        wait_until(lambda: other.processes() == [daemon.pid])
    finally:
        processes.kill([daemon.pid])
        daemon.wait()
        other.close()


def test_what_outlives_a_home_is_named_and_killed(home: Home) -> None:
    other = Home()
    other.command, other.patience = ["true"], 0.1
    orphan = subprocess.Popen(["sleep", "1000"], env=other.env, start_new_session=True)
    wait_until(other.processes)
    with pytest.raises(AssertionError, match="sleep 1000"):
        other.close()
    assert orphan.wait(10) == -signal.SIGKILL


def test_a_tool_that_is_missing_is_skipped_by_name_but_fails_where_nothing_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool"):
        need("no-such-tool")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool"):
        need("no-such-tool")


class TestGlass:
    """The emulator that judges."""

    def show(self, data: bytes, columns: int = 10, rows: int = 3) -> Glass:
        glass = Glass(columns, rows)
        glass.feed(data)
        return glass

    def test_chunks_of_any_size_give_the_same_screen(self) -> None:
        data = "a\x1b[31mß漢\x1b[0m\x1b]2;title\x1b\\\x1bP$q\x1b\\x\x1b[2;3Hy\x1b[>4;2mz\x1b[1".encode()
        whole, pieces = self.show(data), Glass(10, 3)
        for number in data:
            pieces.feed(bytes([number]))
        assert pieces.rows() == whole.rows() == ["aß漢x", "  yz", ""]
        assert pieces.title == whole.title == "title"

    def test_lines_leave_into_the_scrollback_and_come_back_as_text(self) -> None:
        glass = self.show(b"1\r\n2\r\n3\r\n4\r\n5")
        assert (glass.scrollback, glass.rows()) == (["1", "2"], ["3", "4", "5"])
        glass.feed(b"\x1b[2J")
        assert glass.text() == "1\n2"
        glass.feed(b"\x1b[3J")
        assert glass.text() == ""

    def test_the_alternate_screen_hides_the_main_one(self) -> None:
        glass = self.show(b"main\x1b[?1049h\x1b[Halt\r\n\n\n\n")
        assert glass.alternate
        assert "main" not in glass.text()
        glass.feed(b"\x1b[?1049l")
        assert (glass.rows(), glass.cursor.x, 1049 in glass.modes) == (["main", "", ""], 4, False)

    def test_a_scroll_region_keeps_the_rows_around_it(self) -> None:
        glass = self.show(b"a\r\nb\r\nc\x1b[1;2r\x1b[2;1H\n\x1b[3;1H\nx")
        assert glass.rows() == ["b", "", "x"]
        assert self.show(b"a\r\nb\r\nc\x1b[S").rows() == ["b", "c", ""]

    def test_a_smaller_window_pushes_rows_out_at_the_top(self) -> None:
        glass = self.show(b"1\r\n2\r\n3")
        glass.resize(2, 5)
        assert (glass.scrollback, glass.rows(), glass.cursor.y) == (["1"], ["2", "3"], 1)

    @pytest.mark.parametrize("data", [b"\x18", b"\x1b\\", b"\x1b[12\x18", b"\x1b]0;x\x18", b"\x1b[<u", b"\x1b(B\x0f"])
    def test_what_draws_nothing_draws_nothing(self, data: bytes) -> None:
        assert self.show(data + b"ok").rows()[0] == "ok"
