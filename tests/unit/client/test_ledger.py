"""What a stream changed in a terminal is given back: all of it, and nothing else."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.ledger import Ledger

CLEAN = b"\x18\x1b\\"
TABS = b"\x1b[3g" + b"".join(b"\x1b[%dG\x1bH" % stop for stop in range(9, 513, 8))


def undo(*blocks: bytes) -> bytes:
    """What is given back after `blocks`, without the CAN and ST that come first."""
    ledger = Ledger()
    for block in blocks:
        ledger.feed(block)
    given_back = ledger.undo()
    assert given_back.startswith(CLEAN)
    return given_back[len(CLEAN) :]


CHANGES = [
    (b"\x1b[?2004h", b"\x1b[?2004l"),
    (b"\x1b[?25l", b"\x1b[?25h"),
    (b"\x1b[?7l", b"\x1b[?7h"),
    (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
    (b"\x1b[?1h\x1b=", b"\x1b>\x1b[?1l"),
    (b"\x1b[?2026h", b"\x1b[?2026l"),
    (b"\x1b[4h", b"\x1b[4l"),
    (b"\x1b[12l", b"\x1b[12h"),
    (b"\x1b[20h", b"\x1b[20l"),
    (b"\x1b[2;10r", b"\x1b7\x1b[r\x1b8"),
    (b"\x1b[?69h\x1b[3;9s", b"\x1b7\x1b[?69l\x1b8"),
    (b"\x1b[?6h", b"\x1b[?6l\x1b[9999;1H"),
    (b"\x1b[3g", b"\x1b7" + TABS + b"\x1b8"),
    (b"\x1bH", b"\x1b7" + TABS + b"\x1b8"),
    (b"\x1b[5 q", b"\x1b[0 q"),
    (b"\x1b[1;31mred", b"\x1b[m"),
    (b"\x1b[38:2::1:2:3m", b"\x1b[m"),
    (b"\x1b(0", b"\x1b(B"),
    (b"\x1b)0\x0e", b"\x0f\x1b)B"),
    (b"\x1b-A", b"\x1b)B"),
    (b"\x1bn", b"\x0f"),
    (b"\x1b%@", b"\x1b%G"),
    (b"\x1b[>1u", b"\x1b[<1u"),
    (b"\x1b[>1u\x1b[>5u", b"\x1b[<2u"),
    (b"\x1b[=5u", b"\x1b[=0;1u"),
    (b"\x1b[=5;2u", b"\x1b[=0;1u"),
    (b"\x1b[>4;2m", b"\x1b[>4m"),
    (b"\x1b[>4n", b"\x1b[>4m"),
    (b"\x1b[>4;1f", b"\x1b[>4f"),
    (b"\x1b]8;id=1;https://example.org\x1b\\link", b"\x1b]8;;\x1b\\"),
    (b"\x1b]22;text\x07", b"\x1b]22;\x1b\\"),
    (b"\x1b]9;4;1;50\x07", b"\x1b]9;4;0\x1b\\"),
    (b"\x1b]10;red\x07", b"\x1b]110\x1b\\"),
    (b"\x1b]10;red;blue\x07", b"\x1b]110\x1b\\\x1b]111\x1b\\"),
    (b"\x1b]12;#fff\x1b\\", b"\x1b]112\x1b\\"),
    (b"\x1b]4;1;red;2;?;3;blue\x07", b"\x1b]104;1;3\x1b\\"),
    (b"\x1b]2;vim\x07", b"\x1b]2;\x1b\\"),
    (b"\x1b]0;vim\x07", b"\x1b]0;\x1b\\"),
    (b"\x1b[22;0;0t\x1b]2;vim\x07", b"\x1b[23;0t"),
    (b"\x1b[22;2t\x1b[22;1t\x1b]2;vim\x07", b"\x1b[23;1t\x1b[23;2t"),
    (b"\x1b]2;shell\x07\x1b[22t\x1b]2;vim\x07", b"\x1b[23;0t\x1b]2;\x1b\\"),
    (b"\x1b[?1049h", b"\x1b[?1049l"),
    (b"\x1b[?1047h", b"\x1b[?1047l\x1b[9999;1H"),
    (b"\x1b7\x1b[?47h", b"\x1b[?47l\x1b8"),
    (b"\x1b[?1049h\x1b[2;5r\x1b[?6h", b"\x1b[r\x1b[?6l\x1b[?1049l"),
    (b"\x1b[1m\x1b[?1049h\x1b[m", b"\x1b[?1049l\x1b[m"),
    (b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>7u", b"\x1b[<2u\x1b[?1049l\x1b[<1u"),
    (b"\x1b[1m\x1b7\x1b[m\x1b8", b"\x1b[m"),
    (b"\x1b[32m\x1b[?1049h\x1b[m\x1b[?1049l", b"\x1b[m"),
    (b"\x1b[31m\x1b[s\x1b[m\x1b[u", b"\x1b[m"),
    (b"\x1b[31m\x1b[?1048h\x1b[m\x1b[?1048l", b"\x1b[m"),
    (b"\x1b[?1049h\x1b[>7u\x1b[?1049l", b"\x1b[?1049h\x1b[<1u\x1b[?1049l"),
    (b"\x1b[?1049h\x1b[=7u\x1b[?47l", b"\x1b[?1049h\x1b[=0;1u\x1b[?1049l"),
    (b"\x1b[?2004h\x1b[?2004s\x1b[?2004l\x1b[?2004r", b"\x1b[?2004l"),
    (b"\x1b[?7s\x1b[?7l", b"\x1b[?7h"),
    (b"\x1b[?7l\x1b[?1049h\x1b[?7h", b"\x1b[?1049l\x1b[?7h"),
    (b"\x0e\x1b[?1049h\x0f", b"\x1b[?1049l\x0f"),
    (b"\x0e\x1b[?1049h\x0f\x1b[?1049l", b"\x0f"),
    (b"\x1b(0\x1b[?1049h\x1b(B", b"\x1b[?1049l\x1b(B"),
    (b"\x1b]2;vim\x07\x1bc", b"\x1b]2;\x1b\\"),
    (b"\x1b[20;4h\x1b[!p", b"\x1b[20l"),
]
CHANGES += [
    (b"\x1b]7501;state=working\x07", b"\x1b]7501;state=clear\x1b\\"),
    (b"\x1b]7501;app=a:state=done:id=a/b\x1b\\\x1b]7501;?\x07", b"\x1b]7501;state=clear\x1b\\"),
    (b"\x1b]7501;state=idle\x07\x1b]7501;state=clear:id=a\x07", b"\x1b]7501;state=clear\x1b\\"),
    (b"\x1b]7501;state=clear\x07\x1b]7501;state=idle\x07", b"\x1b]7501;state=clear\x1b\\"),
]
NOTHING = [
    b"\x1b]7501;?\x1b\\",
    b"\x1b]7501;state=working\x07\x1b]7501;app=a:state=clear\x07",
    b"\x1b]7501;state=working\x07\x1bc",
    b"plain text\r\n",
    b"\x1b[?2004h\x1b[?2004l",
    b"\x1b[?25l\x1b[?25h",
    b"\x1b[?1000l\x1b[?7h\x1b[4l\x1b[12h",
    b"\x1b[?1049h\x1b[?1049l",
    b"\x1b[?7;25s\x1b[?7;25l\x1b[?7;25r",
    b"\x1b[?1000h\x1b[?1000r\x1b[?1000l",
    b"\x1b[?1049l",
    b"\x1b[1mbold\x1b[0m",
    b"\x1b[31mred\x1b[m text",
    b"\x1b[2;5r\x1b[r",
    b"\x1b[5 q\x1b[ q",
    b"\x1b(0lqqk\x1b(B",
    b"\x0eqq\x0f",
    b"\x1b=\x1b>",
    b"\x1b[>1u\x1b[<u",
    b"\x1b[>1u\x1b[>1u\x1b[<9u",
    b"\x1b[=5u\x1b[=0u",
    b"\x1b[>1u\x1b[=7;1u\x1b[<u",
    b"\x1b[>4;2m\x1b[>4;0m",
    b"\x1b[>4;2m\x1b[>4m",
    b"\x1b[>1;2m\x1b[>m",
    b"\x1b[>c\x1b[c\x1b[6n\x1b[?2026$p\x1b[?u\x1b[>q\x1b[18t",
    b"\x1b]8;;x\x07l\x1b]8;;\x07",
    b"\x1b]10;?\x07\x1b]4;1;?\x07",
    b"\x1b]11;red\x07\x1b]111\x07",
    b"\x1b]4;1;red\x07\x1b]104;1\x07",
    b"\x1b]4;1;red;2;blue\x07\x1b]104\x07",
    b"\x1b]9;4;1;3\x07\x1b]9;4;0\x07",
    b"\x1b]9;a notification\x07\x1b]777;notify;a;b\x07\x1b]52;c;aGk=\x07",
    b"\x1b[22t\x1b]2;vim\x07\x1b[23t",
    b"\x1b]2;vim\x07\x1b]2;\x07",
    b"\x1b[?1h\x1b[4h\x1b[?1049h\x1b[>1u\x1b(0\x0e\x1b[1m\x1bc",
    b"\x1b[?1h\x1b[2;5r\x1b[4h\x1b=\x1b[!p",
    b"\x1b[?1007h\x1b[?1034h\x1b[?2027h",
    b"\x1bPq#0;2;0;0;0~~\x1b\\\x1b_Gf=24;AAAA\x1b\\",
    b"\x1b[H\x1b[2J\x1b[3;4H\x1b[K\x1b[@\x1b[2P\x1b[L\x1b[S\x1b[b",
]


@pytest.mark.parametrize("stream", NOTHING)
def test_what_the_program_gave_back_itself_is_left_alone(stream: bytes) -> None:
    assert undo(stream) == b""


@pytest.mark.parametrize(("change", "back"), CHANGES)
def test_a_change_is_seen_wherever_blocks_are_cut(change: bytes, back: bytes) -> None:
    for place in range(len(change) + 1):
        assert undo(b"x" + change[:place], change[place:] + b"x") == back


def test_a_charset_is_put_back_though_another_choice_breaks_off_after_it() -> None:
    assert undo(b"\x1b(0\x1b(\n") == b"\x1b(B"
    assert undo(b"\x1b(0", b"\x1b(\n") == b"\x1b(B"


def test_a_charset_is_put_back_though_a_control_comes_within_its_choice() -> None:
    assert undo(b"\x1b(\x130") == undo(b"\x1b(\x13", b"0") == b"\x1b(B"
    assert undo(b"\x1b(\x19(\n") == undo(b"\x1b", b"(\x19", b"(\n") == b""


def test_a_delete_within_a_sequence_hides_nothing() -> None:
    assert undo(b"\x1b[3\x7f1m") == b"\x1b[m"
    assert undo(b"\x1b[?20", b"\x7f04h") == b"\x1b[?2004l"


def test_an_endless_string_costs_bounded_memory() -> None:
    ledger = Ledger()
    ledger.feed(b"\x1b]52;c;")
    for _ in range(64):
        ledger.feed(b"A" * 65536)
    assert len(ledger._carry) <= 8192
    ledger.feed(b"\x07\x1b[?2004h")
    assert ledger.undo() == CLEAN + b"\x1b[?2004l"


def test_absurd_numbers_are_passed_over() -> None:
    assert undo(b"\x1b[?" + b"9" * 5000 + b"h\x1b[" + b"1;" * 100000 + b"h\x1b[>" + b"7" * 5000 + b"u") == b"\x1b[<1u"


STREAM = st.lists(
    st.sampled_from([change for change, _ in CHANGES] + NOTHING) | st.binary(max_size=5), max_size=12
).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(STREAM, st.lists(st.integers(0, 400), max_size=20))
def test_any_cutting_gives_the_same_modes(data: bytes, places: list[int]) -> None:
    """Only the pen may differ: where nothing tells, it is put back once too often."""
    assert undo(*cut(data, places)).replace(b"\x1b[m", b"") == undo(data).replace(b"\x1b[m", b"")


@given(STREAM)
def test_after_the_undo_nothing_is_left_to_give_back(data: bytes) -> None:
    ledger = Ledger()
    ledger.feed(data)
    ledger.feed(ledger.undo().replace(TABS, b""))
    left = ledger.undo()
    assert left.replace(b"\x1b[m", b"").replace(TABS, b"") in (CLEAN, CLEAN + b"\x1b7\x1b8")
