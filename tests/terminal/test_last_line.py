"""What a session has printed last tells why it has ended, long after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import Home, wait_until


def ended(home: Home, name: str) -> dict[str, Any]:
    """Return the row of a session in the list, once the session has ended."""

    def row() -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = json.loads(home.sesh("list", "--json").stdout)
        return next((each for each in rows if (each["name"], each["state"]) == (name, "exited")), None)

    return wait_until(row, f"{name} has ended")


@pytest.mark.parametrize(
    ("printed", "last"),
    [
        (r"first\nno space left on device\n", "no space left on device"),
        (r"killed\n\n  \n", "killed"),
        (r"\033[31mred\033[m \033]0;title\007words", "red words"),
        (r"\033[?1049hfull screen", None),
        ("", None),
    ],
)
def test_list_and_status_show_the_last_line_of_a_session_that_has_ended(
    home: Home, printed: str, last: str | None
) -> None:
    home.sesh("open", "w", "--", "sh", "-c", f"printf '{printed}'; exit 3")
    assert ended(home, "w")["last_line"] == last
    listed, status = home.sesh("list").stdout, home.sesh("status", "w").stdout
    assert ("last line:" in status) == (last is not None)
    assert (f" · {last}" in listed) == (last is not None)


def test_a_shell_that_its_tmout_has_ended_says_so(home: Home) -> None:
    home.sesh("open", "w", "--env", "TMOUT=1", "--", "bash", "--norc")
    assert "auto-logout" in ended(home, "w")["last_line"]
    assert "auto-logout" in home.sesh("list").stdout


def test_text_of_another_size_is_output_of_run(home: Home) -> None:
    home.sesh("open", "w", "--", "bash", "--norc")
    done = home.sesh("run", "w", "--", r"printf '\033]66;s=2;Big\033\\ words\033]0;title\007\n'")
    assert done.stdout == "Big words\n"
