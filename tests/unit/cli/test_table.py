"""The list as a person reads it; nothing in the list controls the terminal."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.cli import table
from sesh.cli.printing import json_line
from sesh.text import describe, safe, times
from sesh.text.safe import one_line, plain
from tests.support.data import summary

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc).timestamp()


def test_a_row_tells_name_state_age_idle_time_directory_and_command() -> None:
    drawn = table.Table().lines([summary(current=True)], NOW)
    assert drawn[1].split() == ["*", "web", "detached", "2d", "3m", "/srv/site", "make", "serve"]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=3))
@example(["it's\nhere", "two  blanks", "\x1b7\u202e\\"])
def test_a_command_that_is_pasted_is_the_same_one(words: list[str]) -> None:
    """A line feed was shown as a blank."""
    line = describe.command_line(["printf", "%s\\0", *words])
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE, check=True, timeout=10)
    assert done.stdout.decode().split("\0")[:-1] == words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"), (400000, "4d"), (-9, "0s")],
)
def test_ages_are_short(seconds: int, shown: str) -> None:
    moment = datetime.fromtimestamp(NOW - seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert times.age(moment, NOW) == shown


@pytest.mark.parametrize("moment", [None, "yesterday", 5])
def test_an_unknown_age_is_left_out(moment: object) -> None:
    assert times.age(moment, NOW) == ""


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 12, 31)))
def test_moments_are_read_as_the_calendar_has_them(moment: datetime) -> None:
    known = moment.replace(tzinfo=timezone.utc, microsecond=0)
    assert times.seconds(known.strftime("%Y-%m-%dT%H:%M:%SZ")) == known.timestamp()
    assert times.seconds(known.isoformat()) == known.timestamp()


@given(st.text(max_size=200), st.text(max_size=200), st.integers(1, 200))
@example("\u0ec8", "", 1)
def test_no_line_is_wider_than_the_terminal_or_steers_it(cwd: str, command: str, width: int) -> None:
    drawn = table.Table(width)
    lines = drawn.lines([summary(cwd=cwd, command=[command, "x"])], NOW)
    assert len(lines) == 2
    lines += drawn.lines([summary(name="x" * 64, state="exited", exit_code=127, current=True)], NOW)
    assert len(lines) == 3
    assert all(safe.columns(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (108, "* web   attached 2  waiting   2d   3m    /srv/a/long/way/to/the/site  make serve all of it"),
        (80, "* web   attached 2  waiting   2d   3m    …ong/way/to/the/site  make serve all o…"),
        (50, "* web   attached 2  waiting   2d   3m    …the/site"),
        (30, "* web   attached 2  waiting"),
        (20, "* web   attached 2"),
        (14, "* web   attac…"),
        (5, "* web"),
    ],
)
def test_a_line_ends_at_the_edge_of_the_terminal(width: int, line: str) -> None:
    more = {"current": True, "attached": 2, "cwd": "/srv/a/long/way/to/the/site", "activity": {"state": "waiting"}}
    shown = table.Table(width).lines([summary(command=["make", "serve", "all", "of", "it"], **more)], NOW)
    assert shown[1] == line


def test_wide_characters_count_twice() -> None:
    assert safe.columns("日本") == 4
    assert safe.cut("日本語", 5) == "日本…"
    assert safe.cut("日本語", 5, keeps_end=True) == "…本語"
    assert safe.columns("e\u0301❤\ufe0f") == 3


@given(st.text())
def test_json_holds_no_control_character(text: str) -> None:
    import json

    raw = json_line({"title": text})
    assert raw.endswith(b"}\n")
    assert all(character.isprintable() or ord(character) >= 0xA0 for character in raw.decode()[:-1])
    assert json.loads(raw)["title"] == text


def test_bytes_that_are_no_utf_8_become_replacement_characters() -> None:
    assert json_line("a\udcffb") == '"a\ufffdb"\n'.encode()


@given(st.text())
def test_a_message_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    assert plain(text).isprintable()
