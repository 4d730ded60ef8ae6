"""Whatever a stream set in a terminal is done."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.terminal_reset import TerminalReset
from sesh.vt.emulator import Emulator

BARE = TerminalReset().reset_bytes(80)
"""The bytes of a reset after any stream."""


def reset(*blocks: bytes) -> bytes:
    follower = TerminalReset()
    for block in blocks:
        follower.feed(block)
    return follower.reset_bytes(80)


CHANGES = [
    (b"\x1b[?2004h", b"\x1b[?2004l"),
    (b"\x1b[?7l", b"\x1b[?7h\x1b7"),
    (b"\x1b[?1070;1243l", b"\x1b[?1070h\x1b[?1243h"),
    (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
    (b"\x1b[?7727h", b"\x1b[?7727l"),
    (b"\x1b[12l", b"\x1b[12h\x1b7"),
    (b"\x1b[8l", b"\x1b[8h"),
    (b"\x1b%@", b"\x1b%G"),
    (b"\x1b*0\x1bN", b"\x1b*B\x1b+B"),
    (b"\x1b[>4;2m", b"\x1b[>4m"),
    (b"\x1b[>4n", b"\x1b[>4m"),
    (b"\x1b[>1s", b"\x1b[>0s"),
    (b"\x1b[>2p", b"\x1b[>p"),
    (b"\x1b[5 q", b"\x1b[0 q"),
    (b"\x1b]22;text\x07", b"\x1b]22;\x1b\\"),
    (b"\x1b]9;4;1;50\x07", b"\x1b]9;4;0\x1b\\"),
    (b"\x1b]10;red;blue\x07", b"\x1b]110\x1b\\\x1b]111\x1b\\"),
    (b"\x1b]4;1;red;2;?;3;blue\x07", b"\x1b]104;1\x1b\\\x1b]104;3\x1b\\"),
    (b"\x1b]4;257;red\x07\x1b]5;0;blue\x07", b"\x1b]105;1\x1b\\\x1b]105;0\x1b\\"),
    (b"\x1b]11;CIELab:50/-10/20\x07", b"\x1b]111\x1b\\"),
    (b"\x1b]21;foreground=red;cursor=;1=?\x07", b"\x1b]110\x1b\\\x1b]112\x1b\\"),
    (b"\x1b]21;cursor_text=;visual_bell=red\x07", b"\x1b]21;cursor_text\x1b\\\x1b]21;visual_bell\x1b\\"),
    (b"\x1b]0;vim\x07", b"\x1b]0;\x1b\\"),
    (b"\x1b[22;0;0t\x1b]2;vim\x07", b"\x1b[23;0t"),
    (b"\x1b]2;shell\x07\x1b[22t\x1b]2;vim\x07", b"\x1b[23;0t\x1b]0;\x1b\\"),
    (b"\x1b[22;0t\x1b[23;1t\x1b]2;vim\x07", b"\x1b[23;2t"),
    (b"\x1b]2;vim\x07\x1bc", b"\x1b]0;\x1b\\"),
    (b"\x1b]8;;x\x07l\x1b]8;;\x07", b"\x1b]8;;\x1b\\"),
    (b"\x1b]7501;state=working\x07", b"\x1b]7501;state=clear\x1b\\"),
    (b"\x1b]7501;app=a:state=done:id=a/b\x1b\\\x1b]7501;?\x07", b"\x1b]7501;state=clear\x1b\\"),
]
"""A change, and the bytes that its reset adds to `BARE`."""
NOTHING = [
    b"plain text\r\n",
    b"\x1b[?2004h\x1b[?2004l",
    b"\x1b[?1000l\x1b[?7h\x1b[4l\x1b[12h\x1b[?6l",
    b"\x1b[?1049h\x1b[?1049l",
    b"\x1b[31mred\x1b[2;5r\x1b(0\x0e\x1b=\x1b-A",
    b"\x1b[>1u\x1b[<u",
    b"\x1b[>1u\x1b[=7;1u\x1b[<u",
    b"\x1b[>c\x1b[c\x1b[6n\x1b[?2026$p\x1b[?u\x1b[>q\x1b[18t\x1b]10;?\x07\x1b]4;1;?\x07",
    b"\x1b]111\x07\x1b]104\x07\x1b]9;a notification\x07",
    b"\x1b[22t\x1b]2;vim\x07\x1b[23t",
    b"\x1b[22;0t\x1b[23;1t\x1b[23;2t",  # icon name and title are popped apart
    b"\x1b[22;2t\x1b[22;1t\x1b]2;vim\x07\x1b[23;0t",
    b"\x1b[?1h\x1b[4h\x1b[?1049h\x1b[>1u\x1bc",
    b"\x1b[?1007h\x1b[?1034h\x1b[?2027h",
    b"\x1bPq#0;2;0;0;0~~\x1b\\\x1b_Gf=24;AAAA\x1b\\",
]


#: Streams at whose end, or once the alternate screen is left, DECRC has brought back or can bring back what was set.
SAVED = [
    b"\x1b[?6h\x1b7\x1b[?6l",
    b"\x1b[?6h\x1b7\x1b[?6l\x1b8",
    b"\x1b[?6h\x1b[s\x1b[?6l\x1b[u",
    b"\x1b[?6h\x1b[?1048h\x1b[?6l\x1b[?1048l",
    b"\x1b[?6h\x1b[?1049h\x1b[?6l",
    b"\x1b[?6h\x1b[?1049h\x1b[?6l\x1b[?1049l",
    b"\x1b[?1049h\x1b[?6h\x1b7\x1b[?6l\x1b8\x1b[?1049l",
    b"\x1b[?6h\x1b7\x1b[?6l\x1b[?69h\x1b[s\x1b[?69l\x1b8",
    b"\x1b[?6h\x1b7\x1b[!p\x1b8",
    b"\x1b[?6h\x1b[2;4r\x1b7\x1b[?6;7l\x1b7\x1b[?6h\x1b[?47h\x1b8",
    b"\x1b[?5h\x1b[?7l\x1b[4h\x1b[20h\x1b[12l\x1b7\x1b[?5l\x1b[?7h\x1b[4l\x1b[20l\x1b[12h\x1b8",
]


@pytest.mark.parametrize("stream", SAVED, ids=repr)
def test_what_a_saved_cursor_brings_back_is_reset_too(stream: bytes) -> None:
    """Origin mode stayed set when a client left: the shell's lines then came at other places."""
    for more in (b"", b"\x1b8"):
        emulator = Emulator(80, 24)
        emulator.feed(stream + reset(stream) + more)
        screen = emulator.screen
        assert (screen.origin, screen.wrap, screen.insert, screen.linefeed_mode, screen.alternate) == (
            False, True, False, False, False,
        )  # fmt: skip
        assert not screen.modes
        assert (screen.top, screen.bottom) == (0, 23)


