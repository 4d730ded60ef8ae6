"""A `forward` that is typed in a session has its person's machine listen."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from sesh.client.desktop import forwards
from sesh.client.desktop.consent import Consent
from sesh.client.desktop.forwards import Forwards
from sesh.schema import codec
from sesh.wire import protocol
from tests.unit.client.desktop.test_desktop import Person, free_port, is_listened_on


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    made = Person(monkeypatch)
    yield made
    made.desktop.close()


def listens(person: Person, port: int) -> tuple[int, int]:
    """Have a port forwarded; return the exchange's number, and the port here."""
    number = person.ask("listen", port=port)
    while number not in person.data and number not in person.told:
        person.run_once()
    assert number in person.data, person.told
    return number, json.loads(person.data[number])["local"]


def test_a_port_is_carried_to_whoever_listens_there_until_the_forward_ends(person: Person) -> None:
    port = free_port()
    person.press(b"\r")
    number, local = listens(person, port)
    assert local == port
    assert person.notices == [f"vim on @gpu: its port {port} is at http://localhost:{port} here"]
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)
        while not person.asked:
            person.run_once()
        asked = person.asked[0]
        assert (asked["wish"], asked["port"], asked["any"]) == ("stream", port, True)
        person.piece(asked["number"], b"\x01")
        person.run_once()
        assert opened.recv(1) == b"\x01"
        person.exchanges.handle_frame(protocol.TOLD, codec.encode({"number": number, "ok": False, "why": "gone"}))
        assert not is_listened_on(port)
        assert opened.recv(1) == b""


@pytest.mark.parametrize("data", [b"\0\0\0\x08\x04\xd2\x16\x2f", b"AUTH secret\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_no_browser_sends_is_closed_and_a_line_says_what_to_type(person: Person, data: bytes) -> None:
    """Any program of the session could ask for the port of a database here, and would get its password."""
    port = free_port()
    person.press(b"\r")
    listens(person, port)
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.sendall(data)
        while len(person.notices) < 2:
            person.run_once()
        assert opened.recv(1) == b""
    assert person.asked == []
    advice = f"for other programs, type here: sesh @gpu forward {port}"
    assert person.notices[1] == f"port {port} is carried for a browser alone; {advice}"


def test_no_port_is_listened_on_without_a_key_in_that_session_or_where_the_settings_refuse(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    assert person.answer(person.ask("listen", port=port))["why"] == "consent"
    never = Person(monkeypatch, consent=Consent(browse="never"))
    never.press(b"\r")
    assert never.answer(never.ask("listen", port=port))["why"] == "consent"
    never.desktop.close()
    assert not is_listened_on(port)


def test_a_taken_port_is_replaced_and_a_wrong_one_refused(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        person.press(b"\r")
        _, local = listens(person, port)
        assert local > port
    for wrong in (1 << 16, 1 << 40):
        person.desktop._consent._opened_at = 0.0
        assert person.answer(person.ask("listen", port=wrong))["why"] == "taken"


def test_a_port_of_this_machine_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(monkeypatch, remote=False)
    port = free_port()
    assert listens(person, port)[1] == port
    assert not is_listened_on(port)
    person.desktop.close()


def test_a_lost_link_keeps_the_port_for_who_asks_again_without_another_key(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    person.press(b"\r")
    listens(person, port)
    person.exchanges.disconnected()
    assert is_listened_on(port)
    person.desktop._consent._open_until = 0.0
    person.exchanges.connected()
    _, local = listens(person, port)
    assert local == port
    person.exchanges.disconnected()
    monkeypatch.setattr(forwards, "_ASKED_AGAIN", 0.0)
    person.exchanges.connected()
    person.run_once()
    assert not is_listened_on(port), "whoever forwarded it has ended meanwhile"


def test_what_is_not_there_is_not_waited_for() -> None:
    made = Forwards(Mock())
    assert made.due == float("inf")
    assert not made.keeps(3000)
    assert made.watched() == {}
