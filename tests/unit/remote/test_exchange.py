"""A command that reaches a host is run within limits, and has ended afterwards."""

from __future__ import annotations

import pytest

from sesh.errors import ProtocolError, Unreachable
from sesh.remote.ssh import exchange
from sesh.remote.ssh.destination import Destination

BOX = Destination("box", via=["env"])


@pytest.mark.parametrize(
    "line", ["exec tr '\\0' x </dev/zero", "yes >&2 & wait", "trap '' PIPE; yes", "head -c 2000000 /dev/zero"]
)
def test_a_command_that_prints_without_end_is_ended(line: str) -> None:
    with pytest.raises(ProtocolError, match="box printed more than 1 MiB"):
        exchange.run(BOX, ["sh", "-c", line])


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Unreachable, match="box does not answer"):
        exchange.run(BOX, ["sleep", "60"], timeout=0.1)


def test_as_much_as_is_read_comes_whole() -> None:
    most = exchange.MAX_PRINTED
    done = exchange.run(BOX, ["sh", "-c", f"head -c {most} /dev/zero; echo why >&2; exit 3"])
    assert done == (3, "\0" * most, "why\n")
