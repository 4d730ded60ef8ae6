"""The board of `pick` and `watch` shows, opens and answers sessions, and restores the terminal."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import time
from contextlib import closing

import pytest

from sesh.ops import events, index, views
from sesh.reach.caller import Caller
from sesh.schema.facts import Status
from sesh.text import times
from tests.support import PROMPT, Home, Open, Sesh, Terminal, says_who_reads, wait_until
from tests.terminal.looking import screen

ASKS = "printf 'push it? '; read x; echo got=$x; printf 'really? '; read x; echo got=$x; sleep 60"
LATER = (
    "(until [ -e next ]; do sleep 0.02; done; printf '\\nDELETE ALL? ') & "
    "printf 'Keep a copy? '; read x; printf '\\ngot=%s' $x; sleep 60"
)
"""A program that replaces its question by another before anybody has answered."""


def asking(sesh: Sesh, name: str, source: str) -> None:
    sesh("open", name, "--", "sh", "-c", source)
    assert sesh("wait", name, "--waiting", "--timeout", "30").code == 0


def attached(home: Home, *names: str) -> None:
    """Record these sessions as the last attached, the newest first."""
    note = f"{home.directory}/.recent"
    with open(os.open(note, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write("".join(f"{name}\n" for name in names))


def alone(opened: Terminal, text: str) -> None:
    """Wait until the screen shows this text and nothing else."""
    opened.wait_until(lambda: "\n".join(opened.screen()).strip() == text, f"{text} alone")


# -- looking and choosing


def test_sessions_come_and_go_arrows_choose_the_screen_is_shown_and_enter_attaches(
    terminal: Open, sesh: Sesh, home: Home
) -> None:
    sesh("open", "alpha", "/tmp")
    sesh("open", "build", "--", "sh", "-c", "printf '\\033[31mcompiling\\033[m all'; exec sleep 60")
    attached(home, "alpha", "build")
    opened = terminal("pick")
    opened.wait_for(re.compile(rf"^>.* 2/2\n alpha +detached .*│ {PROMPT}", re.MULTILINE))
    opened.type("\x1b[B")
    opened.wait_for(re.compile(r"alpha .*│ compiling all\n"))
    assert b"31mcompiling\x1b[m" in opened.raw
    assert b"no sessions" not in opened.raw, "said before this machine had reported"
    sesh("open", "web-site")
    opened.wait_for(re.compile(r" 3/3\n alpha .*\n build .*\n web-site +detached"))
    other = terminal("alpha")
    opened.wait_for(re.compile(r"\n alpha +attached"))
    other.type("\x1c")
    sesh("rename", "alpha", "play")
    opened.wait_for(re.compile(r"\n play +detached"))
    sesh("kill", "play")
    opened.wait_for("2/2")
    opened.type("\x1bOB\x1b[B")  # Down on the last row wraps to the first
    opened.wait_for(re.compile(r"build .*│ compiling all\n"))
    opened.type("\x1b[A\r")
    alone(opened, PROMPT)
    opened.type("echo in=$SESH_SESSION\r")
    opened.wait_for("in=web-site")
    opened.type("\x1c")
    assert opened.exit_code() == 0


def test_letters_filter_and_a_name_that_no_session_has_is_created(terminal: Open, sesh: Sesh, home: Home) -> None:
    sesh("open", "build", "--", "sh", "-c", "echo compiling; exec sleep 60")
    sesh("open", "web-site")
    opened = terminal("pick")
    opened.wait_for("2/2")
    opened.type("b-s")
    opened.wait_for(re.compile(r"^> b-s .*1/2\n web-site"))
    opened.type("~")
    opened.wait_for(re.compile(r"^> b-s~ .*0/2\n no match"))
    opened.type("\x15bui\r")
    alone(opened, "compiling")
    other = terminal("pick")
    other.wait_for("2/2")
    other.type("fresh\r")
    other.wait_until(
        lambda: home.names() == ["build", "fresh", "web-site"], "the session fresh exists beside the others"
    )
    verb = terminal("pick", columns=120)
    verb.wait_for("3/3")
    verb.type("kil\r")  # the board has said that Enter creates it
    verb.wait_until(lambda: "kil" in home.names(), "the session kil exists")


def test_keys_end_and_rename_and_leaving_gives_the_terminal_back(home: Home) -> None:
    for name in ("alpha", "build"):
        home.sesh("open", name, "--", "sleep", "600")
    attached(home, "alpha", "build")
    opened = home.terminal("pick", columns=120)
    opened.wait_for("2/2")
    opened.type("\x18")
    opened.wait_for("end alpha? [y/N]")
    opened.type("\r")
    opened.wait_for("Esc leave")
    opened.type("\x18y")
    opened.wait_for("alpha was ended")
    opened.wait_for("1/1")
    opened.type("\x05-2\r")
    opened.wait_for("build is build-2 now")
    opened.type("\x1b")
    assert opened.exit_code() == 1
    assert opened.termios() == opened.first_termios
    assert home.names() == ["build-2"]
    opened = home.terminal(command=["bash"], columns=120)
    opened.wait_for(PROMPT)
    opened.type("stty -a > before; sesh watch; echo code=$?; stty -a > after\r")
    opened.wait_for(" build-2 ")
    opened.type("\x1a\x03")
    opened.wait_for(re.compile(rf"\ncode=0\n{PROMPT}"))
    with open(f"{home.path}/before") as before, open(f"{home.path}/after") as after:
        assert before.read() == after.read()


def test_the_session_that_was_shown_is_ended_and_none_that_took_its_name(home: Home) -> None:
    home.sesh("open", "alpha", "--", "sleep", "600")
    opened = home.terminal("pick", columns=120)
    opened.wait_for("1/1")
    opened.type("\x18")
    opened.wait_for("end alpha? [y/N]")
    assert home.sesh("kill", "alpha").code == 0
    assert home.sesh("open", "alpha", "--", "sleep", "601").code == 0
    opened.type("y")
    opened.wait_for("alpha was ended")
    assert home.names() == ["alpha"]
    opened.type("\x1b")
    assert opened.exit_code() == 1


def test_it_fits_the_window_and_a_signal_gives_the_terminal_back(terminal: Open, sesh: Sesh) -> None:
    sesh("open", "work", "--", "sh", "-c", "sleep 60 # a command that is rather long for a list of sessions")
    opened = terminal("watch")
    opened.wait_for("│")
    opened.resize(30, 10)
    opened.wait_until(lambda: "│" not in opened.text() and " work " in opened.screen()[1], "a narrow board")
    opened.resize(30, 2)
    opened.wait_until(lambda: "1/1" in opened.screen()[0] and " work " in opened.screen()[1], "two rows")
    opened.resize(100, 10)
    opened.wait_for("│")
    opened.signal(signal.SIGTERM)
    assert opened.exit_code() == 128 + signal.SIGTERM
    assert b"\x1b[?25h\x1b[?1049l" in opened.raw


def test_inside_a_session_the_board_switches_to_another_one(terminal: Open, sesh: Sesh) -> None:
    sesh("open", "other", "--", "sh", "-c", "echo the other one; exec cat")
    opened = terminal("work")
    opened.wait_for(PROMPT)
    opened.type("sesh pick\r")
    opened.wait_for(re.compile(r"\n\*work +attached .*│"))
    opened.type("\x1b[B")
    opened.wait_for("you are here")
    opened.type("\x1b[A")
    opened.wait_for(re.compile(r"│ the other one"))
    opened.type("\r")
    alone(opened, "the other one")
    opened.type("\x1c")
    assert opened.exit_code() == 0
    assert "[detached from other" in opened.text()


def test_who_attaches_from_the_board_comes_back_to_it(terminal: Open, sesh: Sesh) -> None:
    """Detaching must return to the board, not to the shell."""
    for name in ("one", "two"):
        sesh("open", name, "--", "sh", "-c", f"echo in-{name}; sleep 60")
    opened = terminal("watch")
    for name, key in (("one", ""), ("two", "\x1b[B")):  # the selection stays where it was
        opened.wait_for(re.compile(r" one .*\n two "))
        opened.type(key)
        opened.wait_for(re.compile(rf"│ in-{name}"))
        opened.type("\r")
        alone(opened, f"in-{name}")
        opened.type("\x1c")
    opened.wait_for(re.compile(r"│ in-two"))
    opened.type("\x1b")
    assert opened.exit_code() == 0


def test_without_sessions_or_a_terminal_it_says_what_to_do(terminal: Open, sesh: Sesh) -> None:
    nothing = terminal("pick")
    nothing.wait_for("no sessions")
    nothing.type("\x1b")
    assert nothing.exit_code() == 1
    refused = sesh("watch")
    assert (refused.code, refused.stderr.count("\n"), "sesh list" in refused.stderr) == (1, 1, True)
    dumb = terminal("watch", env={"TERM": "dumb"})
    assert dumb.exit_code() == 1


def test_sesh_alone_opens_the_board_where_that_is_set(terminal: Open, sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "pick = true\n")
    sesh("open", "work")
    opened = terminal()
    opened.wait_for("1/1")
    opened.type("\r")
    opened.wait_for(PROMPT)
    assert "work" in sesh().stdout  # without a terminal, sesh prints the list


def test_a_key_of_one_s_own_opens_the_board_at_the_prompt(home: Home, sesh: Sesh) -> None:
    with open(os.path.join(home.path, ".bashrc"), "a", encoding="utf-8") as file:
        file.write(home.sesh("shell-init", "bash").stdout + "bind -x '\"\\C-g\": sesh-pick'\n")
    sesh("open", "work", "--", "sh", "-c", "echo chosen; exec cat")
    opened = home.terminal(command=["bash", "-i"])
    opened.wait_for(PROMPT)
    opened.type("echo be''gun")
    opened.wait_for("gun")
    opened.type("\x07")
    opened.wait_for("1/1")
    opened.type("\x1b")
    opened.wait_until(lambda: "1/1" not in opened.text(), "the prompt")
    opened.type("\r")
    opened.wait_for("begun")
    assert opened.text().count("be''gun") == 1, "the prompt stood there twice"
    opened.type("\x07")
    opened.wait_for("1/1")
    opened.type("\r")
    alone(opened, "chosen")
    opened.type("\x1c")
    opened.wait_for("[detached from work")
    opened.type("echo ba''ck\r")
    opened.wait_for("back")


def test_a_program_gets_a_list_a_line(home: Home) -> None:
    home.sesh("open", "work", "--label", "team=web", "--", "sleep", "60")
    home.sesh("open", "other")
    watching = home.start("watch", "--json", "--label", "team=web")
    assert watching.stdout is not None
    assert [each["name"] for each in json.loads(watching.stdout.readline())] == ["work"]
    home.sesh("open", "build", "--label", "team=web", "--", "sleep", "60")
    names: list[str] = []
    while names != ["build", "work"]:
        names = [each["name"] for each in json.loads(watching.stdout.readline())]
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=30)
    assert watching.returncode == 130


# -- sessions that wait


@says_who_reads
def test_who_waits_comes_first_and_is_answered_in_a_line_below_its_question(
    terminal: Open, sesh: Sesh, home: Home
) -> None:
    sesh("open", "calm", "--", "sleep", "60")
    asking(sesh, "job", ASKS)
    opened = terminal("watch")
    opened.wait_for(re.compile(r"^>.*\n job +waiting +\d+s +push it\?.*\n calm", re.MULTILINE))
    opened.type("\ty")
    opened.wait_for(re.compile(r"\npush it\?\nanswer job: y"))
    assert "got=" not in sesh("screen", "job").stdout
    opened.type("\r")
    opened.wait_for(re.compile(r" job +waiting +\d+s +really\?"))
    opened.wait_for("job was answered")
    opened.type("\tnever\x1b")
    opened.wait_for("Esc leave")
    opened.type("\tnot yet\r")
    opened.wait_until(lambda: "got=not yet" in screen(home, "job"), "job shows 'got=not yet'")
    opened.wait_until(lambda: " waiting " not in opened.text(), "the terminal no longer shows 'waiting'")


@says_who_reads
def test_who_has_answered_is_led_to_who_waits_next(terminal: Open, sesh: Sesh) -> None:
    """The mark stayed on the session that had been answered."""
    for name in ("first", "second"):
        asking(sesh, name, ASKS)
    opened = terminal("watch")
    opened.wait_for(re.compile(r"\n first +waiting .*\n second +waiting "))
    opened.type("\ty\r")
    opened.wait_for(re.compile(r"\n second +waiting .*\n first +waiting +\d+s +really\?"))
    opened.wait_for("first was answered")
    opened.type("\t")
    opened.wait_for("answer second:")


@says_who_reads
def test_a_line_answers_no_question_but_the_one_above_it(terminal: Open, sesh: Sesh, home: Home) -> None:
    """A question that comes while the answer is typed must not get the answer."""
    asking(sesh, "job", LATER)
    opened = terminal("watch")
    opened.wait_for(re.compile(r" job +waiting +\d+s +Keep a copy\?"))
    opened.type("\ty")
    opened.wait_for("answer job: ")
    home.write("next", "")
    opened.wait_for(re.compile(r" job +waiting +\d+s +DELETE ALL\?"))
    opened.type("\r")
    opened.wait_for("nothing was typed")
    assert "got" not in sesh("screen", "job").stdout
    opened.type("\tn\r")
    opened.wait_until(lambda: "got=n" in screen(home, "job"), "job shows 'got=n'")


@says_who_reads
def test_a_program_that_reads_keys_gets_a_character_without_enter(terminal: Open, sesh: Sesh, home: Home) -> None:
    menu = "stty raw -echo; printf '\\033]7501;state=blocked:kind=question\\007'; od -An -tx1 -N 2; sleep 60"
    sesh("open", "job", "--", "sh", "-c", menu)
    assert sesh("wait", "job", "--waiting", "--timeout", "30").code == 0
    opened = terminal("watch")
    opened.wait_for(re.compile(r" job +waiting"))
    opened.type("\t2\r")
    opened.wait_for("job was answered")
    sesh("send", "job", "--key", "3")
    opened.wait_until(lambda: "32 33" in screen(home, "job"), "job shows '32 33'")


@pytest.mark.needs_fork("the client notes whom it asks")
@says_who_reads
def test_a_secret_is_shown_as_dots(sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, status = "7secret", views.status

    @functools.wraps(status)
    def noted(caller: Caller, name: str) -> Status:
        answer = status(caller, name)
        home.write(f"asked-{name}", "")
        return answer

    monkeypatch.setattr(views, "status", noted)
    asking(sesh, "shown", "printf 'Name: '; read x; sleep 60")
    asking(sesh, "secret", "stty -echo; printf 'Password: '; read x; echo got=$x; sleep 60")
    opened = home.terminal("watch")
    for name, key, typed in (("shown", "", "me"), ("secret", "\x1b[B", "•" * len(secret))):
        opened.wait_for(re.compile(r" shown +waiting.*\n secret +waiting"))
        opened.type(f"{key}\t")
        wait_until(lambda: os.path.exists(f"{home.path}/asked-{name}"), f"the board has asked {name}")  # noqa: B023
        opened.type(secret if key else typed)
        opened.wait_for(f"answer {name}: {typed}")
        opened.type("\r" if key else "\x1b")
    opened.wait_until(lambda: f"got={secret}" in screen(home, "secret"), f"secret shows 'got={secret}'")
    assert f": {secret}".encode() not in opened.raw


@says_who_reads
def test_it_rings_and_tells_what_begins_to_wait_once(sesh: Sesh, home: Home) -> None:
    """A new question must reach a user who does not look at the list."""
    asking(sesh, "old", ASKS)
    sesh("open", "job", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done; " + ASKS)
    opened = home.terminal("watch", env={"TERM_PROGRAM": "iTerm.app"})
    opened.wait_for(" old ")
    home.write("go", "")
    opened.wait_for_raw(b"\x1b]9;job waits: push it?\x1b\\")
    opened.wait_for(re.compile(r"\n job +waiting +\d+s +push it\?"))
    assert opened.raw.count(b"\a") == 1
    assert b"old waits" not in opened.raw
    sesh("open", "new", "--", "sh", "-c", "printf '\\a'; sleep 60")
    opened.wait_for_raw(b"\x1b]9;new rings\x1b\\")
    assert opened.raw.count(b"job waits") == 1


def test_a_changed_label_is_shown_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label showed at the next poll."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.sesh("open", "work", "--", "cat")
    with closing(index.watch(Caller())) as lists:
        assert [row["name"] for row in next(lists)] == ["work"]
        home.sesh("label", "work", "a=b")
        began = time.monotonic()
        assert any(row["labels"] == {"a": "b"} for rows in lists for row in rows)
        assert time.monotonic() - began < index.POLL


def test_a_session_too_busy_to_answer_is_asked_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was shown as silent until the next poll, for half a minute."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(index, "POLL", 1000.0)
    monkeypatch.setattr(events, "_follow_one", lambda *_: iter(()))
    home.sesh("open", "work", "--", "cat")
    daemon = home.summary("work")["daemon_pid"]
    with closing(index.watch(Caller())) as lists:
        next(lists)
        os.kill(daemon, signal.SIGSTOP)
        os.utime(f"{home.directory}/work.json")
        assert any(row.get("responding") is False for rows in lists for row in rows)
        os.kill(daemon, signal.SIGCONT)
        assert any("responding" not in row for rows in lists for row in rows)


def test_output_without_an_event_is_listed_once_it_is_in_the_checkpoint(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the checkpoint tells of it, for polls are rare."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(index, "POLL", 1000.0)
    monkeypatch.setattr(events, "_follow_one", lambda *_: iter(()))
    order = os.path.join(home.path, "order")
    os.mkfifo(order)
    home.sesh("open", "work", "--", "sh", "-c", f"read line < {order}; echo $line; exec tail -f /dev/null")
    with closing(index.watch(Caller())) as lists:
        before = next(lists)[0]["last_activity"]
        wait_until(lambda: times.stamp() != before, "the next second", timeout=3)
        with open(order, "w") as file:
            file.write("print\n")
        assert any(row["last_activity"] != before for rows in lists for row in rows)


def test_a_session_whose_daemon_dies_is_lost_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was shown as running until the next poll, for half a minute."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(index, "POLL", 1000.0)
    monkeypatch.setattr(index, "_files", set)
    home.sesh("open", "work", "--", "sh", "-c", "read line; printf '\\a'; exec sleep 100")
    with closing(index.watch(Caller())) as lists:
        assert next(lists)[0]["state"] == "running"
        home.sesh("send", "work", "--enter")
        assert any(row["unseen"] for rows in lists for row in rows)  # its events are followed
        home.crash("work")
        assert any(row["state"] == "lost" for rows in lists for row in rows)


def test_a_name_that_another_session_takes_over_is_that_session_s(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session that had taken a renamed one's name was never shown."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.sesh("open", "web", "--", "cat")
    home.sesh("open", "next", "--", "cat")
    with closing(index.watch(Caller())) as lists:
        ids = {row["name"]: row["id"] for row in next(lists)}
        home.sesh("rename", "web", "old")
        home.sesh("rename", "next", "web")
        renamed = {"web": ids["next"], "old": ids["web"]}
        assert any({row["name"]: row["id"] for row in rows} == renamed for rows in lists)
