"""Pictures that programs do not take, made into PNG: an uncompressed BMP here, any other by a tool.

Sources: BITMAPINFOHEADER of the Windows API, and the PNG specification (https://www.w3.org/TR/png-3/).
"""

from __future__ import annotations

import struct
import zlib

BMP = "image/bmp"
_MAX_SIDE = 1 << 15
_PLAIN, _FIELDS = 0, 3  # BI_RGB, BI_BITFIELDS
_USUAL_MASKS = (0xFF0000, 0xFF00, 0xFF)


def png_of_bmp(data: bytes) -> bytes:
    """Return an uncompressed BMP of 24 or 32 bits, without its transparency, as PNG; empty for any other data."""
    try:
        size, width, height, _, depth, compression = struct.unpack_from("<IiiHHI", data, 14)
        start = struct.unpack_from("<I", data, 10)[0]
        masks = struct.unpack_from("<III", data, 54) if compression == _FIELDS else _USUAL_MASKS
    except struct.error:
        return b""
    rows, step = abs(height), depth // 8
    is_known = data[:2] == b"BM" and size >= 40 and depth in (24, 32) and compression in (_PLAIN, _FIELDS)
    if not (is_known and masks == _USUAL_MASKS and 0 < width <= _MAX_SIDE and 0 < rows <= _MAX_SIDE):
        return b""
    stride = (width * step + 3) & ~3
    if len(data) < start + stride * rows:
        return b""
    packed = zlib.compressobj(1)
    pixels = bytearray()
    for row in range(rows):
        at = start + stride * (row if height < 0 else rows - 1 - row)
        line = data[at : at + width * step]
        colours = bytearray(3 * width)
        for place in range(3):
            colours[place::3] = line[2 - place :: step]
        pixels += packed.compress(b"\0" + colours)
    header = struct.pack(">IIBBBBB", width, rows, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", bytes(pixels) + packed.flush()) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
