"""What an asker has given up, or was refused, does not happen later: with daemons stopped at each of their steps."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

from sesh import Session, platform, wire
from sesh.daemon.spawn import zygote
from tests.support import PROMPT, Home, wait_until

ROUNDS = 50 if os.environ.get("LONG") else 5

STOPPING = """
import os, signal, sys
from sesh.daemon import requests
from sesh.daemon.clients import connection, handler, listener
from sesh.daemon.shell import queue
from sesh.daemon.spawn import launch, main
import sesh.daemon.server as server

HOME, NAME = os.environ["HOME"], []
launch._ZYGOTE_FROM = 1000
launch._START_TIMEOUT, launch._LEAST = 0.7, 0.7

def stop_at(step):
    path = os.path.join(HOME, "stop-" + (NAME[0] if NAME else "newborn"))
    try:
        with open(path) as file:
            if file.read() != step:
                return
        os.unlink(path)
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGSTOP)

def stopping(place, name, before="", after="", named=None):
    whole = getattr(place, name)
    def stepped(*words, **more):
        if named is not None:
            NAME[:] = named(*words)
        stop_at(before)
        found = whole(*words, **more)
        stop_at(after)
        return found
    setattr(place, name, stepped)

stopping(main, "leave_session", "fork", "forked")
stopping(listener.Listener, "claim", "claim", "claimed")
stopping(main, "_start_session", "start", "started")
stopping(main, "_serve", "serve", named=lambda session, *_: [session.name])
stopping(listener.Listener, "accept", "accept", "accepted")
stopping(handler.ClientHandler, "hello", "hello", "welcomed")
stopping(requests.Requests, "handle", "request", "requested")
stopping(connection.Connection, "begin", "begin", "begun")
stopping(queue.RunQueue, "add", "add", "queued")
stopping(connection.Connection, "respond", "response", "responded")
"""
"""Python in which daemons stop at the step that the file `stop-NAME` names; without a name `newborn`."""
MAIN = """
from sesh.__main__ import main as whole
sys.exit(whole())
"""
HASTY = """
import os, sys
from sesh.ops import send, sessions, shell
from sesh.reach import find
find.PATIENCE = find.ask.__kwdefaults__["timeout"] = send._TIMEOUT = 0.7
sessions._RELOAD_TIMEOUT = 0.7
whole = shell._answered
def answered(*words):
    if os.environ.get("ASKED"):
        open(os.environ["ASKED"], "w").close()
    return whole(*words)
shell._answered = answered
from sesh.__main__ import main
sys.exit(main())
"""
"""sesh with little patience."""
STEPS = ("accept", "accepted", "welcomed", "request", "add", "begin", "begun", "queued", "response", "responded")
VERBS: dict[str, tuple[str, ...]] = {
    "run": ("--run", "run", "--timeout", "0.7", "--", "echo x >>ran-run"),
    "quick": ("--run", "quick", "--timeout", "0.7", "--no-wait", "--", "echo x >>ran-quick"),
    "send": ("--send", "send", "echo x >>ran-send", "--enter"),
    "label": ("--label", "label", "k=v"),
    "rename": ("--rename", "rename", "renamed"),
    "detach": ("--detach", "detach"),
    "endless": ("--run", "endless", "--", "echo x >>ran-endless"),
}

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="needs the states of processes")


def lines(home: Home, name: str) -> int:
    path = os.path.join(home.path, name)
    if not os.path.exists(path):
        return 0
    with open(path, encoding="utf-8") as file:
        return len(file.readlines())


def stopped(home: Home) -> list[int]:
    """The processes of a home that are stopped."""
    return [pid for pid in home.processes() if platform.stat_of(pid)[:1] == ["T"]]


def go_on(home: Home) -> None:
    """Continues all that is stopped."""
    for pid in stopped(home):
        os.kill(pid, signal.SIGCONT)


def asked(home: Home, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", HASTY, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=home.environment(env),
        cwd=home.path,
        start_new_session=True,
    )


class Verbs:
    """A session for each verb, and how often what the verb asks for has happened."""

    def __init__(self, home: Home) -> None:
        self.home = home
        home.command = [sys.executable, "-c", STOPPING + MAIN]
        for name in VERBS:
            assert home.sesh("--open", name).code == 0
            assert Session(name).run("true").exit_code == 0
        self.attach()
        self.before: dict[str, int] = {}

    def attach(self) -> None:
        """A client for `detach`."""
        self.home.terminal("--attach", "detach").wait_until(lambda: Session("detach").status()["attached"] == 1)

    def happened(self, verb: str) -> int:
        """How often it has, since this was asked last; all is as before then."""
        home = self.home
        if verb == "label":
            count = int(bool(Session(verb).status()["labels"]))
            Session(verb).label(k="")
        elif verb == "rename":
            count = int("renamed" in home.names())
            if count:
                wire.ask("renamed", "rename", to=verb)
        elif verb == "detach":
            count = int(not Session(verb).status()["attached"])
            if count:
                self.attach()
        else:
            if verb == "send":
                Session(verb).wait(prompt=True, timeout=5)
            assert Session(verb).run("true").exit_code == 0  # all before it is over
            total = lines(home, f"ran-{verb}")
            count, self.before[verb] = total - self.before.get(verb, 0), total
        return count

    def round(self, step: str) -> dict[str, tuple[int | None, str, int]]:
        """One round: what each verb's asker was told, and how often it has happened then."""
        for verb in VERBS:
            self.home.write(f"stop-{verb}", step)
        askers = {verb: asked(self.home, *words) for verb, words in VERBS.items()}
        ended: dict[str, tuple[int | None, str]] = {}
        for verb, asker in askers.items():
            try:
                stays = verb == "endless" and step not in ("accept", "accepted")
                _, err = asker.communicate(timeout=1 if stays else 10)
                ended[verb] = asker.returncode, err.decode()
            except subprocess.TimeoutExpired:  # it has no timeout, and the daemon was there
                assert stays
                asker.kill()
                asker.communicate()
                ended[verb] = None, "killed"
        for verb in VERBS:
            if os.path.exists(path := os.path.join(self.home.path, f"stop-{verb}")):
                os.unlink(path)  # this verb has no such step
        go_on(self.home)
        wait_until(lambda: not stopped(self.home), what="all go on")
        return {verb: (*told, self.happened(verb)) for verb, told in ended.items()}


