"""A link that cannot be opened leaves nothing behind."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator

import pytest

from sesh.errors import LocalFault, NotDeployed, Unreachable
from sesh.ops import links
from sesh.ops.caller import Caller
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import open_link


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
        ("echo broken >&2; exit 3", Unreachable, r"sesh on box did not start \(exit 3\): broken"),
        ("exec sleep 60", Unreachable, "box does not answer"),
        (r"printf '\000sesh-bridge-1\000\n'; exec sleep 60", Unreachable, "box does not answer"),
    ],
)
def test_a_bridge_that_does_not_start_leaves_nothing_open(script: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_link(through(script), {}, ask=False, timeout=1.0)


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
