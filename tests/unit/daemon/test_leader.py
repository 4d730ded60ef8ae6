"""The client that was used last leads; a lost leader keeps the size for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.clients.client import LEADER_RETURNS, Client, Clients, last_used
from sesh.system.clock import STEADY
from sesh.wire import protocol
from tests.unit.daemon.connections import Daemon, Link

SMALL, LARGE = (60, 20, 0, 0), (100, 30, 0, 0)


@pytest.fixture
def clients() -> Clients:
    return Clients((80, 24, 0, 0))


@pytest.fixture
def attach(clients: Clients) -> Iterator[Callable[..., Client]]:
    """Yield what attaches a client that was used at a moment."""
    links: list[Link] = []

    def attaches(used_at: float, size: tuple[int, ...] = (80, 24), **hello: object) -> Client:
        links.append(Link())
        client = links[-1].attached(len(links), columns=size[0], rows=size[1], **hello)
        client.used_at = used_at
        clients.add(client)
        return client

    yield attaches
    for link in links:
        link.close()


Attach = Callable[..., Client]


@given(st.dictionaries(st.integers(0, 1000), st.tuples(st.booleans(), st.integers(20, 100)), max_size=8))
def test_the_writable_client_that_was_used_last_gives_its_size(
    attached: dict[int, tuple[bool, int]],
) -> None:
    clients, links = Clients((80, 24, 0, 0)), list[Link]()
    for used_at, (read_only, columns) in attached.items():
        links.append(Link())
        client = links[-1].attached(len(links), columns=columns, read_only=read_only)
        client.used_at = float(used_at)
        clients.add(client)
    size = clients.choose_leader(0.0)
    for link in links:
        link.close()
    writable = [used_at for used_at, (read_only, _) in attached.items() if not read_only]
    if not writable:
        assert (clients.leader, size, clients.size) == (None, None, (80, 24, 0, 0))
        return
    columns = attached[max(writable)][1]
    assert clients.leader is last_used(clients.all)
    assert clients.size[:2] == (columns, 24)
    assert size == (clients.size if columns != 80 else None)


def test_a_lost_leader_keeps_the_size_until_it_returns(
    clients: Clients, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 50.0)
    leader, other = attach(20.0, LARGE), attach(10.0, SMALL)
    assert clients.choose_leader(50.0) == LARGE
    clients.remove(leader, returns=True)
    for now in (50.0, 50.0 + LEADER_RETURNS / 2):
        assert clients.choose_leader(now) is None
        assert (clients.leader, clients.size) == (None, LARGE)
    assert clients.due == 50.0 + LEADER_RETURNS
    back = attach(20.0, LARGE)
    assert clients.choose_leader(51.5) is None
    assert (clients.leader, clients.size) == (back, LARGE)
    assert clients.due == float("inf")
    assert clients.choose_leader(100.0) is None
    assert clients.leader is not other


def test_one_that_does_not_return_in_time_is_given_up(
    clients: Clients, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 50.0)
    leader, other = attach(20.0, LARGE), attach(10.0, SMALL)
    clients.choose_leader(50.0)
    clients.remove(leader, returns=True)
    assert clients.choose_leader(50.0) is None
    assert clients.choose_leader(clients.due) == SMALL
    assert clients.leader is other


def test_a_client_that_is_used_meanwhile_leads_at_once(
    clients: Clients, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 50.0)
    leader, other = attach(20.0, LARGE), attach(10.0, SMALL)
    clients.choose_leader(50.0)
    clients.remove(leader, returns=True)
    assert clients.choose_leader(50.1) is None
    clients.note_key(other)
    assert other.used_at > 20.0
    assert clients.choose_leader(50.2) == SMALL
    assert clients.leader is other


def test_a_leader_that_detaches_gives_the_lead_up_at_once(clients: Clients, attach: Attach) -> None:
    leader, other = attach(20.0, LARGE), attach(10.0, SMALL)
    clients.choose_leader(0.0)
    clients.remove(leader, returns=False)
    assert clients.choose_leader(0.0) == SMALL
    assert clients.leader is other


def test_the_loss_of_another_client_changes_nothing(clients: Clients, attach: Attach) -> None:
    leader, other = attach(20.0, LARGE), attach(10.0, SMALL)
    clients.choose_leader(0.0)
    clients.remove(other, returns=True)
    assert clients.choose_leader(0.0) is None
    assert (clients.leader, clients.due) == (leader, float("inf"))


def test_a_leader_that_reconnects_never_changes_the_programs_size(server: Daemon) -> None:
    """The session shrank to the other client's size, and grew again, at each break of a link."""
    ids = count(1)

    def opens(size: tuple[int, ...], used_at: float, **hello: object) -> Link:
        link = Link(server)
        words = {"protocol": protocol.PROTOCOL, "role": "attach", "columns": size[0], "rows": size[1], **hello}
        server.session.attached.handle_hello(link.connection, {"client": f"{next(ids)}", **words})
        client = server.session.clients.all[-1]
        client.used_at = max(client.used_at, used_at)
        server.turn()
        return link

    now = STEADY.now()
    links = [opens(SMALL, now - 20), opens(LARGE, now + 10, client="leader")]
    sizes = [server.session.clients.size]
    for _ in range(3):
        lost = links.pop()
        server.drop(lost.connection)
        lost.close()
        server.turn()
        sizes.append(server.session.clients.size)
        links.append(opens(LARGE, 0.0, client="leader"))
        sizes.append(server.session.clients.size)
    assert set(sizes) == {LARGE}
    resized = [event for event in server.session.events.after(0) if event["event"] == "resized"]
    assert len(resized) == 2, "one for each of the two that attached first"
    for link in links:
        link.close()
