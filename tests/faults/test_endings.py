"""The ends of sessions: the right exit code, all of the output, and nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

from sesh.daemon.screen.feed import ScreenFeed
from sesh.schema import codec
from sesh.store import listing, records
from sesh.system import paths
from sesh.wire import messages, protocol
from sesh.wire.connection import connect, open_socket, request_frames
from tests.faults.daemons import Daemons, gone, kill, running
from tests.support import Home, processes, wait_until
from tests.support.greeting import greet
from tests.support.waiting import PATIENCE

# sh stays the leader and waits; `$!` and `$$` give the test the pids to look for.
STUBBORN = (
    "trap '' HUP; echo leader $$; (trap '' HUP; exec sleep 100) & echo child $!; echo ready; sleep 100; sleep 100"
)


def pid_of(text: str, who: str) -> int:
    """Return the pid that a script has printed after a word."""
    return int(text.partition(f"{who} ")[2].split()[0])


def test_all_output_comes_before_the_exit(daemons: Daemons) -> None:
    daemons.quiet("work", "read go; seq 1 50000; exit 5")
    client = daemons.attach("work")
    client.type(b"\n")
    client.drain()
    assert client.output.endswith(b"\r\n49999\r\n50000\r\n")
    assert client.output.count(b"\n") == 50_000
    assert client.frames[-1][0] == protocol.EXIT
    end = codec.parse(client.frames[-1][1])
    assert (end["code"], end["signal"], end["name"]) == (5, None, "work")


@pytest.mark.needs_fork("an emulator that halts")
def test_a_wait_is_answered_once_the_name_is_free(
    daemons: Daemons, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who typed right after the answer met a daemon that still drew output."""
    path = os.path.join(home.path, "halted")
    lag = property(lambda feed: feed._log.head - feed.position + os.path.exists(path))
    monkeypatch.setattr(ScreenFeed, "lag", lag)
    looks = property(  # whether the file is gone
        lambda feed: feed._agenda.times[feed],
        lambda feed, at: feed._agenda.times.update({feed: min(at, time.monotonic() + 0.05)}),
    )
    monkeypatch.setattr(ScreenFeed, "due", looks, raising=False)
    daemons.quiet("work", "read go; exit 6", persist=True)
    home.write("halted", "")
    waiter = connect("work")
    greet(waiter)
    waiter.send(request_frames("wait", 1))
    daemons.ask("work", "send", b"\n")
    wait_until(lambda: daemons.ask("work", "summary")["state"] == "exited", "the program's end")
    waiter.send(protocol.frame(protocol.PING))
    assert waiter.receive(time.monotonic() + PATIENCE)[0] == protocol.PONG
    os.unlink(path)
    assert waiter.await_response(messages.WAIT, 1)[0].get("exit_code") == 6
    assert open_socket("work.sock") is None
    waiter.close()


@pytest.mark.soak
def test_a_client_that_takes_nothing_keeps_no_daemon_from_ending(daemons: Daemons) -> None:
    daemons.quiet("work", "read go; seq 1 200000; exit 5")
    daemon, sleeper = daemons.pid("work"), daemons.attach("work")
    sleeper.type(b"\n")
    gone(daemon)


def test_r32_a_kill_ends_what_ignores_hangups(daemons: Daemons) -> None:
    pid = daemons.sh("work", STUBBORN)
    text = daemons.wait_for("work", "ready")
    client = daemons.attach("work")
    daemons.ask("work", "kill")
    assert not running(pid_of(text, "leader"))
    assert not running(pid_of(text, "child"))
    client.drain()
    end = codec.parse(client.wait(protocol.EXIT))
    assert (end["code"], end["reason"]) == (137, "killed")
    gone(pid)
    assert daemons.litter() == []


def test_a_stopped_program_is_ended_too(daemons: Daemons) -> None:
    daemons.sh("work", "trap 'exit 4' HUP; echo leader $$; kill -STOP $$; sleep 100")
    leader = pid_of(daemons.wait_for("work", "leader"), "leader")
    daemons.ask("work", "kill")
    assert not running(leader)


