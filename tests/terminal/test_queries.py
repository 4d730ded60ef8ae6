"""Queries to the terminal are answered at once, once, and never at a shell's prompt."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from sesh.daemon.frames import keyboard
from tests.support import PROMPT, Home, Open, Sesh, Terminal, wait_until
from tests.support.waiting import PATIENCE

LEAVE = b"\x1c"
DA1 = b"\x1b[?62;22c"

#: Sends each query, waits until no more answers come, and writes down the answers and their delay. A `|` is a pause
#: within the query. If a query ends with `CSI 5 n`, the wait ends with that answer, except for the last query. With
#: "a key after each", the wait ends with the key `!`.
_ASK = """
import json, os, select, sys, time, tty
tty.setraw(0)
os.write(1, b"ready to ask")
keys = sys.argv[2] == "a key after each"
if keys or sys.argv[2] == "on key":
    os.read(0, 1)
with open(sys.argv[1], "w") as log:
    for question in sys.argv[3:]:
        for part in question.encode().decode("unicode_escape").encode("latin-1").split(b"|"):
            os.write(1, part)
            time.sleep(0.05 * ("|" in question))
        began, first, got = time.monotonic(), None, b""
        known_end = question != sys.argv[-1] and question.endswith("[5n")
        end = b"!" if keys else b"\\x1b[0n" if known_end else ()
        while not got.endswith(end) and (keys or select.select([0], [], [], 3 if first is None else 0.3)[0]):
            got += os.read(0, 4096)
            first = first or time.monotonic() - began
        print(json.dumps([question, first, got.decode("latin-1")]), file=log, flush=True)
os.write(1, b"\\r\\nasked all\\r\\n")
"""
#: Queries that the daemon answers by itself; the last one is sent by fish 4 at its start, which waits for DA1.
DETACHED = (
    r"\x1b[c", r"\x1b[>c", r"\x1b[>q", r"\x1b[5n", r"\x1b[6n", r"\x1b[?2026$p", r"\x1b]10;?\x1b\\", r"\x1b]11;?\x07",
    r"\x1b[?u", r"\x1b[18t", r"\x1bP+q436f\x1b\\", r"\x1b[?u\x1b[>0q\x1bP+q696e646e\x1b\\\x1b[c",
)  # fmt: skip


def asker(home: Home, *questions: str, when: str = "at once") -> list[str]:
    """Return the command of a program that sends queries; `answers` reads its log."""
    script = home.write("ask.py", _ASK)
    return [sys.executable, script, f"{home.path}/answers", when, *questions]


def answers(home: Home, count: int) -> list[tuple[str, float | None, bytes]]:
    """Return each query, the seconds to its answer's first byte (or None), and the bytes."""
    path = Path(home.path, "answers")

    def written() -> list[str]:
        lines = path.read_text().splitlines() if path.exists() else []
        return lines if len(lines) >= count else []

    found = map(json.loads, wait_until(written, f"{count} answers are written"))
    return [(question, first, got.encode("latin-1")) for question, first, got in found]


def test_without_a_terminal_the_daemon_answers_at_once(home: Home, sesh: Sesh) -> None:
    """A program that starts detached must not wait for a terminal, as fish 4 does."""
    questions = [
        question if question.endswith(("[5n", DETACHED[-1])) else rf"{question}\x1b[5n" for question in DETACHED
    ]
    assert sesh("new", "work", "-d", "--", *asker(home, *questions)).code == 0
    for question, _, got in answers(home, len(questions)):
        assert got.startswith(b"\x1b"), question
        assert (got != b"\x1b[0n") or question == r"\x1b[5n", question


def test_a_terminal_that_is_there_answers_and_is_asked_once(home: Home, terminal: Open) -> None:
    window = terminal("work", "--", *asker(home, r"\x1b[c", r"\x1b[5n", r"\x1b[|c", r"\x1b|[5|n"), answers=True)
    window.wait_for("asked all")
    assert [got for _, _, got in answers(home, 4)] == [DA1, b"\x1b[0n", DA1, b"\x1b[0n"]


def test_of_several_terminals_one_answers_and_none_that_only_watches(home: Home, terminal: Open) -> None:
    one = terminal("work", "--", *asker(home, r"\x1b[c", r"\x1b[c", when="on key"), answers=True)
    one.wait_for("ready to ask")
    two = terminal("work", answers=True)
    two.wait_for("ready to ask")
    home.sesh("send", "work", "x")  # the one who attached last leads, unless it only watches
    watcher = terminal("work", "--read-only", answers=True)
    wait_until(
        lambda: [each.pump(0.005) for each in (one, two, watcher)] and "asked all" in one.text(),
        "the program has asked all",
    )
    assert [got for _, _, got in answers(home, 2)] == [DA1, DA1]


