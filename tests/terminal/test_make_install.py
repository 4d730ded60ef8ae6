"""What `make uninstall` says of sessions that run, and of remaining files."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support import ROOT, Home, Sesh


def uninstalling(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """Run uninstall.py for an environment, as `make uninstall` does."""
    command = [sys.executable, os.path.join(ROOT, "install", "uninstall.py"), *words]
    env = {**home.env, "PYTHONPATH": ROOT}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_uninstalling_refuses_while_sessions_run_and_names_what_stays(sesh: Sesh, home: Home) -> None:
    sesh("open", "one")
    refused = uninstalling(home, f"{home.path}/venv")
    assert refused.returncode == 1
    assert "sesh kill one" in refused.stderr
    forced = uninstalling(home, f"{home.path}/venv", "1")
    assert (forced.returncode, forced.stderr) == (0, "")
    assert f"stays: {home.directory} (" in forced.stdout
    sesh("kill", "one")
    assert uninstalling(home, f"{home.path}/venv").returncode == 0
