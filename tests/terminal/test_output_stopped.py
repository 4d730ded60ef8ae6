"""Stopped output (Ctrl-S) is detected from the kernel, reported, and harms no `run`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support import PROMPT, Home, need, wait_until


def stopped(home: Home) -> bool:
    """Tell whether session `t` is reported to have its output stopped."""
    return bool(home.summary("t")["activity"]["why"] == "xoff")


def code_of(home: Home, *words: str) -> str:
    """Return the error code of a run in `t`, or an empty string for success."""
    answer = home.sesh("run", "t", "--json", "--timeout", "15", "--", *words).json()
    return str(answer["error"]["code"]) if "error" in answer else ""


def runs_at_once(home: Home) -> None:
    """Check that a run works at once, and prints no error about a file."""
    done = home.sesh("run", "t", "--timeout", "15", "--", "echo", "fine")
    assert (done.code, done.stdout, done.stderr) == (0, "fine\n", "")
    assert "No such file" not in home.sesh("logs", "t").stdout


def test_ctrl_s_is_said_by_all_who_look_after_a_reload_too_and_ctrl_q_ends_it(home: Home) -> None:
    person = home.terminal("t", "--", "bash", "--norc")
    person.wait_for(PROMPT)
    person.type(b"\x13")
    wait_until(lambda: stopped(home), "the output is stopped")
    for words in (("status", "t"), ("list",)):
        assert "Ctrl-S" in home.sesh(*words).stdout
    assert "C-q" in home.sesh("run", "t", "--", "echo", "no").stderr
    assert code_of(home, "echo", "no") == "busy"
    assert home.sesh("send", "t", "no", "--question", ".").code == 1
    assert home.sesh("wait", "t", "--prompt", "--timeout", "0.5").code == 124
    assert home.sesh("reload", "t").code == 0
    assert (stopped(home), code_of(home, "true")) == (True, "busy")
    home.sesh("send", "t", "--key", "C-q")
    assert home.sesh("wait", "t", "--prompt", "--timeout", "15").code == 0
    wait_until(lambda: not stopped(home), "the output goes on")
    runs_at_once(home)


def test_any_key_lets_it_go_on_after_ixany_and_without_ixon_nothing_is_stopped(home: Home) -> None:
    home.sesh("open", "t", "--", "bash", "--norc")
    assert home.sesh("run", "t", "--", "stty", "ixany").code == 0
    home.sesh("send", "t", "--key", "C-s")
    wait_until(lambda: stopped(home), "the output is stopped")
    home.sesh("send", "t", "--enter")
    wait_until(lambda: not stopped(home), "the output goes on")
    for line in (need("fish"), "bash -c 'stty -ixon; exec bash --norc'"):  # fish clears ixon by itself
        before = home.summary("t")["foreground"]["pid"]
        home.sesh("send", "t", line, "--enter")
        wait_until(lambda: home.summary("t")["foreground"]["pid"] != before, "the other shell")  # noqa: B023
        wait_until(
            lambda: home.summary("t")["activity"]["why"] == "prompt", "t is at its prompt"
        )  # it has set its modes
        # A Ctrl-C before fish has its key bindings leaves fish without any; bracketed paste comes after them.
        wait_until(lambda: home.summary("t")["modes"]["bracketed_paste"], "fish has its key bindings")
        home.sesh("send", "t", "--key", "C-s")
        home.sesh("send", "t", "--key", "C-c")  # Ctrl-S may have begun a search
        assert home.sesh("wait", "t", "--prompt", "--timeout", "15").code == 0
        assert code_of(home, "true") == ""


def test_who_waits_for_a_command_hears_that_its_output_is_stopped_and_gets_all_of_it(home: Home) -> None:
    home.sesh("open", "t")
    os.mkfifo(f"{home.path}/go")
    waiting = home.terminal("run", "t", "--", "cat go; seq 3; sh -c 'exit 4'")
    wait_until(lambda: "cat" in home.summary("t")["foreground"]["command"], "cat is in the foreground")
    home.sesh("send", "t", "--key", "C-s")
    home.write("go", "")
    waiting.wait_for("Ctrl-S")
    home.sesh("send", "t", "--key", "C-q")
    assert waiting.exit_code() == 4
    assert home.sesh("history", "t", "1").stdout.endswith("1\n2\n3\n")


def test_a_line_that_is_read_once_the_output_goes_on_does_nothing_and_prints_no_error(home: Home) -> None:
    """The line of a timed-out run must not print an error about a removed file."""
    home.sesh("open", "t", "--", "bash", "--norc")
    assert home.sesh("run", "t", "--", "true").code == 0
    pid = home.summary("t")["pid"]
    os.kill(pid, signal.SIGSTOP)
    process = home.start("run", "t", "--timeout", "1", "--", "touch ~/ran")
    wait_until(lambda: list(Path(home.directory).glob("*.sesh-run")), "the command's file is written")
    home.sesh("send", "t", "--key", "C-s")
    process.communicate(timeout=30)
    assert process.returncode == 124
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: stopped(home), "the output is stopped")
    home.sesh("send", "t", "--key", "C-q")
    assert home.sesh("wait", "t", "--prompt", "--timeout", "15").code == 0
    runs_at_once(home)
    assert not os.path.exists(f"{home.path}/ran")
