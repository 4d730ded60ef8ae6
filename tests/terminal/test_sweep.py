"""`sweep` finds and clears leftovers, and nothing that is in use."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sys
import time

import pytest

from sesh.schema.facts import Record
from sesh.store import records
from sesh.system import paths, processes
from tests.support import ROOT, Home, Open, Sesh, wait_until

HOURS = 2 * 3600
OLD, NEW, NEWEST = (f"1.{number}-{secrets.token_hex(6)}" for number in range(3))
"""Versions as `deploy` names them."""


def left_behind(home: Home, entry: str, content: str = "") -> str:
    """Write a file in the directory of sessions that is two hours old."""
    path = home.write(f".sesh/{entry}", content, mode=0o600)
    then = time.time() - HOURS
    os.utime(path, (then, then))
    return path


@pytest.mark.needs_fork("a record that goes between two looks")
def test_a_session_that_another_command_removes_meanwhile_is_no_error(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record was gone between the list and the look at its age."""
    assert sesh("open", "ended", "--", "sh", "-c", "exit 3").code == 0
    wait_until(lambda: home.summary("ended")["state"] == "exited", "the session ended has ended")
    age = records.age

    def removed(record: Record) -> float:
        os.unlink(paths.record_path(record["name"]))
        return age(record)

    monkeypatch.setattr(records, "age", removed)
    assert sesh("sweep", "--dry-run", "--json").code == 0


def test_what_has_ended_is_cleared_and_what_runs_is_not(sesh: Sesh, home: Home) -> None:
    sesh("open", "live", "--", "sleep", "60")
    sesh("exec", "done", "--keep", "--", "true")
    sesh("open", "gone", "--", "sleep", "60")
    home.crash("gone")
    stale = [
        left_behind(home, entry) for entry in (".0123abcd.run", "gone.sesh-run", ".web.json.4194999.sesh", "torn.json")
    ]
    fresh = home.write(".sesh/.89abcdef.run", "", mode=0o600)
    writing = left_behind(home, f".web.json.{os.getpid()}.sesh")
    dry = sesh("sweep", "--older", "0s", "--dry-run")
    assert (dry.code, dry.stdout.splitlines()[-1]) == (0, "6 found; nothing changed")
    assert set(home.names()) == {"done", "gone", "live", "torn"}
    first = dry.stdout.splitlines()[0]
    assert first.split()[:2] == ["2h", "file"], "the oldest comes first"
    old = sesh("sweep", "--older", "1h", "--json").json()
    assert sorted(each["what"] for each in old["pieces"]) == sorted(stale)
    assert all(each["cleared"] for each in old["pieces"])
    rest = sesh("sweep", "--older", "0s").stdout.splitlines()
    assert sorted(line.split()[-1] for line in rest[:-1]) == ["done", "gone"]
    assert rest[-1] == "2 of 2 cleared"
    assert home.names() == ["live"]
    assert os.path.exists(fresh), "a run may be about to read it"
    assert os.path.exists(writing)
    assert sesh("sweep", "--older", "0s").stdout == "no leftovers\n"
    assert sesh("sweep").stdout == "no leftovers older than 7d\n"


def test_a_directory_of_files_is_swept_when_no_session_has_it_and_what_a_program_put_there_stays(
    sesh: Sesh, home: Home
) -> None:
    sesh("open", "live", "--", "sleep", "60")
    folders = []
    for session_id in ("0123456789abcdef", "0123456789abcdee", home.record("live")["files"]):
        for entry, content in (("shot.png", ""), ("~made", "shot.png\n")):
            home.write(f".sesh/.files.{session_id}/{entry}", content, mode=0o600)
        folders.append(f"{home.directory}/.files.{session_id}")
    kept = home.write(f".sesh/.files.{folders[1][-16:]}/of-a-program", "")
    for folder in folders:
        os.chmod(folder, 0o700)
        os.utime(folder, (time.time() - HOURS,) * 2)
    swept = sesh("sweep", "--older", "1h", "--json").json()["pieces"]
    assert sorted(each["what"] for each in swept) == sorted(folders[:2])
    assert [os.path.lexists(folder) for folder in folders] == [False, True, True]
    assert os.listdir(folders[1]) == [os.path.basename(kept)]
    assert os.path.exists(f"{folders[2]}/shot.png")
    os.utime(folders[1], (time.time() - HOURS,) * 2)
    assert sesh("sweep", "--older", "1h").stdout == "no leftovers older than 1h\n"


def test_a_session_that_took_the_name_of_a_listed_one_is_not_swept(home: Home, terminal: Open) -> None:
    """It was looked up again by its name, however new it was."""
    home.sesh("exec", "done", "--keep", "--", "true")
    sweeping = terminal("sweep")
    sweeping.wait_for("clear all of these? [y/N]")
    assert home.sesh("kill", "done").code == 0
    assert home.sesh("exec", "done", "--keep", "--", "true").code == 0
    sweeping.type("y")
    assert sweeping.exit_code() == 0
    assert home.names() == ["done"]


