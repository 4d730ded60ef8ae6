"""What acts through a terminal is found in the output, at its position, however the output is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.vt import effects
from sesh.vt.effects import MAX_EFFECT, MAX_KEPT, MAX_KEPT_BELLS, MAX_KEPT_BYTES, Effect, EffectKind, EffectList
from sesh.vt.queries import QueryScanner, Scan, ScannerState
from tests.unit.vt.test_queries import PIECES

ACTS = [
    (b"\x07", "bell"),
    (b"\x1b[c", "query"),
    (b"\x1b]11;?\x1b\\", "query"),
    (b"\x1bP$qm\x1b\\", "query"),
    (b"\x1b_Gi=31,a=q;AAAA\x1b\\", "query"),
    (b"\x1b]52;c;?\x07", "query"),
    (b"\x1b]5522;type=read;Lg==\x1b\\", "query"),
    (b"\x1b]5522;id=a:type=read;Lg==\x1b\\", "query"),
    (b"\x1b]99;i=p1:p=?;\x1b\\", "query"),
    (b"\x1b]1337;ReportCellSize\x07", "query"),
    (b"\x1b]52;c;aGk=\x07", "clipboard"),
    (b"\x1b]52;;aGk=\x1b\\", "clipboard"),
    (b"\x1b]5522;type=write\x1b\\", "clipboard"),
    (b"\x1b]1337;Copy=:aGk=\x07", "clipboard"),
    (b"\x1b]9;42 tests passed\x07", "notification"),
    (b"\x1b]777;notify;Build;failed\x07", "notification"),
    (b"\x1b]99;i=1:d=0;Hal\x1b\\", "notification"),
    (b"\x1b]99;i=1:p=icon;AAAA\x1b\\", "notification"),
    (b"\x1bPq#0;2;0;0;0~~\x07~~\x1b\\", "image"),
    (b"\x1bP0;1;0q~\x1b\\", "image"),
    (b"\x1b_Gf=24,a=T,i=7;AAAA\x1b\\", "image"),
    (b"\x1b_Ga=d\x1b\\", "image"),
    (b"\x1b]1337;File=inline=1:AAAA\x07", "image"),
    (b"\x1b]1337;MultipartFile=inline=1\x07", "image"),
]
DRAWS = [
    b"text\r\n\x1b[31m\x1b[2J\x1b[?2004h\x1b[?2048h\x1bc",
    b"\x1b]0;title\x07\x1b]8;;http://x/?\x07\x1b]4;1;red\x07\x1b]104;1\x07\x1b]110;\x07\x1b]7;file://h/p\x07",
    b"\x1b]9;4;1;50\x07\x1b]9;4\x07\x1b]9;9;C:\\\x07\x1b]133;A\x07\x1b]133;P;k=s\x07\x1b]633;A\x07",
    b"\x1b]7501;state=idle\x07\x1b]7501;?\x07",
    b"\x1b]0;a cut\x18\x1b]52;c;aGk=\x18\x1b]52;c;aGk=\x1b[m\x1bPq~\x1a",
]


def found(data: bytes) -> list[Effect]:
    return QueryScanner().read(data, 0).effects


@pytest.mark.parametrize(("data", "kind"), ACTS, ids=repr)
def test_each_effect_is_found_amid_other_output(data: bytes, kind: str) -> None:
    scan = QueryScanner().read(b"before" + data + b"\x1b[m", 100)
    assert scan.effects == [Effect(EffectKind(kind), 106, 106 + len(data), data, 106)]
    assert all(end == 106 + len(data) for _, _, end in scan.findings)


@pytest.mark.parametrize("data", DRAWS, ids=repr)
def test_what_draws_or_sets_is_no_effect(data: bytes) -> None:
    assert found(data) == []


def test_of_a_string_that_asks_and_sets_only_the_questions_are_asked_again() -> None:
    (effect,) = found(b"\x1b]4;1;?;2;rgb:0/0/0;255;?\x07")
    assert effect.data == b"\x1b]4;1;?\x07\x1b]4;255;?\x07"


CHUNKS = [
    b"\x1b_Ga=T,f=100,i=1,m=1;AAAA\x1b\\", b"\x1b_Gm=1;BBBB\x1b\\", b"\x1b_Gm=0;CCCC\x1b\\", b"\x1b_Ga=p,i=1\x1b\\",
]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "groups"),
    [
        (CHUNKS, [0, 0, 0, 3]),
        ([CHUNKS[0], b"\x07", CHUNKS[2]], [0, 1, 0]),
        ([CHUNKS[0], CHUNKS[0], CHUNKS[2]], [0, 1, 1]),
        ([CHUNKS[1], CHUNKS[2]], [0, 0]),
        ([b"\x1b]99;i=1:d=0;a\x07", b"\x1b]99;i=1:d=1:p=body;b\x07", b"\x1b]99;;c\x07"], [0, 0, 2]),
        (
            [
                b"\x1b]1337;MultipartFile=inline=1\x07",
                b"\x1b]1337;FilePart=AA\x07",
                b"\x1b]1337;FileEnd\x07",
                *CHUNKS[3:],
            ],
            [0, 0, 0, 3],
        ),
        (
            [
                b"\x1b]5522;type=write\x07",
                b"\x1b]5522;type=wdata:mime=YQ==;YQ==\x07",
                b"\x1b]5522;type=wdata\x07",
                b"\x1b]52;c;YQ==\x07",
            ],
            [0, 0, 0, 3],
        ),
    ],
)
def test_the_parts_of_one_image_or_notification_are_one_group(parts: list[bytes], groups: list[int]) -> None:
    effects = found(b"".join(parts))
    assert [effect.data for effect in effects] == parts
    starts = [effect.start for effect in effects]
    assert [starts.index(effect.group) for effect in effects] == groups


#: At most as many bells as one block gives; and chunks, which are grouped.
STREAM = st.lists(st.one_of(st.sampled_from([data for data, _ in ACTS] + DRAWS + CHUNKS), PIECES), max_size=12).map(
    b"".join
)


def read(data: bytes, places: list[int], start: int) -> tuple[Scan, ScannerState]:
    """Scan a stream from position `start` on, in blocks, by a new scanner for each."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    state = ScannerState()
    out = Scan([], [])
    for left, right in itertools.pairwise(edges):
        scanner = QueryScanner(state)
        findings, effects = scanner.read(data[left:right], start + left)
        out.findings.extend(findings)
        out.effects.extend(effects)
        state = scanner.state
    return out, state


