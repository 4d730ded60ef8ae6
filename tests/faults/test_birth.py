"""A daemon's first moments: what other users may read of it, signals that come too early, a system without room."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from sesh import paths, platform, proc, system
from sesh.daemon.pty.program import Program
from sesh.daemon.pty.pty import Pty
from sesh.daemon.spawn import launch
from sesh.errors import Refused
from tests.faults.creator import SPEC
from tests.faults.daemons import Daemons
from tests.support import ROOT, Home, wait_until

SECRET = "TOKEN=hunter2"  # noqa: S105
SLEEP = ("/bin/sleep", "100")
EARLY = (signal.SIGHUP, signal.SIGINT)
INTERPRETER = {"TEST_FORKS": "0"}
PATIENT = {"TEST_PATCH": "sesh.daemon.spawn.zygote:ANSWER_TIMEOUT=9"}
NEWBORN = """
import os, sys
from sesh import wire
from sesh.daemon.spawn import daemonize, launch, main, zygote
import socket
from tests.births import fork_daemons
from tests.faults.creator import SPEC

fork_daemons()
numbers = [int(word) for word in sys.argv[1:]]

def struck(module, name):
    whole = getattr(module, name)
    def first_struck(*words):
        for number in numbers:
            os.kill(os.getpid(), number)
        return whole(*words)
    setattr(module, name, first_struck)

for module, name in ((main, "leave_session"), (main, "run"), (main, "_set_up"), (main, "_serve")):
    struck(module, name)
spec = {**SPEC, "environment": dict(os.environ), "name": "work", "command": ["/bin/sleep", "100"]}
"""
"""Every signal that is named comes at each step of the daemon's start."""
BY_FORK = "launch.start_daemon(spec)\n"
BY_ZYGOTE = """
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
if daemonize.fork() == 0:
    main.run_from_zygote(theirs.fileno(), os.open("/dev/null", os.O_RDONLY))
theirs.close()
connection = wire.adopt(ours)
connection.receive()
launch._await_daemon(connection, {**spec, "umask": 0o22}, None)
"""

linux = pytest.mark.skipif(not platform.LINUX, reason="ps of other systems is not looked at")


def words(pid: int) -> str:
    """What every user may read of a process: its command line and its name."""
    return " ".join(proc.command_of(pid)) + " " + Path(f"/proc/{pid}/comm").read_text().strip()


def shown(home: Home) -> str:
    """What `ps` shows of all processes of a home."""
    pids = ",".join(map(str, home.processes()))
    ps = ["ps", "-ww", "-o", "comm=,args=", "-p", pids]
    return subprocess.run(ps, capture_output=True, text=True, check=True).stdout


def test_a_daemon_shows_its_name_and_nothing_of_its_creators_words(home: Home) -> None:
    """All users of the machine could read them, for as long as the session lived."""
    for name in ("one", "two", "three", "four"):
        assert home.sesh("--open", name, "--env", SECRET, "--", *SLEEP).code == 0
    if platform.LINUX:
        wait_until(lambda: "sesh: zygote" in shown(home), what="a zygote")
        assert home.sesh("--open", "five", "--env", SECRET, "--", *SLEEP).code == 0
    for name in home.names():
        pid = home.sesh("--status", name, "--json").json()["daemon_pid"]
        assert words(pid) == f"sesh: {name} sesh: {name}"
    assert "hunter2" not in shown(home)
    assert "/bin/sleep" in shown(home)  # the programs' own words are theirs


@linux
def test_a_daemon_in_an_interpreter_of_its_own_shows_its_name_too(daemons: Daemons) -> None:
    creator = daemons.creator(**INTERPRETER)
    creator.create("work", *SLEEP, extra={"TOKEN": "hunter2"})
    creator.outcome()
    assert words(daemons.pid("work")) == "sesh: work sesh: work"


@linux
def test_a_daemon_that_systemd_run_starts_shows_its_name_too(daemons: Daemons, home: Home) -> None:
    run_newborn(home, "launch.own_scope = lambda: ['/usr/bin/env']\n" + BY_FORK)
    assert words(daemons.pid("work")) == "sesh: work sesh: work"


