"""The list as a person reads it, and that nothing in it steers the terminal."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import table
from sesh.cli.show import dumped, one_line, plain

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc).timestamp()


def session(**more: object) -> dict[str, object]:
    return {
        "name": "web",
        "state": "running",
        "attached": 0,
        "current": False,
        "created": "2026-02-27T11:00:00Z",
        "last_activity": "2026-03-01T11:57:00Z",
        "cwd": "/srv/site",
        "command": ["make", "serve"],
        **more,
    }


def test_a_row_tells_name_state_age_idle_time_directory_and_command() -> None:
    drawn = table.drawn(table.rows([session(current=True)], NOW), None)
    assert drawn.split("\n")[1].split() == ["*", "web", "detached", "2d", "3m", "/srv/site", "make", "serve"]


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, "detached"),
        ({"attached": 1}, "attached"),
        ({"attached": 2}, "attached 2"),
        ({"state": "exited", "exit_code": 3}, "exited 3"),
        ({"state": "lost"}, "lost"),
        ({"machine": "gpu\x1b[2J"}, "on gpu[2J"),
        ({"responding": False}, "not answering"),
    ],
)
def test_the_state_is_a_word_or_two(more: dict[str, object], shown: str) -> None:
    assert table.state(session(**more)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"), (400000, "4d"), (-9, "0s")],
)
def test_ages_are_short(seconds: int, shown: str) -> None:
    moment = datetime.fromtimestamp(NOW - seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert table.age(moment, NOW) == shown


@pytest.mark.parametrize("moment", [None, "", "yesterday", "2026-13", 5])
def test_an_unknown_age_is_left_out(moment: object) -> None:
    assert table.age(moment, NOW) == ""


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 12, 31)))
def test_moments_are_read_as_the_calendar_has_them(moment: datetime) -> None:
    known = moment.replace(tzinfo=timezone.utc, microsecond=0)
    assert table.seconds(known.strftime("%Y-%m-%dT%H:%M:%SZ")) == known.timestamp()
    assert table.seconds(known.isoformat()) == known.timestamp()


@given(st.text(max_size=200), st.text(max_size=200), st.integers(1, 200))
def test_no_line_is_wider_than_the_terminal_or_steers_it(cwd: str, command: str, width: int) -> None:
    lines = table.drawn(table.rows([session(cwd=cwd, command=[command, "x"])], NOW), width).split("\n")
    assert len(lines) == 2
    assert all(table.columns(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_directory_under_home_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    shown = [table.at_home(path) for path in ("/home/ann", "/home/ann/x", "/home/anna", "/")]
    assert shown == ["~", "~/x", "/home/anna", "/"]


def test_wide_characters_count_twice() -> None:
    assert table.columns("日本") == 4
    assert table.cut("日本語", 5) == "日本…"


@given(st.text())
def test_json_holds_no_control_character(text: str) -> None:
    import json

    raw = dumped({"title": text})
    assert raw.endswith(b"}\n")
    assert all(character.isprintable() or ord(character) >= 0xA0 for character in raw.decode()[:-1])
    assert json.loads(raw)["title"] == text


def test_bytes_that_are_no_utf_8_become_replacement_characters() -> None:
    assert dumped("a\udcffb") == '"a\ufffdb"\n'.encode()


@given(st.text())
def test_a_message_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    assert plain(text).isprintable()