def agrees(code: int | None, said: str, happened: int) -> bool:
    """Whether what the asker was told fits to how often it has happened."""
    if code == 0:
        return happened == 1
    unknown = code in (None, 255) or "does not say whether it is done" in said
    if unknown or (code == 124 and "may go on" in said) or (code == 124 and not said):
        return happened <= 1
    return happened == 0


@pytest.mark.parametrize("step", STEPS)
def test_what_was_given_up_does_not_happen_when_the_daemon_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`--run` at a stopped daemon said 125, the command did not run; and it ran once the daemon went on."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    verbs = Verbs(home)
    for _ in range(ROUNDS):
        found = verbs.round(step)
        assert {verb: told for verb, told in found.items() if not agrees(*told)} == {}, step
        if step in ("accept", "accepted"):
            assert found["run"][0] == 124, found["run"]
            assert "did not run" in found["run"][1]
            assert found["endless"][0] == 125
        if step in ("accept", "accepted", "welcomed", "request", "add", "begin"):
            assert not any(happened for code, _, happened in found.values() if code != 0), found
        if step == "begun":
            assert found["label"][0] == found["rename"][0] == 1, found
            assert "does not say whether it is done; to look: sesh --status" in found["label"][1]


def waiting(home: Home, *words: str) -> subprocess.Popen[bytes]:
    """An asker of `--run work`, once it has asked."""
    mark = os.path.join(home.path, "asked")
    asker = asked(home, "--run", "work", *words, "--", "echo x >>ran", env={"ASKED": mark})
    wait_until(lambda: os.path.exists(mark) or asker.poll() is not None, what="the asker waits for its answer")
    os.unlink(mark)
    return asker


def test_a_run_in_the_queue_whose_asker_has_gone_never_starts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for the first prompt, or behind another command."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.write(".bashrc", f"while [ ! -e go ]; do sleep 0.02; done; PS1='{PROMPT} '\n")
    assert home.sesh("--open", "work").code == 0
    for _ in range(ROUNDS):
        killed = waiting(home)
        killed.kill()
        timed_out = waiting(home, "--timeout", "0.5")
        _, err = timed_out.communicate(timeout=10)
        assert (timed_out.returncode, b"did not run" in err) == (124, True)
        killed.communicate()
        home.write("go", "")
        assert Session("work").run("rm go").exit_code == 0
        assert lines(home, "ran") == 0
        Session("work").run("while [ ! -e go ]; do sleep 0.02; done", wait=False)
    home.write("go", "")
    assert Session("work").run("true").exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "dash"])
