"""The expressions that find, in a stream of bytes, what changes a terminal. The ledger loads them with its first one.

Sources: ECMA-48, XTerm ctlseqs, the keyboard and pointer protocols of kitty.
"""

from __future__ import annotations

import re

sequence = re.compile(
    rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmnov-z`]|\()"  # most are none of these: said first, it is fast
    rb"(?:\[(?:\?([0-9;]*)([hl])|([<=>])([0-9;:]*)([ufmn])|([0-9;]*)(?:([hlrgstu])| q)|(!p))"
    rb"|\](?:([0-24589]|1[0-9]|22|10[45]|11[0-9])(?:;([^\x07\x1b\x18\x1a]*)|(?=[\x07\x1b])))"
    rb"|([)*+./\-])([ -/]*[0-~])|(%[@G])|([=>78Hcno]))"
)
pen = re.compile(rb"\x1b\[([0-9;:]*)m")
coloured = re.compile(rb"\x1b\[[0;:]*[1-9][0-9;:]*m")
unfinished = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[ -/]*|[\]PX^_][^\x07\x1b\x18\x1a]*)\Z")