def test_what_nobody_can_find_and_what_was_lost_goes_only_where_that_is_wanted(sesh: Sesh, home: Home) -> None:
    sesh("open", "lonely", "--", "sleep", "1000")
    pid = home.summary("lonely")["daemon_pid"]
    for suffix in (".sock", ".json"):
        os.unlink(os.path.join(home.directory, f"lonely{suffix}"))
    left = sesh("sweep", "--older", "0", "--json").json()["pieces"]
    assert [(each["kind"], each["pid"], each["cleared"]) for each in left] == [("daemon", pid, False)]
    lost(home, sesh, "gone", idle=False)
    lines = {more: sesh("sweep", "--older", "0", "--dry-run", *more).stdout for more in ((), ("--all",))}
    assert lines["--all",].endswith("\n2 found; nothing changed\n")
    assert lines[()].endswith("\n2 found; nothing changed; 1 run: --all would end them\n")
    for more, question, answer in (
        ((), "clear all of these but the 1 that run?", "n"),
        (("--all",), "clear all of these, and end the 1 that run?", "\r"),
        ((), "clear all of these but the 1 that run?", "y"),
    ):
        terminal = home.terminal("sweep", *more)
        terminal.wait_for(question)
        terminal.type(answer)
        assert terminal.exit_code() == 0
        assert processes.start_time(pid)
        assert home.names() == ["gone"] * (answer != "y")
    spared = home.terminal("sweep", "-y")
    spared.wait_for("1 still run: --all ends them")
    assert (spared.exit_code(), bool(processes.start_time(pid))) == (0, True), "-y only leaves out the question"
    assert home.terminal("sweep", "--all", "-y").exit_code() == 0
    assert not processes.start_time(pid)


def lost(home: Home, sesh: Sesh, name: str, *, idle: bool = True) -> str:
    """Create a lost session, idle for a year if wanted; return its record's path."""
    sesh("open", name, "--", "sleep", "60")
    home.crash(name)
    path = os.path.join(home.directory, f"{name}.json")
    if not idle:
        return path
    home.write(
        f".sesh/{name}.json", json.dumps({**home.record(name), "last_activity": "2020-01-01T00:00:00Z"}), mode=0o600
    )
    then = time.time() - 365 * 86400
    os.utime(path, (then, then))
    return path


def test_where_nobody_can_be_asked_a_session_lost_just_now_is_not_forgotten(sesh: Sesh, home: Home) -> None:
    """`sweep` from cron must count the age from the loss, not from the last activity."""
    path = lost(home, sesh, "gone")
    for more in ((), ("-y",), ("--json",), ("--older", "1h")):
        assert sesh("sweep", *more).code == 0
        assert home.names() == ["gone"], more
    then = time.time() - 8 * 86400  # as if eight days had passed
    os.utime(path, (then, then))
    assert sesh("sweep", "--older", "1000h").stdout == "no leftovers older than 1000h\n"
    assert sesh("sweep").stdout.splitlines()[-1] == "1 of 1 cleared"
    assert home.names() == []


def test_a_live_session_whose_record_is_damaged_is_no_orphan(sesh: Sesh, home: Home) -> None:
    """`sweep --all` must not end the session's daemon or remove the session's files."""
    sesh("open", "work", "--", "sleep", "60")
    pid = home.summary("work")["daemon_pid"]
    agent = f".agent.{'0' * 16}"
    os.symlink("/nowhere", os.path.join(home.directory, agent))
    old = time.time() - HOURS
    os.utime(os.path.join(home.directory, agent), (old, old), follow_symlinks=False)
    home.write(".sesh/work.json", '{"name":"work",,}', mode=0o600)
    swept = sesh("sweep", "--all", "--older", "0s")
    assert (swept.code, swept.stdout) == (0, "no leftovers\n")
    assert "work.json is damaged" in swept.stderr
    assert os.path.lexists(os.path.join(home.directory, agent))
    assert processes.start_time(pid)


def test_what_sesh_has_not_made_is_no_leftover(sesh: Sesh, home: Home) -> None:
    """`SESH_DIR` and `SESH_CTRL_DIR` may contain files of the user with similar names."""
    os.makedirs(os.path.join(home.directory, ".control"), mode=0o700)
    others = {
        "notes.tmp": "x", ".notes.2024": "x", ".a.b.1.sesh.txt": "x", "deploy.cmd": "x", "deploy.run": "x",
        ".env.prod": "x", "notes.json": '{"name": "mine"}\n', "todo.json": "not JSON", ".control/yarn.lock": "",
        ".control/x.failed": "",
    }  # fmt: skip
    for entry, content in others.items():
        left_behind(home, entry, content)
    with socket.socket(socket.AF_UNIX) as mine:
        mine.bind(os.path.join(home.directory, ".control", "mine.sock"))
    os.utime(os.path.join(home.directory, ".control", "mine.sock"), (0, 0))
    assert sesh("sweep", "--older", "0", "--all").stdout == "no leftovers\n"
    sesh("exec", "--", "true")
    assert all(os.path.exists(os.path.join(home.directory, entry)) for entry in (*others, ".control/mine.sock"))


