"""`python -m bench.links.back [ROUNDS]`: seconds until new output stands on the terminal after an outage.

The client and a real sshd are in network namespaces with a router between them (`bench/network`), so this takes
root on Linux. A round begins with one connection of ssh alone; what a client may take follows from these (`allowed`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.network.outages import JUMPS, OUTAGES, Outage
from bench.network.router import Flow
from bench.network.stand import Stand, change, standing
from bench.network.watched import Watched, go_on, new_output
from tests.remote.farm import measuring

TRIPS = (20, 100, 300)
"""Milliseconds."""
PATIENCE = 40.0
_TRACED = 8.0
"""Seconds before the outage that a trace of the connections shows."""


@dataclass
class Row:
    """What was measured (in seconds) for one kind of outage, one round trip and one number of clients."""

    kind: str
    trip: float
    clients: int
    alone: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def allowed(self) -> float:
        """The seconds that 95 of 100 samples must not exceed."""
        return OUTAGES[self.kind].allowed(middle(self.alone), self.trip)

    @property
    def late(self) -> bool:
        return most(self.ours) > self.allowed

    def line(self) -> str:
        alone = f"{middle(self.alone):5.2f} {most(self.alone):5.2f}"
        ours = f"{middle(self.ours):5.2f} {most(self.ours):5.2f} {max(self.ours):5.2f}"
        word = "late" if self.late else "ok"
        begin = f"{self.kind:<10}{self.trip * 1000:5.0f} {self.clients:7}"
        return f"{begin}   {alone}   {ours}   {self.allowed:5.2f}  {word} ({len(self.ours)})"


HEAD = "kind      trip, ms clients  alone  p95    ours   p95  worst allowed"


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def most(values: Sequence[float]) -> float:
    """Returns the value that 95 of 100 do not exceed; the greatest of fewer than 20 values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def measured(stand: Stand, kind: str, count: int, rounds: int, *, every: int = 1) -> Row:
    """Measures `rounds` outages of a kind with `count` clients; measures ssh alone before every `every`th."""
    outage = OUTAGES[kind]
    row = Row(kind, stand.trip, count)
    clients = [Watched(stand, f"{kind}{number}", quiet=outage.quiet) for number in range(count)]
    for number in range(rounds):
        if number % every == 0:
            row.alone.append(stand.ssh_alone())
        one_round(stand, outage, clients, number, row)
    for client in clients:
        client.close()
    return row


def one_round(stand: Stand, outage: Outage, clients: Sequence[Watched], number: int, row: Row) -> None:
    go_on(clients)
    moment = outage.happen(stand, clients, number)
    taken = new_output(clients, moment, PATIENCE)
    row.ours += taken
    if max(taken) > row.allowed:
        print(f"  late: {row.kind} {row.trip * 1000:.0f} ms round {number}: {[round(each, 2) for each in taken]}")
        print("\n".join(f"    {line}" for line in trace(stand.flows(), moment)), flush=True)
    for client in clients:
        if client.terminal.ended():
            print("    the client has ended:", bytes(client.terminal.raw[-300:]))
            client.attach_again()


def trace(flows: Sequence[Flow], moment: float) -> list[str]:
    """Returns what happened to each connection around a moment, in seconds from that moment."""
    lines = []
    for flow in flows:
        events = [(at, "SYN" if at == flow.syns[0] else "SYN again") for at in flow.syns]
        events += [(flow.accepted, "SYN-ACK"), (flow.answered, "answered"), (flow.forgotten, "forgotten")]
        events += [(flow.closed_by_client, "closed by the client"), (flow.closed_by_server, "closed by the server")]
        shown = sorted((at - moment, what) for at, what in events if moment - _TRACED < at < moment + PATIENCE)
        if shown:
            lines.append(f"{flow.client}: " + ", ".join(f"{what} {at:+.2f}" for at, what in shown))
            if flow.syns[0] > moment and not flow.closed_by_client:
                turns = [f"{side} {size} at {at - moment:+.2f}" for at, side, size in flow.turns]
                lines.append(f"    bytes of the {', '.join(turns)}")
    return lines


def main() -> int:
    """Prints a line for each row of the table; returns 1 if a row is late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", choices=OUTAGES, default=list(OUTAGES))
    parser.add_argument("--trips", nargs="+", type=int, default=list(TRIPS), help="milliseconds")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--every", type=int, default=1, help="ssh alone is measured before every Nth round")
    parser.add_argument("--jump", action="store_true", help="the host lies behind a jump host")
    options = parser.parse_args()
    rows = []
    began = time.monotonic()
    with measuring() as farm, standing(farm) as stand:
        change(farm.home, JUMPS)
        with open(farm.ground.runtime.launcher, encoding="utf-8") as file:
            stand.far.write(".local/bin/sesh", file.read(), 0o755)  # it starts as an installed one does
        if options.jump:
            stand.far = farm.host(
                "behind", server=stand.sshd, same_user=stand.far, config={"ProxyJump": stand.far.word}
            )
        print(HEAD, flush=True)
        for trip in options.trips:
            stand.set_trip(trip / 1000)
            for kind in options.kinds:
                for count in options.clients:
                    rows.append(measured(stand, kind, count, options.rounds, every=options.every))
                    print(rows[-1].line(), flush=True)
    print(f"{HEAD}\n" + "\n".join(row.line() for row in rows))
    load = os.getloadavg()[0]
    print(f"{sum(row.late for row in rows)} of {len(rows)} late; {time.monotonic() - began:.0f} s; load {load:.1f}")
    return int(any(row.late for row in rows))


if __name__ == "__main__":
    sys.exit(main())
