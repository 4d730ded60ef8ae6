"""Verbs that wait or follow come back after breaks of the link, and miss nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import IO, NoReturn

import pytest

from sesh.errors import LoginRefused
from sesh.link.opening import Race
from tests.remote.pace import hasty
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, processes, wait_until

GO = "while [ ! -e go ]; do sleep 0.02; done"


@pytest.fixture
def box(home: Home, beside: Beside) -> ViaHost:
    """A host with a session `work`."""
    far = beside("box")
    assert far.sesh("open", "work").code == 0
    far.prints("work", PROMPT)
    return far


def settled(far: ViaHost, number: int = 1) -> None:
    """Wait until `number` connections to the daemon of `work` exist, and nothing passes any more."""
    daemon = far.summary("work")["daemon_pid"]
    wait_until(lambda: processes.connections(daemon) >= number, "they are connected to the daemon")
    wait_until(far.settled, "both sides are at rest")


def line_of(stream: IO[bytes] | None) -> bytes:
    """Read the next line, and no byte after it."""
    assert stream is not None
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(stream.fileno(), 1)
        assert more, f"it has ended: {line!r}"
        line += more
    return line


def outcome(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=30)
    return process.returncode, out.decode(), error.decode()


def test_what_comes_while_the_link_is_down_is_not_missed(home: Home, box: ViaHost) -> None:
    assert box.sesh("send", "work", f"{GO}; echo do''ne", "--enter").code == 0
    conditions = {"for: done\n": ["--for", "^do+ne$"], "prompt\n": ["--prompt"], "exit: 5\n": ["--exit"]}
    waiting = {answer: home.start("@box", "wait", "work", *words) for answer, words in conditions.items()}
    settled(box, 3)
    box.away()
    box.write("go", "")
    assert box.sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    box.back()
    *met, ended = waiting.items()
    for answer, process in met:
        assert outcome(process)[:2] == (0, answer)
    box.away()
    assert box.sesh("send", "work", "exit 5", "--enter").code == 0
    assert box.sesh("wait", "work", "--exit").code == 5
    box.back()
    assert outcome(ended[1])[:2] == (5, ended[0])


def test_a_name_that_leads_to_another_machine_now_ends_no_session_in_words(home: Home, box: ViaHost) -> None:
    """The line said that the session has ended, while it ran on the machine before."""
    terminal = home.terminal("@box", "work", columns=160)
    terminal.wait_for(PROMPT)
    settled(box)
    box.away()
    os.rename(box.directory, f"{box.directory}.before")
    box.back()
    assert terminal.exit_code() == 1
    os.rename(f"{box.directory}.before", box.directory)
    assert f"{os.uname().nodename} has nothing of work any more" in terminal.text()


def test_a_command_whose_link_was_lost_is_run_once_and_answered(home: Home, box: ViaHost) -> None:
    script = f"echo begun; echo x >>ran; {GO}; seq 100000; echo done; sh -c 'exit 7'"
    running = home.start("@box", "run", "work", "--", script)
    wait_until(lambda: box.exists("ran"), "the host has the file 'ran'")
    settled(box)
    box.cut()
    while b"reconnected to" not in line_of(running.stderr):
        pass
    box.away()
    box.write("go", "")
    wait_until(
        lambda: len(box.sesh("history", "work", "--json").json()) == 1, "the history has the command", interval=0.1
    )
    box.back()
    code, out, error = outcome(running)
    assert (code, box.read("ran"), error.count("\n")) == (7, "x\n", 2), error
    assert out.split() == ["begun", *map(str, range(1, 100_001)), "done"]


def test_ctrl_c_between_two_links_stops_waiting_for_a_command_that_goes_on(home: Home, box: ViaHost) -> None:
    process = home.start("@box", "run", "work", "--", "sh", "-c", "echo begun; " + GO)
    assert line_of(process.stdout) == b"begun\n"
    box.away()
    assert b"lost the link" in line_of(process.stderr)
    process.send_signal(signal.SIGINT)
    code, _, said = outcome(process)
    assert (code, "the command goes on in work" in said) == (130, True)


@pytest.mark.soak
def test_ctrl_c_while_the_link_is_silent_interrupts_the_command_over_the_next_one(home: Home, box: ViaHost) -> None:
    """The command went on, and nothing said so."""
    script = "trap 'echo caught; exit 5' INT; echo begun; while :; do sleep 0.02; done"
    process = home.start("@box", "run", "work", "--", "sh", "-c", script)
    assert line_of(process.stdout) == b"begun\n"
    box.strand()
    process.send_signal(signal.SIGINT)
    assert outcome(process)[:2] == (5, "caught\n")


def test_a_command_that_ends_the_session_while_the_link_is_down_gives_its_code(home: Home, box: ViaHost) -> None:
    running = home.start("@box", "run", "work", "--json", "--", f"touch began; {GO}; exit 9")
    wait_until(lambda: box.exists("began"), "the host has the file 'began'")
    settled(box)
    box.away()
    box.write("go", "")
    wait_until(lambda: box.record("work").get("exit_code") == 9, "the record has the exit code")
    box.back()
    code, out, error = outcome(running)
    assert (code, json.loads(out)["exit_code"], json.loads(out)["host"]) == (9, 9, "box"), error


@pytest.mark.needs_fork("a login that is refused")
def test_a_login_refused_while_the_link_was_only_silent_is_the_error_once_it_is_lost(
    home: Home, box: ViaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error was `the daemon of work died`."""
    hasty(monkeypatch)

    def refused(*_: object) -> NoReturn:
        raise LoginRefused("box does not accept your keys")

    monkeypatch.setattr(Race, "reopen", refused)
    waiting = home.start("@box", "wait", "work", "--exit")
    settled(box)
    box.strand()
    code, _, said = outcome(waiting)
    assert (code, said) == (1, "sesh: box does not accept your keys\n")


