"""A file that is dropped on the terminal goes to the session's host, and everything else passes as it was typed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from pathlib import Path

import pytest

from sesh.client.desktop import files as here
from sesh.daemon.desktop import files as there
from tests.remote.test_cuts import LOST, attached
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, Terminal, wait_until
from tests.support.slow import Slow

pytestmark = [
    pytest.mark.needs_fork("times that a busy machine exceeds"),
    pytest.mark.skipif(not os.path.exists("/proc/self/cwd"), reason="a path that leads elsewhere in each process"),
]

START, END, CTRL_V, DETACH = "\x1b[200~", "\x1b[201~", "\x16", b"\x1c"
#: What is dropped. Both homes are on one machine, so the path is one that leads to the client's own folder only there.
SHOT = "/proc/self/cwd/shot.png"
ASKS = "shot.png (300 KB) is here, not on @box: Ctrl-V or Alt-V sends it"
_PROGRAM = """
import os, sys, threading, time, tty
tty.setraw(0)
def flood():
    while True:
        os.write(1, b"output\\r\\n")
        time.sleep(0.01)
os.write(1, b"\\x1b[?2004h" * (sys.argv[1:] != ["plain"]) + b"the program is up\\r\\n")
if sys.argv[1:] == ["flood"]:
    threading.Thread(target=flood, daemon=True).start()
with open("input", "ab", 0) as file:
    while data := os.read(0, 1 << 16):
        file.write(data)
        os.write(1, b"got %d\\r\\n" % len(data))
"""


@pytest.fixture(autouse=True)
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a busy machine time to look for files."""
    monkeypatch.setattr(here, "HERE_TIME", 20.0)
    monkeypatch.setattr(here, "THERE_TIME", 20.0)
    monkeypatch.setattr(there, "LOOK_TIME", 20.0)


@pytest.fixture
def shot(home: Home) -> bytes:
    data = os.urandom(300_000)
    Path(home.path, "shot.png").write_bytes(data)
    return data


def program(home: Home, far: ViaHost, *words: str) -> Terminal:
    """Attach to a session of the host in which a program writes what it gets to `input`."""
    far.write("program.py", _PROGRAM)
    terminal = attached(home, "@box", "work", columns=160)
    terminal.type(f"{sys.executable} ~/program.py {' '.join(words)}\r")
    terminal.wait_for("the program is up")
    return terminal


def files(far: ViaHost) -> list[Path]:
    """Return the files of the session on the host, whole or not."""
    return [path for path in Path(far.path, ".sesh").glob(".files.*/*") if path.name != "~made"]


def gets(terminal: Terminal, far: ViaHost, expected: str) -> None:
    """Wait until the program has got exactly this."""
    terminal.wait_until(lambda: len(far.read("input")) >= len(expected), f"{len(expected)} characters have come")
    assert far.read("input") == expected


def sent(terminal: Terminal, far: ViaHost, before: str = "") -> str:
    """Wait until the program has got `before`, and one path alone in its marks; return the path."""
    pattern = re.compile(re.escape(before + START) + "([^\x1b]*)" + re.escape(END))
    found = terminal.wait_until(lambda: pattern.search(far.read("input")), "a path has come")
    return found[1]


@pytest.mark.usefixtures("shot")
@pytest.mark.parametrize("key", ["\r", "a", "\x03", "\x1b[A"])
def test_any_other_key_passes_a_drop_as_it_was_pasted(home: Home, beside: Beside, key: str) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        terminal.type(f"{key}b")
        gets(terminal, far, f"{START}{SHOT}{END}{key}b")
        terminal.wait_until(lambda: ASKS not in "\n".join(terminal.screen()), "the line has gone")


@pytest.mark.usefixtures("shot")
def test_a_path_with_a_key_behind_it_passes_without_a_line(home: Home, beside: Beside) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        typed = ""
        for text in (
            f"cat {START}{SHOT}{END}\r",
            f"{START}/etc/hosts{END}\r",
            f'{START}Traceback (most recent call last):\r  File "{SHOT}", line 1{END}',
            f"{START}{SHOT}\rand text{END}",
            f"{START}/nowhere/a.png{END}",
            f"{START}{END}",
            "\x1b[I\x1b[O",
        ):
            terminal.type(text)
            typed += text
            gets(terminal, far, typed)
        assert b"Ctrl-V" not in terminal.raw