@linux
def test_a_long_name_is_cut_to_the_room_that_there_is(daemons: Daemons) -> None:
    name = "n" * 64
    assert daemons.start(name, *SLEEP)
    args, _, comm = words(daemons.pid(name)).rpartition(" sesh: ")
    assert f"sesh: {name}".startswith(args)
    assert comm == "n" * 9
    with open(f"/proc/{daemons.pid(name)}/environ", "rb") as file:
        assert f"TEST_HOME={daemons.home.root}".encode() in file.read().split(b"\0")  # nothing beyond was overwritten


@linux
def test_what_ps_shows_follows_a_rename_and_a_reload(home: Home) -> None:
    assert home.sesh("--open", "before", "--env", SECRET, "--", *SLEEP).code == 0
    pid = home.sesh("--status", "before", "--json").json()["daemon_pid"]
    assert home.sesh("--rename", "before", "after").code == 0
    assert words(pid) == "sesh: after sesh: after"
    assert home.sesh("--reload", "after").code == 0
    assert words(pid) == "sesh: after sesh: after"


def run_newborn(home: Home, how: str, *numbers: int) -> None:
    """Has a daemon born in the way of a script, struck by signals at each step."""
    script = home.write("newborn.py", NEWBORN + how)
    subprocess.run(
        [sys.executable, script, *map(str, numbers)],
        check=True,
        cwd=ROOT,
        env={**home.environment(), "PYTHONPATH": str(ROOT)},
        timeout=20,
    )


@pytest.mark.parametrize("how", [BY_FORK, BY_ZYGOTE], ids=["fork", "zygote"])
def test_a_newborn_daemon_outlives_hangup_and_interrupt_at_every_step(daemons: Daemons, home: Home, how: str) -> None:
    run_newborn(home, how, *EARLY)
    assert daemons.alive("work")


@pytest.mark.parametrize("how", [BY_FORK, BY_ZYGOTE], ids=["fork", "zygote"])
def test_a_newborn_daemon_that_is_told_to_end_ends_in_order(daemons: Daemons, home: Home, how: str) -> None:
    run_newborn(home, how, signal.SIGTERM)
    wait_until(lambda: not home.processes(), what="the end of daemon and program")
    assert daemons.litter() == []


@pytest.mark.parametrize("env", [PATIENT, INTERPRETER], ids=["fork and zygote", "interpreter"])
def test_daemons_that_are_signalled_as_soon_as_their_pid_is_known_live(daemons: Daemons, env: dict[str, str]) -> None:
    creator = daemons.creator(**env)
    for turn in range(6):
        name = f"work{turn}"
        creator.create(name, *SLEEP)
        pid = wait_until(lambda name=name: daemons.pid(name), pause=lambda _: None)  # type: ignore[misc]
        for number in EARLY:
            os.kill(pid, number)
        creator.outcome()
    assert [name for name in paths.names() if not daemons.alive(name)] == []


def test_signals_amid_reloads_end_no_session(home: Home) -> None:
    assert home.sesh("--open", "work", "--", *SLEEP).code == 0
    pid = home.sesh("--status", "work", "--json").json()["daemon_pid"]
    over = threading.Event()

    def strike() -> None:
        while not over.wait(0.0005):
            for number in EARLY:
                os.kill(pid, number)

    striking = threading.Thread(target=strike)
    striking.start()
    try:
        codes = [home.sesh("--reload", "work").code for _ in range(2)]
    finally:
        over.set()
        striking.join()
    assert codes == [0, 0]
    assert home.sesh("--status", "work", "--json").json()["daemon_pid"] == pid


def failing(number: int) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def spawn() -> None:
    Pty.spawn(Program("/bin/true", ["true"], "/", {}, (80, 24, 0, 0), 0o22))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "no pty is left; end some sessions or close terminals"),
        (errno.EMFILE, "cannot open a pty: Too many open files; close some files"),
        (errno.ENOENT, "cannot open a pty: No such file or directory; check /dev/ptmx"),
    ],
)
def test_without_a_pty_the_error_says_so(monkeypatch: pytest.MonkeyPatch, number: int, message: str) -> None:
    """It said that the command cannot be executed: Permission denied."""
    monkeypatch.setattr(os, "forkpty", failing(number))
    monkeypatch.setattr(os, "openpty", failing(number))
    with pytest.raises(Refused, match=message):
        spawn()


