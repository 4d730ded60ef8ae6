"""A terminal's reports are read whole, and the first byte of anything else is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.reports import Answers, ReportReader, Typed, Wait, begun

REPORTS = [
    b"\x1b[92;5:3u", b"\x1b[<35;10;10M", b"\x1b[<0;1;1m", b"\x1b[M #!", b"\x1b[M\x1b[M", b"\x1b[I", b"\x1b[O",
    b"\x1b[48;24;80;0;0t", b"\x1b[?62;22c", b"\x1b[0n", b"\x1b[?997;1n", b"\x1b[?2026;2$y", b"\x1b[13;28;13;1;0;1_",
    b"\x1b]11;rgb:0/0/0\x07", b"\x1b]4;1;rgb:1/2/3\x1b\\", b"\x1bP1$r0m\x1b\\", b"\x1b_Gi=1;OK\x1b\\",
    b"\x1b[A", b"\x1bOP",
    b"\x1b[200~rm -r\r\x1b[1m\x1b[201~", b"\x1bP>|" + b"x" * 500 + b"\x1b\\", b"\x1b[200~" + b"\r" * 500 + b"\x1b[201~",
]  # fmt: skip


def read(data: bytes) -> list[Typed]:
    reader = ReportReader()
    return [reader.feed(bytes([byte])) for byte in data]


@given(st.lists(st.sampled_from(REPORTS)))
def test_reports_are_read_whole(reports: list[bytes]) -> None:
    wanted = [kind for each in reports for kind in [Typed.WITHIN] * (len(each) - 1) + [Typed.END]]
    assert read(b"".join(reports)) == wanted


@given(
    st.lists(st.sampled_from(REPORTS)),
    st.sampled_from([b"a", b"\r", b"\x03", b"\xc3", b"\x1bx", b"\x1b\x1b", b"\x1b[1\r"]),
)
def test_the_byte_that_no_report_has_is_noticed(reports: list[bytes], typed: bytes) -> None:
    found = read(b"".join(reports) + typed)
    assert found.index(Typed.KEY) == len(found) - 1


@given(st.binary(max_size=200))
def test_any_input_is_read(data: bytes) -> None:
    assert len(read(data)) == len(data)


@pytest.mark.parametrize("report", REPORTS)
def test_nothing_ends_a_report_early(report: bytes) -> None:
    assert Typed.END not in read(report[:-1])


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_that_was_begun_before_goes_on(report: bytes) -> None:
    for cut in range(1, len(report)):
        reader = ReportReader(begun(b"typed\r" + report[:cut]))
        assert [reader.feed(bytes([byte])) for byte in report[cut:]][-1] is Typed.END, cut


@given(st.sampled_from([b"\x1b", b"\x1b[", b"\x1bO", b"\x1b]", b"\x1bP"]), st.sampled_from(REPORTS))
def test_a_key_that_looks_like_a_beginning_hides_no_report_after_it(key: bytes, report: bytes) -> None:
    reader = ReportReader(begun(b"typed\r" + key))
    found = [reader.feed(bytes([byte])) for byte in report + b"\x1b[?62c"]
    assert Typed.KEY not in found
    assert found[-1] is Typed.END
    assert reader.report.endswith(b"\x1b[?62c")


@given(st.binary(max_size=100), st.lists(st.sampled_from([each for each in REPORTS if each != b"\x1b[M\x1b[M"])))
def test_whole_reports_begin_nothing(data: bytes, reports: list[bytes]) -> None:
    assert begun(data.replace(b"\x1b", b"") + b"".join(reports) + b"x") == b""


def test_a_terminal_that_has_answered_once_is_not_silent_when_it_is_late() -> None:
    assert Answers.UNTRIED.after(Wait.BEGUN) is Answers.NO
    assert Answers.NO.after(Wait.TYPED) is Answers.NO
    assert Answers.NO.after(Wait.OVER) is Answers.YES
    assert Answers.YES.after(Wait.BEGUN) is Answers.YES
