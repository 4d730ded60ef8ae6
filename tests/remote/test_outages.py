"""A session on another host comes back after each outage with exactly its output."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

import pytest

from bench.network.outages import AWAY, JUMPS, OUTAGES
from bench.network.rules import ended_for_newer, too_many
from bench.network.stand import Stand, change, standing
from bench.network.watched import Watched, go_on, new_output, watch
from tests.remote.farm import Farm
from tests.support import Home, wait_until

pytestmark = pytest.mark.soak


PATIENCE = 30.0
SLOW = 0.3
"""Seconds of round trip at which one login takes longer than the pause between two attempts."""


@pytest.fixture
def stand(farm: Farm, home: Home) -> Iterator[Stand]:
    change(home, JUMPS)
    with standing(farm) as stand:
        yield stand


def shows_every_number_once(client: Watched) -> None:
    """Check that each number is shown once, in order, with no line of sesh's."""
    text = re.sub(r"\Asesh: connecting to box.*", "", client.terminal.text())
    others = [line for line in text.splitlines() if line.strip() and not re.fullmatch(r"#\d+#", line.strip())]
    numbers = client.numbers()
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), text
    assert numbers[0] == (0 if client.quiet else 1), text
    assert others == []


def back(clients: Sequence[Watched], moment: float, patience: float = PATIENCE) -> None:
    taken = new_output(clients, moment, patience)
    for client, seconds in zip(clients, taken, strict=True):
        assert seconds < patience, client.terminal.portrait()


@pytest.mark.parametrize("kind", OUTAGES)
def test_all_that_was_printed_is_shown_once_after(stand: Stand, kind: str) -> None:
    outage = OUTAGES[kind]
    client = Watched(stand, "work", quiet=outage.quiet)
    go_on([client])
    began = time.monotonic()
    moment = outage.happen(stand, [client], 0)
    back([client], moment)
    go_on([client])
    shows_every_number_once(client)
    assert too_many(stand.flows(), began, [moment]) == []
    assert ended_for_newer(stand.flows(), began) == []


def test_three_clients_of_one_host_come_back_together(stand: Stand) -> None:
    clients = [Watched(stand, f"work{number}") for number in range(3)]
    go_on(clients)
    began = time.monotonic()
    back(clients, OUTAGES["route"].happen(stand, clients, 0))
    go_on(clients)
    for client in clients:
        shows_every_number_once(client)
    assert ended_for_newer(stand.flows(), began) == []


def test_an_attempt_that_the_server_has_answered_goes_on_while_addresses_change(stand: Stand) -> None:
    client = Watched(stand, "work")
    go_on([client])
    stand.set_trip(SLOW)
    began = time.monotonic()
    stand.remove_address()
    watch([client], AWAY)
    moment = stand.add_address(another=True)
    wait_until(
        lambda: any(flow.accepted > moment for flow in stand.flows()),
        "a connection from the new address",
        timeout=PATIENCE,
        pause=client.terminal.pump,
    )
    for number in range(3):
        stand.here.ip(f"addr add 10.92.0.{number}/32 dev lo")
        watch([client], 0.6)
    back([client], moment)
    watch([client], 1)
    assert ended_for_newer(stand.flows(), began) == []
    go_on([client])
    shows_every_number_once(client)
