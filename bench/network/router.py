"""`python -m bench.network.router PIPE NAMESPACE,NAME,NETWORK…`: the router between namespaces.

It is a process of its own, so that a busy test does not make the network slow. PIPE is an inherited descriptor.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import struct
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from bench.network.rules import Flow

_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001  # IFF_TUN | IFF_NO_PI
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_TCP = 6


@dataclass
class _Device:
    descriptor: int
    network: bytes
    dark: bool = False


@dataclass(frozen=True)
class _Segment:
    """The facts about a TCP segment that the router uses."""

    flow: Flow
    from_client: bool
    flags: int
    size: int


class Router:
    """TUN devices in namespaces, with packets between them; its methods are called over a pipe.

    `places`: for each device the path of its namespace, its name, and the network (its first three numbers) behind it.
    This process is in the last namespace afterwards.
    """

    def __init__(self, places: list[list[str]]) -> None:
        self._devices = {name: _opened(namespace, name, network) for namespace, name, network in places}
        self._trip = 0.0
        self._due: list[tuple[float, int, _Device, bytes, _Segment | None]] = []
        self._count = 0
        self._flows: list[Flow] = []
        self._open: dict[bytes, Flow] = {}
        """The newest flow of two addresses and ports, those of the client first."""

    def run(self, pipe: Connection) -> None:
        """Pass packets on, and obey, until the other end of the pipe is closed."""
        by_descriptor = {device.descriptor: device for device in self._devices.values()}
        while True:
            left = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for ready in select.select([pipe.fileno(), *by_descriptor], [], [], left)[0]:
                if device := by_descriptor.get(ready):
                    self._take(device)
                else:
                    try:
                        name, *words = pipe.recv()
                    except EOFError:
                        return
                    pipe.send(getattr(self, name)(*words))
            self._deliver()

    # -- what is done to the network

    def set_trip(self, seconds: float) -> None:
        self._trip = seconds

    def darken(self, device: str, dark: bool) -> None:
        """Drop the packets of a device, or of all devices; or let them pass again."""
        for name, each in self._devices.items():
            each.dark = dark if device in ("", name) else each.dark

    def forget(self) -> None:
        """Drop packets of all earlier connections, like a NAT without its memory."""
        for flow in self._flows:
            flow.forgotten = flow.forgotten or time.monotonic()

    def flows(self) -> list[Flow]:
        """Return the TCP connections so far, the oldest first."""
        return self._flows

    # -- packets

    def _take(self, device: _Device) -> None:
        try:
            packet = os.read(device.descriptor, 1 << 16)
        except OSError:
            return
        target = next((each for each in self._devices.values() if each.network == packet[16:19]), None)
        if packet[0] >> 4 != 4 or target is None or packet[12:15] != device.network:
            return  # a packet with an address that is not of its network is dropped by any provider
        now = time.monotonic()
        segment = self._segment(packet, now)
        if _dropped(device, segment):
            return
        if segment is not None and segment.flags & (_FIN | _RST):
            if segment.from_client:
                segment.flow.closed_by_client = segment.flow.closed_by_client or now
            else:
                segment.flow.closed_by_server = segment.flow.closed_by_server or now
        self._count += 1
        heapq.heappush(self._due, (now + self._trip / 2, self._count, target, packet, segment))

    def _deliver(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, device, packet, segment = heapq.heappop(self._due)
            if _dropped(device, segment):
                continue
            if segment is not None and not segment.from_client:
                now = time.monotonic()
                if segment.flags & _SYN:
                    segment.flow.accepted = segment.flow.accepted or now
                elif segment.size:
                    segment.flow.answered = segment.flow.answered or now
            try:
                os.write(device.descriptor, packet)
            except OSError:
                pass  # EIO: the device is down

    def _segment(self, packet: bytes, now: float) -> _Segment | None:
        """Return the facts about a TCP packet; a SYN begins a new flow."""
        begin = (packet[0] & 15) * 4
        if packet[9] != _TCP or len(packet) < begin + 20:
            return None
        source, target = packet[12:16] + packet[begin : begin + 2], packet[16:20] + packet[begin + 2 : begin + 4]
        flags = packet[begin + 13]
        size = struct.unpack(">H", packet[2:4])[0] - begin - (packet[begin + 12] >> 4) * 4
        if flags & (_SYN | _ACK) == _SYN:
            flow = self._open.get(source + target)
            if flow is None or flow.forgotten or flow.accepted:
                address = ".".join(str(byte) for byte in source[:4])
                flow = self._open[source + target] = Flow(f"{address}:{int.from_bytes(source[4:], 'big')}")
                self._flows.append(flow)
            flow.syns.append(now)
        if flow := self._open.get(source + target):
            return _Segment(flow, True, flags, size)
        if flow := self._open.get(target + source):
            return _Segment(flow, False, flags, size)
        return None


def _dropped(device: _Device, segment: _Segment | None) -> bool:
    return device.dark or (segment is not None and segment.flow.forgotten > 0)


def _opened(namespace: str, name: str, network: str) -> _Device:
    """Make a TUN device in a namespace; this process is in that namespace afterwards."""
    entrance = os.open(namespace, os.O_RDONLY)
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(entrance, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
    os.close(entrance)
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    return _Device(descriptor, bytes(int(number) for number in network.split(".")))


def main(pipe: Connection, places: list[list[str]]) -> None:
    """Send "" once the devices are there, or why they are not; then route."""
    try:
        router = Router(places)
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # a busy machine does not make the network slow
    except OSError as error:
        pipe.send(str(error))
        return
    pipe.send("")
    router.run(pipe)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), [place.split(",") for place in sys.argv[2:]])
