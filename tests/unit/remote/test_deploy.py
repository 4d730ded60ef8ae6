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

from sesh.errors import Refused, Unreachable
from sesh.remote.deploy import carrier, deploy, fabric_carrier, fleet, survey
from sesh.remote.deploy.survey import Python
from sesh.remote.ssh.destination import Destination
from tests.support import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

TOKEN = "0123abcd"  # noqa: S105 (it is no secret)
LOCAL = ["env"]
"""A command that runs its words on this machine."""


def answer(*found: str, system: str = "Linux") -> str:
    rows = [f"system {system}", "machine x86_64", *(f"python {each}" for each in found), "end"]
    return "".join(f"{TOKEN} {row}\n" for row in rows)


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

    def put(self, data: bytes, path: str, on_sent: carrier.OnSent) -> None:
        raise AssertionError("nothing is sent")

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
    assert (found.system, found.machine) == (os.uname().sysname, os.uname().machine)
    assert found.python is not None
    assert os.path.isabs(found.python.path)
    assert run.returncode == 0


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
    ("found", "python", "unsuitable"),
    [
        ("Python 3.12.1|fit 3.12.1 /opt/a b/python3|/usr/bin/python3", "/opt/a b/python3", []),
        ("Python 3.8.10||/usr/bin/python3", None, ["/usr/bin/python3 (3.8.10)"]),
        ("||/usr/bin/python3", None, ["/usr/bin/python3 (does not run)"]),
        ("Python 3.12.1|No module named 'termios'|/p", None, ["/p (3.12.1), without its module termios"]),
        ("Python 3.12.1|fit 3.12.1 relative|/p", None, ["/p (3.12.1)"]),
        (r"Python 3.12.1|fit 3.12.1 /a\b|/p", None, ["/p (3.12.1)"]),
        ("Python 3.12.1|fit 3.9999.1 /p|/p", None, ["/p (3.12.1)"]),
    ],
)
def test_a_python_fits_or_is_named_with_the_reason(found: str, python: str | None, unsuitable: list[str]) -> None:
    parsed = survey.parse(answer(found), TOKEN)
    assert parsed is not None
    assert (parsed.python.path if parsed.python else None, parsed.unsuitable) == (python, unsuitable)


@pytest.mark.parametrize(
    ("out", "code", "err", "step", "seen"),
    [
        ("", 127, "exec: uname: not found\n", "detect_platform", "exec: uname: not found"),
        ("This account is not available.\n", 1, "", "detect_platform", "This account is not available."),
        ("", 1, "", "detect_platform", "it printed nothing"),
        (answer(system="FreeBSD"), 0, "", "detect_platform", "box runs FreeBSD"),
        (answer(), 0, "", "python", "box has no Python 3.10 or newer (it has no Python)"),
        (answer("Python 3.8.10||/bin/python3"), 0, "", "python", "(only /bin/python3 (3.8.10))"),
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
