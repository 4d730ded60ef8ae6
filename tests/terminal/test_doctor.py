"""`doctor` reports each problem with its remedy, and fails only if sesh cannot work."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import Any

from sesh.system.platforms import LINUX
from tests.support import Home, Open, Result, Sesh, wait_until


def rows(result: Result) -> dict[str, dict[str, Any]]:
    """The last finding of each check."""
    return {each["check"]: each for each in result.json()["checks"]}


def test_where_all_is_well_it_says_so_and_changes_no_session(sesh: Sesh, home: Home) -> None:
    os.makedirs(os.path.join(home.path, ".local/bin"))
    env = {"PATH": f"{home.path}/.local/bin:{home.env['PATH']}"}
    sesh("open", "work", "--", "sleep", "60")
    found = sesh("doctor", "--json", env=env)
    assert found.code == 0
    assert found.json()["ok"] is True
    checks = rows(found)
    assert {"python", "directory", "locale", "path", "logout", "ssh", "versions"} <= set(checks)
    assert {each["state"] for each in checks.values()} - {"warning"} == {"ok"}
    assert checks["path"]["state"] == "ok"
    assert home.names() == ["work"]


def test_what_keeps_sesh_from_working_is_an_error(sesh: Sesh, home: Home) -> None:
    os.chmod(home.directory, 0o755)  # noqa: S103 (that is what is wrong)
    found = sesh("doctor", "--json")
    assert (found.code, found.json()["ok"]) == (1, False)
    assert rows(found)["directory"]["state"] == "error"
    assert "run: chmod 700" in rows(found)["directory"]["remedy"]
    plain = sesh("doctor").stdout
    assert plain.splitlines()[0].split()[:2] == ["ok", "python"]
    assert "sesh does not work" in plain
    assert "\x1b" not in plain
    os.chmod(home.directory, 0o700)


def test_what_only_limits_it_is_a_warning(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "replay_lines = 5\nnonsense = 1\n")
    env = {"LC_ALL": "xx_XX.UTF-8", "PATH": f"{home.path}/bin:/nowhere", "TMOUT": "900"}
    found = sesh("doctor", "--json", env=env)
    assert (found.code, found.json()["ok"]) == (0, True)
    checks = rows(found)
    assert "config.toml: unknown key nonsense" in checks["settings"]["message"]
    for check in ("settings", "locale", "path", "ssh"):
        assert checks[check]["state"] == "warning", check
        assert checks[check]["remedy"], check
    assert checks["path"]["remedy"].endswith('export PATH="$HOME/.local/bin:$PATH"')  # whatever the home is called
    assert (checks["shell"]["state"], "TMOUT=900" in checks["shell"]["message"]) == ("warning", True)
    key = rows(sesh("doctor", "--json", env={"SESH_DETACH_KEY": "C-nonsense"}))["settings"]
    assert (key["state"], key["remedy"]) == ("warning", "use tmux's key names: C-\\ or 'C-b d'")
    terminal = home.terminal("doctor", env={"TERM": "unheard-of"})
    terminal.wait_for("this machine has no terminfo entry for unheard-of")
    assert terminal.exit_code() == 0


def test_who_holds_the_lock_of_the_sessions_is_named_and_attaching_does_without_it(home: Home, terminal: Open) -> None:
    """`doctor` and `sesh NAME` waited without a word, as long as the lock was held."""
    home.sesh("open", "work", "--", "sh", "-c", "echo ready; exec cat")
    with open(os.path.join(home.directory, ".lock"), "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = home.sesh("doctor", "--json")
        row = rows(found)["directory"]
        attached = terminal("work")
        attached.wait_for("ready")
    assert (found.code, row["state"]) == (1, "error")
    if LINUX:
        assert f"process {os.getpid()} holds the lock" in row["message"]
        assert f"kill -CONT {os.getpid()}" in row["remedy"]


def test_a_daemon_whose_files_were_removed_is_named_and_makes_them_again_by_sigusr1(sesh: Sesh, home: Home) -> None:
    sesh("open", "work", "--", "sh", "-c", "exec sleep 1000")
    pid = home.summary("work")["daemon_pid"]
    for entry in os.listdir(home.directory):
        if entry.startswith("work."):
            os.unlink(os.path.join(home.directory, entry))
    found = rows(sesh("doctor", "--json"))["daemons"]
    assert found["state"] == "warning"
    assert str(pid) in found["message"]
    assert f"kill -USR1 {pid}" in found["remedy"]
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: home.names() == ["work"], "the session is listed")
    assert "daemons" not in rows(sesh("doctor", "--json"))
