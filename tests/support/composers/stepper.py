"""A box that does nothing by itself: a test has it take one step after the other.

`python stepper.py STEPS PROOF` takes its steps from the FIFO STEPS, a line each, and notes them in the file PROOF:
`await` waits until there is something to read, `read` reads it, and `show` draws it.
"""

from __future__ import annotations

import os
import select
import sys
import tty

tty.setraw(0)
text = b""
with open(sys.argv[1]) as steps, open(sys.argv[2], "a", buffering=1) as proof:
    for step in map(str.strip, steps):
        found = ""
        if step == "await":
            select.select([0], [], [])
        elif step == "read":
            data = os.read(0, 65_536)
            text = b"" if data == b"\r" else text + data
            found = f" {data.decode()}".replace("\r", "|")
        else:
            os.write(1, b"\x1b[H\x1b[2J> " + text)
        proof.write(f"{step}{found}\n")
