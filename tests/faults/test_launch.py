"""Daemons start under any creator, one for each name, and inherit nothing from it."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
import stat
from pathlib import Path

import pytest

from sesh import about
from sesh.errors import Refused, SeshError, UsageError
from sesh.store import records
from sesh.system import paths
from sesh.system.processes import command_of
from sesh.wire import messages
from sesh.wire.connection import connect
from tests.faults.daemons import Daemons
from tests.support import Home, forking, processes, rounds, wait_until
from tests.support.greeting import greet

SLEEP = ("/bin/sleep", "100")
STATUS = "grep ^Sig /proc/self/status; umask; ulimit -n; ls -l /proc/$$/fd; pwd; tty; stty -a; echo done; sleep 100"


def status_of(text: str) -> dict[str, int]:
    """Return the signal masks by their names in /proc/PID/status, without signals 32 and 33.

    The C library keeps these two for itself. A process that posix_spawn started, as GNU make starts the tests, ignores
    them, and cannot change that.
    """
    masks = re.findall(r"(Sig\w+):\s*([0-9a-f]+)", text)
    return {key: int(value, 16) & ~(0b11 << 31) for key, value in masks}


def test_r35_a_daemon_keeps_nothing_of_its_creators_terminal_and_directory(daemons: Daemons) -> None:
    pid = daemons.sh("work", "sleep 100")
    wait_until(lambda: processes.rested([pid]), "a daemon that has loaded all its modules")
    links = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # one that was open for that moment only
            links[number] = os.readlink(f"/proc/{pid}/fd/{number}")
    assert [links[number] for number in "012"] == ["/dev/null"] * 3
    own = re.compile(r"/dev/null|/dev/ptmx|/dev/pts/ptmx|/dev/pts/\d+|socket:.*|pipe:.*|anon_inode:\[eventpoll\]")
    assert {link for link in links.values() if not own.fullmatch(link)} == {daemons.home.directory}
    assert {link for link in links.values() if "/pts/" in link} <= {records.read("work")["tty"], "/dev/pts/ptmx"}  # type: ignore[index]
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) == pid
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        assert file.read().rpartition(")")[2].split()[4] == "0"  # no controlling terminal


def words(pid: int) -> str:
    """Return what every user may read of a process: its command line and its name."""
    return " ".join(command_of(pid)) + " " + Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_daemon_shows_its_name_and_nothing_of_its_creators_words(home: Home, lasting_zygotes: None) -> None:
    """All users of the machine could read the creator's words in the process list."""
    for name in ("one", "two"):
        assert home.sesh("open", name, "--env", "TOKEN=hunter2", "--", *SLEEP).code == 0
    for name in home.names():
        assert words(home.summary(name)["daemon_pid"]) == f"sesh: {name} sesh: {name}"
    shown = " ".join(map(words, home.processes()))
    assert "hunter2" not in shown
    assert about.ZYGOTE in shown
    assert "/bin/sleep" in shown  # sesh leaves the words of programs alone


def test_a_program_gets_its_terminal_and_nothing_else(daemons: Daemons, home: Home) -> None:
    daemons.sh("work", STATUS, directory=home.path)
    text = daemons.wait_for("work", "done")
    assert set(re.findall(r"-> (\S+)", text)) == {records.read("work")["tty"]}  # type: ignore[index]
    masks = status_of(text)
    assert masks["SigBlk"] == masks["SigIgn"] == 0
    assert home.path in text
    assert " iutf8" in text, "Backspace takes a whole character, as in any terminal"


@pytest.mark.parametrize("mask", [0o000, 0o777])
def test_r03_a_missing_directory_is_made_private_under_any_umask(daemons: Daemons, home: Home, mask: int) -> None:
    """The program gets that umask, and other users can read no file of sesh's."""
    os.rmdir(home.directory)
    own = os.umask(mask)
    try:
        daemons.sh("work", "umask; echo done; sleep 100")
    finally:
        os.umask(own)
    assert f"0{mask:03o}" in daemons.wait_for("work", "done")
    assert stat.S_IMODE(os.lstat(home.directory).st_mode) == 0o700
    for path in (paths.socket_path("work"), paths.record_path("work"), os.path.join(paths.directory(), ".lock")):
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600


