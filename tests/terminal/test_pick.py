"""`--pick`: a session chosen by looking."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from sesh.cli.tui.picker import match_cost
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


def past(sesh: Sesh, directory: str) -> None:
    """Have a session begin and end in a directory."""
    sesh("--open", "past", directory, "--", "true")
    assert sesh("--wait", "past", "--exit", "--timeout", "10").code == 0


def picture(opened: Terminal) -> str:
    return "\n".join(opened.screen())


@pytest.mark.usefixtures("three")
def test_arrows_choose_the_screen_stands_beside_and_enter_attaches(terminal: Open, sesh: Sesh) -> None:
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
def test_letters_search_and_what_is_searched_for_at_once_counts(terminal: Open) -> None:
    opened = terminal("--pick")
    opened.wait_for("3/3")
    opened.type("wst")
    opened.wait_for(re.compile(r"^> wst .*1/3\n web-site"))
    opened.type("\x7f\x7f\x7fz~")  # which no temporary directory bears in its name
    opened.wait_for(re.compile(r"^> z~ .*0/3\n no match"))
    opened.type("\x15")
    opened.wait_for(re.compile(r"^>  .*3/3\n alpha"))
    opened.type("bui\r")
    opened.wait_for(re.compile(r"^compiling all", re.MULTILINE))


@pytest.mark.usefixtures("three")
def test_leaving_without_a_choice_changes_nothing(home: Home) -> None:
    opened = home.terminal(command=["bash"])
    opened.wait_for(PROMPT)
    for key, code in (("\x1b", 1), ("\x1b[27u", 1), ("\x03", 130)):
        opened.type("clear; stty -a > before; sesh --pick; echo code=$?; stty -a > after\r")
        opened.wait_for("3/3")
        opened.type(key)
        opened.wait_for(re.compile(rf"^code={code}\n{PROMPT}", re.MULTILINE))
        assert "alpha" not in picture(opened)
        with open(f"{home.path}/before") as before, open(f"{home.path}/after") as after:
            assert before.read() == after.read()


@pytest.mark.usefixtures("three")
def test_a_narrow_terminal_has_the_list_alone(terminal: Open) -> None:
    opened = terminal("--pick", columns=50, rows=8)
    opened.wait_for("3/3")
    assert "│" not in picture(opened)
    opened.resize(100, 12)
    opened.wait_for(re.compile(rf"alpha .*│ {PROMPT}"))
    opened.resize(20, 4)
    opened.wait_until(lambda: "│" not in picture(opened) and "alpha" in picture(opened), what="the list alone")
    opened.type("\x1b[B\x1b[B\r")
    opened.wait_for(re.compile(rf"^{PROMPT}"))


@pytest.mark.usefixtures("three")
def test_sessions_that_come_and_go_do_so_in_the_list(terminal: Open, sesh: Sesh) -> None:
    opened = terminal("--pick")
    opened.wait_for("3/3")
    opened.type("\x1b[B\x1b[B")
    sesh("--kill", "build")
    opened.wait_for("2/2")
    sesh("--open", "beta")
    opened.wait_for("3/3")
    opened.type("\r")
    opened.wait_until(lambda: picture(opened).strip() == PROMPT, what="the session alone")
    assert sesh("--status", "web-site", "--json").json()["attached"] == 1


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


def test_a_name_that_none_has_is_created(terminal: Open, sesh: Sesh, home: Home) -> None:
    sesh("--open", "work")
    opened = terminal("--pick")
    opened.wait_for("1/1")
    opened.type("brandnew")
    opened.wait_for("Enter create brandnew")
    opened.type("\r")
    opened.wait_for("new session brandnew · Ctrl-\\ leaves")
    opened.type(" ")
    opened.wait_until(lambda: picture(opened).strip() == PROMPT, what="the session alone")
    assert home.names() == ["brandnew", "work"]


def test_no_sessions_and_no_terminal_are_told_with_what_to_do(terminal: Open, sesh: Sesh) -> None:
    nothing = terminal("--pick")
    assert nothing.exit_code() == 1
    assert "there are no sessions" in nothing.text()
    refused = sesh("--pick")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert "sesh --list" in refused.stderr
    assert sesh("--pick", "--json").json()["error"]["code"] == "refused"


def test_a_dumb_terminal_gets_a_numbered_question_that_says_how_to_leave(home: Home) -> None:
    home.sesh("--open", "one", "--", "sh", "-c", "echo this is one; exec sleep 60")
    home.sesh("--open", "two", "--", "sh", "-c", "echo this is two; exec sleep 60")
    attached(home, "two", "one")
    for chosen in ("q\r", "2\r"):
        opened = home.terminal("--pick", env={"TERM": "dumb"})
        opened.wait_for(re.compile(r"1\) two  detached.*\n +2\) one  detached.*\nnumber or name, or q to leave \[1\]:"))
        opened.type("3\r")
        opened.wait_for("3 is none of the answers\nnumber or name, or q to leave [1]:")
        opened.type(chosen)
        if chosen == "q\r":
            assert opened.exit_code() == 1
    opened.wait_for("this is one")


def test_rows_of_directories_show_what_tells_them_apart(terminal: Open, sesh: Sesh, home: Home) -> None:
    """State, activity and age took the room: three rows were the same."""
    folders = [f"{home.path}/{folder}/shop" for folder in ("src", "x", ".")]
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
        past(sesh, folder)
    sesh("--open", "a-session-of-a-long-name", "--", "sh", "-c", "while :; do echo x; sleep 0.05; done")
    home.terminal("a-session-of-a-long-name").wait_for("x")
    opened = terminal("--pick", columns=100)
    opened.wait_for(re.compile(r"attached +working"))
    opened.wait_for(re.compile(r"\+shop +new .*~/src/shop .*│"))
    for place in ("~/x/shop", "~/shop"):
        opened.wait_for(re.compile(rf"\+shop +new .*{place} .*│"))
    for columns in (20, 40, 64, 70):
        opened.resize(columns, 12)
        opened.wait_until(lambda: max(map(len, opened.screen())) <= columns)  # noqa: B023 (it is called now)


@pytest.mark.parametrize(
    ("query", "name", "host", "more", "fits"),
    [
        ("", "work", None, "", True),
        ("wk", "work", None, "", True),
        ("WORK", "work", None, "", True),
        ("kw", "work", None, "", False),
        ("gpu", "work", "gpu", "", True),
        ("@g wo", "work", "gpu", "", True),
        ("src", "work", None, "/home/me/src bash", True),
        ("src wo", "work", None, "/home/me/src bash", True),
        ("srx", "work", None, "/home/me/src bash", False),
        ("frntnd", "work", None, "/home/me/frontend bash", True),
        ("mekvm", "work", None, "~/src make · kvm", False),
    ],
)
def test_what_was_typed_fits_names_hosts_and_places(
    query: str, name: str, host: str | None, more: str, fits: bool
) -> None:
    assert (match_cost(query, name, host, more) is not None) == fits


@pytest.mark.usefixtures("three")
def test_keys_of_the_picker_act_on_the_marked_session(terminal: Open, sesh: Sesh, home: Home) -> None:
    opened = terminal("--pick", columns=120)
    opened.wait_for("^X kill")
    opened.type("\x18")
    opened.wait_for("kill alpha? [y/N]")
    opened.type("n")
    opened.wait_for("3/3")
    opened.type("\x18y")
    opened.wait_for("alpha was ended")
    opened.wait_for("2/2")
    opened.type("\x05-2\r")
    opened.wait_for("build is build-2 now")
    before = sesh("--status", "build-2", "--json").json()["pid"]
    opened.type("\x12y")
    opened.wait_for("build-2 was restarted")
    assert sesh("--status", "build-2", "--json").json()["pid"] != before
    other = home.terminal("web-site")
    other.wait_for(PROMPT)
    opened.type("web")
    opened.wait_for("1/2")
    opened.type("\x0f")
    assert other.exit_code() == 0
    opened.type("\x1b")
    assert opened.exit_code() == 1
    assert sorted(home.names()) == ["build-2", "web-site"]


def test_directories_stand_below_the_sessions_and_get_one_named_after_their_repository(
    terminal: Open, sesh: Sesh, home: Home
) -> None:
    os.makedirs(os.path.join(home.path, "src/shop/.git"))
    os.makedirs(os.path.join(home.path, "src/shop/deep"))
    past(sesh, os.path.join(home.path, "src/shop/deep"))
    sesh("--open", "work")
    opened = terminal("--pick")
    opened.wait_for("~/src/shop/deep")
    opened.type("shop")
    opened.wait_for("Enter create shop in ~/src/shop/deep")
    opened.type("\r")
    opened.wait_for("new session shop")
    opened.type("pwd\r")
    opened.wait_for(f"{home.path}/src/shop/deep")


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_key_of_one_s_own_opens_the_picker_at_the_prompt(home: Home, sesh: Sesh, shell: str) -> None:
    binds = {"bash": "bind -x '\"\\C-g\": sesh-pick'", "zsh": "bindkey '^G' sesh-pick", "fish": "bind \\cg sesh-pick"}
    init = "sesh --shell-init fish | source" if shell == "fish" else f'eval "$(sesh --shell-init {shell})"'
    rc = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}[shell]
    with open(os.path.join(home.path, rc), "a", encoding="utf-8") as file:
        file.write(f"{init}\n{binds[shell]}\n")
    sesh("--open", "work", "--", "sh", "-c", "echo chosen; exec cat")
    opened = home.terminal(command=[shell, "-i"])
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