@given(STREAM, st.lists(st.integers(0, 10_000), max_size=30), st.sampled_from([0, 1 << 40]))
def test_any_cutting_finds_the_same_effects_at_the_same_positions(data: bytes, places: list[int], start: int) -> None:
    if data.count(b"\x07") >= MAX_KEPT_BELLS:
        data = data.replace(b"\x07", b"\x1b\\")
    whole, state = read(data, [], start)
    assert read(data, places, start) == (whole, state)
    pieces = []
    at = 0
    for effect in whole.effects:
        assert at <= effect.start - start < effect.end - start <= len(data)
        assert start <= effect.group <= effect.start
        pieces += [data[at : effect.start - start], data[effect.start - start : effect.end - start]]
        if not (effect.data.count(b"]") or effect.data == b"\x1b[c"):  # a DA1 may be a DECID, an OSC be split
            assert pieces[-1] == effect.data
        at = effect.end - start
    assert b"".join([*pieces, data[at:]]) == data


@given(STREAM)
def test_without_the_effects_there_are_no_more(data: bytes) -> None:
    """What is left asks and tells nothing: an effect is not half of a sequence."""
    for effect in reversed(found(data)):
        data = data[: effect.start] + b"\x18" + data[effect.end :]
    assert [effect for effect in found(data) if effect.kind is not EffectKind.BELL] == []


