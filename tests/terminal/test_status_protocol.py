"""Queries and reports of the Program Status Protocol (OSC 7501), by program and terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sesh.daemon.frames import keyboard
from tests.support import Home, Open, Sesh, wait_until
from tests.support.waiting import PATIENCE
from tests.terminal.test_queries import DA1, answers, asker

_LEAVE = b"\x1c"
_BEL, _ST = b"\x1b]7501;?\x07", b"\x1b]7501;?\x1b\\"
_CLEAR = b"\x1b]7501;state=clear\x1b\\"

#: Prints each line that is appended to a file, and ends at the line `end`.
_SPEAKER = """
import os, select, sys, time, tty
tty.setraw(0)
os.write(1, b"ready")
said = 0
while True:
    if select.select([0], [], [], 0.02)[0]:
        os.read(0, 4096)
    lines = open(sys.argv[1]).read().splitlines()
    for line in lines[said:]:
        if line == "end":
            sys.exit()
        os.write(1, line.encode().decode("unicode_escape").encode("latin-1"))
    said = len(lines)
"""


class Program:
    """A program in session `work` that prints what a test wants."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._file = Path(home.path, "said")
        self._file.write_text("")
        self.command = [sys.executable, "-u", home.write("speaker.py", _SPEAKER), str(self._file)]

    def prints(self, line: str) -> None:
        with self._file.open("a") as file:
            file.write(f"{line}\n")

    def reports(self, *texts: str) -> None:
        self.prints("".join(rf"\x1b]7501;{text}\x07" for text in texts))

    def stands(self, state: str, kind: str | None = None, question: str | None = None) -> None:
        def now() -> Any:
            activity = self._home.summary("work").get("activity") or {}
            return [activity.get(key) for key in ("state", "kind", "question")]

        wait_until(
            lambda: now() == [state, kind, question],
            f"work is {state} ({kind}): {question}",
            portrait=lambda: repr(now()),
        )


@pytest.fixture
def program(home: Home, sesh: Sesh) -> Program:
    made = Program(home)
    assert sesh("new", "work", "-d", "--", *made.command).code == 0
    return made


# -- queries


def test_a_program_that_nobody_looks_at_is_answered_before_its_da1_however_it_asks(home: Home, sesh: Sesh) -> None:
    asked = [rf"{query}\x1b[c\x1b[5n" for query in (r"\x1b]7501;?\x07", r"\x1b]75|01;?\x1b|\\", r"\x1b|]7501;?|\x07")]
    both = r"\x1b]7501;?\x07\x1b[>0q\x1b[c\x1b[?u"
    assert sesh("new", "work", "-d", "--", *asker(home, *asked, both)).code == 0
    *each, (_, _, got) = answers(home, len(asked) + 1)
    assert [got for _, _, got in each] == [reply + DA1 + b"\x1b[0n" for reply in (_BEL, _ST, _BEL)]
    assert got.startswith(_BEL)
    assert got.count(b"7501") == 1


