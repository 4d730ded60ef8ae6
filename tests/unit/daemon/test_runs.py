"""What `--run` rests on: quoting, the marks taken out of output however it is cut, the line that is not entered."""

from __future__ import annotations

import gc
import subprocess
import weakref
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.pty.pump import TypedLine
from sesh.daemon.session import Session
from sesh.daemon.shell.run import RUNNING, LiveOutput, Run
from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH
from sesh.daemon.shell.wrapper import MarkFilter, quoted, source
from sesh.ops.shell import plain
from tests.support import need
from tests.support.data import daemon_facts

WORDS = ["", "a b", "it's", '"', "\\", "\\'", "$HOME", "`id`", "*", "\n", "!!", "~", "#", "-n", "ä", "{a,b}", "a\\\n"]
MARK = b"\x1b]7373;5ec.1.1;B\x07"


@pytest.mark.parametrize("kind", [BASH, ZSH, FISH, DASH, ASH])
def test_a_shell_reads_quoted_words_back(kind: str) -> None:
    program = [need("busybox"), "ash"] if kind == ASH else [need(kind)]
    line = "printf '%s\\0' " + " ".join(quoted(word, kind) for word in WORDS)
    done = subprocess.run([*program, "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == WORDS


def test_a_single_word_is_source() -> None:
    assert source(["a | b"], BASH) == "a | b"
    assert source(["a", "|"], BASH) == "a '|'"


def filtered(blocks: list[bytes], *, hold: bool = False) -> tuple[bytes, list[tuple[str, str]]]:
    """What passes a filter, and the marks that it found."""
    marks: list[tuple[str, str]] = []

    def marked(token: str, rest: str) -> bytes:
        marks.append((token, rest))
        return markers.drop() if hold else b""

    markers = MarkFilter("5ec", marked, lambda _: None)
    if hold:
        markers.hold()
    out = b"".join(markers.filter(block) for block in blocks) + markers.release_part()
    return out, marks


@given(st.lists(st.integers(0, 60), max_size=6))
def test_marks_are_found_however_the_output_is_cut(cuts: list[int]) -> None:
    data = b"one\x1b[1m\x1b]7373;other;B\x07" + MARK + b"two\x1b" + MARK
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    blocks = [data[a:b] for a, b in pairwise(edges)]
    assert filtered(blocks) == (b"one\x1b[1m\x1b]7373;other;B\x07two\x1b", [("5ec.1.1", "B")] * 2)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_what_holds_no_mark_passes_whole(blocks: list[bytes]) -> None:
    assert filtered(blocks) == (b"".join(blocks), [])


def test_of_an_echo_only_the_modes_pass() -> None:
    echo = b" . /x/y\x1b[K\r\x1b[3C\x1b[?2004l\r\r\n\x1b]133;C\x07\x1b[31m"
    assert filtered([echo, MARK + b"out"], hold=True) == (b"\x1b[?2004l\x1b]133;C\x07out", [("5ec.1.1", "B")])


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


def test_a_line_that_is_entered_costs_no_question_to_the_terminal() -> None:
    """Each key asked it twice, also where nothing was left that could be anybody's unfinished line."""

    class Asked(Foreground):
        count = 0

        def foreground(self) -> int:
            self.count += 1
            return self.group

    pty: Any = Asked()
    line = TypedLine()
    for data in (b"\r", b"make\r", b"\x03", b"\x1b[I", b"x\x7f"):
        line.add(data, pty)
    assert (pty.count, line.length) == (0, 0)
    line.add(b"x", pty)
    assert pty.count == 1


def test_escape_sequences_are_taken_out_and_nothing_else() -> None:
    output = b"\x1b[1;31mred\x1b[m\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\x1b(B\x1b7\ta\r\nb\x08\x07\x1b[?25l\xff"
    assert plain(output) == b"redlink\ta\r\nb\x08\x07\xff"


def test_the_output_of_a_command_that_has_ended_is_freed_at_once() -> None:
    """One that was sent as it came stayed until the collector's next full round: tens of megabytes each."""
    runs = Session(daemon_facts(pid=1), (80, 24, 0, 0), None).get_runs()
    runs.active = Run(["seq 9"], None, 1, wait=True, key="")
    runs.active.state, runs.active.live = RUNNING, LiveOutput(runs.active)
    output = weakref.ref(runs.active.output)
    gc.disable()
    try:
        runs.program_ended(0, "exited")
        assert output() is None
    finally:
        gc.enable()


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
