"""Requests that were given up or refused are not done later by a stopped daemon."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from sesh import Session
from sesh.daemon.clients import connection, listener
from sesh.daemon.pty import program
from sesh.daemon.requests import requests
from sesh.daemon.shell import queue
from sesh.daemon.spawn import launch, main
from sesh.ops import send, sessions, shell
from sesh.reach import find
from sesh.reach.exchange import Exchange
from sesh.reach.stream import Stream
from sesh.system import platforms
from sesh.system.processes import stat_of
from sesh.wire import protocol
from sesh.wire.messages import RUN
from tests.support import PROMPT, Home, processes, rounds, wait_until
from tests.support.waiting import PATIENCE

ROUNDS = rounds(2, 50)
"""Repetitions of a race that may end differently each time."""
STEPS: dict[str, tuple[object, str, bool]] = {
    "accept": (listener.Listener, "accept", False),
    "request": (requests.Requests, "handle", False),
    "begun": (connection.PeerRequest, "check_deadline", True),
    "queued": (queue.RunQueue, "add", True),
    "response": (connection.PeerRequest, "respond", False),
}
"""Steps at which a serving daemon stops: before a function, or after it (True)."""
BORN: dict[str, tuple[object, str, bool]] = {
    "forked": (main, "_receive_spec", True),
    "claim": (listener.Listener, "claim", False),
    "claimed": (listener.Listener, "claim", True),
    "started": (program.Program, "start", True),
}
"""Steps at which a newborn daemon stops; from `claimed` on, its session has begun."""
VERBS: dict[str, tuple[str, ...]] = {
    "run": ("run", "run", "--timeout", "0.7", "--", "echo x >>ran-run"),
    "send": ("send", "send", "echo x >>ran-send", "--enter"),
    "label": ("label", "label", "k=v"),
    "rename": ("rename", "rename", "renamed"),
    "endless": ("run", "endless", "--", "echo x >>ran-endless"),
}
OF_A_SHELL = ("run", "send", "endless")
CREATIONS: dict[str, tuple[str, ...]] = {
    "job": ("exec", "job"),
    "timeout": ("exec", "timeout", "--timeout", "0.5"),
    "open": ("open", "open"),
}
Process = subprocess.Popen[bytes]

pytestmark = [
    pytest.mark.skipif(not platforms.LINUX, reason="needs the states of processes"),
    pytest.mark.needs_fork("daemons and commands that stop at a step"),
]


@pytest.fixture(autouse=True)
def patience(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let creators wait long and askers briefly; mark a waiting `run` by a file."""
    monkeypatch.setattr(protocol, "WELCOME_TIMEOUT", 1.5)
    monkeypatch.setitem(find.request.__kwdefaults__ or {}, "timeout", 1.5)
    monkeypatch.setattr(send, "_TIMEOUT", 0.7)
    monkeypatch.setattr(send, "_ENTER_TIMEOUT", 2.1)
    monkeypatch.setattr(protocol, "RELOAD_TIMEOUT", 1.5)
    monkeypatch.setattr(protocol, "ENDING_TIMEOUT", 1.5)
    monkeypatch.setattr(sessions, "_END_TIMEOUT", 1.5)
    monkeypatch.setattr(shell, "_GRACE", 0.7)
    whole = Stream.submit

    def submit_and_note(stream: Stream, exchange: Exchange[Any]) -> Exchange[Any]:
        whole(stream, exchange)
        if exchange.request == RUN:
            home.write("asked", "")
        return exchange

    monkeypatch.setattr(Stream, "submit", submit_and_note)
    monkeypatch.setenv("SESH_DIR", home.directory)


def halt(home: Home, monkeypatch: pytest.MonkeyPatch, place: object, name: str, after: bool) -> None:
    """Make processes stop at a function: once for the file `stop-PID`, always for `stop`."""
    whole = getattr(place, name)

    def stop() -> None:
        for mark in (f"stop-{os.getpid()}", "stop"):
            if os.path.exists(os.path.join(home.path, mark)):
                if mark != "stop":
                    os.unlink(os.path.join(home.path, mark))
                os.kill(os.getpid(), signal.SIGSTOP)
                return

    def halting(*words: object, **more: object) -> object:
        if not after:
            stop()
        found = whole(*words, **more)
        if after:
            stop()
        return found

    monkeypatch.setattr(place, name, halting)


def ended(asker: Process) -> tuple[int, str]:
    """Wait for the end of a command; return its exit code and standard error."""
    code = asker.wait(PATIENCE)
    assert asker.stderr is not None
    os.set_blocking(asker.stderr.fileno(), False)  # a newborn that is stopped may hold the other end
    return code, (asker.stderr.read() or b"").decode()


def killed(askers: Iterable[Process]) -> None:
    """Kill commands, which closes their connections."""
    for asker in askers:
        asker.kill()
        asker.wait()