def test_a_saved_cursor_without_such_modes_brings_nothing_back() -> None:
    for stream in (b"\x1b7\x1b[31m\x1b8\x1b[s\x1b[u\x1b[?1049h\x1b[?1049l", b"\x1b[?6h\x1b[?6l\x1b7\x1b8"):
        assert reset(stream) == BARE


@pytest.mark.parametrize("stream", NOTHING)
def test_what_needs_no_undo_is_left_alone(stream: bytes) -> None:
    assert reset(stream) == BARE


@pytest.mark.parametrize(("change", "back"), CHANGES)
def test_a_setting_goes_to_its_rest(change: bytes, back: bytes) -> None:
    assert reset(change) == BARE + back


def test_a_screen_and_its_flags_are_left_in_their_order() -> None:
    done = reset(b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[=7u")
    assert b"\x1b[<1u\x1b[?1049l\x1b[<1u" in done
    assert b"\x1b[?1049h\x1b[=0;1u\x1b[?1049l" in reset(b"\x1b[?1049h\x1b[=7u\x1b[?1049l")


@pytest.mark.parametrize(
    "begun", [b"\x1b]0;a title", b"\x1b]0;a title\x1b", b"\x1b[3", b"\x1b", b"\xe2", b"\xe2\x94", b"\xf0\x9f\x98"]
)
def test_what_the_end_leaves_unfinished_is_known(begun: bytes) -> None:
    follower = TerminalReset()
    follower.feed(b"text " + begun)
    assert follower.unfinished
    follower.feed(b"\x1b\\")
    assert not follower.unfinished


def test_an_endless_string_costs_bounded_memory() -> None:
    follower = TerminalReset()
    follower.feed(b"\x1b]52;c;")
    for _ in range(64):
        follower.feed(b"A" * 65536)
        assert len(follower._incomplete) < 65536
    assert follower.unfinished
    follower.feed(b"\x07\x1b[?2004h")
    assert follower.reset_bytes(80) == BARE + b"\x1b[?2004l"


def test_settings_without_end_cost_bounded_memory_and_a_short_undo() -> None:
    """A client kept all the numbers that a program had set, and left with megabytes."""
    follower = TerminalReset()
    for start in range(0, 100_000, 1000):
        follower.feed(b"\x1b[?2004h" + b"".join(b"\x1b[?%dh" % (10_000 + start + each) for each in range(1000)))
    assert len(follower.reset_bytes(80)) < 20_000
    assert b"\x1b[?2004l" in follower.reset_bytes(80)


STREAM = st.lists(
    st.sampled_from([change for change, _ in CHANGES] + NOTHING + SAVED) | st.binary(max_size=5), max_size=12
).map(b"".join)


@given(STREAM, st.lists(st.integers(0, 400), max_size=20))
def test_any_cutting_gives_the_same(data: bytes, places: list[int]) -> None:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    assert reset(*(data[a:b] for a, b in itertools.pairwise(edges))) == reset(data)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x1b]8;;http://x\x1bPq",  # the string ends at an ESC that begins another one
        b"\x1b]0;" + b"x" * 9_000 + b"\x07",
        b"\x1b[=1;2;3;4u\x1b[22;1;2;3t",
    ],
    ids=["ended by an ESC", "too long", "too many parameters"],
)
def test_any_cut_of_a_stream_is_undone_alike(stream: bytes) -> None:
    whole = TerminalReset()
    whole.feed(stream)
    for size in (1, 3, 1_000, 8_192):
        pieces = TerminalReset()
        for at in range(0, len(stream), size):
            pieces.feed(stream[at : at + size])
        assert pieces.reset_bytes(80) == whole.reset_bytes(80), size


@pytest.mark.parametrize(
    ("on", "off"),
    [(b"\x1b[?%dh" % mode, b"\x1b[?%dl" % mode) for mode in (9, *range(1000, 1005), 2031, 2048, 9001)]
    + [(b"\x1b[>1u", b"\x1b[<u"), (b"\x1b[?1049h\x1b[>5u\x1b[?1049l", b"\x1b[?1049h\x1b[<u\x1b[?1049l")],
)
def test_a_terminal_is_expected_to_send_what_was_switched_on(on: bytes, off: bytes) -> None:
    follower = TerminalReset()
    expected = []
    for data in (b"", b"text" + on, off + b"\x1b[?2004h\x1b[?1006h"):
        follower.feed(data)
        expected.append(follower.expects_input)
    assert expected == [False, True, False]


@pytest.mark.parametrize("stream", [b"\x1b[=1u", b"\x1b]11;red\x07"])
def test_a_terminal_is_expected_to_send_more_once_flags_were_set_or_a_reply_is_due(stream: bytes) -> None:
    follower = TerminalReset()
    follower.feed(stream)
    assert follower.expects_input
