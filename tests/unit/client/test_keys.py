"""The detach key in every encoding, however the bytes are cut, and nothing else touched."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.client.keys import KeyParser
from sesh.errors import UsageError
from sesh.text.keys import CHORDS, PASTE, PASTE_END, DetachKey, Key

DETACH = (b"", True)
TOKENS = st.text("\x1b[O<M;201~\x1c", max_size=30).map(str.encode)


def parser(key: str = "C-\\") -> KeyParser:
    return KeyParser(DetachKey.parse(key))


def run(chunks: list[bytes], key: str = "C-\\") -> list[bytes | None]:
    """Return the input up to the detach key, joined, and None for the key."""
    keys = parser(key)
    found = b""
    for part, detaches in (*map(keys.feed, chunks), keys.flush()):
        found += part
        if detaches:
            return [found, None] if found else [None]
    return [found] if found else []


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


ENCODINGS = [
    b"\x1c",
    b"\x1b[92;5u",
    b"\x1b[92;5:1u",
    b"\x1b[92;5:2u",
    b"\x1b[92;69u",
    b"\x1b[92;133u",
    b"\x1b[92;197:1u",
    b"\x1b[92:124;5u",
    b"\x1b[92:124:92;5:1u",
    b"\x1b[92::92;5:1u",
    b"\x1b[92;5;28u",
    b"\x1b[27;5;92~",
    b"\x1b[27;69;92~",
    b"\x1b[45:92;6u",
    b"\x1b[223:92;5u",
    b"\x1b[55:92;5:1u",
    b"\x1b[1103::92;5u",
    b"\x1b[220;43;28;1;8;1_",
]
OTHERS = [
    b"\x1b[92;5:3u"[:-1],
    b"\x1b[92u",
    b"\x1b[92;1u",
    b"\x1b[92;6u",
    b"\x1b[92;7u",
    b"\x1b[93;5u",
    b"\x1b[27;6;92~",
    b"\x1b[27;5;93~",
    b"\x1b[92;5~",
    b"\x1b[1;5A",
    b"\x1b[<0;28;92M",
    b"\x1b[M \x5c\x5c",
    b"\x1b\\",
    b"\x1bO\\",
    b"\\",
    b"\x1b[?92;5u",
    b"\x1b[92;5 u",
    "ü\\ß".encode(),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_r14_every_encoding_detaches_wherever_it_is_split(encoding: bytes) -> None:
    for place in range(1, len(encoding) + 1):
        assert run([b"before" + encoding[:place], encoding[place:] + b"after"]) == [b"before", None]


@pytest.mark.parametrize("other", OTHERS)
def test_what_only_resembles_the_key_passes(other: bytes) -> None:
    for place in range(1, len(other) + 1):
        assert run([other[:place], other[place:]]) == [other]


def test_a_burst_holds_no_key_and_a_paste_ends_without_its_marker() -> None:
    keys = parser()
    keys.feed(b"x" * 10, 100.0)
    assert keys.feed(b"x" * 53 + b"\x1cy", 100.005) == (b"x" * 53 + b"\x1cy", False)
    assert keys.feed(b"\x1c", 100.006) == DETACH, "a key alone was pressed"
    keys.feed(b"\x1b[200~torn", 101.0)
    assert keys.feed(b"\x1c", 105.0) == (b"\x1c", False)
    assert keys.feed(b"\x1c", 111.0) == DETACH


HELD = [
    b"\x1b[B", b"\x1bOA", b"\x1b[1;5C", b"\x1b[3~", b"\x1b[97;1:2u", b"\x1bx", b"\x1b[17;29;0;1;8;1_",
    b"\x1b[220;43;0;0;8;1_", b"\x1b[<35;80;24M", b"\x1b[M !!", b"\x1b[I", b"\x1b[?62;22c", b"\x1b[24;80R", b"\x1b[0n",
    b"\x1b]10;rgb:dddd/dddd/dddd\x1b\\", b"\x1bP>|xterm(390)\x1b\\", b"\x1b_Gi=1;OK\x1b\\",
    PASTE + b"a long text between its marks, also one with \x1c in it" + PASTE_END,
]  # fmt: skip
"""Keys, replies and reports in sequences, which may come by the hundred in one read."""


@given(st.lists(st.sampled_from(HELD), max_size=40), st.sampled_from(ENCODINGS), st.lists(st.integers(0, 2000)))
def test_the_key_detaches_behind_any_number_of_keys_and_reports_that_come_at_once(
    held: list[bytes], encoding: bytes, places: list[int]
) -> None:
    """A client that was stopped read 22 arrow keys and Ctrl-\\ at once, and did not leave."""
    keys = parser()
    passed = b""
    for part in cut(b"".join(held) + encoding, places):
        given_on, detaches = keys.feed(part, 100.0)
        passed += given_on
    assert (passed, detaches) == (b"".join(held), True)


@given(
    st.lists(st.sampled_from(HELD), max_size=9), st.text("xy\r\t\x1c", min_size=64).map(str.encode), st.integers(0, 9)
)
def test_text_in_a_burst_is_the_programs_also_among_keys(held: list[bytes], text: bytes, place: int) -> None:
    data = b"".join([*held[:place], text, *held[place:]])
    assert parser().feed(data, 100.0) == (data, False)


def test_coloured_text_is_a_burst() -> None:
    data = 10 * b"\x1b[31mred\x1b[m" + b"\x1c"
    assert parser().feed(data, 100.0) == (data, False)


def test_a_release_of_the_key_is_swallowed() -> None:
    assert run([b"a\x1b[92;5:3ub"]) == [b"ab"]
    assert run([b"a\x1b[92;5:", b"3ub"]) == [b"ab"]
    assert run([b"a\x1b[220;43;28;0;8;1_b"]) == [b"ab"]


def test_r14_nothing_in_a_bracketed_paste_is_a_key() -> None:
    paste = b"\x1b[200~" + b"x".join(ENCODINGS) + b"\x1b[201~"
    for place in range(1, len(paste)):
        assert run([paste[:place], paste[place:]]) == [paste]
    assert run([paste, b"\x1c"]) == [paste, None]


def test_a_paste_is_recognised_also_where_its_beginning_came_too_late() -> None:
    keys = parser()
    for piece in (b"\x1b", b"[2", b"00~a\x1c\x1b", b"[201", b"~"):
        keys.feed(piece)
        keys.flush()
    assert keys.feed(b"\x1c") == DETACH


@pytest.mark.parametrize("report", [b"\x1b[M\x1c\x1c", b"\x1b[M!\x1c", b"\x1b[?;\x1b", b"\x1b[<0;\x1b"])
def test_a_report_that_breaks_off_between_two_keys_means_the_same_however_it_is_cut(report: bytes) -> None:
    """The report passed before or after the first key, depending on the cut."""
    for first in (b"\x02", b"\x1b[98;5u"):
        data = first + report + b"x"
        whole = run([data], "C-b d")
        assert run([bytes([byte]) for byte in data], "C-b d") == whole
        for place in range(1, len(data)):
            assert run([data[:place], data[place:]], "C-b d") == whole


@settings(max_examples=300)
@given(
    st.binary(max_size=30) | st.text("\x1b[O<M;201~\x1c", max_size=30).map(str.encode),
    st.integers(0, 40),
    st.booleans(),
)
def test_the_end_of_a_paste_is_seen_however_it_is_cut(text: bytes, cut: int, flushed: bool) -> None:
    data = PASTE + text.replace(PASTE_END, b"") + PASTE_END
    keys = parser()
    passed = keys.feed(data[:cut])[0] + (keys.flush()[0] if flushed else b"")
    assert passed + keys.feed(data[cut:])[0] == data
    assert keys.feed(b"\x1c") == DETACH


def test_a_lone_escape_is_held_until_the_flush() -> None:
    keys = parser()
    assert keys.feed(b"a\x1b") == (b"a", False)
    assert keys.holding
    assert keys.flush() == (b"\x1b", False)
    assert keys.flush() == (b"", False)
    assert keys.feed(b"x") == (b"x", False)


@pytest.mark.parametrize("whole", [b"\x1b[A", b"\x1bOP", b"\x1bx", b"\x1b[24;80R", b"\x1b[<35;1;1M", b"\x1b[?62;22c"])
def test_other_keys_and_reports_are_never_held_back(whole: bytes) -> None:
    keys = parser()
    assert keys.feed(whole) == (whole, False)
    assert not keys.holding


def test_the_key_counts_after_an_escape_that_was_typed_before() -> None:
    assert run([b"\x1b\x1c"]) == [b"\x1b", None]
    assert run([b"\x1b", b"\x1c"]) == [b"\x1b", None]
    keys = parser()
    keys.feed(b"\x1b")
    keys.flush()
    assert keys.feed(b"\x1c") == DETACH


def test_two_keys_detach_and_anything_else_after_the_first_passes_with_it() -> None:
    assert run([b"a\x02d"], "C-b d") == [b"a", None]
    assert run([b"a\x02", b"d"], "C-b d") == [b"a", None]
    assert run([b"a\x02x"], "C-b d") == [b"a\x02x"]
    assert run([b"a\x02", b"\x1b[A"], "C-b d") == [b"a\x02\x1b[A"]
    assert run([b"\x02", b"\x1b", b"OA"], "C-b d") == [b"\x02\x1bOA"]
    assert run([b"\x02\x1b[200~d\x1b[201~"], "C-b d") == [b"\x02\x1b[200~d\x1b[201~"]


def test_the_first_of_two_keys_pressed_twice_passes_once() -> None:
    assert run([b"\x02\x02d"], "C-b d") == [b"\x02d"]
    assert run([b"\x02", b"\x02", b"\x02d"], "C-b d") == [b"\x02", None]


def test_two_keys_are_recognised_under_kittys_protocol() -> None:
    press, release, control = b"\x1b[98;5:1u", b"\x1b[98;5:3u", b"\x1b[57442;5:3u"
    assert run([press + release + control + b"\x1b[100;1:1u"], "C-b d") == [release + control, None]
    assert run([press + release + b"d"], "C-b d") == [release, None]
    assert run([press + release + b"\x1b[120;1:1u"], "C-b d") == [release + press + b"\x1b[120;1:1u"]
    assert run([press + release + press + release], "C-b d") == [release + press + release]


def test_the_first_of_two_keys_waits_without_a_timer() -> None:
    keys = parser("C-b d")
    assert keys.feed(b"\x02") == (b"", False)
    assert not keys.holding
    assert keys.flush() == (b"", False)
    assert keys.feed(b"d") == DETACH


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("C-b", b"\x02"), ("^b", b"\x02"), ("C-B", b"\x02"), ("M-x", b"\x1bx"), ("M-x", b"\x1b[120;3u"),
        ("F12", b"\x1b[24~"), ("F12", b"\x1b[24;1:1~"), ("F1", b"\x1bOP"), ("F1", b"\x1b[P"), ("C-F1", b"\x1b[1;5P"),
        ("C-Space", b"\x00"), ("C-]", b"\x1d"), ("C-^", b"\x1e"), ("C-_", b"\x1f"), ("C-@", b"\x00"),
        ("C-M-x", b"\x1b\x18"),
        ("C-Up", b"\x1b[1;5A"), ("S-F5", b"\x1b[15;2~"), ("M-[", b"\x1b["), ("C-a", b"\x1b[1092:0:97;5u"),
    ],
)  # fmt: skip
def test_keys_are_called_by_tmuxs_names(name: str, sequence: bytes) -> None:
    assert run([sequence], name) == [None]


@pytest.mark.parametrize("text", ["", "  ", "C-", "F13x", "C-b d e", "d", "Enter", "Escape", "ä", "C-ä", "Foo", "S-a"])
def test_what_is_no_key_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        DetachKey.parse(text)


@pytest.mark.parametrize("modifiers", ["", "C-", "M-", "S-", "C-M-", "M-S-", "C-S-"])
def test_a_key_is_what_a_terminal_without_a_protocol_sends_for_it_or_none(modifiers: str) -> None:
    """`C-6` could not be sent, and `C-3`, which no terminal sends, was allowed."""
    keys = []
    for key in (*CHORDS, *map(chr, range(0x21, 0x7F))):
        try:
            sent = Key.parse(modifiers + key).sent
        except UsageError:
            with pytest.raises(UsageError):
                DetachKey.parse(f"C-] {modifiers}{key}")
        else:
            if sent != b"\x1d" and not sent.startswith(b"\x1b\x1b"):  # two Escapes are two keys
                assert run([b"\x1d", sent], f"C-] {modifiers}{key}") == [None], key
            keys.append(key)
    assert {"3", "Enter", "Tab"}.isdisjoint(keys) == ("C-" in modifiers)
    assert {"6", "/", "2", "Space"} <= {*keys} or modifiers in ("S-", "M-S-", "C-S-")
