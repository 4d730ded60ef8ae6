"""A client within a session asks that session's desktop: the person sits at the end of the chain."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping

import pytest

from sesh.client.desktop.exchanges import Exchange
from sesh.client.desktop.outer import Outer
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from tests.support.data import daemon_facts
from tests.support.desk import Stub
from tests.unit.daemon.connections import Daemon
from tests.unit.daemon.test_exchanges import Client


class Forwarding(Stub):
    """A desktop that is another session's."""

    def __init__(self, outer: Outer) -> None:
        super().__init__()
        self.outer = outer

    def watched(self) -> Mapping[int, int]:
        return self.outer.watched()

    def act(self, ready: Collection[int], now: float) -> None:
        self.outer.act([*self.outer.watched()])  # as if all were ready

    def _ask(self, exchange: Exchange) -> None:
        self.outer.ask(exchange)

    list = read = write = open = _ask

    def moved(self, exchange: Exchange) -> None:
        self.outer.moved(exchange)


class Chain:
    """A client within the session `outer`, which has a client of its own: `person`."""

    def __init__(self, inner: Daemon, outer: Daemon) -> None:
        self.outer = outer
        self.person = Client(outer)
        self.inner = Client(inner, Forwarding(Outer("outer")))
        self.inner.beside = self.turn

    def turn(self) -> None:
        self.outer.turn()
        if self.person.channel.connection is not None:
            self.person.run()


@pytest.fixture
def chain(serve: Callable[[Session], Daemon]) -> Iterator[Chain]:
    inner, outer = (serve(Session(daemon_facts(name=name), (80, 24, 0, 0), Pty())) for name in ("inner", "outer"))
    outer._watch()
    chain = Chain(inner, outer)
    yield chain
    for client in (chain.inner, chain.person):
        client.close()


def test_wishes_go_along_the_chain_and_answers_come_back(chain: Chain) -> None:
    assert chain.inner.wish("list")[0]["types"] == ["text/plain"]
    chain.person.desktop.clipboard = content = os.urandom(2 << 20)
    told, data = chain.inner.wish("read", type="image/png")
    assert (told["ok"], told["type"], data) == (True, "image/png", content)
    written = os.urandom(150_000)
    assert chain.inner.wish("write", written, type="text/plain")[0]["ok"] is True
    assert chain.person.desktop.clipboard == written
    assert chain.inner.wish("open", url="https://example.org/")[0]["ok"] is True
    assert chain.person.desktop.opened == ["https://example.org/"]


def test_what_the_person_refuses_comes_back_in_the_same_words(chain: Chain) -> None:
    chain.person.desktop.agrees = False
    assert chain.inner.wish("read", type="text/plain")[0]["why"] == "consent"


def test_with_nobody_attached_to_the_outer_session_the_line_names_it(chain: Chain) -> None:
    chain.person.close()
    chain.outer.until(lambda: not chain.outer.session.clients.all)
    chain.outer.session.clients.lost = type(chain.outer.session.clients.lost)()
    told = chain.inner.wish("read", type="text/plain")[0]
    assert (told["why"], "nobody is attached to outer" in told["words"]) == ("none", True)


def test_an_outer_session_that_has_gone_is_an_answer(chain: Chain) -> None:
    chain.outer.listener.release()
    assert chain.inner.wish("list")[0]["why"] == "none"


def test_an_outer_daemon_that_goes_in_the_middle_is_an_answer(chain: Chain) -> None:
    def goes() -> None:
        if len(chain.outer.connections) > 2:
            for connection in list(chain.outer.connections.values()):
                chain.outer.drop(connection)
        else:
            chain.outer.turn()

    chain.inner.beside = goes
    assert chain.inner.wish("read", type="text/plain")[0]["why"] == "gone"


def test_what_the_outer_daemon_does_not_know_is_an_answer(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sesh.client.desktop.outer.DESK", "newer")
    assert "older sesh" in chain.inner.wish("list")[0]["words"]
