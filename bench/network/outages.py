"""Outages between a client and its host, and the moment when each ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bench.network.stand import Stand
from bench.network.watched import Watched, watch

AWAY, LOST_PACKETS, QUIET = 2.0, 6.0, 1.5
"""Seconds without an address, with the device down, or stopped; in which packets are lost; before a NAT forgets."""
_ON_ITS_WAY = 0.02

JUMPS = """
import os
from sesh.link import keeper
from sesh.system import clock
uptime = clock.uptime
def jumping():
    path = os.path.expanduser("~/clock.%d" % os.getpid())
    return uptime() + 60 * (os.path.getsize(path) if os.path.exists(path) else 0)
keeper.uptime = clock.uptime = jumping
"""
"""Code for a launcher: for each byte in ~/clock.PID the clock of that client jumps a minute, as after sleep."""

Clients = Sequence[Watched]


def _address(stand: Stand, clients: Clients, number: int) -> float:
    stand.remove_address()
    watch(clients, AWAY)
    return stand.add_address(another=number % 2 == 0)


def _route(stand: Stand, clients: Clients, number: int) -> float:
    return stand.change_route(gone=number % 2 == 0)


def _interface(stand: Stand, clients: Clients, number: int) -> float:
    stand.take_down()
    watch(clients, AWAY)
    return stand.bring_up()


def _nat(stand: Stand, clients: Clients, number: int) -> float:
    watch(clients, QUIET)
    stand.forget()
    moment = time.monotonic()
    for client in clients:
        client.terminal.type("k")
    return moment


def _lost(stand: Stand, clients: Clients, number: int) -> float:
    stand.darken()
    watch(clients, LOST_PACKETS)
    stand.darken(dark=False)
    return time.monotonic()


def _sleep(stand: Stand, clients: Clients, number: int, *, jump: bool) -> float:
    stand.forget()
    watch(clients, _ON_ITS_WAY)
    home = stand.farm.home
    stopped = home.processes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    watch(clients, AWAY)
    for client in clients if jump else ():
        with open(os.path.join(home.path, f"clock.{client.terminal.pid}"), "ab", buffering=0) as clock:
            clock.write(b"j")
    moment = time.monotonic()
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    return moment


def _sshd(stand: Stand, clients: Clients, number: int) -> float:
    moment = stand.restart_sshd()
    watch(clients, stand.trip / 2 + _ON_ITS_WAY)  # what the old one had sent arrives
    return moment


@dataclass(frozen=True)
class Outage:
    """A kind of outage; `happen` returns the moment when a new ssh could connect.

    `announced`: the system or the person signals that moment. `quiet`: the program must print nothing by itself.
    """

    happen: Callable[[Stand, Clients, int], float]
    announced: bool = True
    quiet: bool = False

    def allowed(self, alone: float, trip: float) -> float:
        """Return the seconds until new output must show, if ssh takes `alone`."""
        return alone + trip + (0.5 if self.announced else 1.2)


OUTAGES = {
    "address": Outage(_address),
    "route": Outage(_route),
    "interface": Outage(_interface),
    "nat": Outage(_nat, announced=False, quiet=True),
    "lost": Outage(_lost, announced=False),
    "stopped": Outage(partial(_sleep, jump=False)),
    "slept": Outage(partial(_sleep, jump=True)),
    "sshd": Outage(_sshd),
}
"""By name. `address`: removed, and the same or another one added; `nat`: it forgets, and a key is typed; `stopped`: the
connections die meanwhile; `slept`: the clock jumps, too."""
