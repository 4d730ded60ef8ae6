"""How a link is opened; a link that cannot be opened leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from sesh.errors import ConnectionLost, Interrupted, NotDeployed, Refused, SeshError, Unreachable
from sesh.link import link, opening
from sesh.link.link import Link, LinkRequest
from sesh.link.opening import open_link
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.ssh.ssh_messages import BRIDGE_COMMAND, REACHED
from sesh.system.workers import Stop
from sesh.wire import protocol
from tests.support import wait_until


def descriptors() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = descriptors()
    yield
    wait_until(lambda: descriptors() == before, "what was opened is closed")


def through(script: str) -> Destination:
    """Return a host whose `via` command runs this script instead of the bridge."""
    return Destination("box", via=["sh", "-c", f"echo sesh is looked for >&2; {script}"])


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("echo no sesh: not found >&2; exit 127", NotDeployed, "box has no sesh"),
        ("echo broken >&2; exit 3", Unreachable, r"sesh on box did not start \(exit 3\): broken"),
        ("exec sleep 60", Unreachable, "box does not answer"),
        (r"printf '\000sesh-bridge-1\000\n'; exec sleep 60", Unreachable, "box does not answer"),
        (r"printf '\000sesh-bridge-1\000\n'; head -c 1 >/dev/null; exit 255", ConnectionLost, "lost the link to @box"),
    ],
)
def test_a_bridge_that_does_not_start_leaves_nothing_open(script: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_link(through(script), LoginOptions(deadline=time.monotonic() + 1))


@pytest.mark.usefixtures("nothing_left")
def test_a_command_whose_attempt_was_ended_is_not_run_again(tmp_path: Path) -> None:
    """The command was run again, and outlived the client."""
    stop, runs = Stop(), tmp_path / "runs"

    def end() -> None:
        wait_until(runs.exists, "the command has run")
        stop.stop()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(Interrupted):
        open_link(through(f"echo run >>{runs}; exec sleep 60"), LoginOptions(stop=stop))
    ending.join()
    assert runs.read_text() == "run\n"


def test_the_bridge_is_looked_for_under_both_names_and_another_program_is_not_run(tmp_path: Path) -> None:
    own = "#!/bin/sh\n# from sesh.__main__ import start\necho $0 $1\n"
    foreign = f"#!/bin/sh\ntouch {tmp_path}/ran\n"

    def found(**programs: str) -> str:
        """Return the output with these programs installed: `home` in ~/.local/bin, the others in PATH."""
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            places = {"home": ".local/bin/sesh", "mux": "bin/sesh-mux", "sesh": "bin/sesh"}
            for place, text in programs.items():
                path = Path(folder, places[place])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                path.chmod(0o755)
            env = {"HOME": folder, "PATH": f"{folder}/bin:/usr/bin:/bin"}
            command = ["sh", "-c", BRIDGE_COMMAND]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            return (done.stdout or done.stderr.removeprefix(f"{REACHED}\n")).replace(folder, "").strip()

    assert found(home=own, mux=own, sesh=own) == "/.local/bin/sesh --bridge"
    assert found(mux=own, sesh=foreign) == "/bin/sesh-mux --bridge"
    assert found(sesh=own) == "/bin/sesh --bridge"
    assert found(sesh=foreign) == "sesh: not found"
    assert found() == "sesh: not found"
    assert found(home=foreign, mux=own) == "/bin/sesh-mux --bridge"
    assert found(home="# by sesh --deploy\necho $0 $1\n") == "/.local/bin/sesh --bridge"
    assert not (tmp_path / "ran").exists()


MARK = r"printf '\000sesh-bridge-1\000\n'"

START = (1, 2.0)
"""The identity of a shared connection."""


@dataclass
class Played:
    """A host with a shared connection, where shell scripts play the bridge.

    `shared` plays it over the shared connection, `own` over a new one. The files `$f/welcome` and `$f/answer` hold what
    a bridge sends.
    """

    shared: str = "exec sleep 60"
    own: str = "exec sleep 60"
    closed: bool = False

    def opened(self, request: LinkRequest | None = None) -> Link:
        return open_link(Destination("box"), LoginOptions(deadline=time.monotonic() + 20), request)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    welcome = {"protocol": protocol.PROTOCOL, "version": "1"}
    (tmp_path / "welcome").write_bytes(protocol.message(protocol.WELCOME, welcome))
    (tmp_path / "answer").write_bytes(protocol.message(protocol.RESPONSE, {"id": 1, "result": {}}))
    host = Played()

    def close(*_: object, **__: object) -> None:
        host.closed = True

    def command(*_: object, own_timeout: int | None, **__: object) -> list[str]:
        path = tmp_path / f"way{own_timeout}"
        path.write_text(f"#!/bin/sh\nf={tmp_path}; {host.own if own_timeout else host.shared}\n", encoding="utf-8")
        path.chmod(0o755)
        return [str(path)]

    monkeypatch.setattr("sesh.remote.ssh.ssh.command", command)
    monkeypatch.setattr(opening, "SHARED_SILENCE", 0.1)
    monkeypatch.setattr(master, "close", close)
    monkeypatch.setattr(master, "is_alive", lambda _: True)
    for name, value in (("ensure", None), ("identity", START), ("is_shared", True)):
        monkeypatch.setattr(master, name, lambda *_, value=value, **__: value)
    return host


BEGINS = f"echo sesh is looked for >&2; {MARK}; cat $f/welcome $f/answer; exec cat >/dev/null"


@pytest.mark.usefixtures("nothing_left")
def test_a_host_that_is_slow_to_start_its_sesh_is_not_logged_in_to_again(played: Played, tmp_path: Path) -> None:
    played.shared = f"echo sesh is looked for >&2; sleep 0.5; {BEGINS}"
    played.own = "touch $f/begun; exec sleep 60"
    with played.opened():
        assert not (tmp_path / "begun").exists()
    assert not played.closed


@pytest.mark.usefixtures("nothing_left")
def test_a_shared_connection_that_was_silent_for_a_while_and_answers_first_is_kept(
    played: Played, tmp_path: Path
) -> None:
    played.shared = f"while [ ! -e $f/begun ]; do sleep 0.02; done; {BEGINS}"
    played.own = "touch $f/begun; exec sleep 60"
    with played.opened():
        assert (tmp_path / "begun").exists()
    assert not played.closed


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("code", "unknown"), [(127, False), (255, True)])
def test_what_a_host_was_asked_may_be_done_once_it_has_spoken(played: Played, code: int, unknown: bool) -> None:
    request = LinkRequest("views.status", b"{}")
    for before, expected in (("", False), ("echo sesh is looked for >&2; head -c 1 >/dev/null", unknown)):
        played.shared = f"{before}\nexit {code}"
        with pytest.raises(SeshError):
            played.opened(request)
        assert request.may_be_done is expected


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("earlier", [False, True])
def test_a_refusal_leaves_unknown_what_was_asked_over_an_earlier_link(
    played: Played, tmp_path: Path, earlier: bool
) -> None:
    """The second link was refused, and a job that the first one had begun `did not run`."""
    error = Refused("the directory has mode 0777").facts()
    (tmp_path / "refusal").write_bytes(protocol.message(protocol.RESPONSE, {"id": 1, "error": error}))
    played.shared = f"{MARK}; cat $f/welcome $f/refusal; exec cat >/dev/null"
    request = LinkRequest("enter.job", b"{}")
    request.may_be_done = earlier
    with pytest.raises(Refused), played.opened(request) as opened:
        opened.call(request)
    assert request.may_be_done is earlier


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("size", [1 << 10, 0])
def test_a_long_answer_puts_its_deadline_off(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A silent host is left after a minute; megabytes of an answer take longer."""
    monkeypatch.setattr(link, "RESPONSE_TIMEOUT", 0.2)
    monkeypatch.setattr(link, "_MIN_RATE", 100)
    (tmp_path / "part").write_bytes(protocol.data_frames(b"x" * size))
    request = LinkRequest("views.status", b"{}")
    played.shared = f"{MARK}; cat $f/welcome $f/part; sleep 0.4; cat $f/part $f/answer; exec cat >/dev/null"
    with played.opened(request) as opened, nullcontext() if size else pytest.raises(Unreachable, match="not answer"):
        assert len(opened.call(request)[1]) == 2 * size
