"""Lost sessions: their output can still be read, and the user can restart them."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from sesh.system import platforms, processes
from tests.support import Home, Sesh, need, wait_until
from tests.terminal.looking import logs, screen


def checkpoints(home: Home) -> list[str]:
    return [name for name in os.listdir(home.directory) if name.startswith((".checkpoint.", ".screen."))]


def kept(home: Home, text: str) -> bool:
    """Tell whether a checkpoint holds this text."""
    return any(text.encode() in file.read_bytes() for file in Path(home.directory).glob(".screen.*"))


def remembers(home: Home, text: str) -> bool:
    """Tell whether the facts of a checkpoint, such as its history, hold this text."""
    return any(text.encode() in file.read_bytes() for file in Path(home.directory).glob(".checkpoint.*"))


def test_a_lost_session_shows_what_it_showed(sesh: Sesh, home: Home) -> None:
    assert sesh("open", "web", "--", "sh", "-c", "seq 40; printf '\\033[31mred\\033[m'; read x").code == 0
    wait_until(lambda: kept(home, "red"), "a checkpoint holds 'red'")
    assert all(os.stat(os.path.join(home.directory, name)).st_mode & 0o777 == 0o600 for name in checkpoints(home))
    before = [sesh("screen", "web").stdout, sesh("logs", "web").stdout, sesh("logs", "web", "2", "--ansi").stdout]
    home.crash("web")
    after = [sesh("screen", "web").stdout, sesh("logs", "web").stdout, sesh("logs", "web", "2", "--ansi").stdout]
    assert after == before
    assert sesh("logs", "web", "1", "-f", "--json").json() == {"line": "red"}
    assert before[2] == "40\n\x1b[0;31mred\x1b[m\n"
    shown = sesh("list", "--json").json()[0]
    assert shown["state"] == "lost"
    assert shown["lost"]["reason"] == "crash"
    assert shown["lost"]["saved"] is not None
    home.write(".sesh/web.json", json.dumps({**home.record("web"), "boot": "before"}), mode=0o600)
    assert sesh("list", "--json").json()[0]["lost"]["reason"] == "reboot"
    assert re.search(r"when this machine restarted; .* was kept: sesh screen web\n", sesh("status", "web").stdout)
    assert sesh("kill", "web").code == 0
    assert checkpoints(home) == []


_CLOCK = "import time\nprint('begun')\nwhile True: print(f'{time.time():.2f}', flush=True), time.sleep(0.02)"
"""A program that prints the time, without a pause that would count as the end of its output."""


@pytest.mark.soak
def test_a_crash_costs_five_seconds_at_most(sesh: Sesh, home: Home) -> None:
    """A crash loses at most five seconds of output, even if the program never pauses."""
    names = ["clock", "looked-at"]
    for name in names:
        sesh("open", name, "--", sys.executable, "-c", _CLOCK)
        wait_until(lambda name=name: "begun" in logs(home, name), f"{name} has printed 'begun'")  # type: ignore[misc]
    sesh("screen", names[1])  # with an emulator, and without
    began, killed = time.time(), {}
    for name, moment in zip(names, sorted(random.uniform(6.5, 7.5) for _ in names), strict=True):
        wait_until(lambda moment=moment: time.time() >= began + moment, "the moment of this session's end")  # type: ignore[misc]
        known = home.record(name)
        killed[name] = time.time()
        os.kill(known["daemon_pid"], signal.SIGKILL)
    for name in names:
        wait_until(lambda name=name: home.summary(name).get("state") == "lost", f"the session {name} counts as lost")  # type: ignore[misc]
        _, *lines = sesh("logs", name, "20000").stdout.split()
        assert float(lines[0]) < began
        assert killed[name] - float(lines[-1]) < 8.5, "five seconds, and the rest for a machine that is busy"


@pytest.mark.soak
def test_what_came_just_before_a_reload_is_kept_though_nothing_comes_after_it(sesh: Sesh, home: Home) -> None:
    names = ["web", "looked-at"]
    for name in names:
        sesh("open", name, "--", "sh", "-c", f"echo first {name}; read x; echo second {name}; read x")
    for name in names:
        wait_until(lambda name=name: kept(home, f"first {name}"), f"a checkpoint holds 'first {name}'")  # type: ignore[misc]
    sesh("screen", names[1])  # with an emulator, and without
    for name in names:
        sesh("send", name, "--enter")
        wait_until(lambda name=name: f"second {name}" in logs(home, name), f"{name} has printed 'second {name}'")  # type: ignore[misc]
        assert sesh("reload", name).code == 0
    for name in names:
        wait_until(lambda name=name: kept(home, f"second {name}"), f"a checkpoint holds 'second {name}'")  # type: ignore[misc]
        home.crash(name)
        told = sesh("logs", name).stdout.splitlines()
        assert [line for line in told if line] == [f"first {name}", f"second {name}"], "beside the Enter's own line"


@pytest.mark.soak
@pytest.mark.parametrize("end", ["exited", "lost"])
def test_all_its_scrollback_is_kept_whether_somebody_looked_or_not(sesh: Sesh, home: Home, end: str) -> None:
    """Looking at a session must not reduce its kept scrollback to 1,000 lines."""
    names = ["web", "looked-at"]
    for name in names:
        sesh("open", name, "--", "sh", "-c", f"seq 1500; echo all of {name}; read x; exit 3")
    wait_until(lambda: "all of looked-at" in screen(home, "looked-at"), "looked-at shows 'all of looked-at'")
    for name in names:
        wait_until(lambda name=name: kept(home, f"all of {name}"), f"a checkpoint holds 'all of {name}'")  # type: ignore[misc]
        if end == "lost":
            home.crash(name)
        else:
            sesh("send", name, "--enter")
            wait_until(lambda name=name: home.summary(name).get("state") == "exited", f"the session {name} has ended")  # type: ignore[misc]
        lines = sesh("logs", name, "20000").stdout.split("\n")
        assert lines[:1500] == [str(number) for number in range(1, 1501)]
        assert sesh("grep", "^17$", name).code == 0
        assert sesh("open", name).code == 0
        assert sesh("logs", name, "20000").stdout.startswith("1\n2\n3\n")


def test_persist_false_keeps_nothing(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "persist = false\n")
    assert sesh("exec", "job", "--keep", "--", "echo", "done").code == 0
    assert checkpoints(home) == []
    home.crash("job")
    answer = sesh("screen", "job")
    assert answer.code == 1
    assert "job exited 0" in answer.stderr
    assert "nothing of its screen was kept" in answer.stderr


def test_a_lost_shell_is_started_again_in_its_directory_with_its_output_above(home: Home) -> None:
    os.mkdir(os.path.join(home.path, "deep"))
    home.sesh("open", "web", "--label", "a=b")
    home.sesh("run", "web", "--", "cd ~/deep; echo remembered")
    wait_until(
        lambda: kept(home, "remembered") and remembers(home, f"{home.path}/deep"),
        "a checkpoint holds the output and the directory",
    )
    home.crash("web")
    person = home.terminal("web")
    person.wait_for("web was lost: its daemon died")
    person.type("s")
    person.wait_for("remembered")
    person.wait_for("── web was lost")
    person.type("pwd\r")
    person.wait_for(f"\n{home.path}/deep\n")
    assert home.sesh("status", "web", "--json").json()["labels"] == {"a": "b"}
    assert "remembered" in home.sesh("logs", "web").stdout
    person.type(b"\x1c")
    assert person.exit_code() == 0


def test_a_lost_shell_comes_back_as_the_shell_that_it_was(home: Home) -> None:
    """A restore by cron, where SHELL is /bin/sh, must start zsh again."""
    zsh = need("zsh")
    home.write(".zshrc", "")
    home.sesh("open", "web", env={"SHELL": zsh})
    home.sesh("run", "web", "--", "true")
    cron = {"SHELL": "/bin/sh"}
    layout = home.sesh("export", env=cron).stdout
    for way in (["open", "web"], ["import", "-"]):
        home.crash("web")
        done = home.sesh(*way, input=layout, env=cron)
        assert done.code == 0, done.stderr
        status = home.sesh("status", "web", "--json").json()
        assert (status["state"], status["command"]) == ("running", [zsh])
        assert home.sesh("run", "web", "--", "echo $ZSH_NAME $SHELL").stdout == f"zsh {zsh}\n"
        assert home.record("web")["shell"] is True


@pytest.mark.needs_fork("a machine that seems to have systemd")
@pytest.mark.skipif(not platforms.LINUX, reason="asks systemd")
def test_a_machine_that_goes_down_leaves_its_sessions_to_be_restored(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SIGTERM of a shutdown must not end a session for good."""
    home.write("bin/systemctl", "#!/bin/sh\necho stopping\n", mode=0o755)
    monkeypatch.setattr(platforms, "_SYSTEMD", "/")
    home.sesh("open", "web", "--", "sh", "-c", "echo here; read x")
    home.sesh("exec", "kept", "--keep", "--", "sh", "-c", "echo there; exit 3")
    wait_until(
        lambda: home.sesh("logs", "web").stdout == "here\n", "web has printed 'here'"
    )  # including the end of the line
    for name in ("web", "kept"):
        daemon = home.record(name)["daemon_pid"]
        os.kill(daemon, signal.SIGTERM)
        wait_until(lambda daemon=daemon: not processes.start_time(daemon), "the daemon has ended")  # type: ignore[misc]
    states = {session["name"]: session["state"] for session in home.sesh("list", "--json").json()}
    assert states == {"web": "lost", "kept": "exited"}
    wait_until(lambda: home.sesh("logs", "web").stdout == "here\n", "web has printed 'here'")
    assert home.sesh("logs", "kept").stdout == "there\n"
    assert home.sesh("restore").stdout == "web waits for Enter to run again: sh -c 'echo here; read x'\n"


def test_a_restored_session_still_knows_what_was_run_in_it(home: Home) -> None:
    """`restore` must keep the history of the lost session."""
    home.sesh("open", "work")
    assert home.sesh("run", "work", "--", "echo before").code == 0
    wait_until(lambda: remembers(home, "echo before"), "a checkpoint remembers 'echo before'")
    home.crash("work")
    before = home.sesh("history", "work", "--json").json()
    assert [entry["command"] for entry in before] == [["echo before"]]
    assert home.sesh("restore").code == 0
    assert home.sesh("history", "work", "--json").json() == before
    assert home.sesh("run", "work", "--", "echo behind").code == 0
    after = home.sesh("history", "work", "--json").json()
    assert [(entry["n"], entry["command"]) for entry in after] == [(1, ["echo before"]), (2, ["echo behind"])]
    assert home.sesh("history", "work", "2").stdout == "behind\n"
    lost = home.sesh("history", "work", "1")
    assert (lost.code, lost.stdout) == (1, "")
    assert "the output of command 1 is not kept any more; see: sesh logs work" in lost.stderr
