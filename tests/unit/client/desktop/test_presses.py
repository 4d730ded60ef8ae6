"""What is a key of a person, and what a host can make a terminal send."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.client.desktop.presses import Press, PressFinder

PASTE_KEYS = {
    "as a control character": b"\x16",
    "with Alt, by Escape": b"\x1bv",
    "in kitty's protocol": b"\x1b[118;5u",
    "in kitty's protocol, with Alt": b"\x1b[118;3u",
    "in kitty's protocol, with Num Lock": b"\x1b[118;133u",
    "in kitty's protocol, pressed": b"\x1b[118;5:1u",
    "in kitty's protocol, on another layout": b"\x1b[1084::118;5u",
    "in xterm's modifyOtherKeys": b"\x1b[27;5;118~",
    "in xterm's modifyOtherKeys, with Alt": b"\x1b[27;3;118~",
    "in win32's mode": b"\x1b[86;47;22;1;8;1_",
    "in win32's mode, with Alt": b"\x1b[86;47;118;1;2;1_",
}
NO_KEYS = {
    "the cursor's position on the first row, which reads as F3": b"\x1b[1;5R",
    "the cursor's position": b"\x1b[7;5R",
    "device attributes": b"\x1b[?62;22c",
    "device attributes of a VT52": b"\x1b/Z",
    "a mode": b"\x1b[?2026;2$y",
    "kitty's flags": b"\x1b[?5u",
    "the focus": b"\x1b[I",
    "a click": b"\x1b[<0;10;10M",
    "the mouse, in the old form": b"\x1b[M !!",
    "a colour": b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\",
    "a title with letters": b"\x1b]lvvv\x1b\\",
    "a clipboard": b"\x1b]52;c;dnYW\x07",
    "a setting": b"\x1bP1$r0m\x1b\\",
    "a picture": b"\x1b_Gi=1;OK\x1b\\",
    "a release": b"\x1b[97;1:3u",
    "Shift alone": b"\x1b[57441;2u",
    "Shift alone in win32's mode": b"\x1b[16;42;0;1;16;1_",
    "the mouse, in characters": "\x1b[M@\u0100\u0101".encode(),
    "the mouse, which has selected": b"\x1b[T!!!!!!",
    "the mouse, which has not moved": b"\x1b[t!!",
    "a state in eight bits": b"\x9b0n",
    "a state in eight bits, in UTF-8": b"\xc2\x9b0n",
    "a setting in eight bits": b"\x901$r0m\x9c",
    "a setting in eight bits, in UTF-8": b"\xc2\x901$r0m\xc2\x9c",
    "a colour of a name with controls": b"\x1b]21;a\x16\r\x16b\x1bv\x1b[118;5uc=?\x1b\\",
    "a size": b"\x1b[48;24;80;480;800t",
}


def presses(*writes: bytes) -> list[Press]:
    """Return what is pressed, without parts that are nothing, and the marks before pastes."""
    finder = PressFinder()
    found = [press for data in writes for _, press in finder.split(data)]
    return [press for press in found if press not in (Press.NONE, Press.PASTE_START)]


@pytest.mark.parametrize("name", PASTE_KEYS)
def test_a_paste_key_is_found_in_any_encoding(name: str) -> None:
    key = PASTE_KEYS[name]
    assert presses(key) == [Press.PASTE_KEY]
    assert presses(b"a" + key + b"b") == [Press.KEY, Press.PASTE_KEY, Press.KEY]


@pytest.mark.parametrize("name", NO_KEYS)
def test_what_a_host_can_make_a_terminal_send_is_no_key(name: str) -> None:
    assert presses(NO_KEYS[name]) == []


@pytest.mark.parametrize("name", [name for name, data in NO_KEYS.items() if data[1:2] in b"]P_"])
@pytest.mark.parametrize("at", [2, 5, 8])
def test_a_reply_in_two_reads_is_no_key(name: str, at: int) -> None:
    assert presses(NO_KEYS[name][:at], NO_KEYS[name][at:]) == []


def test_a_reply_whose_end_comes_in_two_reads_is_no_key() -> None:
    assert presses(b"\x1b]11;rgb:0/0/0\x1b", b"\\") == []


def test_keys_behind_the_beginning_of_a_reply_that_was_a_key_are_found() -> None:
    assert presses(b"\x1bP", b"ls", b"\r", b"\x16") == [Press.KEY, Press.PASTE_KEY]
    assert presses(b"\x1bP", b"\x16") == [Press.PASTE_KEY]
    assert presses(b"\x1bP", b"\x1bv") == [Press.PASTE_KEY]


def test_letters_of_many_bytes_are_keys() -> None:
    for letter in "ś„”…Ŝ›":
        assert presses(letter.encode(), letter.encode() + b"\x16") == [Press.KEY, Press.KEY, Press.PASTE_KEY]


@pytest.mark.parametrize("name", [name for name in NO_KEYS if "mouse" in name])
@pytest.mark.parametrize("at", range(2, 8))
def test_a_mouse_in_two_reads_is_no_key(name: str, at: int) -> None:
    assert presses(NO_KEYS[name][:at], NO_KEYS[name][at:], b"a") == [Press.KEY]


def test_escape_and_then_v_are_two_keys() -> None:
    assert presses(b"\x1b", b"v") == [Press.KEY, Press.KEY]


def test_the_release_of_a_paste_key_is_told_apart() -> None:
    assert presses(b"\x1b[118;5:3u") == [Press.PASTE_KEY_RELEASE]


@pytest.mark.parametrize(
    "writes",
    [
        (b"\x1b[200~\x1b[201~",),
        (b"\x1b[200~", b"\x1b[201~"),
        (b"\x1b[200~", b"\x1b[20", b"1~"),
        (b"\x1b[2", b"00~\x1b[201~"),
    ],
)
def test_an_empty_paste_is_found_also_in_two_writes(writes: tuple[bytes, ...]) -> None:
    assert presses(*writes) == [Press.EMPTY_PASTE]


def test_the_mark_before_a_paste_is_a_part_of_its_own_once_it_is_whole() -> None:
    finder = PressFinder()
    assert finder.split(b"a\x1b[200~b") == [(b"a", Press.KEY), (b"\x1b[200~", Press.PASTE_START), (b"b", Press.NONE)]
    finder = PressFinder()
    assert finder.split(b"\x1b[20") == [(b"\x1b[20", Press.NONE)]
    assert finder.split(b"0~") == [(b"0~", Press.PASTE_START)]


@pytest.mark.parametrize(
    "writes",
    [
        (b"\x1b[200~\x16\x1b[201~",),
        (b"\x1b[200~", b"\x16", b"\x1b[201~"),
        (b"\x1b[200~\x1b[20", b"\x16\x1b[201~"),
        (b"\x1b[200~", b"\x1bv", b"\x1b[201~"),
    ],
)
def test_what_is_pasted_is_no_paste_key(writes: tuple[bytes, ...]) -> None:
    assert presses(*writes) == [Press.KEY]


_PIECES = st.sampled_from(
    [*PASTE_KEYS.values(), *NO_KEYS.values(), b"\x1b[200~", b"\x1b[201~", b"\x1b", b"ls\r", b"\x18"]
)


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=20)), max_size=20))
def test_the_parts_are_the_input(writes: list[bytes]) -> None:
    finder = PressFinder()
    for data in writes:
        assert b"".join(part for part, _ in finder.split(data)) == data


@given(st.lists(_PIECES, max_size=20), st.integers(0, 200))
@example([b"\x1b/Z", b"\x16"], 2)
def test_a_cut_changes_no_number_of_paste_keys_but_where_it_makes_an_escape(pieces: list[bytes], cut: int) -> None:
    data = b"".join(pieces)
    cut = min(cut, len(data))
    whole, parts = presses(data), presses(data[:cut], data[cut:])
    if not data[:cut].endswith(b"\x1b") or not cut:
        assert parts.count(Press.PASTE_KEY) == whole.count(Press.PASTE_KEY)
