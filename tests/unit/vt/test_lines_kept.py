"""`logs`, `grep` and the API have each printed line once, whatever mix of floods and resizes came before."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator

_ALL = 1 << 62
#: Words to print: plain, coloured, wide, with tabs and with a part that is printed over.
_WORDS = ("", "word " * 9, "\x1b[31mred\x1b[m ", "漢字" * 20, "\ttab", "old\r")

Step = tuple[int, int] | tuple[int, str, int]
SIZES = st.tuples(st.integers(20, 110), st.integers(1, 60))
PRINTED = st.tuples(
    st.sampled_from([1, 3, 30, 100, 700]), st.sampled_from(_WORDS), st.sampled_from([100, 4096, 1 << 16])
)


def paged(emulator: Emulator, size: int) -> tuple[list[str], int]:
    """Return all lines, read in pages of `size` lines, and the number of the first."""
    lines, first = emulator.lines_before(_ALL, size, _ALL)
    while first > 0:
        page, first = emulator.lines_before(first, size, _ALL)
        assert page, first
        lines = page + lines
    return lines, first


@example([(700, _WORDS[1], 1 << 16), (80, 25)], 1000)
@example([(700, _WORDS[1], 1 << 16), (80, 25), (700, "", 1 << 16)], 1000)
@example([(30, "", 4096), (80, 60)], 7)
@given(st.lists(st.one_of(SIZES, PRINTED), max_size=8), st.sampled_from([7, 1000, 10_000]))
def test_each_printed_line_is_there_once_after_any_floods_and_resizes(steps: list[Step], page: int) -> None:
    """A window that grew by one row after a flood gave a line that nobody had printed, and took one away."""
    emulator = Emulator(80, 24, max_bytes=1 << 30)
    printed: list[str] = []
    for step in steps:
        if len(step) == 2:
            emulator.resize(*step)
        else:
            count, word, piece = step
            numbers = range(len(printed), len(printed) + count)
            data = "".join(f"{word}{number:06}\r\n" for number in numbers).encode()
            for start in range(0, len(data), piece):
                emulator.feed(data[start : start + piece])
            printed += [f"{number:06}" for number in numbers]
        lines, first = paged(emulator, page)
        assert [line[-6:] for line in lines] == printed
        assert first == 0


@example([(700, 4096), (24, 1)], 50)
@given(st.lists(st.tuples(st.sampled_from([1, 30, 300, 900]), st.integers(1, 60)), max_size=8), st.integers(0, 900))
def test_the_lines_of_a_short_scrollback_are_the_newest(steps: list[tuple[int, int]], kept: int) -> None:
    emulator = Emulator(80, 24, max_lines=kept)
    count = 0
    for many, height in steps:
        emulator.feed(b"".join(b"%06d\r\n" % number for number in range(count, count + many)))
        count += many
        emulator.resize(80, height)
        lines, first = emulator.lines_before(_ALL, _ALL, _ALL)
        assert lines == [f"{number:06}" for number in range(first, count)]
        assert emulator.screen.scrollback.count <= kept
