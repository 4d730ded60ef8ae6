"""Whether a daemon needs a systemd scope of its own, on a simulated system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sesh.daemon.spawn import launch
from sesh.system import platforms


class System:
    """A machine with systemd, whose files the test sets."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.files: dict[str, str] = {}
        self.bin = path / "bin"
        self.bin.mkdir()
        (path / "systemd").mkdir()
        (path / "systemd/private").touch()
        self.runner = self.bin / "systemd-run"
        self.runner.write_text("#!/bin/sh\n")
        self.runner.chmod(0o755)
        patch.setenv("XDG_RUNTIME_DIR", str(path))
        patch.setenv("PATH", f"/nonexistent:{self.bin}")
        patch.setattr(platforms, "content", lambda path: self.files.get(path, "").encode())
        patch.setattr(os.path, "isdir", lambda folder: any(name.startswith(f"{folder}/") for name in self.files))
        patch.setattr(os, "listdir", lambda folder: [os.path.basename(n) for n in self.files if folder in n])

    def cgroup(self, last: str) -> None:
        self.files["/proc/self/cgroup"] = f"0::/user.slice/user-1000.slice/{last}\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    return System(tmp_path, monkeypatch)


def words(system: System) -> list[str]:
    return [str(system.runner), "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"]


def test_a_daemon_leaves_the_scope_of_a_terminal(system: System) -> None:
    system.cgroup("user@1000.service/app.slice/vte-spawn-1.scope")
    assert launch.own_scope() == words(system)


def test_a_daemon_leaves_the_scope_of_a_login_only_if_logind_kills_at_logout(system: System) -> None:
    system.cgroup("session-3.scope")
    assert launch.own_scope() == []
    system.files["/etc/systemd/logind.conf"] = "[Login]\n#KillUserProcesses=yes\n"
    assert launch.own_scope() == []
    system.files["/etc/systemd/logind.conf"] = "[Login]\nKillUserProcesses=no\nKillUserProcesses = Yes\n"
    assert launch.own_scope() == words(system)
    system.files["/etc/systemd/logind.conf.d/50-mine.conf"] = "[Login]\nKillUserProcesses=no\n"
    assert launch.own_scope() == []


def test_a_daemon_stays_in_a_service(system: System) -> None:
    system.cgroup("user@1000.service/app.slice/tmux.service")
    assert launch.own_scope() == []


def test_without_systemd_there_is_no_scope(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    system.cgroup("vte-spawn-1.scope")
    system.runner.unlink()
    assert launch.own_scope() == []
    system.files.clear()
    assert launch.own_scope() == []
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert launch.own_scope() == []
