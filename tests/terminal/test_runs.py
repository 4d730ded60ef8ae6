"""The program in the foreground of a session, and unseen events, as lists show them."""

from __future__ import annotations

from typing import Any

from tests.support import Home, Open, Sesh, wait_until

NOTHING = {"bells": 0, "notification": None, "failed": 0}


def row(sesh: Sesh, name: str = "work") -> dict[str, Any]:
    return next(each for each in sesh("list", "--json").json() if each["name"] == name)


def line(sesh: Sesh, name: str = "work") -> str:
    """Return the session's line of the list."""
    return next(each for each in sesh().stdout.splitlines() if each.lstrip("!* ").startswith(f"{name} "))


def runs(home: Home, *command: str) -> None:
    """Wait until this command is in the foreground."""
    wait_until(
        lambda: (home.summary("work")["foreground"] or {}).get("command") == list(command),
        f"{command} is in the foreground",
    )


def test_the_list_shows_the_foreground_program_else_the_shell(sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    wait_until(
        lambda: home.summary("work")["foreground"]["pid"] == home.summary("work")["pid"],
        "the shell is in the foreground",
    )
    assert line(sesh).endswith("  bash")
    sesh("send", "work", "cat 'my notes.md' -", "--enter")
    runs(home, "cat", "my notes.md", "-")
    assert line(sesh).endswith("  cat 'my notes.md' -")
    shown = row(sesh)
    assert shown["command"] != shown["foreground"]["command"], "what was started stays what was started"
    assert shown["foreground"]["pid"] != shown["pid"]
    assert shown["foreground"]["title"] is None
    sesh("send", "work", "--key", "C-c")
    wait_until(lambda: line(sesh).endswith("  bash"), "the list shows bash in work")
    sesh("send", "work", "true | cat - /dev/tty", "--enter")
    runs(home, "cat", "-", "/dev/tty")  # the rest of a pipeline whose first command has ended


def test_a_title_is_shown_next_to_the_program_that_set_it_but_not_a_shells(sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    sesh("run", "work", "--", "printf '\\033]2;ann@box: ~\\007'")
    wait_until(lambda: home.summary("work")["title"] == "ann@box: ~", "work has the title")
    assert line(sesh).endswith("  bash")
    sesh("send", "work", "sh -c 'printf \"\\033]2;three mails\\007\"; read x'", "--enter")
    wait_until(lambda: (home.summary("work")["foreground"] or {}).get("title"), "the program has a title")
    assert line(sesh).endswith(" · three mails")
    sesh("send", "work", "--enter")
    wait_until(lambda: line(sesh).endswith("  bash"), "the list shows bash in work")


def test_endless_words_and_controls_are_cut_and_shown_plainly(sesh: Sesh) -> None:
    sesh("open", "work", "--", "sh", "-c", "read x # \x1b[2J\nread y \u202e", "x" * 100_000)
    shown = row(sesh)["foreground"]["command"]
    assert 30_000 < sum(map(len, shown)) < 40_000
    assert line(sesh).isprintable()


def test_what_happened_while_nobody_was_attached_is_marked_until_somebody_attaches(
    sesh: Sesh, terminal: Open, home: Home
) -> None:
    sesh("open", "work")
    assert row(sesh)["unseen"] == NOTHING
    sesh("send", "work", "printf '\\a\\a\\033]9;build done\\007'", "--enter")
    assert sesh("run", "work", "--", "false").code == 1
    wait_until(
        lambda: home.summary("work")["unseen"] == {"bells": 2, "notification": "build done", "failed": 1},
        "the bells, the notification and the failure are noted",
    )
    assert line(sesh).startswith("! work")
    assert "  [failed, 2 bells, build done] bash" in line(sesh)
    assert "unseen:        failed, 2 bells, build done" in sesh("status", "work").stdout
    opened = terminal("work")
    opened.wait_for("2 bells")
    assert row(sesh)["unseen"] == NOTHING
    opened.type("\x1c")
    opened.exit_code()
    wait_until(lambda: home.summary("work")["attached"] == 0, "no terminal is attached to work")
    assert row(sesh)["unseen"] == NOTHING
    assert line(sesh).endswith("  bash")
