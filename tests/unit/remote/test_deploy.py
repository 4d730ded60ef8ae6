"""Steps of a deploy that need no host: the question and its answer, which Python, carriers, bars."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from sesh.errors import Unreachable
from sesh.remote.deploy import bundle, carrier, deploy, fabric_carrier, fleet, survey
from sesh.remote.deploy.survey import Python
from sesh.remote.ssh.destination import Destination
from tests.support import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from sesh.remote.ssh.exchange import OnOutput, OnSent

TOKEN = "0123abcd"  # noqa: S105 (it is no secret)
LOCAL = ["env"]
"""A command that runs its words on this machine."""


def answer(*found: str, system: str = "Linux", libc: str = "glibc 2.36") -> str:
    rows = [f"system {system}", "machine x86_64", f"libc {libc}", *(f"found {each}" for each in found), "end"]
    return "".join(f"{TOKEN} {row}\n" for row in rows)


class Scripted(carrier.Carrier):
    """A host that gives one answer to the first line, and fails at the second."""

    name = "scripted"

    def __init__(self, out: str, code: int = 0, err: str = "") -> None:
        super().__init__(Destination("box", via=["true"]))
        self.given = carrier.CommandResult(code, out.encode(), err.encode())
        self.lines: list[str] = []

    def run(
        self,
        line: str,
        stdin: bytes = b"",
        on_sent: OnSent | None = None,
        on_output: OnOutput | None = None,
    ) -> carrier.CommandResult:
        self.lines.append(line)
        if len(self.lines) > 1:
            raise Unreachable("the line is cut")
        return self.given

    def close(self) -> None:
        raise AssertionError("who lends a connection gets it back open")


def failed(monkeypatch: pytest.MonkeyPatch, out: str, code: int = 0, err: str = "") -> tuple[str, str]:
    """The step and the message of a deploy to a host that answers so."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: TOKEN)
    way = Scripted(out, code, err)
    with pytest.raises(deploy.DeployError) as caught:
        deploy.deploy(way.destination, carrier=way)
    return caught.value.step, str(caught.value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "dash", "busybox sh"])
def test_every_login_shell_reads_the_question_alike(shell: str) -> None:
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    path = f"{os.path.dirname(os.path.realpath(sys.executable))}:/usr/bin:/bin"  # without wrappers, which start slowly
    run = subprocess.run(
        [shutil.which(words[0]) or "", *words[1:], "-c", survey.command(TOKEN)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    found = survey.parse(f"a banner\n{run.stdout}", TOKEN)
    assert found is not None, run.stderr
    assert (found.platform.system, found.platform.machine) == (os.uname().sysname, os.uname().machine)
    assert all(os.path.isabs(python.path) and python.minor >= (3, 10) for python in found.pythons)
    assert run.returncode == 0


def test_a_line_that_shells_would_read_in_different_ways_is_never_made() -> None:
    for script in ("echo \\n", "echo hi!", "echo 1\necho 2"):
        with pytest.raises(ValueError, match="read this differently"):
            survey.shell_line(script)


def test_a_path_of_an_interpreter_arrives_whatever_it_holds(tmp_path: os.PathLike[str]) -> None:
    folder = os.path.join(tmp_path, 'it\'s $HOME `a` "b"')
    os.mkdir(folder)
    os.symlink(sys.executable, os.path.join(folder, "python3"))
    line = survey.python_command(Python(os.path.join(folder, "python3"), "3.11.0"), "print(42)")
    for shell in ("sh", "fish", "tcsh"):
        if shutil.which(shell):
            assert subprocess.run([shell, "-c", line], capture_output=True, text=True, check=True).stdout == "42\n"


def test_an_answer_that_was_cut_short_is_none() -> None:
    whole = answer()
    assert survey.parse(whole, TOKEN) is not None
    assert survey.parse(whole.replace("end", ""), TOKEN) is None
    assert survey.parse(whole, "other") is None


@pytest.mark.parametrize(
    ("text", "libc", "release"),
    [
        ("glibc 2.36", "glibc", (2, 36)),
        ("ldd (GNU libc) 2.39 Copyright (C) 2024", "glibc", (2, 39)),
        ("ldd (Ubuntu GLIBC 2.35-0ubuntu3.8) 2.35", "glibc", (2, 35)),
        ("musl libc (x86_64) Version 1.2.4 Dynamic Program Loader", "musl", (1, 2, 4)),
        ("sh: ldd: not found", "", ()),
        ("musl libc (x86_64) Version 1.99999999999", "musl", (1, 999)),
        (f"glibc {'9' * 5_000}.{'9' * 5_000}", "glibc", (999,)),
        ("musl" * 200_000, "", ()),
    ],
)
def test_the_c_library_is_known_by_what_tools_say(text: str, libc: str, release: tuple[int, ...]) -> None:
    found = survey.parse(answer(libc=text), TOKEN)
    assert found is not None
    assert (found.platform.libc, found.platform.release) == (libc, release)
    assert len(bundle.platform_tags(found.platform)) < 100


@pytest.mark.parametrize(
    ("out", "code", "err", "step", "seen"),
    [
        ("", 127, "exec: uname: not found\n", "detect_platform", "exec: uname: not found"),
        ("This account is not available.\n", 1, "", "detect_platform", "This account is not available."),
        ("", 1, "", "detect_platform", "it printed nothing"),
        (answer(system="FreeBSD"), 0, "", "detect_platform", "box runs FreeBSD"),
        (answer(), 0, "", "python", "it has no Python"),
    ],
)
def test_each_step_that_fails_has_its_own_message(
    monkeypatch: pytest.MonkeyPatch, out: str, code: int, err: str, step: str, seen: str
) -> None:
    found, message = failed(monkeypatch, out, code, err)
    assert (found, seen in message) == (step, True)


def test_a_line_is_run_and_fed_and_both_its_outputs_are_read() -> None:
    way = carrier.SshCarrier(Destination("box", via=LOCAL))
    gone: list[int] = []
    heard: list[bytes] = []
    feed = os.urandom(1_000_000)
    found = way.run("wc -c; echo told >&2; exit 3", feed, gone.append, heard.append)
    assert (found.code, int(found.out), found.err) == (3, len(feed), "told\n")
    assert gone == sorted(gone)
    assert gone[-1] == len(feed)
    assert b"".join(heard).decode() == found.out


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

    class Connected:
        def close(self) -> None:
            closed.set()

    def waits() -> bool:
        """Whether the main thread has begun to wait for a result: a signal before that meets the pool half made."""
        frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
        while frame is not None and frame.f_code.co_name != "result":
            frame = frame.f_back
        return frame is not None

    def stopped(destination: Destination, **_: object) -> None:
        wait_until(waits)
        os.kill(os.getpid(), signal.SIGINT)
        assert closed.wait(30)
        raise carrier.HostSilent(f"{destination.host} stopped answering")

    monkeypatch.delenv("SESH_EVENT_LOG", raising=False)
    monkeypatch.setattr(fleet, "connect", lambda *_, **__: Connected())
    monkeypatch.setattr(fleet, "deploy", stopped)
    with pytest.raises(KeyboardInterrupt):
        fleet.deploy_all([Destination("box")])
    assert "box failed: interrupted; the step that had begun may still be carried out there" in capfd.readouterr().err
