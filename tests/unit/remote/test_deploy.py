"""Steps of a deploy that need no host: the question and its answer, which Python, carriers, bars."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sesh.errors import Refused, Unreachable
from sesh.remote.deploy import carrier, deploy, fabric_carrier, fleet, survey
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import OnSent
from tests.support import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

TOKEN = "0123abcd"  # noqa: S105 (it is no secret)
LOCAL = ["env"]
"""A command that runs its words on this machine."""


def answer(*found: str, system: str = "") -> str:
    """What a host prints that has these Pythons, of which none fits unless it says its system."""
    state = {"python": "/p", "release": "3.12.1", "system": system, "machine": "x86_64", "path": "/x", "whole": True}
    last = json.dumps({"done": {**state, "program": "current", "scratch": ""}}) if system else "end"
    return "".join(f"{TOKEN} {row}\n" for row in (*(f"found {each}" for each in found), last))


class Scripted(carrier.Carrier):
    """A host that gives one answer to the first line, and fails at the second."""

    name = "scripted"

    def __init__(self, out: str, code: int = 0, err: str = "") -> None:
        super().__init__(Destination("box", via=["true"]))
        self.given = carrier.CommandResult(code, out, err)
        self.lines: list[str] = []

    def run(self, line: str) -> carrier.CommandResult:
        self.lines.append(line)
        if len(self.lines) > 1:
            raise Unreachable("the line is cut")
        return self.given

    def put(self, data: bytes, path: str, on_sent: OnSent) -> None:
        raise AssertionError("nothing is sent")

    def close(self) -> None:
        return


def failed(monkeypatch: pytest.MonkeyPatch, out: str, code: int = 0, err: str = "") -> tuple[str, str]:
    """The step and the message of a deploy to a host that answers so."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: TOKEN)
    way = Scripted(out, code, err)
    with pytest.raises(deploy.DeployError) as caught:
        deploy.deploy(way.destination, connect=lambda: way)
    return caught.value.step, str(caught.value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "dash", "busybox sh"])
def test_every_login_shell_finds_a_python_and_reads_its_answer_alike(shell: str, tmp_path: Path) -> None:
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    home = tmp_path / 'it\'s `a` "b"'
    home.mkdir()
    folder = os.path.dirname(os.path.realpath(sys.executable))  # without wrappers, which start slowly
    order = {"action": "look", "name": "x", "program": "sesh", "force": False, "room": 1, "token": TOKEN}
    text = base64.b64encode(json.dumps(order).encode()).decode()
    run = subprocess.run(
        [shutil.which(words[0]) or "", *words[1:], "-c", survey.command(TOKEN, deploy._script(), text)],
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "HOME": os.fspath(home)},
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    state = json.loads(run.stdout.splitlines()[-1].removeprefix(f"{TOKEN} "))["done"]
    assert os.path.isabs(state["python"])
    assert (state["system"], state["path"]) == (os.uname().sysname, f"{home}/.local/share/sesh/versions/x")
    assert os.path.isdir(state["scratch"])


def test_pythons_that_cannot_run_sesh_are_named_with_the_reason(tmp_path: Path) -> None:
    for name, text in (
        ("python3", "echo Python 3.8.10"),
        ("python", "echo Python 2.7.18 >&2"),
        ("python3.11", """[ $1 = -V ] && echo Python 3.11.1 || echo "No module named 'termios'" >&2"""),
        ("python3.12", "exit 9"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    line = survey.command(TOKEN, "x", "y").replace(survey._FOLDERS, str(tmp_path)).replace(survey._LAST_FOLDERS, "")
    for name in ("sh", "tail"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    run = subprocess.run(
        ["/bin/sh", "-c", line], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    rows = [row.removeprefix(f"{TOKEN} ") for row in run.stdout.splitlines()]
    assert rows[-1] == "end"
    assert survey.unsuitable(rows) == (
        f"{tmp_path}/python3.12 (does not run); {tmp_path}/python3.11 (3.11.1), without its module termios; "
        f"{tmp_path}/python3 (3.8.10); {tmp_path}/python (2.7.18)"
    )


@pytest.mark.parametrize(
    ("out", "code", "err", "step", "seen"),
    [
        ("", 127, "exec: uname: not found\n", "detect_platform", "exec: uname: not found"),
        ("This account is not available.\n", 1, "", "detect_platform", "This account is not available."),
        ("", 1, "", "detect_platform", "it printed nothing"),
        (answer(system="FreeBSD"), 0, "", "detect_platform", "box runs FreeBSD"),
        (answer(), 0, "", "python", "box has no Python 3.10 or newer (it has no Python)"),
        (answer("Python 3.8.10|/bin/python3|"), 0, "", "python", "(only /bin/python3 (3.8.10))"),
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
    gone: list[int] = []
    data, path = os.urandom(1_000_000), os.path.join(tmp_path, "it's $HOME")
    way.put(data, path, gone.append)
    assert (gone == sorted(gone), gone[-1]) == (True, len(data))
    with open(path, "rb") as file:
        assert file.read() == data
    with pytest.raises(Refused, match="irectory"):
        way.put(data, os.fspath(tmp_path), gone.append)


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
    ):
        changed = Destination("box", settings={**plain, keyword: [value]})
        assert not fabric_carrier.is_plain(changed), keyword


def test_who_stops_a_deploy_is_not_told_that_the_host_stopped_answering(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The connection is closed from here, and what had begun there may go on."""
    closed = threading.Event()

    class Connected(Scripted):
        def close(self) -> None:
            closed.set()

    def waits() -> bool:
        """Whether the main thread has begun to wait for a result: a signal before that meets the pool half made."""
        frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
        while frame is not None and frame.f_code.co_name != "result":
            frame = frame.f_back
        return frame is not None

    def stopped(_: object) -> None:
        wait_until(waits)
        os.kill(os.getpid(), signal.SIGINT)
        assert closed.wait(30)
        raise carrier.HostSilent("box stopped answering")

    monkeypatch.delenv("SESH_EVENT_LOG", raising=False)
    monkeypatch.setattr(fleet, "open_carrier", lambda *_, **__: Connected(""))
    monkeypatch.setattr(deploy._Deploy, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        fleet.deploy_all([Destination("box")])
    assert "box failed: interrupted; the step that had begun may still be carried out there" in capfd.readouterr().err
