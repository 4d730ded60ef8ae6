"""A link that cannot be opened leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sesh.errors import LocalFault, NotDeployed, Unreachable
from sesh.reach import links
from sesh.reach.caller import Caller
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import BRIDGE_COMMAND, open_link


def descriptors() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


def through(script: str) -> Destination:
    """A host reached by a command that runs this instead of the bridge."""
    return Destination("box", via=["sh", "-c", script])


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
def test_a_full_disk_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space left"):
        open_link(through("true"), {}, ask=False)


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
            "echo unknown flag: --bridge >&2; exit 1",
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
def test_what_ends_before_it_takes_a_question_that_goes_along_says_why() -> None:
    """It was said that a session's daemon had closed the connection."""
    with pytest.raises(Unreachable, match=r"sesh on box did not start \(exit 3\): broken") as raised:
        open_link(through("echo broken >&2; exit 3"), {}, ask=False, timeout=5.0, question=bytes(1 << 20))
    assert raised.value.reason == "sesh did not start there: broken"


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
            return (done.stdout or done.stderr).replace(folder, "").strip()

    assert found(home=own, mux=own, sesh=own) == "/.local/bin/sesh --bridge"
    assert found(mux=own, sesh=foreign) == "/bin/sesh-mux --bridge"
    assert found(sesh=own) == "/bin/sesh --bridge"
    assert found(sesh=foreign) == "another sesh: /bin/sesh"
    assert "not found" in found()
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("nothing_left")
def test_a_command_that_is_not_there_leaves_nothing_open() -> None:
    with pytest.raises(Unreachable, match="cannot run"):
        open_link(Destination("box", via=[f"{sys.executable}-missing"]), {}, ask=False)


@pytest.mark.usefixtures("nothing_left")
def test_descriptors_that_run_out_are_one_line_for_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an OSError, and so an internal error."""

    def none_left() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe", none_left)
    with pytest.raises(LocalFault, match="cannot open a link to @box: Too many open files") as caught:
        links.opened(Caller(), through("true"))
    assert (caught.value.code, caught.value.reason) == ("unreachable", "Too many open files")
