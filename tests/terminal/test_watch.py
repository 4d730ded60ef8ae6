"""`--watch`: the list as it changes, on a terminal that is as it was afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable

import pytest

from sesh.errors import Refused
from sesh.ops import send
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from tests.support import PROMPT, Home, Result, Terminal, wait_until

tells = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads")

Open = Callable[..., Terminal]
Sesh = Callable[..., Result]


def test_the_board_follows_what_happens(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "work")
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"\n work +detached"))
    sesh("--open", "build", "/tmp", "--", "sleep", "60")
    opened.wait_for(re.compile(r"\n build +detached .*/tmp"))
    other = terminal("work")
    opened.wait_for(re.compile(r"\n work +attached"))
    other.type("\x1c")
    opened.wait_for(re.compile(r"\n work +detached"))
    sesh("--rename", "work", "play")
    opened.wait_for(re.compile(r"\n play +detached"))
    sesh("--kill", "build", "play")
    opened.wait_for("no sessions")


def test_leaving_gives_the_terminal_back(home: Home) -> None:
    home.sesh("--open", "work")
    opened = home.terminal(command=["bash"])
    opened.wait_for(PROMPT)
    for key in ("\x1b", "\x03"):
        begun = len(opened.raw)
        opened.type("clear; stty -a > before; sesh --watch; echo code=$?; stty -a > after\r")
        opened.wait_for_raw(b"\x1b[?1049h", start=begun)
        opened.wait_for(" work ")
        opened.type(key)
        opened.wait_for(re.compile(rf"^code=0\n{PROMPT}", re.MULTILINE))
        assert b"\x1b[?25h\x1b[?1049l" in opened.raw
        with open(f"{home.path}/before") as before, open(f"{home.path}/after") as after:
            assert before.read() == after.read()


def test_a_signal_gives_the_terminal_back_too(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "work")
    opened = terminal("--watch")
    opened.wait_for("work")
    opened.signal(signal.SIGTERM)
    assert opened.exit_code() == 128 + signal.SIGTERM
    assert b"\x1b[?25h\x1b[?1049l" in opened.raw


def test_ctrl_z_stops_it_and_fg_brings_it_back(home: Home) -> None:
    home.sesh("--open", "work")
    opened = home.terminal(command=["bash"])
    opened.wait_for(PROMPT)
    opened.type("echo be''fore; sesh --watch\r")
    opened.wait_for(" work ")
    opened.type("\x1a")
    opened.wait_for(re.compile(rf"\nbefore\n.*Stopped.*\n{PROMPT}", re.DOTALL))
    opened.type("fg\r")
    opened.wait_for(" work ")
    opened.type("\x1b")
    opened.wait_for(re.compile(rf"\n{PROMPT}\n"))


def test_it_fits_the_window_whatever_becomes_of_that(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "work", "--", "sh", "-c", "sleep 60 # a command that is rather long for a list of sessions")
    opened = terminal("--watch")
    opened.wait_for("│")
    opened.resize(30, 10)
    opened.wait_until(lambda: "│" not in opened.text() and " work " in opened.screen()[1], what="a narrow board")
    opened.resize(30, 2)
    opened.wait_until(lambda: "1/1" in opened.screen()[0] and " work " in opened.screen()[1], what="two rows")
    opened.resize(100, 10)
    opened.wait_for("│")


def test_without_a_terminal_it_says_what_to_use(terminal: Open, sesh: Sesh) -> None:
    refused = sesh("--watch")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert "sesh --list" in refused.stderr
    dumb = terminal("--watch", env={"TERM": "dumb"})
    assert dumb.exit_code() == 1


def test_a_program_gets_a_list_a_line(home: Home) -> None:
    home.sesh("--open", "work", "--label", "team=web", "--", "sleep", "60")
    home.sesh("--open", "other")
    watching = home.start("--watch", "--json", "--label", "team=web")
    assert watching.stdout is not None
    assert [each["name"] for each in json.loads(watching.stdout.readline())] == ["work"]
    home.sesh("--open", "build", "--label", "team=web", "--", "sleep", "60")
    names: list[str] = []
    while names != ["build", "work"]:
        names = [each["name"] for each in json.loads(watching.stdout.readline())]
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=30)
    assert watching.returncode == 130


ASKS = "printf 'push it? '; read x; echo got=$x; printf 'really? '; read x; echo got=$x; sleep 60"
FILES = (
    "(until [ -e next ]; do sleep 0.02; done; printf '\\nDELETE ALL? ') & "
    "printf 'Keep a copy? '; read x; printf '\\ngot=%s' $x; sleep 60"
)
"""Another question, which comes by itself."""


def asking(sesh: Sesh, name: str, source: str) -> None:
    sesh("--open", name, "--", "sh", "-c", source)
    assert sesh("--wait", name, "--waiting", "--timeout", "30").code == 0


@tells
def test_who_waits_comes_first_and_is_answered_in_a_line_below_its_question(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "calm", "--", "sleep", "60")
    asking(sesh, "job", ASKS)
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"^>.*\n job +waiting +\d+s +push it\?.*\n calm", re.MULTILINE))
    opened.type("\ty")
    opened.wait_for(re.compile(r"\npush it\?\nanswer job: y"))
    assert "got=" not in sesh("--screen", "job").stdout
    opened.type("\r")
    opened.wait_for(re.compile(r" job +waiting +\d+s +really\?"))
    opened.wait_for("job was answered")
    opened.type("\tnever\x1b")
    opened.wait_for("Esc leave")
    opened.type("\tnot yet\r")
    opened.wait_until(lambda: "got=not yet" in sesh("--screen", "job").stdout)
    opened.wait_until(lambda: " waiting " not in opened.text())


@tells
def test_a_line_answers_no_question_but_the_one_above_it(terminal: Open, sesh: Sesh, home: Home) -> None:
    """The program went on to another question while the answer was typed, and that got it."""
    asking(sesh, "job", FILES)
    opened = terminal("--watch")
    opened.wait_for(re.compile(r" job +waiting +\d+s +Keep a copy\?"))
    opened.type("\ty")
    opened.wait_for("answer job: ")
    home.write("next", "")
    opened.wait_for(re.compile(r" job +waiting +\d+s +DELETE ALL\?"))
    opened.type("\r")
    opened.wait_for("nothing was typed")
    assert "got" not in sesh("--screen", "job").stdout
    opened.type("\tn\r")
    opened.wait_until(lambda: "got=n" in sesh("--screen", "job").stdout)


@tells
def test_a_program_that_reads_keys_gets_a_character_without_enter(terminal: Open, sesh: Sesh) -> None:
    menu = "printf '\\033]7501;state=blocked:kind=question\\007'; stty raw -echo; od -An -tx1 -N 2; sleep 60"
    sesh("--open", "job", "--", "sh", "-c", menu)
    assert sesh("--wait", "job", "--waiting", "--timeout", "30").code == 0
    opened = terminal("--watch")
    opened.wait_for(re.compile(r" job +waiting"))
    opened.type("\t2\r")
    opened.wait_for("job was answered")
    sesh("--send", "job", "--key", "3")
    opened.wait_until(lambda: "32 33" in sesh("--logs", "job").stdout)


@tells
def test_a_secret_is_shown_as_dots(terminal: Open, sesh: Sesh) -> None:
    secret = "7secret"  # noqa: S105
    asking(sesh, "job", "stty -echo; printf 'Password: '; read x; echo got=$x; sleep 60")
    opened = terminal("--watch")
    opened.wait_for(re.compile(r" job +waiting +\d+s +Password:"))
    opened.type(f"\t{secret}")
    opened.wait_for(f"answer job: {'•' * len(secret)}")
    opened.type("\r")
    opened.wait_until(lambda: f"got={secret}" in sesh("--screen", "job").stdout)
    assert f"answer job: {secret}".encode() not in opened.raw


@tells
def test_an_answer_goes_to_the_question_that_was_shown(sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is seconds old where it shows other hosts: the next question got the answer."""
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setenv("SESH_DIR", home.directory)
    asking(sesh, "job", ASKS)
    target, since = Target(Caller()), sesh("--status", "job", "--json").json()["activity"]["since"]
    send.answer(target, "job", "y", since, "push it?")
    wait_until(lambda: sesh("--status", "job", "--json").json()["activity"]["question"] == "really?")
    later = sesh("--status", "job", "--json").json()["activity"]["since"]
    assert later > since
    for question in ("push it?", "really?"):
        with pytest.raises(Refused, match=r'job is waiting, but asks "really\?" now; nothing was typed'):
            send.answer(target, "job", "y", since, question)
    assert sesh("--screen", "job").stdout.count("got=") == 1
    send.answer(target, "job", "y", later, "really?")
    with pytest.raises(Refused, match="job asks nothing now, it is working; nothing was typed"):
        send.answer(target, "job", "y", later, "really?")