@pytest.mark.needs_fork("pieces of an answer that may come late")
def test_of_two_terminals_that_answer_too_nothing_reaches_the_program(
    home: Home, terminal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gets the daemon's own reply, followed by one terminal's DA1."""
    monkeypatch.setattr(keyboard, "KEY_TIMEOUT", PATIENCE)
    one = terminal("work", "--", *asker(home, r"\x1b]7501;?\x07\x1b[c", when="a key after each"))
    one.wait_for("ready to ask")
    two = terminal("work")
    two.wait_for("ready to ask")
    one.type("x")
    for window in (one, two):
        window.wait_for_raw(_BEL)
    for window in (two, one):
        for piece in (_BEL[:1], _BEL[1:2], _BEL[2:] + DA1):
            window.type(piece)
            window.pump(0.01)
    one.type("!")
    assert [got for _, _, got in answers(home, 1)] == [_BEL + DA1 + b"!"]


def test_other_bodies_are_not_answered_and_no_more_than_sixteen_at_once(home: Home, sesh: Sesh) -> None:
    others = r"\x1b]7501;?:x=y\x07\x1b]7501;??\x07\x1b]7501;\x07\x1b]7501;?\x18\x1b[5n"
    flood = r"\x1b]7501;?\x07" * 40 + r"\x1b[5n"
    assert sesh("new", "work", "-d", "--", *asker(home, others, flood)).code == 0
    (_, _, none), (_, _, some) = answers(home, 2)
    assert none == b"\x1b[0n"
    assert some == _BEL * 16 + b"\x1b[0n"


def test_who_attaches_later_is_not_asked_again(terminal: Open, sesh: Sesh, program: Program) -> None:
    program.prints(r"\x1b]7501;?\x07\x1b]7501;state=working\x07shown")
    assert sesh("wait", "work", "--for", "shown", "--from", "0", "--timeout", "30").code == 0
    window = terminal("work")
    window.wait_for("shown")
    assert b"7501;?" not in window.raw


# -- reports


@pytest.mark.soak
def test_what_is_reported_stands_with_question_and_kind_and_outlives_a_reload(sesh: Sesh, program: Program) -> None:
    program.reports("state=blocked:kind=permission:msg=cnVuIGl0Pw")
    assert sesh("wait", "work", "--waiting", "--timeout", "30").code == 0
    program.stands("waiting", "permission", "run it?")
    sesh("send", "work", "y", "--enter", "--force")
    program.reports("state=working:app=claude:progress=40:msg=Zml4", "state=blocked:id=build/east:kind=auth")
    program.stands("waiting", "auth", "asks for a login")
    assert sesh("reload", "work").code == 0
    program.stands("waiting", "auth", "asks for a login")
    found = sesh("status", "work", "--json").json()["reports"]
    nothing = {"kind": None, "progress": None, "title": None, "message": None}
    assert found == [
        {**nothing, "id": None, "state": "working", "app": "claude", "progress": 40, "message": "fix"},
        {**nothing, "id": "build/east", "state": "waiting", "app": "claude", "kind": "auth"},
    ]
    shown = sesh("status", "work").stdout
    assert "reports:       working, claude: 40% fix\n" in shown
    assert "reports:       waiting, auth, claude: build/east\n" in shown
    program.reports("state=clear:id=build", "state=done")
    program.stands("done")
    sesh("send", "work", "x")
    program.stands("idle")
    program.prints(r"\x1bc")
    program.prints(r"\x1b]9;a notification\x07")
    program.stands("waiting", None, "a notification")


def test_the_end_of_the_program_ends_what_it_has_reported(sesh: Sesh, home: Home) -> None:
    """Without shell integration, the shell's return to the foreground marks the program's end."""
    sesh("open", "work")
    assert sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    program = Program(home)
    program.reports("state=blocked:kind=question")
    sesh("send", "work", " ".join(program.command), "--enter")
    program.stands("waiting", "question", "asks a question")
    program.prints("end")
    program.stands("idle")
    assert sesh("status", "work", "--json").json()["reports"] == []


# -- the terminal


def test_a_terminal_gets_what_stands_when_it_attaches_and_loses_it_when_it_leaves(
    terminal: Open, home: Home, program: Program
) -> None:
    program.reports("state=working:app=x", "state=blocked:id=a:kind=auth:msg=bG9nIGlu", "state=idle:id=b")
    program.reports("state=clear:id=b")
    program.stands("waiting", "auth", "log in")
    root = b"\x1b]7501;state=working:app=x\x1b\\"
    child = b"\x1b]7501;state=blocked:id=a:kind=auth:msg=bG9nIGlu\x1b\\"
    window = terminal("work", command=None)
    window.wait_for("ready")
    window.wait_for_raw(child)
    assert root in window.raw
    assert b"id=b" not in window.raw
    program.reports("state=done")
    window.wait_for_raw(b"\x1b]7501;state=done\x07")  # passed on unchanged
    small = terminal("work", "--read-only", columns=40, rows=10)
    small.wait_for_raw(child)
    program.reports("state=error:id=a")
    small.wait_for_raw(b"\x1b]7501;state=error:id=a\x1b\\")
    for leaving in (small, window):
        before = leaving.raw.count(_CLEAR)
        leaving.type(_LEAVE)
        leaving.wait_for("[detached from work")
        assert leaving.raw.count(_CLEAR) == before + 1
    again = terminal("work")
    again.wait_for_raw(b"\x1b]7501;state=error:id=a\x1b\\")
