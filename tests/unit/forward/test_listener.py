"""A listener takes connections as far as there is room for them."""

from __future__ import annotations

import errno
import os
import socket
from unittest.mock import Mock

import pytest

from sesh.errors import Refused
from sesh.forward import listener as module
from sesh.forward.listener import Listener, first_free, unprivileged
from sesh.forward.near import Carry


def none(port: int) -> Carry:
    """Begin nothing: there is no link."""
    return Carry(port, None)


def test_without_a_descriptor_a_connection_waits_and_no_loop_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = Listener(port)
    real = made.sockets
    fails = Mock(wraps=real[0])
    fails.accept.side_effect = OSError(errno.EMFILE, "too many")
    fails.fileno.return_value = real[0].fileno()
    made.sockets = [fails, *real[1:]]
    made.act([real[0].fileno()], 10.0, none)
    assert made.watched() == {}
    assert made.due == 10.0 + module._PAUSE
    made.act([], made.due, none)
    assert real[0].fileno() in made.watched()
    made.sockets = real
    made.close()


def test_who_connects_without_a_link_waits_ten_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = Listener(port)
    with socket.create_connection(("127.0.0.1", port)) as opened:
        made.act([made.sockets[0].fileno()], 100.0, none)
        assert made.due == 100.0 + module.READY_TIME
        made.act([], 109.9, none)
        assert made.connections
        made.act([], 110.0, none)
        assert not made.connections
        assert opened.recv(1) == b""
    made.close()


def test_more_connections_than_are_carried_wait_to_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CARRIED", 1)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = Listener(port)
    with socket.create_connection(("127.0.0.1", port)):
        made.act([made.sockets[0].fileno()], 0.0, none)
        assert not set(made.watched()) & {each.fileno() for each in made.sockets}
    made.close()


def test_the_next_free_port_is_found_and_there_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = first_free(80, port, Listener)
        assert made.port > port
        assert made.far_port == 80
        made.close()
        monkeypatch.setattr(module, "_TRIES", 1)
        with pytest.raises(Refused, match=f"no port from {port} on is free here"):
            first_free(80, port, Listener)


def test_a_port_of_root_has_another_number_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [unprivileged(port) for port in (80, 443, 1024, 8080)] == [8080, 8443, 1024, 8080]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert unprivileged(80) == 80
