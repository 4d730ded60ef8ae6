"""The stand: sesh and ssh in one network namespace, sshd in another, and what happens to the network between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.network.namespaces import Namespace
from bench.network.router import Flow
from tests.remote.farm import Farm, SshHost
from tests.remote.sshd import Sshd
from tests.support import ROOT, Home, need

HOST = "10.91.3.1"
NETWORKS = {"wlan0": "10.91.1", "eth0": "10.91.2"}
"""The client's devices, and the networks behind which it is reached by them."""


def change(home: Home, code: str) -> None:
    """Has each sesh of this home run `code` first. None is a fork of this process, because they run in a namespace."""
    with open(home.command[-1], encoding="utf-8") as file:
        before, begins, rest = file.read().partition("from sesh.__main__")
    home.command = [*home.command[:-1], home.write("bin/changed-sesh", f"{before}{code}\n{begins}{rest}", 0o755)]


class Stand:
    """`far` is a host in a namespace of its own, and the sesh of the farm's home runs in another one.

    The client has two devices with an address each; its default route goes over `device`. Raises OSError where the
    system does not let namespaces or TUN devices be made.
    """

    def __init__(self, farm: Farm, trip: float) -> None:
        self.farm = farm
        self.device = "wlan0"
        self._addresses = dict.fromkeys(NETWORKS, 2)
        """The last number of the address that a device has."""
        self.here, self.there = Namespace(), Namespace()
        words = [f"{self.here.path},{name},{network}" for name, network in NETWORKS.items()]
        words.append(f"{self.there.path},net0,{HOST.rpartition('.')[0]}")
        command = [sys.executable, "-m", "bench.network.router", *words]
        pipe = subprocess.PIPE
        self._router = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, text=True)
        assert self._router.stdout is not None
        said = self._router.stdout.readline().strip()
        if said != "ready":
            self.close()
            raise OSError(said)
        self.there.ip(f"addr add {HOST}/24 dev net0", "link set net0 up", "route add default dev net0")
        for name in NETWORKS:
            self.here.ip(f"addr add {self.address(name)}/24 dev {name}", f"link set {name} up")
        self.here.ip(f"route add default dev {self.device}")
        self.set_trip(trip)
        ground = farm.ground
        folder = os.path.join(ground.folder, f"sshd-{os.path.basename(farm.home.root)}")
        settings = {"AuthorizedKeysFile": f"{ground.identity}.pub", "ListenAddress": HOST}
        self.sshd = Sshd(folder, settings, within=self.there.within)
        self.far: SshHost = farm.host("box", server=self.sshd)
        farm.home.command = [*self.here.within, *farm.home.command]

    def close(self) -> None:
        """Ends the host's server and the router."""
        if hasattr(self, "sshd"):
            self.sshd.remove()
        self._router.communicate()
        self.here.close()
        self.there.close()

    # -- the router

    def _command(self, line: str) -> object:
        assert self._router.stdin is not None
        assert self._router.stdout is not None
        self._router.stdin.write(f"{line}\n")
        self._router.stdin.flush()
        answer: object = json.loads(self._router.stdout.readline())
        return answer

    def set_trip(self, seconds: float) -> None:
        """The round trip from now on."""
        self.trip = seconds
        self._command(f"trip {seconds}")

    def darken(self, device: str = "") -> None:
        """Drops all packets, or those of one device."""
        self._command(f"dark {device} yes")

    def lighten(self, device: str = "") -> None:
        """Lets packets pass again."""
        self._command(f"dark {device} no")

    def forget(self) -> None:
        """Packets of all connections that were begun are dropped, as by a NAT that has forgotten them."""
        self._command("forget")

    def flows(self) -> list[Flow]:
        """The TCP connections so far, the oldest first."""
        found = self._command("flows")
        assert isinstance(found, list)
        return [Flow(**each) for each in found]

    # -- the client's devices

    def address(self, device: str = "") -> str:
        """The address of a device; of the one with the default route."""
        device = device or self.device
        return f"{NETWORKS[device]}.{self._addresses[device]}"

    def remove_address(self) -> None:
        """Removes the address, and with it the routes."""
        self.here.ip(f"addr del {self.address()}/24 dev {self.device}")

    def add_address(self, *, another: bool) -> float:
        """Gives the device an address, the same or another, and the default route; returns the moment."""
        if another:
            self._addresses[self.device] = self._addresses[self.device] % 200 + 2
        moment = time.monotonic()
        self.here.ip(f"addr add {self.address()}/24 dev {self.device}", f"route add default dev {self.device}")
        return moment

    def change_route(self, *, gone: bool) -> float:
        """Moves the default route to the other device, and drops packets of the old one; returns the moment.

        `gone`: the old device loses its address, and gets another one when the route comes back to it.
        """
        old = self.device
        self.device = next(name for name in NETWORKS if name != old)
        self.darken(old)
        self.lighten(self.device)
        lines = [f"route replace default dev {self.device}"]
        if gone:
            before = self.address(old)
            self._addresses[old] = self._addresses[old] % 200 + 2
            lines += [f"addr del {before}/24 dev {old}", f"addr add {self.address(old)}/24 dev {old}"]
        moment = time.monotonic()
        self.here.ip(*lines)
        return moment

    def take_down(self) -> None:
        """Takes the device with the default route down."""
        self.here.ip(f"link set {self.device} down")

    def bring_up(self) -> float:
        """Brings the device up again, with the default route; returns the moment."""
        moment = time.monotonic()
        self.here.ip(f"link set {self.device} up", f"route add default dev {self.device}")
        return moment

    def restart_sshd(self) -> float:
        """Ends the host's server and all its connections, and starts a new one; returns the moment."""
        self.sshd.stop()
        self.sshd.start()
        return time.monotonic()

    # -- ssh alone

    def ssh_alone(self) -> float:
        """Returns the seconds until a command's output arrives over a new connection of ssh, without sesh."""
        home = self.farm.home
        ssh = os.path.join(home.path, "bin", "ssh")
        words = [*self.here.within, ssh, "-o", "ControlMaster=no", "-o", "ControlPath=none", self.far.word, "echo here"]
        began = time.monotonic()
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=home.env) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"here\n"
            return time.monotonic() - began


@contextmanager
def standing(farm: Farm, trip: float = 0.02) -> Iterator[Stand]:
    """Yields a stand with this round trip; skips the test if the system does not allow it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces and TUN devices take root on Linux")
    for tool in ("ip", "unshare", "nsenter"):
        need(tool)
    try:
        stand = Stand(farm, trip)
    except OSError as error:
        pytest.skip(f"no network namespace with a TUN device can be made here: {error}")
    try:
        yield stand
    finally:
        farm.home.leave()
        stand.close()
