"""What comes from several hosts at once: whole lines under their names, values with their hosts."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import fanout, printing
from sesh.cli.fanout import Branch


def run(host: str) -> Branch:
    """A branch without a process, whose lines are printed."""
    own = Branch(host, {"host": host}, lambda: 0)
    own.prefix = f"{host}: ".encode()
    own.take = own.print_lines
    return own


@given(st.lists(st.binary(max_size=12)))
def test_every_line_comes_whole_under_its_host(pieces: list[bytes]) -> None:
    written: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", written.append)
        patch.setattr(os, "waitpid", lambda pid, _: (pid, 0))
        one = run("box")
        for piece in pieces:
            one.print_lines(piece)
        one.finish()
        assert one.code == 0
    whole = b"".join(pieces)
    lines = whole.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assert b"".join(written) == b"".join(b"box: " + line + b"\n" for line in lines)


def test_output_without_a_line_feed_is_printed_in_pieces_and_not_kept() -> None:
    """All of it was kept, and copied for each block."""
    written: list[bytes] = []
    one = run("box")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", lambda data: written.append(bytes(data)))
        for _ in range(64):
            one.print_lines(b"x" * 65_000)
            assert len(one.output) <= printing.LONGEST
        one.print_lines(b"y\nend")
    assert one.output == b"end"
    lines = b"".join(written).splitlines()
    assert {len(line) for line in lines[:-1]} == {len(b"box: ") + printing.LONGEST}
    assert b"".join(line.removeprefix(b"box: ") for line in lines) == b"x" * 65_000 * 64 + b"y"


def test_a_piece_of_a_long_line_ends_with_a_whole_character() -> None:
    """Every second piece began, and ended, with half of one: broken text, and a file that is no UTF-8."""
    written: list[bytes] = []
    one = run("box")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", lambda data: written.append(bytes(data)))
        one.print_lines(b"x" + "é".encode() * 40_000)
        one.print_lines("é\n".encode())
    lines = b"".join(written).decode().splitlines()
    assert len(lines) == 2
    assert "".join(line.removeprefix("box: ") for line in lines) == f"x{'é' * 40_001}"


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"d\n", b"e\nf"]), min_size=1))
def test_of_what_is_not_printed_the_last_line_is_kept(pieces: list[bytes]) -> None:
    one = run("box")
    for piece in pieces:
        one.keep_last_line(piece)
    assert bytes(one.output) == b"".join(pieces).splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    ("output", "notes", "code", "value"),
    [
        (b'{"exit_code": 3, "host": "x"}\n', b"", 3, {"exit_code": 3, "host": "x"}),
        (b'{"line": "a"}\n{"exit_code": 0}\n', b"", 0, {"exit_code": 0, "host": "box"}),
        (
            b'{"error": {"code": "unreachable", "message": "m"}}\n',
            b"",
            125,
            {"error": {"code": "unreachable", "message": "m"}, "host": "box", "exit_code": 125},
        ),
        (
            b"",
            b"warning\nsesh: it broke\n",
            1,
            {"error": {"code": "internal", "message": "it broke"}, "host": "box", "exit_code": 1},
        ),
    ],
)
def test_a_host_s_answer_bears_its_name(output: bytes, notes: bytes, code: int, value: object) -> None:
    one = run("box")
    one.output, one.code = bytearray(output), code
    one.take_notes(notes)
    assert one.value() == value


def test_the_summary_says_why() -> None:
    one, other = run("box"), run("other-box")
    other.take_notes(b"sesh: other-box cannot be \x1b[31mreached\n")
    other.code = 125
    lines = printing.aligned([fanout._row(one), fanout._row(other)])
    assert lines == ["box        ok", "other-box  failed (125)  other-box cannot be [31mreached"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=1, max_size=6)), max_size=20))
def test_hosts_have_their_turns_in_their_order(pieces: list[tuple[str, bytes]]) -> None:
    written: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", written.append)
        branches = {name: run(name) for name in "abc"}
        for branch in branches.values():
            branch.take = branch.hold
        for name, data in pieces:
            branches[name].take(data)
        for branch in branches.values():
            assert branch.take_turn()
    own = {name: b"".join(data for other, data in pieces if other == name) for name in "abc"}
    lines = [(name, line) for name in "abc" for line in own[name].removesuffix(b"\n").split(b"\n") if own[name]]
    assert b"".join(written) == b"".join(b"%s: %s\n" % (name.encode(), line) for name, line in lines)


def test_values_that_are_followed_bear_their_host() -> None:
    written: list[object] = []
    one = run("box")
    one.take = one.print_values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "value", written.append)
        for piece in (b'{"li', b'ne": "a"}\n{"line": ', b'"b"}\n{"event": "x", "host": "y"}\n'):
            one.take(piece)
    assert written == [{"host": "box", "line": "a"}, {"host": "box", "line": "b"}, {"host": "y", "event": "x"}]
