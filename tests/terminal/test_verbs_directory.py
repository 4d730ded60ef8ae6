"""The directory of sessions, as seen from the command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support import PROMPT, Home


def test_a_relative_sesh_dir_means_the_directory_where_it_was_written(home: Home) -> None:
    """The daemon works in `/`, where it must not look for a relative SESH_DIR."""
    where = {"SESH_DIR": "sessions"}
    assert home.sesh("open", "here", "--", "sleep", "1000", env=where, cwd=home.path).code == 0
    assert Path(home.path, "sessions", "here.sock").is_socket()
    shown = home.sesh("exec", "--print", "-C", "/", "--", "sh", "-c", "echo $SESH_DIR", env=where, cwd=home.path)
    assert shown.stdout == f"{home.path}/sessions\n"
    assert home.sesh("kill", "here", env=where, cwd=home.path).code == 0


def test_the_last_session_is_not_looked_for_where_nothing_is_trusted(home: Home) -> None:
    """`sesh -` must report a wrong SESH_DIR, not an internal error or a missing session."""
    home.write("file", "")
    home.write("open/file", "")
    os.chmod(f"{home.path}/open", 0o755)  # noqa: S103 - refused for that
    for where, message in (("file", "is not a directory"), ("open", "accessible to other users")):
        refused = home.sesh("-", env={"SESH_DIR": f"{home.path}/{where}"})
        assert refused.code == 1
        assert message in refused.stderr
    os.symlink(f"{home.path}/file", f"{home.directory}/.recent")
    assert "there is no previous session" in home.sesh("-").stderr


def test_from_a_removed_directory_an_absolute_one_is_reached(home: Home) -> None:
    """A removed current directory matters only to verbs that need the current directory."""
    home.write("gone/file", "")
    line = 'cd ~/gone; rm -r ~/gone; sesh exec --print -C / -- pwd; sesh new -d; echo "$?"'
    done = subprocess.run(["sh", "-c", line], env=home.env, capture_output=True, timeout=20, check=False)
    assert done.stdout.decode() == "/\n1\n"
    said = [line for line in done.stderr.decode().splitlines() if not line.startswith("sh: ")]
    assert ["removed" in line for line in said] == [True]
    assert home.names() == []


def test_a_list_says_what_it_does_not_believe(home: Home) -> None:
    """`list` must report a socket writable by others, and a file in its place."""
    home.sesh("open", "web", "--", "sleep", "60")
    os.chmod(f"{home.directory}/web.sock", 0o666)  # noqa: S103 - refused for that
    home.write(".sesh/other.sock", "")
    shown = home.sesh("list")
    assert shown.code == 0
    other, web = shown.stderr.splitlines()
    assert f"{home.directory}/other.sock is not a socket" in other
    assert f"chmod 600 {home.directory}/web.sock" in web
    assert [each["name"] for each in home.sesh("list", "--json").json()] == ["web"]
    os.chmod(f"{home.directory}/web.sock", 0o600)
    os.unlink(f"{home.directory}/other.sock")
    assert home.sesh("list").stderr == ""


def test_here_is_the_session_of_the_repository(home: Home) -> None:
    for place in ("one/app", "two/app"):
        os.makedirs(os.path.join(home.path, place, ".git"))
    first = home.terminal("here", cwd=f"{home.path}/one/app")
    first.wait_for("new session app ")
    first.type("\x1c")
    assert first.exit_code() == 0
    again = home.terminal("here", cwd=f"{home.path}/one/app")
    again.wait_for(PROMPT)
    again.type("echo in-$SESH_SESSION\r")
    again.wait_for("in-app")
    second = home.terminal("here", f"{home.path}/two/app")
    second.wait_for("new session app-2 ")
    assert sorted(home.names()) == ["app", "app-2"]
