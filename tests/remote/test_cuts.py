"""Links that break: noticed, mended, and nothing lost or doubled."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from sesh import bridge, link_state
from tests.remote.farm import Far, Farm
from tests.remote.pace import brisk, hasty
from tests.remote.via import Beside, There
from tests.support import PROMPT, Home, Terminal, wait_until

DETACH = b"\x1c"
LOST = "Enter tries"


def attached(home: Home, *words: str, **options: Any) -> Terminal:
    terminal = home.terminal(*words, **options)
    terminal.wait_for(PROMPT)
    return terminal


def shows(terminal: Terminal, text: str) -> None:
    terminal.wait_until(lambda: text in terminal.text(), what=f"{text!r}")


def numbers(terminal: Terminal) -> list[int]:
    return [int(number) for number in re.findall(rb"line-(\d+)-", terminal.raw)]


def counting(last: int) -> str:
    """A line of shell that prints numbered lines, a hundred every tenth of a second."""
    beat = "[ $((i%100)) = 0 ] && sleep 0.1"
    return f"i=0; while [ $i -lt {last} ]; do i=$((i+1)); echo line-$i-; {beat}; done; echo DO''NE\r"


def past(terminal: Terminal, number: int) -> Callable[[], bool]:
    return lambda: f"line-{number}-".encode() in terminal.raw


Wait = Callable[[Callable[[], bool], float], object]


def cut(far: Far, wait: Wait) -> None:
    far.proxy.cut()


def silence(far: Far, wait: Wait) -> None:
    far.proxy.silence()
    accepted = far.proxy.accepted
    wait(lambda: far.proxy.accepted > accepted, 15)
    far.proxy.cut()
    far.proxy.restore()


def outage(far: Far, wait: Wait) -> None:
    """Lasts until the client knows of it."""
    broken = set(far.farm.masters())
    far.proxy.refuse()
    far.proxy.cut()
    wait(lambda: not broken & set(far.farm.masters()), 15)
    far.proxy.restore()


@pytest.mark.parametrize("break_", [outage, silence])
def test_numbered_lines_come_once_each_through_three_cuts(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, break_: Callable[[Far, Wait], None]
) -> None:
    hasty(monkeypatch, notice_after=60)  # the line that says so lies over the screen, which is drawn anew then
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    terminal.type(counting(2000))
    for number in (200, 700, 1200):
        terminal.wait_until(past(terminal, number))
        break_(far, terminal.wait_until)
    terminal.wait_until(lambda: b"DONE" in terminal.raw)
    assert numbers(terminal) == list(range(1, 2001))
    assert [int(number) for number in re.findall(r"line-(\d+)-", terminal.text())] == list(range(1, 2001))
    terminal.type(DETACH)
    assert terminal.exit_code() == 0


def test_a_line_for_the_end_outlasts_an_outage(home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had come before the outage was forgotten with the old connection."""
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    assert far.sesh("--rename", "work", "other").code == 0
    terminal.type("echo af''ter\r")  # its output comes after the line
    shows(terminal, "after")
    outage(far, terminal.wait_until)
    terminal.type("echo ba''ck\r")
    shows(terminal, "back")
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    assert "work is called other now" in terminal.text()


def long_outage(terminal: Terminal, far: Far) -> None:
    """Lasts for over a second: until the person is told of it, or all that was on its way shows."""
    far.proxy.refuse()
    far.proxy.cut()
    terminal.wait_until(lambda: LOST in terminal.screen()[-1], 15, "one line says so")
    far.proxy.restore()


PRINTED = {
    "plain": "line-$i-",
    "fast": "line-$i-",
    "coloured": r"\033[32mline-\033[1m$i\033[m-",
    "wide": "line-$i-\N{CJK UNIFIED IDEOGRAPH-4E16}\N{BOX DRAWINGS LIGHT HORIZONTAL}",
    "counted": r"working $i\rline-$i-\033[K",
    "full": f"line-$i-{'x' * 69}",
}


