"""Queries for the clipboard never reach the terminal, however they are split, and nothing else is changed."""

from __future__ import annotations

import base64
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sesh.client.desktop.queries import Query, QueryKeeper

QUERIES = {
    b"\x1b]52;c;?\x07": Query(b"52;c", b"", b"\x07", ("text/plain",)),
    b"\x1b]52;;?\x1b\\": Query(b"52;", b"", b"\x1b\\", ("text/plain",)),
    b"\x1b]52;pc;?\x1b\\": Query(b"52;pc", b"", b"\x1b\\", ("text/plain",)),
    b"\xc2\x9d52;c;?\xc2\x9c": Query(b"52;c", b"", b"\xc2\x9c", ("text/plain",)),
    b"\x1b]5522;type=read;Lg==\x1b\\": Query(b"5522;type=read", b"", b"\x1b\\", (".",)),
    b"\x1b]5522;type=read\x1b\\": Query(b"5522;type=read", b"", b"\x1b\\", (".",)),
    b"\x1b]5522;id=a:type=read:loc=primary;aW1hZ2UvcG5nIHRleHQvcGxhaW4=\x1b\\": Query(
        b"5522;type=read", b":id=a", b"\x1b\\", ("image/png", "text/plain")
    ),
}
OTHERS = [
    b"\x1b]52;c;aGVsbG8=\x07", b"\x1b]52;c;!\x07", b"\x1b]5522;type=write\x1b\\",
    b"\x1b]5522;type=wdata:mime=eA==;eA==\x1b\\", b"\x1b]1337;File=:QQ==\x07", b"\x1b]133;C\x07", b"[1,\r\n]52;c;?\x07",
    b"\x1b]5;0;?\x07", b"\x1b]522;c;?\x07", b"\x1b]11;?\x07", b"\x1b]0;52;c;?\x07", b"52;c;?\x07",
    b"\x1b[31m", b"\x1b[6n",
    b"text\r\n", b"\xc2\xa0", b"\x1bP+q544e\x1b\\", b"\x1b]8;;http://a/?b=52\x1b\\",
]  # fmt: skip


# What one terminal or another takes for a query, though no program writes it so: foot and Alacritty pass over controls
# within a string, and end it at any Escape; most read 052 as 52; foot's number overflows.
ODD_QUERIES = {
    "a zero": b"\x1b]052;c;?\x07",
    "an overflow": b"\x1b]4294967348;c;?\x07",
    "a control in the number": b"\x1b]5\x012;c;?\x07",
    "a control behind Escape": b"\x1b\x01]52;c;?\x07",
    "a line end behind Escape": b"\x1b\r\n]52;c;?\x07",
    "a control before the mark": b"\x1b]52;c;\x00?\x07",
    "a C1 control before the mark": b"\x1b]52;c;\xc2\x85?\x07",
    "more behind the mark": b"\x1b]52;c;?=\x07",
    "an end by CAN": b"\x1b]52;c;?\x18",
    "an end by a sequence": b"\x1b]52;c;?\x1b[m",
    "an end by another query": b"\x1b]52;c;!\x1b]52;c;?\x07",
    "a long selection": b"\x1b]52;" + b"c" * 65 + b";?\x07",
    "a longer one": b"\x1b]52;" + b"c" * 9000 + b";?\x07",
    "many zeros": b"\x1b]" + b"0" * 9000 + b"52;c;?\x07",
    "many controls": b"\x1b" + b"\n" * 9000 + b"]52;c;?\x07",
    "many fields": b"\x1b]5522;" + b"a=b:" * 3000 + b"type=read;Lg==\x1b\\",
    "two types": b"\x1b]5522;type=write:type=read;Lg==\x1b\\",
    "an unknown type": b"\x1b]5522;type=peek;Lg==\x1b\\",
    "within a tmux": b"\x1bPtmux;\x1b\x1b]52;c;?\x07\x1b\\",
}
READS = re.compile(rb"\x1b[\x00-\x1a]*\][^\x07]*(?:52;[^;]*;\x00*(?:\xc2\x85)?\?|=read|=peek)")
WRITES = {
    b"\x1b]52;c;aGVsbG8=\x07": b"hello",
    b"\x1b]52;;aGVs\r\nbG8=\x1b\\": b"hello",
    b"\x1b]52;p;aGVsbG8=\x07": b"",
    b"\x1b]052;pc;aGVsbG8=\x18": b"hello",
    b"\x1b]52;c;!\x07": b"",
    b"\x1b]52;c\x07": b"",
    b"\x1b]5522;type=write\x1b\\": b"",
    b"\x1b]5522;type=wdata:mime=eA==;eA==\x1b\\": b"",
    b"\x1b]1337;Copy=:aGVsbG8=\x07": b"",
    b"\x1b]1337;CopyToClipboard=\x07": b"",
}