def test_a_line_that_a_stopped_shell_has_not_read_is_taken_back(
    home: Home, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """The shell is stopped once the line is typed; it goes on when the asker has its answer."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.command = [sys.executable, "-c", STOPPING + MAIN]
    assert home.sesh("--open", "work", "--", str(shutil.which(shell)), *(["-i"] if shell == "dash" else [])).code == 0
    assert Session("work").run("true").exit_code == 0
    pid = Session("work").status()["pid"]
    assert pid is not None
    for _ in range(ROUNDS):
        home.write("stop-work", "begun")  # the daemon stops before it types
        before = lines(home, "ran")
        asker = asked(home, "--run", "work", "--timeout", "1", "--", "echo x >>ran")
        wait_until(lambda: stopped(home), what="the daemon is stopped")
        (daemon,) = stopped(home)
        os.kill(pid, signal.SIGSTOP)
        os.kill(daemon, signal.SIGCONT)
        _, err = asker.communicate(timeout=15)
        assert asker.returncode == 124
        assert b"did not run" in err
        os.kill(pid, signal.SIGCONT)
        Session("work").send(enter=True)  # readline sees a SIGINT that came between its poll and its read with a key
        Session("work").wait(prompt=True, timeout=10)
        assert Session("work").run("true").exit_code == 0
        assert lines(home, "ran") == before


BORN = ("fork", "forked", "claim", "claimed", "start", "started")
"""The steps of a newborn; BEGUN comes once the directory is locked, before `claimed`."""
JOB = ("sh", "-c", "echo x >>ran; exec sleep 100")
CREATIONS: dict[str, tuple[str, ...]] = {
    "job": ("--exec", "work", "--", *JOB),
    "timeout": ("--exec", "work", "--timeout", "0.5", "--", *JOB),
    "open": ("--open", "work", "--", *JOB),
}
INTERPRETER = """
import os, threading
whole_spawn = os.posix_spawn
def spawn(program, words, *rest, **more):
    first, begins, last = words[-1].partition("; from sesh.daemon.spawn.main")
    return whole_spawn(program, [*words[:-1], first + os.environ["STOPPING"] + begins[2:] + last], *rest, **more)
os.posix_spawn = spawn
"""
"""Creators start an interpreter for a daemon, and it stops at the same steps."""


@pytest.mark.parametrize("how", ["fork", "interpreter"])
@pytest.mark.parametrize("killed", [False, True], ids=["gives-up", "is-killed"])
def test_a_session_whose_creator_gave_up_before_it_began_is_never_there(home: Home, how: str, killed: bool) -> None:
    """`--exec` and `--open` waited for a stopped newborn without end; and a job whose asker was killed ran later."""
    home.command = [sys.executable, "-c", (INTERPRETER if how == "interpreter" else "") + STOPPING + MAIN]
    home.env["STOPPING"] = STOPPING
    for step in BORN:
        for verb, words in CREATIONS.items():
            home.write("stop-newborn", step)
            with open(os.path.join(home.path, "said"), "w+", encoding="utf-8") as err:  # a newborn holds it for a while
                asker = subprocess.Popen(
                    [*home.command, *words], env=home.env, cwd=home.path, stdin=subprocess.DEVNULL, stderr=err
                )
                wait_until(lambda: stopped(home), what=f"{verb} stops at {step}")
                if killed:
                    asker.kill()
                code = asker.wait(15)
                err.seek(0)
                said = err.read()
            go_on(home)
            if step in ("claimed", "start", "started"):
                wait_until(lambda: lines(home, "ran") == 1, what="the command of a session that had begun")
                expected = (1 if verb == "open" else 255, True)
                assert killed or (code, "began to start it" in said) == expected, (verb, said)
                home.sesh("--kill", "work")  # where its own time is not over
                wait_until(lambda: not home.processes(), what="the end of a session that had begun")
                os.unlink(os.path.join(home.path, "ran"))
                continue
            wait_until(lambda: not home.processes(), what="the end of the newborn")
            assert (lines(home, "ran"), home.names()) == (0, []), (step, verb, code, said)
            if not killed:
                assert code == {"job": 125, "timeout": 124, "open": 1}[verb], (step, said)
                assert "nothing was started" in said


def test_a_job_with_a_timeout_whose_daemon_is_stopped_is_not_waited_for_without_end(home: Home) -> None:
    job = home.start("--exec", "job", "--timeout", "1", "--", "sh", "-c", "echo x >>ran; exec sleep 100")
    wait_until(lambda: lines(home, "ran") == 1)
    pid = home.sesh("--status", "job", "--json").json()["daemon_pid"]
    os.kill(pid, signal.SIGSTOP)
    _, err = job.communicate(timeout=10)
    os.kill(pid, signal.SIGCONT)
    assert (job.returncode, b"does not say how it ended" in err) == (124, True), err
    wait_until(lambda: home.names() == [], what="the end of the job, whose time is over")


def test_a_session_that_a_stopped_zygote_was_asked_for_comes_once(home: Home) -> None:
    for name in ("one", "two", "three"):
        assert home.sesh("--open", name, "--", "sleep", "100").code == 0
    zygotes = wait_until(lambda: [pid for pid in home.processes() if platform.command_of(pid) == [zygote.TITLE]])
    wait_until(lambda: home.sesh("--list").code == 0)
    for number in range(ROUNDS):
        os.kill(zygotes[0], signal.SIGSTOP)
        done = home.sesh("--exec", f"job{number}", "--", "sh", "-c", "echo x >>ran")
        os.kill(zygotes[0], signal.SIGCONT)
        assert done.code == 0
        assert home.sesh("--exec", f"after{number}", "--", "true").code == 0
        assert lines(home, "ran") == number + 1