@pytest.mark.parametrize("size", [7, 4096, 1 << 20])
@pytest.mark.parametrize(
    ("head", "end", "kind"),
    [
        (b"\x1bPq", b"\x1b\\", "image"),
        (b"\x1b_Ga=T;", b"\x1b\\", "image"),
        (b"\x1b]52;c;", b"\x07", "clipboard"),
        (b"\x1b]1337;File=inline=1:", b"\x1b\\", "image"),
    ],
)
def test_a_long_effect_is_known_whole_or_by_its_positions_alone(head: bytes, end: bytes, kind: str, size: int) -> None:
    for length, kept in ((200_000, True), (MAX_EFFECT - len(head + end), True), (MAX_EFFECT, False), (3 << 20, False)):
        data = head + b"A" * length + end
        scanner = QueryScanner()
        effects = []
        for at in range(0, len(data), size if length > 200_000 and size > 7 else max(size, 4096)):
            step = size if length > 200_000 and size > 7 else max(size, 4096)
            effects += scanner.read(data[at : at + step], 5 + at).effects
            assert len(scanner.state.carry) <= MAX_EFFECT + 1
        assert effects == [Effect(EffectKind(kind), 5, 5 + len(data), data if kept else b"", 5)]


def test_a_long_string_without_an_effect_keeps_its_head_alone() -> None:
    scanner = QueryScanner()
    for at in range(0, 1 << 20, 4096):
        scanner.read((b"\x1b]0;" + b"x" * 4092) if not at else b"x" * 4096, at)
        assert len(scanner.state.carry) <= 64 << 10
    assert scanner.read(b"\x07\x1b[c", 1 << 20).effects == [
        Effect(EffectKind.QUERY, (1 << 20) + 1, (1 << 20) + 4, b"\x1b[c", (1 << 20) + 1)
    ]


def effect(start: int, kind: EffectKind = EffectKind.QUERY, size: int = 3, group: int = -1) -> Effect:
    return Effect(kind, start, start + size, b"x" * size, start if group < 0 else group)


def test_a_terminal_gets_the_effects_after_its_own_position_and_up_to_the_screens() -> None:
    effects = EffectList()
    effects.add(effect(start) for start in range(0, 100, 10))
    assert [each.start for each in effects.between(10, 43)] == [10, 20, 30, 40], "one that is cut comes whole"
    assert [each.start for each in effects.between(13, 42)] == [20, 30], "the rest of one comes with the output"
    effects.trim(43)
    assert [each.start for each in effects.between(0, 1000)] == [50, 60, 70, 80, 90]


def test_the_effects_that_are_kept_are_bounded() -> None:
    effects = EffectList()
    for start in range(0, 5000, 5):
        effects.add([effect(start), effect(start + 1, EffectKind.BELL, 1)])
        assert len(effects.all) <= MAX_KEPT
    assert sum(each.kind is EffectKind.BELL for each in effects.all) == MAX_KEPT_BELLS
    assert effects.all[-2].start == 4995
    for start in range(5000, 5000 + 10 * MAX_KEPT_BYTES, 100_000):
        effects.add([effect(start, EffectKind.CLIPBOARD, 100_000)])
        assert sum(len(each.data) for each in effects.all) <= MAX_KEPT_BYTES
    assert effects.all[-1].start == start


@pytest.mark.parametrize("large", [0, 1, 20])
def test_an_image_in_chunks_is_dropped_whole(large: int) -> None:
    """`large`: the chunk that is too long to be effects, if there are so many."""
    effects = EffectList()
    first, second = effect(0), effect(10_000_000, EffectKind.IMAGE)
    effects.add([first])
    for number in range(10):
        chunk = effect(10 + number * (1 << 18), EffectKind.IMAGE, 1 << 18, group=10)
        effects.add([chunk._replace(data=b"") if number == large else chunk])
    assert all(each.kind is EffectKind.QUERY for each in effects.all)
    effects.add([second])
    assert effects.all[-1] == second


def test_a_flood_of_bells_is_bounded_in_a_block_too() -> None:
    assert len(found(b"\x07" * 100_000)) == MAX_KEPT_BELLS


def test_an_image_that_never_ends_hides_no_later_one_of_its_own() -> None:
    begun = dict[str, int]()
    for start, chunk in enumerate([CHUNKS[0], CHUNKS[1], CHUNKS[0], CHUNKS[2]]):
        last = effects.group_of(EffectKind.IMAGE, start, chunk, begun)
    assert (last, begun) == (2, {})
