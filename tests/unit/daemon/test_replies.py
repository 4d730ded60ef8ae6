"""The filter for a client's input: replies pass once, while they are waited for; what a person types passes always."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.daemon.clients.replies import ReplyFilter
from sesh.queries import QUERIES

ANSWERS = [
    ("da1", b"\x1b[?62;4;22c"),
    ("da1", b"\x1b[?6c"),
    ("da2", b"\x1b[>41;354;0c"),
    ("da3", b"\x1bP!|00000000\x1b\\"),
    ("dsr", b"\x1b[0n"),
    ("dsr", b"\x1b[3n"),
    ("cpr", b"\x1b[48;1R"),
    ("cpr", b"\x1b[1;1R"),
    ("decxcpr", b"\x1b[?12;40R"),
    ("decxcpr", b"\x1b[?12;40;1R"),
    ("dsr?", b"\x1b[?13n"),
    ("dsr?", b"\x1bP1!~0000\x1b\\"),
    ("decrqm", b"\x1b[?2026;2$y"),
    ("decrqm", b"\x1b[4;2$y"),
    ("xtversion", b"\x1bP>|XTerm(390)\x1b\\"),
    ("kitty", b"\x1b[?0u"),
    ("modkeys", b"\x1b[>4;2m"),
    ("colour", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
    ("colour", b"\x1b]4;7;rgb:e5e5/e5e5/e5e5\x07"),
    ("colour", b"\x1b]21;foreground=rgb:ff/ff/ff\x1b\\"),
    ("decrqss", b"\x1bP1$r0;1m\x1b\\"),
    ("decrqss", b"\x1bP0$r\x1b\\"),
    ("xtgettcap", b"\x1bP1+r524742=38\x1b\\"),
    ("window", b"\x1b[8;24;80t"),
    ("window", b"\x1b[4;600;800t"),
    ("window", b"\x1b]lsome title\x1b\\"),
    ("decreqtparm", b"\x1b[2;1;1;128;128;1;0x"),
    ("clipboard", b"\x1b]52;c;SGVsbG8=\x1b\\"),
    ("clipboard", b"\x1b]52;c;SGVsbG8=\x07"),
    ("graphics", b"\x1b_Gi=31;OK\x1b\\"),
    ("decrqcra", b"\x1bP1!~A5F3\x1b\\"),
    ("xtsmgraphics", b"\x1b[?1;0;256S"),
]

KEYS = [
    b"a", b"hello\r", b"\x7f", b"\t", b"\x03", b"\xc3\xa9\xe4\xbd\xa0", b"\x1c", b"\x00",
    b"\x1b[A", b"\x1bOA", b"\x1b[1;5C", b"\x1b[3~", b"\x1b[3;5~", b"\x1b[Z", b"\x1b[15~", b"\x1bOP", b"\x1b[[A",
    b"\x1b[13;2~", b"\x1b[1;2P", b"\x1b[1;2Q", b"\x1b[1;2S", b"\x1b[97;5u", b"\x1b[97:65;2:1;97u", b"\x1b[27;5;92~",
    b"\x1b[1;2R", b"\x1b[1;16R", b"\x1bx", b"\x1b\x1b[A", b"\x1b\xc3\xa9", b"\x1b[65;30;65;1;0;1_", b"\x1b\r",
    b"\x1b[2$",
]  # fmt: skip
REPORTS = [
    b"\x1b[<0;12;34M", b"\x1b[<0;12;34m", b"\x1b[<35;120;40M", b"\x1b[32;12;34M", b"\x1b[M !!", b"\x1b[M\xa0\xe0\xff",
    b"\x1b[M !\xc4\x80", b"\x1b[I", b"\x1b[O", b"\x1b[48;24;80;600;800t", b"\x1b[?997;1n",
]  # fmt: skip
PASTES = [
    b"\x1b[200~text\x1b[201~",
    b"\x1b[200~\x1b[?62;4c\x1b[48;1R\x1b]11;rgb:0/0/0\x07\x1b[20\x1b\x1b[201~",
    b"\x1b[200~" + b"\x1b[?1;2c\n" * 500 + b"\x1b[201~",
]


def through(replies: ReplyFilter, data: bytes, cuts: list[int], now: float = 0.0) -> bytes:
    """What passes of `data` that comes in pieces, the held end released."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    passed = b"".join(replies.filter(data[start:end], now) for start, end in itertools.pairwise(places))
    return passed + replies.release()