# Outages take seconds. Sequences to leave whole are what the others have less of.
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.soak] if kind in ("plain", "fast", "wide", "counted", "full") else [])
        for kind in PRINTED
    ],
)
def test_three_outages_that_are_told_of_leave_each_line_once_and_whole(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    hasty(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    last, beat = (12_000, 1_000) if kind == "fast" else (3_000, 100)
    far.write(
        "count",
        f"i=0; while [ $i -lt {last} ]; do i=$((i+1)); printf '%b\\n' \"{PRINTED[kind]}\"; "
        f"[ $((i%{beat})) = 0 ] && sleep 0.1; done; echo DO''NE\n",
    )
    terminal.type("clear; bash count\r")

    def shown() -> int:
        """The last number on the screen: to look through all lines takes long."""
        return max(map(int, re.findall(r"line-(\d+)", "\n".join(terminal.screen()))), default=0)

    for part in (1, 2, 3):
        terminal.wait_until(lambda part=part: shown() >= last * part // 6)  # type: ignore[misc]
        long_outage(terminal, far)
    terminal.wait_until(lambda: "DONE" in terminal.screen() and LOST not in terminal.screen()[-1], timeout=40)
    text = terminal.text()
    assert LOST not in text
    lines = [line for line in text.splitlines() if "line-" in line]
    shapes = {re.sub(r"\d+", "N", line) for line in lines}
    assert len(shapes) == 1, shapes
    assert [int(re.sub(r"\D", "", line)) for line in lines] == list(range(1, last + 1))


@pytest.mark.parametrize("key", [DETACH, b"echo a''nother\r"])
def test_keys_count_while_the_last_output_of_a_lost_link_is_shown(home: Home, farm: Farm, key: bytes) -> None:
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    passed = far.proxy.passed
    terminal.type("head -c 450000 /dev/urandom | base64 -w 0; echo\r")  # compressed it is no smaller than at first
    # More than any terminal holds; not all, as a screen replaces some of it where the machine is too busy for the link.
    wait_until(lambda: far.proxy.passed > passed + 200_000 and far.settled())
    far.proxy.cut()
    wait_until(far.settled)
    terminal.type(key)  # the terminal has not read the output yet
    if key == DETACH:
        assert terminal.exit_code() == 0
    else:
        terminal.wait_for_raw(b"another\r\n")  # to draw it all takes the test longer than sesh to bring it


def test_what_is_typed_while_the_link_is_down_arrives_once(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    terminal.type("cat >typed\r")
    terminal.wait_until(lambda: far.exists("typed"))
    far.proxy.refuse()
    far.proxy.cut()
    terminal.type("one\rtwo\r")
    terminal.wait_until(lambda: LOST in terminal.text(), what="one line says so")
    terminal.type("three\r")
    far.proxy.restore()
    terminal.wait_until(lambda: far.read("typed").count("\n") == 3)
    terminal.type("four\r")
    terminal.wait_until(lambda: far.read("typed") == "one\ntwo\nthree\nfour\n")
    terminal.wait_until(lambda: LOST not in "\n".join(terminal.screen()), what="the line is gone again")


def test_keys_typed_into_a_storm_of_cuts_are_neither_lost_nor_doubled(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    terminal.type("stty -echo; cat >typed\r")
    terminal.wait_until(lambda: far.exists("typed"))
    lines = [f"key-{number}" for number in range(60)]
    for number, line in enumerate(lines):
        terminal.type(f"{line}\r")
        if number % 20 == 10:
            far.proxy.cut()
        terminal.pump(0.01)
    terminal.wait_until(lambda: far.read("typed").count("\n") == 60)
    assert far.read("typed").split() == lines


def test_silence_is_noticed_within_fifteen_seconds(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    far.proxy.silence()
    terminal.wait_until(lambda: LOST in terminal.text())
    assert link_state.LOST_AFTER <= 15
    far.proxy.cut()
    far.proxy.restore()
    terminal.type("echo back-$((40+2))\r")
    shows(terminal, "back-42")


@pytest.mark.parametrize(
    ("key", "code", "line"), [(DETACH, 0, "[detached from work@box]"), (b"\x03", 1, "may still run")]
)
def test_a_person_who_does_not_want_to_wait_leaves(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, key: bytes, code: int, line: str
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    fresh = home.terminal(command=["true"]).termios()
    terminal = attached(home, "@box", "work")
    far.proxy.refuse()
    far.proxy.cut()
    shows(terminal, LOST)
    terminal.type(key)
    assert terminal.exit_code() == code
    assert line in terminal.text()
    assert terminal.termios() == fresh
    assert far.names() == ["work"]


def test_a_full_screen_program_is_as_it_was_after_a_cut(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    far.write("text", "".join(f"row {number}\n" for number in range(1, 200)))
    terminal = attached(home, "@box", "work")
    terminal.type("less text\r")
    terminal.wait_for("row 23")
    assert 1049 in terminal.modes
    before = terminal.screen()
    far.proxy.refuse()
    far.proxy.cut()
    shows(terminal, LOST)
    far.proxy.restore()
    terminal.wait_until(lambda: terminal.screen() == before, what="the screen is as it was")
    terminal.type(" ")
    terminal.wait_for("row 46")
    terminal.type("q")
    terminal.wait_until(lambda: 1049 not in terminal.modes)
    terminal.wait_for(PROMPT)


def test_too_much_was_missed_and_the_screen_is_drawn_anew(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work", columns=120)
    far.write("flood", "".join(f"row {number:0100d}\n" for number in range(80_000)))
    terminal.type("while [ ! -e go ]; do sleep 0.02; done; cat flood; echo DO''NE; touch done\r")
    terminal.wait_for("touch done")
    far.proxy.refuse()
    far.proxy.cut()
    far.write("go", "")
    wait_until(lambda: far.exists("done"))
    before = len(terminal.raw)
    far.proxy.restore()
    shows(terminal, "DONE")
    assert len(terminal.raw) - before < 4_000_000
    terminal.type("echo on-$((40+2))\r")
    shows(terminal, "on-42")


def test_a_session_that_ended_during_the_outage_gives_its_code(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    terminal.type("while [ ! -e go ]; do sleep 0.02; done; exit 9\r")
    terminal.wait_for("exit 9")
    far.proxy.refuse()
    far.proxy.cut()
    shows(terminal, LOST)
    far.write("go", "")
    status = ("--status", "work", "--json")
    wait_until(lambda: far.sesh(*status).json()["state"] == "exited", interval=0.1)  # nobody was attached
    far.proxy.restore()
    assert terminal.exit_code() == 9
    assert "[work ended: 9]" in terminal.text()


def test_another_session_of_the_same_name_is_not_taken_for_the_one_that_was_lost(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    far.proxy.refuse()
    far.proxy.cut()
    shows(terminal, LOST)
    assert far.sesh("--kill", "work").code == 0
    assert far.sesh("--open", "work").code == 0
    far.proxy.restore()
    assert terminal.exit_code() == 129
    assert "[work ended by --kill]" in terminal.text()
    assert far.names() == ["work"]


def test_a_session_that_was_renamed_is_found_again_by_its_id(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was `[old is no more]`, while new ran on."""
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "old")
    waits = home.start("@box", "--wait", "old", "--exit")
    job = home.start(
        "@box", "--exec", "job", "--print", "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; echo out; exit 7"
    )
    wait_until(lambda: sorted(far.names()) == ["job", "old"])
    logs = home.start("@box", "--logs", "old", "-f")
    assert logs.stdout is not None
    terminal.type("echo be''fore\r")
    shows(terminal, "before")
    while b"before" not in logs.stdout.readline():
        pass
    wait_until(far.settled, what="those who wait have got to their sessions")
    terminal.type("sesh --rename new\r")
    assert far.sesh("--rename", "job", "task").code == 0
    wait_until(lambda: sorted(far.names()) == ["new", "task"])
    accepted = far.proxy.accepted
    far.proxy.refuse()
    far.proxy.cut()
    shows(terminal, LOST)
    far.write("go", "")
    assert far.sesh("--open", "old").code == 0  # another one takes the name that is free now
    far.proxy.restore()
    terminal.type("echo af''ter\r")
    shows(terminal, "after")
    wait_until(lambda: far.proxy.accepted > accepted)
    out, error = job.communicate(timeout=30)
    assert (job.returncode, out) == (7, b"out\n"), error
    while b"after" not in logs.stdout.readline():
        pass
    terminal.type("exit 5\r")
    assert terminal.exit_code() == 5
    assert "[new ended: 5]" in terminal.text()
    _, error = waits.communicate(timeout=30)
    assert waits.returncode == 5, error
    logs.communicate(timeout=30)
    far.sesh("--kill", "old")


def daemon_pid(far: Far, name: str) -> int:
    pid: int = far.sesh("--status", name, "--json").json()["daemon_pid"]
    return pid


def test_what_happens_to_a_link_is_told_to_programs(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    log = os.path.join(home.path, "events")
    terminal = attached(home, "@box", "work", env={"SESH_EVENT_LOG": log})
    far.proxy.refuse()
    far.proxy.cut()
    shows(terminal, LOST)
    far.proxy.restore()
    terminal.type("echo back-$((40+2))\r")
    shows(terminal, "back-42")
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    with open(log, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    assert [each["event"] for each in events] == ["connect", "disconnect", "reconnect", "disconnect"]
    assert {each["host"] for each in events} == {"box"}
    assert events[2]["gap"] > 0
    assert events[2]["since"] > 0
    assert events[2]["joined"] == daemon_pid(far, "work")
    assert [each.get("reason") for each in events] == [None, "lost", None, "detached"]


# -- jobs


def running(home: Home, far: Far, *words: str, script: str) -> subprocess.Popen[bytes]:
    """`sesh @box --exec job WORDS -- sh -c SCRIPT`, once the script runs."""
    job = home.start("@box", "--exec", "job", *words, "--", "sh", "-c", f"touch begun; {script}")
    wait_until(lambda: far.exists("begun"))
    wait_until(far.settled, what="the waiter has got to its job")
    return job


def first_line(job: subprocess.Popen[bytes]) -> bytes:
    """The first line that is followed: then the waiter knows of its job. Nothing behind it is taken."""
    assert job.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(job.stdout.fileno(), 1)
    return line


GO = "while [ ! -e go ]; do sleep 0.02; done"


@pytest.mark.parametrize("break_", [cut, silence])
def test_a_job_outlives_cuts_and_gives_its_own_code(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, break_: Callable[[Far, Wait], None]
) -> None:
    hasty(monkeypatch, 3)  # a busy machine may well be silent for a second
    far = farm.host("box", proxied=True)
    job = running(home, far, "--follow", script=f"echo one; {GO}; echo two; exit 7")
    assert job.stderr is not None
    assert first_line(job) == b"one\n"
    for _ in range(2):
        break_(far, wait_until)
        assert b"lost the link" in job.stderr.readline()
        assert b"reconnected to" in job.stderr.readline()
    far.write("go", "")
    out, error = job.communicate(timeout=30)
    assert (job.returncode, out, error) == (7, b"two\n", b"")


@pytest.mark.parametrize("words", [("--follow",), ("--json",)])
def test_a_job_that_ends_while_the_link_is_down_gives_its_code_and_output(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    job = running(home, far, *words, script=f"echo one; {GO}; echo two; exit 255")
    far.proxy.refuse()
    far.proxy.cut()
    far.write("go", "")
    wait_until(lambda: far.names() == [])
    far.proxy.restore()
    out, error = job.communicate(timeout=30)
    assert job.returncode == 255, error
    if "--json" in words:
        *lines, value = (json.loads(line) for line in out.splitlines())
        assert [each["line"] for each in lines] == (["one", "two"] if "--follow" in words else [])
        assert (value["exit_code"], value["output"], value["host"]) == (255, "one\ntwo\n", "box")
    else:
        assert out == (b"one\ntwo\n" if words else b"")


def test_every_line_of_a_job_that_is_followed_comes_once_through_cuts(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line-$i-; [ $((i%200)) = 0 ] && sleep 0.2; done; exit 3"
    job = running(home, far, "--follow", script=script)
    assert first_line(job) == b"line-1-\n"
    for _ in range(3):
        accepted = far.proxy.accepted
        far.proxy.cut()
        wait_until(lambda: far.proxy.accepted > accepted)  # noqa: B023
    out, err = job.communicate(timeout=30)
    assert job.returncode == 3, err
    assert out.decode().split() == [f"line-{number}-" for number in range(2, 2001)]


def test_ctrl_c_stops_the_waiting_for_a_link_and_says_how_to_go_on(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    job = running(home, far, script="sleep 1000")
    far.proxy.refuse()
    far.proxy.cut()
    assert job.stderr is not None
    first = job.stderr.readline()
    assert b"lost the link" in first
    job.send_signal(signal.SIGINT)
    _, error = job.communicate(timeout=30)
    assert job.returncode == 130
    assert b"sesh @box job" in error
    assert b"sesh @box --kill job" in error
    assert far.names() == ["job"]


def test_ctrl_c_while_a_link_is_silent_reaches_the_job_over_the_next_one(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal had printed `^C`, and the job went on."""
    hasty(monkeypatch)
    far = farm.host("box", proxied=True)
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.02; done"
    job = running(home, far, "--follow", script=script)
    assert job.stdout is not None
    assert job.stderr is not None
    assert job.stdout.readline() == b"ready\n"
    far.proxy.strand()
    job.send_signal(signal.SIGINT)
    assert b"lost the link" in job.stderr.readline()
    out, _ = job.communicate(timeout=30)
    assert (job.returncode, out) == (5, b"caught\n")


@pytest.fixture
def slow(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> There:
    """A host whose sesh begins a job and says so only when there is a file `answer`."""
    before = bridge._entered

    def entered(*words: Any) -> Any:
        found = before(*words)
        with open(os.path.expanduser("~/entered"), "w", encoding="utf-8"):
            pass
        while not os.path.exists(os.path.expanduser("~/answer")):
            time.sleep(0.01)
        return found

    monkeypatch.setattr(bridge, "_entered", entered)
    return beside("box")


def test_ctrl_c_before_the_job_is_known_to_run_reaches_it(home: Home, slow: There) -> None:
    """It ended the near side alone, and the job went on."""
    job = home.start("@box", "--exec", "job", "--", "sh", "-c", "trap 'exit 5' INT; while :; do sleep 0.02; done")
    wait_until(lambda: slow.exists("entered"))
    job.send_signal(signal.SIGINT)
    slow.write("answer", "")
    job.communicate(timeout=30)
    assert job.returncode == 5
    assert slow.names() == []


@pytest.mark.parametrize("name", [("job",), ()])
def test_a_job_whose_start_was_not_heard_of_is_found_again(home: Home, slow: There, name: tuple[str, ...]) -> None:
    """A link that broke there gave 125, and nobody knew whether the job ran."""
    script = "echo x >>ran; while [ ! -e go ]; do sleep 0.02; done; echo done; exit 7"
    job = home.start("@box", "--exec", *name, "--print", "--", "sh", "-c", script)
    wait_until(lambda: slow.exists("entered"))
    slow.cut()
    slow.write("answer", "")
    slow.write("go", "")
    out, error = job.communicate(timeout=30)
    assert (job.returncode, out, slow.read("ran")) == (7, b"done\n", "x\n"), error


def test_a_verb_whose_link_is_lost_says_so_and_is_not_tried_again(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    script = "trap 'touch ending' HUP; touch begun; while :; do sleep 0.02; done"
    assert home.sesh("@box", "--open", "work", "--", "sh", "-c", script).code == 0
    wait_until(lambda: far.exists("begun"))
    verb = home.start("@box", "--kill", "work")
    wait_until(lambda: far.exists("ending"))
    far.proxy.refuse()
    far.proxy.cut()
    out, error = verb.communicate(timeout=30)
    assert (verb.returncode, out, error.count(b"\n")) == (1, b"", 1)
    wait_until(lambda: far.names() == [], what="what was asked for is done all the same")
