"""The codec: any frames in any chunking, and what a hostile peer can send."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.errors import ProtocolError
from sesh.schema import codec
from sesh.wire import protocol
from sesh.wire.protocol import CHUNK, MAX_PAYLOAD, Decoder

CUTS = st.lists(st.integers(0, 4000), max_size=30)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=8,
)


def test_the_largest_frame_passes_and_one_byte_more_does_not() -> None:
    payload = b"x" * MAX_PAYLOAD
    assert Decoder().feed(protocol.frame(protocol.DATA, payload)) == [(protocol.DATA, payload)]
    with pytest.raises(ValueError, match="1048577"):
        protocol.frame(protocol.DATA, payload + b"x")
    for size in (MAX_PAYLOAD + 1, 2**32 - 1):
        with pytest.raises(ProtocolError):
            Decoder().feed(protocol.header(protocol.OUTPUT, size))


def test_a_block_of_many_small_frames_costs_no_square() -> None:
    data = protocol.frame(protocol.PING) * 50_000
    began = time.process_time()
    assert len(Decoder().feed(data)) == 50_000
    assert time.process_time() - began < 1.2


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_long_screen_goes_in_parts_of_which_the_last_has_the_position(size: int) -> None:
    frames = Decoder().feed(b"".join(protocol.screen_frames(1000, 7, bytes(size))))
    positions, rest = zip(*(protocol.split_number(payload) for _, payload in frames), strict=True)
    redraws, parts = zip(*map(protocol.split_number, rest), strict=True)
    assert positions == (*[protocol.PART] * (len(frames) - 1), 1000)
    assert set(redraws) == {7}
    assert all(len(part) <= CHUNK for part in parts)
    assert b"".join(parts) == bytes(size)


def test_names_that_are_no_utf_8_come_back() -> None:
    values = {"cwd": b"/tmp/\xff\xe4".decode("utf-8", "surrogateescape")}
    assert codec.parse(protocol.message(protocol.HELLO, values)[5:]) == values


def test_half_a_pair_that_a_peer_sent_can_be_sent_on() -> None:
    r"""A label with `"\ud800"` in its JSON ended the daemon that answered with it."""
    values = codec.parse(rb'{"labels": {"a": "\ud800 \udc80 \u00fc"}}')
    assert codec.parse(protocol.message(protocol.RESPONSE, values)[5:]) == values


@pytest.mark.parametrize("text", [rb"\ud800 " + b"\x80", rb"\ud800" + b"\xc3\xa9", rb"\udcc3\udca9"])
def test_halves_of_pairs_beside_bytes_that_are_no_utf_8_come_back(text: bytes) -> None:
    values = codec.parse(b'{"a": "' + text + b'"}')
    assert codec.parse(codec.encode(values)) == values


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"[]", b'"x"', b"null", b"1", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}{}", b"[" * 100_000,
        b'{"a":' * 100_000,        b"1" * 100_000, b"{'a': 1}",
    ],
    ids=lambda payload: repr(payload[:12]),
)  # fmt: skip
def test_what_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec.parse(payload)


@given(st.tuples(*[st.integers(-(10**9), 10**9)] * 4))
def test_sizes_are_clamped_to_what_the_frame_holds(size: tuple[int, int, int, int]) -> None:
    expected = tuple(min(max(value, 0), 0xFFFF) for value in size)
    payload = protocol.size_payload(*size)
    assert protocol.split_size(payload) == expected
    assert protocol.split_size(payload + b"of a newer sesh") == expected


def test_every_frame_has_a_number_of_its_own_and_stands_in_the_docstring() -> None:
    listed = re.findall(r"^\| ([A-Z]+) ", protocol.__doc__ or "", re.MULTILINE)
    numbers = [getattr(protocol, name) for name in listed]
    assert len(set(numbers)) == len(numbers) == 28
