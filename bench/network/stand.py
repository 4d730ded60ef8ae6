"""sesh and sshd in two network namespaces, and the outages of the network between them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.network.rules import Flow
from tests.remote.farm import Farm, SshHost
from tests.remote.sshd import Sshd
from tests.support import ROOT, Home, need

HOST = "10.91.3.1"
NETWORKS = {"wlan0": "10.91.1", "eth0": "10.91.2"}
"""The client's devices, and the networks behind which it is reached by them."""


def change(home: Home, code: str) -> None:
    """Have each sesh of this home run `code` first."""
    with open(home.command[-1], encoding="utf-8") as file:
        before, begins, rest = file.read().partition("from sesh.__main__")
    home.command = [*home.command[:-1], home.write("bin/changed-sesh", f"{before}{code}\n{begins}{rest}", 0o755)]


class Namespace:
    """A network namespace, for as long as nobody calls `close` and the tests run.

    `within`: the words before a command that put it into the namespace. Files and Unix sockets are those of all.
    """

    def __init__(self) -> None:
        # unshare(1) and `cat` run until their input ends, also if the tests are killed.
        words = [need("unshare"), "--net", "sh", "-c", "echo; exec cat"]
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            _, error = self._holder.communicate()
            raise OSError(error.decode("utf-8", "replace").strip() or "no network namespace")
        self.path = f"/proc/{self._holder.pid}/ns/net"
        self.within = [need("nsenter"), f"--net={self.path}", "--"]
        # Addresses of IPv6 that come by themselves would be events that a test did not cause.
        quiet = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"
        subprocess.run([*self.within, "sh", "-c", quiet], check=False, capture_output=True)
        self._changes = subprocess.Popen([*self.within, need("ip"), "-batch", "-"], stdin=pipe)
        self.ip("link set lo up")

    def ip(self, *lines: str) -> None:
        """Have a waiting process carry out lines for `ip` at once, one after the other."""
        assert self._changes.stdin is not None
        self._changes.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._changes.stdin.flush()

    def close(self) -> None:
        self._changes.communicate()
        self._holder.communicate()
        assert self._changes.returncode == 0, "a command of ip failed"


class Stand:
    """A host `far` in one namespace, and the client of the farm's home in another.

    The client has two devices with an address each; its default route goes over `device`. Raises OSError where the
    system does not let namespaces or TUN devices be made.
    """

    def __init__(self, farm: Farm, trip: float) -> None:
        self.farm, self.device = farm, "wlan0"
        self._addresses = dict.fromkeys(NETWORKS, 2)
        """The last number of the address that a device has."""
        self.here, self.there = Namespace(), Namespace()
        self.sshd: Sshd | None = None
        places = [f"{self.here.path},{name},{network}" for name, network in NETWORKS.items()]
        places.append(f"{self.there.path},net0,{HOST.rpartition('.')[0]}")
        self._pipe, theirs = multiprocessing.Pipe()
        command = [sys.executable, "-m", "bench.network.router", str(theirs.fileno()), *places]
        self._router = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        if error := self._pipe.recv():
            self.close()
            raise OSError(error)
        self.there.ip(f"addr add {HOST}/24 dev net0", "link set net0 up", "route add default dev net0")
        for name in NETWORKS:
            self.here.ip(f"addr add {self.address(name)}/24 dev {name}", f"link set {name} up")
        self.here.ip(f"route add default dev {self.device}")
        self.set_trip(trip)
        folder = os.path.join(farm.ground.folder, f"sshd-{os.path.basename(farm.home.root)}")
        settings = {"AuthorizedKeysFile": f"{farm.ground.identity}.pub", "ListenAddress": HOST}
        self.sshd = Sshd(folder, settings, within=self.there.within)
        self.far: SshHost = farm.host("box", server=self.sshd)
        farm.home.command = [*self.here.within, *farm.home.command]

    def close(self) -> None:
        """End the host's server and the router."""
        if self.sshd:
            self.sshd.remove()
        self._pipe.close()
        self._router.wait()
        self.here.close()
        self.there.close()

    # -- the router

    def _command(self, *words: object) -> Any:
        self._pipe.send(words)
        return self._pipe.recv()

    def set_trip(self, seconds: float) -> None:
        self.trip = seconds
        self._command("set_trip", seconds)

    def darken(self, device: str = "", *, dark: bool = True) -> None:
        """Drop all packets, or those of one device; or let them pass again."""
        self._command("darken", device, dark)

    def forget(self) -> None:
        """Drop packets of all connections that were begun, as a NAT that has forgotten them."""
        self._command("forget")

    def flows(self) -> list[Flow]:
        """Return the TCP connections so far, the oldest first."""
        return list(self._command("flows"))

    # -- the client's devices

    def address(self, device: str = "") -> str:
        """Return the address of a device; of the one with the default route."""
        device = device or self.device
        return f"{NETWORKS[device]}.{self._addresses[device]}"

    def remove_address(self) -> None:
        """Remove the address, and with it the routes."""
        self.here.ip(f"addr del {self.address()}/24 dev {self.device}")

    def add_address(self, *, another: bool) -> float:
        """Give the device an address and the default route; return the moment."""
        if another:
            self._addresses[self.device] = self._addresses[self.device] % 200 + 2
        moment = time.monotonic()
        self.here.ip(f"addr add {self.address()}/24 dev {self.device}", f"route add default dev {self.device}")
        return moment

    def change_route(self, *, gone: bool) -> float:
        """Move the default route to the other device; return the moment.

        The packets of the old device are dropped. `gone`: it loses its address, and gets another one when the route
        comes back.
        """
        old = self.device
        self.device = next(name for name in NETWORKS if name != old)
        self.darken(old)
        self.darken(self.device, dark=False)
        lines = [f"route replace default dev {self.device}"]
        if gone:
            before = self.address(old)
            self._addresses[old] = self._addresses[old] % 200 + 2
            lines += [f"addr del {before}/24 dev {old}", f"addr add {self.address(old)}/24 dev {old}"]
        moment = time.monotonic()
        self.here.ip(*lines)
        return moment

    def take_down(self) -> None:
        """Take the device with the default route down."""
        self.here.ip(f"link set {self.device} down")

    def bring_up(self) -> float:
        """Bring the device up again, with the default route; return the moment."""
        moment = time.monotonic()
        self.here.ip(f"link set {self.device} up", f"route add default dev {self.device}")
        return moment

    def restart_sshd(self) -> float:
        """End the host's server and all connections, and start it anew; return the moment."""
        assert self.sshd is not None
        self.sshd.stop()
        self.sshd.start()
        return time.monotonic()

    def ssh_alone(self) -> float:
        """Return the seconds until a command's output arrives over a new connection of ssh."""
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
    """Yield a stand with this round trip; skip the test if the system refuses."""
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
