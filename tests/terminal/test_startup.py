"""The integration is found: by a file for fish, by `doctor`, and once by `history`."""

from __future__ import annotations

import os
import shutil

import pytest

from sesh.system import startup
from tests.support import PROMPT, Home, Sesh, wait_until
from tests.terminal.looking import history

LINE = 'at the end of ~/.bashrc: eval "$(sesh shell-init bash)"'


def append(home: Home, file: str, line: str) -> None:
    with open(os.path.join(home.path, file), "a", encoding="utf-8") as opened:
        opened.write(f"{line}\n")


@pytest.fixture
def fish(home: Home) -> str:
    """Make fish the user's shell, with the file that loads the integration; return the path of the launcher."""
    home.env["SHELL"] = shutil.which("fish") or ""
    startup.put_vendor_file({"XDG_DATA_HOME": os.path.join(home.path, ".local/share")})
    return home.write(".local/bin/sesh", f'#!/bin/sh\nexec {home.launcher} "$@"\n', 0o755)


@pytest.mark.needs("fish")
@pytest.mark.parametrize("line", [False, True], ids=["alone", "beside the line in config.fish"])
@pytest.mark.usefixtures("fish")
def test_fish_loads_it_from_one_file_and_once(home: Home, *, line: bool) -> None:
    if line:
        append(home, ".config/fish/config.fish", "sesh shell-init fish | source")
    opened = home.terminal("work")
    opened.wait_for(PROMPT)
    opened.type("echo once\r")
    wait_until(lambda: history(home), "the command is in the history")
    assert [(row["command"], row["exit_code"]) for row in history(home)] == [(["echo once"], 0)]
    assert home.sesh("history", "work", "1").stdout == "once\n"


@pytest.mark.needs("fish")
def test_the_file_does_nothing_outside_a_session_nor_once_sesh_is_gone(home: Home, fish: str) -> None:
    outside = home.terminal(command=["fish", "-C", "functions -q __sesh_prompt; echo loaded=$status"])
    outside.wait_for("loaded=1")
    os.unlink(fish)
    opened = home.terminal("work")
    opened.wait_for(PROMPT)
    opened.type("functions -q __sesh_prompt; echo loaded=$status\r")
    opened.wait_for("loaded=1")
    assert "sesh" not in "".join(row for row in opened.screen() if "loaded" not in row and "leaves" not in row)


def test_the_first_empty_history_names_the_line_and_no_later_one(sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    assert sesh("history", "work", "--json").json() == []
    assert sesh("history", "work").stderr == f"sesh: no commands known of work; to record what you type, write {LINE}\n"
    assert sesh("history", "work").stderr == "sesh: no commands known of work\n"


def test_the_doctor_names_the_line_each_time_until_it_is_there(sesh: Sesh, home: Home) -> None:
    def finding() -> tuple[str, str | None]:
        (row,) = (each for each in sesh("doctor", "--json").json()["checks"] if each["check"] == "startup")
        return row["state"], row["remedy"]

    assert [finding(), finding()] == [("warning", f"write {LINE}")] * 2
    append(home, ".bashrc", 'eval "$(sesh shell-init bash)"')
    assert finding() == ("ok", None)
    sesh("open", "work")
    assert sesh("history", "work").stderr == "sesh: no commands known of work\n"


def test_the_doctor_believes_a_session_whose_shell_loads_it_from_another_file(sesh: Sesh, home: Home) -> None:
    home.write("dotfiles/sesh", 'eval "$(sesh shell-init bash)"\n')
    append(home, ".bashrc", ". ~/dotfiles/sesh")
    sesh("open", "work")
    wait_until(lambda: home.summary("work")["integration"], "the shell has the integration")
    assert "startup bash loads the shell integration" in " ".join(sesh("doctor").stdout.split())
    assert sesh("history", "work").stderr == "sesh: no commands known of work\n"