class Shown:
    """What a terminal is given, by its positions."""

    def __init__(self, *, keeps_writes: bool = False) -> None:
        self.found: list[Query] = []
        self.written: list[bytes] = []
        self.keeper = QueryKeeper(self.found.append, self.written.append, keeps_writes=keeps_writes)
        self.data, self.head = b"", 0

    def screen(self, data: bytes) -> None:
        self.head = len(data)
        self.data = self.keeper.screen(data, self.head)

    def take(self, data: bytes) -> None:
        position, shown = self.keeper.take(self.head, data)
        assert position == len(self.data), "nothing is left out, and nothing comes twice"
        self.data += shown
        self.head += len(data)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_kept_from_the_terminal_wherever_it_is_split(query: bytes) -> None:
    for cut in range(len(query) + 1):
        shown = Shown()
        for part in (b"before" + query[:cut], query[cut:] + b"after"):
            shown.take(part)
        assert shown.data == b"before" + bytes(len(query)) + b"after", cut
        assert shown.found == [QUERIES[query]], cut


@pytest.mark.parametrize("name", ODD_QUERIES)
def test_what_some_terminal_takes_for_a_query_is_kept_wherever_it_is_split(name: str) -> None:
    query = ODD_QUERIES[name]
    for cut in [*range(min(len(query), 30)), len(query) // 2, *range(max(0, len(query) - 30), len(query) + 1)]:
        shown = Shown()
        for part in (b"before" + query[:cut], query[cut:] + b"after"):
            shown.take(part)
        assert len(shown.data) == len(query) + 11, cut
        assert shown.data.endswith(b"after"), cut
        assert not READS.search(shown.data), cut


def queries_of_foot(data: bytes) -> list[bytes]:
    """Return what foot, as Alacritty, takes for queries: controls are passed over, and any end of a string counts."""
    found: list[bytes] = []
    state, string = "ground", b""
    for byte in (data[at : at + 1] for at in range(len(data))):
        if byte in (b"\x18", b"\x1a", b"\x1b") or (state == "string" and byte == b"\x07"):
            number, _, rest = string.partition(b";")
            if number.isdigit() and int(number) % (1 << 32) == 52 and rest.partition(b";")[2] == b"?":
                found.append(string)
            state, string = ("escape" if byte == b"\x1b" else "ground"), b""
        elif byte >= b" " and state == "escape":
            state = "string" if byte == b"]" else "ground"
        elif byte >= b" " and state == "string":
            string += byte
    return found


_STRING_OF_KITTY = re.compile(rb"\x1b\]0*52;[^;]*;\?(?:\x07|\x1b\\)")
_TOKENS = st.sampled_from([
    b"\x1b]52;c;?\x07", b"\xc2\x9d52;c;?\xc2\x9c", b"\x1b]", b"\x1b", b"]", b"52", b"5", b"2", b"0", b"4294967348",
    b";", b";c;", b"c", b"?", b"!", b"QQ==", b"\x07", b"\x18", b"\x1a", b"\x1b\\", b"\x1b[m", b"\x00", b"\r\n",
    b"\xc2", b"\x9d", b"\x9c", b"\x1bP", b"5522;type=read", b"1337;Copy", b"133;A", b"text",
])  # fmt: skip


@given(st.lists(_TOKENS, max_size=14), st.lists(st.integers(0, 100), max_size=4), st.booleans())
@settings(max_examples=500)
@example([b"\x1b]", b"52", b";c;", b"!", b"\x1b]", b"0", b"52", b";c;", b"?", b"\x18"], [], False)
@example([b"\x1b", b"\x1b", b"\x1b", b"\x1b]52;c;?\x07"], [4], True)
@example([b"\x1b", b"\x1b]52;c;?\x07", b"]52;c;?\x07"], [], False)
@example([b"\x1b", b"\x00", b"\xc2\x9d52;c;?\xc2\x9c", b"]52;c;?\x07"], [], False)
def test_no_terminal_finds_a_query_in_what_is_shown(
    tokens: list[bytes], cuts: list[int], begins_in_screen: bool
) -> None:
    stream = b"".join(tokens)
    shown = Shown()
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    if begins_in_screen and pieces:
        shown.screen(pieces.pop(0))
    for piece in pieces:
        shown.take(piece)
    assert queries_of_foot(shown.data) == []
    assert _STRING_OF_KITTY.findall(shown.data) == []


@pytest.mark.parametrize("write", WRITES)
def test_a_write_passes_or_is_kept_wherever_it_is_split(write: bytes) -> None:
    for cut in range(len(write) + 1):
        passing, keeping = Shown(), Shown(keeps_writes=True)
        for part in (b"before" + write[:cut], write[cut:] + b"after"):
            passing.take(part)
            keeping.take(part)
        assert passing.data == b"before" + write + b"after", cut
        assert passing.written == [text for text in [WRITES[write]] if text], cut
        assert keeping.data == b"before" + bytes(len(write)) + b"after", cut
        assert (keeping.written, passing.found, keeping.found) == ([], [], []), cut


@pytest.mark.parametrize("other", OTHERS)
def test_anything_else_passes_wherever_it_is_split(other: bytes) -> None:
    for cut in range(len(other) + 1):
        shown = Shown()
        for part in (b"before" + other[:cut], other[cut:] + b"after"):
            shown.take(part)
        assert (shown.data, shown.found) == (b"before" + other + b"after", []), cut


@given(st.lists(st.sampled_from([*QUERIES, *OTHERS]), max_size=8), st.lists(st.integers(0, 300), max_size=8))
def test_any_stream_in_any_pieces_keeps_its_positions(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    shown = Shown()
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    for start, end in pairwise(edges):
        shown.take(stream[start:end])
    shown.take(b"end")
    assert shown.data == b"".join(bytes(len(part)) if part in QUERIES else part for part in parts) + b"end"
    assert shown.found == [QUERIES[part] for part in parts if part in QUERIES]


@given(st.binary(max_size=100), st.integers(0, 100))
def test_no_bytes_are_lost(data: bytes, cut: int) -> None:
    shown = Shown()
    shown.take(data[:cut])
    shown.take(data[cut:])
    shown.take(b"\x18\x18")
    assert re.sub(rb"\x00", b"", shown.data) == re.sub(rb"\x00", b"", data + b"\x18\x18") or shown.found


def test_what_comes_again_over_another_link_is_not_shown_twice() -> None:
    shown = Shown()
    shown.take(b"text\x1b]52;")
    assert shown.data == b"text"
    shown.head = 4  # the link was lost, and output goes on from what was shown
    shown.take(b"\x1b]52;c;?\x07")
    assert (shown.data, len(shown.found)) == (b"text" + bytes(9), 1)


def test_a_long_write_is_not_held_back() -> None:
    shown = Shown()
    shown.take(b"\x1b]52;c;" + b"QUJD" * 1000)
    assert shown.data.endswith(b"QUJD")
    shown.take(b"QUJD" * 1000 + b"\x07")
    assert len(shown.data) == 8008


def test_a_query_in_a_screen_is_kept_too() -> None:
    shown = Shown()
    assert shown.keeper.screen(b"screen\x1b]52;c;?\x07", 100) == b"screen" + bytes(9)
    assert len(shown.found) == 1


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(0, 500), max_size=6))
def test_what_programs_put_on_the_clipboard_is_found_in_any_pieces(text: bytes, cuts: list[int]) -> None:
    stream = b"a\x1b]52;c;" + base64.b64encode(text) + b"\x07b\x1b]52;p;QQ==\x07\x1b]52;;QQ==\x1b\\"
    found: list[bytes] = []
    keeper = QueryKeeper(lambda _: None, found.append)
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    for start, end in pairwise(edges):
        keeper.take(start, stream[start:end])
    assert found == [text, b"A"]


