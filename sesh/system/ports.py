"""TCP ports of this machine: whose program listens where."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from sesh.system import platforms, processes, programs

LOWEST = 1024  # ports below belong to root
ALL_V4 = "0.0.0.0"  # noqa: S104 (nobody binds)
_LISTENS = "0A"  # the state in /proc/net/tcp
LSOF = ("lsof", "-nP", "-iTCP", "-sTCP:LISTEN", "-Fun")
"""The program that says who listens, where there is no /proc."""
_LSOF_TIMEOUT = 1.0  # seconds
_OTHER = "another program"
# An address that a connection to loopback reaches, from the most exact one on; the last one may not take IPv4.
_LOOPBACK = {"127.0.0.1": ("127.0.0.1", ALL_V4, "::"), "::1": ("::1", "::")}


class Listener(NamedTuple):
    """A listening socket: its address, and the user whose it is."""

    address: str
    uid: int


class Owned(NamedTuple):
    """A port on which a process listens, on loopback or on all addresses."""

    port: int
    pid: int


class Look:
    """One look at this machine, however many ports are asked for: the kernel takes milliseconds for its tables."""

    def __init__(self, printed: str | None = None) -> None:
        """`printed`: what `LSOF` has said, where there is no /proc; without it, it is asked for each port."""
        self._said = printed
        self._tables: tuple[bytes, bytes] | None = None  # for IPv4 and IPv6

    def own_loopback(self, port: int) -> list[str]:
        """Return the loopback addresses on which a connection to a port reaches a program of this user."""
        found = self.listeners(port) if LOWEST <= port <= 0xFFFF else []
        reached: list[str] = []
        for host, addresses in _LOOPBACK.items():
            listening = ({each.uid for each in found if each.address == one} for one in addresses)
            if next(filter(None, listening), set()) == {os.geteuid()}:
                reached.append(host)
        return reached

    def of_processes(self, pids: Collection[int]) -> list[Owned]:
        """Return the ports on which processes listen, each once, in order."""
        found: dict[int, int] = {}
        if platforms.LINUX:
            by_socket = self._by_socket()
            for pid in sorted(pids) if by_socket else []:
                for path in processes.open_paths(pid):
                    if path in by_socket:
                        found.setdefault(by_socket[path], pid)
        elif pids:
            chosen = ",".join(map(str, sorted(pids)))
            words = "lsof", "-nP", "-a", "-p", chosen, "-iTCP", "-sTCP:LISTEN", "-Fpn"
            found = _printed_ports((programs.printed(*words, timeout=_LSOF_TIMEOUT) or "").splitlines())
        return [Owned(port, found[port]) for port in sorted(found)]

    def _by_socket(self) -> dict[str, int]:
        """Return the ports on which somebody listens, by the target of a link in /proc/PID/fd."""
        found: dict[str, int] = {}
        for table, addresses in zip(self._tables_now(), (_ADDRESSES_4, _ADDRESSES_6)):
            for line in table.decode("ascii", "replace").splitlines()[1:]:
                words = line.split() if f" {_LISTENS} " in line else []
                address, _, number = words[1].partition(":") if len(words) > 9 else ("", "", "")
                if address in addresses and words[3] == _LISTENS:
                    found[f"socket:[{words[9]}]"] = int(number, 16)
        return found

    def _tables_now(self) -> tuple[bytes, bytes]:
        if self._tables is None:
            self._tables = platforms.content("/proc/net/tcp"), platforms.content("/proc/net/tcp6")
        return self._tables

    def listeners(self, port: int) -> list[Listener]:
        """Return who listens on a port, on loopback or on all addresses; empty if that is unknown."""
        if platforms.LINUX:
            table, table_6 = self._tables_now()
            return [*_listed(table, port, _ADDRESSES_4), *_listed(table_6, port, _ADDRESSES_6)]
        said = self._said
        if said is None:
            said = programs.printed("lsof", "-nP", f"-iTCP:{port}", *LSOF[3:], timeout=_LSOF_TIMEOUT) or ""
        return _printed(said.splitlines(), port)


def holder(port: int) -> str:
    """Return who listens on a port: `node (pid 71)`, else whose program does. Takes a while."""
    if not platforms.LINUX:
        words = ("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc")
        lines = (programs.printed(*words, timeout=_LSOF_TIMEOUT) or "").splitlines()
        number, name = (next((line[1:] for line in lines if line.startswith(key)), "") for key in "pc")
        return f"{name} (pid {number})" if number.isdecimal() else _OTHER
    look = Look()
    with suppress(OSError, KeyError):  # /proc is shut, or the user was removed
        for owned in look.of_processes([pid for pid, _, _ in processes.own_processes()]):
            if owned.port == port:
                return f"{processes.name_of(owned.pid)} (pid {owned.pid})"
        for listener in look.listeners(port):
            return f"a program of {pwd.getpwuid(listener.uid).pw_name}"
    return _OTHER


def _hexadecimal(address: bytes) -> str:
    """Return an address as /proc/net/tcp has it: numbers of four bytes in the machine's order."""
    numbers = [address[start : start + 4] for start in range(0, len(address), 4)]
    return "".join(f"{int.from_bytes(number, sys.byteorder):08X}" for number in numbers)


_V4, _MAPPED = bytes((127, 0, 0, 1)), bytes(10) + b"\xff\xff"
_ADDRESSES_4 = {_hexadecimal(_V4): "127.0.0.1", _hexadecimal(bytes(4)): ALL_V4}
_ADDRESSES_6 = {
    _hexadecimal(bytes(15) + b"\1"): "::1", _hexadecimal(bytes(16)): "::",
    _hexadecimal(_MAPPED + _V4): "127.0.0.1", _hexadecimal(_MAPPED + bytes(4)): ALL_V4,
}  # fmt: skip


def _listed(table: bytes, port: int, addresses: dict[str, str]) -> list[Listener]:
    """Return the listeners of a port in /proc/net/tcp or tcp6."""
    found: list[Listener] = []
    wanted = f":{port:04X} "  # there may be thousands of other lines
    for line in table.decode("ascii", "replace").splitlines()[1:]:
        words = line.split() if wanted in line else []
        address, _, number = words[1].partition(":") if len(words) > 7 else ("", "", "")
        if address in addresses and words[3] == _LISTENS and int(number, 16) == port:
            found.append(Listener(addresses[address], int(words[7])))
    return found


def _printed(lines: list[str], port: int) -> list[Listener]:
    """Return the listeners of a port that lsof has printed: `u` a process's user, `n` a socket's address and port."""
    found: list[Listener] = []
    uid = -1
    for line in lines:
        if line.startswith("u") and line[1:].isdecimal():
            uid = int(line[1:])
        elif line.startswith("n"):
            address, _, digits = line[1:].rpartition(":")
            if digits != str(port):
                continue
            address = address.strip("[]")
            # "*" stands for all addresses of either family.
            found += [Listener(each, uid) for each in ((ALL_V4, "::") if address == "*" else (address,))]
    return found


def _printed_ports(lines: list[str]) -> dict[int, int]:
    """Return the ports that lsof has printed, with a process of each: `p` a pid, `n` a socket's address and port."""
    found: dict[int, int] = {}
    pid = 0
    for line in lines:
        if line.startswith("p") and line[1:].isdecimal():
            pid = int(line[1:])
        elif line.startswith("n"):
            address, _, port = line[1:].rpartition(":")
            if port.isdecimal() and address.strip("[]") in ("*", *_LOOPBACK):
                found.setdefault(int(port), pid)
    return found
