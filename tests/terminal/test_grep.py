"""`grep` finds lines of scrollback and screen."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support import Home, Sesh, wait_until
from tests.terminal.looking import history, screen


def printing(sesh: Sesh, name: str, text: str) -> None:
    assert sesh("open", name, "--", "sh", "-c", f"{text}; exec cat").code == 0


def test_lines_of_all_sessions_are_found_with_their_numbers(home: Home, sesh: Sesh) -> None:
    printing(sesh, "a", "seq 100; echo needle one")
    printing(sesh, "b", "echo Needle two; seq 100")
    wait_until(
        lambda: sesh("logs", "a", "1").stdout == "needle one\n" and "100" in sesh("logs", "b", "1").stdout,
        "both have printed all",
    )
    assert sesh("grep", "needle").stdout == "a:101:needle one\n"
    assert sesh("grep", "n[e]+dle", "-i").stdout == "a:101:needle one\nb:1:Needle two\n"
    assert sesh("grep", "needle", "b").code == 1
    assert sesh("grep", "^99$", "b", "-C", "1").stdout == "b-99-98\nb:100:99\nb-101-100\n"
    shown = "b-99-98\nb:100:99\nb:101:100\n"
    assert sesh("grep", "^(99|100)$", "b", "-C", "1").stdout == shown
    assert sesh("grep", "nothing").code == 1
    assert sesh("grep", "x", "missing").code == 1
    assert sesh("grep", "(").code == 2
    hits = sesh("grep", "needle", "--json").json()
    assert hits == [
        {
            "session": "a", "line": 101, "text": "needle one", "before": [], "after": [], "command": None,
            "started": None, "host": None,
        }
    ]  # fmt: skip


def test_the_command_that_printed_a_line_is_named(home: Home, sesh: Sesh) -> None:
    home.write(".bashrc", "PS1='$ '\n" + sesh("shell-init", "bash").stdout)
    sesh("open", "work")
    sesh("send", "work", "echo one | tr o 0", "--enter")
    sesh("wait", "work", "--prompt")
    wait_until(lambda: history(home), "the history has the command")
    hit = sesh("grep", "^0ne$", "work", "--json").json()[0]
    assert hit["command"] == ["echo one | tr o 0"]
    assert hit["started"].endswith("Z")


def test_what_a_full_screen_program_shows_is_found_too(home: Home, sesh: Sesh) -> None:
    """`grep` must search the alternate screen too, not only the main one below."""
    printing(sesh, "agent", "seq 30; printf '\\033[?1049h\\033[2J\\033[5;5H> question number 40'")
    wait_until(lambda: "number 40" in screen(home, "agent"), "agent shows 'number 40'")
    hit = sesh("grep", "question number 40", "agent", "--json").json()[0]
    assert (hit["text"].strip(), hit["line"]) == ("> question number 40", 30 + 5)
    assert sesh("grep", "^17$").stdout == "agent:17:17\n", "and the lines before it"
    wait_until(
        lambda: any(name.startswith(".checkpoint") for name in os.listdir(home.directory)), "a checkpoint is written"
    )
    os.kill(sesh("status", "agent", "--json").json()["daemon_pid"], signal.SIGKILL)
    wait_until(lambda: home.summary("agent")["state"] == "lost", "the session agent counts as lost")
    assert sesh("grep", "question number 40").stdout.startswith("agent:35:")


@pytest.mark.soak
def test_lines_that_do_not_fit_into_one_answer_come_all_the_same(home: Home, sesh: Sesh) -> None:
    """With 600,000 lines of scrollback, `logs` and `grep` failed with a protocol error."""
    home.write(".config/sesh/config.toml", "scrollback = 60_000\n")
    sesh("open", "web", "--", "sh", "-c", "seq 60400; printf '\\033[32mgreen\\033[m%0170d\\n' 7; echo last; read x")
    wait_until(lambda: "last" in screen(home, "web"), "web shows 'last'")
    wrapped = "green" + "7".zfill(170)
    expected = [*map(str, range(400 - 19 + 1, 60_401)), wrapped, "last"]
    assert sesh("logs", "web", "1000000").stdout.split() == expected
    assert sesh("logs", "web", "55000").stdout.split() == expected[-55_000:]
    assert sesh("logs", "web", "1000000", "--ansi").stdout.count("\x1b[0;32mgreen\x1b[m") == 1
    assert sesh("wait", "web", "--for", "^500$", "--since-start", "--timeout", "30").code == 0
    assert sesh("grep", "^500$").stdout == f"web:{expected.index('500') + 1}:500\n"


def test_the_names_alone_and_the_counts_of_lines_that_match_are_printed(sesh: Sesh) -> None:
    for name, text in (("a", "echo one; echo One"), ("b", "echo two")):
        printing(sesh, name, text)
    wait_until(lambda: sesh("logs", "a", "1").stdout + sesh("logs", "b", "1").stdout == "One\ntwo\n", "both printed")
    assert sesh("grep", "-l", "[oO]ne").stdout == "a\n"
    assert sesh("grep", "--names", "o").stdout == "a\nb\n"
    assert sesh("grep", "-ci", "one").stdout == "a:2\nb:0\n"
    assert sesh("grep", "--count", "--json", "two").json() == [
        {"session": "a", "host": None, "count": 0},
        {"session": "b", "host": None, "count": 1},
    ]
    assert [(found.code, found.stdout) for found in (sesh("grep", "-l", "three"), sesh("grep", "-c", "three"))] == [
        (1, ""),
        (1, "a:0\nb:0\n"),
    ]
    assert sesh("grep", "-lc", "one").code == 2
    assert sesh("grep", "-l", "--context", "2", "one").code == 2


def test_more_lines_are_counted_than_hits_are_printed(home: Home, sesh: Sesh) -> None:
    home.write(".config/sesh/config.toml", "scrollback = 30000\n")
    printing(sesh, "a", "seq 12000")
    wait_until(lambda: sesh("logs", "a", "1").stdout == "12000\n", "a has printed all")
    assert sesh("grep", "-c", "^[0-9]+$").stdout == "a:12000\n"
