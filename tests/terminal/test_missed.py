"""Events while nobody was attached: shown in one line upon attaching, and passed to hooks."""

from __future__ import annotations

import json
import os
import signal

import pytest

from sesh.daemon.clients.events import MAX_TEXT, Missed
from sesh.system.clock import STEADY
from tests.support import PROMPT, Home, Sesh, Terminal, wait_until


def events(sesh: Sesh, name: str, kind: str) -> int:
    """Return how many events of a kind a session has had so far."""
    found = sesh("events", name, "--from", "0", "--json", timeout=20)
    return sum(json.loads(line)["event"] == kind for line in found.stdout.splitlines())


def left(home: Home, name: str = "work") -> None:
    """Attach to a new session, and detach."""
    terminal = home.terminal(name)
    terminal.wait_for(PROMPT)
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0


def rung(sesh: Sesh, name: str, source: str) -> None:
    """Have the shell run this source, and wait for its prompt."""
    sesh("send", name, source, "--enter")
    assert sesh("wait", name, "--prompt", "--timeout", "30").code == 0


def last_row(terminal: Terminal) -> str:
    return terminal.screen()[-1]


def test_who_comes_back_is_told_in_one_line_what_rang_and_what_was_said(sesh: Sesh, home: Home) -> None:
    left(home)
    rung(sesh, "work", r"printf 'a\ab\a\033]9;build done\007\n'; seq 40")
    assert sesh("run", "work", "--", "false").code == 1
    terminal = home.terminal("work")
    terminal.wait_for("away ")
    wait_until(lambda: "build done" in last_row(terminal), "the last row shows the notification")
    assert "lines, 1 command (1 failed), 2 bells; build done" in last_row(terminal)
    terminal.type("echo typed $((40+2))\r")
    terminal.wait_for("typed 42")
    wait_until(lambda: "away" not in "\n".join(terminal.screen()), "the line on the absence is gone")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    rung(sesh, "work", "seq 3; echo end")
    again = home.terminal("work")
    again.wait_for("\nend\n")
    again.type("echo again $((1+1))\r")
    again.wait_for("again 2")
    assert b"away" not in again.raw, "output alone is no news"


@pytest.mark.soak
def test_the_line_goes_by_itself_and_gives_the_prompt_back(sesh: Sesh, home: Home) -> None:
    """On a full screen the line must not cover the prompt until a key comes."""
    left(home)
    rung(sesh, "work", r"seq 50; printf 'a\ab\n'")
    terminal = home.terminal("work")
    terminal.wait_for_raw(b"away a moment: ")
    assert terminal.cursor[0] == 23
    terminal.wait_until(lambda: last_row(terminal).startswith(PROMPT.strip()), "the prompt again")
    assert "away" not in terminal.text()
    rows = terminal.screen()
    assert "49" in rows
    terminal.type("echo here\r")
    terminal.wait_for("\nhere")


def test_a_command_is_news_and_an_absence_has_its_length_from_a_minute_on() -> None:
    for seconds, told, words in ((59, False, "a moment"), (61, True, "1m"), (7201, True, "2h")):
        missed = Missed()
        missed.note({"event": "command_ended", "exit_code": 0})
        missed.left_at = STEADY.now() - seconds
        assert missed.any is told
        missed.note({"event": "bell"})
        assert missed.any
        assert missed.line(3) == f"away {words}: 3 lines, 1 command, 1 bell"


def test_the_line_is_bounded_and_holds_nothing_that_a_terminal_acts_upon() -> None:
    missed = Missed()
    for _ in range(1000):
        missed.note({"event": "bell"})
    missed.note({"event": "notification", "text": "\x1b]0;x\x07" + "y" * 5000})
    line = missed.line(12345)
    assert line.isprintable()
    assert "12,345 lines, 1,000 bells; ]0;xyyy" in line
    assert len(line) < MAX_TEXT + 100


def logged(home: Home) -> list[str]:
    path = os.path.join(home.path, "log")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def test_a_notification_reaches_the_hook_as_a_variable_and_not_as_source(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", """hook = 'echo "$SESH_EVENT|$SESH_QUESTION" >>"$HOME/log"'""")
    sesh("open", "work")
    rung(sesh, "work", r"printf '\a\033]777;notify;Tests;$(touch ~/owned); all green\007\n'")
    wait_until(lambda: logged(home), "the hook has run")
    assert logged(home) == ["waiting|Tests: $(touch ~/owned); all green"]
    assert not os.path.exists(os.path.join(home.path, "owned"))


def test_a_hook_that_hangs_and_a_flood_of_bells_hold_nobody_up(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "hook = 'echo $$ >> \"$HOME/log\"; exec sleep 50'\n")
    sesh("open", "work")
    rung(sesh, "work", r"for i in $(seq 300); do printf '\a'; done; echo end")
    assert sesh("run", "work", "--", "echo fine").stdout == "fine\n"
    wait_until(lambda: logged(home), "the hook has run")
    (pid,) = map(int, logged(home))
    status = sesh("status", "work", "--json").json()
    os.kill(pid, 9)
    daemon = status["daemon_pid"]
    with open(f"/proc/{daemon}/task/{daemon}/children", encoding="ascii") as file:
        wait_until(
            lambda: file.seek(0) == 0 and file.read().split() == [str(status["pid"])],
            "the shell is the daemon's only child",
        )


def test_a_command_that_a_person_interrupts_has_not_failed(sesh: Sesh, home: Home) -> None:
    left(home)
    run = home.start("run", "work", "--", "sh", "-c", "echo begun; exec sleep 1000")
    assert run.stdout is not None
    assert run.stdout.readline() == b"begun\n"
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    assert home.summary("work")["unseen"]["failed"] == 0
    assert sesh("run", "work", "--", "false").code == 1
    assert home.summary("work")["unseen"]["failed"] == 1, "the next command is another matter"
