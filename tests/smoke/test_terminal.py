"""Sessions in a terminal: start one, leave it, return to it, end it.

`terminal("work")` opens a terminal window in which `sesh work` runs; `sesh("list")` runs `sesh list` to its end.
"""

from __future__ import annotations

from tests.support import PROMPT, Open, Sesh, says_who_reads

CTRL_BACKSLASH = "\x1c"


def test_a_name_starts_a_session_and_ctrl_backslash_leaves_it(terminal: Open, sesh: Sesh) -> None:
    window = terminal("work")
    window.wait_for("new session work · Ctrl-\\ leaves")
    window.wait_for(PROMPT)
    window.type(CTRL_BACKSLASH)
    window.wait_for("runs on; sesh work returns]")
    assert window.exit_code() == 0
    assert sesh("status", "work", "--json").json()["state"] == "running"


def test_whoever_returns_finds_the_same_screen_and_the_same_shell(terminal: Open) -> None:
    first = terminal("work")
    first.type("answer=42; echo kept\r")
    first.wait_for("\nkept")
    first.type(CTRL_BACKSLASH)
    assert first.exit_code() == 0
    second = terminal("work")
    second.wait_for("\nkept")
    second.type("echo the answer is $answer\r")
    second.wait_for("the answer is 42")


def test_a_session_outlives_its_window(terminal: Open) -> None:
    window = terminal("work")
    window.type("echo started\r")
    window.wait_for("\nstarted")
    window.close()
    again = terminal("attach", "work")
    again.wait_for("\nstarted")


def test_two_windows_show_one_session(terminal: Open) -> None:
    left, right = terminal("work"), terminal("work")
    right.wait_for(PROMPT)
    left.type("echo both see it\r")
    left.wait_for("\nboth see it")
    right.wait_for("\nboth see it")


def test_the_list_says_what_runs_where(sesh: Sesh) -> None:
    assert sesh("open", "notes", "--", "cat").code == 0
    assert sesh("open", "editor", "--", "sleep", "600").code == 0
    listed = sesh("list").stdout
    assert "notes" in listed, listed
    assert "sleep 600" in listed, listed


def test_a_session_ends_with_its_program(terminal: Open, sesh: Sesh) -> None:
    window = terminal("work")
    window.wait_for(PROMPT)
    window.type("exit 3\r")
    assert window.exit_code() == 3
    gone = sesh("attach", "work")
    assert gone.code == 1
    assert gone.stderr.startswith("sesh: no session work; it ended "), gone


def test_attach_starts_nothing(terminal: Open) -> None:
    window = terminal("attach", "wrok")
    assert window.exit_code() == 1
    assert "no session wrok" in window.text()


@says_who_reads
def test_the_board_shows_who_waits_with_the_question_and_answers_it(terminal: Open, sesh: Sesh) -> None:
    sesh("open", "ask", "--", "sh", "-c", "printf 'Deploy now? [y/N] '; read answer; echo got $answer; exec cat")
    assert sesh("wait", "ask", "--waiting").code == 0
    board = terminal("watch", columns=100)
    board.wait_for("Deploy now? [y/N]")
    board.type("\t")  # Tab answers
    board.type("yes\r")
    assert sesh("wait", "ask", "--for", "got yes").code == 0


def test_after_a_reload_the_same_shell_runs_on_in_a_new_sesh(terminal: Open, sesh: Sesh) -> None:
    window = terminal("work")
    window.wait_for(PROMPT)
    window.type("kept=yes\r")
    assert sesh("reload", "work").code == 0
    window.type("echo kept=$kept\r")
    window.wait_for("\nkept=yes")
