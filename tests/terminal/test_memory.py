"""A program that is killed as memory runs out: its daemon lives, and says why it ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Home, wait_until, warm

HOG = (sys.executable, "-c", "import time; held = b'x' * (200 << 20); time.sleep(60)")
LIMIT = 96 << 20
COUNTED = """
from sesh import system
from sesh.daemon import session
session.SAME_END = {within}
def _counted():
    with open({path!r}) as file:
        return int(file.read())
system.ended_for_memory = _counted
"""
PERHAPS, KNOWN = "killed, perhaps for memory", "killed for memory"


def score(pid: int) -> int:
    with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
        return int(file.read())


def group_of_little_memory() -> str | None:
    """The directory of a new control group of `LIMIT` bytes; None if this user can make none."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = os.path.join(root, f"sesh-{os.getpid()}")
        try:
            os.mkdir(folder)
        except OSError:
            continue
        try:
            Path(folder, limit).write_text(str(LIMIT), encoding="ascii")
        except OSError:
            os.rmdir(folder)
        else:
            return folder
    return None


@pytest.fixture
def members() -> Iterator[Path]:
    """The file that takes processes into a control group of little memory."""
    folder = group_of_little_memory()
    if folder is None:
        pytest.skip("this user can make no control group with a limit of memory")
    members = Path(folder, "cgroup.procs")
    yield members
    wait_until(lambda: not members.read_text(encoding="ascii"))
    os.rmdir(folder)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="scores are Linux's")
@pytest.mark.parametrize("own", [0, 50, 100], ids=["none", "some", "much"])
def test_the_kernel_would_end_the_program_before_its_daemon(home: Home, own: int) -> None:
    """Of a score of 100, which somebody had wished for, the daemon took all."""
    home.command = ["sh", "-c", f'echo {own} >/proc/self/oom_score_adj && exec "$@"', "sh", *home.command]
    home.sesh("--open", "work")
    status = home.summary("work")
    assert (score(status["daemon_pid"]), score(status["pid"])) == (own, own + 100)
    inside = home.sesh("--run", "work", "--", "sesh --open nested")
    assert inside.code == 0, inside.stderr
    nested = home.summary("nested")
    assert score(nested["pid"]) == score(status["pid"]), "it does not add up from session to session"
    assert score(nested["daemon_pid"]) == score(status["daemon_pid"])


def test_a_job_killed_from_outside_says_that_it_may_have_been_for_memory(home: Home) -> None:
    job = home.start("--exec", "job", "--keep", "--", "sleep", "600")
    wait_until(lambda: home.names() == ["job"])
    waits = home.start("--wait", "job", "--exit", "--json")
    watcher = home.terminal("job")
    wait_until(lambda: home.summary("job")["attached"] == 1)
    status = home.summary("job")
    os.kill(status["pid"], signal.SIGKILL)
    _, err = job.communicate(timeout=15)
    assert (job.returncode, err.decode()) == (137, f"sesh: job was {PERHAPS}\n")
    out, _ = waits.communicate(timeout=15)
    assert f'"reason": "{PERHAPS}"' in out.decode()
    watcher.wait_for(f"[job ended by SIGKILL ({PERHAPS})]")
    assert home.summary("job")["daemon_pid"] == status["daemon_pid"], "the daemon lives"
    assert home.summary("job")["reason"] == PERHAPS
    assert [row["reason"] for row in home.sesh("--list", "--json").json()] == [PERHAPS]
    assert PERHAPS in home.sesh("--status", "job").stdout
    home.sesh("--kill", "job")
    kept = home.sesh("--wait", "job", "--exit")
    assert (kept.code, kept.stderr) == (137, f"sesh: job was {PERHAPS}\n")


def test_a_session_killed_unseen_keeps_the_reason_without_its_daemon(home: Home) -> None:
    home.sesh("--open", "work", "--", "sleep", "600")
    status = home.summary("work")
    os.kill(status["pid"], signal.SIGKILL)
    wait_until(lambda: home.summary("work")["state"] == "exited")
    assert [row["reason"] for row in home.sesh("--list", "--json").json()] == [PERHAPS]


def test_it_is_said_of_each_of_several_that_are_waited_for(home: Home) -> None:
    """It was said of one alone."""
    for name in ("7", "b"):
        assert home.sesh("--open", name, "--", "sleep", "600").code == 0
        os.kill(home.summary(name)["pid"], signal.SIGKILL)
    done = home.sesh("--wait", "7", "b", "--exit")
    assert (done.code, done.stdout) == (137, "7: exit: 137\nb: exit: 137\n")
    assert done.stderr == f"sesh: session 7 was {PERHAPS}\nsesh: b was {PERHAPS}\n"


def test_a_kill_of_sesh_s_own_says_nothing_of_memory(home: Home) -> None:
    home.sesh("--open", "job", "--", "sh", "-c", "trap '' HUP TERM; while :; do sleep 1; done")
    waits = home.start("--wait", "job", "--exit")
    wait_until(lambda: home.summary("job")["foreground"] is not None)
    assert home.sesh("--kill", "job").code == 0
    _, err = waits.communicate(timeout=15)
    assert "memory" not in err.decode()


@pytest.mark.parametrize(("within", "reason"), [(0.0, PERHAPS), (60.0, KNOWN)])
def test_another_s_end_for_memory_is_no_reason_for_one_that_outlives_it(
    home: Home, tmp_path: Path, within: float, reason: str
) -> None:
    """The kernel counts for a whole control group: a `kill -9` days after another's end was told as one for memory. But
    of a shell whose child was ended for it that is the reason, though the shell is looked at in between.
    """
    count = tmp_path / "count"
    count.write_text("3", encoding="ascii")
    home.command = warm.changed(COUNTED.format(path=str(count), within=within).strip())
    home.sesh("--open", "work", "--", "sh", "-c", "echo on; while read x; do echo $x; done")
    home.sesh("--wait", "work", "--waiting", "--timeout", "10")
    count.write_text("4", encoding="ascii")
    for _ in range(2):
        home.sesh("--send", "work", "--enter", "on and on")
        assert home.sesh("--wait", "work", "--waiting", "--timeout", "10").code == 0
    os.kill(home.summary("work")["pid"], signal.SIGKILL)
    wait_until(lambda: home.summary("work")["state"] == "exited")
    assert home.summary("work")["reason"] == reason


def test_the_kernel_s_count_tells_that_memory_ran_out(home: Home, members: Path) -> None:
    home.command = ["sh", "-c", f'echo $$ >{members} && exec "$@"', "sh", *home.command]
    done = home.sesh("--exec", "job", "--json", "--", *HOG)
    value = done.json()
    assert (done.code, value["reason"], value["signal"]) == (137, KNOWN, signal.SIGKILL)
    done = home.sesh("--exec", "job", "--", "sh", "-c", '"$@"; exit $?', "sh", *HOG)
    assert (done.code, done.stderr) == (137, f"sesh: job was {KNOWN}\n"), "of what its shell ran, too"