def test_events_go_on_behind_the_last_one(home: Home, box: ViaHost) -> None:
    following = home.start("@box", "events", "work", "--from", "0", "--json")
    first = json.loads(line_of(following.stdout))
    box.away()
    for number in range(3):
        assert box.sesh("run", "work", "--", f"printf '\\033]0;t{number}\\007'").code == 0
    box.back()
    rest: list[dict[str, object]] = []
    while not rest or rest[-1].get("title") != "t2":
        rest.append(json.loads(line_of(following.stdout)))
    assert home.sesh("@box", "kill", "work").code == 0
    _, out, error = outcome(following)
    rest += [json.loads(line) for line in out.splitlines()]
    assert [each["seq"] for each in rest] == list(range(first["seq"] + 1, first["seq"] + 1 + len(rest))), error
    assert [each["title"] for each in rest if each["event"] == "title"] == ["t0", "t1", "t2"]
    assert (rest[-1]["event"], rest[-1]["reason"], rest[-1]["host"]) == ("exited", "killed", "box")


def test_each_line_of_a_job_is_printed_once_through_cuts(home: Home, box: ViaHost) -> None:
    steps = [  # less than a pipe holds, as nobody reads meanwhile
        f"seq {number}00000 {number}01999; touch at{number}; while [ ! -e go{number} ]; do sleep 0.02; done"
        for number in (1, 2, 3)
    ]
    job = home.start("@box", "exec", "job", "--follow", "--", "sh", "-c", f"{'; '.join(steps)}; exit 3")
    for number in (1, 2, 3):
        wait_until(lambda: box.exists(f"at{number}"), f"the host has the file 'at{number}'")  # noqa: B023
        links = len(box.links())
        wait_until(box.held, "a link is held")
        box.cut()
        wait_until(lambda: len(box.links()) > links, "another link has begun")  # noqa: B023
        box.write(f"go{number}", "")
    code, out, error = outcome(job)
    expected = [str(line) for number in (1, 2, 3) for line in range(number * 100_000, number * 100_000 + 2_000)]
    assert (code, out.split()) == (3, expected), error


def test_who_waits_for_what_was_lost_with_its_host_hears_that_too(home: Home, box: ViaHost) -> None:
    job = ("exec", "job", "--follow", "--keep", "--", "sh", "-c", "echo begun; exec sleep 100")
    waiting = {
        ("work", 255): home.start("@box", "run", "work", "--", "echo begun; cat"),
        ("job", 255): home.start("@box", *job),
        ("work", 1): home.start("@box", "logs", "work", "-f"),
    }
    for process in waiting.values():
        while line_of(process.stdout) != b"begun\n":
            pass
    box.away()
    processes.kill(box.processes())
    for name in box.names():  # as after a power cut: the records name an earlier boot
        record = {**json.loads(box.read(f".sesh/{name}.json"))}
        box.write(f".sesh/{name}.json", json.dumps({**record, "boot": "before"}), 0o600)
    box.back()
    for (name, code), process in waiting.items():
        ended, _, said = outcome(process)
        last = said.splitlines()[-1]
        assert (ended, f"{name} was lost" in last, f"`sesh @box open {name}`" in last) == (code, True, True)


@pytest.mark.soak
def test_sessions_of_several_hosts_are_waited_for_by_name_and_by_label(home: Home, beside: Beside) -> None:
    one, other = beside("one"), beside("other")
    far = [one.at, other.at]
    words = ["--label", "team=x", "--", "sh", "-c", "read code; exit $code"]
    assert home.sesh(*far, "open", "a", *words).code == 0
    assert home.sesh("open", "here", *words).code == 0
    first = home.start(*far, "wait", "a", "--any", "--json")
    everywhere = home.start("wait", "--label", "team=x", "--exit", "--json")
    wait_until(lambda: all(len(far.held()) == 2 and far.settled() for far in (one, other)), "both wait")
    assert home.sesh(other.at, "send", "a", "7", "--enter").code == 0
    assert first.wait(30) == 7
    assert first.stdout is not None
    assert [(answer["host"], answer["exit_code"]) for answer in json.loads(first.stdout.read())] == [("other", 7)]
    assert home.sesh("send", "here", "0", "--enter").code == 0
    assert home.sesh(one.at, "send", "a", "0", "--enter").code == 0
    assert everywhere.wait(30) == 7
    assert everywhere.stdout is not None
    ends = {(answer["host"], answer["session"], answer["exit_code"]) for answer in json.loads(everywhere.stdout.read())}
    assert ends == {(None, "here", 0), ("one", "a", 0), ("other", "a", 7)}
    done = home.sesh(*far, "wait", "a")
    assert (done.code, done.stdout) == (7, "@one a: exit: 0\n@other a: exit: 7\n")


def test_a_known_remote_that_does_not_answer_is_said_and_the_others_are_waited_for(home: Home, beside: Beside) -> None:
    gone, one = beside("gone"), beside("one")
    for far in (gone, one):
        assert home.sesh(far.at, "open", "a", "--label", "team=x", "--", "cat").code == 0
        assert home.sesh(far.at, "list").code == 0
    gone.away()
    done = home.sesh("wait", "--label", "team=x", "--idle", "0.1", "--timeout", "30", "--json")
    assert (done.code, [answer["host"] for answer in done.json()]) == (0, ["one"])
    assert done.stderr == "sesh: @gone does not answer (no route): its sessions are not waited for\n"
