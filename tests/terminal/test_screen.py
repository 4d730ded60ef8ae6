"""`screen --format` prints the same screen as text, with colours, or as JSON."""

from __future__ import annotations

import os
import signal

from tests.support import Home, Sesh, wait_until


def test_every_format_shows_the_screen(sesh: Sesh) -> None:
    script = "printf '\\033[1;32mgr\u00fcn\\033[0m \u65e5\u672c \u2502 <tag>'; read line"
    sesh("open", "work", "--", "sh", "-c", script)
    assert sesh("wait", "work", "--for", "<tag>", "--since-start", "--timeout", "30").code == 0
    assert sesh("screen", "work").stdout.splitlines()[0] == "grün 日本 │ <tag>"
    assert sesh("screen", "work").stdout[-2:-1] not in ("", "\n"), "empty rows below the last are not printed"
    assert sesh("screen", "work", "--json").json()["lines"][-1] == ""
    assert sesh("screen", "work", "--format", "ansi").stdout.splitlines()[0] == "\x1b[0;1;32mgrün\x1b[m 日本 │ <tag>"
    answer = sesh("screen", "work", "--format", "json").json()
    assert (answer["session"], answer["format"], answer["columns"], answer["rows"]) == ("work", "json", 80, 24)
    assert answer["cells"][0][0] == {"column": 0, "width": 4, "text": "grün", "bold": True, "fg": 2}
    assert answer["cursor"]["column"] == len("grün 日本 │ <tag>") + 2
    for form in ("text", "ansi"):
        answer = sesh("screen", "work", "--format", form, "--json").json()
        assert (answer["format"], "tag" in answer["text"]) == (form, True)


def test_json_says_which_rows_go_on_with_the_one_above(sesh: Sesh, home: Home) -> None:
    """A line that wraps must not look like two lines."""
    script = "echo; echo one; printf '%0170d\\n' 7; echo two; read x"
    sesh("open", "wide", "--", "sh", "-c", script)
    assert sesh("wait", "wide", "--for", "two", "--since-start", "--timeout", "30").code == 0
    for words in (("--json",), ("--format", "json"), ("--format", "ansi", "--json")):
        assert sesh("screen", "wide", *words).json()["continued"] == [3, 4], words
    wait_until(
        lambda: any(name.startswith(".checkpoint") for name in os.listdir(home.directory)), "a checkpoint is written"
    )
    os.kill(sesh("status", "wide", "--json").json()["daemon_pid"], signal.SIGKILL)
    wait_until(lambda: home.summary("wide")["state"] == "lost", "the session wide counts as lost")
    assert sesh("screen", "wide", "--json").json()["continued"] == [3, 4]


def test_a_cursor_key_is_sent_as_the_program_has_asked_for_it(sesh: Sesh) -> None:
    sesh("open", "keys", "--", "sh", "-c", "printf '\\033[?1hon'; cat -v")
    sesh("wait", "keys", "--for", "on", "--since-start", "--timeout", "30")
    assert sesh("send", "keys", "--key", "Up", "--enter").code == 0
    assert sesh("wait", "keys", "--for", r"\^\[OA$", "--timeout", "30").code == 0
