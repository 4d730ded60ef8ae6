"""`python -m bench.links.back [ROUNDS]`: seconds until new output stands on the terminal after an outage.

The client and a real sshd are in network namespaces with a router between them (`bench/network`), so this takes
root on Linux. A round begins with one connection of ssh alone; what a client may take follows from these (`allowed`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.network.outages import JUMPS, OUTAGES
from bench.network.stand import Stand, change, standing
from bench.network.watched import Watched, go_on, new_output
from tests.remote.farm import measuring

PATIENCE = 40.0
HEAD = "kind      trip, ms clients  alone  p95    ours   p95  worst allowed"


@dataclass
class Row:
    """The seconds of one kind of outage, one round trip and one number of clients."""

    kind: str
    trip: float
    clients: int
    alone: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def allowed(self) -> float:
        """The seconds that 95 of 100 samples must not exceed."""
        return OUTAGES[self.kind].allowed(statistics.median(self.alone), self.trip)

    @property
    def late(self) -> bool:
        return _most(self.ours) > self.allowed

    def line(self) -> str:
        begin = f"{self.kind:<10}{self.trip * 1000:5.0f} {self.clients:7}"
        alone, ours = (f"{statistics.median(each):5.2f} {_most(each):5.2f}" for each in (self.alone, self.ours))
        word = "late" if self.late else "ok"
        return f"{begin}   {alone}   {ours} {max(self.ours):5.2f}   {self.allowed:5.2f}  {word} ({len(self.ours)})"


def _most(values: Sequence[float]) -> float:
    """Return the value that 95 of 100 do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def measured(stand: Stand, kind: str, count: int, rounds: int) -> Row:
    """Measure `rounds` outages of a kind with `count` clients, and ssh alone before each."""
    outage = OUTAGES[kind]
    row = Row(kind, stand.trip, count)
    clients = [Watched(stand, f"{kind}{number}", quiet=outage.quiet) for number in range(count)]
    for number in range(rounds):
        row.alone.append(stand.ssh_alone())
        go_on(clients)
        moment = outage.happen(stand, clients, number)
        taken = new_output(clients, moment, PATIENCE)
        row.ours += taken
        if max(taken) > row.allowed:
            print(f"  late: {kind} {stand.trip * 1000:.0f} ms round {number}: {[round(each, 2) for each in taken]}")
            trace(stand, moment)
        for client in clients:
            if client.terminal.ended():
                print("    the client has ended:", bytes(client.terminal.raw[-300:]))
                client.attach()
    for client in clients:
        client.close()
    return row


def trace(stand: Stand, moment: float) -> None:
    """Print the steps of each connection since shortly before a moment."""
    for flow in stand.flows():
        names = ("accepted", "answered", "forgotten", "closed_by_client", "closed_by_server")
        steps = [*((at, "SYN") for at in flow.syns), *((getattr(flow, name), name) for name in names)]
        shown = [f"{name} {at - moment:+.2f}" for at, name in sorted(steps) if at > moment - 8]
        if shown:
            print(f"    {flow.client}: {', '.join(shown)}", flush=True)


def main() -> int:
    """Print the rows of the table; return 1 if a row is late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", choices=OUTAGES, default=list(OUTAGES))
    parser.add_argument("--trips", nargs="+", type=int, default=[20, 100, 300], help="milliseconds")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--jump", action="store_true", help="the host lies behind a jump host")
    options = parser.parse_args()
    rows = []
    with measuring() as farm, standing(farm) as stand:
        change(farm.home, JUMPS)
        with open(farm.ground.runtime.launcher, encoding="utf-8") as file:
            stand.far.write(".local/bin/sesh", file.read(), 0o755)  # it starts as an installed one does
        if options.jump:
            config: dict[str, str | None] = {"ProxyJump": stand.far.word}
            stand.far = farm.host("behind", server=stand.sshd, same_user=stand.far, config=config)
        print(HEAD, flush=True)
        for trip in options.trips:
            stand.set_trip(trip / 1000)
            for kind in options.kinds:
                for count in options.clients:
                    rows.append(measured(stand, kind, count, options.rounds))
                    print(rows[-1].line(), flush=True)
    late = sum(row.late for row in rows)
    print(f"{late} of {len(rows)} late; load {os.getloadavg()[0]:.1f}")
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
