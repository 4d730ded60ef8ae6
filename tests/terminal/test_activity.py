"""The state of a session, as seen from outside or reported by the program itself."""

from __future__ import annotations

import shlex
import sys

import pytest

from tests.support import Home, Sesh, processes, says_who_reads, wait_until

pytestmark = says_who_reads


def stands(sesh: Sesh, name: str = "work") -> tuple[str, str, str | None]:
    found = sesh("status", name, "--json").json()["activity"]
    return found["state"], found["why"], found["question"]


def becomes(home: Home, state: str, why: str, *question: str | None, name: str = "work") -> None:
    """Wait until the session has this state, this reason and, if given, this question."""

    def now() -> tuple[str | None, ...]:
        found = home.summary(name).get("activity", {})
        return found.get("state"), found.get("why"), *([found.get("question")] if question else [])

    wait_until(lambda: now() == (state, why, *question), f"{name} is {state} ({why})", portrait=lambda: repr(now()))


@pytest.mark.usefixtures("work")
def test_a_shell_is_idle_a_command_works_and_a_question_waits(sesh: Sesh, home: Home) -> None:
    becomes(home, "idle", "prompt", None)
    # A single program, because a Ctrl-C may be lost while a shell starts the next one.
    prints = "import time; [time.sleep(0.05) for _ in iter(lambda: print('x'), 1)]"
    sesh("send", "work", f"{shlex.quote(sys.executable)} -Suc {shlex.quote(prints)}", "--enter")
    assert sesh("wait", "work", "--for", "^x$", "--timeout", "30").code == 0
    becomes(home, "working", "output", None)
    sesh("send", "work", "--key", "C-c")
    becomes(home, "idle", "prompt", None)
    sesh("send", "work", "read -p 'sure? ' x", "--enter")
    becomes(home, "waiting", "tty-read", "sure?")
    listed = sesh("list", "--json").json()[0]["activity"]
    assert set(listed) == {"state", "why", "since", "question", "kind"}
    assert "waiting" in sesh("list").stdout
    assert "activity:      waiting, it reads its terminal, since " in sesh("status", "work").stdout
    sesh("send", "work", "y", "--enter")
    becomes(home, "idle", "prompt", None)


@pytest.mark.usefixtures("work")
def test_a_wait_until_a_person_is_needed_says_what_is_asked(sesh: Sesh, home: Home) -> None:
    waiter = home.start("wait", "work", "--waiting", "--timeout", "30", "--json")
    sesh("send", "work", "sleep 0.3; read -s -p 'Password: ' x; sleep 0.3; echo; read -p 'again? ' y", "--enter")
    answer = waiter.communicate(timeout=30)[0]
    assert (waiter.returncode, b'"met": "waiting"' in answer, b'"match": "Password:"' in answer) == (0, True, True)
    # The terminal does not echo the password, which must count as an answer all the same.
    sesh("send", "work", "secret", "--enter")
    assert sesh("wait", "work", "--waiting", "--timeout", "30").stdout == "waiting: again?\n"


@pytest.mark.usefixtures("work")
def test_what_is_typed_is_in_no_event_and_no_question(sesh: Sesh, home: Home) -> None:
    sesh("send", "work", "read -p 'name? ' x", "--enter")
    becomes(home, "waiting", "tty-read", "name?")
    for key in "Adelaide":
        sesh("send", "work", key)
    sesh("wait", "work", "--for", "name\\? Adelaide$", "--since-start", "--timeout", "30")
    assert sesh("wait", "work", "--waiting", "--timeout", "30").stdout == "waiting: name?\n"
    process = home.start("events", "work", "--from", "0", "--json")
    wait_until(lambda: processes.connected(process.pid), "the command is connected to the daemon")
    sesh("kill", "work")
    told, _ = process.communicate(timeout=30)
    assert b'"question": "name?"' in told
    assert b"Adelaide" not in told


# -- states that programs report


