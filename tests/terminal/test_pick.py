"""`--pick`: a session chosen by looking."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tests.support import PROMPT, Home, Result, Terminal

Open = Callable[..., Terminal]
Sesh = Callable[..., Result]


@pytest.fixture
def three(home: Home) -> None:
    """Three sessions, the last attached first: alpha, build (which has printed in colour) and web-site."""
    home.sesh("--open", "alpha", "/tmp")
    home.sesh("--open", "build", "--", "sh", "-c", "printf '\\033[31mcompiling\\033[m all'; exec sleep 60")
    home.sesh("--open", "web-site")
    attached(home, "alpha", "build", "web-site")


def attached(home: Home, *names: str) -> None:
    """Makes these sessions those attached last, the newest first."""
    note = f"{home.directory}/.recent"
    with open(os.open(note, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write("".join(f"{name}\n" for name in names))


def picture(opened: Terminal) -> str:
    return "\n".join(opened.screen())


@pytest.mark.usefixtures("three")
def test_arrows_choose_the_screen_stands_beside_and_enter_attaches(terminal: Open) -> None:
    opened = terminal("--pick")
    opened.wait_for(re.compile(rf"^>.* 3/3\n alpha +detached .*│ {PROMPT}", re.MULTILINE))
    opened.type("\x1b[B")
    opened.wait_for(re.compile(r"alpha .*│ compiling all\n"))
    assert b"\x1b[38;5;1mcompiling\x1b[m" in opened.raw
    opened.type("\x1bOB\x1b[B")  # past the last one lies the first
    opened.wait_for(re.compile(rf"alpha .*│ {PROMPT}"))
    opened.type("\x1b[A\r")
    opened.wait_until(lambda: picture(opened).strip() == PROMPT, what="the session alone")
    opened.type("echo in=$SESH_SESSION\r")
    opened.wait_for("in=web-site")
    opened.type("\x1c")
    assert opened.exit_code() == 0
    assert "[detached from web-site]" in opened.text()


@pytest.mark.usefixtures("three")
def test_letters_search_and_sessions_come_and_go_in_the_list(terminal: Open, sesh: Sesh) -> None:
    opened = terminal("--pick")
    opened.wait_for("3/3")
    opened.type("b-s")
    opened.wait_for(re.compile(r"^> b-s .*1/3\n web-site"))
    opened.type("~")
    opened.wait_for(re.compile(r"^> b-s~ .*0/3\n no match"))
    opened.type("\x15")
    opened.wait_for(re.compile(r"^>  .*3/3\n alpha"))
    sesh("--kill", "alpha")
    opened.wait_for("2/2")
    sesh("--open", "beta")
    opened.wait_for("3/3")
    opened.type("bui\r")
    opened.wait_for(re.compile(r"^compiling all", re.MULTILINE))


def test_a_name_that_no_session_has_is_created(terminal: Open, home: Home) -> None:
    home.sesh("--open", "work")
    opened = terminal("--pick")
    opened.wait_for("1/1")
    opened.type("fresh\r")
    opened.wait_until(lambda: home.names() == ["fresh", "work"])


def test_inside_a_session_it_leads_to_another_one(terminal: Open, sesh: Sesh) -> None:
    sesh("--open", "other", "--", "sh", "-c", "echo the other one; exec cat")
    opened = terminal("work")
    opened.wait_for(PROMPT)
    opened.type("sesh --pick\r")
    opened.wait_for(re.compile(r"\n\*work +attached .*│"))
    opened.type("\x1b[B")
    opened.wait_for("you are here")
    opened.type("\x1b[A")
    opened.wait_for(re.compile(r"│ the other one"))
    opened.type("\r")
    opened.wait_until(lambda: picture(opened).strip() == "the other one", what="the other session alone")
    opened.type("\x1c")
    assert opened.exit_code() == 0
    assert "[detached from other]" in opened.text()


def test_without_sessions_it_says_so(terminal: Open) -> None:
    nothing = terminal("--pick")
    assert nothing.exit_code() == 1
    assert "there are no sessions" in nothing.text()


def test_a_terminal_that_cannot_move_its_cursor_is_refused(home: Home) -> None:
    home.sesh("--open", "one")
    opened = home.terminal("--pick", env={"TERM": "dumb"})
    assert opened.exit_code() == 1
    assert "sesh --list" in opened.text()


def test_keys_end_and_rename_the_marked_session_and_leaving_gives_the_terminal_back(home: Home) -> None:
    for name in ("alpha", "build"):
        home.sesh("--open", name, "--", "sleep", "600")
    attached(home, "alpha", "build")
    opened = home.terminal(command=["bash"], columns=120)
    opened.wait_for(PROMPT)
    opened.type("stty -a > before; sesh --pick; echo code=$?; stty -a > after\r")
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
    opened.wait_for(re.compile(rf"code=1\n{PROMPT}"))
    assert "build" not in picture(opened)
    assert home.names() == ["build-2"]
    with open(f"{home.path}/before") as before, open(f"{home.path}/after") as after:
        assert before.read() == after.read()


def test_here_is_the_session_of_the_repository(terminal: Open, sesh: Sesh, home: Home) -> None:
    for place in ("one/app", "two/app"):
        os.makedirs(os.path.join(home.path, place, ".git"))
    first = terminal("--here", cwd=f"{home.path}/one/app")
    first.wait_for("new session app ")
    first.type("\x1c")
    assert first.exit_code() == 0
    again = terminal("--here", cwd=f"{home.path}/one/app")
    again.wait_for(PROMPT)
    again.type("echo in-$SESH_SESSION\r")
    again.wait_for("in-app")
    second = terminal("--here", f"{home.path}/two/app")
    second.wait_for("new session app-2 ")
    assert sorted(home.names()) == ["app", "app-2"]


def test_sesh_alone_opens_the_picker_where_that_is_set(terminal: Open, sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "pick = true\n")
    sesh("--open", "work")
    opened = terminal()
    opened.wait_for("1/1")
    opened.type("\r")
    opened.wait_for(PROMPT)
    assert "work" in sesh().stdout  # without a terminal it is the list


def test_a_key_of_one_s_own_opens_the_picker_at_the_prompt(home: Home, sesh: Sesh) -> None:
    with open(os.path.join(home.path, ".bashrc"), "a", encoding="utf-8") as file:
        file.write('eval "$(sesh --shell-init bash)"\nbind -x \'"\\C-g": sesh-pick\'\n')
    sesh("--open", "work", "--", "sh", "-c", "echo chosen; exec cat")
    opened = home.terminal(command=["bash", "-i"])
    opened.wait_for(PROMPT)
    opened.type("echo be''gun")
    opened.wait_for("gun")
    opened.type("\x07")
    opened.wait_for("1/1")
    opened.type("\x1b")
    opened.wait_until(lambda: "1/1" not in opened.text(), what="the prompt")
    opened.type("\r")
    opened.wait_for("begun")
    assert opened.text().count("be''gun") == 1, "the prompt stood there twice"
    opened.type("\x07")
    opened.wait_for("1/1")
    opened.type("\r")
    opened.wait_until(lambda: picture(opened).strip().startswith("chosen"), what="the session")
    opened.type("\x1c")
    opened.wait_for("[detached from work]")
    opened.type("echo ba''ck\r")
    opened.wait_for("back")
