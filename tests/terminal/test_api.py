"""The Python API on this machine: `from sesh import Session, sessions`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from sesh import Session, Stop, sessions
from sesh.errors import Busy, Interrupted, NotFound, SeshError, TimedOut, UsageError
from sesh.system.platforms import LINUX, umask
from tests.support import Home, says_who_reads, wait_until

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture
def work(home: Home) -> Session:
    """A session at its prompt; the command line forks the daemon instead of starting Python."""
    assert home.sesh("open", "work").code == 0
    found = Session("work")
    found.wait(prompt=True, timeout=20)
    return found


def in_front(name: str) -> object:
    """Return a session's foreground command, or None if no such session exists yet."""
    with contextlib.suppress(NotFound):
        if (found := Session(name).status()["foreground"]) is not None:
            return found["command"]
    return None


def test_a_session_keeps_its_shell_between_commands(home: Home) -> None:
    work = Session.open("work", directory=home.path, env={"COLOUR": "blue"}, labels={"team": "web"}, size="200x50")
    assert (work.ensure(), work.exists()) == (False, True)
    result = work.run("cd /tmp; printf '\\377'; (exit 3)")
    assert (result.exit_code, result.data, result.output, result.ok) == (3, b"\xff", "\ufffd", False)
    assert work.run("echo $PWD $COLOUR; stty size").output == "/tmp blue\n50 200\n"
    assert work.run(["printf", "%s|", "a b", "$HOME", "-c"]).output == "a b|$HOME|-c|"
    assert work.run("printf '\\033[31mred\\033[m'").output == "red"
    assert work.run("printf '\\033[31mred\\033[m'", ansi=True).data == b"\x1b[31mred\x1b[m"
    assert work.run("true", wait=False).exit_code is None
    assert work.status()["labels"] == {"team": "web"}
    work.resume_with(["agent", "--resume", "1"])
    assert work.status()["resume"] == ["agent", "--resume", "1"]
    with pytest.raises(UsageError, match="a resume command is a list of words"):
        work.resume_with("agent")
    work.resume_with([])
    assert work.status()["resume"] is None
    assert Session("job").exec("stty size", size="132x43").output == "43 132\n"
    assert [each["name"] for each in sessions()] == ["work"]
    assert home.sesh("run", "work", "--", "pwd").stdout == "/tmp\n"  # the command line sees the same


@pytest.mark.soak
def test_time_that_runs_out_is_no_error_of_a_command_and_one_of_a_wait(work: Session, home: Home) -> None:
    late = work.run(f"until [ -e {home.path}/go ]; do sleep 0.02; done", timeout=1)  # enough for the command to begin
    assert (late.timed_out, late.exit_code) == (True, 124)
    home.write("go", "")
    assert work.wait(prompt=True, timeout=20).met == "prompt"
    with pytest.raises(TimedOut):
        work.wait(idle=50, timeout=0.1)
    job = Session("job").exec(["sleep", "50"], timeout=3)  # includes the start of the daemon
    assert (job.timed_out, job.exit_code) == (True, 124)


def test_what_is_typed_is_waited_for_without_a_gap(work: Session) -> None:
    for number in range(2):
        at = work.send(f"echo do''ne {number}", enter=True)
        assert work.wait(pattern=f"^done {number}$", since=at, timeout=20).met == "for"
    work.send("sleep 100", enter=True)
    wait_until(lambda: in_front("work") == ["sleep", "100"], "sleep runs in work")
    with pytest.raises(Busy):
        work.run("true")
    work.send(keys=["C-c"])
    work.wait(prompt=True, timeout=20)
    work.send("exit 6", enter=True)
    assert work.wait(timeout=30).exit_code == 6
    with pytest.raises(NotFound):
        work.send("x")


def test_events_come_until_the_session_ends() -> None:
    work = Session.open("work", command="read line; exit 4")
    seen = []
    for event in work.events(since=0):
        seen.append(event)
        if len(seen) == 1:
            work.send("go", enter=True)
    assert (seen[0]["event"], seen[-1]["event"], seen[-1]["exit_code"]) == ("created", "exited", 4)


