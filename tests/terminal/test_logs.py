"""`logs -f` prints the last lines, then each line that the cursor has left."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sesh.daemon.requests import methods
from sesh.wire import protocol
from tests.support import Home, Sesh, wait_until


def typed(sesh: Sesh, text: str) -> None:
    sesh("send", "work", text, "--enter")
    sesh("wait", "work", "--prompt", "--timeout", "30")


def ended(process: subprocess.Popen[bytes]) -> list[str]:
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()  # communicate() would not see what was peeked at
    assert (process.wait(30), err) == (0, b"")
    return out.decode().splitlines()


def followed(home: Home, *words: str) -> subprocess.Popen[bytes]:
    """Start `logs work WORDS -f`, and wait for its first line."""
    process = home.start("logs", "work", *words, "-f")
    assert process.stdout is not None
    process.stdout.peek(1)  # type: ignore[attr-defined]
    return process


@pytest.mark.usefixtures("work")
def test_lines_are_followed_until_the_session_ends(sesh: Sesh, home: Home) -> None:
    typed(sesh, "echo be''fore")
    process, coloured, objects = followed(home), followed(home, "--ansi"), followed(home, "--json")
    long = "echo " + "x" * 200
    typed(sesh, long)
    typed(sesh, "printf '10%%\\r20%%\\r\\033[31mdone\\033[0m\\n'; printf unfin; printf 'ished\\n\\nlast\\n'")
    sesh("send", "work", "exit", "--enter")
    lines = ended(process)
    assert lines[:2] == ["ready> echo be''fore", "before"]
    assert lines[2:4] == [f"ready> {long}", "x" * 200], "what wraps is one line, also when it is typed"
    assert lines[4].startswith("ready> printf")
    at = lines.index("done")
    assert lines[at : at + 4] == ["done", "unfinished", "", "last"]
    assert lines[at + 4] == "ready> exit"
    assert "\x1b[0;31mdone\x1b[m" in ended(coloured)
    assert [json.loads(line) for line in ended(objects)] == [{"line": line} for line in lines]


def test_no_line_is_missing_or_doubled_whose_reader_halts_until_the_session_has_ended(sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    typed(sesh, "seq 1 50")
    process = followed(home, "3")
    process.send_signal(signal.SIGSTOP)
    sesh("send", "work", "seq 100001 140000; exit", "--enter")
    sesh("wait", "work", "--exit")
    assert wait_until(lambda: not home.names(), "no session is left")
    process.send_signal(signal.SIGCONT)
    lines = ended(process)
    assert lines[:2] == ["49", "50"]
    assert [line for line in lines if line.startswith("1") and len(line) == 6] == [
        str(n) for n in range(100001, 140001)
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["logs", "work", "-f"],
        ["events", "work", "--from", "0"],
        ["events"],
        ["watch", "--json"],
        ["exec", "--follow", "--", "sh", "-c", "echo one; exec sleep 100"],
    ],
    ids=["logs", "events of one", "events of all", "watch", "exec"],
)
def test_a_follower_ends_as_soon_as_its_reader_closes(home: Home, words: list[str]) -> None:
    """`| head -1` must return at once, not only when more is printed."""
    assert home.sesh("open", "work", "--", "sh", "-c", "echo one; exec sleep 100").code == 0
    following = home.start(*words)
    assert following.stdout is not None
    names = ["work", "other"]
    while words == ["events"] and not select.select([following.stdout], [], [], 0.5)[0]:
        assert home.sesh("rename", *names).code == 0
        names.reverse()
    assert following.stdout.readline()
    following.stdout.close()
    assert following.wait(30) == 141


def many_then_new(sesh: Sesh, home: Home) -> tuple[list[int], list[str]]:
    """Follow 500 of 600 long lines, then type "new"; return the lines' numbers and stderr."""
    sesh("open", "work", "--", "sh", "-c", "seq -f %0500g 600; read line; echo $line")
    sesh("wait", "work", "--for", "000600$", "--since-start")
    process = followed(home, "500")
    sesh("send", "work", "new", "--enter")
    assert process.stdout is not None
    assert process.stderr is not None
    *numbers, typed_line, printed = process.stdout.read().decode().splitlines()
    assert (typed_line, printed) == ("new", "new")
    notes = process.stderr.read().decode().splitlines()
    assert process.wait(30) == 0
    return [int(number) for number in numbers], notes