@pytest.mark.usefixtures("shot")
def test_a_path_that_exists_over_there_passes(home: Home, beside: Beside) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        paste = f"{START}{home.path}/shot.png{END}"
        terminal.type(paste)
        gets(terminal, far, paste)
        assert b"Ctrl-V" not in terminal.raw


@pytest.mark.usefixtures("shot")
def test_what_is_held_when_the_client_detaches_is_passed_before(home: Home, beside: Beside) -> None:
    far = beside("box")
    terminal = program(home, far)
    terminal.type(f"{START}{SHOT}{END}")
    terminal.wait_for(ASKS)
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    wait_until(lambda: far.read("input") == f"{START}{SHOT}{END}", "the program has got the paste")


@pytest.mark.usefixtures("shot")
def test_what_is_held_when_the_client_is_stopped_is_passed_and_no_line_asks_for_it_after(
    home: Home, beside: Beside
) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        mark = len(terminal.raw)
        terminal.signal(signal.SIGTSTP)
        made_room = terminal.wait_for_raw(b"\x1b[?2004l", start=mark)
        terminal.signal(signal.SIGCONT)
        terminal.wait_for_raw(b"\x1b[?2004h", start=made_room.end())
        terminal.type(CTRL_V)
        gets(terminal, far, f"{START}{SHOT}{END}{CTRL_V}")


@pytest.mark.usefixtures("shot")
def test_what_is_held_when_the_link_is_lost_comes_with_the_keys_behind_it(home: Home, beside: Beside) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        far.away()
        terminal.wait_for(LOST)
        terminal.type(f"a{START}{SHOT}{END}b")
        far.back()
        gets(terminal, far, f"{START}{SHOT}{END}a{START}{SHOT}{END}b")


@pytest.mark.usefixtures("shot")
def test_a_person_who_wants_no_files_sent_is_not_asked(home: Home, beside: Beside) -> None:
    far = beside("box")
    settings = Path(home.path, ".config/sesh/config.toml")
    settings.write_text(settings.read_text() + '\n[desktop.box]\nfiles = "never"\n')
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        gets(terminal, far, f"{START}{SHOT}{END}")
        assert b"Ctrl-V" not in terminal.raw


@pytest.mark.parametrize("key", [CTRL_V, "\x1bv", "\x1b[118;5u\x1b[118;5:3u\x1b[57442;5:3u"])
def test_a_paste_key_sends_a_drop_and_its_path_over_there_is_pasted(
    home: Home, beside: Beside, shot: bytes, key: str
) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        terminal.type(key)
        path = sent(terminal, far)
        assert Path(path).read_bytes() == shot
        assert "/proc/" not in path
        terminal.type("b")
        terminal.wait_until(lambda: far.read("input").endswith("b"), "the next key has come")


def test_files_that_come_one_after_the_other_are_one_drop_and_each_path_is_a_paste_of_its_own(
    home: Home, beside: Beside, shot: bytes
) -> None:
    far = beside("box")
    Path(home.path, "notes.txt").write_text("notes")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT} {END}{START}{os.path.dirname(SHOT)}/notes.txt {END}")
        terminal.wait_for("shot.png and 1 more (300 KB) are here, not on @box: Ctrl-V or Alt-V sends them")
        terminal.type(CTRL_V)
        first = sent(terminal, far)
        second = sent(terminal, far, f"{START}{first}{END}")
        assert [Path(first).read_bytes(), Path(second).read_text()] == [shot, "notes"]
        assert far.read("input") == f"{START}{first}{END}{START}{second}{END}"


def test_the_path_is_shown_where_the_program_has_left_bracketed_paste(home: Home, beside: Beside, shot: bytes) -> None:
    far = beside("box")
    with program(home, far, "plain") as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        terminal.type(CTRL_V)
        terminal.wait_for("shot.png is on @box: ")
        (path,) = files(far)
        terminal.wait_for(str(path))
        assert path.read_bytes() == shot
        assert far.read("input") == ""


