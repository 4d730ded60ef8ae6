"""Whose program listens on a port, by the tables of Linux and the words of lsof."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from unittest.mock import Mock

import pytest

from sesh.system import platforms, ports, processes, programs
from sesh.system.ports import ALL_V4, Listener

OWN = os.geteuid()
OTHER = OWN + 1


@pytest.mark.skipif(not platforms.LINUX, reason="/proc/net/tcp is Linux's")
@pytest.mark.parametrize(
    ("family", "address", "reached"),
    [
        (socket.AF_INET, "127.0.0.1", ["127.0.0.1"]),
        (socket.AF_INET, ALL_V4, ["127.0.0.1"]),
        (socket.AF_INET, "127.0.0.2", []),
        (socket.AF_INET6, "::1", ["::1"]),
        (socket.AF_INET6, "::", ["127.0.0.1", "::1"]),
        (socket.AF_INET6, "::ffff:127.0.0.1", ["127.0.0.1"]),
    ],
)
def test_a_port_is_reached_where_a_program_of_this_user_listens(
    family: socket.AddressFamily, address: str, reached: list[str]
) -> None:
    with socket.socket(family) as listening:
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((address, 0))
        assert ports.Look().own_loopback(listening.getsockname()[1]) == []  # it does not listen
        listening.listen()
        assert ports.Look().own_loopback(listening.getsockname()[1]) == reached


@pytest.mark.parametrize(
    ("found", "reached"),
    [
        ([Listener("127.0.0.1", OTHER)], []),
        ([Listener("127.0.0.1", OTHER), Listener(ALL_V4, OWN)], []),  # the exact one gets the connection
        ([Listener("127.0.0.1", OWN), Listener(ALL_V4, OTHER)], ["127.0.0.1"]),
        ([Listener("127.0.0.1", OWN), Listener("127.0.0.1", OTHER)], []),  # SO_REUSEPORT
        ([Listener("::", OWN), Listener(ALL_V4, OTHER)], ["::1"]),
        ([Listener("::", OWN), Listener("::1", OTHER)], ["127.0.0.1"]),
    ],
)
def test_a_port_of_another_user_is_not_reached(
    found: Sequence[Listener], reached: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports.Look, "listeners", lambda *_: found)
    assert ports.Look().own_loopback(3000) == reached


@pytest.mark.parametrize("port", [-1, 0, 22, 1023, 65536, 1 << 40])
def test_ports_below_1024_and_no_ports_are_not_looked_at(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports.Look, "listeners", lambda *_: pytest.fail("it was looked at"))
    assert ports.Look().own_loopback(port) == []


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ("p71\nu501\nf3\nn127.0.0.1:1455\n", [Listener("127.0.0.1", 501)]),
        ("p71\nu501\nf3\nn[::1]:1455\np72\nu0\nf5\nn*:1455\n",
         [Listener("::1", 501), Listener(ALL_V4, 0), Listener("::", 0)]),
        ("lsof: illegal option\n", []),
        (None, []),
    ],
)  # fmt: skip
def test_without_proc_lsof_says_who_listens(
    printed: str | None, found: list[Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platforms, "LINUX", False)
    monkeypatch.setattr(programs, "printed", lambda *_, **__: printed)
    assert ports.Look().listeners(1455) == found


def test_one_look_reads_the_tables_once(monkeypatch: pytest.MonkeyPatch) -> None:
    content = Mock(return_value=b"")
    monkeypatch.setattr(platforms, "LINUX", True)
    monkeypatch.setattr(platforms, "content", content)
    look = ports.Look()
    for port in range(3000, 3100):
        assert look.own_loopback(port) == []
    assert [call.args for call in content.call_args_list] == [("/proc/net/tcp",), ("/proc/net/tcp6",)]


@pytest.mark.skipif(not platforms.LINUX, reason="/proc/net/tcp is Linux's")
@pytest.mark.parametrize("address", ["127.0.0.1", ALL_V4])
def test_the_program_that_has_a_port_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((address, 0)) as listening:
        port = listening.getsockname()[1]
        assert ports.holder(port) == f"{processes.name_of(os.getpid())} (pid {os.getpid()})"
        monkeypatch.setattr(processes, "own_processes", list)
        assert ports.holder(port) == f"a program of {pwd.getpwuid(OWN).pw_name}"
    assert ports.holder(port) == "another program"


@pytest.mark.parametrize(("printed", "holder"), [("p71\ncnode\n", "node (pid 71)"), (None, "another program")])
def test_without_proc_lsof_names_the_program(printed: str | None, holder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "LINUX", False)
    monkeypatch.setattr(programs, "printed", lambda *_, **__: printed)
    assert ports.holder(1455) == holder


@pytest.mark.skipif(not platforms.LINUX, reason="/proc/net/tcp is Linux's")
def test_the_ports_of_processes_are_those_on_which_they_listen_where_loopback_reaches_them() -> None:
    with ExitStack() as opened:
        heard, all_heard, elsewhere = (
            opened.enter_context(socket.create_server((host, 0))).getsockname()[1]
            for host in ("127.0.0.1", "", "127.0.0.2")
        )
        unheard = opened.enter_context(socket.socket())
        unheard.bind(("127.0.0.1", 0))
        found = ports.Look().of_processes([os.getpid(), 1 << 30])
        mine = {each.port for each in found}
        assert {heard, all_heard} <= mine
        assert not {elsewhere, unheard.getsockname()[1]} & mine
        assert {each.pid for each in found} == {os.getpid()}
    assert ports.Look().of_processes([]) == []


def test_lsof_prints_the_ports_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = "p71\nf3\nn127.0.0.1:3000\nf4\nn*:3001\np72\nf3\nn[::1]:3000\nf5\nn10.0.0.1:3002\n"
    monkeypatch.setattr(platforms, "LINUX", False)
    monkeypatch.setattr(programs, "printed", Mock(return_value=printed))
    assert ports.Look().of_processes([71, 72]) == [(3000, 71), (3001, 71)]
