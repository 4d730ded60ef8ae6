"""The filter for input: replies pass once while awaited, and typed keys always."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.daemon.clients.reply_filter import ReplyFilter
from sesh.daemon.frames.keyboard import KEY_TIMEOUT
from sesh.vt.queries import QueryScanner, form, reply_form

#: A query, and a reply to it.
ANSWERS = [
    (b"\x1b[c", b"\x1b[?62;4;22c"),
    (b"\x1b[>c", b"\x1b[>41;354;0c"),
    (b"\x1b[=c", b"\x1bP!|00000000\x1b\\"),
    (b"\x1b[5n", b"\x1b[0n"),
    (b"\x1b[6n", b"\x1b[48;1R"),
    (b"\x1b[6n", b"\x1b[1;2R"),
    (b"\x1b[?6n", b"\x1b[?12;40R"),
    (b"\x1b[?15n", b"\x1b[?13n"),
    (b"\x1b[?63n", b"\x1bP1!~0000\x1b\\"),
    (b"\x1b[1;1;2;3;4;5*y", b"\x1bP1!~0000\x1b\\"),
    (b"\x1b[?62n", b"\x1b[0*{"),
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[4$p", b"\x1b[4;2$y"),
    (b"\x1b[>q", b"\x1bP>|XTerm(390)\x1b\\"),
    (b"\x1b[?u", b"\x1b[?0u"),
    (b"\x1b[?4m", b"\x1b[>4;2m"),
    (b"\x1b[18t", b"\x1b[8;24;80t"),
    (b"\x1b[21t", b"\x1b]lsome title\x1b\\"),
    (b"\x1b[x", b"\x1b[2;1;1;128;128;1;0x"),
    (b"\x1b[?1;1;0S", b"\x1b[?1;0;256S"),
    (b"\x1b[> q", b"\x1b[>1;2;3 q"),
    (b"\x1b[1$w", b"\x1bP1$u1;1;1;@\x1b\\"),
    (b"\x1bP$qm\x1b\\", b"\x1bP1$r0;1m\x1b\\"),
    (b"\x1bP+q524742\x1b\\", b"\x1bP1+r524742=38\x1b\\"),
    (b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
    (b"\x1b]4;7;?\x07", b"\x1b]4;7;rgb:e5e5/e5e5/e5e5\x07"),
    (b"\x1b]21;foreground=?\x1b\\", b"\x1b]21;foreground=rgb:ff/ff/ff\x1b\\"),
    (b"\x1b]22;?__current__\x1b\\", b"\x1b]22;text\x1b\\"),
    (b"\x1b]31337;what=?\x1b\\", b"\x1b]31337;that\x1b\\"),
    (b"\x1b]52;c;?\x07", b"\x1b]52;c;SGVsbG8=\x07"),
    (b"\x1b]99;i=p1:p=?;\x1b\\", b"\x1b]99;i=p1:p=?;o=always\x1b\\"),
    (b"\x1b_Gi=31,a=q;AAAA\x1b\\", b"\x1b_Gi=31;OK\x1b\\"),
]
#: A sequence that opens a conversation, in which the terminal may answer at any time, and an answer.
TALKS = [
    (b"\x1b]5522;type=read;Lg==\x1b\\", b"\x1b]5522;type=read:status=DATA;" + b"QUJD" * 2000 + b"\x1b\\"),
    (b"\x1b]5113;ac=send;id=1\x1b\\", b"\x1b]5113;ac=status;id=1;st=T0s=\x1b\\"),
    (b"\x1b]1337;ReportCellSize\x07", b"\x1b]1337;ReportCellSize=18.0;8.0\x1b\\"),
    (b"\x1b]99;i=1:a=report;Hello\x1b\\", b"\x1b]99;i=1;\x1b\\"),
    (b"\x1b]64738;hello\x07", b"\x1b]64738;world\x07"),
    (b'\x1bP@kitty-cmd{"cmd":"ls"}\x1b\\', b'\x1bP@kitty-cmd{"ok":true}\x1b\\'),
    (b"\x1b_x?\x1b\\", b"\x1b_xyes\x1b\\"),
]
KEYS = [
    b"a", b"hello\r", b"\x7f", b"\t", b"\x03", b"\xc3\xa9\xe4\xbd\xa0", b"\x1c", b"\x00",
    b"\x1b[A", b"\x1bOA", b"\x1b[1;5C", b"\x1b[3~", b"\x1b[3;5~", b"\x1b[Z", b"\x1b[15~", b"\x1bOP", b"\x1b[[A",
    b"\x1b[13;2~", b"\x1b[1;2P", b"\x1b[1;2Q", b"\x1b[1;2S", b"\x1b[97;5u", b"\x1b[97:65;2:1;97u", b"\x1b[27;5;92~",
    b"\x1b[1;2R", b"\x1b[1;16R", b"\x1bx", b"\x1b\x1b[A", b"\x1b\xc3\xa9", b"\x1b[65;30;65;1;0;1_", b"\x1b\r",
    b"\x1b[2$", b"\x1b]lx", b"\x1b_yank\r", b"\x1bPrint\r", b"\x1b[(",
]  # fmt: skip
REPORTS = [
    b"\x1b[<0;12;34M", b"\x1b[<0;12;34m", b"\x1b[<35;120;40M", b"\x1b[32;12;34M", b"\x1b[M !!", b"\x1b[M\xa0\xe0\xff",
    b"\x1b[M !\xc4\x80", b"\x1b[I", b"\x1b[O", b"\x1b[?997;1n",
]  # fmt: skip
PASTES = [
    b"\x1b[200~text\x1b[201~",
    b"\x1b[200~\x1b[?62;4c\x1b[48;1R\x1b]11;rgb:0/0/0\x07\x1b[20\x1b\x1b[201~",
    b"\x1b[200~" + b"\x1b[?1;2c\n" * 500 + b"\x1b[201~",
]
#: A query that no terminal answers: while it is open, what may be a key is held for a moment.
UNANSWERED = b"\x1b]77;?\x07"
F3 = b"\x1b[1;2R"


def asked(replies: ReplyFilter, output: bytes, now: float = 0.0) -> None:
    """Note the queries in a program's output, as the daemon does."""
    for kind, body, _ in QueryScanner().scan(output):
        if kind == "query":
            replies.queries.open(reply_form(body), now)
        elif kind == "talk":
            replies.queries.open_talk(form(body), now)


