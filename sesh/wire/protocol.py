"""Frames between caller and daemon, without I/O: the same over Unix sockets and ssh.

A frame is one type byte, the payload's length as four bytes (big-endian), and the payload. Readers skip unknown types
and ignore unknown JSON keys. Peers with different protocol numbers still understand HELLO, WELCOME, the request
`reload` and its RESPONSE.

A caller has opened the connection; a client is a caller that is attached. At the far end of a link, the bridge is in
the place of the daemon, for HELLO, PING and the request `op`, until it copies a daemon's frames (see
`sesh.bridge.bridge`).

| frame    | from   | payload                                                                                 |
|----------|--------|-----------------------------------------------------------------------------------------|
| HELLO    | caller | JSON: protocol, version, role (attach, request, bridge), pid; to attach: size, options  |
| WELCOME  | daemon | JSON: protocol, version, id, name, position, last_input, events; to attach: new, missed |
| INPUT    | client | sequence number (8 bytes), keys                                                         |
| ACK      | daemon | number of the newest INPUT that was written to the pty in whole, or dropped (8 bytes)   |
| OUTPUT   | daemon | position of the first byte, counted from the session's start (8), the program's bytes   |
| SCREEN   | daemon | position of the output that it replaces, or PART, number of the last REDRAW or 0 (8     |
|          |        | bytes each), bytes that draw it; without bytes: output goes on, a screen comes later    |
| NOTICE   | daemon | JSON: text, a line of sesh's own, which has no position; or left_out and kept: how many |
|          |        | lines the terminal lacks, and how many of them `logs` has                               |
| RESIZE   | client | columns, rows, width and height in pixels (2 bytes each)                                |
| REDRAW   | client | position, number (8 bytes each), to request a SCREEN and the lines from there; until    |
|          |        | the SCREEN with this number, the client shows nothing                                   |
| DETACH   | both   | JSON: client: nothing; daemon: reason, and used_rows and queries, by which the client   |
|          |        | restores the terminal                                                                   |
| EXIT     | daemon | JSON: code, signal, name, reason, used_rows                                             |
| SWITCH   | daemon | JSON: name, host: the session to attach to                                              |
| PING     | caller | any bytes                                                                               |
| PONG     | daemon | the payload of the PING                                                                 |
| REQUEST  | caller | JSON: id, verb, begin_by (deadline to begin, in seconds since the start of the daemon's |
|          |        | machine), and the verb's own keys                                                       |
| RESPONSE | daemon | JSON: id, then either result or error {code, what, hint, exit}                          |
| ECHOED   | daemon | INPUT's number, position of the output that contains its echo (8 bytes each), flags (1) |
| MODEL    | both   | client: nothing; daemon: position (8 bytes), the screen there as a replay, or nothing   |
| GOT      | client | the number of bytes of OUTPUT and SCREEN that the terminal has taken (8 bytes): what it |
|          |        | may lack is kept, and over a link few bytes are in flight, so that no key waits for them|
|          |        | while the client holds them back: the position of the first that it has not given (8)   |
| TELL     | daemon | JSON: name, state, question of a session, to notify the user                            |
| RELOADED | daemon | nothing: the daemon was reloaded; connect again                                         |
| PROGRESS | daemon | nothing: a bridge's op has done with one more session, and goes on; older ones send none |
| DATA     | both   | bytes that belong to the next REQUEST or RESPONSE; for `events`, one event              |
| ASK      | both   | JSON: number, wish, and the wish's own keys: begins an exchange (see `sesh.wire.pieces`)|
| PIECE    | both   | an exchange's number (8 bytes), some of its bytes; without bytes: no more come this way |
| TAKEN    | both   | an exchange's number, how many of its bytes somebody has taken (8 bytes each); with the |
|          |        | number 0: how many bytes of pieces have arrived                                         |
| TOLD     | both   | JSON: number, ok, why, and what the wish is answered with: ends an exchange             |
| DESKTOP  | client | JSON: what the machine of its person can do (see `messages.DesktopFacts`); once after   |
|          |        | each WELCOME, and again whenever that changes; without one nothing is asked of it       |

A malformed frame closes the connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from sesh import errors
from sesh.schema.codec import encode, parse
from sesh.schema.facts import MAX_NUMBER

PROTOCOL = 1  # the protocol number; a peer with another one is refused with an error

BRIDGE = b"\0sesh-bridge-1\0\n"
"""Sent first by a bridge; any earlier bytes are output of the login shell's startup files."""