@pytest.mark.usefixtures("work")
def test_what_programs_tell_terminals_counts(sesh: Sesh, home: Home) -> None:
    for printed, state, question in (
        (r"\033]9;may I push?\a", "waiting", "may I push?"),
        (r"\033]777;notify;agent;may I push?\a", "waiting", "agent: may I push?"),
        (r"\033]99;;may I pull?\033\\", "waiting", "may I pull?"),
        (r"\033]9;4;3\a", "working", None),
        (r"\033]99;i=1:d=0;agent\033\\\033]99;i=1:p=body;may I push?\033\\", "waiting", "agent: may I push?"),
        (r"\033]99;i=1:d=0;agent\033\\\033]99;i=1:d=1:a=focus;\033\\", "waiting", "agent"),
        (r"\033]9;4;2;70\a", "failed", None),
    ):
        run = home.start("run", "work", "--", f"printf '{printed}'; until [ -e told ]; do sleep 0.02; done; rm told")
        becomes(home, state, "hook", question)
        home.write("told", "")
        run.communicate(timeout=30)
        assert run.returncode == 0


@pytest.mark.usefixtures("work")
def test_a_state_is_told_in_the_list_the_events_and_by_text_that_steers_no_terminal(sesh: Sesh, home: Home) -> None:
    process = home.start("events", "work", "--json")
    assert process.stdout is not None
    wait_until(lambda: processes.connected(process.pid), "the command is connected to the daemon")
    sesh("run", "work", "--", "sesh", "state", "waiting", "a\x1b[2J\nb " + "x" * 500)
    events: list[bytes] = []
    while not any(b'"activity"' in line and b'"waiting"' in line for line in events):
        events.append(process.stdout.readline())
    told = stands(sesh)[2]
    assert told is not None
    assert told.startswith("a[2J b xxx")
    assert len(told) == 200
    assert told.encode() in events[-1]


@pytest.mark.usefixtures("work")
def test_a_word_reaches_its_session_without_a_terminal_and_after_a_rename(sesh: Sesh) -> None:
    """An agent may run its hooks under setsid, without a controlling terminal."""
    sesh("run", "work", "--", "cd /; agent() { setsid -w sesh state waiting </dev/null; }")
    sesh("rename", "work", "play")
    sesh("open", "work")
    sesh("run", "play", "--", "agent")
    assert stands(sesh, "play")[:2] == ("waiting", "hook")
    assert sesh("state", "done").code == 1, "outside"


# -- real programs


@pytest.mark.usefixtures("work")
def test_a_program_that_reads_waits(sesh: Sesh, home: Home) -> None:
    python = shlex.quote(sys.executable)
    for line, *question in (
        ("sh -c 'printf \"Continue? [y/N] \"; read x'", "Continue? [y/N]"),
        (f"{python} -c 'import getpass; getpass.getpass()'", "Password:"),
        (f"{python} -c 'import threading; threading.Thread(target=input, args=[\"name? \"]).start()'", "name?"),
    ):
        sesh("send", "work", f"clear; {line}", "--enter")
        becomes(home, "waiting", "tty-read", *question)
        sesh("send", "work", "--key", "C-c")
        becomes(home, "idle", "prompt", None)


@pytest.mark.soak
def test_a_program_that_waits_for_something_else_is_not_waiting_for_a_person(sesh: Sesh, home: Home) -> None:
    programs = {
        "sleeps": ["sleep", "60"],
        "polls": [sys.executable, "-ISc", "while True: __import__('select').select([0], [], [], 0.5)"],
        "pipes": ["sh", "-c", "(sleep 60; true) | cat"],
        "draws": ["sh", "-c", "seq 100 | less"],
    }
    for name, words in programs.items():
        sesh("open", name, "--", *words)
    for name in programs:
        becomes(home, "idle", "quiet", None, name=name)


def test_a_line_that_somebody_types_is_in_no_list(home: Home) -> None:
    home.sesh("open", "job", "--", "sh", "-c", "printf '\\033]7501;state=working\\007'; echo compiling; exec sleep 60")
    typing = home.terminal("job")
    typing.wait_for("compiling")
    typing.type("a note to myself")
    typing.wait_for("a note to myself")
    (row,) = home.sesh("list", "--json").json()
    assert row["last_line"] == "compiling"


@pytest.mark.usefixtures("work")
def test_what_stood_there_before_a_run_is_not_its_question(sesh: Sesh, home: Home) -> None:
    sesh("run", "work", "--", "echo 'is that old?'")
    run = home.start("run", "work", "--", "read answer")
    wait_until(lambda: home.summary("work")["activity"]["why"] == "tty-read", "the command reads a line")
    assert "old" not in (home.summary("work")["activity"]["question"] or "")
    sesh("send", "work", "yes", "--enter")
    assert run.wait(30) == 0
