"""A program on a host reaches the clipboard and the browser of the person, who sits here."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from tests.remote.test_cuts import attached
from tests.remote.via import Beside, ViaHost
from tests.support import Home, Terminal

_XCLIP = """#!/bin/sh
case "$*" in
*TARGETS*) cat "{place}/types" ;;
*-i) cat > "{place}/text"; echo UTF8_STRING > "{place}/types" ;;
*image/png*) cat "{place}/picture" ;;
*) cat "{place}/text" ;;
esac
"""
_BROWSER = """#!/bin/sh
echo "$1" >> "{place}/opened"
"""
#: As an agent: a raw program that asks for a picture when Ctrl-V is pressed, with the calls of Claude Code, for text
#: at `t`, and opens a page at `o`.
_AGENT = """
import hashlib, os, subprocess, sys, tty
tty.setraw(0)
os.write(1, b"the agent is up; ")
def run(*words):
    done = subprocess.run(words, capture_output=True)
    return done.returncode, done.stdout
while key := os.read(0, 1):
    if key == b"\\x16":
        listed = run("xclip", "-selection", "clipboard", "-o", "-t", "TARGETS")
        code, data = run("xclip", "-selection", "clipboard", "-o", "-t", "image/png")
        said = f"listed {listed[1].split()} then {code} {len(data)} {hashlib.sha256(data).hexdigest()[:8]}"
    elif key == b"t":
        said = f"text {run('xclip', '-selection', 'clipboard', '-o')}"
    elif key == b"c":
        subprocess.run(["xclip", "-selection", "clipboard"], input=b"copied there")
        said = "copied"
    elif key == b"q":
        pressed = os.read(0, 1)
        os.write(1, b"\\x1b]52;c;?\\x07")
        data = b""
        while not data.endswith(b"\\x07"):
            data += os.read(0, 100)
        said = f"answer {data}"
    elif key == b"o":
        said = f"browser {run('xdg-open', 'https://example.org/login')}"
    else:
        said = f"key {key}"
    os.write(1, said.encode() + b"\\r\\n")
"""


@pytest.fixture
def desktop(home: Home) -> Path:
    """The folder of a desktop with a clipboard and a browser."""
    place = Path(home.path, "desktop")
    place.mkdir()
    home.write("bin/xclip", _XCLIP.format(place=place), mode=0o755)
    home.write("bin/xdg-open", _BROWSER.format(place=place), mode=0o755)
    home.env["DISPLAY"] = ":87"
    return place


def agent(home: Home, far: ViaHost) -> Terminal:
    """Attach to a session of the host in which an agent runs."""
    script = far.write("agent.py", _AGENT)
    far.env["DISPLAY"] = ""  # which a host has not
    (way,) = far.way
    os.unlink(way)
    assert far.way == [way]
    terminal = attached(home, "@box", "work")
    terminal.type(f"{sys.executable} {script}\r")
    terminal.wait_for("the agent is up")
    return terminal


def test_a_picture_is_pasted_into_a_program_on_a_host(home: Home, beside: Beside, desktop: Path) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + os.urandom(1 << 20)
    (desktop / "picture").write_bytes(picture)
    (desktop / "types").write_text("TARGETS\nimage/png\n")
    with agent(home, beside("box")) as terminal:
        terminal.type("\x16")
        terminal.wait_for(f"then 0 {len(picture)} {hashlib.sha256(picture).hexdigest()[:8]}")


def test_a_text_is_asked_for_by_a_line_and_given_by_its_key(home: Home, beside: Beside, desktop: Path) -> None:
    (desktop / "types").write_text("UTF8_STRING\n")
    (desktop / "text").write_text("secret")
    with agent(home, beside("box")) as terminal:
        terminal.type("t")
        terminal.wait_for("asks for your clipboard (text, 6 bytes): Ctrl-V")
        terminal.type("\x1bv")
        terminal.wait_for("text (0, b'secret')")
        assert "key b'v'" not in terminal.text()


def test_what_a_program_copies_there_is_on_the_clipboard_here_and_its_page_opens_here(
    home: Home, beside: Beside, desktop: Path
) -> None:
    with agent(home, beside("box")) as terminal:
        terminal.type("c")
        terminal.wait_for("copied")
        assert (desktop / "text").read_text() == "copied there"
        terminal.type("t")
        terminal.wait_for("text (0, b'copied there')")
        terminal.type("o")
        terminal.wait_for("browser (0, b'')")
        assert (desktop / "opened").read_text() == "https://example.org/login\n"


def test_a_query_of_a_program_gets_what_the_desktop_has_and_never_reaches_the_terminal(
    home: Home, beside: Beside, desktop: Path
) -> None:
    (desktop / "types").write_text("UTF8_STRING\n")
    (desktop / "text").write_text("secret")
    with agent(home, beside("box")) as terminal:
        terminal.type("q\x16")
        terminal.wait_for(r"answer b'\x1b]52;c;c2VjcmV0\x07'")
        assert b"]52;c;?" not in terminal.raw
        with home.terminal("@box", "work", "-r") as watching:
            watching.wait_for("c2VjcmV0")
            (desktop / "text").write_text("of which no key tells")
            terminal.type("qx")
            terminal.wait_for(r"answer b'\x1b]52;c;\x07'")
            watching.wait_for(r"answer b'\x1b]52;c;\x07'")
            assert b"]52;c;?" not in watching.raw
