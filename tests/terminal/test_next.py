"""`next` attaches to the session that has waited longest for the user."""

from __future__ import annotations

from tests.support import PROMPT, Home, Sesh, says_who_reads


def asking(sesh: Sesh, name: str) -> None:
    """A session that waits for an answer."""
    sesh("open", name, "--", "sh", "-c", f"printf '{name} asks? '; read x; echo got $x; read x")
    assert sesh("wait", name, "--waiting", "--timeout", "30").code == 0


@says_who_reads
def test_it_goes_to_the_one_that_has_waited_longest_and_then_to_the_next(sesh: Sesh, home: Home) -> None:
    for name in ("second", "first"):
        asking(sesh, name)
    sesh("open", "idle", "--", "sleep", "60")
    for name in ("second", "first", "second"):
        terminal = home.terminal("next")
        terminal.wait_for(f"{name} asks?")
        terminal.type(b"\x1c")
        assert terminal.exit_code() == 0
        assert f"detached from {name}" in terminal.text()


@says_who_reads
def test_inside_a_session_it_switches(sesh: Sesh, home: Home) -> None:
    asking(sesh, "one")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type("sesh next\r")
    terminal.wait_for("one asks?")
    terminal.type("yes\r")
    terminal.wait_for("got yes")
