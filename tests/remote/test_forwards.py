"""Ports that ssh_config forwards: the shared connection carries them, whatever becomes of the links."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from tests.remote.farm import Farm, SshHost
from tests.support import PROMPT, Home, wait_until


@pytest.fixture
def served() -> Iterator[int]:
    """A port on the host that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def free() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def leads(port: int) -> bool:
    """Return whether something takes connections at a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def forwarding(farm: Farm, word: str, served: int, **more: SshHost | bool) -> tuple[SshHost, int]:
    """Make a host with a forward; return the host and the local port."""
    port = free()
    return farm.host(word, config={"LocalForward": f"{port} 127.0.0.1:{served}"}, **more), port  # type: ignore[arg-type]


def test_an_alias_of_a_host_with_a_forward_has_a_connection_of_its_own(here: Home, farm: Farm, served: int) -> None:
    """No forward was opened, because the alias used the other one's connection."""
    plain = farm.host("plain")
    _, port = forwarding(farm, "forwarding", served, same_user=plain)
    for word in ("plain", "forwarding"):
        master.ensure(Destination(word))
    assert len(farm.masters()) == 2
    assert leads(port)


@pytest.mark.soak
def test_forwards_are_back_once_the_link_is(home: Home, farm: Farm, served: int) -> None:
    """After silence the link came back over a connection of its own, which forwards nothing."""
    far, port = forwarding(farm, "box", served, proxied=True)
    opened = home.terminal("@box", "work")
    opened.wait_for(PROMPT)
    assert leads(port)
    for loss in (far.proxy.cut, far.proxy.strand):
        before = set(farm.masters())
        loss()
        opened.type(f"echo {loss.__name__}''again\r")
        opened.wait_for(f"{loss.__name__}again")
        wait_until(lambda: not before & set(farm.masters()), "the lost connection is given up")  # noqa: B023
        wait_until(lambda: leads(port), "the forward is back")
    opened.type("\x1c")
    assert opened.exit_code() == 0
