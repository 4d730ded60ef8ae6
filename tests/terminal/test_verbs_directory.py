"""Where the files of sessions lie, as seen from the command line."""

from __future__ import annotations

from pathlib import Path

from tests.support import Home


def test_a_relative_sesh_dir_means_the_directory_where_it_was_written(home: Home) -> None:
    """The daemon works in `/`: it used to look for a relative SESH_DIR there, and the creating command failed.

    Inside the session the variable must still lead to the same place, wherever its shell goes.
    """
    where = {"SESH_DIR": "sessions"}
    assert home.sesh("--open", "here", "--", "sleep", "1000", env=where, cwd=home.path).code == 0
    assert Path(home.path, "sessions", "here.sock").is_socket()
    shown = home.sesh("--exec", "--print", "-C", "/", "--", "sh", "-c", "echo $SESH_DIR", env=where, cwd=home.path)
    assert shown.stdout == f"{home.path}/sessions\n"
    assert home.sesh("--kill", "here", env=where, cwd=home.path).code == 0