@pytest.mark.needs_fork("a daemon that tries again late")
def test_a_daemon_out_of_descriptors_does_not_try_to_accept_over_and_over(
    daemons: Daemons, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon spun: the socket stayed ready, and each attempt to accept failed."""
    monkeypatch.setattr("sesh.daemon.server.ACCEPT_RETRY", 600.0)
    resource.prlimit(daemons.start("work", *SLEEP), resource.RLIMIT_NOFILE, (24, 24))
    connection = connect("work")
    greet(connection)

    def attempts() -> int:
        faults = connection.request(messages.STATUS)[0]["faults"]
        # A timer may lack a descriptor too, to load the module that looks at the program.
        return sum("no connection can be accepted: " in fault and "Too many open files" in fault for fault in faults)

    assert attempts() == 0  # this also loads the modules that the answer needs
    crowd = [connect("work") for _ in range(40)]
    wait_until(attempts, "an attempt that fails")
    assert [attempts() for _ in range(20)] == [1] * 20
    for each in (connection, *crowd):
        each.close()


@pytest.mark.parametrize(("kind", "fix"), [("link", "symbolic link"), ("open", "chmod 700")])
def test_r04_an_unsafe_directory_is_refused_and_left_as_it_was(
    daemons: Daemons, home: Home, kind: str, fix: str
) -> None:
    real = os.path.join(home.path, "real")
    os.rename(home.directory, real)
    if kind == "link":
        os.symlink(real, home.directory)
    else:
        os.mkdir(home.directory, 0o755)
    before = os.lstat(home.directory)
    with pytest.raises(Refused, match=fix) as refused:
        daemons.start("work", *SLEEP)
    assert home.directory in str(refused.value)
    after = os.lstat(home.directory)
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    assert os.listdir(real) == []
    (os.unlink if kind == "link" else os.rmdir)(home.directory)


def test_where_another_user_can_exchange_the_directory_nothing_is_run(home: Home) -> None:
    """Another user swapped the directory for their own, with files that a shell reads."""
    place = os.path.join(home.root, "place")
    env = {"SESH_DIR": os.path.join(place, "s")}
    os.mkdir(place, 0o700)
    assert home.sesh("open", "work", env=env).code == 0
    os.chmod(place, 0o777)  # noqa: S103
    for code, words in ((1, ("open", "other")), (125, ("run", "work", "--", "touch ran")), (1, ("kill", "work"))):
        done = home.sesh(*words, env=env)
        assert (done.code, done.stderr.count("\n")) == (code, 1), done
        assert f"{place} is writable by other users" in done.stderr
    assert place in home.sesh("doctor", env=env).stdout
    os.chmod(place, 0o700)
    assert home.sesh("run", "work", "--", "test ! -e ran", env=env).code == 0
    assert home.sesh("kill", "work", env=env).code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can connect as another user")
def test_r06_another_users_attempt_to_connect_is_in_the_log_of_faults(daemons: Daemons, home: Home) -> None:
    daemons.start("work", *SLEEP)
    for folder in (home.root, home.path, home.directory):
        os.chmod(folder, 0o711)  # noqa: S103
    os.chmod(paths.socket_path("work"), 0o666)  # noqa: S103
    child = os.fork()
    if child == 0:
        try:
            os.setuid(12345)
            with socket.socket(socket.AF_UNIX) as opened:
                opened.connect(paths.socket_path("work"))
                os._exit(len(opened.recv(1)))
        finally:
            os._exit(9)
    assert os.waitpid(child, 0)[1] == 0
    os.chmod(home.directory, 0o700)
    os.chmod(paths.socket_path("work"), 0o600)
    faults = daemons.ask("work", "status")["faults"]
    assert [line.partition(" ")[2] for line in faults] == [
        "a connection was closed: another user (uid 12345) tried to connect"
    ]


def test_what_keeps_a_session_from_starting_comes_back_and_leaves_nothing(daemons: Daemons, home: Home) -> None:
    home.write("text", "no program\n")
    for exit_code, command, directory in (
        (127, "nonesuch-program", "/"),
        (127, "/nonesuch/program", "/"),
        (126, f"{home.path}/text", "/"),
        (126, "/etc", "/"),
        (1, "/bin/true", "/nonesuch"),
        (1, "/bin/true", f"{home.path}/text"),
    ):
        with pytest.raises(SeshError) as failed:
            daemons.start("work", command, directory=directory)
        assert (failed.value.exit_code, "\n" in str(failed.value)) == (exit_code, False), command
    with pytest.raises(UsageError):
        daemons.start("../work", "/bin/true")
    assert daemons.litter() == []
    wait_until(lambda: home.processes() == [], "the end of those that failed")


def test_r08_of_several_launches_of_one_name_at_once_exactly_one_succeeds(home: Home) -> None:
    for name in ("one", "two"):
        creators = [home.start("exec", name, "--", *SLEEP, held=True) for _ in range(4)]
        for each in creators:
            wait_until(lambda pid=each.pid: processes.stopped(pid) or not forking.ABLE, "the creator is stopped")  # type: ignore[misc]
        for each in creators:
            os.kill(each.pid, signal.SIGCONT)
        wait_until(
            lambda these=creators: sum(each.poll() is not None for each in these) == 3,  # type: ignore[misc]
            "three creators have ended",
        )
        assert home.summary(name)["state"] == "running"
        assert home.sesh("kill", name).code == 0
        said = sorted(each.communicate()[1] for each in creators)
        assert sum(f"{name} runs".encode() in each for each in said) == 3, said
    wait_until(lambda: not home.processes(), "nothing is left of those that did not succeed")


def test_r09_a_name_is_free_again_at_once_each_time(daemons: Daemons) -> None:
    daemons.start("work", "/bin/cat")
    for turn in range(rounds(4, 100)):
        daemons.ask("work", "kill")
        daemons.start("work", "/bin/cat", labels={"turn": str(turn)})
        assert daemons.ask("work", "summary")["labels"] == {"turn": str(turn)}
