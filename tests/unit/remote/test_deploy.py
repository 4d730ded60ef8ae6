"""Steps of a deploy that need no host: the question and its answer, which Python, carriers, bars."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sesh.errors import Interrupted, Refused, Unreachable
from sesh.remote.deploy import carrier, deploy, fabric_carrier, fleet, install, survey
from sesh.remote.ssh.destination import Destination

TOKEN = "0123abcd"  # noqa: S105 (it is no secret)
ORDER: install.Order = {"name": "x", "program": "sesh", "force": False, "room": 1, "token": TOKEN}
LOCAL = ["env"]
"""A command that runs its words on this machine."""


class Scripted:
    """A host that gives one answer."""

    def __init__(self, out: str, code: int = 0, err: str = "") -> None:
        self.given = carrier.CommandResult(code, out, err)

    def run(self, line: str) -> carrier.CommandResult:
        return self.given

    def put(self, data: bytes, path: str) -> None:
        raise AssertionError("nothing is sent")

    def close(self) -> None:
        return


def failed(monkeypatch: pytest.MonkeyPatch, out: str, code: int = 0, err: str = "") -> tuple[str, str]:
    """The step and the message of a deploy to a host that answers so."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: TOKEN)
    way = Scripted(out, code, err)
    with pytest.raises(deploy.DeployError) as caught:
        deploy.deploy(Destination("box"), connect=lambda: way)
    return caught.value.step, str(caught.value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "dash", "busybox sh"])
def test_every_login_shell_finds_a_python_and_reads_its_answer_alike(shell: str, tmp_path: Path) -> None:
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    home = tmp_path / 'it\'s `a` "b"'
    home.mkdir()
    folder = os.path.dirname(os.path.realpath(sys.executable))  # without wrappers, which start slowly
    run = subprocess.run(
        [shutil.which(words[0]) or "", *words[1:], "-c", survey.command(ORDER)],
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "HOME": os.fspath(home)},
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    state = json.loads(run.stdout.splitlines()[-1].removeprefix(f"{TOKEN} "))
    assert os.path.isabs(state["python"])
    assert state["path"] == f"{home}/.local/share/sesh/versions/x"
    assert os.path.isdir(state["scratch"])


def test_pythons_that_cannot_run_sesh_are_named_with_the_reason(tmp_path: Path) -> None:
    for name, text in (
        ("python3", "echo 3.8.10 >&2; exit 1"),
        ("python3.11", """echo "No module named 'zipfile'" >&2; exit 1"""),
        ("python3.12", "exit 9"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    line = survey.command(ORDER).replace(survey._FOLDERS, str(tmp_path)).replace(survey._LAST_FOLDERS, "")
    for name in ("sh", "tail"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    run = subprocess.run(
        ["/bin/sh", "-c", line.replace('"$@"', "")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == (
        f"{TOKEN} none; {tmp_path}/python3.12: ; {tmp_path}/python3.11: No module named 'zipfile'; "
        f"{tmp_path}/python3: 3.8.10\n"
    )


def test_a_python_that_is_too_old_names_its_version() -> None:
    code = survey._BOOTSTRAP.replace("(3,10)", "(9,)")
    run = subprocess.run([sys.executable, "-Ic", code, "x"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, f"{platform.python_version()}\n")


@pytest.mark.parametrize(
    ("out", "code", "err", "step", "seen"),
    [
        ("", 127, "exec: uname: not found\n", "detect_platform", "exec: uname: not found"),
        ("This account is not available.\n", 1, "", "detect_platform", "This account is not available."),
        ("", 1, "", "detect_platform", "it printed nothing"),
        (f"{TOKEN} \n", 137, "", "detect_platform", "(exit 137)"),
        (f"{TOKEN} none\n", 0, "", "python", "box has no Python 3.10 or newer (it has no python3)"),
        (f"{TOKEN} none; /bin/python3: 3.8.10\n", 0, "", "python", "(only /bin/python3: 3.8.10)"),
    ],
)
def test_each_step_that_fails_has_its_own_message(
    monkeypatch: pytest.MonkeyPatch, out: str, code: int, err: str, step: str, seen: str
) -> None:
    found, message = failed(monkeypatch, out, code, err)
    assert (found, seen in message) == (step, True)


def test_a_line_is_run_and_a_file_is_put(tmp_path: os.PathLike[str]) -> None:
    way = carrier.SshCarrier(Destination("box", via=LOCAL))
    assert way.run("echo it; echo told >&2; exit 3") == (3, "it\n", "told\n")
    data, path = os.urandom(1_000_000), os.path.join(tmp_path, "it's $HOME")
    way.put(data, path)
    with open(path, "rb") as file:
        assert file.read() == data
    with pytest.raises(Refused, match="irectory"):
        way.put(data, os.fspath(tmp_path))


def test_a_host_that_goes_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "TIMEOUT", 0.2)
    way = carrier.SshCarrier(Destination("box", via=LOCAL))
    with pytest.raises(Unreachable, match="box stopped answering"):
        way.run("exec sleep 60")


def test_settings_that_only_ssh_knows_keep_fabric_away() -> None:
    plain = fabric_carrier.ssh_defaults()
    assert fabric_carrier.is_plain(Destination("box", settings=plain))
    for keyword, value in (
        ("ciphers", "aes128-ctr"),
        ("certificatefile", "~/.ssh/cert"),
        ("hostkeyalias", "other"),
        ("identityagent", "/run/agent"),
        ("pubkeyauthentication", "false"),
        ("revokedhostkeys", "/etc/revoked"),
        ("identityfile", "~/.ssh/%h"),
        ("anewsetting", "yes"),
    ):
        changed = Destination("box", settings={**plain, keyword: [value]})
        assert not fabric_carrier.is_plain(changed), keyword


def test_a_deploy_that_is_stopped_says_that_it_may_go_on_and_closes_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = threading.Event()

    class Endless(Scripted):
        def run(self, line: str) -> carrier.CommandResult:
            os.kill(os.getpid(), signal.SIGINT)
            assert closed.wait(30)
            raise Unreachable("box stopped answering")

        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(fleet, "open_carrier", lambda *_, **__: Endless(""))
    with pytest.raises(Interrupted, match="may still be carried out"):
        fleet.deploy_all([Destination("box")])
    assert closed.is_set()
