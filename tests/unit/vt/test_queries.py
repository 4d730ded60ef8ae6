"""The scanner of a program's output, across any borders of blocks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.vt.queries import MAX_STRING, QueryRemover, QueryScanner
from tests.unit.daemon.test_reply_filter import ANSWERS, TALKS

#: Queries beyond those of `ANSWERS`.
MORE = [
    b"\x1bZ", b"\x1b[?996n", b"\x1b_Gi=31,a=T;AAAA\x1b\\", b"\x1b[14;2t",
    *(b"\x1b[%dt" % number for number in (11, 13, 14, 15, 16, 19, 20)),
]  # fmt: skip
ASKED = [(data, "query", b"\x1b[c" if data == b"\x1bZ" else data) for data in (*dict(ANSWERS), *MORE)]
ASKED += [(data, "talk", data) for data, _ in TALKS if not data.startswith(b"\x1b]99;")]
TOLD = [
    (b"\x1b]0;a title\x07", "title", b"a title"),
    (b"\x1b]2;k\xc3\xbche; hot\x1b\\", "title", b"k\xc3\xbche; hot"),
    (b"\x1b]9;42 tests passed\x07", "notification", b"42 tests passed"),
    (b"\x1b]9;12 of 40; go on?\x07", "notification", b"12 of 40; go on?"),
    (b"\x1b]9;4;1;50\x07", "progress", b"1;50"),
    (b"\x1b]9;4\x07", "progress", b""),
    (b"\x1b]777;notify;Build;it; failed\x07", "notification", b"Build: it; failed"),
    (b"\x1b]133;A\x07", "mark", b"A"),
    (b"\x1b]133;D;7\x1b\\", "mark", b"D;7"),
    (b"\x1b[?2004h", "editor", b"\x1b[?2004h"),
    (b"\x1b[?2004l", "editor", b"\x1b[?2004l"),
    (b"\x1b]7373;integration;bash;not-first;7\x07", "integration", b"bash;not-first;7"),
    (b"\x1b]7501;state=idle:msg=YQ\x07", "status", b"state=idle:msg=YQ"),
    (b"\x1b]7501;?\x07", "status query", b"\x07"),
    (b"\x1b]7501;?\x1b\\", "status query", b"\x1b\\"),
    (b"\x1b]7501;" + b"x" * 4088 + b"\x07", "status", b"x" * 4088),
    (b"\x1b]7501;" + b"x" * 4087 + b"\x1b\\", "status", b"x" * 4087),
    (b"\x1bc", "ris", b"\x1bc"),
    (b"\x1b[?2048h", "reports", b"\x1b[?2048h"),
    (b"\x1b[?25;2048;1h", "reports", b"\x1b[?25;2048;1h"),
    (b"\x07", "bell", b"\x07"),
]
PASSED_BY = [
    b"plain text \xe4\xbd\xa0\xe5\xa5\xbd\r\n",
    b"\x1b[0;1;38;2;1;2;3m\x1b[4:3m\x1b[m",
    b"\x1b[12;40H\x1b[2J\x1b[K\x1b[?25l\x1b[?1049h\x1b[>4;2m\x1b[>1u\x1b[=1;1u\x1b[<u\x1b[ q\x1b[2 q\x1b[!p",
    b"\x1b[22;0t\x1b[8;24;80t\x1b[s\x1b[u\x1b7\x1b8\x1b(B",
    b"\x1b]7501;?:states=idle\x07\x1b]7501;??\x07\x1b]75;state=idle\x07",
    b"\x1b]7501;" + b"x" * 4089 + b"\x07\x1b]7501;" + b"x" * 4088 + b"\x1b\\",
    b"\x1b]7501;state=clear\x18\x1b]7501;?\x1b[m\x1bP7501;?\x1b\\",
    b"\x1b]7;file://host/tmp\x07\x1b[?20040h\x1b[?12004l\x1b[?2004;1049h\x1b[2004h",
    b"\x1b]8;;http://x/?\x07link\x1b]8;;\x07",
    b"\x1b]4;1;rgb:ff/00/00\x07\x1b]11;#123456\x1b\\\x1b]52;c;AAAA\x07",
    b"\x1b]9;9;/tmp\x07\x1b]66;s=2;large?\x07\x1b]8;;http://x/?\x07\x1b[?2048l\x1b[?12048h\x1b[?20480h",
    b"\x1bPq#0;2;0;0;0~~\x07~~\x1b\\",
    b"\x1b_Ga=T,q=2,i=7;AAAA\x1b\\\x1b_Ga=d\x1b\\",
    b"\x1b^private\x07message\x1b\\\x1bXstart\x07of string\x1b\\",
    b"\x1b]0;cut off\x18\x1b]2;too\x1a",
    b"\x1b[6",
    b"\x1b",
    b"\x1b[",
]


def kinds(data: bytes) -> list[tuple[str, bytes]]:
    return [(kind, body) for kind, body, _ in QueryScanner().scan(data)]


@pytest.mark.parametrize(("data", "kind", "body"), ASKED + TOLD, ids=repr)
def test_each_kind_is_found_amid_other_output(data: bytes, kind: str, body: bytes) -> None:
    found = QueryScanner().scan(b"\x1b[31mbefore" + data + b"\x1b[0mafter")
    assert found == [(kind, body, len(b"\x1b[31mbefore" + data))]


@pytest.mark.parametrize("data", PASSED_BY, ids=repr)
def test_what_asks_and_tells_nothing_is_passed_by(data: bytes) -> None:
    assert kinds(data) == []


def test_a_notification_of_kittys_is_told_and_may_be_answered() -> None:
    for data, kind, text in (
        (b"\x1b]99;i=1:d=1:p=body;done\x1b\\", "notification", b"done"),
        (b"\x1b]99;i=1:d=0;Hal\x1b\\", "notification_part", b"Hal"),
        (b"\x1b]99;e=1;SGVsbG8=\x1b\\", "notification", b"Hello"),
    ):
        assert kinds(data) == [(kind, text), ("talk", data)]


def test_a_string_that_asks_for_several_colours_gives_one_finding_for_each() -> None:
    found = kinds(b"\x1b]4;1;?;2;rgb:0/0/0;255;?\x07\x1b]10;?;?;#fff;?\x07")
    assert found == [("query", b"\x1b]%b;?\x07" % each) for each in (b"4;1", b"4;255", b"10", b"11", b"13")]


def test_a_bell_within_a_string_is_no_bell_and_one_behind_it_is() -> None:
    assert kinds(b"\x1bPq\x07\x1b\\\x07") == [("bell", b"\x07")]
    assert kinds(b"\x1b]8;;\x07\x07") == [("bell", b"\x07")]


def test_an_escape_cuts_a_string_off_and_what_it_begins_is_found() -> None:
    assert kinds(b"\x1b]0;half a title\x1b[6n") == [("query", b"\x1b[6n")]
    watch = QueryScanner()
    assert watch.scan(b"\x1b]0;half a title\x1b") == []
    assert watch.scan(b"[6n") == [("query", b"\x1b[6n", 3)]


def test_a_string_over_the_bound_is_given_up_and_its_end_is_still_seen() -> None:
    watch = QueryScanner()
    assert watch.scan(b"\x1b]0;") == []
    for _ in range(100):
        assert watch.scan(b"x" * 4096) == []
        assert len(watch.state.carry) <= MAX_STRING
    assert watch.scan(b"\x07\x07\x1b[c") == [("bell", b"\x07", 2), ("query", b"\x1b[c", 5)]
    assert kinds(b"\x1b]0;" + b"x" * MAX_STRING + b"\x07\x07") == [("bell", b"\x07")]


def test_the_longest_string_is_found_whole_or_split() -> None:
    data = b"\x1b]0;" + b"x" * (MAX_STRING - 4)
    for cut in (1, 5, 40_000, len(data)):
        for terminator in (b"\x07", b"\x1b\\"):
            watch = QueryScanner()
            found = watch.scan(data[:cut]) + watch.scan(data[cut:] + terminator)
            assert [kind for kind, _, _ in found] == ["title"], (cut, terminator)


def test_absurd_parameters_cost_no_memory() -> None:
    watch = QueryScanner()
    assert watch.scan(b"\x1b[" + b"1;" * 100_000) == []
    assert watch.state.carry == b""
    assert watch.scan(b"m\x1b[5n") == [("query", b"\x1b[5n", 5)]


def test_a_flood_of_bells_gives_a_bounded_number_of_findings_and_hides_no_query() -> None:
    found = QueryScanner().scan(b"\x07" * 100_000 + b"\x1b[6n")
    assert len(found) < 200
    assert found[-1] == ("query", b"\x1b[6n", 100_004)


PIECES = st.one_of(
    st.sampled_from([data for data, _, _ in ASKED + TOLD] + PASSED_BY),
    st.sampled_from([b"\x1b]", b"\x1bP", b"\x1b_G", b"\x1b\\", b"\x07", b"\x18", b"\x1b", b"[", b"6n", b"?", b";"]),
    st.binary(max_size=6),
)


@example([b"\x1b]", b"\xff["], [])
@example([b"\x1b]", b"\xff["], [2])
@example([b"\x1b]", b"\xff["], [3])
@given(st.lists(PIECES, max_size=12), st.lists(st.integers(0, 200), max_size=12))
def test_any_chunking_finds_the_same(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    whole = QueryScanner()
    expected = whole.scan(data)
    watch = QueryScanner()
    found = []
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for start, end in itertools.pairwise(places):
        watch = QueryScanner(watch.state)
        found += [(kind, body, start + behind) for kind, body, behind in watch.scan(data[start:end])]
    assert found == expected
    assert watch.state.carry == whole.state.carry


@pytest.mark.parametrize("query", [data for data, _, _ in ASKED] + [b"\x1b]7501;?\x07", b"\x1b]11;?;?\x1b\\"], ids=repr)
def test_a_query_is_taken_out_of_what_is_shown_at_any_border_of_blocks(query: bytes) -> None:
    data = b"\x1b[1mbefore" + query + b"\x1b]0;title\x07after\r\n"
    for cut in range(len(data)):
        remover = QueryRemover()
        shown = remover.take(data[:cut]) + remover.take(data[cut:])
        assert shown == b"\x1b[1mbefore\x18\x1b]0;title\x07after\r\n", cut


@example([b"\x1b[", b"\x1b[6n", b"6n"], [])
@example([b"\x1b[6", b"\x05", b"n"], [])
@example([b"\x1bP@", b"\x1b[c"], [])
@given(st.lists(PIECES, max_size=12), st.lists(st.integers(0, 200), max_size=12))
def test_what_is_shown_holds_no_query(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    remover = QueryRemover()
    shown = b"".join(remover.take(data[start:end]) for start, end in itertools.pairwise(places))
    assert b"\x05" not in shown
    assert {"query", "talk", "status query"}.isdisjoint(kind for kind, _ in kinds(shown))


def test_what_is_no_query_is_shown_as_it_is() -> None:
    for data in [*PASSED_BY[:-3], *(data for data, kind, _ in TOLD if kind != "status query")]:
        assert QueryRemover().take(data) == data
    image = b"\x1bPq" + b"~" * 3 * MAX_STRING + b"\x1b\\shown"
    remover = QueryRemover()
    assert b"".join(remover.take(image[at : at + 1000]) for at in range(0, len(image), 1000)) == image
