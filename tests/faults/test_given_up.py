"""What an asker has given up, or was refused, does not happen later: with daemons stopped at each of their steps."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from sesh import Session, about, identity, platform, proc, wire
from tests.faults.askers import Asker, Askers
from tests.support import PROMPT, Home, rounds, wait_until

ROUNDS = rounds(5, 50)
"""Of what may come out otherwise each time."""
STOPS = rounds(1, 50)
"""Of what is stopped at one step, where it is always the same."""

STOPPING = """
import os, signal, sys
from sesh.daemon import requests
from sesh.daemon import handler
from sesh.daemon.clients import connection, listener
from sesh.daemon.shell import queue
from sesh.daemon.spawn import launch, main
import sesh.daemon.server as server

HOME, NAME = os.environ["HOME"], []
launch._ZYGOTE_FROM = 1000
launch._START_TIMEOUT = launch._LEAST_TIMEOUT = float(os.environ["PATIENCE"])

def stop_at(step):
    path = os.path.join(HOME, "stop-" + (NAME[0] if NAME else "newborn"))
    try:
        with open(path) as file:
            if file.read() != step:
                return
        if NAME:
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
"""Python in which a daemon stops once, at the step in its `stop-NAME`, and all newborns at that in `stop-newborn`."""
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
"""
"""Python that makes sesh's patience small."""
STEPS = ("accept", "accepted", "welcomed", "request", "add", "begin", "begun", "queued", "response", "responded")
BESIDE = ("accepted", "welcomed", "add", "begin", "responded")
"""Steps with the same outcome as one beside them."""
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
    return [pid for pid in home.processes() if identity.stat_of(pid)[:1] == ["T"]]


def go_on(home: Home) -> None:
    """Continues all that is stopped."""
    for pid in stopped(home):
        os.kill(pid, signal.SIGCONT)


class Verbs:
    """A session for each verb, and how often what the verb asks for has happened."""

    def __init__(self, home: Home, asked: Askers) -> None:
        self.home, self.asked = home, asked
        for name in VERBS:
            assert asked("--open", name).ended()[0] == 0
            assert Session(name).run("true").exit_code == 0
        self.attach()
        self.before: dict[str, int] = {}
        self.reached: set[str] = set()
        """Whose daemons have stopped in the last round: not every verb has each step."""

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
        askers = {verb: self.asked(*words) for verb, words in VERBS.items()}
        ended: dict[str, tuple[int | None, str]] = {}
        for verb, asker in askers.items():
            if verb == "endless" and self.waits(step, asker):
                asker.kill()
                ended[verb] = None, "killed"
            else:
                ended[verb] = asker.ended()
        self.reached = {verb for verb in VERBS if not self.unmarked(verb)}
        wait_until(lambda: len(stopped(self.home)) == len(self.reached), what="all stop that came to the step")
        go_on(self.home)
        wait_until(lambda: not stopped(self.home), what="all go on")
        return {verb: (*told, self.happened(verb)) for verb, told in ended.items()}

    def waits(self, step: str, asker: Asker) -> bool:
        """Whether the asker without a timeout waits for its daemon, which has come to the step."""
        if step in ("accept", "accepted"):
            return False  # it sees by itself that nobody is there
        mark = os.path.join(self.home.path, "stop-endless")
        wait_until(lambda: not os.path.exists(mark) or asker.code is not None, 20, what="the step, or the asker's end")
        return asker.code is None

    def unmarked(self, verb: str) -> bool:
        """Whether a daemon had not come to the step; it does not stop there any more."""
        try:
            os.unlink(os.path.join(self.home.path, f"stop-{verb}"))
        except FileNotFoundError:
            return False
        return True


def agrees(code: int | None, said: str, happened: int) -> bool:
    """Whether what the asker was told fits to how often it has happened."""
    if code == 0:
        return happened == 1
    unknown = code in (None, 255) or "it may be done or not" in said
    if unknown or (code == 124 and "may go on" in said) or (code == 124 and not said):
        return happened <= 1
    return happened == 0


@pytest.fixture(scope="module")
def verbs() -> Iterator[Verbs]:
    """Sessions for all steps: a stopped daemon that went on serves again."""
    home = Home()
    home.env["PATIENCE"] = "30"
    try:
        with pytest.MonkeyPatch.context() as patch, Askers(home, STOPPING + HASTY) as asked:
            patch.setenv("SESH_DIR", home.directory)
            yield Verbs(home, asked)
    finally:
        home.close()