def lines(home: Home, name: str) -> int:
    """Count the lines of a file; 0 if there is none."""
    try:
        with open(os.path.join(home.path, name), encoding="utf-8") as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def stopped(home: Home) -> list[int]:
    return [pid for pid in home.processes() if stat_of(pid)[:1] == ["T"]]


def go_on(home: Home) -> None:
    for pid in stopped(home):
        os.kill(pid, signal.SIGCONT)


def happened(home: Home, verb: str) -> int:
    """Return how often a verb has done its work."""
    if verb == "label":
        return len(Session(verb).status()["labels"])
    if verb == "rename":
        return int("renamed" in home.names())
    if verb == "send":
        Session(verb).wait(prompt=True, timeout=PATIENCE)
    assert Session(verb).run("true").exit_code == 0  # all earlier input has been run
    return lines(home, f"ran-{verb}")


def agrees(code: int | None, said: str, count: int) -> bool:
    """Tell whether an asker's exit code and message fit the number of its done requests."""
    if code == 0:
        return count == 1
    unknown = code in (None, 255) or "it may be done or not" in said
    if unknown or (code == 124 and "may go on" in said) or (code == 124 and not said):
        return count <= 1
    return count == 0


@pytest.mark.soak
@pytest.mark.parametrize("step", STEPS)
def test_what_was_given_up_does_not_happen_when_the_daemon_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`run` said that the command did not run, and later the daemon ran it."""
    halt(home, monkeypatch, *STEPS[step])
    marks: dict[str, str] = {}
    for name in VERBS:
        assert home.sesh("open", name, *(() if name in OF_A_SHELL else ("--", "sleep", "100"))).code == 0
        assert name not in OF_A_SHELL or Session(name).run("true").exit_code == 0
        marks[name] = home.write(f"stop-{home.summary(name)['daemon_pid']}", "")
    askers = {verb: home.start(*words) for verb, words in VERBS.items()}
    told: dict[str, tuple[int | None, str]] = {}
    for verb, asker in askers.items():
        if verb == "endless" and step != "accept":  # it waits without a timeout, once its daemon has come to the step
            wait_until(
                lambda asker=asker: not os.path.exists(marks["endless"]) or asker.poll() is not None,  # type: ignore[misc]
                "the daemon has come to the step",
            )
            if asker.poll() is None:
                killed([asker])
                told[verb] = None, "killed"
                continue
        told[verb] = ended(asker)
    reached = [verb for verb, mark in marks.items() if not os.path.exists(mark)]
    for verb in marks.keys() - {*reached}:
        os.unlink(marks[verb])
    wait_until(lambda: len(stopped(home)) == len(reached), "all stop that came to the step")
    go_on(home)
    wait_until(lambda: not stopped(home), "all go on")
    found = {verb: (*each, happened(home, verb)) for verb, each in told.items()}
    assert {verb: each for verb, each in found.items() if not agrees(*each)} == {}, found
    if step == "accept":
        assert found["run"][0] == 124
        assert "did not run" in found["run"][1]
        assert found["endless"][0] == 125
    if step in ("accept", "request"):
        assert not any(found[verb][2] for verb in reached if found[verb][0] not in (0, None)), found
    if step == "begun":
        assert found["label"][0] == found["rename"][0] == 1, found


def test_a_run_in_the_queue_whose_asker_has_gone_never_starts(home: Home) -> None:
    """The run waits for the first prompt of the shell, or behind another command."""
    home.write(".bashrc", f"while [ ! -e go ]; do sleep 0.02; done; PS1='{PROMPT} '\n")
    assert home.sesh("open", "work").code == 0

    def waiting(*words: str) -> Process:
        mark = os.path.join(home.path, "asked")
        asker = home.start("run", "work", *words, "--", "echo x >>ran")
        wait_until(lambda: os.path.exists(mark) or asker.poll() is not None, "the asker waits for its answer")
        with suppress(FileNotFoundError):  # its time was over before it had asked
            os.unlink(mark)
        return asker

    for _ in range(ROUNDS):
        killed([waiting()])
        code, said = ended(waiting("--timeout", "0.3"))
        assert (code, "did not run" in said) == (124, True), said
        home.write("go", "")
        assert Session("work").run("rm go").exit_code == 0
        assert lines(home, "ran") == 0
        Session("work").run("while [ ! -e go ]; do sleep 0.02; done", wait=False)
    home.write("go", "")
    assert Session("work").run("true").exit_code == 0


@pytest.mark.long
@pytest.mark.parametrize("shell", ["bash", pytest.param("fish", marks=pytest.mark.soak)])
def test_a_line_that_a_stopped_shell_has_not_read_is_taken_back(
    home: Home, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """The shell stops before the daemon types the line, and goes on after the answer."""
    halt(home, monkeypatch, *STEPS["queued"])  # the daemon stops before it types
    assert home.sesh("open", "work", "--", shell).code == 0
    assert Session("work").run("true").exit_code == 0
    pid, daemon = Session("work").status()["pid"], home.summary("work")["daemon_pid"]
    assert pid is not None
    for _ in range(ROUNDS):
        home.write(f"stop-{daemon}", "")
        asker = home.start("run", "work", "--timeout", "2", "--", "echo x >>ran")
        wait_until(lambda: processes.stopped(daemon), "the daemon is stopped")
        os.kill(pid, signal.SIGSTOP)
        os.kill(daemon, signal.SIGCONT)
        code, said = ended(asker)
        assert (code, "did not run" in said) == (124, True), said
        os.kill(pid, signal.SIGCONT)
        Session("work").send(enter=True)  # readline sees a SIGINT between poll and read only at the next key
        Session("work").wait(prompt=True, timeout=PATIENCE)
        assert Session("work").run("true").exit_code == 0
        assert lines(home, "ran") == 0


@pytest.mark.parametrize(
    ("step", "gone"),
    [
        ("claim", False),
        ("started", True),
        *(
            pytest.param(*each, marks=pytest.mark.soak)
            for each in (("forked", True), ("claim", True), ("claimed", False))
        ),
    ],
)
def test_a_session_whose_creator_gave_up_before_it_began_is_never_there(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str, gone: bool
) -> None:
    """A stopped newborn made its creator wait without end, and ran a job much later."""
    if not gone:
        monkeypatch.setattr(launch, "_START_TIMEOUT", 3.0)
    halt(home, monkeypatch, *BORN[step])
    stop = home.write("stop", "")
    askers = {
        verb: home.start(*words, "--", "sh", "-c", f"echo x >>ran-{verb}; exec sleep 100")
        for verb, words in CREATIONS.items()
    }
    wait_until(lambda: len(stopped(home)) == len(askers), f"all stop at {step}")
    if gone:
        killed(askers.values())
    told = {verb: (None, "") if gone else ended(asker) for verb, asker in askers.items()}
    os.unlink(stop)
    go_on(home)
    if step in ("claimed", "started"):
        wait_until(lambda: all(lines(home, f"ran-{verb}") == 1 for verb in told), "commands of what had begun")
        for verb, (code, said) in told.items():
            assert gone or (code, "may have started it" in said) == (1 if verb == "open" else 255, True), (verb, said)
        return
    wait_until(lambda: not home.processes(), "the end of the newborns")
    assert home.names() == []
    for verb, (code, said) in told.items():
        assert lines(home, f"ran-{verb}") == 0, (verb, code, said)
        if not gone:
            assert code == {"job": 125, "timeout": 124, "open": 1}[verb], (verb, said)
            assert "nothing was started" in said


@pytest.mark.soak
def test_a_session_does_not_begin_where_another_one_is_stopped_as_it_begins(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second session waited without end for the lock of the directory."""
    monkeypatch.setattr(launch, "_START_TIMEOUT", 3.0)
    halt(home, monkeypatch, main, "_check_wanted", True)
    stop = home.write("stop", "")
    first = home.start("open", "first", "--", "sleep", "100")
    wait_until(lambda: len(stopped(home)) == 1, "it stops as it begins")
    os.unlink(stop)
    second = home.start("open", "second", "--", "sleep", "100")
    for creator in (first, second):
        code, error = ended(creator)
        assert (code, "may have started it" in error) == (1, True), error
    go_on(home)
    wait_until(lambda: home.names() and len(home.processes()) == 2, "one daemon with its program")
    assert home.names() == ["first"]


