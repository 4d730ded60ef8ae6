"""What comes from several hosts at once: whole lines under their names, values with their hosts."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import fanout, printing
from sesh.cli.fanout import HostRun


def run(host: str) -> HostRun:
    """A run without a process."""
    own = HostRun.__new__(HostRun)
    own.host, own.output, own.notes = host, bytearray(), b""
    own.prefix = f"{host}: ".encode()
    return own


@given(st.lists(st.binary(max_size=12)))
def test_every_line_comes_whole_under_its_host(pieces: list[bytes]) -> None:
    written: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", written.append)
        patch.setattr(os, "waitpid", lambda pid, _: (pid, 0))
        one = run("box")
        one.pid = 1
        for piece in pieces:
            one.print_lines(piece)
        assert one.finish() == 0
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
            assert len(one.output) <= fanout._LONGEST
        one.print_lines(b"y\nend")
    assert one.output == b"end"
    lines = b"".join(written).splitlines()
    assert {len(line) for line in lines[:-1]} == {len(b"box: ") + fanout._LONGEST}
    assert b"".join(line.removeprefix(b"box: ") for line in lines) == b"x" * 65_000 * 64 + b"y"


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"d\n", b"e\nf"]), min_size=1))
def test_of_what_is_not_printed_the_last_line_is_kept(pieces: list[bytes]) -> None:
    one = run("box")
    for piece in pieces:
        one.keep_last_line(piece)
    assert bytes(one.output) == b"".join(pieces).splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    ("output", "notes", "code", "value"),
    [
        (b'{"exit_code": 3, "host": "x"}\n', b"", 3, {"exit_code": 3, "host": "box"}),
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
    one.output, one.notes = bytearray(output), notes
    assert one.value(code) == value


def test_the_summary_says_why() -> None:
    one, other = run("box"), run("other-box")
    other.notes = b"sesh: other-box cannot be \x1b[31mreached\n"
    lines = printing.aligned([fanout._row(one, 0), fanout._row(other, 125)])
    assert lines == ["box        ok", "other-box  failed (125)  other-box cannot be [31mreached"]
