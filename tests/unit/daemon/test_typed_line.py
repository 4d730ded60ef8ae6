"""The line that somebody types at a prompt: how long it is by the keys, and whether the prompt stands bare again."""

from __future__ import annotations

from typing import Any

import pytest

from sesh.daemon.pty.typed_line import TypedLine, draws_prompt


@pytest.mark.parametrize(
    ("typed", "begun"),
    [
        (b"ls", True),
        (b"ls\r", False),
        (b"ls\x7f\x7f", False),
        (b"ls\x03", False),
        (b"ls\x15", False),
        (b"\x1b[A", True),
        (b"\x1b[C", False),
        (b"\x1b[200~a\rb\x1b[201~", True),
        (b"\x1b[200~a\x1b[201~\r", False),
        (b"\x1b[I", False),
        (b"ls\r\n", False),
        ("é\x7f".encode(), False),
        (b"ls\x1b[1\r", False),
    ],
)
def test_a_line_is_begun_until_it_is_entered_or_cleared(typed: bytes, begun: bool) -> None:
    line = TypedLine()
    line.add(typed, None)
    assert bool(line.length) == begun


class Foreground:
    """A raw terminal with a program in front."""

    group = 1

    def foreground(self) -> int:
        return self.group

    def raw(self) -> bool:
        return True

    def reader(self) -> tuple[int, bool]:
        return self.foreground(), self.raw()


def test_what_an_editor_took_is_no_part_of_the_line_at_the_prompt_behind_it() -> None:
    pty: Any = Foreground()
    line = TypedLine()
    line.add(b"dd:x", pty)
    assert line.unfinished(pty)
    pty.group = 2
    assert not line.unfinished(pty)
    line.add(b"l", pty)
    assert line.unfinished(pty)
    line.add(b"\x7f", pty)
    assert not line.unfinished(pty)


@pytest.mark.parametrize("key", [b"\x04", b"\x1a", b"\x1c"])
@pytest.mark.parametrize("raw", [False, True])
def test_what_the_kernel_held_is_gone_with_the_key_that_ends_or_stops_a_program(key: bytes, raw: bool) -> None:
    """The prompt behind it was said to hold an unfinished line, and `--run` was refused."""

    class Lines(Foreground):
        def raw(self) -> bool:
            return raw

    pty: Any = Lines()
    line = TypedLine()
    line.add(b"xy", pty)
    line.add(key, pty)
    assert bool(line.length) == raw


@pytest.mark.parametrize(
    ("typed", "drafted"),
    [
        (b"half a prompt", True),
        (b"half a prompt\n", True),
        (b"half\x1b[200~a\rprompt\x1b[201~", True),
        (b"\x1b[104u", True),
        (b"\x1b[A", False),
        (b"entered\r", False),
        (b"discarded\x03", False),
        (b"discarded\x15", False),
        (b"discarded\x1b", False),
        (b"discarded\x1b\x1b", False),
        (b"discarded\x1b[27;1:1u", False),
        (b"discarded\x1b[27;5;99~", False),
        (b"entered\x1b[13u", False),
    ],
)
def test_a_draft_stands_until_it_is_entered_or_discarded(typed: bytes, drafted: bool) -> None:
    pty: Any = Foreground()
    line = TypedLine()
    line.add(typed, pty)
    assert not line.drafted(pty), "a script typed it"
    line.add(b"\r", pty)
    line.add(typed, pty, attended=True)
    assert line.drafted(pty) is drafted
    pty.group = 2
    assert not line.drafted(pty)


PROMPT = b"\x1b[32mme@here\x1b[m:~$ "


@pytest.mark.parametrize(
    ("row", "bare"),
    [
        (PROMPT, True),
        (PROMPT + b"make\x08\x08\x08\x08\x1b[K", True),
        (b"\r\x1b[K(reverse-i-search)`': \r\x1b[K" + PROMPT, True),
        (PROMPT + b"make", False),
        (PROMPT + b" ", False),
        (PROMPT + b"make\x08\x08\x08\x08", False),
        (PROMPT.replace(b"~", b"/tmp"), False),
        (b"> ", False),
    ],
)
def test_a_prompt_is_bare_if_its_row_and_the_cursor_are_as_they_were(row: bytes, bare: bool) -> None:
    assert draws_prompt(row, PROMPT, 80, 24) is bare
