"""A command's output is read within bounds, whatever it prints, and the command has ended afterwards."""

from __future__ import annotations

import subprocess

import pytest

from sesh.errors import ProtocolError
from sesh.remote.ssh import exchange


def started(line: str, **streams: int) -> subprocess.Popen[bytes]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen(["sh", "-c", line], stdin=pipes["stdin"], stdout=pipes["stdout"], stderr=pipes["stderr"])


@pytest.mark.parametrize(
    "line",
    [
        "exec yes",
        "exec tr '\\0' x </dev/zero",
        "exec yes >&2",
        "trap '' PIPE; while :; do printf %0999d 0; done",
    ],
)
def test_a_command_that_prints_without_end_is_ended(line: str) -> None:
    process = started(line)
    with pytest.raises(ProtocolError, match=r"box printed more than 1?\d MiB"):
        exchange.exchange(process, "box")
    assert process.returncode is not None


def test_as_much_as_is_read_comes_whole_and_of_stderr_its_end() -> None:
    most, kept = exchange.MOST_STDOUT, exchange.KEPT_STDERR
    process = started(f"head -c {most} /dev/zero; (head -c {2 * kept} /dev/zero; echo why) >&2; exit 3")
    printed = exchange.exchange(process, "box")
    assert (process.returncode, bytes(printed.out)) == (3, bytes(most))
    assert (len(printed.err), bytes(printed.err[-4:])) == (kept, b"why\n")