MAX_PAYLOAD = 1 << 20
MAX_RESPONSE = 40 << 20
"""Most bytes of DATA with one response; more raise ProtocolError. The output of a run (32 MiB) or a scrollback fits."""
PART = MAX_NUMBER  # in the place of a screen's position: the screen goes on in the next frame
_HEADER, _NUMBERED = struct.Struct(">BI"), struct.Struct(">BIQ")
_ECHO, _SIZE = struct.Struct(">QQB"), struct.Struct(">4H")
_TRUNCATED = "the other side sent a truncated frame"
INPUT_WINDOW = 256 << 10
"""Bytes of INPUT without an ACK at which a client pauses."""
CHUNK = 256 << 10
"""Maximum bytes that sesh itself puts into a frame of INPUT, OUTPUT, SCREEN or DATA."""
GOT_OVER_LINK, GOT_HERE = 2 << 10, 64 << 10
"""Bytes that a terminal takes between two GOT, if it is over a link, or on the daemon's machine."""
NUMBER_SIZE = 8  # bytes of the number that begins a numbered frame
HEADER_SIZE = _HEADER.size
STATES = ("working", "waiting", "idle", "done", "failed")

WELCOME_TIMEOUT = 5.0  # seconds without a WELCOME until a daemon counts as silent
ENDING_TIMEOUT = 4.0 + WELCOME_TIMEOUT  # seconds for a daemon to end its session, which takes up to four, and to answer
RELOAD_TIMEOUT = 45.0  # seconds for a reload: the emulator catches up, the daemon tries the new sesh and executes it

HELLO, WELCOME = 0x01, 0x02
INPUT, ACK = 0x03, 0x04
OUTPUT, SCREEN, NOTICE = 0x05, 0x06, 0x07
RESIZE, REDRAW, DETACH, EXIT, SWITCH = 0x08, 0x09, 0x0A, 0x0B, 0x0C
PING, PONG = 0x0D, 0x0E
REQUEST, RESPONSE, DATA = 0x0F, 0x10, 0x11
ECHOED, MODEL, TELL, GOT = 0x13, 0x14, 0x15, 0x16
RELOADED, PROGRESS = 0x19, 0x1A
ASK, PIECE, TAKEN, TOLD, DESKTOP = 0x1B, 0x1C, 0x1D, 0x1E, 0x1F

ECHOES, BY_LINE = 1, 2  # flags of ECHOED: the pty's ECHO and ICANON


def header(kind: int, size: int) -> bytes:
    return _HEADER.pack(kind, size)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return a frame. Raises ValueError for more than `MAX_PAYLOAD`: a bug of the caller."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a frame of {len(payload)} bytes")
    return header(kind, len(payload)) + payload


def numbered(kind: int, number: int, data: bytes | memoryview) -> bytes:
    """Return a numbered frame, which carries at most `CHUNK` bytes of `data`."""
    return _NUMBERED.pack(kind, NUMBER_SIZE + len(data), number) + data


def output_header(position: int, size: int) -> bytes:
    """Return the header and number of an OUTPUT."""
    return _NUMBERED.pack(OUTPUT, NUMBER_SIZE + size, position)


def redraw(position: int, number: int) -> bytes:
    return numbered(REDRAW, position, number.to_bytes(NUMBER_SIZE, "big"))


def got(count: int, held_back_from: int | None) -> bytes:
    """Return a GOT for so many bytes; `held_back_from`: the position from which on the terminal has none of them."""
    position = b"" if held_back_from is None else held_back_from.to_bytes(NUMBER_SIZE, "big")
    return numbered(GOT, count, position)


def split_got(payload: bytes) -> tuple[int, int | None]:
    """Return count and position of a GOT. Raises ProtocolError if it is too short."""
    count, position = split_number(payload)
    return count, split_number(position)[0] if position else None


