"""A paste that is nothing but paths is read in the form of the terminal that made it."""

from __future__ import annotations

import os
import shlex
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.desktop.dropped import may_begin, readings
from sesh.wire.messages import MAX_PATHS

PLAIN, BLANK, QUOTE = "/home/me/shot.png", "/home/me/My Shots/a b.png", '/tmp/it\'s "$HOME" (1)*.png'
MACOS = "/Users/me/Desktop/Screenshot 2026-11-30 at 10.30.12\u202fAM.png"
LATIN = os.fsdecode(b"/home/me/gr\xfc\xdfe.png")  # not UTF-8

FORMS = {
    "kitty": ([PLAIN], b"/home/me/shot.png"),
    "kitty, with blanks": ([BLANK], b"/home/me/My Shots/a b.png"),
    "kitty, several": ([PLAIN, BLANK], b"/home/me/shot.png\n/home/me/My Shots/a b.png"),
    "kitty, at a prompt": ([BLANK, PLAIN], b"'/home/me/My Shots/a b.png' /home/me/shot.png"),
    "Ghostty, GTK": ([BLANK], b"/home/me/My\\ Shots/a\\ b.png\n"),
    "Ghostty, GTK, several": ([PLAIN, BLANK], b"/home/me/shot.png\n/home/me/My\\ Shots/a\\ b.png\n"),
    "Ghostty, with all that it escapes": ([QUOTE], b'/tmp/it\\\'s\\ \\"\\$HOME\\"\\ \\(1\\)\\*.png\n'),
    "Ghostty, macOS, several": ([BLANK, PLAIN], b"/home/me/My\\ Shots/a\\ b.png /home/me/shot.png"),
    "Terminal.app": ([MACOS], MACOS.encode()),
    "Terminal.app, several": ([BLANK, MACOS], BLANK.encode() + b" " + MACOS.encode()),
    "VS Code": ([BLANK], b"'/home/me/My Shots/a b.png'"),
    "VS Code, on Windows": (["/mnt/c/a b.png"], b'"C:\\a b.png"'),
    "iTerm2": ([MACOS], MACOS.replace(" ", "\\ ").encode() + b" "),
    "iTerm2, with quotes": ([BLANK, PLAIN], b"'/home/me/My Shots/a b.png' '/home/me/shot.png' "),
    "GNOME Terminal": ([PLAIN], b"'/home/me/shot.png' "),
    "GNOME Terminal, several": ([PLAIN, QUOTE], b"'/home/me/shot.png' '/tmp/it'\\''s \"$HOME\" (1)*.png' "),
    "Konsole": ([PLAIN, BLANK], b"/home/me/shot.png '/home/me/My Shots/a b.png' "),
    "Alacritty": ([BLANK], b"/home/me/My Shots/a b.png "),
    "WezTerm": ([BLANK, PLAIN], b"/home/me/My\\ Shots/a\\ b.png /home/me/shot.png"),
    "WezTerm, a backslash in a name": (["/home/me/a\\b c.png"], b"/home/me/a\\b\\ c.png"),
    "WezTerm, on Windows": (["/mnt/c/Users/me/a b.png", "/mnt/d/c.png"], b'"C:\\Users\\me\\a b.png" "D:\\c.png"'),
    "Windows Terminal": (["/mnt/c/Users/me/shot.png"], b"C:\\Users\\me\\shot.png"),
    "Windows Terminal, some quoted": (["/mnt/c/a b.png", "/mnt/c/c.png"], b'"C:\\a b.png" C:\\c.png'),
    "Windows Terminal, for WSL": (["/mnt/c/a b.png"], b"'/mnt/c/a b.png'"),
    "a file manager": ([BLANK, PLAIN], b"file:///home/me/My%20Shots/a%20b.png\r\nfile:///home/me/shot.png\r\n"),
    "a file manager, with a host": ([PLAIN], b"file://localhost/home/me/shot.png"),
    "a terminal that sends line feeds as Enter": ([PLAIN, BLANK], f"{PLAIN}\r{BLANK}\r".encode()),
    "a name that is not UTF-8": ([LATIN], b"/home/me/gr\xfc\xdfe.png"),
    "a name that is not UTF-8, as an address": ([LATIN], b"file:///home/me/gr%FC%DFe.png"),
    "a name of 255 bytes": (["/" + "n" * 255], b"/" + b"n" * 255),
}
NO_PATHS = {
    "nothing": b"",
    "a line end": b"\n",
    "text": b"look at /home/me/shot.png",
    "text behind a path": b"/home/me/shot.png\nis what I mean",
    "text before a path": b"see\n/home/me/shot.png",
    "a blank before a path": b" /home/me/shot.png",
    "an empty line between paths": b"/home/me/shot.png\n\n/home/me/a.png",
    "a path of HOME": b"~/shot.png",
    "a relative path": b"./shot.png",
    "a page": b"https://example.org/shot.png",
    "a file of another machine": b"file://nas/share/shot.png",
    "a quotation without an end": b"'/home/me/shot.png",
    "a tab": b"/home/me/shot.png\t/home/me/a.png",
    "an escape sequence": b"/home/me/\x1b[31mshot.png",
    "a NUL in an address": b"file:///home/me/shot%00.png",
    "a stack trace of Python": b'Traceback (most recent call last):\n  File "/home/me/a.py", line 1, in <module>\n',
    "a stack trace of Node": b"/home/me/a.js:1\nthrow new Error('x')\n^\n\nError: x\n    at f (/home/me/a.js:1:7)\n",
    "what ls prints": b"-rw-r--r-- 1 me me 12 Nov 30 10:00 /home/me/shot.png\n",
    "the words of grep": b"/home/me/a.py:12:import os\nBinary file /bin/ls matches\n",
    "more files than a drop": b"".join(b"/home/me/%d.png\n" % number for number in range(MAX_PATHS + 1)),
    "a path that no machine has": b"/" + b"n" * 5000,
}  # fmt: skip
NO_BEGINNINGS = [b"xy", b"~", b"ht", b"fil ", b"'xy", b" /", b"/a\n b", b"/a\x1b", b"/a\n\nb", b"c /", b"\\"]