def test_files_of_a_session_that_is_gone_are_swept_and_what_a_lost_one_needs_stays(sesh: Sesh, home: Home) -> None:
    with open(lost(home, sesh, "gone"), encoding="utf-8") as file:
        record = json.load(file)
    entries = [f".{what}.{'0' * 16}" for what in ("checkpoint", "screen", "env")]
    left = [left_behind(home, entry) for entry in entries]
    needed = [left_behind(home, f".{what}.{record['id']}") for what in ("checkpoint", "screen")]
    assert sesh("sweep", "--older", "1h").stdout.splitlines()[-1] == "3 of 3 cleared"
    assert [os.path.exists(path) for path in (*left, *needed)] == [False] * 3 + [True] * 2


def test_the_session_that_it_is_typed_in_and_another_machines_are_left(sesh: Sesh, home: Home) -> None:
    foreign = {"name": "theirs", "machine": "another", "machine_name": "box", "boot": "", "daemon_pid": 1, "id": "ab"}
    left_behind(home, "theirs.json", json.dumps(foreign))
    left_behind(home, ".agent.ab")
    terminal = home.terminal("own")
    terminal.wait_for("ready>")
    for suffix in (".sock", ".json"):
        os.unlink(os.path.join(home.directory, f"own{suffix}"))
    terminal.type("sesh sweep --all | tail -n 1; echo over\r")
    terminal.wait_for("no leftovers")
    assert os.path.exists(os.path.join(home.directory, "theirs.json"))
    assert os.path.lexists(os.path.join(home.directory, ".agent.ab"))
    terminal.type("exit\r")
    assert terminal.exit_code() == 0


def test_versions_that_nothing_runs_from_are_removed(sesh: Sesh, home: Home) -> None:
    folder = ".local/share/sesh/versions"
    for version in (OLD, NEW, NEWEST, "mine"):
        home.write(f"{folder}/{version}/start.py", "import signal; signal.pause()\n")
        then = time.time() - HOURS
        os.utime(os.path.join(home.path, folder, version), (then, then))
    home.write(".local/bin/sesh", f"#!/bin/sh\n#\nexec python3 {home.path}/{folder}/{NEWEST}/start.py\n", mode=0o755)
    used = home.terminal(command=["python3", f"{home.path}/{folder}/{NEW}/start.py"])
    wait_until(lambda: any(NEW in " ".join(words) for _, _, words in processes.own_processes()), "the new version runs")
    pieces = sesh("sweep", "--older", "0", "--json").json()["pieces"]
    assert [(each["kind"], os.path.basename(each["what"])) for each in pieces] == [("version", OLD)]
    assert sorted(os.listdir(os.path.join(home.path, folder))) == [NEW, NEWEST, "mine"]
    used.close()


def deployed(home: Home, version: str) -> tuple[str, list[str]]:
    """Make an old version as by `deploy`; return the versions' folder and the start command."""
    versions = os.path.join(home.path, ".local/share/sesh/versions")
    lib = os.path.join(versions, version, "lib")
    os.makedirs(lib)
    for room in ("sesh", "daemon", "client", "remote", "completions"):
        ignore = shutil.ignore_patterns("*.pyc.*", "daemon", "client", "remote", "completions")
        target = os.path.join(lib, *(("sesh",) if room == "sesh" else ("sesh", room)))
        shutil.copytree(os.path.join(ROOT, room), target, ignore=ignore, copy_function=os.symlink)
    home.write(".local/bin/sesh", "#!/bin/sh\n", mode=0o755)
    home.write(os.path.join(versions, version, "start.py"), "")
    os.utime(os.path.join(versions, version), (0, 0))
    code = f"import sys; sys.path.insert(0, {lib!r}); from sesh.__main__ import start; start()"
    return versions, [sys.executable, "-c", code]


@pytest.mark.soak
def test_a_version_is_removed_while_sessions_run_that_were_started_from_it(sesh: Sesh, home: Home) -> None:
    """A daemon has loaded all that it needs."""
    ours = home.command
    versions, home.command = deployed(home, OLD)
    assert home.sesh("open", "work", "--", "sleep", "100").code == 0
    home.command = ours
    assert [piece["kind"] for piece in sesh("sweep", "--json", "--all").json()["pieces"]] == ["version"]
    assert os.listdir(versions) == []
    for act in (("run", "work", "--", "true"), ("reload", "work"), ("screen", "work"), ("kill", "work")):
        assert home.sesh(*act).code == (125 if act[0] == "run" else 0), act
