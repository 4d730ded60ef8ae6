"""A deploy to a host: the survey, failed steps, and a deploy that is stopped."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from sesh.errors import Refused, Unreachable
from sesh.remote.deploy import deploy, fabric_carrier, install
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.system import workers

TOKEN = "0123abcd"  # noqa: S105 (it is no secret)
BOX = Destination("box", via=["false"])


class Scripted:
    """A host that gives one answer."""

    def __init__(self, out: str, code: int = 0, err: str = "") -> None:
        self.given = CommandResult(code, out, err)

    def run(self, line: str, timeout: float) -> CommandResult:
        return self.given

    def put(self, data: bytes, path: str) -> None:
        raise AssertionError("nothing is sent")

    def close(self) -> None:
        return


def failed(monkeypatch: pytest.MonkeyPatch, out: str, code: int = 0, err: str = "") -> tuple[str, str]:
    """Return the step and the message of a deploy that fails by this answer."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: TOKEN)
    monkeypatch.setattr(deploy, "carriers", lambda *_: iter([Scripted(out, code, err)]))
    error = deploy.deploy_all([BOX])["box"]["error"]
    return str(error["step"]), error["message"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "dash", "busybox sh"])
def test_every_login_shell_finds_a_python_and_reads_its_answer_alike(shell: str, tmp_path: Path) -> None:
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    home = tmp_path / 'it\'s `a` "b"'
    home.mkdir()
    folder = os.path.dirname(os.path.realpath(sys.executable))  # without wrappers, which start slowly
    run = subprocess.run(
        [shutil.which(words[0]) or "", *words[1:], "-c", deploy.order_line([TOKEN, "x", "keep", "-"])],
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "HOME": os.fspath(home)},
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    state = json.loads(run.stdout.splitlines()[-1].removeprefix(f"{TOKEN} "))
    assert os.path.isabs(state["python"])
    assert state["path"] == f"{home}/.local/share/sesh/versions/x"
    assert (home / install.scratch(TOKEN)).is_dir()


def test_python_3_9_is_taken_only_where_there_is_no_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, minor in zip(folders, (9, 12), strict=True):
        folder.mkdir()
        # It leaves a wish for a newer one without an answer, as the real one does.
        (folder / "python3").write_text(
            f'#!/bin/sh\ncase $3 in *"(3,10)"*) [ {minor} -ge 10 ] || exit 0; esac\necho "{TOKEN} is 3.{minor}"\n'
        )
        (folder / "python3").chmod(0o755)

    def taken(*searched: Path) -> str:
        monkeypatch.setattr(deploy, "_FOLDERS", ":".join(map(os.fspath, searched)))
        words = ["sh", "-c", deploy.order_line([TOKEN, "x", "keep", "-"])]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    assert taken(*folders) == f"{TOKEN} is 3.12\n"
    assert taken(folders[0]) == f"{TOKEN} is 3.9\n"
    assert taken() == f"{TOKEN} none\n"


@pytest.mark.parametrize(
    ("out", "code", "err", "step", "seen"),
    [
        ("This account is not available.\n", 1, "", "connect", "This account is not available."),
        ("", 1, "", "connect", "it gave no reason"),
        (f"{TOKEN} \n", 137, "", "detect_platform", "(exit 137)"),
        (f"{TOKEN} none\n", 0, "", "python", "box has no Python 3.9 or newer"),
    ],
)
def test_each_step_that_fails_has_its_own_message(
    monkeypatch: pytest.MonkeyPatch, out: str, code: int, err: str, step: str, seen: str
) -> None:
    found, message = failed(monkeypatch, out, code, err)
    assert (found, seen in message) == (step, True)


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
        ("anewsetting", "yes"),
    ):
        changed = Destination("box", settings={**plain, keyword: [value]})
        assert not fabric_carrier.is_plain(changed), keyword


def test_a_deploy_that_is_stopped_before_the_host_unpacks_has_it_remove_the_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report: install.Report = {
        "python": "/p", "platform": "x", "path": "/v", "step": "upload", "reason": "", "foreign": False,
        "integration": "",
    }  # fmt: skip
    lines = list[str]()

    class Uploaded(Scripted):
        def run(self, line: str, timeout: float) -> CommandResult:
            lines.append(line)
            return self.given

        def put(self, data: bytes, path: str) -> None:
            return

    monkeypatch.setattr(secrets, "token_hex", lambda _: TOKEN)
    monkeypatch.setattr(deploy, "carriers", lambda *_: iter([Uploaded(f"{TOKEN} {json.dumps(report)}")]))
    deploying = deploy.deploy(BOX, workers.Stop())
    assert "unpack" in deploying
    del deploying  # as a worker that is stopped does
    _, last = lines
    assert last == f"exec sh -c 'cd && exec rm -rf {install.scratch(TOKEN)}'"


def test_a_deploy_that_is_stopped_says_that_it_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ends, before = threading.Event(), {*threading.enumerate()}

    class Endless(Scripted):
        def run(self, line: str, timeout: float) -> CommandResult:
            if not ends.is_set():
                os.kill(os.getpid(), signal.SIGINT)
            ends.wait(30)
            raise Unreachable("box stopped answering")

    monkeypatch.setattr(workers, "LEAVING", 0.1)
    monkeypatch.setattr(deploy, "carriers", lambda *_: iter([Endless("")]))
    with pytest.raises(KeyboardInterrupt, match="may still be carried out"):
        deploy.deploy_all([BOX])
    ends.set()
    for thread in {*threading.enumerate()} - before:
        thread.join(30)


def test_an_upload_without_room_on_this_machine_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error was `cannot ask: No space left on device`."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(Refused, match="TMPDIR"):
        deploy.Carrier(BOX, workers.Stop()).put(b"it", "archive")