@tells
def test_what_waits_for_enter_to_run_again_is_not_run_by_another_answer(terminal: Open, sesh: Sesh, home: Home) -> None:
    """Any answer ran it."""
    sesh("--open", "job", "--", "sh", "-c", "echo ran >> ran; sleep 60")
    wait_until(lambda: os.path.exists(os.path.join(home.path, "ran")))
    os.unlink(os.path.join(home.path, "ran"))
    os.kill(sesh("--status", "job", "--json").json()["daemon_pid"], signal.SIGKILL)
    wait_until(lambda: sesh("--list", "--json").json()[0]["state"] == "lost")
    assert sesh("--restore").code == 0
    opened = terminal("--watch")
    opened.wait_for(re.compile(r" job +waiting +\d+s +press Enter"))
    opened.type("\tno\r")
    opened.wait_for("job waits for Enter to run again")
    assert not os.path.exists(os.path.join(home.path, "ran"))
    opened.type("\t\r")
    wait_until(lambda: os.path.exists(os.path.join(home.path, "ran")))


def test_who_attaches_from_the_board_comes_back_to_it(terminal: Open, sesh: Sesh) -> None:
    """One was in the shell after each look at a session."""
    for name in ("one", "two"):
        sesh("--open", name, "--", "sh", "-c", f"echo in-{name}; sleep 60")
    opened = terminal("--watch")
    for name, key in (("one", ""), ("two", "\x1b[B")):  # the mark stays where it was
        opened.wait_for(re.compile(r" one .*\n two "))
        opened.type(key)
        opened.wait_for(re.compile(rf"│ in-{name}"))
        opened.type("\r")
        opened.wait_until(lambda: opened.text().strip().endswith(f"in-{name}"), what=name)  # noqa: B023
        opened.type("\x1c")
    opened.wait_for(re.compile(r"│ in-two"))
    opened.type("\x1b")
    assert opened.exit_code() == 0


