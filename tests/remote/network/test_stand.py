"""The stand itself: what its router passes on, drops and forgets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.remote.farm import Farm
from tests.remote.network.router import Flow
from tests.remote.network.rules import ended_for_newer, too_many
from tests.remote.network.stand import Stand, standing
from tests.support import wait_until

pytestmark = pytest.mark.harness


@pytest.fixture
def stand(farm: Farm) -> Iterator[Stand]:
    with standing(farm) as stand:
        yield stand


def banner(stand: Stand) -> subprocess.Popen[bytes]:
    """A connection to the host's server; it prints what that says first."""
    code = f"import socket, sys; it = socket.create_connection(('{stand.sshd.host}', {stand.sshd.port}), 60); "
    code += "sys.stdout.buffer.write(it.recv(3)); sys.stdout.flush(); sys.stdin.read()"
    words = [*stand.here.within, stand.farm.ground.runtime.python, "-ISc", code]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def said(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.read(3)


def test_packets_take_half_of_a_round_trip_each_way(stand: Stand) -> None:
    stand.set_trip(0.2)
    connection = banner(stand)
    assert said(connection) == b"SSH"
    (flow,) = stand.flows()
    assert 0.2 <= flow.accepted - flow.syns[0] < 0.4 <= flow.answered - flow.syns[0]
    assert flow.client.startswith(f"{stand.address()}:")
    ended(connection)


def test_nothing_passes_in_the_dark_and_a_repeated_request_does_afterwards(stand: Stand) -> None:
    stand.darken()
    connection = banner(stand)
    wait_until(lambda: stand.flows() and stand.flows()[0].dropped)
    assert not stand.flows()[0].accepted
    stand.lighten()
    assert said(connection) == b"SSH"
    assert len(stand.flows()[0].syns) > 1
    ended(connection)


def test_what_is_forgotten_passes_no_more_and_what_is_new_does(stand: Stand) -> None:
    connection = banner(stand)
    assert said(connection) == b"SSH"
    stand.forget()
    ended(connection)
    wait_until(lambda: stand.flows()[0].dropped)
    assert not stand.flows()[0].closed_by_client
    assert stand.ssh_alone() > 0
    assert not stand.flows()[1].forgotten


def test_a_new_route_and_a_new_address_are_used_and_the_old_ones_are_not(stand: Stand) -> None:
    old = banner(stand)
    assert said(old) == b"SSH"
    for gone in (True, False):
        stand.change_route(gone=gone)
        stand.ssh_alone()
        assert stand.flows()[-1].client.startswith(f"{stand.address()}:")
    stand.remove_address()
    stand.add_address(another=True)
    stand.ssh_alone()
    stand.take_down()
    stand.bring_up()
    stand.ssh_alone()
    assert stand.flows()[-1].client.startswith(f"{stand.address()}:")
    assert len({flow.client.partition(":")[0] for flow in stand.flows()}) == 4
    ended(old)


def test_the_rules_are_read_from_flows() -> None:
    attempts = [Flow("a", [number / 2]) for number in range(1, 7)]
    assert len(too_many(attempts, 0)) > 1
    assert too_many(attempts[::2], 0) == []
    assert too_many(attempts[:3], 0, [0.8]) == []
    assert too_many([Flow("w", [0.4], accepted=0.5, answered=0.6), *attempts[1:]], 0) == []
    old = Flow("a", [1.0], accepted=1.1, closed_by_client=4.0)
    new = Flow("b", [1.5], accepted=1.6)
    assert len(ended_for_newer([old, new], 0)) == 1
    assert ended_for_newer([new, Flow("c", [2.0], closed_by_client=3.0, accepted=2.1)], 0) == []
    slow = Flow("d", [1.0], accepted=2.0, closed_by_client=4.0)
    assert len(ended_for_newer([slow, new], 0)) == 1
    assert ended_for_newer([slow, Flow("e", [1.5], accepted=1.6, answered=1.7)], 0) == []