def test_a_write_that_never_ends_is_given_up() -> None:
    shown = Shown()
    shown.take(b"\x1b]52;c;")
    for _ in range(100):
        shown.take(b"A" * (1 << 16))
    shown.take(b"\x07\x1b]52;c;QQ==\x07")
    assert shown.written == [b"A"]


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_query_that_begins_in_a_screen_and_ends_in_the_output_is_kept(cut: int) -> None:
    query = b"\x1b]52;c;?\x07"
    shown = Shown()
    shown.screen(b"screen" + query[:cut])
    shown.take(query[cut:] + b"text")
    assert (shown.data, len(shown.found)) == (b"screen" + bytes(9) + b"text", 1)


@pytest.mark.parametrize(
    "sequence", [b"\x1b[3;34m", b"\x1b]0;title\x07", b"\x1b]52;c;QUJD\x07", b"\xc2\xb1", b"\x1b\x1b[m"]
)
def test_a_sequence_that_begins_in_a_screen_goes_on_in_the_output(sequence: bytes) -> None:
    """A row showed `[3;34m`: the screen had ended between an Escape and its rest."""
    for cut in range(1, len(sequence)):
        shown = Shown()
        shown.screen(b"screen" + sequence[:cut])
        shown.take(sequence[cut:] + b"text")
        assert shown.data == b"screen" + sequence + b"text", cut
        parts = Shown()
        first = b"part" + sequence[:cut]
        shown_part = parts.keeper.screen(first, None)
        parts.data = shown_part + parts.keeper.screen(first[len(shown_part) :] + sequence[cut:], 100)
        assert parts.data == b"part" + sequence, cut
