"""Sessions whose daemon died: what they showed can still be read, and they are started again on a person's word."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable

import pytest

from sesh import platform
from sesh.schema import Record
from sesh.store import records
from tests.support import Home, Result, find, need, wait_until, warm

Sesh = Callable[..., Result]


def record(home: Home, name: str) -> Record:
    with open(os.path.join(home.directory, f"{name}.json"), encoding="utf-8") as file:
        found: Record = json.load(file)
    return found


def checkpoints(home: Home) -> list[str]:
    return [name for name in os.listdir(home.directory) if name.startswith(".checkpoint.")]


def kept(home: Home, text: str) -> bool:
    """Whether a checkpoint with this text has been written."""
    for name in checkpoints(home):
        with open(os.path.join(home.directory, name), "rb") as file:
            if text.encode() in file.read():
                return True
    return False


def lose(home: Home, name: str) -> None:
    """Kills a session's daemon outright and waits until it is gone.

    A hook's child that it has just made has its socket open for a moment more.
    """
    known = record(home, name)
    os.kill(known["daemon_pid"], signal.SIGKILL)
    wait_until(lambda: not records.alive(known))
    wait_until(lambda: home.sesh("--status", name, "--json").json().get("state") in ("lost", "exited"))


def test_a_lost_session_shows_what_it_showed(sesh: Sesh, home: Home) -> None:
    assert sesh("--open", "web", "--", "sh", "-c", "seq 40; printf '\\033[31mred\\033[m'; read x").code == 0
    wait_until(lambda: kept(home, "red"))
    assert all(os.stat(os.path.join(home.directory, name)).st_mode & 0o777 == 0o600 for name in checkpoints(home))
    before = [sesh("--screen", "web").stdout, sesh("--logs", "web").stdout, sesh("--logs", "web", "2", "--ansi").stdout]
    lose(home, "web")
    after = [sesh("--screen", "web").stdout, sesh("--logs", "web").stdout, sesh("--logs", "web", "2", "--ansi").stdout]
    assert after == before
    assert sesh("--logs", "web", "1", "-f", "--json").json() == {"line": "red"}
    assert before[2] == "40\n\x1b[0;31mred\x1b[m\n"
    shown = sesh("--list", "--json").json()[0]
    assert shown["state"] == "lost"
    assert shown["lost"]["reason"] == "crash"
    assert shown["lost"]["saved"] is not None
    home.write(".sesh/web.json", json.dumps({**record(home, "web"), "boot": "before"}), mode=0o600)
    assert sesh("--list", "--json").json()[0]["lost"]["reason"] == "reboot"
    assert "when this machine restarted" in sesh("--status", "web").stdout
    assert sesh("--kill", "web").code == 0
    assert checkpoints(home) == []


def test_scrollback_that_the_emulator_has_is_kept_too(sesh: Sesh, home: Home) -> None:
    sesh("--open", "web", "--", "sh", "-c", "seq 30000; printf '\\033[?1049h\\033[5;5Hfull'; read x")
    wait_until(lambda: kept(home, "full"))
    lose(home, "web")
    assert sesh("--logs", "web", "3").stdout == "29998\n29999\n30000\n"
    assert sesh("--logs", "web", "2000").stdout.startswith("28")
    assert len(sesh("--logs", "web", "2000", "--json").json()["lines"]) > 1000
    assert sesh("--screen", "web").stdout.split() == ["full"]


def test_what_was_cleared_is_not_kept(sesh: Sesh, home: Home) -> None:
    sesh(
        "--open", "web", "--", "sh", "-c", "echo secret; sleep 0.2; printf '\\033[H\\033[2J\\033[3J'; echo open; read x"
    )
    wait_until(lambda: kept(home, "open"))
    assert not kept(home, "secret")
    lose(home, "web")
    assert sesh("--logs", "web").stdout == "open\n"


def test_a_session_that_ends_leaves_no_checkpoint(sesh: Sesh, home: Home) -> None:
    sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    sesh("--rename", "web", "next")
    sesh("--send", "next", "--enter")
    wait_until(lambda: not home.names())
    assert checkpoints(home) == []


def test_a_kept_job_can_be_read_after_its_daemon_died(sesh: Sesh, home: Home) -> None:
    assert sesh("--exec", "job", "--keep", "--", "echo", "done").code == 0
    lose(home, "job")
    assert sesh("--logs", "job").stdout == "done\n"


def test_persist_false_keeps_nothing(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "persist = false\n")
    assert sesh("--exec", "job", "--keep", "--", "echo", "done").code == 0
    assert checkpoints(home) == []
    lose(home, "job")
    answer = sesh("--screen", "job")
    assert answer.code == 1
    assert "job exited 0" in answer.stderr
    assert "nothing of its screen was kept" in answer.stderr


@pytest.mark.skipif(os.geteuid() != 0 or not find("unshare"), reason="a namespace of processes takes root and unshare")
def test_a_container_that_was_restarted_counts_as_a_machine_that_was(home: Home) -> None:
    """The kernel, and with it the id of the boot, is the same."""
    contained = [need("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
    script = f"{shlex.join(home.command)} --open web; echo opened; exec cat"
    first = home.terminal(command=[*contained, script])
    first.wait_for("opened")
    first.close()
    script = f"{shlex.join(home.command)} --status web"
    again = home.terminal(command=[*contained, script])
    again.wait_for("when this machine restarted")


def test_a_lost_shell_is_started_again_in_its_directory_with_its_output_above(home: Home) -> None:
    os.mkdir(os.path.join(home.path, "deep"))
    home.sesh("--open", "web", "--label", "a=b")
    home.sesh("--run", "web", "--", "cd ~/deep; echo remembered")
    wait_until(lambda: kept(home, "remembered"))
    lose(home, "web")
    person = home.terminal("web")
    person.wait_for("web was lost: its daemon died")
    person.type("s")
    person.wait_for("remembered")
    person.wait_for("── web was lost")
    person.type("pwd\r")
    person.wait_for(f"\n{home.path}/deep\n")
    assert home.sesh("--status", "web", "--json").json()["labels"] == {"a": "b"}
    assert "remembered" in home.sesh("--logs", "web").stdout
    person.type(b"\x1c")
    assert person.exit_code() == 0


def test_a_lost_command_begins_only_after_enter(home: Home) -> None:
    home.sesh("--open", "web", "--", "sh", "-c", "echo run >>runs; cat runs; read x")
    wait_until(lambda: kept(home, "run"))
    lose(home, "web")
    person = home.terminal("web")
    person.wait_for("it ran: sh -c")
    person.type("\r")
    person.wait_for("Enter runs: sh -c")
    with open(os.path.join(home.path, "runs"), encoding="utf-8") as runs:
        assert runs.read() == "run\n"
    assert home.sesh("--status", "web", "--json").json()["command"][:2] == ["sh", "-c"]
    person.type("\r")
    person.wait_for("run\nrun")
    person.type("\r")
    assert person.exit_code() == 0


@pytest.mark.parametrize(("key", "code"), [("c", 1), ("\x1b", 1), ("\x03", 130)])
def test_who_declines_leaves_a_lost_session_as_it_is(home: Home, key: str, code: int) -> None:
    home.sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    lose(home, "web")
    person = home.terminal("web")
    person.wait_for("it ran: sh -c")
    person.type(key)
    assert person.exit_code() == code
    assert home.sesh("--logs", "web").stdout == "here\n"


def test_a_session_that_cannot_be_started_again_stays_lost(home: Home) -> None:
    """The name was taken before the command was looked for: what had been kept was gone when that was not there."""
    command = home.write("bin/own-service", "#!/bin/sh\necho here; read x\n", mode=0o755)
    home.sesh("--open", "web", "--", "own-service")
    wait_until(lambda: kept(home, "here"))
    lose(home, "web")
    os.unlink(command)
    person = home.terminal("web")
    person.wait_for("it ran: own-service")
    person.type("s")
    assert person.exit_code() == 127
    assert home.sesh("--logs", "web").stdout == "here\n"


def test_without_a_terminal_a_lost_session_is_made_anew(sesh: Sesh, home: Home) -> None:
    sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    lose(home, "web")
    assert sesh("web").code == 1
    assert sesh("--open", "web", "--json", "--", "sh", "-c", "read x").json()["created"] is True
    assert sesh("--logs", "web").stdout == ""


@pytest.mark.skipif(not platform.LINUX, reason="asks systemd")
@pytest.mark.parametrize(("state", "left"), [("stopping", ["web"]), ("running", [])])
def test_a_machine_that_goes_down_leaves_its_sessions_lost(home: Home, state: str, left: list[str]) -> None:
    """A shutdown ends all processes by SIGTERM, which otherwise ends a session for good."""
    home.write("bin/systemctl", f"#!/bin/sh\necho {state}\n", mode=0o755)
    mine = home.command
    home.command = warm.changed("from sesh import platform; platform._SYSTEMD = '/'")
    home.sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    home.command = mine
    wait_until(lambda: home.sesh("--logs", "web").stdout == "here\n")  # with the end of the line
    daemon = int(str(record(home, "web")["daemon_pid"]))
    os.kill(daemon, signal.SIGTERM)
    wait_until(lambda: not platform.start_time(daemon))
    assert home.names() == left
    wait_until(lambda: [home.sesh("--logs", name).stdout for name in left] == ["here\n"] * len(left))


READ_ONLY = 'mount --bind "$SESH_DIR" "$SESH_DIR" && mount -o remount,ro,bind "$SESH_DIR" && exec "$@"'
_MOUNTS = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False) if platform.LINUX else None


@pytest.mark.skipif(_MOUNTS is None or _MOUNTS.returncode != 0, reason="only root may mount, and only on Linux")
def test_a_directory_on_a_read_only_file_system_is_called_that(sesh: Sesh, home: Home) -> None:
    """The lock was to be checked and moved away; `--kill` advised itself, and `--sweep` said nothing."""
    sesh("--open", "web", "--", "cat")
    lose(home, "web")
    command = home.command
    home.command = ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", *command]
    lines = [("--open", "new"), ("--open", "web"), ("--new", "-d"), ("--rename", "web", "w2"), ("--kill", "web")]
    said = f"{home.directory}/.lock: Read-only file system; set SESH_DIR to a directory that you can write to"
    for words in (*lines, ("--exec", "--", "true"), ("--sweep", "--older", "0", "-y")):
        done = sesh(*words)
        assert (done.code, said in done.stderr) == (125 if "--exec" in words else 1, True), (words, done.stderr)
    assert sesh("--list", "--json").json()[0]["state"] == "lost"
    home.command = command
    assert sesh("--kill", "web").code == 0
