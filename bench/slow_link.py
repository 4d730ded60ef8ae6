"""A link with a round trip, for `via`: `python slow_link.py MILLISECONDS [BYTES_PER_SECOND] COMMAND…`.

What passes is delayed by half of the round trip in each direction, and goes no faster than said.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import select
import subprocess
import sys
import time
from contextlib import suppress

_F_SETPIPE_SZ = 1031


def main(words: list[str]) -> int:
    """Run the command with delayed pipes; its exit code."""
    delay = float(words.pop(0)) / 2000
    rate = float(words.pop(0)) if words[0].isdecimal() else 0.0
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdin is None or process.stdout is None:
        return 1
    sides = {0: process.stdin.fileno(), process.stdout.fileno(): 1}
    free = dict.fromkeys(sides, 0.0)
    waiting: list[tuple[float, int, int, bytes]] = []
    number = 0
    if rate:
        fcntl.fcntl(process.stdout, _F_SETPIPE_SZ, 4096)
    open_sides = set(sides)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, side, data = heapq.heappop(waiting)
            if not data:
                os.close(sides[side])
            while data:
                try:
                    data = data[os.write(sides[side], data) :]
                except BrokenPipeError:
                    if side == 0:
                        break  # the command has ended; what it said is still on its way
                    with suppress(OSError):
                        os.close(sides[0])  # nobody listens any more
                    return process.wait()
        if not (open_sides or waiting):
            return process.wait()
        readable = [side for side in open_sides if not rate or free[side] < now + 0.02]
        due = [waiting[0][0]] if waiting else []
        due += [free[side] - 0.02 for side in open_sides if side not in readable]
        timeout = max(0.0, min(due) - now) if due else None
        for side in select.select(readable, [], [], timeout)[0]:
            data = os.read(side, 2500 if rate else 65536)
            now = time.monotonic()
            free[side] = max(free[side], now) + (len(data) / rate if rate else 0.0)
            number += 1
            heapq.heappush(waiting, (free[side] + delay, number, side, data))
            if not data:
                open_sides.discard(side)
                if side:
                    open_sides.clear()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
