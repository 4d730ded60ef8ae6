"""A deploy that Ctrl-C ends leaves nothing on the host, whatever it was doing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from types import ModuleType
from typing import IO, Any

import pytest

from sesh.remote.deploy import bundle, install
from sesh.system import workers
from tests.remote.farm import Farm, SshHost
from tests.support import Home, processes, wait_until

_CAT = "#!/bin/sh\n: >~/halted\nuntil [ -e ~/go ]; do sleep 0.02; done\n"
_HALTS = """
import os, time

def start():
    open("{home}/halted", "w").close()
    while not os.path.exists("{home}/go"):
        time.sleep(0.02)
"""


class ViaHome:
    """Another HOME on this machine, reached without ssh."""

    def __init__(self, near: Home) -> None:
        self._near, self.home = near, os.path.join(near.path, "far")
        self.write("bin/cat", _CAT, 0o755)
        way = f"env HOME={self.home} PATH={self.home}/bin:/usr/bin:/bin"
        near.write(".config/sesh/config.toml", f'[remotes.box]\nvia = "{way}"\n')

    def write(self, name: str, content: str, mode: int = 0o644) -> str:
        return self._near.write(f"far/{name}", content, mode)

    def exists(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self.home, name))


def by_ssh(farm: Farm) -> SshHost:
    far = farm.host("box", installed=False, config={"Ciphers": "aes128-ctr"})
    far.write("bin/cat", _CAT, 0o755)
    far.write(".bashrc", "PATH=~/bin:$PATH\n")
    return far


def versions(far: SshHost | ViaHome) -> list[str]:
    folder = os.path.join(far.home, install.VERSIONS)
    return sorted(os.listdir(folder))


def interrupted(home: Home, far: SshHost | ViaHome) -> subprocess.Popen[bytes]:
    """Deploy until the host halts; press Ctrl-C then."""
    process = home.start("deploy", "@box")
    wait_until(lambda: far.exists("halted"), "the halt", timeout=20)
    process.send_signal(signal.SIGINT)
    return process


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("host", [lambda farm: ViaHome(farm.home), by_ssh], ids=["via", "ssh"])
def test_an_upload_that_is_interrupted_leaves_nothing(
    home: Home, farm: Farm, host: Callable[[Farm], SshHost | ViaHome]
) -> None:
    far = host(farm)
    process = interrupted(home, far)
    _, err = process.communicate(timeout=30)
    far.write("go", "")
    assert (process.returncode, versions(far)) == (130, []), err
    assert err.startswith(b"sesh: interrupted; "), err


@pytest.mark.needs_fork("an upload that stops")
@pytest.mark.usefixtures("light")
def test_an_upload_by_fabric_that_is_interrupted_leaves_nothing(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, fabric_carrier: ModuleType
) -> None:
    far = farm.host("box", installed=False)
    put = fabric_carrier.fabric.Connection.put

    def halt(way: Any, data: IO[bytes], path: str) -> None:
        (pid,) = (pid for pid in far.sshd.connections() if processes.called(pid) == "sftp-server")
        os.kill(pid, signal.SIGSTOP)
        far.write("halted", str(pid))
        put(way, data, path)

    monkeypatch.setattr(fabric_carrier.fabric.Connection, "put", halt)
    process = interrupted(home, far)
    _, err = process.communicate(timeout=30)
    processes.kill([int(far.read("halted"))])
    assert (process.returncode, versions(far)) == (130, []), err


@pytest.mark.soak
@pytest.mark.usefixtures("light")
def test_a_look_that_is_interrupted_ends_and_leaves_nothing(home: Home) -> None:
    far = ViaHome(home)
    os.unlink(os.path.join(far.home, "bin/cat"))
    assert home.sesh("deploy", "@box").code == 0
    (name,) = versions(far)
    code = f"{_HALTS.format(home=far.home)}\nstart()\nraise SystemExit(1)\n"
    far.write(f"{install.VERSIONS}/{name}/start.py", code)
    process = interrupted(home, far)
    far.write("go", "")
    _, err = process.communicate(timeout=30)
    wait_until(lambda: not home.processes(), "the end of the host's command")
    assert (process.returncode, versions(far)) == (130, [name]), err


@pytest.mark.needs_fork("a thread that is not waited for")
def test_a_trial_that_is_interrupted_ends_and_leaves_nothing_unfinished(
    home: Home, monkeypatch: pytest.MonkeyPatch, light: dict[str, bytes]
) -> None:
    monkeypatch.setattr(workers, "LEAVING", 0.2)
    far = ViaHome(home)
    os.unlink(os.path.join(far.home, "bin/cat"))
    made = bundle.packed({**light, "lib/sesh/__main__.py": _HALTS.format(home=far.home).encode()})
    monkeypatch.setattr(bundle, "build", lambda: made)
    process = interrupted(home, far)
    _, err = process.communicate(timeout=30)
    far.write("go", "")
    assert (process.returncode, b"may still be carried out" in err) == (130, True), err
    wait_until(lambda: versions(far) == [made.name], "the host has the new version alone")
