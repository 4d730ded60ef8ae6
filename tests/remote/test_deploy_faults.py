"""A failed deploy names its step, and leaves the host's files in place."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from sesh.errors import Unreachable
from sesh.link import opening
from sesh.remote.deploy.deploy import deploy
from sesh.remote.ssh.destination import Destination
from sesh.system.workers import Stop
from tests.remote.accounts import ROOT
from tests.remote.farm import Farm, SshHost
from tests.remote.test_deploy import PROGRAM, VERSIONS, deployed, litter, refused, versions
from tests.support import Home, need


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """`mounted("-t", "tmpfs", "none", path)` mounts something for the length of the test."""
    if not ROOT:
        pytest.skip("mounting takes root")
    paths: list[str] = []

    def mount(*words: str) -> None:
        done = subprocess.run([need("mount"), *words], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        if words[-1] not in paths:
            paths.append(words[-1])

    yield mount
    for path in reversed(paths):
        subprocess.run([need("umount"), "-l", path], check=True)


def old_version(far: SshHost) -> str:
    """Deploy a sesh that prints `old`; return what it prints."""
    deployed(far, "0.0.1-old", "print('old')\n")
    return "old\n"


def test_login_files_that_end_the_shell_are_told_of_and_no_deploy_is_advised(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    assert home.sesh("@box", "list").code == 0
    far.write(".bashrc", "exit 3\n")
    remedy = "its login files may end it; try: ssh box true"
    told = f"the shell on box ended before sesh was started (exit 3); {remedy}"
    assert home.sesh("@box", "list").stderr == f"sesh: {told}\n"
    assert remedy in home.sesh("@box", "doctor").stdout
    assert home.sesh("list", "--json").code == 0
    deployed = home.sesh("deploy", "@box")
    assert (deployed.code, remedy in deployed.stderr) == (1, True), deployed


@pytest.mark.soak
@pytest.mark.needs_fork("a login that may take a second")
@pytest.mark.parametrize("config", [{}, {"Ciphers": "aes128-ctr"}], ids=["fabric", "ssh"])
def test_login_files_that_read_are_told_of(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, config: dict[str, str | None]
) -> None:
    """The advice was to try again, or there was none; fabric waited for ever."""
    monkeypatch.setattr("sesh.remote.deploy.fabric_carrier.LOGIN_TIMEOUT", 1)
    far = farm.host("box", installed=False, config=config)
    far.write(".bashrc", 'read -p "Start tmux? " answer\n')
    deployed = home.sesh("deploy", "@box")
    remedy = "let login files read their input only on a terminal ([ -t 0 ])"
    assert (deployed.code, remedy in deployed.stderr) == (1, True), deployed
    monkeypatch.setattr(opening, "START_TIMEOUT", 1)
    opened = home.sesh("@box", "open", "work")
    assert (opened.code, opened.stderr) == (1, "sesh: box does not answer\n")


def test_a_full_disk_is_told_so(here: Home, farm: Farm, mounted: Callable[..., None]) -> None:
    """The error was `[Errno 28] No space left on device` alone."""
    far = farm.host("box", installed=False)
    path = os.path.join(far.home, ".local")
    os.makedirs(path, exist_ok=True)
    mounted("-t", "tmpfs", "-o", f"size=4m,uid={far.account.uid},mode=755", "none", path)
    assert refused("box", "unpack")["message"] == "box: No space left on device"
    assert litter(far) == []


@pytest.mark.usefixtures("light")
def test_r28_a_home_that_cannot_be_written_is_told_so(here: Home, farm: Farm, mounted: Callable[..., None]) -> None:
    far = farm.host("box", installed=False)
    said = old_version(far)
    mounted("--bind", far.home, far.home)
    mounted("-o", "remount,bind,ro", far.home)
    assert "Read-only file system" in refused("box", "upload")["message"]
    assert versions(far) == ["0.0.1-old"]
    assert far.run(PROGRAM).stdout == said


@pytest.mark.usefixtures("light")
def test_r28_a_connection_that_is_lost_leaves_the_old_version_in_service(here: Home, farm: Farm) -> None:
    far = farm.host("box", installed=False, proxied=True)
    said = old_version(far)
    deploying = deploy(Destination("box"), Stop())
    assert "upload" in deploying
    far.away()
    with pytest.raises(Unreachable, match=r"cannot reach box: .*; before, with fabric: "):
        list(deploying)
    assert (versions(far)[1:], far.run(PROGRAM).stdout) == (["0.0.1-old"], said)


@pytest.mark.usefixtures("light")
def test_a_connection_that_is_cut_is_replaced(here: Home, farm: Farm) -> None:
    far = farm.host("box", installed=False, proxied=True)
    deploying = deploy(Destination("box"), Stop())
    assert "upload" in deploying
    far.proxy.cut()
    *_, facts = deploying
    assert isinstance(facts, dict)
    assert (facts["changed"], litter(far), len(versions(far))) == (True, [], 1)


ELSEWHERE = "internal-sftp -d /"  # a file transfer has another tree than the shell
READ_ONLY = "internal-sftp -R"


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize(
    "sshd", [{"Subsystem": f"sftp {ELSEWHERE}"}, {"Subsystem": f"sftp {READ_ONLY}"}, {"MaxSessions": "1"}], ids=str
)
def test_what_fabric_cannot_do_on_a_host_is_done_by_ssh(here: Home, farm: Farm, sshd: dict[str, str | None]) -> None:
    """Plain ssh reached each of these hosts, and no deploy did."""
    far = farm.host("box", installed=False, sshd=sshd)
    *_, facts = deploy(Destination("box"), Stop())
    assert isinstance(facts, dict)
    assert (facts["changed"], litter(far), len(versions(far))) == (True, [], 1)


@pytest.mark.usefixtures("light")
def test_a_step_fails_if_both_ways_fail_and_both_reasons_are_told(here: Home, farm: Farm) -> None:
    far = farm.host("box", installed=False, sshd={"Subsystem": f"sftp {READ_ONLY}"})
    far.write(
        ".bashrc", 'cat() { false; }\nexport -f cat\ncase $BASH_EXECUTION_STRING in *"exec cat"*) exit 3;; esac\n'
    )
    message = refused("box", "upload")["message"]
    assert re.search(r"^box: .*; before, with fabric: cannot write .*Permission denied", message), message


@pytest.mark.usefixtures("light")
def test_a_version_that_does_not_work_over_there_is_not_switched_to(
    here: Home, farm: Farm, mounted: Callable[..., None]
) -> None:
    """On a file system mounted noexec all is unpacked, and only the trial fails."""
    far = farm.host("box", installed=False)
    os.makedirs(os.path.join(far.home, VERSIONS))
    mounted("-t", "tmpfs", "-o", f"noexec,uid={far.account.uid},mode=755", "none", os.path.join(far.home, ".local"))
    old_version(far)
    assert "ermission denied" in refused("box", "smoke_test")["message"]
    assert (versions(far), litter(far)) == (["0.0.1-old"], [])
    assert "0.0.1-old" in far.read(PROGRAM)
