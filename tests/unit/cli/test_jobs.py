"""The output and exit code of a job, passed on by the command that waits."""

from __future__ import annotations

import json
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.jobs import FollowedOutput
from sesh.cli.printing import Output
from sesh.errors import Interrupted
from sesh.reach.cancelling import Interrupts


class Printed(Output):
    """Keeps what is printed."""

    printed = b""

    def write(self, data: bytes) -> None:
        self.printed += data


def test_a_ctrl_c_after_two_seconds_is_a_first_one_again() -> None:
    with Interrupts(tie=False, message="") as noted:
        for moment in (0.0, 1.0, 2.5, 3.0, 5.0, 6.9):
            noted.count_ctrl_c(moment)
        with pytest.raises(Interrupted):
            noted.count_ctrl_c(6.95)


def test_a_signal_waits_to_be_polled_or_interrupts_a_wait_that_cannot_pass_it_on() -> None:
    with Interrupts(tie=False, message="job goes on") as noted:
        signal.raise_signal(signal.SIGINT)
        assert noted.read() == bytes((signal.SIGINT,))
        noted.check_recorded()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted, match="job goes on"):
            noted.check_recorded()
        with noted.stop_on_first(), pytest.raises(Interrupted, match="interrupted"):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_that_another_thread_passes_on_after_the_end_meets_nothing() -> None:
    noted = Interrupts(tie=True, message="")
    noted.deliver(signal.SIGTERM)
    assert noted.read() == bytes((signal.SIGTERM,))
    noted.close()
    noted.deliver(signal.SIGTERM)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n", b"\xff", b"bc"])), st.data())
def test_line_ends_come_out_as_the_program_wrote_them_in_any_chunking(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    text, json_lines = Printed(json=False), Printed(json=True)
    output, lines = FollowedOutput(text), FollowedOutput(json_lines)
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        output.take(whole[:size])
        lines.take(whole[:size])
        whole = whole[size:]
    expected = b"".join(parts).replace(b"\r\n", b"\n")
    output.take(b"", last=True)
    lines.take(b"", last=True)
    assert text.printed == expected
    rows = b"".join(parts).split(b"\n")
    count = len(rows) if rows[-1] else len(rows) - 1
    assert json_lines.printed.count(b'{"line": ') == count


@pytest.mark.parametrize("text", ["xyz", "aä€😀", "\udc80"])
def test_a_line_of_json_without_an_end_comes_in_pieces_and_is_not_kept(text: str) -> None:
    """The whole line was kept, and copied for each block."""
    out, whole = Printed(json=True), text.encode("utf-8", "surrogateescape") * 50_000
    output = FollowedOutput(out)
    for start in range(0, len(whole), 7_001):
        output.take(whole[start : start + 7_001])
    assert out.printed.count(b"\n") == len(whole) // (1 << 16)
    output.take(b"\r\nend")
    output.take(b"", last=True)
    *pieces, end = [json.loads(line)["line"] for line in out.printed.splitlines()]
    assert ("".join(pieces), end) == (whole.decode("utf-8", "replace"), "end")
