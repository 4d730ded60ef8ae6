"""`--doctor`: what is wrong is said with its remedy, and only what keeps sesh from working makes it fail."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from sesh import about
from sesh.about import __version__
from tests.support import Home, Result

Sesh = Callable[..., Result]


def rows(result: Result) -> dict[str, dict[str, Any]]:
    """The last finding of each check."""
    return {each["check"]: each for each in result.json()["checks"]}


def test_where_all_is_well_it_says_so_and_changes_no_session(sesh: Sesh, home: Home) -> None:
    os.makedirs(os.path.join(home.path, ".local/bin"))
    env = {"PATH": f"{home.path}/.local/bin:{home.env['PATH']}"}
    sesh("--open", "work")
    found = sesh("--doctor", "--json", env=env)
    assert found.code == 0
    assert found.json()["ok"] is True
    checks = rows(found)
    assert {"python", "system", "directory", "locale", "path", "logout", "ssh", "versions"} <= set(checks)
    assert {each["state"] for each in checks.values()} - {"warning"} == {"ok"}
    assert checks["path"]["state"] == "ok"
    assert sesh("--doctor").stdout.splitlines()[0].split()[:2] == ["ok", "python"]
    assert home.names() == ["work"]


def test_what_keeps_sesh_from_working_is_an_error(sesh: Sesh, home: Home) -> None:
    os.chmod(home.directory, 0o755)  # noqa: S103 (that is what is wrong)
    found = sesh("--doctor", "--json")
    assert (found.code, found.json()["ok"]) == (1, False)
    assert rows(found)["directory"]["state"] == "error"
    assert "run: chmod 700" in rows(found)["directory"]["remedy"]
    plain = sesh("--doctor").stdout
    assert "sesh does not work" in plain
    assert "\x1b" not in plain
    os.chmod(home.directory, 0o700)


def test_what_only_limits_it_is_a_warning(sesh: Sesh, home: Home) -> None:
    home.write(".config/sesh/config.toml", "replay_lines = 5\nnonsense = 1\n")
    env = {"LC_ALL": "xx_XX.UTF-8", "PATH": f"{home.path}/bin:/nowhere", "SHELL": "/no/shell"}
    found = sesh("--doctor", "--json", env=env)
    assert (found.code, found.json()["ok"]) == (0, True)
    checks = rows(found)
    assert "config.toml:2:1:" in checks["settings"]["message"]
    for check in ("settings", "locale", "path", "ssh", "shell"):
        assert checks[check]["state"] == "warning", check
        assert checks[check]["remedy"], check
    key = rows(sesh("--doctor", "--json", env={"SESH_DETACH_KEY": "C-nonsense"}))["settings"]
    assert (key["state"], key["remedy"]) == ("warning", "use tmux's key names: C-\\ or 'C-b d'")
    terminal = home.terminal("--doctor", env={"TERM": "unheard-of"})
    terminal.wait_for("this machine has no terminfo entry for unheard-of")
    assert terminal.exit_code() == 0


def test_daemons_of_another_version_are_named(sesh: Sesh, home: Home) -> None:
    def older(name: str, version: str) -> list[dict[str, Any]]:
        """The findings on versions, once a session of that name runs on this one."""
        sesh("--open", name)
        with open(os.path.join(home.directory, f"{name}.json"), encoding="utf-8") as file:
            record = json.load(file)
        home.write(f".sesh/{name}.json", json.dumps({**record, "version": version}), mode=0o600)
        return [each for each in sesh("--doctor", "--json").json()["checks"] if each["check"] == "versions"]

    (row,) = older("work", "0.0.9")
    assert (row["message"], row["remedy"]) == (f"work runs on sesh 0.0.9, this is {__version__}", "sesh --reload work")
    (row,) = older("web", "0.0.8")
    said = f"2 sessions run on sesh 0.0.8, 0.0.9, this is {__version__}"
    assert (row["message"], row["remedy"]) == (said, "sesh --reload")


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has open is not told here")
def test_a_session_of_a_copy_is_of_this_build_and_one_of_another_source_is_not(sesh: Sesh, home: Home) -> None:
    """`make run` and then `make install`, as README has it: the doctor warned of the session of the checkout."""
    for path, data in about.files().items():
        home.write(f"copy/{path}", data)
    code = f"import sys; sys.path.insert(0, {home.path + '/copy'!r}); from sesh.__main__ import start; start()"
    ours, home.command = home.command, [sys.executable, "-c", code]
    assert home.sesh("--open", "work", "--", "cat").code == 0
    home.command = ours
    assert rows(sesh("--doctor", "--json"))["versions"]["state"] == "ok"
    home.write("copy/sesh/moments.py", "")
    assert rows(sesh("--doctor", "--json"))["versions"]["remedy"] == "sesh --reload work"


@pytest.mark.parametrize(
    ("says", "what"),
    [("sesh version v2.28.0", "the session picker for tmux"), ("usage: sesh [-h]", "another program")],
)
def test_another_program_of_the_name_is_noticed_and_only_asked_for_its_version(
    sesh: Sesh, home: Home, says: str, what: str
) -> None:
    other = home.write("other/sesh", f"#!/bin/sh\necho $* >>{home.path}/asked\necho '{says}'\n", 0o755)
    first = sesh("--doctor", "--json", env={"PATH": f"{home.path}/other:{home.env['PATH']}"})
    (found,) = (each for each in first.json()["checks"] if each["message"].startswith(other))
    assert (first.code, found["check"], found["state"]) == (0, "program", "warning")
    assert found["message"] == f"{other} is {what}"
    assert "type sesh-mux" in found["remedy"]
    behind = sesh("--doctor", env={"PATH": f"{home.env['PATH']}:{home.path}/other"}).stdout
    assert f"{other} is {what}, behind this sesh in PATH" in behind
    with open(os.path.join(home.path, "asked"), encoding="utf-8") as file:
        assert set(file.read().splitlines()) == {"--version"}


def test_another_sesh_that_comes_first_in_path_is_named_with_both_versions(sesh: Sesh, home: Home) -> None:
    other = home.write("other/sesh", "#!/bin/sh\necho sesh 0.0.9\n", 0o755)
    checks = sesh("--doctor", "--json", env={"PATH": f"{home.path}/other:{home.env['PATH']}"}).json()["checks"]
    (found,) = (each for each in checks if each["message"].startswith(other))
    assert (found["state"], found["message"]) == ("warning", f"{other}, version 0.0.9; this is {__version__}")
    assert "remove one" in found["remedy"]
