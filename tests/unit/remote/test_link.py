"""A link that cannot be opened leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sesh import protocol
from sesh.errors import Interrupted, LocalFault, Lost, NotDeployed, Unreachable
from sesh.reach import links
from sesh.reach.caller import Caller
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Along, open_link
from sesh.remote.ssh.starting import BRIDGE_COMMAND, REACHED
from sesh.stop import Stop
from tests.support import wait_until


def descriptors() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


def through(script: str) -> Destination:
    """A host reached by a command that runs this instead of the bridge."""
    return Destination("box", via=["sh", "-c", f"echo sesh is looked for >&2; {script}"])


@pytest.mark.usefixtures("nothing_left")
def test_a_pipe_that_cannot_be_opened_leaves_no_other_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second pipe failed, the first one stayed open."""
    pipe = os.pipe
    opened: list[tuple[int, int]] = []

    def second_fails() -> tuple[int, int]:
        if opened:
            raise OSError(24, "Too many open files")
        opened.append(pipe())
        return opened[0]

    monkeypatch.setattr(os, "pipe", second_fails)
    with pytest.raises(OSError, match="Too many open files"):
        open_link(through("true"), {}, ask=False)
    assert opened


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("echo no sesh: not found >&2; exit 127", NotDeployed, "box has no sesh"),
        (
            "echo another sesh: /usr/bin/sesh >&2; exit 127",
            NotDeployed,
            "/usr/bin/sesh there is another .* sesh --deploy @box",
        ),
        (
            "echo usage; echo another sesh: /home/me/.local/bin/sesh >&2; exit 1",
            NotDeployed,
            "bin/sesh there is another .* sesh --deploy --force @box",
        ),
        ("echo broken >&2; exit 3", Unreachable, r"sesh on box did not start \(exit 3\): broken"),
        ("exec sleep 60", Unreachable, "box does not answer"),
        (r"printf '\000sesh-bridge-1\000\n'; exec sleep 60", Unreachable, "box does not answer"),
    ],
)
def test_a_bridge_that_does_not_start_leaves_nothing_open(script: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_link(through(script), {}, ask=False, timeout=1.0)


@pytest.mark.usefixtures("nothing_left")
def test_a_command_whose_attempt_was_ended_is_not_run_again(tmp_path: Path) -> None:
    """It was, and outlived the client."""
    stop, runs = Stop(), tmp_path / "runs"

    def end() -> None:
        wait_until(runs.exists)
        stop.stop()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(Interrupted):
        open_link(through(f"echo run >>{runs}; exec sleep 60"), {}, ask=False, stop=stop)
    ending.join()
    assert runs.read_text() == "run\n"


def test_the_bridge_is_looked_for_under_both_names_and_another_program_is_not_run(tmp_path: Path) -> None:
    own = "#!/bin/sh\n# from sesh.__main__ import start\necho $0 $1\n"
    foreign = f"#!/bin/sh\ntouch {tmp_path}/ran\n"

    def found(**programs: str) -> str:
        """What runs, or is said, where these programs lie: `home` in ~/.local/bin, the others in PATH."""
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
    assert found(sesh=foreign) == "another sesh: /bin/sesh"
    assert "not found" in found()
    assert not (tmp_path / "ran").exists()
    assert found(home="#!/bin/sh\nexit 3\n", mux=own) == "another sesh: /.local/bin/sesh"
    assert found(home="# by sesh --deploy\necho $0 $1\n") == "/.local/bin/sesh --bridge"
    assert found(home='exec ~/bin/sesh "$@"\n', sesh=own).endswith("/bin/sesh --bridge"), "the user's own way to sesh"


@pytest.mark.usefixtures("nothing_left")
def test_descriptors_that_run_out_are_one_line_for_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an OSError, and so an internal error."""

    def none_left() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe", none_left)
    with pytest.raises(LocalFault, match="cannot open a link to @box: Too many open files") as caught:
        links.opened(Caller(), through("true"))
    assert (caught.value.code, caught.value.reason) == ("unreachable", "Too many open files")


MARK = r"printf '\000sesh-bridge-1\000\n'"


@pytest.fixture
def by_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Destination]:
    """A host that ssh reaches: it runs this, and `$f/welcome` and `$f/answer` are what a bridge says."""
    welcome = {"protocol": protocol.PROTOCOL, "version": "1"}
    (tmp_path / "welcome").write_bytes(protocol.message(protocol.WELCOME, welcome))
    (tmp_path / "answer").write_bytes(protocol.message(protocol.RESPONSE, {"id": 1, "ok": True}))
    monkeypatch.setattr("sesh.remote.ssh.link._swallowing", set())
    for name, value in (("ensure", None), ("identity", None), ("is_shared", True), ("is_alive", True)):
        monkeypatch.setattr(f"sesh.remote.ssh.master.{name}", lambda *_, value=value, **__: value)

    def host(script: str) -> Destination:
        argv = ["sh", "-c", f"f={tmp_path}; echo run >>$f/runs; {script}"]
        monkeypatch.setattr("sesh.remote.ssh.ssh.command", lambda *_, **__: argv)
        return Destination("box")

    return host


def change() -> Along:
    return Along(b"?", changes=True, again=False)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("first", ["cat >/dev/null", "cat >/dev/null; cat $f/welcome", "head -c 1 >/dev/null; exit 1"])
def test_what_nobody_has_read_or_begun_is_sent_again_once_the_bridge_is_there(
    by_ssh: Callable[[str], Destination], tmp_path: Path, first: str
) -> None:
    again = "cat $f/welcome $f/answer; exec cat >/dev/null"
    destination = by_ssh(f"{MARK}; [ $(wc -l <$f/runs) = 2 ] || {{ {first}; exit; }}; {again}")
    along = change()
    with open_link(destination, {}, ask=False, timeout=3.0, along=along) as opened:
        assert opened.take_sent()
        assert opened.answer(1)[0]["ok"] is True
        assert opened.swallowed == ("welcome" not in first)
    assert (tmp_path / "runs").read_text() == "run\n" * 2
    assert not along.reached


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("script", ["head -c 1 >/dev/null; kill -9 $$", f"{MARK}; head -c 1 >/dev/null; exit 255"])
def test_a_link_that_breaks_once_it_has_taken_what_changes_something_is_lost(
    by_ssh: Callable[[str], Destination], tmp_path: Path, script: str
) -> None:
    """It was said that the host cannot be reached, and a new attempt did the same again."""
    with pytest.raises(Lost, match="lost the link to @box; check what was done"):
        open_link(by_ssh(script), {}, ask=False, timeout=3.0, along=change())
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.usefixtures("nothing_left")
def test_a_link_that_breaks_before_it_has_taken_anything_has_done_nothing(by_ssh: Callable[[str], Destination]) -> None:
    along = change()
    with pytest.raises(Unreachable, match="cannot reach box: gone") as raised:
        open_link(by_ssh("echo gone >&2; exit 255"), {}, ask=False, timeout=3.0, along=along)
    assert not isinstance(raised.value, Lost)
    assert not along.reached
