"""The frames that clients and daemons exchange: a pure codec, the same over a Unix socket and over ssh.

A frame is one type byte, the payload's length as four bytes (big-endian), and the payload. Types that the reader does
not know are skipped, JSON keys that it does not know ignored. Peers with another protocol number understand HELLO,
WELCOME, the request `reload` and its RESPONSE.

| frame    | from   | payload                                                                                 |
|----------|--------|-----------------------------------------------------------------------------------------|
| HELLO    | client | JSON: protocol, version, role (attach, request, bridge), pid; size and wishes to attach |
| WELCOME  | daemon | JSON: protocol, version, id, name, position, last_input                                 |
| INPUT    | client | sequence number (8 bytes), keys                                                         |
| ACK      | daemon | the newest INPUT's number that the pty has taken in whole (8 bytes)                     |
| OUTPUT   | daemon | position of the first byte since the session's birth (8), program's bytes               |
| SCREEN   | daemon | position that it stands for (8 bytes), bytes made from the model                        |
| NOTICE   | daemon | JSON: text (a line of sesh's own, which counts for no position)                         |
| RESIZE   | client | columns, rows, width and height in pixels (2 bytes each)                                |
| REDRAW   | both   | client: nothing: send me a screen; or a position (8 bytes): my terminal shows the       |
|          |        | output up to there, and no more before your answer. Daemon: a SCREEN that answers       |
| DETACH   | both   | JSON: from the client nothing; from the daemon reason, and what leaves the terminal     |
|          |        | tidy: rows_below, queries                                                               |
| EXIT     | daemon | JSON: code, signal, name, reason                                                        |
| SWITCH   | daemon | JSON: name, host: attach there                                                          |
| PING     | both   | anything                                                                                |
| PONG     | both   | what the PING carried                                                                   |
| REQUEST  | client | JSON: id, verb, begin_by (the time after which it is not begun, in seconds since the    |
|          |        | start of the daemon's machine), and the verb's own keys                                 |
| RESPONSE | daemon | JSON: id, then either ok or error {code, message, exit}                                 |
| ECHOED   | daemon | INPUT's number, position of the output that holds its echo (8 bytes each), flags (1)    |
| MODEL    | both   | client: nothing; daemon: position (8 bytes), state of the screen's model there          |
| GOT      | client | bytes of OUTPUT and SCREEN that have come in all (8 bytes), over a link: so little is   |
|          |        | on its way that no key waits                                                            |
| TELL     | daemon | JSON: name, state, question of another session, for the person to know                  |
| RELOADED | daemon | nothing: the daemon goes on as another sesh; come back                                  |
| DATA     | both   | bytes that belong to the REQUEST or RESPONSE that follows; of `events` one event        |

A broken frame costs its sender the connection. At the far end of a link a bridge answers first, in the daemon's place,
to the requests `op`, `enter` and `connect` (see `sesh.bridge`); OUTPUT then carries the output of a command, with
1 for stdout or 2 for stderr in place of the position.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from sesh import errors

PROTOCOL = 1
"""The protocol number: a peer with another one is refused in one line, and harms nothing."""

BRIDGE = b"\0sesh-bridge-1\0\n"
"""The bytes that the far end of a link sends first; what login files print comes before them."""

LARGEST_PAYLOAD = 1 << 20
LARGEST_ANSWER = 40 << 20
"""Bytes of DATA with one answer: the output of a run (32 MiB) and a whole scrollback as JSON are below it."""
MOST_VALUES = 500_000
"""Values in one answer: each costs some hundred bytes of memory, however short it is."""
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
MOST = 1 << 62
"""The largest position, count or number that is accepted."""
_HEADER, _NUMBERED = struct.Struct(">BI"), struct.Struct(">BIQ")
_NUMBER, _ECHO, _SIZE = struct.Struct(">Q"), struct.Struct(">QQB"), struct.Struct(">4H")
CHUNK = 256 << 10
"""Bytes at most that sesh itself puts into one frame of INPUT, OUTPUT, SCREEN or DATA."""
READING = frozenset(("summary", "status", "screen", "modes", "logs", "typed", "wait", "events", "history", "asked"))
"""The requests that change nothing."""
STATES = ("working", "waiting", "idle", "done", "failed")

HELLO, WELCOME = 0x01, 0x02
INPUT, ACK = 0x03, 0x04
OUTPUT, SCREEN, NOTICE = 0x05, 0x06, 0x07
RESIZE, REDRAW, DETACH, EXIT, SWITCH = 0x08, 0x09, 0x0A, 0x0B, 0x0C
PING, PONG = 0x0D, 0x0E
REQUEST, RESPONSE, DATA = 0x0F, 0x10, 0x11
ECHOED, MODEL, TELL, GOT = 0x13, 0x14, 0x15, 0x16
RELOADED = 0x19

ECHOES, BY_LINE = 1, 2
"""Flags of ECHOED: the session's terminal echoes (ECHO), and reads by lines (ICANON)."""


def header(kind: int, size: int) -> bytes:
    return _HEADER.pack(kind, size)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return a whole frame. Raises ValueError for more than `LARGEST_PAYLOAD`: a fault of the caller's."""
    if len(payload) > LARGEST_PAYLOAD:
        raise ValueError(f"a frame of {len(payload)} bytes")
    return header(kind, len(payload)) + payload


