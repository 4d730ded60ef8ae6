"""Sessions whose daemon died: what they showed can still be read, and they are started again on a person's word."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sesh import identity, platform, system
from sesh.ops import sessions
from sesh.reach.caller import Caller
from sesh.store import records
from sesh.store.checkpoints import scrolled_off
from sesh.stored import Record
from tests.support import ROOT, Home, Result, find, need, wait_until

Sesh = Callable[..., Result]


def record(home: Home, name: str) -> Record:
    with open(os.path.join(home.directory, f"{name}.json"), encoding="utf-8") as file:
        found: Record = json.load(file)
    return found


def checkpoints(home: Home) -> list[str]:
    return [name for name in os.listdir(home.directory) if name.startswith((".checkpoint.", ".scrollback"))]


def kept(home: Home, text: str) -> bool:
    """Whether a checkpoint with this text is in place: what it says of its scrollback counts, not what lies there."""
    for name in checkpoints(home):
        if name.startswith(".checkpoint.") and name.count(".") == 2:  # else it is being written
            header, _, shown = Path(home.directory, name).read_bytes().partition(b"\n")
            off = scrolled_off(json.loads(header))
            if off["bytes"]:
                file = Path(home.directory, f".scrollback{off['file']}.{name.removeprefix('.checkpoint.')}")
                shown = file.read_bytes()[: off["bytes"]] + shown
            if text.encode() in shown:
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


_CLOCK = "import time\nwhile True: print(f'{time.time():.2f}', flush=True), time.sleep(0.02)"
"""A program that prints the time, without a pause that would count as the end of its output."""


def test_a_crash_costs_five_seconds_at_most(sesh: Sesh, home: Home) -> None:
    """Up to 30 s of a program that never stops printing were lost, and all of one that was younger."""
    names = [f"clock{number}" for number in range(5)]
    for name in names:
        sesh("--open", name, "--", sys.executable, "-c", _CLOCK)
    for name in names[1::2]:
        sesh("--screen", name)  # with an emulator, and without
    moments = sorted((random.uniform(6, 12), name) for name in names)
    began, killed = time.time(), {}
    for moment, name in moments:
        wait_until(lambda moment=moment: time.time() >= began + moment)  # type: ignore[misc]
        known = record(home, name)
        killed[name] = time.time()
        os.kill(known["daemon_pid"], signal.SIGKILL)
    for name in names:
        wait_until(lambda name=name: sesh("--status", name, "--json").json().get("state") == "lost")  # type: ignore[misc]
        lines = sesh("--logs", name, "20000").stdout.split()
        assert float(lines[0]) < began + 1
        assert len(lines) > 50
        assert killed[name] - float(lines[-1]) < 5 + 1, "one second for a machine that is busy"


_FLOOD = "import time\nwhile True: print(f'{time.time():.2f}\\n' * 10_000, end='', flush=True)"


def test_a_crash_amid_a_flood_costs_no_more(sesh: Sesh, home: Home) -> None:
    """It cost all that the emulator was behind with: after seven seconds, five of them and those of the checkpoint."""
    sesh("--open", "flood", "--", sys.executable, "-c", _FLOOD)
    began, known = time.time(), record(home, "flood")
    wait_until(lambda: time.time() >= began + 7)
    killed = time.time()
    os.kill(known["daemon_pid"], signal.SIGKILL)
    wait_until(lambda: sesh("--status", "flood", "--json").json().get("state") == "lost")
    whole, _ = sesh("--logs", "flood", "2").stdout.split()
    assert killed - float(whole) < 5 + 1


@pytest.mark.parametrize("looked_at", [False, True])
def test_what_came_just_before_a_reload_is_kept_though_nothing_comes_after_it(
    sesh: Sesh, home: Home, looked_at: bool
) -> None:
    sesh("--open", "web", "--", "sh", "-c", "echo first; read x; echo second; read x")
    wait_until(lambda: kept(home, "first"))
    if looked_at:
        sesh("--screen", "web")
    sesh("--send", "web", "--enter")
    assert sesh("--wait", "web", "--for", "second").code == 0
    assert sesh("--reload", "web").code == 0
    wait_until(lambda: kept(home, "second"))
    lose(home, "web")
    assert sesh("--logs", "web").stdout.split() == ["first", "second"]


def test_the_old_output_above_one_that_prints_nothing_is_kept_too(sesh: Sesh, home: Home) -> None:
    """Lost again before its program had printed anything, as while it waits for Enter, it had nothing left."""
    sesh("--open", "web", "--", "sh", "-c", "test -e begun || { touch begun; echo first; }; read x")
    wait_until(lambda: kept(home, "first"))
    for _ in range(2):
        lose(home, "web")
        assert sesh("--open", "web").code == 0
        wait_until(lambda: kept(home, "first"))
    lose(home, "web")
    assert sesh("--logs", "web").stdout.startswith("first\n")


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("end", ["exited", "lost"])
def test_all_its_scrollback_is_kept_whether_somebody_looked_or_not(
    sesh: Sesh, home: Home, end: str, looked_at: bool
) -> None:
    """Who had looked at it while it ran had 1,000 of its lines kept."""
    sesh("--open", "web", "--", "sh", "-c", "seq 5000; echo all of it; read x; exit 3")
    wait_until(lambda: looked_at is False or "all of it" in sesh("--screen", "web").stdout)
    wait_until(lambda: kept(home, "all of it"))
    if end == "lost":
        lose(home, "web")
    else:
        sesh("--send", "web", "--enter")
        wait_until(lambda: sesh("--status", "web", "--json").json().get("state") == "exited")
    lines = sesh("--logs", "web", "20000").stdout.split("\n")
    assert lines[:5000] == [str(number) for number in range(1, 5001)]
    assert sesh("--grep", "^17$", "web").code == 0
    assert sesh("--open", "web").code == 0
    assert sesh("--logs", "web", "20000").stdout.startswith("1\n2\n3\n")


def test_how_many_lines_are_kept_is_a_setting_that_a_reload_keeps(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "scrollback = 12000\n")
    sesh("--open", "web", "--", "sh", "-c", "seq 20000; read x; seq 20001 20500; read x")
    wait_until(lambda: "20000" in sesh("--screen", "web").stdout)
    assert len(sesh("--logs", "web", "30000").stdout.split()) == 12000 + 23
    sesh("--reload", "web")
    sesh("--send", "web", "--enter")
    wait_until(lambda: "20500" in sesh("--screen", "web").stdout)
    wait_until(lambda: kept(home, "20500"))
    before = sesh("--logs", "web", "30000").stdout
    assert len(before.split()) > 12000
    lose(home, "web")
    assert sesh("--logs", "web", "30000").stdout == before
    home.write(".config/sesh/config.toml", "scrollback = 2000000\n")
    assert "scrollback must be a number from 0 to 1000000" in sesh("--doctor").stdout


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


@pytest.mark.parametrize("way", ["--open", "--import", "restart"])
def test_a_lost_shell_comes_back_as_the_shell_that_it_was(home: Home, way: str) -> None:
    """From cron, or another login, all sessions of zsh and fish came back as sh."""
    zsh = need("zsh")
    home.write(".zshrc", "")
    home.sesh("--open", "web", env={"SHELL": zsh})
    home.sesh("--run", "web", "--", "true")
    layout = home.sesh("--export", env={"SHELL": "/bin/sh"}).stdout
    if way != "restart":
        wait_until(lambda: checkpoints(home))
        lose(home, "web")
    cron = {"SHELL": "/bin/sh"}
    if way == "restart":
        with pytest.MonkeyPatch.context() as patch:
            for key, value in home.environment(cron).items():
                patch.setenv(key, value)
            sessions.restart(Caller(), "web")
    else:
        done = home.sesh(way, *(["web"] if way == "--open" else ["-"]), input=layout, env=cron)
        assert done.code == 0, done.stderr
    status = home.sesh("--status", "web", "--json").json()
    assert (status["state"], status["command"]) == ("running", [zsh])
    assert home.sesh("--run", "web", "--", "echo $ZSH_NAME $SHELL").stdout == f"zsh {zsh}\n"
    assert record(home, "web")["shell"] is True


def test_sixteen_at_once_start_a_lost_session_once_and_all_succeed(home: Home) -> None:
    home.sesh("--open", "web")
    for _ in range(3):
        wait_until(lambda: checkpoints(home))
        lose(home, "web")
        openers = [home.start("--open", "web") for _ in range(16)]
        outcomes = [(opener.communicate(timeout=30), opener.returncode) for opener in openers]
        assert [code for _, code in outcomes] == [0] * 16, outcomes
        assert sum(b"started again" in said for (_, said), _ in outcomes) == 1, outcomes
        assert home.names() == ["web"]


def test_a_lost_command_that_is_restored_begins_only_after_enter(home: Home) -> None:
    home.sesh("--open", "web", "--", "sh", "-c", "echo run >>runs; cat runs; read x")
    wait_until(lambda: kept(home, "run"))
    lose(home, "web")
    assert home.sesh("--restore").code == 0
    person = home.terminal("web")
    person.wait_for("press Enter to run again: sh -c")
    with open(os.path.join(home.path, "runs"), encoding="utf-8") as runs:
        assert runs.read() == "run\n"
    assert home.sesh("--status", "web", "--json").json()["command"][:2] == ["sh", "-c"]
    person.type("\r")
    person.wait_for("run\nrun")
    person.type("\r")
    assert person.exit_code() == 0


@pytest.mark.parametrize(("key", "code"), [("\x1b", 1), ("\x03", 130)])
def test_who_declines_leaves_a_lost_session_as_it_is(home: Home, key: str, code: int) -> None:
    home.sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    lose(home, "web")
    person = home.terminal("web")
    person.wait_for("it ran: sh -c")
    person.type(key)
    assert person.exit_code() == code
    assert home.sesh("--logs", "web").stdout == "here\n"


def test_a_lost_session_asks_as_an_ended_one_does(home: Home) -> None:
    """The same key forgot an ended session with all its output, and did nothing to a lost one."""
    asked = []
    home.sesh("--open", "lost", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    lose(home, "lost")
    home.sesh("--open", "ended", "--", "sh", "-c", "exit 3")
    wait_until(lambda: home.summary("ended")["state"] == "exited")
    for name, code in (("lost", 1), ("ended", 3)):
        person = home.terminal(name)
        person.wait_for("Close")
        asked.append([row for row in person.screen() if "Close" in row][-1])
        person.type("c")
        person.wait_for("close it? [y/N]")
        person.type("y")
        assert person.exit_code() == code
        person.wait_for(f"sesh: {name} is closed")
    assert asked[0] == asked[1]
    assert home.names() == []


@pytest.mark.parametrize("key", ["c", "\r", "n"])
def test_no_single_key_closes_a_session_for_good(home: Home, key: str) -> None:
    """`c` cancels other questions: pressed to get out of this one, it deleted the session."""
    home.sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    lose(home, "web")
    person = home.terminal("web")
    person.wait_for("Close for good")
    person.type("c")
    person.wait_for("web: its screen and scrollback go; close it? [y/N]")
    person.type(key)
    assert person.exit_code() == 1
    person.wait_for("nothing was done")
    assert home.sesh("--logs", "web").stdout == "here\n"


def test_all_that_were_lost_are_started_again_by_an_export_and_an_import(home: Home) -> None:
    for name in ("one", "two"):
        home.sesh("--open", name, "--label", f"of={name}", "--", "cat")
    for name in ("one", "two"):
        lose(home, name)
    assert home.sesh("--import", input=home.sesh("--export").stdout).code == 0
    found = home.sesh("--list", "--json").json()
    assert [(row["name"], row["state"], row["labels"]) for row in found] == [
        ("one", "running", {"of": "one"}),
        ("two", "running", {"of": "two"}),
    ]


def test_until_enter_the_list_shows_the_command_itself_as_a_shell_would_write_it(home: Home) -> None:
    """It showed the shell that waits for Enter, and the line above ran words together: `sh -c echo a; cat`."""
    home.sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    wait_until(lambda: kept(home, "here"))
    lose(home, "web")
    assert home.sesh("--restore").code == 0
    person = home.terminal("web")
    person.wait_for("press Enter to run again: sh -c 'echo here; read x'")
    (row,) = home.sesh("--list", "--json").json()
    assert row["foreground"]["command"] == row["command"] == ["sh", "-c", "echo here; read x"]


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
@pytest.mark.parametrize(("state", "listed"), [("stopping", "lost"), ("running", "exited")])
def test_a_machine_that_goes_down_leaves_its_sessions_to_be_restored(
    home: Home, state: str, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shutdown ends all processes by SIGTERM. Where systemd did not report it, that ended a session for good."""
    home.write("bin/systemctl", f"#!/bin/sh\necho {state}\n", mode=0o755)
    monkeypatch.setattr(system, "_SYSTEMD", "/")
    home.sesh("--open", "web", "--", "sh", "-c", "echo here; read x")
    home.sesh("--exec", "kept", "--keep", "--", "sh", "-c", "echo there; exit 3")
    home.sesh("--exec", "job", "-d", "--", "sleep", "100")
    wait_until(lambda: home.sesh("--logs", "web").stdout == "here\n")  # with the end of the line
    for name in ("web", "kept", "job") if state == "running" else ("web", "kept"):
        daemon = int(str(record(home, name)["daemon_pid"]))
        os.kill(daemon, signal.SIGTERM)
        wait_until(lambda daemon=daemon: not identity.start_time(daemon))  # type: ignore[misc]
    states = {
        session["name"]: session["state"]
        for session in json.loads(home.sesh("--list", "--json").stdout)
        if session["name"] != "job"
    }
    assert states == {"web": listed, "kept": "exited"}
    wait_until(lambda: home.sesh("--logs", "web").stdout == "here\n")
    assert home.sesh("--logs", "kept").stdout == "there\n"
    assert home.sesh("--restore").stdout == "web waits for Enter to run again: sh -c 'echo here; read x'\n"
    assert ("job" in home.names()) == (state == "stopping")


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