def through(replies: ReplyFilter, data: bytes, cuts: list[int], now: float = 0.0) -> bytes:
    """Return what passes of `data` in pieces, with the held end released."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    passed = b"".join(replies.filter(data[start:end], now) for start, end in itertools.pairwise(places))
    return passed + replies.release()


@pytest.mark.parametrize(("query", "reply"), ANSWERS, ids=repr)
def test_a_reply_passes_once_for_its_query_and_for_no_other(query: bytes, reply: bytes) -> None:
    replies = ReplyFilter()
    for other, _ in ANSWERS:
        if reply_form(other) != reply_form(query):
            asked(replies, other)
    if reply != F3:
        assert replies.filter(b"x" + reply + b"y", 0.0) == b"xy"
    asked(replies, query * 2)
    assert replies.filter(reply, 1.0) == replies.filter(reply, 1.0) == reply
    assert not replies.by_person
    if reply != F3:
        assert replies.filter(reply, 1.0) == b""
    asked(replies, query, 10.0)
    assert replies.filter(reply, 15.1) == b""
    asked(replies, UNANSWERED, 15.2)
    for cut in range(1, len(reply)):
        asked(replies, query, 15.2)
        assert through(replies, reply + b"x", [cut], 15.3) == reply + b"x"


@pytest.mark.parametrize(("query", "reply"), TALKS, ids=lambda each: each[:12])
def test_of_a_conversation_all_passes_until_it_has_been_silent_for_a_while(query: bytes, reply: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(reply, 0.0) == b""
    asked(replies, query, 10.0)
    for now in (11.0, 15.5, 20.0):
        assert replies.filter(reply * 2 + b"x", now) == reply * 2 + b"x"
    assert not replies.queries.due(20.0)
    assert replies.filter(reply, 26.0) == b""


def test_statements_to_the_terminal_allow_no_reply() -> None:
    replies = ReplyFilter()
    asked(
        replies, b"\x1b]0;t\x07\x1b]2;why?\x07\x1b]8;;http://x/?\x07\x1b]4;1;#fff\x07\x1b]11;#000\x07\x1b]52;c;QUJD\x07"
    )
    asked(replies, b"\x1b]7;file://x\x07\x1b_Ga=T,i=1,q=2;AAAA\x1b\\\x1bPq~\x1b\\")
    for reply in (b"\x1b]4;1;rgb:0/0/0\x07", b"\x1b]11;rgb:0/0/0\x07", b"\x1b]52;c;QUJD\x07", b"\x1b_Gi=1;OK\x1b\\"):
        assert replies.filter(reply, 0.1) == b""
    assert not replies.queries.due(0.1)


@pytest.mark.parametrize(("query", "reply"), ANSWERS + TALKS[:-1], ids=lambda each: each[:12])
def test_a_late_reply_is_dropped_however_it_is_split_and_whenever_its_rest_comes(query: bytes, reply: bytes) -> None:
    """Two bytes of the reply may pass later, because a person may have typed them."""
    for cut in range(1, min(len(reply), 40)):
        replies = ReplyFilter()
        asked(replies, query + UNANSWERED)
        assert replies.filter(reply[:cut], 28.0) == b""
        assert replies.release() == reply[: cut if cut <= 2 else 0]
        assert replies.filter(reply[cut:] + b"x", 29.0) == b"x"
        if reply != F3 and (cut <= 2 or reply[:3] != b"\x1b]l"):  # to a query that this terminal was never asked
            replies = ReplyFilter()
            assert replies.filter(b"k" + reply[:cut], 0.0) + replies.release() == b"k" + reply[: cut if cut <= 2 else 0]
            assert replies.filter(reply[cut:] + b"x", 29.0) == b"x"


def test_a_reply_that_breaks_off_swallows_no_keys_behind_a_control() -> None:
    for begun in (b"\x1b]52;c;QUJD", b"\x1b]11;rgb:0", b"\x1b[?62;", b"\x1b[24;", b"\x1bP1$r0"):
        replies = ReplyFilter()
        assert replies.filter(begun, 0.0) == b""
        assert replies.filter(b"\x03ls\r", 0.0) == b"\x03ls\r"
        assert replies.by_person


@pytest.mark.parametrize("data", KEYS, ids=repr)
def test_keys_pass_at_once_and_count_as_typing(data: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(data, 0.0) == data
    assert replies.by_person
    assert not replies.key_begun


@pytest.mark.parametrize("data", REPORTS, ids=repr)
def test_reports_pass_and_count_as_no_typing(data: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(data * 3, 0.0) == data * 3
    assert not replies.by_person
    assert replies.filter(data + b"k", 0.0) == data + b"k"
    assert replies.by_person


@pytest.mark.parametrize("key", [b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b[3$"], ids=repr)
def test_a_key_that_could_begin_a_reply_is_held_for_a_moment_while_one_is_due(key: bytes) -> None:
    replies = ReplyFilter()
    assert replies.filter(key, 0.0) == key
    asked(replies, b"\x1b[?u\x1b[c", 1.0)
    assert replies.filter(key, 1.0) == b""
    assert replies.key_begun
    assert replies.release() == key
    assert replies.by_person
    assert replies.filter(b"\x03\x1b[?6c", 1.1) == b"\x03\x1b[?6c"
    assert not replies.queries.due(1.1)  # terminals answer in order: this one does not know the query before
    assert replies.filter(key, 2.0) == key


@pytest.mark.parametrize("data", PASTES, ids=repr)
def test_pasted_text_is_not_touched(data: bytes) -> None:
    for cut in range(7, min(len(data), 60)):
        replies = ReplyFilter()
        passed = replies.filter(data[:cut], 0.0)
        assert replies.by_person
        assert not replies.key_begun
        assert passed + replies.filter(data[cut:] + b"\x1b[?1;2cx", 3.0) == data + b"x"


def test_a_paste_whose_end_is_lost_is_over_after_a_while() -> None:
    replies = ReplyFilter()
    assert replies.filter(b"\x1b[200~lost\x1b[20", 0.0) == b"\x1b[200~lost"
    assert replies.filter(b"x\x1b[?1;2cy", 9.0) == b"\x1b[20xy"


def test_what_is_held_is_bounded() -> None:
    for begun in (b"\x1b]11;", b"\x1b]", b"\x1b[", b"\x1bP", b"\x1b[?", b"\x1b[200~"):
        (replies := ReplyFilter()).filter(begun + b"1;" * 500, 0.0)
        assert len(replies._begun) < 130


def test_queries_are_remembered_in_bounded_memory() -> None:
    replies = ReplyFilter()
    for number in range(2_000):
        asked(replies, b"\x1b[6n\x1b]%d;?\x07\x1b]%d;talk\x07" % (number, 1000 + number))
    assert len(replies.queries._waiting) <= 64
    assert len(replies.queries._talks) <= 64
    for _ in range(2_000):
        asked(replies, b"\x1b[6n")
    assert replies.filter(b"\x1b[2;2R" * 2_000, 0.0).count(b"R") == 512


WORDS = st.text(st.characters(exclude_characters="\x1b", exclude_categories=["Cs"]), max_size=8)
TYPED = st.one_of(st.sampled_from(KEYS[:-4] + REPORTS + PASTES), WORDS.map(lambda text: text.encode()))
CUTS = st.lists(st.integers(0, 300), max_size=20)


@example([b"\x1b[2$", b"/"], [], False)
@given(st.lists(TYPED, max_size=12), CUTS, st.booleans())
def test_what_is_typed_passes_unchanged_in_any_chunking(pieces: list[bytes], cuts: list[int], due: bool) -> None:
    replies = ReplyFilter()
    asked(replies, UNANSWERED * due)
    data = b"".join(pieces)
    assert through(replies, data, cuts) == data


ALT_KEYS = [b"\x1b]", b"\x1b[", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX", b"\x1bO", b"\x1b"]
"""Keys that begin like a control sequence or a string."""
PRESSES = st.lists(st.tuples(st.sampled_from([0.02, 0.08, 0.2, 3.0]), st.sampled_from("019;: hjk\r]_P[O")), max_size=12)


@example(b"\x1b]", [(0.02, "1"), (3.0, ";"), (0.2, "h")])
@example(b"\x1b]", [(0.02, "1"), (0.08, ";"), (0.08, "h")])
@given(st.sampled_from(ALT_KEYS), PRESSES)
def test_keys_that_follow_a_key_that_begins_like_a_reply_pass_in_any_rhythm(
    first: bytes, presses: list[tuple[float, str]]
) -> None:
    """Alt-] and a digit within a tenth of a second swallowed what was typed from then on."""
    replies = ReplyFilter()
    passed, now = replies.filter(first, 0.0), 0.0
    for pause, key in presses:
        if pause >= KEY_TIMEOUT and replies.key_begun:
            passed += replies.release()
        now += pause
        passed += replies.filter(key.encode(), now)
    assert passed + replies.release() == first + "".join(key for _, key in presses).encode()


@example(b"\x1b]", "1;h")
@given(st.sampled_from(ALT_KEYS), st.text("019;: hjk\r]_P[O", max_size=12))
def test_slow_keys_pass_while_a_reply_is_due(first: bytes, typed: str) -> None:
    replies = ReplyFilter()
    asked(replies, UNANSWERED)
    passed, now = replies.filter(first, 0.0), 0.0
    for key in typed:
        passed += replies.release()
        now += 1.5
        passed += replies.filter(key.encode(), now)
    assert passed + replies.release() == first + typed.encode()


def test_a_part_of_the_end_of_a_paste_is_let_go_at_a_cut() -> None:
    """The program stayed in its paste: the rest that came over the next connection ends none."""
    for size in range(1, 6):
        replies = ReplyFilter()
        begun = b"\x1b[200~text\x1b[201~"[: 10 + size]
        assert replies.filter(begun, 0.0) + replies.release() == begun


@given(
    st.lists(
        st.tuples(st.sampled_from(ANSWERS + TALKS), st.booleans(), st.sampled_from([b"k", b"\x1b[A", b"\r"])),
        max_size=8,
        unique_by=lambda part: reply_form(part[0][0]),
    ),
    CUTS,
)
def test_what_is_asked_passes_once_amid_keys_and_nothing_else_in_any_chunking(
    parts: list[tuple[tuple[bytes, bytes], bool, bytes]], cuts: list[int]
) -> None:
    replies = ReplyFilter()
    expected, data = b"", b""
    for (query, reply), is_asked, key in parts:
        may_be_typed = reply == F3 or reply[:3] in (b"\x1b]l", b"\x1b_x")
        passes = is_asked or may_be_typed
        asked(replies, query * passes)
        expected += reply * passes + key
        data += reply + reply * (not may_be_typed and (query, reply) not in TALKS) + key
    asked(replies, UNANSWERED)  # so that nothing passes before the filter knows what it is
    assert through(replies, data, cuts) == expected


@given(st.binary(max_size=200), CUTS, st.sets(st.sampled_from(ANSWERS + TALKS)))
def test_any_bytes_pass_or_are_dropped_and_none_are_added(
    data: bytes, cuts: list[int], queries: set[tuple[bytes, bytes]]
) -> None:
    replies = ReplyFilter()
    for query, _ in queries:
        asked(replies, query)
    rest = iter(data)
    assert all(byte in rest for byte in through(replies, data, cuts))
