"""Daemons are forked from one zygote for each context, and outlive the zygote."""

from __future__ import annotations

import copy
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from sesh import about
from sesh.daemon.spawn import launch, zygote
from sesh.system import platforms
from sesh.system.processes import parent_of
from tests.support import Home, processes, wait_until
from tests.terminal.looking import screen

SLEEP = ("/bin/sleep", "100")
SHOW = 'echo "is $MINE in $PWD by $(umask)"; read _; exit 3'

pytestmark = [
    pytest.mark.skipif(not platforms.LINUX, reason="needs the states of processes"),
    pytest.mark.usefixtures("lasting_zygotes"),
]


def zygotes(home: Home) -> set[int]:
    return {*processes.zygotes(home.processes())}


def opened(home: Home, name: str, *words: str, **env: str) -> int:
    """Open a session; return the zygote that its daemon is a child of."""
    done = home.sesh("open", name, "--", *(words or SLEEP), env=env)
    assert done.code == 0, done
    return parent(home, name)


def parent(home: Home, name: str) -> int:
    """Return the parent of a session's daemon."""
    return parent_of(home.summary(name)["daemon_pid"])


def shown(home: Home, name: str, text: str) -> None:
    """Wait until a session's screen has a text."""
    wait_until(lambda: text in screen(home, name), text)


@contextmanager
def lower_limit(home: Home) -> Iterator[Home]:
    """Lower the limit of open files for processes started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (777, before[1]))
    yield home
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def another_group(home: Home) -> Iterator[Home]:
    """Add a group to processes started meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("only root can join a group")
    before = os.getgroups()
    os.setgroups([*before, 54321])
    yield home
    os.setgroups(before)


@contextmanager
def another_namespace(home: Home) -> Iterator[Home]:
    """Have sesh run in a mount namespace of its own."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may make no mount namespace")
    yield led(home, unshare, "-m")


@contextmanager
def another_control_group(home: Home) -> Iterator[Home]:
    roots = [root for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{root}/cgroup.procs")]
    if not roots or not os.access(roots[0], os.W_OK):
        pytest.skip("this user may make no control group")
    group = f"{roots[0]}/sesh-test-{os.getpid()}"
    os.mkdir(group)
    yield led(home, "sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh")
    processes.kill(home.processes())
    while os.path.exists(group):
        with suppress(OSError):  # a process of the group may still be ending
            os.rmdir(group)


def led(home: Home, *words: str) -> Home:
    """Return the same home with a sesh that is started through these words."""
    other = copy.copy(home)
    other.command = [*words, *home.command]
    return other


@pytest.mark.parametrize(
    ("other", "shows", "text"),
    [
        (lower_limit, "ulimit -n", "777"),
        (another_group, "id -G", "54321"),
        (another_namespace, "readlink /proc/self/ns/mnt", "mnt:"),
        (another_control_group, "cat /proc/self/cgroup", "sesh-test-"),
    ],
)
def test_two_contexts_have_a_zygote_each(
    home: Home, other: Callable[[Home], AbstractContextManager[Home]], shows: str, text: str
) -> None:
    first = opened(home, "one")
    with other(home) as changed:
        second = opened(changed, "two", "/bin/sh", "-c", f"{shows}; exec sleep 100")
        shown(home, "two", text)
        assert (zygotes(home), len({first, second})) == ({first, second}, 2)


def test_a_session_has_its_creators_environment_directory_and_umask(home: Home) -> None:
    """The session's hook has the same environment."""
    home.write("sub/file", "")
    home.write(".config/sesh/config.toml", "hook = 'echo \"$SESH_SESSION $MINE $OTHERS\" >~/told'\n")
    first = opened(home, "one", MINE="another's", OTHERS="secret")
    own = os.umask(0o027)
    try:
        done = home.sesh("open", "two", "--", "sh", "-c", SHOW, env={"MINE": "own"}, cwd=f"{home.path}/sub")
    finally:
        os.umask(own)
    assert done.code == 0, done
    assert parent(home, "two") == first
    shown(home, "two", f"is own in {home.path}/sub by 0027")
    assert home.sesh("send", "two", "--key", "Enter").code == 0
    wait_until(lambda: Path(home.path, "told").read_text() == "two own \n", "the program has told its environment")


def test_eight_creators_at_once_all_get_their_sessions_by_one_zygote(home: Home) -> None:
    creators = [home.start("open", f"s{number}", "--", *SLEEP, held=True) for number in range(8)]
    for each in creators:
        wait_until(lambda pid=each.pid: processes.stopped(pid), "the process is stopped")  # type: ignore[misc]
    for each in creators:
        os.kill(each.pid, signal.SIGCONT)
    assert [each.wait(60) for each in creators] == [0] * 8
    assert {parent(home, name) for name in home.names()} == zygotes(home)
    assert (len(home.names()), len(zygotes(home))) == (8, 1)


@pytest.mark.needs_fork("another install, and a shorter wait for an answer")
def test_a_zygote_that_is_stopped_or_killed_or_of_an_older_install_is_replaced(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session requested from a stopped zygote is started once, even after SIGCONT."""
    install = home.write("about.py", "")
    monkeypatch.setattr(about, "__file__", install)
    first = opened(home, "one")
    os.kill(first, signal.SIGSTOP)
    monkeypatch.setattr(launch, "ANSWER_TIMEOUT", 0.25)
    second = opened(home, "two", "/bin/sh", "-c", "echo x >>ran; exec sleep 100")
    monkeypatch.setattr(launch, "ANSWER_TIMEOUT", 20.0)
    os.kill(first, signal.SIGCONT)
    assert opened(home, "three") == second != first
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: second not in zygotes(home), "the end of the killed one")
    third = opened(home, "four")
    home.write("about.py", "")
    fourth = opened(home, "five")
    assert len({first, second, third, fourth}) == 4
    with open(f"{home.path}/ran", encoding="utf-8") as file:
        assert file.read() == "x\n"
    assert [home.summary(name)["state"] for name in home.names()] == ["running"] * 5


def test_a_session_outlives_its_zygote_and_leaves_no_zombie_with_it(home: Home) -> None:
    first = opened(home, "one")
    assert opened(home, "two") == first
    daemon = home.summary("two")["daemon_pid"]
    assert home.sesh("kill", "two").code == 0
    wait_until(lambda: not processes.exists(daemon), "the end of the daemon, which nobody waits for")
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: first not in home.processes(), "the zygote's end")
    assert home.summary("one")["state"] == "running"


@pytest.mark.needs_fork("a zygote that ends after 0.2 s")
def test_a_zygote_without_work_ends_and_removes_its_socket(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "IDLE", 0.2)
    assert home.sesh("open", "one").code == 0
    wait_until(lambda: not zygotes(home), "its end")
    assert not [entry for entry in os.listdir(home.directory) if entry.startswith(".zygote")]
    assert home.sesh("open", "two").code == 0
    assert [home.summary(name)["state"] for name in ("one", "two")] == ["running"] * 2


def test_sweep_removes_what_a_killed_zygote_left(home: Home) -> None:
    os.kill(opened(home, "one"), signal.SIGKILL)
    (left,) = [entry for entry in os.listdir(home.directory) if entry.startswith(".zygote")]
    past = time.time() - 3600
    os.utime(os.path.join(home.directory, left), (past, past), follow_symlinks=False)
    wait_until(lambda: not zygotes(home), "its end")
    assert home.sesh("sweep", "--older", "0s", "-y").code == 0
    assert left not in os.listdir(home.directory)
    assert home.summary("one")["state"] == "running"