def test_a_kill_lets_what_made_a_session_of_its_own_live(daemons: Daemons, home: Home) -> None:
    pidfile = os.path.join(home.path, "pid")
    daemons.sh("work", f"setsid sh -c 'echo $$ > {pidfile}; exec sleep 100' & wait; sleep 100")
    wait_until(lambda: os.path.exists(pidfile) and os.path.getsize(pidfile), "the program has written its pid")
    with open(pidfile, encoding="ascii") as file:
        apart = int(file.read())
    daemons.ask("work", "kill")
    assert running(apart)
    kill(apart)


def test_r32_a_program_that_ends_takes_its_session_along_at_once(daemons: Daemons, home: Home) -> None:
    """Processes that the program left get the kernel's hangup, and may ignore it."""
    deaf = "$(trap '' HUP; sleep 100 >/dev/null 2>&1 & echo $!)"
    pids = os.path.join(home.path, "pids")
    assert daemons.job(f"exec >{pids}; sleep 100 & echo plain $!; echo deaf {deaf}; exit 3")["exit_code"] == 3
    with open(pids, encoding="ascii") as file:
        output = file.read()
    gone(pid_of(output, "plain"))
    assert running(pid_of(output, "deaf"))
    kill(pid_of(output, "deaf"))


def test_a_daemon_obeys_a_termination_and_no_hangup_or_interrupt(daemons: Daemons) -> None:
    pid = daemons.sh("work", "echo leader $$; sleep 100")
    leader = pid_of(daemons.wait_for("work", "leader"), "leader")
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGINT)
    assert daemons.alive("work")
    os.kill(pid, signal.SIGTERM)
    gone(pid, leader)
    assert daemons.litter() == []


def test_a_kept_session_stays_readable_leaves_no_zombie_and_is_removed_by_a_kill(daemons: Daemons) -> None:
    pid = daemons.sh("work", "(exit 1) & echo last words; exit 9", keep=True, job=True)
    wait_until(lambda: daemons.ask("work", "summary")["state"] == "exited", "the session work has ended")
    assert "last words" in daemons.show("work", "logs")
    wait_until(lambda: processes.descendants(pid) == [], "none is left, dead or alive")
    client = daemons.attach("work")
    client.drain()
    assert codec.parse(client.wait(protocol.EXIT))["code"] == 9
    assert daemons.ask("work", "wait", timeout=2)["exit_code"] == 9
    daemons.ask("work", "kill")
    gone(pid)
    assert daemons.litter() == []


def test_removed_files_are_made_again_when_somebody_looks(daemons: Daemons) -> None:
    pid = daemons.start("work", "/bin/cat")
    client = daemons.attach("work")
    before = records.read("work")
    os.unlink(paths.socket_path("work"))
    assert [(each["name"], each["state"]) for each in listing.summaries()] == [("work", "running")]
    shutil.rmtree(paths.directory())
    os.kill(pid, signal.SIGUSR1)
    wait_until(
        lambda: os.path.exists(paths.record_path("work")) and daemons.alive("work"),
        "the daemon runs and has its record",
    )
    wait_until(lambda: os.path.exists(f"{paths.directory()}/bin/sesh-browser"), "the shims are there again")
    times = {"last_activity": 0, "marked": ""}
    assert {**(before or {}), **times} == {**(records.read("work") or {}), **times}
    client.type(b"unbroken\n")
    client.wait_output(b"unbroken")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_r07_what_stands_where_the_socket_should_is_refused_and_left(daemons: Daemons, kind: str) -> None:
    path = paths.socket_path("work")
    daemons.start("other", "/bin/cat")
    if kind == "file":
        with open(path, "w", encoding="ascii") as file:
            file.write("keep me")
    else:
        os.symlink(paths.socket_path("other"), path)
    with pytest.raises(Exception, match="move it away"):
        daemons.start("work", "/bin/cat")
    assert os.path.lexists(path)
    assert daemons.alive("other")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_session_ends_where_its_result_cannot_be_kept(daemons: Daemons, home: Home, kind: str) -> None:
    """An error in keeping the result left a session that never ended."""
    folder, elsewhere = os.path.join(home.directory, ".results"), os.path.join(home.path, "elsewhere")
    os.mkdir(elsewhere, 0o700)
    if kind == "file":
        open(folder, "w", encoding="ascii").close()
    else:
        os.symlink(elsewhere, folder)
    assert daemons.job("exit 3")["exit_code"] == 3
    wait_until(lambda: daemons.litter() == [], "nothing is left over")
    assert os.listdir(elsewhere) == []