@pytest.mark.timeout(rounds(120, 1200))
@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[pytest.mark.soak] if step in BESIDE else []) for step in STEPS]
)
def test_what_was_given_up_does_not_happen_when_the_daemon_goes_on(
    verbs: Verbs, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`--run` at a stopped daemon said 125, the command did not run; and it ran once the daemon went on."""
    monkeypatch.setenv("SESH_DIR", verbs.home.directory)
    for _ in range(STOPS):
        found = verbs.round(step)
        assert {verb: told for verb, told in found.items() if not agrees(*told)} == {}, step
        if step in ("accept", "accepted"):
            assert found["run"][0] == 124, found["run"]
            assert "did not run" in found["run"][1]
            assert found["endless"][0] == 125
        if step in ("accept", "accepted", "welcomed", "request", "add", "begin"):
            assert not any(found[verb][2] for verb in verbs.reached if found[verb][0] != 0), found
        if step == "begun":
            assert found["label"][0] == found["rename"][0] == 1, found
            assert "sesh --status" in found["label"][1]


@pytest.fixture
def asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Askers]:
    """`asked("--run", "work", …)` starts sesh with little patience; its sessions stop by a file."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.env["PATIENCE"] = "30"
    with Askers(home, STOPPING + HASTY) as own:
        yield own


def waiting(asked: Askers, *words: str) -> Asker:
    """An asker of `--run work`, once it has asked."""
    mark = os.path.join(asked.home.path, "asked")
    asker = asked("--run", "work", *words, "--", "echo x >>ran", env={"ASKED": mark})
    wait_until(lambda: os.path.exists(mark) or asker.code is not None, what="the asker waits for its answer")
    os.unlink(mark)
    return asker


def test_a_run_in_the_queue_whose_asker_has_gone_never_starts(home: Home, asked: Askers) -> None:
    """It waits for the first prompt, or behind another command."""
    home.write(".bashrc", f"while [ ! -e go ]; do sleep 0.02; done; PS1='{PROMPT} '\n")
    assert home.sesh("--open", "work").code == 0
    for _ in range(ROUNDS):
        waiting(asked).kill()
        code, said = waiting(asked, "--timeout", "0.3").ended()
        assert (code, "did not run" in said) == (124, True)
        home.write("go", "")
        assert Session("work").run("rm go").exit_code == 0
        assert lines(home, "ran") == 0
        Session("work").run("while [ ! -e go ]; do sleep 0.02; done", wait=False)
    home.write("go", "")
    assert Session("work").run("true").exit_code == 0


# zsh and dash as bash.
@pytest.mark.parametrize("shell", ["bash", "fish", *(pytest.param(s, marks=pytest.mark.soak) for s in ("zsh", "dash"))])
def test_a_line_that_a_stopped_shell_has_not_read_is_taken_back(home: Home, asked: Askers, shell: str) -> None:
    """The shell is stopped once the line is typed; it goes on when the asker has its answer."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    program = [str(shutil.which(shell)), *(["-i"] if shell == "dash" else [])]
    assert asked("--open", "work", "--", *program).ended()[0] == 0
    assert Session("work").run("true").exit_code == 0
    pid = Session("work").status()["pid"]
    assert pid is not None
    for _ in range(ROUNDS):
        home.write("stop-work", "begun")  # the daemon stops before it types
        before = lines(home, "ran")
        asker = asked("--run", "work", "--timeout", "0.4", "--", "echo x >>ran")
        wait_until(lambda: stopped(home), what="the daemon is stopped")
        (daemon,) = stopped(home)
        os.kill(pid, signal.SIGSTOP)
        os.kill(daemon, signal.SIGCONT)
        code, said = asker.ended()
        assert code == 124
        assert "did not run" in said
        os.kill(pid, signal.SIGCONT)
        Session("work").send(enter=True)  # readline sees a SIGINT that came between its poll and its read with a key
        Session("work").wait(prompt=True, timeout=10)
        assert Session("work").run("true").exit_code == 0
        assert lines(home, "ran") == before


BORN = ("fork", "forked", "claim", "claimed", "start", "started")
"""The steps of a newborn; BEGUN comes once the directory is locked, before `claimed`."""
JOB = ("sh", "-c", "echo x >>ran; exec sleep 100")
CREATIONS: dict[str, tuple[str, ...]] = {
    "job": ("--exec", "job"),
    "timeout": ("--exec", "timeout", "--timeout", "0.5"),
    "open": ("--open", "open"),
}
INTERPRETER = f"""
import os, threading
whole_spawn = os.posix_spawn
def spawn(program, words, *rest, **more):
    first, begins, last = words[-1].partition("; from sesh.daemon.spawn.main")
    return whole_spawn(program, [*words[:-1], first + {STOPPING!r} + begins[2:] + last], *rest, **more)
os.posix_spawn = spawn
"""
"""Creators start an interpreter for a daemon, and it stops at the same steps."""


@pytest.mark.parametrize("how", ["fork", pytest.param("interpreter", marks=pytest.mark.soak)])
@pytest.mark.parametrize("killed", [False, True], ids=["gives-up", "is-killed"])
def test_a_session_whose_creator_gave_up_before_it_began_is_never_there(
    home: Home, monkeypatch: pytest.MonkeyPatch, how: str, killed: bool
) -> None:
    """`--exec` and `--open` waited for a stopped newborn without end; and a job whose asker was killed ran later."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.env["PATIENCE"] = "30" if killed else "0.7" if how == "fork" else "1.5"
    with Askers(home, (INTERPRETER if how == "interpreter" else "") + STOPPING) as asked:
        for step in BORN:
            creations(home, asked, step, killed)


LINGERING = """
import os, signal
from sesh.daemon.spawn import daemonize, main

def leave_session():
    os.setsid()
    if daemonize.fork():
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)

main.leave_session = leave_session
"""
"""Python in which the process between a creator and its daemon is stopped before it ends."""


def test_a_job_whose_creator_was_killed_does_not_run_though_the_process_between_them_lingers(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That process held the creator's end of the connection too: for the daemon, nobody had gone."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.env["PATIENCE"] = "30"
    with Askers(home, LINGERING + STOPPING) as asked:
        stop = home.write("stop-newborn", "forked")
        asker = asked("--exec", "job", "--", *JOB)
        wait_until(lambda: len(stopped(home)) == 2, what="the newborn and its parent are stopped")
        parents = {pid: int(identity.stat_of(pid)[1]) for pid in stopped(home)}
        (newborn,) = [pid for pid, parent in parents.items() if parent in parents]
        asker.kill()
        os.unlink(stop)
        os.kill(newborn, signal.SIGCONT)
        wait_until(lambda: newborn not in home.processes(), what="the newborn's end")
        assert lines(home, "ran") == 0
        go_on(home)


def test_a_job_whose_feeder_was_killed_before_it_was_told_that_it_runs_sees_the_end_of_its_input(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read for ever: the daemon gives a job's input up when its feeder's connection closes, and there was none."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.env["PATIENCE"] = "30"
    with Askers(home, STOPPING) as asked:
        stop = home.write("stop-newborn", "started")
        feeder = asked("--exec", "fed", "--stdin", "--", "sh", "-c", "cat >/dev/null; echo x >>ran-fed")
        wait_until(lambda: len(stopped(home)) == 1, what="the daemon with its program")
        feeder.kill()
        os.unlink(stop)
        go_on(home)
        wait_until(lambda: lines(home, "ran-fed") == 1, what="the end of the job's input")


def creations(home: Home, asked: Askers, step: str, killed: bool) -> None:
    """Each way to create a session, at once, with newborns that are stopped at a step until all askers have ended."""
    stop = home.write("stop-newborn", step)
    askers = {
        verb: asked(*words, "--", "sh", "-c", f"echo x >>ran-{verb}; exec sleep 100")
        for verb, words in CREATIONS.items()
    }
    wait_until(lambda: len(stopped(home)) == len(askers), what=f"all stop at {step}")
    if killed:
        for asker in askers.values():
            asker.kill()
    ended = {verb: asker.ended() for verb, asker in askers.items()}
    os.unlink(stop)
    go_on(home)
    if step in ("claimed", "start", "started"):
        wait_until(lambda: all(lines(home, f"ran-{verb}") == 1 for verb in ended), what="commands of what had begun")
        for verb, (code, said) in ended.items():
            expected = (1 if verb == "open" else 255, True)
            assert killed or (code, "began to start it" in said) == expected, (verb, said)
            os.unlink(os.path.join(home.path, f"ran-{verb}"))
        asked("--kill-all", "-y").ended()  # the time of one may be over by itself
        wait_until(lambda: home.names() == [], what="the end of sessions that had begun")
        return
    wait_until(lambda: not asked.others(), what="the end of the newborns")
    assert home.names() == []
    for verb, (code, said) in ended.items():
        assert lines(home, f"ran-{verb}") == 0, (step, verb, code, said)
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
    assert (job.returncode, b"its daemon does not answer, so the job may still run" in err) == (124, True), err
    wait_until(lambda: home.names() == [], what="the end of the job, whose time is over")


def test_a_session_that_a_stopped_zygote_was_asked_for_comes_once(home: Home) -> None:
    for name in ("one", "two", "three"):
        assert home.sesh("--open", name, "--", "sleep", "100").code == 0
    zygotes = wait_until(lambda: [pid for pid in home.processes() if proc.command_of(pid) == [about.ZYGOTE]])
    wait_until(lambda: home.sesh("--list").code == 0)
    for number in range(ROUNDS):
        os.kill(zygotes[0], signal.SIGSTOP)
        done = home.sesh("--exec", f"job{number}", "--", "sh", "-c", "echo x >>ran")
        os.kill(zygotes[0], signal.SIGCONT)
        assert done.code == 0
        assert home.sesh("--exec", f"after{number}", "--", "true").code == 0
        assert lines(home, "ran") == number + 1
