"""`python -m bench.network.router DEVICE…`: the router between namespaces, in a process of its own.

Each word is `NAMESPACE,NAME,NETWORK`: in the namespace at that path it makes a TUN device, behind which lies the
network (its first three numbers). It passes IPv4 packets on after half of a round trip. A line on its input is a
command, its answer one line of JSON:

    trip SECONDS        the round trip from now on
    dark yes|no         whether all packets are dropped
    dark NAME yes|no    the same for one device
    forget              as a NAT that has lost its memory: packets of all connections that were begun are dropped
    flows               the TCP connections so far, as `Flow` has them
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import select
import struct
import sys
import time
from dataclasses import asdict, dataclass, field

_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001  # IFF_TUN | IFF_NO_PI
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_TCP = 6
_MOST_TURNS = 80


@dataclass
class Flow:
    """A TCP connection as its packets show it; moments are those of time.monotonic(), 0 for what did not happen."""

    client: str = ""
    """Address and port of the side that began it."""
    syns: list[float] = field(default_factory=list)
    """When the client asked for it: more than once if no answer came."""
    accepted: float = 0.0
    """When the client got the server's SYN-ACK."""
    answered: float = 0.0
    """When the client got the first bytes of the server."""
    closed_by_client: float = 0.0
    closed_by_server: float = 0.0
    turns: list[tuple[float, str, int]] = field(default_factory=list)
    """The beginning of what each side said, `client` or `server`, until the other spoke, and its bytes."""
    forgotten: float = 0.0
    """When the router forgot it."""
    dropped: int = 0
    """Packets that did not pass."""

    def said(self, side: str, size: int, now: float) -> None:
        """Note bytes that a side has sent."""
        if self.turns and self.turns[-1][1] == side:
            at, _, before = self.turns[-1]
            self.turns[-1] = (at, side, before + size)
        elif len(self.turns) < _MOST_TURNS:
            self.turns.append((now, side, size))


@dataclass
class _Device:
    descriptor: int
    name: str
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
    """Devices, and the packets on their way between them."""

    def __init__(self, devices: list[_Device]) -> None:
        self._devices = {device.descriptor: device for device in devices}
        self._networks = {device.network: device for device in devices}
        self._trip = 0.0
        self._dark = False
        self._due: list[tuple[float, int, _Device, bytes, _Segment | None]] = []
        self._count = 0
        self._flows: list[Flow] = []
        self._open: dict[bytes, Flow] = {}
        """The newest flow of two addresses and ports, those of the client first."""

    def run(self) -> None:
        """Serves until its input ends."""
        while True:
            left = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            ready, _, _ = select.select([0, *self._devices], [], [], left)
            for descriptor in ready:
                if descriptor:
                    self._take(self._devices[descriptor])
            self._deliver()
            if 0 in ready and not self._obey():
                return

    def _take(self, device: _Device) -> None:
        try:
            packet = os.read(device.descriptor, 1 << 16)
        except OSError:
            return
        target = self._networks.get(packet[16:19])
        if packet[0] >> 4 != 4 or target is None or packet[12:15] != device.network:
            return  # a packet with an address that is not of its network is dropped by any provider
        now = time.monotonic()
        segment = self._segment(packet, now)
        if self._dropped(device, segment):
            return
        if segment is not None:
            self._note_sent(segment, now)
        self._count += 1
        heapq.heappush(self._due, (now + self._trip / 2, self._count, target, packet, segment))

    def _deliver(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, device, packet, segment = heapq.heappop(self._due)
            if self._dropped(device, segment):
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

    def _dropped(self, device: _Device, segment: _Segment | None) -> bool:
        if segment is not None and segment.flow.forgotten:
            pass
        elif not (self._dark or device.dark):
            return False
        if segment is not None:
            segment.flow.dropped += 1
        return True

    def _segment(self, packet: bytes, now: float) -> _Segment | None:
        """Returns the facts about a TCP packet; a SYN begins a new flow."""
        begin = (packet[0] & 15) * 4
        if packet[9] != _TCP or len(packet) < begin + 20:
            return None
        source, target = packet[12:16] + packet[begin : begin + 2], packet[16:20] + packet[begin + 2 : begin + 4]
        flags = packet[begin + 13]
        size = struct.unpack(">H", packet[2:4])[0] - begin - (packet[begin + 12] >> 4) * 4
        if flags & (_SYN | _ACK) == _SYN:
            flow = self._open.get(source + target)
            if flow is None or flow.forgotten or flow.accepted:
                flow = self._open[source + target] = Flow(_address(source))
                self._flows.append(flow)
            flow.syns.append(now)
        if flow := self._open.get(source + target):
            return _Segment(flow, True, flags, size)
        if flow := self._open.get(target + source):
            return _Segment(flow, False, flags, size)
        return None

    def _note_sent(self, segment: _Segment, now: float) -> None:
        flow = segment.flow
        if segment.size > 0:
            flow.said("client" if segment.from_client else "server", segment.size, now)
        if segment.flags & (_FIN | _RST):
            if segment.from_client:
                flow.closed_by_client = flow.closed_by_client or now
            else:
                flow.closed_by_server = flow.closed_by_server or now

    # -- commands

    def _obey(self) -> bool:
        line = os.read(0, 1 << 12)
        for words in (each.split() for each in line.decode().splitlines()):
            answer: object = time.monotonic()
            if words[0] == "trip":
                self._trip = float(words[1])
            elif words[0] == "dark" and len(words) == 3:
                for device in self._devices.values():
                    device.dark = words[2] == "yes" if device.name == words[1] else device.dark
            elif words[0] == "dark":
                self._dark = words[1] == "yes"
            elif words[0] == "forget":
                for flow in self._flows:
                    flow.forgotten = flow.forgotten or time.monotonic()
            else:
                answer = [asdict(flow) for flow in self._flows]
            os.write(1, json.dumps(answer).encode() + b"\n")
        return line != b""


def _address(source: bytes) -> str:
    return ".".join(str(byte) for byte in source[:4]) + f":{struct.unpack('>H', source[4:])[0]}"


def _opened(word: str) -> _Device:
    """The device that a word names; this process is in that namespace afterwards."""
    namespace, name, network = word.split(",")
    entrance = os.open(namespace, os.O_RDONLY)
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(entrance, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
    os.close(entrance)
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    return _Device(descriptor, name, bytes(int(number) for number in network.split(".")))


def main() -> None:
    """Prints `ready` once the devices are there, or why they are not."""
    try:
        router = Router([_opened(word) for word in sys.argv[1:]])
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # a busy machine does not make the network slow
    except OSError as error:
        print(error, flush=True)
        return
    print("ready", flush=True)
    router.run()


if __name__ == "__main__":
    main()
