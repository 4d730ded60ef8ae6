"""What a program does beside drawing reaches its person's terminal, whatever sesh draws or sends meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sesh.client import view
from tests.support import Home, Sesh, Terminal, first, wait_until

EFFECTS = {
    "a bell": b"\x07",
    "a clipboard write": b"\x1b]52;c;aGVsbG8=\x1b\\",
    "a notification (9)": b"\x1b]9;done\x1b\\",
    "a notification (99)": b"\x1b]99;i=1;done\x1b\\",
    "a notification (777)": b"\x1b]777;notify;sesh;done\x1b\\",
    "a sixel image": b'\x1bPq"1;1;1;6#0~\x1b\\',
    "an image of kitty": b"\x1b_Gf=24,s=1,v=1,a=T,q=2;AAAA\x1b\\",
    "an image of iTerm2": b"\x1b]1337;File=inline=1:AAAA\x1b\\",
}
QUERIES = {"the kind": b"\x1b[c", "the cursor": b"\x1b[6n", "a colour": b"\x1b]11;?\x1b\\", "a mode": b"\x1b[?2026$p"}
ALL = EFFECTS | QUERIES
SOME = first(
    4, sorted(ALL, key=lambda effect: effect not in ("a bell", "a clipboard write", "a sixel image", "the kind"))
)
LINE = "new session x"


def open_program(sesh: Sesh, data: bytes) -> None:
    done = sesh("open", "x", "--", "sh", "-c", program(data))
    assert done.code == 0, done


def octal(data: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in data)


def program(data: bytes) -> str:
    """Return the source of a program that prints `data` with a line each time that it reads a byte."""
    return f"stty raw -echo; printf begun; while head -c1 >/dev/null; do printf '{octal(data)}printed\\r\\n'; done"


def act(sesh: Sesh) -> None:
    """Have the program print once, without a key at the terminal."""
    assert sesh("send", "x", "g").code == 0


def came(terminal: Terminal, start: int, data: bytes) -> None:
    """Wait until the effect and the line behind it have come; check that the effect came once."""
    terminal.wait_for_raw(b"printed", start=start)
    terminal.wait_for_raw(data, start=start)
    for _ in range(5):
        terminal.pump(0.01)
    assert bytes(terminal.raw[start:]).count(data) == 1


@pytest.mark.needs_fork("a line that does not go by itself")
@pytest.mark.parametrize("effect", SOME)
def test_while_a_line_of_seshs_own_covers_the_last_row(
    home: Home, sesh: Sesh, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    monkeypatch.setattr(view, "NOTICE_TIME", 600.0)
    terminal = home.terminal("x", "--", "sh", "-c", program(ALL[effect]))
    terminal.wait_for_raw(LINE.encode())
    start = len(terminal.raw)
    act(sesh)
    came(terminal, start, ALL[effect])


@pytest.mark.parametrize("effect", SOME)
def test_while_a_screen_is_on_its_way(home: Home, sesh: Sesh, effect: str) -> None:
    open_program(sesh, ALL[effect])
    terminal = home.terminal("attach", "x")
    terminal.wait_for("begun")
    start = len(terminal.raw)
    terminal.resize(100, 30)
    act(sesh)
    came(terminal, start, ALL[effect])


@pytest.mark.parametrize("effect", first(3, EFFECTS))
def test_on_a_terminal_of_another_size(home: Home, sesh: Sesh, effect: str) -> None:
    open_program(sesh, ALL[effect])
    small = home.terminal("attach", "x", columns=60, rows=20)
    small.wait_for("begun")
    leader = home.terminal("attach", "x")
    leader.wait_for("begun")
    starts = len(small.raw), len(leader.raw)
    act(sesh)
    for terminal, start in zip((small, leader), starts, strict=True):
        came(terminal, start, ALL[effect])


@pytest.mark.parametrize("query", first(2, QUERIES))
@pytest.mark.parametrize("leaves", ["by its key", "with its window"])
def test_a_query_whose_terminal_leaves_is_answered(home: Home, sesh: Sesh, query: str, leaves: str) -> None:
    """The terminal has it and does not answer; so the daemon does, once the client has left."""
    asks = f"stty raw -echo; printf begun; head -c1 >/dev/null; printf '{octal(QUERIES[query])}asked'"
    reads = "head -c4 | od -An -tx1 >answer; exec cat"
    assert sesh("open", "x", "--", "sh", "-c", f"{asks}; {reads}").code == 0
    terminal = home.terminal("attach", "x")
    terminal.wait_for("begun")
    start = len(terminal.raw)
    act(sesh)
    terminal.wait_for_raw(QUERIES[query], start=start)
    leave: Callable[[], None] = terminal.close if leaves == "with its window" else lambda: terminal.type(b"\x1c")
    leave()
    answer = Path(home.path, "answer")
    wait_until(lambda: answer.exists() and answer.read_text().split()[:1] == ["1b"], "the program has its answer")
