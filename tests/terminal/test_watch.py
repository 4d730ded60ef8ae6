"""`--watch`: the list as it changes, on a terminal that is as it was afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import termios
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


def test_the_list_follows_what_happens(terminal: Open, sesh: Sesh, home: Home) -> None:
    sesh("--open", "work")
    opened = terminal("--watch")
    opened.wait_for(re.compile(r" NAME +STATE.*\n work +detached", re.DOTALL))
    sesh("--open", "build", "/tmp", "--", "sleep", "60")
    opened.wait_for(re.compile(r"\n build +detached .*/tmp"))
    other = terminal("work")
    opened.wait_for(re.compile(r"\n work +attached"))
    other.type("\x1c")
    opened.wait_for(re.compile(r"\n work +detached"))
    sesh("--rename", "work", "play")
    opened.wait_for(re.compile(r"\n play +detached"))
    sesh("--kill", "build", "play")
    opened.wait_for("no sessions; `sesh NAME` creates one")


def test_leaving_gives_the_terminal_back_with_the_last_list(home: Home) -> None:
    home.sesh("--open", "work")
    opened = home.terminal(command=["bash"])
    opened.wait_for(PROMPT)
    for key in ("\x1b", "\x03"):
        begun = len(opened.raw)
        opened.type("clear; stty -a > before; sesh --watch; echo code=$?; stty -a > after\r")
        opened.wait_for_raw(b"\x1b[?1049h", start=begun)
        opened.wait_for(re.compile(r"^ NAME"))
        opened.type(key)
        opened.wait_for(re.compile(rf"^ NAME .*\n work .*\ncode=0\n{PROMPT}", re.DOTALL | re.MULTILINE))
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
    opened.wait_for(re.compile(r"^ NAME"))
    opened.type("\x1a")
    opened.wait_for(re.compile(rf"\nbefore\n.*Stopped.*\n{PROMPT}", re.DOTALL))
    opened.type("fg\r")
    opened.wait_for(re.compile(r"^ NAME.*\n work"))
    opened.type("q")
    opened.wait_for(re.compile(rf"\n work .*\n{PROMPT}"))


def test_it_fits_the_window_whatever_becomes_of_that(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "work", "--", "sh", "-c", "sleep 60 # a command that is rather long for a list of sessions")
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"COMMAND.*\n.*sleep 60", re.DOTALL))
    opened.resize(30, 10)
    opened.wait_until(
        lambda: "COMMAND" not in opened.screen()[0] and "work" in opened.screen()[1], what="a narrow list"
    )
    opened.resize(30, 1)
    opened.wait_until(lambda: opened.screen() == [" … 2 more"], what="what there is no room for")
    opened.resize(100, 10)
    opened.wait_until(lambda: "COMMAND" in opened.screen()[0], what="a wide list")


def test_without_a_terminal_it_says_what_to_use(terminal: Open, sesh: Sesh) -> None:
    refused = sesh("--watch")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert "sesh --watch --json" in refused.stderr
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
def test_who_waits_stands_above_the_list_and_is_answered_in_place(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "calm", "--", "sleep", "60")
    asking(sesh, "job", ASKS)
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"^waiting for you\n> job +\d+s  push it\?\n\n NAME.*\n calm", re.DOTALL))
    opened.type("y")
    opened.wait_for(re.compile(r"> job +\d+s  really\?\n.*\njob was answered", re.DOTALL))
    assert "got=y" in sesh("--screen", "job").stdout
    opened.type("/not yet\r")
    opened.wait_until(lambda: "got=not yet" in sesh("--screen", "job").stdout)
    opened.wait_until(lambda: "waiting for you" not in "\n".join(opened.screen()))


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
def test_a_key_answers_no_question_that_came_after_the_picture(terminal: Open, sesh: Sesh, home: Home) -> None:
    """The program went on to another question between the look and the key, and that got the answer."""
    asking(sesh, "job", FILES)
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"> job +\d+s  Keep a copy\?"))
    opened.signal(signal.SIGSTOP)
    home.write("next", "")
    assert sesh("--wait", "job", "--for", "DELETE ALL", "--since-start", "--timeout", "30").code == 0
    opened.type("y")
    opened.signal(signal.SIGCONT)
    refused = re.compile(rb"job asks nothing now|job is waiting, but asks")  # it stands for a moment only
    opened.wait_until(lambda: refused.search(opened.raw) is not None, what="the key is refused")
    opened.wait_for(re.compile(r"> job +\d+s  DELETE ALL\?"))
    assert "got" not in sesh("--screen", "job").stdout
    opened.type("n")
    opened.wait_until(lambda: "got=n" in sesh("--screen", "job").stdout)


@tells
def test_a_key_before_anything_was_shown_answers_nothing(home: Home) -> None:
    asking(home.sesh, "job", ASKS)
    opened = home.terminal(command=["bash"])
    opened.wait_for(PROMPT)
    opened.type("until [ -e go ]; do sleep 0.02; done; sesh --watch\r")
    opened.wait_for("--watch\n")
    opened.wait_until(lambda: opened.termios()[3] & termios.ECHO, what="bash has left the terminal to what it runs")
    opened.type("y")
    opened.wait_for("--watch\ny")
    home.write("go", "")
    opened.wait_for("> job")
    opened.type("n")
    opened.wait_until(lambda: "got=" in home.sesh("--screen", "job").stdout)
    assert "got=y" not in home.sesh("--screen", "job").stdout


@tells
def test_the_first_key_of_a_secret_is_no_answer(terminal: Open, sesh: Sesh) -> None:
    secret = "7secret"  # noqa: S105
    asking(sesh, "job", "stty -echo; printf 'Password: '; read x; echo got=$x; sleep 60")
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"> job +\d+s  Password:"))
    opened.type(secret)
    opened.wait_for(f"answer job: {'•' * len(secret)}_")
    assert "got=" not in sesh("--screen", "job").stdout
    opened.type("\r")
    opened.wait_until(lambda: f"got={secret}" in sesh("--screen", "job").stdout)
    assert f"answer job: {secret}".encode() not in opened.raw


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
    opened.wait_for(re.compile(r"> job +\d+s  press Enter to run again"))
    opened.type("\x1b[B/no\r")  # an arrow: a mark that has just come takes no answer
    opened.wait_for("job waits for Enter to run again")
    assert not os.path.exists(os.path.join(home.path, "ran"))
    opened.type("\r")
    wait_until(lambda: os.path.exists(os.path.join(home.path, "ran")))


@tells
def test_a_line_is_for_the_question_at_which_it_was_begun(terminal: Open, sesh: Sesh) -> None:
    """What was left of a line that somebody else made obsolete answered the next session, key by key."""
    asking(sesh, "one", "printf 'push it? '; read x; sleep 60")
    asking(sesh, "two", ASKS)
    opened = terminal("--watch")
    opened.wait_for(re.compile(r"> one .*\n  two "))
    opened.type("/not")
    opened.wait_for("answer one: not_")
    sesh("--send", "one", "yes", "--enter")
    opened.wait_for(re.compile(r"waiting for you\n  two "))
    opened.type(" any\r")
    opened.wait_for("one asks nothing now, it is working; nothing was typed")
    assert "got=" not in sesh("--screen", "two").stdout


def test_who_attaches_from_the_list_comes_back_to_it(terminal: Open, sesh: Sesh) -> None:
    """One was in the shell after each look at a session."""
    for name, text in (("one", "bm8gb25l"), ("two", "bm8gdHdv")):  # no one, no two
        told = f"printf '\\033]7501;state=error:msg={text}\\007'"
        sesh("--open", name, "--", "sh", "-c", f"{told}; echo in-{name}; sleep 60")
        assert sesh("--wait", name, "--for", f"in-{name}", "--since-start", "--timeout", "30").code == 0
    opened = terminal("--watch")
    for name, key in (("one", ""), ("two", "\x1b[B")):  # the mark stays where it was
        opened.wait_for(re.compile(r"failed\n.* one +\d+s  no one\n.* two +\d+s  no two"))
        opened.type(key)
        opened.wait_for(f"> {name}")
        opened.type("a")
        opened.wait_for(f"in-{name}")
        opened.type("\x1c")
    opened.wait_for(re.compile(r"failed\n  one +\d+s  no one\n> two"))
    opened.type("q")
    assert opened.exit_code() == 0
    assert len(re.findall(r"^failed$", opened.text(), re.MULTILINE)) == 1, "the list stays once"


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
    opened.wait_for("> old")
    home.write("go", "")
    opened.wait_for_raw(b"\x1b]9;job waits: push it?\x1b\\")
    opened.wait_for(re.compile(r"\n  job +\d+s  push it\?"))
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