@pytest.mark.soak
def test_a_link_that_is_lost_in_the_middle_of_a_file_leaves_nothing_there_and_a_line_says_so(
    home: Home, beside: Beside, shot: bytes
) -> None:
    far = beside("box")
    with open(Path(home.path, "shot.png"), "ab") as file:
        file.truncate(60 << 20)
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for("shot.png (62.9 MB) is here")
        terminal.type(CTRL_V)
        terminal.wait_until(lambda: files(far), "the file has begun to come")
        far.away()
        terminal.wait_for(LOST)
        wait_until(lambda: not files(far), "nothing is left of it")
        terminal.type("a")
        far.back()
        terminal.wait_for("shot.png was not sent to @box: the link was lost")
        gets(terminal, far, "a")
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for("shot.png (62.9 MB) is here")
        terminal.type(CTRL_V)
        assert Path(sent(terminal, far, "a")).stat().st_size == 60 << 20


def test_a_picture_is_offered_after_an_empty_paste_that_no_program_has_answered(home: Home, beside: Beside) -> None:
    home.write("bin/xclip", "#!/bin/sh\ncase $* in *TARGETS*) echo image/png ;; *) echo picture ;; esac\n", mode=0o755)
    home.env["DISPLAY"] = ":87"
    far = beside("box")
    far.env["DISPLAY"] = ""  # which a host has not
    with program(home, far) as terminal:
        terminal.type(START)
        terminal.type(END)
        gets(terminal, far, f"{START}{END}")
        terminal.wait_for("picture.png (8 bytes) is here, not on @box: Ctrl-V or Alt-V sends it")
        terminal.type(CTRL_V)
        path = sent(terminal, far, f"{START}{END}")
        assert (os.path.basename(path), Path(path).read_text()) == ("picture.png", "picture\n")


@pytest.mark.soak
@pytest.mark.usefixtures("shot")
def test_over_a_long_way_a_drop_goes_beside_output_and_keys(home: Home) -> None:
    Path(home.path, "program.py").write_text(_PROGRAM)
    Slow(home, 200, 500_000)
    Path(home.path, "elsewhere").mkdir()
    Path(home.path, "elsewhere/shot.png").write_bytes(os.urandom(1_000_000))
    Path(home.path, "shot.png").unlink()
    terminal = home.terminal("@slow", "work", columns=160, cwd=f"{home.path}/elsewhere")
    terminal.wait_for(PROMPT)
    terminal.type(f"{sys.executable} ~/program.py flood\r")
    terminal.wait_for("output")
    terminal.type(f"{START}{SHOT}{END}")
    terminal.wait_for("shot.png (1.0 MB) is here, not on @slow")
    terminal.type(CTRL_V)
    terminal.wait_for("shot.png goes to @slow: ")
    terminal.type("a")
    far = Path(home.path, "input")
    terminal.wait_until(lambda: far.read_text() == "a", "a key has come before the file")
    terminal.wait_for("shot.png is on @slow: ")
    assert far.read_text() == "a", "and no path was pasted behind it"


@pytest.mark.usefixtures("shot")
def test_a_drop_at_a_prompt_is_a_word_of_the_command_that_is_typed(home: Home, beside: Beside) -> None:
    beside("box")
    with attached(home, "@box", "work", columns=160) as terminal:
        terminal.type("wc -c ")
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        terminal.type(CTRL_V)
        terminal.wait_for("wc -c /")
        terminal.type("; echo do''ne\r")
        terminal.wait_for("done")
        terminal.wait_for("300000 /")


@pytest.mark.parametrize(
    "name",
    [
        b"n" * 251 + b".png",
        b"gr\xfc\xdfe.png",
        "Screenshot 2026-11-30 at 10.30.12\u202fAM.png".encode(),
        b"it's $1 (a).png",
    ],
    ids=["255 bytes", "not UTF-8", "as macOS names it", "as a shell quotes it"],
)
def test_any_name_is_sent_and_is_a_path_over_there_that_no_shell_quotes(
    home: Home, beside: Beside, name: bytes
) -> None:
    far = beside("box")
    with open(os.fsencode(home.path) + b"/" + name, "wb") as file:
        file.write(b"a picture")
    with program(home, far) as terminal:
        terminal.type(START.encode() + b"'/proc/self/cwd/" + name.replace(b"'", b"'\\''") + b"' " + END.encode())
        terminal.wait_for("(9 bytes) is here, not on @box: Ctrl-V or Alt-V sends it")
        terminal.type(CTRL_V)
        path = sent(terminal, far)
        assert Path(path).read_bytes() == b"a picture"
        assert shlex.quote(path) == path
        assert path.endswith(".png")