def test_it_says_that_a_job_failed_which_is_not_listed_any_more(sesh: Sesh, home: Home) -> None:
    """It vanished, and nothing said how it had ended."""
    sesh("--exec", "w3", "-d", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done; exit 9")
    sesh("--open", "stopped", "--", "sleep", "60")
    opened = home.terminal("--watch", env={"TERM_PROGRAM": "iTerm.app"})
    opened.wait_for(" stopped")
    sesh("--kill", "stopped")
    opened.wait_until(lambda: " stopped" not in opened.text(), what="the end of what was stopped")
    home.write("go", "")
    opened.wait_for("\nw3 failed: exited 9")
    opened.wait_for_raw(b"\x1b]9;w3 failed: exited 9\x1b\\")
    assert b"stopped failed" not in opened.raw


@tells
def test_it_rings_and_tells_what_begins_to_wait_once(sesh: Sesh, home: Home) -> None:
    """Nobody was told: a question was seen by who looked at the list."""
    asking(sesh, "old", ASKS)
    sesh("--open", "job", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done; " + ASKS)
    opened = home.terminal("--watch", env={"TERM_PROGRAM": "iTerm.app"})
    opened.wait_for(" old ")
    home.write("go", "")
    opened.wait_for_raw(b"\x1b]9;job waits: push it?\x1b\\")
    opened.wait_for(re.compile(r"\n job +waiting +\d+s +push it\?"))
    assert opened.raw.count(b"\a") == 1
    assert b"old waits" not in opened.raw
    sesh("--open", "new", "--", "sh", "-c", "printf '\\a'; sleep 60")
    opened.wait_for_raw(b"\x1b]9;new rings\x1b\\")
    assert opened.raw.count(b"job waits") == 1


def test_a_line_that_somebody_types_is_in_no_list(home: Home) -> None:
    home.sesh(
        "--open", "job", "--", "sh", "-c", "printf '\\033]7501;state=working\\007'; echo compiling; exec sleep 60"
    )
    typing = home.terminal("job")
    typing.wait_for("compiling")
    typing.type("a note to myself")
    typing.wait_for("a note to myself")
    (row,) = home.sesh("--list", "--json").json()
    assert row["last_line"] == "compiling"
