"""A stand-in for a box that reads now and then, and takes what it reads at once for a paste, unless it is Enter alone.

`python slow_box.py PROOF PACE [asks] [pastes]` reads each PACE seconds. The file PROOF gets each submitted text as a
line, with `|` for a line break. It says that it asks something (`asks`), and takes pastes in marks (`pastes`).
"""

from __future__ import annotations

import os
import sys
import time
import tty

text = b""
tty.setraw(0)
ASKS = b"\x1b]7501;state=blocked:kind=question:msg=And now\x07" * ("asks" in sys.argv)
os.write(1, b"\x1b[?2004h" * ("pastes" in sys.argv) + ASKS + b"box reads")
while data := os.read(0, 65_536):
    if data == b"\r":
        with open(sys.argv[1], "ab") as proof:
            proof.write(text + b"\n")
        text = b""
        os.write(1, ASKS)
    else:
        text += data.replace(b"\x1b[200~", b"").replace(b"\x1b[201~", b"").replace(b"\r", b"|")
    os.write(1, b"\x1b[H\x1b[2J> " + text)
    time.sleep(float(sys.argv[2]))
