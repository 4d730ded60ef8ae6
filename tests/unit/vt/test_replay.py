"""After a replay, a terminal shows what it would show if always attached."""

from __future__ import annotations

import random
import re
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.render import replay as module
from sesh.vt.render.clean_screen import clean_screen
from sesh.vt.render.replay import Replay, repainting, replay, replaying
from tests.unit.vt.streams import essence, fed, piece

ALL = 10**9
SIZES = ((20, 5), (10, 4), (7, 3), (2, 2), (1, 3), (5, 1), (30, 6), (1, 1))
FOR_WIDE = [size for size in SIZES if size[0] > 1]  # one column alone has no room for a wide character

#: Streams of grammar elements, by seed: shrinking drops elements.
streams = st.lists(st.integers(0, 2**32).map(lambda seed: piece(random.Random(seed))), max_size=60)
bytestreams = st.one_of(streams.map(b"".join), st.binary(max_size=80))


@given(bytestreams, st.sampled_from(SIZES))
def test_replaying_gives_the_same_state(data: bytes, size: tuple[int, int]) -> None:
    emulator = fed(data, *size)
    copy = fed(replay(emulator, lines=ALL), *size)
    assert essence(copy) == essence(emulator)


#: What takes a cursor out of the margins in origin mode, and what may follow.
SAVES = (
    b"\x1b[?6h", b"\x1b[?6h", b"\x1b[?6l", b"\x1b7", b"\x1b8", b"\x1b8", b"\x1b[s", b"\x1b[u", b"\x1b[?1048h",
    b"\x1b[?1048l", b"\x1b[2;3r", b"\x1b[r", b"\x1b[1;2r", b"\x1b[?69h", b"\x1b[?69l", b"\x1b[3;5s", b"\x1b[2;9s",
    b"\x1b[H", b"\x1b[2;4H", b"\x1b[4;7H", b"\x1b[9;99H", b"\x1b[A", b"\x1b[2B", b"\x1b[C", b"\x1b[3D", b"\r", b"\n",
    b"\b", b"\t", b"x", b"xyz", "中".encode(), b"\x1b[31m", b"\x1b[?7l", b"\x1b[?7h", b"\x1b[4h", b"\x1b[4l",
    b"\x1b[20h", b"\x1b(0", b"\x0e", b"\x1b[?5h", b"\x1b[?47h", b"\x1b[?47l", b"\x1b[?1047h", b"\x1b[?1047l",
    b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[!p", b"\x1bM", b"\x1bD", b"\x1b[?45h",
)  # fmt: skip


@example([b"\x1b[?6h", b"\x1b7", b"\x1b[2;3r", b"\x1b8", b"x"], (20, 5), (20, 5))
@example([b"\x1b[?6h", b"\x1b7", b"\x1b[2;3r", b"\x1b[?47h", b"\x1b8", b"\x1b[?47l"], (20, 5), (20, 5))
@given(st.lists(st.sampled_from(SAVES), max_size=25), st.sampled_from(FOR_WIDE), st.sampled_from(FOR_WIDE))
def test_a_cursor_that_was_restored_outside_the_margins_is_placed_there(
    data: list[bytes], size: tuple[int, int], later: tuple[int, int]
) -> None:
    """In origin mode nothing but DECRC can move there."""
    emulator = fed(b"".join(data[:20]), *size)
    for columns, rows in (size, later):
        emulator.resize(columns, rows)
        emulator.feed(b"".join(data[20:]))
        assert essence(fed(replay(emulator, lines=ALL), columns, rows)) == essence(emulator)


def test_a_saved_cursor_goes_back_to_its_place_also_outside_the_margins() -> None:
    """As in VTE, kitty, tmux; and in xterm, which stops only at the bottom and right margin."""
    assert fed(b"\x1b[?6h\x1b7\x1b[2;4r\x1b8X").text()[:2] == ["X", ""]
    assert fed(b"\x1b[?6h\x1b[5;3H\x1b[s\x1b[2;4r\x1b[uX").text()[4] == "  X"
    assert fed(b"\x1b[?6h\x1b[2;19H\x1b[?1048h\x1b[?69h\x1b[3;6s\x1b[?1048lX").text()[1] == " " * 18 + "X"
    assert fed(b"\x1b[?6h\x1b[?1049h\x1b[?6l\x1b[2;4r\x1b[?1049lX").text()[:2] == ["X", ""]


@pytest.mark.parametrize("rows", [24, 60, 10])
@pytest.mark.parametrize("seen", [0, 2000])
def test_a_replay_comes_in_small_parts_and_output_goes_on_from_where_it_began(seen: int, rows: int) -> None:
    """The terminal attaches, or missed 3,000 lines, while it is resized and output comes."""
    output = [b"\x1b[3%dmline %d\x1b[m\r\n" % (n % 8, n) for n in range(seen + 3000)]
    emulator, copy = Emulator(80, 24), Emulator(80, 24)
    emulator.feed(b"".join(output))
    copy.feed(b"".join(output[:seen]))
    if seen:
        missed = emulator.scrolled - copy.scrolled
        in_parts = repainting(emulator, lines=missed, begun=0, was_alternate=False, pushed=copy.stacks)
    else:
        in_parts = replaying(emulator, lines=3000)
    meanwhile: list[bytes] = []
    while in_parts.advance():
        assert in_parts._bytes[-1].count(b"\n") <= 256 + 24
        meanwhile.append(b"between %d\r\n" % len(meanwhile))
        emulator.feed(meanwhile[-1])
        if len(meanwhile) == 3:
            emulator.resize(80, rows)
    copy.feed(in_parts.finish() + b"".join(meanwhile[:3]))
    copy.resize(80, rows)
    copy.feed(b"".join(meanwhile[3:]))
    lines = emulator.last_lines(3000, ansi=True)
    assert copy.last_lines(3000, ansi=True) == lines
    assert "between 5" in lines


@given(bytestreams, bytestreams, st.sampled_from(SIZES), st.sampled_from(SIZES), st.integers(0, 20), st.booleans())
def test_a_replay_is_that_of_the_moment_at_which_it_began(
    before: bytes, meanwhile: bytes, size: tuple[int, int], later: tuple[int, int], at: int, attaches: bool
) -> None:
    """The emulator goes on, changes its size, and drops lines while a replay is made in parts."""
    emulator = fed(b"".join(b"line %d\r\n" % number for number in range(60)) + before, *size, max_lines=50)

    def begins() -> Replay:
        return replaying(emulator, lines=ALL) if attaches else repainting(emulator, lines=30, begun=1)

    with patch.object(module, "_PART", 100):
        expected, in_parts = begins().finish(), begins()
        for number in range(40):
            in_parts.advance()
            emulator.feed(meanwhile if number == at else b"later %d\r\n" % number)
            if number == at // 2:
                emulator.resize(*later)
        emulator.feed(b"\x1b[3J\x1bc")
        assert in_parts.finish() == expected


def test_a_part_of_a_replay_has_one_long_line() -> None:
    """A part of many lines of a scrollback with the longest lines took 0.6 s."""
    emulator = Emulator(80, 24)
    emulator.feed(b"".join(b"%d" % n * 40_000 + b"\r\n" for n in range(8)) + b"\n" * 24)
    in_parts = replaying(emulator, lines=100)
    while in_parts.advance():
        assert sum(b"%d" % n * 80 in in_parts._bytes[-1] for n in range(8)) <= 1


@given(bytestreams, bytestreams, st.sampled_from(SIZES))
def test_what_comes_after_a_replay_means_the_same(data: bytes, more: bytes, size: tuple[int, int]) -> None:
    emulator = fed(data, *size)
    copy = fed(replay(emulator, lines=ALL), *size)
    more = re.sub(rb"\x1b\[\d*[;\d]*[bJ]|\x1bc", b"", more)  # REP across lines and RIS use the scrollback
    more = b"\x18" * emulator.in_image + more  # no replay has a part of an image
    emulator.feed(more)
    copy.feed(more)
    here, there = essence(emulator), essence(copy)
    assert there["rows"] == here["rows"]
    assert there["cursor"] == here["cursor"]


@given(streams, streams)
def test_repainting_brings_a_terminal_that_missed_output_up_to_date(seen: list[bytes], missed: list[bytes]) -> None:
    def left_out(item: bytes) -> bool:
        return b"?12" in item or b"?1007" in item or b"]133;" in item  # no mark can be taken back

    seen, missed = ([item for item in part if not left_out(item)] for part in (seen, missed))
    assert_caught_up(b"".join(seen), b"".join(missed))


def assert_caught_up(seen: bytes, missed: bytes) -> None:
    client, emulator = fed(seen), fed(seen + missed)
    lines = emulator.scrolled - client.scrolled
    client.feed(repainting(emulator, lines=lines, was_alternate=client.alternate, pushed=client.stacks).finish())
    here, there = essence(emulator), essence(client)
    for left_alone in ("lines held", "open line"):
        del here[left_alone], there[left_alone]
    assert there == here


@pytest.mark.parametrize("missed", [b"\x1bc", b"\x1bc\x1b[?47h", b"\x1bc\x1b[?47htext\x1b[?47l"])
@pytest.mark.parametrize(
    "seen",
    [
        b"\x1b[?1049h\x1b[?1049h\x1b[3;4H\x1b[?1049h\x1b[?1049l",
        b"\x1b[?47h\x1b[2;2H\x1b7",
        b"\x1b[?47htext\x1b[?47l",
        b"\x1b[?1049h\x1b[=3;1u",
        b"\x1b[?1049h\x1b[=3;1u\x1b[>5u\x1b[?1049l",
        b"\x1b[=3;1u\x1b[>5u",
    ],
)
def test_what_a_screen_kept_is_taken_back_on_a_terminal_that_missed_its_end(seen: bytes, missed: bytes) -> None:
    assert_caught_up(seen, missed)


@pytest.mark.parametrize("missed", [b"", b"\r\n" * 5])
def test_nothing_shows_through_in_the_last_column_where_a_wide_character_did_not_fit(missed: bytes) -> None:
    """A terminal leaves there what stood there when it wraps before such a character."""
    line = b"\x1b[H\x1b[Jwide" + ("\u4e2d" * 8 + "!" + "\u4e2d" * 20).encode()
    client, emulator = fed(b"x" * 100), fed(b"x" * 100 + line + missed)
    assert emulator.scrolled == bool(missed)
    client.feed(repainting(emulator, lines=emulator.scrolled, was_alternate=client.alternate).finish())
    assert essence(client)["rows"] == essence(emulator)["rows"]
    assert "x" not in "".join(client.last_lines(99))


def test_a_new_session_begins_on_an_empty_screen() -> None:
    client = fed(b"\x1b[2;3r\x1b[?6hold words\r\nmore\x1b]0;unfinished")
    client.feed(clean_screen(20, 5))
    assert client.text() == [""] * 5
    assert client.cursor == (0, 0)
    assert client.screen.scrollback.last(99) == ["", "old words", "more"]


@pytest.mark.parametrize("column", [0, 1, 19, 20])
@pytest.mark.parametrize("row", range(5))
def test_the_screen_is_scrolled_away_by_its_own_height(row: int, column: int) -> None:
    client = fed(b"".join(b"row %d\r\n" % number for number in range(row)) + b"x" * column)
    client.feed(clean_screen(20, 5))
    assert client.text() == [""] * 5
    assert client.cursor == (0, 0)
    left = ["x" * column] if column else []
    assert client.screen.scrollback.last(99) == [f"row {number}" for number in range(row)] + left


@pytest.mark.parametrize("lines", [0, 3, ALL])
def test_only_the_asked_for_lines_of_scrollback_come(lines: int) -> None:
    emulator = fed(b"".join(b"line %d\r\n" % number for number in range(20)))
    client = fed(replay(emulator, lines=lines))
    wanted = [f"line {number}" for number in range(20)][-(4 + min(lines, 16)) :]
    assert [line for line in client.last_lines(99) if line] == wanted


def test_r25_nothing_that_acts_is_ever_replayed() -> None:
    """Bells, queries, clipboard writes, resets and synchronized output would act on the terminal."""
    rng = random.Random(4)
    acting = re.compile(
        rb"\x07|\x1bc|\x1b\]52|\?2026h|\x1b\[[?>=]*\d*(?:;\d+)*[cnx]|\$p|\x1bP|\x1b_|\?\x1b\\|\x1b\[[23]J|\x1b\[\?u|\x1b\[8;"
    )
    for _ in range(80):
        data = b"\x07\x1b]52;c;aGk=\x07\x1b[?2026h\x1b]10;?\x07" + b"".join(piece(rng) for _ in range(40)) + b"\x18"
        emulator = fed(data)
        emulator.feed(b"\x18\x1b\\")
        assert not acting.search(replay(emulator, lines=ALL))
        assert not acting.search(repainting(emulator).finish())


def test_r23_strings_of_programs_come_back_without_controls() -> None:
    emulator = fed(b"\x1b]2;a\x01b\x7fc\nd\x07\x1b]7;file://h/\x00p\x07")
    assert b"\x1b]1;\x1b\\\x1b]2;abcd\x1b\\\x1b]7;file://h/p\x1b\\" in replay(emulator)


@pytest.mark.parametrize("output", [b"", b"\x1b[22;0t\x1b]0;x\x07\x1b[23;0t", b"\x1b[22;0t\x1b]2;x\x07"])
def test_a_title_under_which_the_program_pushed_its_own_stays(output: bytes) -> None:
    """The terminal lost its own title at an attach."""
    client = fed(b"\x1b]0;own\x07")
    client.feed(replay(fed(output)) + b"\x1b[23;0t")
    assert client.screen.title == "own"


def test_kitty_flags_appear_only_where_the_program_used_them() -> None:
    assert b"u" not in replay(fed(b"text"))
    assert b"\x1b[=0;1u\x1b[>5u" in replay(fed(b"\x1b[>5u"))


def test_the_alternate_screen_appears_only_where_the_program_uses_it() -> None:
    assert b"1049" not in replay(fed(b"\x1b[?1049hx\x1b[?1049l"))
    assert b"1049" not in repainting(fed(b"text")).finish()


@pytest.mark.parametrize("mode", [8, 1070, 1243])
def test_a_mode_that_is_on_by_default_comes_back_as_the_program_left_it(mode: int) -> None:
    assert fed(b"").mode(mode)
    assert b"\x1b[?%dl" % mode in replay(fed(b"\x1b[?%dl" % mode))
    assert b"\x1b[?%d" % mode not in replay(fed(b""))