def test_a_damaged_history_does_not_keep_a_session_from_starting_again(home: Home) -> None:
    home.sesh("--open", "work")
    home.sesh("--run", "work", "--", "echo before")
    wait_until(lambda: kept(home, "before"))
    lose(home, "work")
    (name,) = (name for name in checkpoints(home) if name.startswith(".checkpoint."))
    path = Path(home.directory, name)
    header, _, shown = path.read_bytes().partition(b"\n")
    facts = json.loads(header)
    facts["history"] = [{"n": 1}, {"n": 7, "command": ["x"]}]
    path.write_bytes(json.dumps(facts).encode() + b"\n" + shown)
    assert home.sesh("--open", "work").code == 0
    assert home.sesh("--run", "work", "--", "echo behind").stdout == "behind\n"
    assert [entry["n"] for entry in home.sesh("--history", "work", "--json").json()] == [1]


def test_a_restored_session_still_knows_what_was_run_in_it(home: Home) -> None:
    """Its history was empty, though that of the lost session was not."""
    home.sesh("--open", "work")
    assert home.sesh("--run", "work", "--", "echo before").code == 0
    wait_until(lambda: kept(home, "before"))
    lose(home, "work")
    before = home.sesh("--history", "work", "--json").json()
    assert [entry["command"] for entry in before] == [["echo before"]]
    assert home.sesh("--restore").code == 0
    assert home.sesh("--history", "work", "--json").json() == before
    assert home.sesh("--run", "work", "--", "echo behind").code == 0
    after = home.sesh("--history", "work", "--json").json()
    assert [(entry["n"], entry["command"]) for entry in after] == [(1, ["echo before"]), (2, ["echo behind"])]
    assert home.sesh("--history", "work", "2").stdout == "behind\n"
    lost = home.sesh("--history", "work", "1")
    assert (lost.code, lost.stdout) == (1, "")
    assert "the output of command 1 is not kept any more; see: sesh --logs work" in lost.stderr


def test_the_line_for_tmux_has_session_holds_only_for_one_that_runs(sesh: Sesh, home: Home) -> None:
    """The page said that `--status` is it, whose exit code is 0 for one that has ended or is lost, too."""
    need("jq")
    with open(os.path.join(ROOT, "docs", "COMING-FROM.md"), encoding="utf-8") as page:
        row = next(line for line in page if line.startswith("| `tmux has-session -t work` |"))
    line = row.split("`")[3].replace("\\|", "|")
    states = {"runs": "running", "ended": "exited", "dead": "lost", "none": None}
    for name, command in (("runs", "cat"), ("ended", "exit 3"), ("dead", "cat")):
        assert sesh("--open", name, "--", "sh", "-c", command).code == 0
    wait_until(lambda: home.summary("ended")["state"] == "exited")
    lose(home, "dead")
    for name, state in states.items():
        assert sesh("--status", name, "--json").json().get("state") == state
        words = ["sh", "-c", line.replace("work", name).replace("sesh ", f"{shlex.join(home.command)} ")]
        done = subprocess.run(words, env=home.env, cwd=home.path, capture_output=True, timeout=60, check=False)
        assert (done.returncode == 0) == (name == "runs"), done