def taken(number: int, count: int) -> bytes:
    """Return a TAKEN: of exchange `number`, so many bytes have been taken."""
    return numbered(TAKEN, number, count.to_bytes(NUMBER_SIZE, "big"))


def split_taken(payload: bytes) -> tuple[int, int]:
    """Return number and count of a TAKEN. Raises ProtocolError if it is too short."""
    number, rest = split_number(payload)
    return number, split_number(rest)[0]


def screen_frame(position: int, redraw_number: int, data: bytes) -> bytes:
    """Return one frame of a screen; `position` is PART unless it is the last one."""
    return numbered(SCREEN, position, redraw_number.to_bytes(NUMBER_SIZE, "big") + data)


def screen_pieces(position: int, replay: bytes, size: int = CHUNK) -> Iterator[tuple[int, bytes]]:
    """Yield position and bytes of the frames of a screen's replay; only the last one has its position."""
    last = (len(replay) - 1) // size * size if replay else 0
    for start in range(0, last, size):
        yield PART, replay[start : start + size]
    yield position, replay[last:]


def screen_frames(position: int, redraw_number: int, replay: bytes) -> Iterator[bytes]:
    """Yield the frames of a screen's replay."""
    return (screen_frame(at, redraw_number, data) for at, data in screen_pieces(position, replay))


def data_frames(data: bytes) -> bytes:
    """Return DATA frames that carry bytes of any length; empty without bytes."""
    return b"".join(frame(DATA, data[start : start + CHUNK]) for start in range(0, len(data), CHUNK))


def _unpacked(form: struct.Struct, payload: bytes) -> Any:
    try:
        return form.unpack_from(payload)
    except struct.error as error:
        raise errors.ProtocolError(_TRUNCATED) from error


def split_number(payload: bytes) -> tuple[int, bytes]:
    """Return number and bytes of a numbered frame. Raises ProtocolError if it is too short."""
    if len(payload) < NUMBER_SIZE:
        raise errors.ProtocolError(_TRUNCATED)
    return int.from_bytes(payload[:NUMBER_SIZE], "big"), payload[NUMBER_SIZE:]


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
    """Return columns, rows, width and height of a RESIZE. Raises ProtocolError if too short."""
    columns, rows, width, height = _unpacked(_SIZE, payload)
    return columns, rows, width, height


def message(kind: int, values: Mapping[str, object]) -> bytes:
    return frame(kind, encode(values))


def response_number(payload: bytes) -> int:
    """Return the request's id in a RESPONSE, -1 if it has none. Raises as `parse`."""
    number = parse(payload).get("id")
    return number if isinstance(number, int) else -1


def carry(held: bytearray, payload: bytes) -> None:
    """Append DATA to the bytes of a response. Raises ProtocolError beyond `MAX_RESPONSE`."""
    if len(held) + len(payload) > MAX_RESPONSE:
        raise errors.ProtocolError(f"the other side sent more than {MAX_RESPONSE >> 20} MiB in one answer")
    held += payload


class Decoder:
    """Turns bytes, in chunks of any size, into frames; buffers at most one incomplete frame."""

    __slots__ = ("_wanted", "held")

    def __init__(self) -> None:
        self.held = bytearray()  # an incomplete frame
        self._wanted = _HEADER.size

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that `data` completes, as (type, payload).

        Raises ProtocolError if a length is over `MAX_PAYLOAD`; the decoder is unusable then.
        """
        if self.held:  # collect a large frame and copy it once
            self.held += data
            if len(self.held) < self._wanted:
                return []
            data = bytes(self.held)
            self.held.clear()
        frames: list[tuple[int, bytes]] = []
        start, end = 0, len(data)
        self._wanted = _HEADER.size
        while (body := start + _HEADER.size) <= end:
            kind, size = _HEADER.unpack_from(data, start)
            if size > MAX_PAYLOAD:
                raise errors.ProtocolError(
                    f"the other side announced a frame of {size} bytes: it does not speak sesh's protocol"
                )
            if body + size > end:
                self._wanted = _HEADER.size + size
                break
            start = body + size
            frames.append((kind, data[body:start]))
        if start < end:
            self.held += data[start:]
        return frames
