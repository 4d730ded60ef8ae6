"""Keys by name, in whatever form and in whatever pieces the terminal sends them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.tui.keys import Keys, edited


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"j", ["j"]),
        (b"wo rk", ["w", "o", " ", "r", "k"]),
        ("é日😀".encode(), ["é", "日", "😀"]),
        (b"\r\n\t\x7f\x08", ["enter", "C-j", "tab", "bspace", "bspace"]),
        (b"\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]),
        (b"\x1b[H\x1b[4~\x1b[5~\x1b[6~\x1b[3~\x1b[Z", ["home", "end", "pageup", "pagedown", "delete", "btab"]),
        (b"\x03\x04\x15", ["C-c", "C-d", "C-u"]),
        (b"\x1b[27u", ["escape"]),
        (b"\x1b[27;1:1u\x1b[27;1:3u", ["escape"]),
        (b"\x1b[99;5u\x1b[106u\x1b[13u", ["C-c", "j", "enter"]),
        (b"\x1b[27;5;99~", ["C-c"]),
        (b"\x1b[1;1:3A\x1b[1;129A", ["up"]),
        (b"\x1bx\x1b[<0;3;4M\x1b[I", []),
        (b"\x1b\x1b[A", ["escape", "up"]),
    ],
)
def test_keys_have_names(sent: bytes, keys: list[str]) -> None:
    assert Keys().feed(sent) == keys
    one_by_one = Keys()
    assert [key for byte in sent for key in one_by_one.feed(bytes([byte]))] == keys


@pytest.mark.parametrize(
    ("text", "key", "left"),
    [
        ("gpu train", "C-w", "gpu "),
        ("gpu train  ", "C-w", "gpu "),
        ("gpu ", "C-w", ""),
        ("gpu", "C-w", ""),
        ("  ", "C-w", ""),
        ("", "C-w", ""),
        ("gpu train", "C-u", ""),
        ("gpu", "bspace", "gp"),
        ("gpu", "C-a", "gpu"),
    ],
)
def test_a_line_is_edited_at_its_end_as_the_terminal_s_own(text: str, key: str, left: str) -> None:
    """Ctrl-W erased the whole line."""
    assert edited(text, key) == left


def test_a_lone_escape_is_known_when_nothing_follows() -> None:
    keys = Keys()
    assert (keys.feed(b"\x1b"), keys.partial) == ([], b"\x1b")
    assert (keys.flush(), keys.partial) == (["escape"], b"")
    assert keys.feed(b"\x1b[") == []
    assert keys.flush() == []
    assert keys.feed(b"j") == ["j"]


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_no_bytes_confuse_it_for_good(pieces: list[bytes]) -> None:
    keys = Keys()
    for piece in pieces:
        assert all(key for key in keys.feed(piece))
    keys.flush()
    assert not keys.partial
    assert keys.feed(b"q") == ["q"]
