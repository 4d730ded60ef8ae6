"""What was given up over a link does not happen later on the host: with daemons and bridges stopped, and links cut."""

from __future__ import annotations

import os
import signal

import pytest

from sesh import identity, platform
from tests.remote.farm import Far, Farm
from tests.remote.patches import patch, patch_host
from tests.support import Home, processes, rounds, wait_until

ROUNDS = rounds(5, 50)

HURRIED = """
from sesh.reach import find
find.PATIENCE = 1
"""
"""A daemon has a second to answer."""
STOPS = """
import os, signal
from sesh import bridge
whole = bridge._welcome
def welcomed(near):
    found = whole(near)
    path = os.path.expanduser("~/bridge")
    if os.path.exists(path):
        os.unlink(path)
        os.kill(os.getpid(), signal.SIGSTOP)
    return found
bridge._welcome = welcomed
"""
"""The bridge stops once where there is a file `bridge`."""

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="needs the states of processes")


def lines(far: Far) -> int:
    return far.read("ran").count("x") if far.exists("ran") else 0


def daemon(far: Far, name: str) -> int:
    pid: int = far.sesh("--status", name, "--json").json()["daemon_pid"]
    return pid


@pytest.mark.parametrize("words", [("--timeout", "1"), ("--timeout", "1", "--no-wait"), ()], ids=" ".join)
def test_a_run_at_a_stopped_daemon_of_a_host_does_not_run_later(home: Home, farm: Farm, words: tuple[str, ...]) -> None:
    far = farm.host("box")
    patch(home, HURRIED)
    patch_host(far, HURRIED)
    assert home.sesh("@box", "--open", "work").code == 0
    assert home.sesh("@box", "--run", "work", "--", "true").code == 0
    pid = daemon(far, "work")
    for _ in range(ROUNDS):
        os.kill(pid, signal.SIGSTOP)
        done = home.sesh("@box", "--run", "work", *words, "--", "echo x >>ran")
        os.kill(pid, signal.SIGCONT)
        assert done.code == (124 if words else 255), done  # whether that daemon can drop it was not heard
        assert "may" in done.stderr, done
        assert far.sesh("--run", "work", "--", "true").code == 0
        assert lines(far) == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--exec", "job", "--", "sh", "-c", "echo x >>ran"),
        ("--open", "job", "--", "sh", "-c", "echo x >>ran; exec sleep 100"),
        ("--send", "work", "echo x >>ran", "--enter"),
        ("--kill", "work"),
    ],
    ids=lambda words: words[0],
)
def test_what_a_stopped_bridge_was_asked_for_is_dropped_with_its_asker(
    home: Home, farm: Farm, words: tuple[str, ...]
) -> None:
    """It was done once the bridge went on, for nobody."""
    far = farm.host("box")
    patch_host(far, STOPS)
    assert home.sesh("@box", "--open", "work").code == 0

    def stopped() -> list[int]:
        return [pid for pid in far.processes() if "T" in identity.stat_of(pid)[:1]]

    def rested() -> bool:
        return processes.rested({*home.processes(), *far.sshd.connections()} - {*stopped()})

    for _ in range(ROUNDS):
        far.write("bridge", "")
        asker = home.start("@box", *words)
        (bridge,) = wait_until(stopped, what="a stopped bridge")
        wait_until(rested, what="the asker has asked")
        asker.kill()
        asker.communicate()
        wait_until(rested, what="the end of its link")
        os.kill(bridge, signal.SIGCONT)
        wait_until(lambda: not identity.start_time(bridge), what="the bridge's end")  # noqa: B023
        assert (far.names(), lines(far)) == (["work"], 0)
        assert far.sesh("--run", "work", "--", "true").code == 0
        assert lines(far) == 0


@pytest.mark.parametrize("after", [0, 1500])
def test_a_job_whose_warm_link_is_cut_at_its_start_runs_once(home: Home, farm: Farm, after: int) -> None:
    """It was 125, `cannot reach box: no reason given`, or `the session's daemon closed the connection`."""
    far = farm.host("box", proxied=True)
    for number in range(ROUNDS):
        assert home.sesh("@box", "--list").code == 0
        wait_until(far.settled)
        passed = far.proxy.passed
        job = home.start("@box", "--exec", "job", "--follow", "--", "sh", "-c", "echo x >>ran; exit 3")
        wait_until(lambda: far.proxy.passed > passed + after or job.poll() is not None)  # noqa: B023
        far.proxy.cut()
        _, err = job.communicate(timeout=30)
        assert job.returncode == 3, err
        assert lines(far) == number + 1