@pytest.mark.needs_fork("smaller pages than 512 KiB")
def test_more_lines_than_one_answer_holds_all_come_before_the_new_ones(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is missing, even if the emulator is far behind the output."""
    monkeypatch.setattr(methods, "MAX_PAGE", 16 << 10)
    assert many_then_new(sesh, home) == (list(range(101, 601)), [])


@pytest.mark.needs_fork("smaller answers than 40 MiB")
def test_of_more_lines_than_are_held_the_newest_come_and_it_is_said(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound keeps a host from filling this machine's memory page by page."""
    monkeypatch.setattr(methods, "MAX_PAGE", 16 << 10)
    monkeypatch.setattr(protocol, "MAX_RESPONSE", 50 << 10)
    numbers, (note,) = many_then_new(sesh, home)
    assert 450 < numbers[0] < 550
    assert numbers == list(range(numbers[0], 601))
    assert "lines come before the new ones" in note


@pytest.mark.usefixtures("work")
def test_inside_a_session_a_number_alone_is_how_many_lines_or_which_command_and_outside_it_is_a_name(
    sesh: Sesh,
) -> None:
    """Inside a session `logs 50` and `history 3` asked for sessions of these names."""
    sesh("open", "1", "--", "sh", "-c", "echo other; exec cat")
    assert sesh("wait", "1", "--for", "other", "--since-start").code == 0
    assert sesh("run", "work", "--", "seq 3").stdout == "1\n2\n3\n"
    assert sesh("run", "work", "--", "sesh history 1").stdout == "1\n2\n3\n"
    shown = sesh("run", "work", "--", "sesh logs 1").stdout
    assert (len(shown.splitlines()), "other" in shown) == (1, False)
    assert sesh("run", "work", "--", "sesh logs 1 300").stdout == "other\n"
    assert sesh("run", "work", "--", "sesh logs 1 0").stdout == ""
    assert sesh("logs", "1").stdout == "other\n"
    assert "no commands known of 1" in sesh("history", "1").stderr


_PAUSING = 'echo old; read word; echo "new $word"; [ "$word" = end ] || exec cat'
"""A program that prints, waits for a line, and prints again."""


def _two_seconds_later(sesh: Sesh, word: str) -> str:
    """Type a word once nothing was printed for two seconds; return the time of day before."""
    assert sesh("wait", "work", "--idle", "2", "--timeout", "30").code == 0
    moment = time.strftime("%H:%M:%S")
    sesh("send", "work", word, "--enter")
    return moment


def test_lines_since_a_moment_are_printed_also_after_a_reload(sesh: Sesh, home: Home) -> None:
    sesh("open", "work", "--", "sh", "-c", _PAUSING)
    moment = _two_seconds_later(sesh, "word")
    assert sesh("wait", "work", "--for", "^new", "--timeout", "30").code == 0
    following = followed(home, "--since", moment)
    for _ in range(2):
        assert sesh("logs", "work", "--since", moment).stdout == "word\nnew word\n"
        assert sesh("logs", "work", "--since", moment, "-n", "1", "--json").json()["lines"] == ["new word"]
        assert sesh("logs", "work", "--since", "5m").stdout == "old\nword\nnew word\n"
        assert sesh("reload", "work").code == 0
    sesh("send", "work", "last", "--enter", "--key", "C-d")
    assert ended(following) == ["word", "new word", "last", "last"]


def test_the_lines_of_an_ended_job_since_a_moment_are_printed(sesh: Sesh) -> None:
    sesh("exec", "work", "-d", "--", "sh", "-c", _PAUSING)
    moment = _two_seconds_later(sesh, "end")
    assert sesh("wait", "work", "--exit").code == 0
    assert sesh("logs", "work", "--since", moment).stdout == "end\nnew end\n"
    assert sesh("logs", "work", "--since", "1h").stdout == "old\nend\nnew end\n"


@pytest.mark.parametrize("crashes", [False, True], ids=["ended", "lost"])
def test_the_lines_of_a_session_without_a_daemon_since_a_moment_are_printed(
    sesh: Sesh, home: Home, crashes: bool
) -> None:
    sesh("open", "work", "--", "sh", "-c", f"seq 60; {_PAUSING}; exit 3")
    moment = _two_seconds_later(sesh, "word" if crashes else "end")
    if crashes:
        assert sesh("wait", "work", "--for", "^new", "--timeout", "30").code == 0
        screen = os.path.join(home.path, ".sesh", f".screen.{home.record('work')['id']}")
        wait_until(lambda: b"new word" in Path(screen).read_bytes(), "the checkpoint has the last line")
        facts = Path(screen.replace(".screen.", ".checkpoint."))
        wait_until(
            lambda: (known := json.loads(facts.read_text()))["untimed"] or len(known["times"]) > 1, "its facts too"
        )
        home.crash("work")
    else:
        sesh("wait", "work", "--exit")
    since = sesh("logs", "work", "--since", moment).stdout
    assert since == ("word\nnew word\n" if crashes else "end\nnew end\n")
    assert sesh("logs", "work", "--since", "1h").stdout.startswith("1\n2\n")


def test_more_lines_than_a_page_has_come_since_a_moment(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "PAGE", 7)
    sesh("open", "work", "--", "sh", "-c", "seq 40; exec cat")
    wait_until(lambda: sesh("logs", "work", "1").stdout == "40\n", "work has printed all")
    assert sesh("logs", "work", "--since", "1h").stdout.split() == [str(n) for n in range(1, 41)]
    assert sesh("logs", "work", "--since", "1h", "--lines", "9").stdout.split() == [str(n) for n in range(32, 41)]


@pytest.mark.parametrize("words", [["--since", "25:00"], ["--since", "soon"], ["--since", "1:2:3:4"], ["3", "-n", "4"]])
def test_a_moment_or_number_that_is_none_is_refused(sesh: Sesh, words: list[str]) -> None:
    sesh("open", "work")
    assert sesh("logs", "work", *words).code == 2