def test_a_job_whose_feeder_was_killed_before_it_was_told_that_it_runs_sees_the_end_of_its_input(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job read for ever, because nothing closed its input."""
    halt(home, monkeypatch, *BORN["started"])
    stop = home.write("stop", "")
    words = ("exec", "fed", "--stdin", "--", "sh", "-c", "cat >/dev/null; echo x >>ran-fed")
    feeder = home.start(*words, stdin=subprocess.PIPE)
    wait_until(lambda: len(stopped(home)) == 1, "the daemon with its program")
    killed([feeder])
    os.unlink(stop)
    go_on(home)
    wait_until(lambda: lines(home, "ran-fed") == 1, "the end of the job's input")


@pytest.mark.soak
def test_a_job_with_a_timeout_whose_daemon_is_stopped_is_not_waited_for_without_end(home: Home) -> None:
    job = home.start("exec", "job", "--timeout", "3", "--", "sh", "-c", "echo x >>ran; exec sleep 100")
    wait_until(lambda: lines(home, "ran") == 1, "the job has run once")
    pid = home.record("job")["daemon_pid"]
    os.kill(pid, signal.SIGSTOP)
    code, said = ended(job)
    os.kill(pid, signal.SIGCONT)
    assert (code, "its daemon does not answer, so the job may still run" in said) == (124, True), said
    wait_until(lambda: home.names() == [], "the end of the job, whose time is over")