SURROUNDINGS = """
tty; stty size; umask; pwd; ps -o pid=,sid=,tpgid= -p $$; cat /proc/self/oom_score_adj; echo $MINE
grep ^Sig[BC] /proc/self/status; kill -USR2 $$
"""


def surroundings() -> list[str]:
    """What a program sees of what it inherits; the numbers of its process and its terminal as words."""
    environment = {**os.environ, "MINE": "own"}
    words = ["-sh", "-c", f"echo $0{SURROUNDINGS}"]
    pty = Pty.spawn(Program("/bin/sh", words, "/usr", environment, (91, 33, 7, 9), 0o27))
    assert os.waitpid(pty.pid, 0)[1] == signal.SIGUSR2  # which this process ignores
    text = b"".join(iter(lambda: pty.read()[0], b""))
    own = {str(pty.pid): "PID", pty.path: "TTY"}
    pty.close()
    return [" ".join(own.get(word, word) for word in line.split()) for line in text.decode().splitlines()]


@pytest.mark.skipif(not platform.LINUX, reason="posix_spawn has no sessions here")
def test_a_program_starts_without_a_fork_of_the_daemon_and_inherits_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork copies the daemon's memory page by page: it took three times as long."""

    def unable(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("setsid")

    before = os.getcwd(), system.oom_class()
    mask = os.umask(0o22)
    ignoring = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fork", failing(errno.EPERM))
        patched.setattr(os, "forkpty", failing(errno.EPERM))
        spawned = surroundings()
    assert (os.getcwd(), system.oom_class(), os.umask(mask)) == (*before, 0o22)
    assert spawned[:6] == ["-sh", "TTY", "33 91", "0027", "/usr", "PID PID PID"]
    monkeypatch.setattr(os, "posix_spawn", unable)
    assert surroundings() == spawned
    signal.signal(signal.SIGUSR2, ignoring)


def test_without_a_process_for_the_program_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fork", "forkpty", "posix_spawn"):
        monkeypatch.setattr(os, name, failing(errno.EAGAIN))
    with pytest.raises(Refused, match="cannot start a process: Resource temporarily unavailable; end some processes"):
        spawn()


@pytest.mark.skipif(not platform.LINUX, reason="posix_spawn has no sessions here")
def test_a_program_that_lacks_a_descriptor_was_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was 126: cannot execute."""
    monkeypatch.setattr(os, "posix_spawn", failing(errno.EMFILE))
    with pytest.raises(Refused, match="cannot start a process: Too many open files; close some files"):
        spawn()


def test_without_a_process_for_the_daemon_the_error_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an internal error."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(os, "posix_spawn", failing(errno.EAGAIN))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(Refused, match="cannot start a process: Resource temporarily unavailable; end some processes"):
        launch.start_daemon({**SPEC, "environment": {}, "name": "work", "command": ["/bin/true"]})
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_daemon_that_cannot_leave_its_creator_says_why(home: Home, daemons: Daemons) -> None:
    """Its second fork failed, and the creator heard only that the daemon had closed the connection."""
    how = "def fail():\n    raise launch.errors.no_process(BlockingIOError(11, 'no room'))\nmain.leave_session = fail\n"
    how += "try:\n    launch.start_daemon(spec)\nexcept launch.Refused as error:\n    assert 'no room' in str(error)\n"
    run_newborn(home, how + "else:\n    raise SystemExit(1)\n")
    assert daemons.litter() == []


def test_no_program_runs_whose_session_cannot_be_written_down(home: Home) -> None:
    """It was started before the record was written, ran on after the error, and was in no list."""
    home.command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *home.command]
    opened = home.sesh("--open", "work", "--", "sh", "-c", "trap '' HUP; touch ran; exec sleep 100")
    assert opened.code == 1
    assert home.processes() == []
    assert not os.path.exists(os.path.join(home.path, "ran"))
    assert [each for each in os.listdir(home.directory) if each.startswith(("work", ".agent"))] == []
