"""A picture that programs do not take becomes PNG."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.desktop.pictures import png_of_bmp


def bmp(width: int, height: int, depth: int, pixels: bytes) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, width, height, 1, depth, 0, 0, 0, 0, 0, 0) + pixels


def pixels_of(png: bytes) -> bytes:
    start = png.index(b"IDAT")
    size = struct.unpack(">I", png[start - 4 : start])[0]
    return zlib.decompress(png[start + 4 : start + 4 + size])


@pytest.mark.parametrize(("height", "rows"), [(2, [b"\0\3\2\1", b"\0\6\5\4"][::-1]), (-2, [b"\0\3\2\1", b"\0\6\5\4"])])
def test_rows_of_a_bmp_come_from_the_bottom_unless_it_says_so(height: int, rows: list[bytes]) -> None:
    assert pixels_of(png_of_bmp(bmp(1, height, 24, b"\1\2\3\0\4\5\6\0"))) == b"".join(rows)


def test_a_bmp_of_32_bits_is_read_without_its_fourth_byte() -> None:
    assert pixels_of(png_of_bmp(bmp(2, 1, 32, b"\1\2\3\xff\4\5\6\xff"))) == b"\0\3\2\1\6\5\4"


@given(st.binary(max_size=200))
def test_any_other_data_is_no_picture(data: bytes) -> None:
    assert png_of_bmp(data) == b""
    png_of_bmp(bmp(1, 1, 24, b"")[:30] + data)