def numbered(kind: int, number: int, data: bytes) -> bytes:
    """Return an INPUT, OUTPUT or SCREEN: `number` is its sequence number or position, `data` at most `CHUNK` bytes."""
    return _NUMBERED.pack(kind, 8 + len(data), number) + data


def output_header(position: int, size: int, ack: int) -> bytes:
    """Return the header and number of an OUTPUT with `size` bytes; before it the ACK of an INPUT, if that is not 0."""
    return (numbered(ACK, ack, b"") if ack else b"") + _NUMBERED.pack(OUTPUT, 8 + size, position)


def pieces(kind: int, number: int, data: bytes) -> Iterator[bytes]:
    """Yield frames of one number that carry `data` of any length."""
    for start in range(0, len(data), CHUNK) if data else (0,):
        yield numbered(kind, number, data[start : start + CHUNK])


def data_frames(data: bytes) -> bytes:
    """Return DATA frames that carry bytes of any length; none for no bytes."""
    return b"".join(frame(DATA, data[start : start + CHUNK]) for start in range(0, len(data), CHUNK))


def _unpacked(form: struct.Struct, payload: bytes) -> Any:
    try:
        return form.unpack_from(payload)
    except struct.error as error:
        raise errors.ProtocolError("the other side sent a truncated frame") from error


def split_number(payload: bytes) -> tuple[int, bytes]:
    """Return the number and the bytes of a numbered frame's payload. Raises ProtocolError if it is too short."""
    (number,) = _unpacked(_NUMBER, payload)
    return number, payload[8:]


def echoed(number: int, position: int, flags: int) -> bytes:
    return frame(ECHOED, _ECHO.pack(number, position, flags))


def split_echoed(payload: bytes) -> tuple[int, int, int]:
    """Return number, position and flags of an ECHOED. Raises ProtocolError if it is too short."""
    number, position, flags = _unpacked(_ECHO, payload)
    return number, position, flags


def size_payload(columns: int, rows: int, width: int = 0, height: int = 0) -> bytes:
    """Return the payload of RESIZE; each value is clamped to two bytes."""
    return _SIZE.pack(*(min(max(value, 0), 0xFFFF) for value in (columns, rows, width, height)))


def split_size(payload: bytes) -> tuple[int, int, int, int]:
    """Return columns, rows, width and height of a RESIZE. Raises ProtocolError if it is too short."""
    columns, rows, width, height = _unpacked(_SIZE, payload)
    return columns, rows, width, height


def message(kind: int, values: Mapping[str, object]) -> bytes:
    return frame(kind, encode(values))


def encode(values: Mapping[str, object]) -> bytes:
    """Return JSON that `parse` turns back into the same values; file names that are no UTF-8 keep their bytes."""
    return json.dumps(values, separators=(",", ":")).encode()


def parse(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a payload. Raises ProtocolError if it is none."""
    try:
        values = json.loads(payload.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError("the other side sent a message that is not JSON") from error
    if not isinstance(values, dict):
        raise errors.ProtocolError("the other side sent a message that is not a JSON object")
    return values


def carry(held: bytearray, payload: bytes) -> None:
    """Add DATA to the bytes of an answer that have come. Raises ProtocolError beyond `LARGEST_ANSWER`."""
    if len(held) + len(payload) > LARGEST_ANSWER:
        raise errors.ProtocolError(f"the other side sent more than {LARGEST_ANSWER >> 20} MiB in one answer")
    held += payload


def value(data: bytes | bytearray) -> Any:
    """Return the value of some JSON. Raises ProtocolError if it is no JSON, or has more than `MOST_VALUES` values."""
    if len(data) > MOST_VALUES and sum(map(_STRINGS.sub(b"", data).count, b",[{")) > MOST_VALUES:
        raise errors.ProtocolError(f"the other side sent more than {MOST_VALUES} values in one answer")
    try:
        return json.loads(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError("the other side sent an answer that is not JSON") from error


class Decoder:
    """Turn bytes, in any chunking, into frames. It holds at most one unfinished frame."""

    __slots__ = ("_buffer", "_wanted")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = _HEADER.size

    @property
    def held(self) -> int:
        """Return the number of bytes of an unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that `data` completes, as (type, payload).

        Raises ProtocolError if a length is over `LARGEST_PAYLOAD`; the decoder is of no use afterwards.
        """
        if self._buffer:  # a frame that comes in pieces is gathered, and put together once
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        frames: list[tuple[int, bytes]] = []
        start, end = 0, len(data)
        self._wanted = _HEADER.size
        while end - start >= _HEADER.size:
            body = start + _HEADER.size
            size = int.from_bytes(data[start + 1 : body], "big")
            if size > LARGEST_PAYLOAD:
                raise errors.ProtocolError(
                    f"the other side announced a frame of {size} bytes: it does not speak sesh's protocol"
                )
            if end - body < size:
                self._wanted = _HEADER.size + size
                break
            frames.append((data[start], data[body : body + size]))
            start = body + size
        if start < end:
            self._buffer += data[start:]
        return frames
