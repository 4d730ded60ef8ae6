"""TCP ports of this machine: whose program listens where."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from sesh.system import platforms, processes, programs

LOWEST = 1024  # ports below belong to root
ALL_V4 = "0.0.0.0"  # noqa: S104 (nobody binds)
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ADDRESS, _STATE, _UID, _INODE = 1, 3, 7, 9  # words of a line there
_LISTENS = "0A"  # a state
_OTHER = "another program"
_LSOF_TIMEOUT = 1.0  # seconds
# An address that a connection to loopback reaches, from the most exact one on; the last one may not take IPv4.
_LOOPBACK = {"127.0.0.1": ("127.0.0.1", ALL_V4, "::"), "::1": ("::1", "::")}


class Listener(NamedTuple):
    """A listening socket: its address, and the user whose it is."""

    address: str
    uid: int


class Look:
    """One look at this machine, however many ports are asked for: the kernel takes milliseconds for its tables."""

    def __init__(self) -> None:
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

    def listeners(self, port: int) -> list[Listener]:
        """Return who listens on a port, on loopback or on all addresses; empty if that is unknown."""
        if platforms.LINUX:
            if self._tables is None:
                self._tables = platforms.content(_TABLES[0]), platforms.content(_TABLES[1])
            table, table_6 = self._tables
            return [*_listed(table, port, _ADDRESSES_4), *_listed(table_6, port, _ADDRESSES_6)]
        printed = programs.printed("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fun", timeout=_LSOF_TIMEOUT) or ""
        return _printed(printed.splitlines())


def holder(port: int) -> str:
    """Return who listens on a port: `node (pid 71)`, else whose program does. Takes a while."""
    if not platforms.LINUX:
        words = ("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc")
        lines = (programs.printed(*words, timeout=_LSOF_TIMEOUT) or "").splitlines()
        number, name = (next((line[1:] for line in lines if line.startswith(key)), "") for key in "pc")
        return f"{name} (pid {number})" if number.isdecimal() else _OTHER
    tables = (platforms.content(path).decode("ascii", "replace") for path in _TABLES)
    rows = [words for table in tables for words in _rows(table, port)]
    sockets = {f"socket:[{words[_INODE]}]" for words in rows}
    with suppress(OSError, KeyError):  # /proc is shut, or the user was removed
        for pid, _, _ in processes.own_processes():
            if sockets & processes.open_paths(pid):
                return f"{processes.name_of(pid)} (pid {pid})"
        if rows:
            return f"a program of {pwd.getpwuid(int(rows[0][_UID])).pw_name}"
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
    rows = ((words[_ADDRESS].partition(":")[0], words) for words in _rows(table.decode("ascii", "replace"), port))
    return [Listener(addresses[address], int(words[_UID])) for address, words in rows if address in addresses]


def _rows(table: str, port: int) -> Iterator[list[str]]:
    """Yield the words of the lines of a port's listeners."""
    wanted = f":{port:04X} "  # there may be thousands of other lines
    for line in table.splitlines()[1:]:
        words = line.split() if wanted in line else []
        if len(words) > _INODE and words[_STATE] == _LISTENS and f"{words[_ADDRESS]} ".endswith(wanted):
            yield words


def _printed(lines: list[str]) -> list[Listener]:
    """Return the listeners that lsof has printed: `u` a process's user, `n` a socket's address and port."""
    found: list[Listener] = []
    uid = -1
    for line in lines:
        if line.startswith("u") and line[1:].isdecimal():
            uid = int(line[1:])
        elif line.startswith("n"):
            address = line[1:].rpartition(":")[0].strip("[]")
            # "*" stands for all addresses of either family.
            found += [Listener(each, uid) for each in ((ALL_V4, "::") if address == "*" else (address,))]
    return found
