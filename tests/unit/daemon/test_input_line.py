"""The line being typed: whether it has begun, and whether by a person."""

from __future__ import annotations

from typing import Any

import pytest

from sesh.daemon.pty import input_line
from sesh.daemon.pty.input_line import InputLine
from sesh.text.keys import tokens


class Foreground:
    group, is_raw = 1, True

    def foreground(self) -> int:
        return self.group

    def raw(self) -> bool:
        return self.is_raw


def type_in(line: InputLine, pty: Any, keys: bytes, *, drafts: bool = False) -> None:
    line.note_reader(pty)
    line.add(keys, drafts=drafts)


@pytest.mark.parametrize(
    ("keys", "escaped"),
    [
        (b"\x1b", True),
        (b"\x1b[27u", True),
        (b"\x1b\x1b[D", True),
        (b"\x1b[A", False),
        (b"\x1bOA", False),
        (b"\x1b\r", False),
        (b"\x1b\x03", False),
        (b"ab\r", False),
    ],
)
def test_an_escape_counts_until_its_line_ends(keys: bytes, escaped: bool) -> None:
    """Behind it a shell may be in the command mode of vi, where the letters of a line are commands."""
    line = InputLine()
    pty: Any = Foreground()
    for key, _ in tokens(keys):
        type_in(line, pty, key)
    assert line.is_escaped(pty) == escaped


def test_an_escape_that_another_program_has_read_does_not_count() -> None:
    line = InputLine()
    pty: Any = Foreground()
    type_in(line, pty, b"\x1b")
    pty.group = 2
    assert not line.is_escaped(pty)


@pytest.mark.parametrize(
    ("keys", "counts"),
    [
        (b"x", True),
        (b"\x1b", True),
        (b"\x1b[200~a\x1b[201~", True),
        (b"\x1b[118;5u", True),
        (b"\x1b[118;5:2u", True),
        (b"\x1b[118;5:3ux", True),
        (b"\x1b[118;5:3u\x1b[57442;1:3u", False),
        (b"\x1b[1;1:3A", False),
        (b"\x1b[86;47;22;0;8;1_", False),
        (b"\x1b[I", False),
        (b"\x1b[<35;10;10M", False),
    ],
)
def test_a_key_that_is_let_go_is_not_typed(keys: bytes, counts: bool) -> None:
    """The release of a key that was pressed before took a text's Enter away, and a sent file's paste."""
    line, pty = InputLine(), Foreground()
    type_in(line, pty, b"a")
    before = line.input_at
    type_in(line, pty, keys)
    assert (line.input_at > before) == counts


@pytest.mark.parametrize(
    ("typed", "begun", "drafted"),
    [
        (b"half", True, True),
        (b"half\n", False, False),
        (b"half\x1b", True, True),
        ("é\x7f".encode(), True, True),
        (b"half\x1b[200~a\rb\r\x1b[201~", True, True),
        (b"\x1b[104u", True, True),
        (b"\x1b[A", True, True),
        (b"half\x1b\r", True, True),
        (b"\x1b[C", False, False),
        (b"\x1b", False, False),
        (b"\x1b[I", False, False),
        (b"\x0c\x7f", False, False),
        (b"entered\r", False, False),
        (b"entered\x1b[13u\x1b[13;1:3u", False, False),
        (b"entered\x1b[200~a\x1b[201~\r", False, False),
        (b"discarded\x03", False, False),
        (b"discarded\x15", False, False),
        (b"discarded\x1b[27;5;99~", False, False),
        (b"ended\x04", False, False),
        (b"stopped\x1a", False, False),
        (b"ls\x1b[1\r", False, False),
    ],
)
def test_a_line_stands_until_it_is_entered_or_discarded(typed: bytes, begun: bool, drafted: bool) -> None:
    pty: Any = Foreground()
    script, person = InputLine(), InputLine()
    type_in(script, pty, typed)
    type_in(person, pty, typed, drafts=True)
    assert (script.length(pty) > 0, script.drafted(pty)) == (begun, False)
    assert (person.length(pty) > 0, person.drafted(pty)) == (begun, drafted)


def test_what_a_program_took_is_no_part_of_the_next_ones_line_and_what_the_kernel_holds_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pty: Any = Foreground()
    line = InputLine()
    type_in(line, pty, b"dd:x", drafts=True)
    pty.group = 2
    assert not line.length(pty)
    assert not line.drafted(pty)
    type_in(line, pty, b"\x1b")
    pty.group = 1
    assert not line.length(pty)
    pty.is_raw = False
    type_in(line, pty, b"typed ahead", drafts=True)
    pty.group, pty.is_raw = 2, True
    assert line.drafted(pty)
    monkeypatch.setattr(input_line, "DRAFT_LASTS", 0.0)
    assert not line.drafted(pty)
    assert line.length(pty)
