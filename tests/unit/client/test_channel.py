"""Input is numbered, bounded and sent again where a connection broke."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from sesh.client.channel import Channel, UnacknowledgedInput
from sesh.wire import protocol


def add(typed: UnacknowledgedInput, data: bytes) -> list[tuple[int, bytes]]:
    typed.add(data)
    return typed.frame()


def acknowledge(typed: UnacknowledgedInput, number: int) -> list[tuple[int, bytes]]:
    typed.acknowledge(number)
    return typed.frame()


def test_no_more_than_the_window_is_on_its_way() -> None:
    typed = UnacknowledgedInput()
    sent = add(typed, b"x" * (protocol.INPUT_WINDOW + 10))
    assert sum(len(data) for _, data in sent) == protocol.INPUT_WINDOW
    assert add(typed, b"y") == []
    assert b"".join(data for _, data in acknowledge(typed, sent[-1][0])) == b"x" * 10 + b"y"


def test_what_the_daemon_has_is_not_sent_again() -> None:
    typed = UnacknowledgedInput()
    for data in (b"a", b"b", b"c"):
        add(typed, data)
    assert typed.resume(2) == [(3, b"c")]
    assert typed.acknowledged == 2
    assert add(typed, b"d") == [(4, b"d")]


@given(st.lists(st.binary(max_size=300_000) | st.integers(0, 20), max_size=12))
def test_every_byte_goes_once_and_in_order(steps: list[bytes | int]) -> None:
    typed = UnacknowledgedInput()
    went: list[tuple[int, bytes]] = []
    for step in steps:
        went += add(typed, step) if isinstance(step, bytes) else acknowledge(typed, min(step, len(went)))
    while len(before := went) and (more := acknowledge(typed, before[-1][0])):
        went += more
    assert [number for number, _ in went] == list(range(1, len(went) + 1))
    assert b"".join(data for _, data in went) == b"".join(step for step in steps if isinstance(step, bytes))


def test_what_is_held_back_is_acknowledged_and_counts_as_not_given() -> None:
    over_link = Channel()
    with patch.object(over_link, "send") as sent:
        over_link.count(bytes(5_000))
        over_link.acknowledge_output(0, protocol.GOT_OVER_LINK, 1_200)
        over_link.count(bytes(5_000))
        over_link.acknowledge_output(0, protocol.GOT_OVER_LINK)
    assert [protocol.split_got(call.args[0][5:]) for call in sent.call_args_list] == [(5_000, 1_200), (10_000, None)]


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 60_000)), max_size=20))
def test_a_link_is_told_only_of_the_bytes_that_the_terminal_has_taken(steps: list[tuple[int, int]]) -> None:
    over_link, received, taken = Channel(), 0, 0
    with patch.object(over_link, "send") as sent:
        for size, waiting in steps:
            received += size
            over_link.count(bytes(size))
            over_link.acknowledge_output(min(waiting, received), protocol.GOT_OVER_LINK)
            taken = max(taken, received - waiting)
            confirmed = [protocol.split_number(call.args[0][5:])[0] for call in sent.call_args_list]
            assert max(confirmed, default=0) <= taken < max(confirmed, default=0) + protocol.GOT_OVER_LINK
