"""Text passes through sesh's UTF-8 and back as it came, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.text.coding import UTF8, Coding, coding_of, encoded, shown, shown_bytes

NAMES = ("iso8859-1", "iso8859-15", "koi8-r", "cp1251", "euc_jp", "gbk", "big5", "shift_jis")
PIECES = st.lists(st.binary(max_size=20), max_size=6)


@given(st.sampled_from(NAMES), PIECES)
def test_any_bytes_come_back_as_they_were_but_for_a_character_that_is_not_complete(
    name: str, pieces: list[bytes]
) -> None:
    there, back = Coding(name), Coding(name)
    whole = b"".join(pieces)
    passed = b"".join(back.from_utf8(there.to_utf8(piece)) for piece in pieces)
    if name in ("iso8859-1", "iso8859-15", "koi8-r"):
        assert passed == whole
    else:  # a few characters have two codes
        assert passed.decode(name, "replace") == whole[: len(passed)].decode(name, "replace")


@given(st.sampled_from(NAMES), st.text(max_size=40), st.integers(1, 5))
def test_a_text_in_pieces_is_the_text(name: str, text: str, size: int) -> None:
    data = text.encode(UTF8, "replace")
    coding = Coding(name)
    pieces = [coding.from_utf8(data[at : at + size]) for at in range(0, len(data), size)]
    assert b"".join(pieces) == encoded(data.decode(), name)


@pytest.mark.parametrize("name", ["euc_kr", "gb2312", "tis-620", "iso8859-8"])
def test_bytes_that_are_a_character_of_utf_8_and_none_of_the_coding_stay_bytes(name: str) -> None:
    for each in ("\x80", "\xa1", "\xbf\xe1", "\xc0"):
        there, back = Coding(name), Coding(name)
        data = each.encode() + b"A"
        for size in (1, len(data)):
            between = b"".join(there.to_utf8(data[at : at + size]) for at in range(0, len(data), size))
            assert back.from_utf8(between) == shown_bytes(between, name) == data


def test_what_a_coding_lacks_takes_its_columns_when_shown_and_stays_when_read() -> None:
    assert shown("é中́x", "iso8859-1") == b"\xe9??x"
    assert shown("\U0010ff9b", "iso8859-1") == b"?"  # no control
    assert shown_bytes("é⛄".encode(), "iso8859-1") == b"\xe9??"
    assert shown_bytes(b"\xff\xc3", "iso8859-1") == b"\xff\xc3"
    assert encoded("é⛄\udcff", "iso8859-1") == b"\xe9" + "⛄".encode() + b"\xff"
    assert Coding.named(UTF8) is None


@pytest.mark.parametrize(
    "variables",
    [
        {}, {"LANG": "C"}, {"LC_ALL": "POSIX", "LANG": "en_US.ISO-8859-1"}, {"LANG": "xx_XX.KOI8-R"},
        {"LANG": "C.UTF-8"}, {"LC_ALL": "", "LC_CTYPE": "de_DE.utf8", "LANG": "C"}, {"LANG": "\udcff"},
    ],
)  # fmt: skip
def test_a_locale_that_is_none_is_utf_8(variables: dict[str, str]) -> None:
    assert coding_of(variables) == UTF8
