"""Requests that were given up over a link are not done later."""

from __future__ import annotations

import os
import signal

import pytest

from sesh.bridge import bridge
from sesh.system import platforms
from sesh.system.processes import start_time
from tests.remote.farm import Farm
from tests.remote.via import Beside, ViaHost
from tests.support import Home, processes, rounds, wait_until

ROUNDS = rounds(1, 50)

pytestmark = pytest.mark.skipif(not platforms.LINUX, reason="needs the states of processes")


def lines(far: ViaHost) -> int:
    return far.read("ran").count("x")


@pytest.mark.soak
def test_a_run_at_a_stopped_daemon_of_a_host_does_not_run_later(home: Home, beside: Beside) -> None:
    far = beside("box")
    assert home.sesh("@box", "open", "work").code == 0
    assert home.sesh("@box", "run", "work", "--", "true").code == 0
    pid = far.summary("work")["daemon_pid"]
    for words in (("--timeout", "3"), ()) * ROUNDS:
        os.kill(pid, signal.SIGSTOP)
        done = home.sesh("@box", "run", "work", *words, "--", "echo x >>ran")
        os.kill(pid, signal.SIGCONT)
        assert done.code == (124 if words else 255), done  # the daemon did not say whether it can drop a run
        assert "may" in done.stderr, done
        assert far.sesh("run", "work", "--", "true").code == 0
        assert lines(far) == 0


@pytest.mark.needs_fork("a bridge that stops at its greeting")
def test_what_a_stopped_bridge_was_asked_for_is_dropped_with_its_asker(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request was done once the bridge went on, although its asker had gone."""
    far = beside("box")
    whole = bridge._welcome

    def welcomed(near: object) -> object:
        """Stop the bridge, once, if the file `bridge` exists."""
        found = whole(near)  # type: ignore[arg-type]
        if os.path.exists(path := os.path.expanduser("~/bridge")):
            os.unlink(path)
            os.kill(os.getpid(), signal.SIGSTOP)
        return found

    monkeypatch.setattr(bridge, "_welcome", welcomed)
    assert home.sesh("@box", "open", "work").code == 0

    line = "echo x >>ran"
    for words in (["exec", "job", "--", "sh", "-c", line], ["send", "work", line, "--enter"]) * ROUNDS:
        far.write("bridge", "")
        asker = home.start("@box", *words)
        pid = wait_until(lambda: [pid for pid in far.held() if processes.stopped(pid)], "a stopped bridge")[0]
        wait_until(lambda: processes.rested(home.processes()), "the asker has asked")
        asker.kill()
        asker.communicate()
        wait_until(lambda: not home.processes(), "the end of its link")
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda pid=pid: not start_time(pid), "the bridge's end")  # type: ignore[misc]
        assert (far.names(), lines(far)) == (["work"], 0)
        assert far.sesh("run", "work", "--", "true").code == 0
        assert lines(far) == 0


@pytest.mark.parametrize("after", [0, pytest.param(1500, marks=pytest.mark.soak)])
def test_a_job_whose_warm_link_is_cut_at_its_start_runs_once(home: Home, farm: Farm, after: int) -> None:
    """The job gave 125 and an error such as `cannot reach box: no reason given`."""
    far = farm.host("box", proxied=True)
    for number in range(ROUNDS):
        assert home.sesh("@box", "list").code == 0
        wait_until(far.settled, "both sides are at rest")
        passed = far.proxy.passed
        job = home.start("@box", "exec", "job", "--follow", "--", "sh", "-c", "echo x >>ran; exit 3")
        wait_until(
            lambda: far.proxy.passed > passed + after or job.poll() is not None,  # noqa: B023
            f"{after} bytes have passed, or the job has ended",
        )
        far.proxy.cut()
        _, err = job.communicate(timeout=30)
        assert job.returncode == 3, err
        assert far.read("ran").count("x") == number + 1