@pytest.mark.parametrize(("kind", "data"), ANSWERS, ids=repr)
def test_a_reply_passes_once_for_each_query_of_its_kind(kind: str, data: bytes) -> None:
    replies = ReplyFilter()
    replies.expect(kind, 100.0)
    replies.expect(kind, 100.0)
    assert replies.filter(data, 101.0) == data
    assert not replies.typed
    assert replies.pending(101.0)
    assert replies.filter(data + b"x", 101.0) == data + b"x"
    assert not replies.pending(101.0)
    assert replies.filter(data, 101.0) == b""
    assert not replies.typed
    assert replies.held == b""


@pytest.mark.parametrize(("kind", "data"), ANSWERS, ids=repr)
def test_a_reply_to_no_query_is_dropped_and_what_stands_around_it_passes(kind: str, data: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(b"before" + data + b"after", 0.0) == b"beforeafter"


@pytest.mark.parametrize(("kind", "data"), ANSWERS, ids=repr)
def test_a_reply_to_a_query_of_another_kind_is_dropped(kind: str, data: bytes) -> None:
    replies = ReplyFilter()
    for other in QUERIES - {kind} - ({"dsr?"} if kind == "decrqcra" else {"decrqcra"} if kind == "dsr?" else set()):
        replies.expect(other, 0.0)
    assert replies.filter(data, 0.1) == b""


@pytest.mark.parametrize(("kind", "data"), ANSWERS[::5], ids=repr)
def test_a_reply_after_five_seconds_is_dropped(kind: str, data: bytes) -> None:
    replies = ReplyFilter()
    replies.expect(kind, 10.0)
    assert replies.pending(15.0)
    assert replies.filter(data, 15.1) == b""
    assert not replies.pending(15.1)


@pytest.mark.parametrize("end", [b"\x07", b"\x1b\\"])
def test_a_reply_that_the_daemon_has_given_itself_is_dropped_and_awaited(end: bytes) -> None:
    data = b"\x1b]7501;?" + end
    for cut in range(1, len(data)):
        replies = ReplyFilter()
        replies.expect("status query", 0.0)
        assert replies.pending(0.0)
        assert through(replies, data + b"x", [cut]) == b"x"
        assert not replies.pending(0.0)
    assert ReplyFilter().filter(b"a" + data + b"\x1b]7501;?:states=idle" + end + b"b", 0.0) == b"ab"


@pytest.mark.parametrize(("kind", "data"), ANSWERS, ids=repr)
def test_a_reply_split_anywhere_passes_whole_while_its_query_is_open(kind: str, data: bytes) -> None:
    for cut in range(1, len(data)):
        replies = ReplyFilter()
        replies.expect(kind, 0.0)
        assert through(replies, data + b"x", [cut]) == data + b"x"
        assert not replies.pending(0.0)


@pytest.mark.parametrize("data", KEYS, ids=repr)
def test_keys_pass_and_count_as_typing(data: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(data, 0.0) == data
    assert replies.typed
    assert replies.held == b""


@pytest.mark.parametrize("data", REPORTS, ids=repr)
def test_reports_pass_and_count_as_no_typing(data: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(data * 3, 0.0) == data * 3
    assert not replies.typed
    assert replies.filter(data + b"k", 0.0) == data + b"k"
    assert replies.typed


@pytest.mark.parametrize("key", [b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1bO"], ids=repr)
def test_a_key_that_could_begin_a_reply_is_held_only_while_a_query_is_open(key: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(key, 0.0) == key
    assert replies.typed
    assert replies.held == b""

    replies = ReplyFilter()
    replies.expect("da1", 0.0)
    passed = replies.filter(key, 0.0)
    assert passed + replies.held == key
    released = replies.release()
    assert passed + released == key
    assert replies.held == b""
    assert replies.typed

    assert replies.filter(key, 6.0) == key


def test_shift_f3_is_a_key_unless_a_position_was_asked_for() -> None:
    replies = ReplyFilter()
    assert replies.filter(b"\x1b[1;2R", 0.0) == b"\x1b[1;2R"
    replies.expect("cpr", 0.0)
    assert replies.filter(b"\x1b[1;2R", 0.0) == b"\x1b[1;2R"
    assert not replies.typed
    assert not replies.pending(0.0)
    assert replies.filter(b"\x1b[2;2R\x1b[1;1R\x1b[1;80R", 0.0) == b""


@pytest.mark.parametrize("data", PASTES, ids=repr)
def test_pasted_text_is_not_touched(data: bytes) -> None:
    for cut in range(7, min(len(data), 60)):
        replies = ReplyFilter()
        passed = replies.filter(data[:cut], 0.0)
        assert replies.held == b""
        assert replies.typed
        passed += replies.filter(data[cut:] + b"\x1b[?1;2cx", 3.0)
        assert passed == data + b"x"


def test_a_clipboard_of_any_length_passes_as_it_comes_or_falls() -> None:
    content = [b"QUJD" * 50_000] * 5
    for asked in (True, False):
        replies = ReplyFilter()
        if asked:
            replies.expect("clipboard", 0.0)
        passed = replies.filter(b"\x1b]52;c;", 0.0)
        for block in content:
            passed += replies.filter(block, 0.0)
            assert replies.held == b""
            assert not replies.typed
        passed += replies.filter(b"\x1b", 0.0)
        passed += replies.filter(b"\\ls\r", 0.0)
        assert passed == (b"\x1b]52;c;" + b"".join(content) + b"\x1b\\" if asked else b"") + b"ls\r"
        assert replies.typed


def test_a_clipboard_that_breaks_off_swallows_no_keys() -> None:
    replies = ReplyFilter()
    assert replies.filter(b"\x1b]52;c;QUJD", 0.0) == b""
    assert replies.filter(b"\x03ls\r", 0.0) == b"\x03ls\r"


def test_what_is_held_is_bounded() -> None:
    replies = ReplyFilter()
    assert replies.filter(b"\x1b]11;" + b"x" * 10_000, 0.0) == b"\x1b]11;" + b"x" * 10_000
    assert replies.held == b""
    assert replies.filter(b"\x1b[" + b"1;" * 100, 0.0) == b"\x1b[" + b"1;" * 100
    assert replies.held == b""


def test_many_queries_are_held_in_bounded_memory() -> None:
    replies = ReplyFilter()
    for _ in range(5_000):
        replies.expect("cpr", 0.0)
    assert replies.filter(b"\x1b[2;2R" * 5_000, 0.0).count(b"R") == 1024


WORDS = st.text(st.characters(exclude_characters="\x1b", exclude_categories=["Cs"]), max_size=8)
TYPED = st.one_of(st.sampled_from(KEYS + REPORTS + PASTES), WORDS.map(lambda text: text.encode()))
CUTS = st.lists(st.integers(0, 300), max_size=20)


@settings(max_examples=150)
@given(st.lists(TYPED, max_size=12), CUTS, st.sets(st.sampled_from(sorted(QUERIES - {"cpr"}))))
def test_what_is_typed_passes_unchanged_in_any_chunking(pieces: list[bytes], cuts: list[int], asked: set[str]) -> None:
    replies = ReplyFilter()
    for kind in asked:
        replies.expect(kind, 0.0)
    data = b"".join(pieces)
    assert through(replies, data, cuts) == data


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(ANSWERS), st.booleans(), st.sampled_from([b"k", b"\x1b[A", b"\r"])), max_size=8),
    CUTS,
)
def test_replies_amid_keys_pass_where_asked_for_in_any_chunking(
    parts: list[tuple[tuple[str, bytes], bool, bytes]], cuts: list[int]
) -> None:
    """One query stays open throughout, so that nothing leaks before it can be told what it is."""
    replies = ReplyFilter()
    replies.expect("none of these", 0.0)
    expected, data = b"", b""
    for (kind, answer), asked, key in parts:
        wanted = asked and kind not in {"dsr?", "decrqcra"}
        if wanted:
            replies.expect(kind, 0.0)
        expected += (answer if wanted else b"") + key
        data += answer + key
    # Of several answers of one kind the first ones pass, whichever was asked for: the counts must agree.
    if len({kind for (kind, _), _, _ in parts}) == len(parts):
        assert through(replies, data, cuts) == expected
    else:
        assert len(through(replies, data, cuts)) <= len(data)


@settings(max_examples=150)
@given(st.binary(max_size=200), CUTS, st.sets(st.sampled_from(sorted(QUERIES))))
def test_any_bytes_are_borne_and_none_is_made_up(data: bytes, cuts: list[int], asked: set[str]) -> None:
    replies = ReplyFilter()
    for kind in asked:
        replies.expect(kind, 0.0)
    rest = iter(data)
    assert all(byte in rest for byte in through(replies, data, cuts))