@pytest.mark.parametrize(("paths", "pasted"), FORMS.values(), ids=FORMS)
def test_the_form_of_each_terminal_is_read(paths: list[str], pasted: bytes) -> None:
    assert paths in readings(pasted)


@pytest.mark.parametrize(("paths", "pasted"), FORMS.values(), ids=FORMS)
def test_what_has_come_of_a_form_may_become_paths_wherever_it_is_cut(paths: list[str], pasted: bytes) -> None:
    assert all(may_begin(pasted[:end]) for end in range(len(pasted) + 1)), paths


@pytest.mark.parametrize("pasted", NO_PATHS.values(), ids=NO_PATHS)
def test_what_is_not_paths_alone_has_no_reading(pasted: bytes) -> None:
    assert readings(pasted) == []


@pytest.mark.parametrize("pasted", NO_BEGINNINGS)
def test_what_does_not_begin_like_a_path_is_known_at_once(pasted: bytes) -> None:
    assert not may_begin(pasted)


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=40)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


def escaped(path: str) -> str:
    return "".join(f"\\{each}" if each in "\\\"'$`*? |()" else each for each in path)


@given(st.lists(PATHS, min_size=1, max_size=MAX_PATHS))
@example(["/ "])
@example(["/a\\ ", "/b\\"])
def test_any_name_is_read_in_the_forms_that_quote_it(paths: list[str]) -> None:
    lines = [
        "".join(f"{escaped(path)}\n" for path in paths),
        " ".join(map(escaped, paths)),
        "".join("'" + path.replace("'", "'\\''") + "' " for path in paths),
        " ".join(map(shlex.quote, paths)),
        "\r\n".join("file://" + quote(path) for path in paths),
    ]
    for pasted in lines:
        assert paths in readings(pasted.encode()), pasted


@given(st.lists(PATHS.filter(lambda path: not path.endswith(" ")), min_size=1, max_size=MAX_PATHS))
def test_any_name_is_read_as_it_is_on_lines(paths: list[str]) -> None:
    assert paths in readings("\n".join(paths).encode())


@given(st.binary(max_size=200), st.sampled_from([b"/", b"'/", b'"/', b"file:/", b"C:\\", b""]))
def test_any_bytes_are_read_and_a_paste_with_a_reading_may_begin_wherever_it_is_cut(data: bytes, start: bytes) -> None:
    found = readings(start + data)
    assert all(path.startswith("/") for paths in found for path in paths)
    if found:
        assert all(may_begin((start + data)[:end]) for end in range(len(start + data)))
