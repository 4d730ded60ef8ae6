"""Links that break: noticed, mended, and nothing lost or doubled."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from typing import Any

import pytest

from sesh.bridge import bridge
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, Terminal, processes, wait_until
from tests.support.disk import Disks

DETACH = b"\x1c"
LOST = "Enter tries"


def attached(home: Home, *words: str, **options: Any) -> Terminal:
    terminal = home.terminal(*words, **options)
    terminal.wait_for(PROMPT)
    return terminal


def shows(terminal: Terminal, text: str) -> None:
    """Wait until a text is on the screen or in the scrollback."""
    terminal.wait_until(lambda: text in terminal.text(), f"{text!r}")


def test_keys_count_while_the_last_output_of_a_lost_link_is_shown(home: Home, beside: Beside) -> None:
    far = beside("box")
    terminal = attached(home, "@box", "work")
    terminal.type("head -c 200000 /dev/zero | tr '\\0' x\r")  # more than any terminal holds
    wait_until(
        lambda: far.summary("work")["position"] > 200_000 and far.settled(),
        "all is printed, and both sides are at rest",
    )
    far.cut()
    wait_until(far.settled, "both sides are at rest")
    terminal.type(DETACH)  # the terminal has not read the output yet
    assert terminal.exit_code() == 0


def test_too_much_was_missed_and_the_screen_is_drawn_anew(home: Home, beside: Beside) -> None:
    far = beside("box")
    terminal = attached(home, "@box", "work", columns=120)
    far.write("flood", "".join(f"row {number:0100d}\n" for number in range(10_000)))  # four times what is kept
    terminal.type("while [ ! -e go ]; do sleep 0.02; done; cat flood; echo DO''NE; touch done\r")
    terminal.wait_for("touch done")
    far.away()
    far.write("go", "")
    wait_until(lambda: far.exists("done"), "the host has the file 'done'")
    before = len(terminal.raw)
    far.back()
    shows(terminal, "DONE")
    assert len(terminal.raw) - before < 500_000
    terminal.type("echo on-$((40+2))\r")
    shows(terminal, "on-42")


@pytest.mark.soak
def test_another_session_of_the_same_name_is_not_taken_for_the_one_that_was_lost(home: Home, beside: Beside) -> None:
    far = beside("box")
    terminal = attached(home, "@box", "work")
    far.away()
    shows(terminal, LOST)
    assert far.sesh("kill", "work").code == 0
    assert far.sesh("open", "work").code == 0
    far.back()
    assert terminal.exit_code() == 129
    assert "[work was killed]" in terminal.text()
    assert far.names() == ["work"]


@pytest.mark.soak
def test_a_session_that_was_renamed_is_found_again_by_its_id(home: Home, beside: Beside) -> None:
    """The client said `[old is no more]`, while the session ran on as `new`."""
    far = beside("box")
    terminal = attached(home, "@box", "old")
    waits = home.start("@box", "wait", "old", "--exit")
    job = home.start(
        "@box", "exec", "job", "--print", "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; echo out; exit 7"
    )
    wait_until(lambda: sorted(far.names()) == ["job", "old"], "the sessions job and old exist on the host")
    logs = home.start("@box", "logs", "old", "-f")
    assert logs.stdout is not None
    terminal.type("echo be''fore\r")
    shows(terminal, "before")
    while b"before" not in logs.stdout.readline():
        pass
    wait_until(far.settled, "those who wait have got to their sessions")
    for name, new in (("old", "new"), ("job", "task")):
        assert far.sesh("rename", name, new).code == 0
    wait_until(lambda: sorted(far.names()) == ["new", "task"], "both sessions have their new names")
    links = len(far.links())
    far.away()
    shows(terminal, LOST)
    far.write("go", "")
    assert far.sesh("open", "old").code == 0  # another session takes the free name
    far.back()
    terminal.type("echo af''ter\r")
    shows(terminal, "after")
    wait_until(lambda: len(far.links()) > links, "another link has begun")
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
    far.sesh("kill", "old")


def test_what_happens_to_a_link_is_told_to_programs(home: Home, beside: Beside) -> None:
    far = beside("box")
    log = os.path.join(home.path, "events")
    terminal = attached(home, "@box", "work", env={"SESH_EVENT_LOG": log})
    far.away()
    shows(terminal, LOST)
    far.back()
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
    assert events[2]["joined"] == far.summary("work")["daemon_pid"]
    assert [each.get("reason") for each in events] == [None, "lost", None, "detached"]


# -- jobs


def running(home: Home, far: ViaHost, *words: str, script: str) -> subprocess.Popen[bytes]:
    """Start a job with SCRIPT on the host `box`, and wait until it runs."""
    job = home.start("@box", "exec", "job", *words, "--", "sh", "-c", f"touch begun; {script}")
    wait_until(lambda: far.exists("begun"), "the host has the file 'begun'")
    wait_until(far.settled, "the waiter has got to its job")
    return job


GO = "while [ ! -e go ]; do sleep 0.02; done"


def test_a_job_that_ended_on_a_full_disk_while_the_link_was_lost_tells_its_code(
    disks: Disks, home: Home, beside: Beside
) -> None:
    """The waiter heard that the host has nothing of the job any more."""
    far = beside("box")
    disks(os.path.join(far.directory, ".results")).fill()
    job = running(home, far, "--follow", script=f"{GO}; touch over; exit 7")
    daemon = far.summary("job")["daemon_pid"]
    far.away()
    # A bridge that has only begun, and outlives its link, would be told the end.
    wait_until(
        lambda: not far.held() and far.settled() and processes.connections(daemon) == 0,
        "nobody is connected to the daemon, or may be",
    )
    far.write("go", "")
    # On a busy machine a second attempt, begun before the host went away, may have told the end already.
    wait_until(
        lambda: far.summary("job").get("exit_code") == 7 or job.poll() is not None,
        "the job has ended, or its caller has",
    )
    far.back()
    _, error = job.communicate(timeout=30)
    assert job.returncode == 7, error


def test_ctrl_c_stops_the_waiting_for_a_link_and_says_how_to_go_on(home: Home, beside: Beside) -> None:
    far = beside("box")
    job = running(home, far, script="sleep 1000")
    far.away()
    assert job.stderr is not None
    first = job.stderr.readline()
    assert b"lost the link" in first
    job.send_signal(signal.SIGINT)
    _, error = job.communicate(timeout=30)
    assert job.returncode == 130
    assert b"sesh @box job" in error
    assert b"sesh @box kill job" in error
    assert far.names() == ["job"]


@pytest.mark.soak
def test_ctrl_c_while_a_link_is_silent_reaches_the_job_over_the_next_one(home: Home, beside: Beside) -> None:
    """The terminal had printed `^C`, and the job went on."""
    far = beside("box")
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.02; done"
    job = running(home, far, "--follow", script=script)
    assert job.stdout is not None
    assert job.stdout.readline() == b"ready\n"
    far.strand()
    job.send_signal(signal.SIGINT)
    out, _ = job.communicate(timeout=30)
    assert (job.returncode, out) == (5, b"caught\n")


@pytest.fixture
def slow(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> ViaHost:
    """Make a host that begins a session, and answers once the file `answer` exists."""
    before = bridge._connect

    def connected(*words: Any) -> Any:
        found = before(*words)
        with open(os.path.expanduser("~/entered"), "w", encoding="utf-8"):
            pass
        while not os.path.exists(os.path.expanduser("~/answer")):
            time.sleep(0.01)
        return found

    monkeypatch.setattr(bridge, "_connect", connected)
    return beside("box")


@pytest.mark.needs_fork("a bridge that answers late")
def test_ctrl_c_before_the_job_is_known_to_run_reaches_it(home: Home, slow: ViaHost) -> None:
    """Ctrl-C ended only the near side, and the job went on."""
    job = home.start("@box", "exec", "job", "--", "sh", "-c", "trap 'exit 5' INT; while :; do sleep 0.02; done")
    wait_until(lambda: slow.exists("entered"), "the host has the file 'entered'")
    job.send_signal(signal.SIGINT)
    slow.write("answer", "")
    job.communicate(timeout=30)
    assert job.returncode == 5
    assert slow.names() == []


@pytest.mark.needs_fork("a bridge that answers late")
@pytest.mark.parametrize("name", [("job",), ()])
def test_a_job_whose_start_was_not_heard_of_is_found_again(home: Home, slow: ViaHost, name: tuple[str, ...]) -> None:
    """Such a break gave 125, and nobody knew whether the job ran."""
    script = "echo x >>ran; while [ ! -e go ]; do sleep 0.02; done; echo done; exit 7"
    job = home.start("@box", "exec", *name, "--print", "--", "sh", "-c", script)
    wait_until(lambda: slow.exists("entered"), "the host has the file 'entered'")
    slow.cut()
    slow.write("answer", "")
    slow.write("go", "")
    out, error = job.communicate(timeout=30)
    assert (job.returncode, out, slow.read("ran")) == (7, b"done\n", "x\n"), error


@pytest.mark.needs_fork("a bridge that answers late")
@pytest.mark.parametrize("words", [("open", "job"), ("new", "-d", "job"), ("exec", "-d", "job")])
def test_what_runs_on_alone_is_begun_once_though_its_start_was_not_heard_of(
    home: Home, slow: ViaHost, words: tuple[str, ...]
) -> None:
    """Such a break gave an error, and nobody knew whether the session ran."""
    verb = home.start("@box", *words, "--", "sh", "-c", "echo x >>ran; sleep 60")
    wait_until(lambda: slow.exists("entered"), "the host has the file 'entered'")
    slow.cut()
    slow.write("answer", "")
    _, error = verb.communicate(timeout=30)
    assert (verb.returncode, slow.names(), slow.read("ran")) == (0, ["job"], "x\n"), error


@pytest.mark.needs_fork("a bridge that answers late")
def test_a_session_whose_start_was_not_heard_of_is_entered(home: Home, slow: ViaHost) -> None:
    terminal = home.terminal("@box", "work", "--", "sh", "-c", "echo x >>ran; echo he''re; read x")
    wait_until(lambda: slow.exists("entered"), "the host has the file 'entered'")
    slow.cut()
    slow.write("answer", "")
    terminal.wait_for("here")
    assert slow.read("ran") == "x\n"


def test_a_verb_whose_link_is_lost_says_so_and_is_not_tried_again(home: Home, beside: Beside) -> None:
    far = beside("box")
    script = "trap 'touch ending' HUP; touch begun; while :; do sleep 0.02; done"
    assert home.sesh("@box", "open", "work", "--", "sh", "-c", script).code == 0
    wait_until(lambda: far.exists("begun"), "the host has the file 'begun'")
    verb = home.start("@box", "kill", "work")
    wait_until(lambda: far.exists("ending"), "the host has the file 'ending'")
    far.away()
    out, error = verb.communicate(timeout=30)
    assert (verb.returncode, out, error.count(b"\n")) == (1, b"", 1)
    wait_until(lambda: far.names() == [], "what was asked for is done all the same")


def test_a_via_command_that_fails_does_not_say_that_the_job_never_began(home: Home, beside: Beside) -> None:
    """The code 125 invited to run the job a second time."""
    far = beside("box")
    script = f'exec 3<&0; "$@" <&3 >/dev/null & until [ -e {far.path}/ran ]; do sleep 0.02; done; exit 1'
    cut = home.write("cut", f"#!/bin/sh\n{script}\n", 0o755)
    way = shlex.join([cut, *far.way])
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = {json.dumps(way)}\n")
    done = home.sesh("@box", "exec", "-d", "job", "--", "sh", "-c", "echo >>ran")
    wait_until(lambda: far.exists("ran"), "the host has the file 'ran'")
    assert done.code == 255, done
