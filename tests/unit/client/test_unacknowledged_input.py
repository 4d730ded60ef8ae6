"""Input is numbered, bounded while nobody takes it, and sent again where a connection broke."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol
from sesh.client import unacknowledged_input
from sesh.client.attach import undelivered
from sesh.client.outcome import Outcome
from sesh.client.unacknowledged_input import GAP, LIMIT, WINDOW, UnacknowledgedInput


def read(frames: list[bytes]) -> list[tuple[int, bytes]]:
    found = protocol.Decoder().feed(b"".join(frames))
    assert all(kind == protocol.INPUT for kind, _ in found)
    return [protocol.split_number(payload) for _, payload in found]


def test_frames_are_counted_from_one() -> None:
    typed = UnacknowledgedInput()
    assert read(typed.add(b"a")) == [(1, b"a")]
    assert read(typed.add(b"b")) == [(2, b"b")]


def test_no_more_than_the_window_is_on_its_way() -> None:
    typed = UnacknowledgedInput()
    sent = read(typed.add(b"x" * (WINDOW + 10)))
    assert sum(len(data) for _, data in sent) == WINDOW
    assert typed.add(b"y") == []
    assert b"".join(data for _, data in read(typed.acknowledge(sent[-1][0]))) == b"x" * 10 + b"y"


def test_it_is_full_beyond_its_limit() -> None:
    typed = UnacknowledgedInput()
    typed.add(b"x" * (WINDOW + LIMIT - 1))
    assert not typed.full
    typed.add(b"x")
    assert typed.full


def test_what_the_daemon_has_is_not_sent_again() -> None:
    typed = UnacknowledgedInput()
    for data in (b"a", b"b", b"c"):
        typed.add(data)
    assert read(typed.resume(2, 0.0)) == [(3, b"c")]
    assert read(typed.add(b"d")) == [(4, b"d")]


@given(st.lists(st.binary(max_size=300_000) | st.integers(0, 20), max_size=12))
def test_every_byte_goes_once_and_in_order(steps: list[bytes | int]) -> None:
    typed = UnacknowledgedInput()
    went: list[tuple[int, bytes]] = []
    for step in steps:
        went += read(typed.add(step) if isinstance(step, bytes) else typed.acknowledge(min(step, len(went))))
    while len(before := went) and (more := read(typed.acknowledge(before[-1][0]))):
        went += more
    assert [number for number, _ in went] == list(range(1, len(went) + 1))
    assert b"".join(data for _, data in went) == b"".join(step for step in steps if isinstance(step, bytes))


@patch.object(unacknowledged_input, "LIMIT", 1000)
@given(st.lists(st.binary(min_size=1, max_size=400), max_size=12))
def test_while_nothing_can_be_sent_it_keeps_a_beginning_and_nothing_behind_a_gap(pieces: list[bytes]) -> None:
    typed = UnacknowledgedInput()
    for number, piece in enumerate(pieces):
        typed.hold(piece, float(number))
    whole = b"".join(pieces)
    went, frames = [], read(typed.resume(0, 100.0))
    while frames:
        went += frames
        frames = read(typed.acknowledge(went[-1][0]))
    kept = b"".join(data for _, data in went)
    assert whole.startswith(kept)
    assert typed.dropping == (kept != whole)
    assert len(kept) == len(whole) or len(kept) >= 1000


def test_what_is_typed_follows_a_gap_until_there_was_a_pause() -> None:
    typed = UnacknowledgedInput()
    for _ in range(2):
        typed.hold(b"x" * LIMIT, 0.0)
    typed.resume(0, 10.0)
    assert [typed.drops(now) for now in (10.0 + GAP / 2, 10.0 + GAP, 10.0 + 3 * GAP, 10.0 + 3.1 * GAP)] == [
        True,
        True,
        False,
        False,
    ]


def test_dropping_what_is_held_ends_the_gap() -> None:
    typed = UnacknowledgedInput()
    assert not typed.drop()
    typed.hold(b"secret", 0.0)
    assert typed.drop()
    assert not typed.resume(0, 0.0)


def test_what_was_sent_may_arrive_and_what_was_not_will_not() -> None:
    typed = UnacknowledgedInput()
    assert typed.fate == ""
    typed.hold(b"\x1b[I", 1.0)
    assert typed.fate == "", "a window that gets the focus is no key"
    typed.hold(b"a", 1.0)
    assert typed.fate == "was not delivered"
    typed.resume(0, 2.0)
    assert typed.fate == "may or may not arrive"
    typed.acknowledge(typed.number)
    assert typed.fate == ""


def test_what_the_terminal_answers_is_nothing_that_was_typed() -> None:
    """`what was typed may or may not arrive`, though vi had asked the terminal and nobody had touched a key."""
    typed = UnacknowledgedInput()
    typed.add(b"\x1b[?62;4c\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[2;2R")
    assert typed.fate == ""
    typed.add(b"\x1b[A")
    assert typed.fate == "may or may not arrive"


@pytest.mark.parametrize(
    ("kind", "silent", "told"),
    [("signal", True, True), ("signal", False, False), ("detached", True, True), ("detached", False, True)],
)
def test_a_signal_tells_of_keys_only_if_the_link_is_silent(kind: str, silent: bool, told: bool) -> None:
    """It waits for no acknowledgement, so any key of the last moment was `may or may not arrive`."""
    typed = UnacknowledgedInput()
    typed.add(b"a")
    link = SimpleNamespace(since="12:00:00", state=SimpleNamespace(doubted=silent))
    attachment: Any = SimpleNamespace(link=link, farewell={}, input=typed)
    assert bool(undelivered(attachment, Outcome(kind, "work", "gpu"))) == told