def test_arguments_that_make_no_sense_are_told_before_anything_is_done(home: Home) -> None:
    calls: list[Callable[[], object]] = [
        lambda: Session("a/b"),
        lambda: Session("work", "-x"),
        lambda: Session("work").send(),
        lambda: Session("work").run([]),
        lambda: Session("work").run("a\0b"),
        lambda: Session("work").run(3),  # type: ignore[arg-type]
        lambda: Session("work").exec(["cat", 3]),  # type: ignore[list-item]
        lambda: Session.open("work", command=3),  # type: ignore[arg-type]
        lambda: Session("work").resume_with(3),  # type: ignore[arg-type]
        lambda: Session("work").run("true", timeout=0),
        lambda: Session("work").wait(pattern="("),
        lambda: Session("work").wait(since=True),
        lambda: Session("work").logs(-1),
        lambda: Session("work").send(keys=["C-nonsense"]),
        lambda: Session.open("work", env={"": "y"}),
        lambda: Session.open("work", env={"A=B": "x"}),  # sesh read it as A="B=x"
        lambda: Session("work").exec("true", labels={"a=b": "x"}),
        lambda: Session.open("work", size="200"),
    ]
    for call in calls:
        with pytest.raises(UsageError):
            call()
    assert home.names() == []


def test_a_call_that_fails_leaves_no_connection_open(work: Session) -> None:
    """Connections stayed open as long as a program kept the error."""
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(UsageError) as kept:
        work.ensure(size="200")
    assert len(os.listdir("/dev/fd")) == before
    assert "200" in str(kept.value)


def test_threads_share_sessions_and_nothing_of_the_process_changes(work: Session) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    mask = os.umask(0o022)
    found: list[object] = []

    def driven(number: int) -> None:
        try:
            own = Session.open(f"own{number}")
            found.append((work.run(f"echo {number}").output, own.run("umask").output, own.name))
        except SeshError as error:
            found.append(error)

    threads = [threading.Thread(target=driven, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert sorted(map(str, found)) == [str((f"{n}\n", "0022\n", f"own{n}")) for n in range(2)]
    assert os.umask(mask) == 0o022
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)] == before


@pytest.mark.skipif(not LINUX, reason="elsewhere only the umask makes a socket private")
def test_the_umask_which_all_threads_of_a_program_share_is_not_changed(home: Home) -> None:
    """Two threads restored each other's, and what a third one wrote meanwhile was private."""
    os.rmdir(home.directory)
    with pytest.MonkeyPatch.context() as patch:

        def changed(_mask: int) -> int:
            raise AssertionError("the umask was changed")

        patch.setattr(os, "umask", changed)
        work = Session.open("work")
    assert work.run("umask").output == f"{umask():04o}\n"


def test_another_thread_ends_a_wait_and_interrupts_what_runs(work: Session) -> None:

    def stopping(name: str = "") -> Stop:
        """Return a Stop that is used once the call waits, or `sleep` runs in `name`."""
        stop = Stop()

        def story() -> None:
            wait_until(lambda: stop._callbacks, "the call waits")
            wait_until(lambda: not name or in_front(name) == ["sleep", "100"], "sleep runs")
            stop.stop()

        threading.Thread(target=story).start()
        return stop

    assert work.run("sleep 100", stop=stopping("work")).exit_code == 130
    assert Session("job").exec(["sleep", "100"], stop=stopping("job")).exit_code == 130
    with pytest.raises(Interrupted):
        work.wait(stop=stopping())
    with pytest.raises(Interrupted):
        list(work.events(stop=stopping()))
    assert work.exists()


def test_a_lost_session_does_not_exist(home: Home, work: Session) -> None:
    home.crash("work")
    assert not work.exists()


def test_ctrl_c_reaches_the_command_and_then_the_caller_and_a_job_goes_on(home: Home, work: Session) -> None:
    """The API must not swallow the SIGINT of the program that calls the API."""
    calls = "Session('work').run('sleep 100')", "Session('job').exec(['sleep', '100'])"
    tried = "".join(f"try:\n    {call}\nexcept KeyboardInterrupt:\n    print(1, flush=True)\n" for call in calls)
    code = f"from sesh import Session\n{tried}"
    with subprocess.Popen([sys.executable, "-c", code], env=home.env, stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        for name in ("work", "job"):
            wait_until(lambda name=name: in_front(name) == ["sleep", "100"], f"sleep runs in {name}")  # type: ignore[misc]
            caller.send_signal(signal.SIGINT)
            assert caller.stdout.readline() == b"1\n"
    assert work.run("echo free").output == "free\n"
    assert in_front("job") == ["sleep", "100"]


@says_who_reads
def test_a_question_may_be_answered_as_soon_as_its_event_comes() -> None:
    asks = "for asked in one two three; do sleep 0.1; read -p $asked? answer; done"
    work = Session.open("work", command=["bash", "-c", asks])
    for event in work.events(since=0):
        if event["event"] == "activity" and event["state"] == "waiting":
            work.send("y", enter=True, if_waiting=f"^{event['question']}".replace("?", "[?]"))
    assert not work.exists()