@pytest.mark.needs_fork("pieces of an answer that may come late")
def test_whatever_a_program_asks_it_gets_the_answer_once(
    home: Home, terminal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds for protocols unknown to sesh, and for answers in several sequences."""
    monkeypatch.setattr(keyboard, "KEY_TIMEOUT", PATIENCE)
    asked = {
        r"\x1b[c": DA1,
        r"\x1b]99;i=p1:p=?;\x1b\\": b"\x1b]99;i=p1:p=?;o=always:p=title,body\x1b\\",
        r"\x1b]5523;type=read;Lg==\x1b\\": (
            b"\x1b]5523;type=read:status=OK\x1b\\\x1b]5523;type=read:status=DATA;%b\x1b\\\x1b]5523;type=read:status=DONE\x1b\\"
            % (b"QUJD" * 3000)
        ),
        r"\x1b]1337;ReportCellSize\x07": b"\x1b]1337;ReportCellSize=18.0;8.0\x1b\\",
        r"\x1b]5113;ac=send;id=1\x1b\\": b"\x1b]5113;ac=status;id=1;st=T0s=\x1b\\",
        r"\x1b]31337;what=?\x07": b"\x1b]31337;what=this\x07",
        r"\x1bP@kitty-cmd{}\x1b\\": b"\x1bP@kitty-cmd{1}\x1b\\",
        r"\x1b[> q": b"\x1b[>1;2;3 q",
    }
    window = terminal("work", "--", *asker(home, *asked, when="a key after each"))
    window.wait_for("ready to ask")
    window.type("x")
    for question, answer in asked.items():
        window.wait_for_raw(question.encode().decode("unicode_escape").encode())
        for piece in (b"\x1b[?0u\x1b]52;c;QUJD\x07", answer[:1], answer[1:4], answer[4:]):  # the first answers no query
            window.type(piece)
            window.pump(0.01)
        window.type("!")
    assert [got for _, _, got in answers(home, len(asked))] == [answer + b"!" for answer in asked.values()]


def test_a_reply_to_nobodys_question_is_not_typed_into_the_shell(terminal: Open) -> None:
    """A reply may be late, repeated or unasked for, and whole or in two pieces."""
    window = terminal("work")
    window.wait_for(PROMPT)
    replies = (DA1, b"\x1b[>1;10;0c", b"\x1b[0n", b"\x1b[5;9R", b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1b[?1u")
    for number, reply in enumerate(replies):
        window.type(reply + reply[:3])
        window.pump(0.3)  # longer than a key is held
        window.type(reply[3:])
        window.type(f"echo a$((1+{number}))b\r")
        window.wait_for(f"a{1 + number}b")
    typed = [row for row in window.screen() if row.startswith(f"{PROMPT} ")]
    assert typed == [f"{PROMPT} echo a$((1+{number}))b" for number in range(len(replies))]


_FOLLOW_COLOURS = """
import os, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2031hfollows")
got = b""
while not got.endswith(b"n"):
    got += os.read(0, 99)
os.write(1, b" told " + repr(got).encode())
"""


def test_a_program_that_follows_the_colours_is_told_those_of_a_new_terminal(
    home: Home, sesh: Sesh, terminal: Open
) -> None:
    """A program that began without a terminal kept the wrong theme for good."""
    assert sesh("new", "work", "-d", "--", sys.executable, "-c", _FOLLOW_COLOURS).code == 0
    wait_until(lambda: "follows" in sesh("screen", "work").stdout, "work shows 'follows'")
    window = terminal("work")
    window.wait_for_raw(b"\x1b[?996n")
    window.type(b"\x1b[?997;2n")
    window.wait_for("[?997;2n")


@pytest.mark.soak
def test_leaving_with_a_question_open_leaves_no_answer_at_the_outer_prompt(home: Home) -> None:
    command = shlex.join([*home.command, "work", "--", *asker(home, r"\x1b[c", when="on key")])
    with Terminal(["bash", "--norc", "-i"], env=home.env, cwd=home.path, columns=200) as window:
        window.wait_for(PROMPT)
        window.type(f"{command}\r")
        window.wait_for("ready to ask")
        window.type("x")
        window.wait_for_raw(b"\x1b[c")
        window.type(LEAVE)
        window.wait_for_raw(b"\x18\x1b\\")
        window.type(DA1)
        window.wait_for("[detached from work")
        window.type(b"\x1b[?7373;0$y" + DA1)
        window.wait_until(lambda: PROMPT in window.text().partition("[detached")[2], "the prompt")
        window.type("echo a$((1+1))b\r")
        window.wait_for("a2b")
        assert "62;22c" not in window.text()
        # The program has got the whole answer or nothing.
        assert [got for _, _, got in answers(home, 1)] in ([b""], [DA1])
