"""The settings of a terminal by name: read, carried between systems, given."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.schema.check import checked_here
from sesh.schema.facts import TerminalSettings
from sesh.system import terminal_modes
from sesh.system.terminal_modes import DISABLED, IUTF8, named, settings_of, with_settings

LOCAL, CHARACTERS = 3, 6
NEVER = (
    (0, termios.ICRNL),
    (1, termios.OPOST),
    (2, termios.CREAD),
    (LOCAL, termios.ICANON | termios.ECHO | termios.ISIG),
)
"""The flags of what a program does with a terminal."""

attributes = st.builds(
    lambda flags, characters: [*flags, 15, 15, [bytes([each]) for each in characters]],
    st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4),
    st.lists(st.integers(0, 255), min_size=termios.NCCS, max_size=termios.NCCS),
)


@pytest.fixture
def line() -> Iterator[int]:
    master, slave = pty.openpty()
    with closing(os.fdopen(master, "rb", 0)), closing(os.fdopen(slave, "rb", 0)):
        yield slave


@given(attributes, attributes, st.sampled_from([0, 255]), st.sampled_from([0, 255]))
def test_what_is_read_on_one_system_is_read_again_where_it_was_given(
    ours: list[object], theirs: list[object], here: int, there: int
) -> None:
    ours[LOCAL] |= termios.ICANON  # type: ignore[operator]
    theirs[LOCAL] |= termios.ICANON  # type: ignore[operator]
    settings = named(ours, here)
    assert checked_here(TerminalSettings, settings) == settings
    free = {name: value for name, value in settings.items() if value != there or name[0] != "V"}
    got = named(with_settings(theirs, free, there), there)
    assert {name: got[name] for name in free} == free


@given(
    attributes,
    st.dictionaries(st.sampled_from(["IXON", "VINTR", "TABDLY", "ICANON", "ECHO", "?"]), st.integers(0, 255)),
)
def test_no_setting_changes_what_a_program_does_with_a_terminal(before: list[object], settings: dict[str, int]) -> None:
    after = with_settings(before, settings, 0)
    assert [after[place] & bit for place, bit in NEVER] == [before[place] & bit for place, bit in NEVER]  # type: ignore[operator]
    assert after[4:CHARACTERS] == before[4:CHARACTERS]
    assert len(after) == len(before)


@given(attributes)
def test_raw_mode_tells_nothing_of_input(raw: list[object]) -> None:
    raw[LOCAL] &= ~termios.ICANON  # type: ignore[operator]
    assert not {"IXON", "IXOFF", "IXANY", "IUTF8"} & named(raw, 0).keys()


def test_a_terminal_gets_them_and_what_is_none_has_none(line: int) -> None:
    terminal_modes.give(line, {"VINTR": 7, "VSUSP": DISABLED, "IXON": 0, "IUTF8": 1, "TABDLY": 3, "VNEW": 1})
    settings = settings_of(line)
    assert [settings[name] for name in ("VINTR", "VSUSP", "IXON", "IUTF8", "TABDLY")] == [7, DISABLED, 0, 1, 3]
    assert termios.tcgetattr(line)[0] & IUTF8
    read, write = os.pipe()
    assert settings_of(read) == {}
    os.close(read)
    os.close(write)
