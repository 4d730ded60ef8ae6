"""Forms of terminals' replies, and of the keys and reports that look like them."""

from __future__ import annotations

import re

KINDS = (
    "", "da1", "da2", "dsr", "cpr", "decxcpr", "dsr?", "decrqm", "kitty", "modkeys", "window", "decreqtparm",
    "xtsmgraphics", "",
)  # fmt: skip
"""Kinds of the replies that are control sequences, by the number of their group in `REPLY`."""
STRING_KINDS = {
    b">|": "xtversion", b"!|": "da3", b"$r": "decrqss", b"+r": "xtgettcap", b"!~": "decrqcra",
    b"G": "graphics", b"l": "window", b"L": "window",
}  # fmt: skip
COLOURS = (4, 5, 21, *range(10, 20))
"""Numbers of the OSC that answer a query for a colour."""

BEGUN_REPLY = re.compile(rb"\x1b\[(?:[?>=].*|[0-9;]+|[0-9]+;[0-9]+\$|[0-9]*\*)\Z")
"""The start of a control sequence that may become a reply."""
REPLY = re.compile(
    rb"""\x1b\[(?:
    \?[0-9;]*c() | >[0-9;]*c() | [0-9;]+n() | [0-9]+;[0-9]+R() | \?[0-9;]+R() | (?: \?[0-9;]*n | [0-9]*\*\{ )()
  | \??[0-9]+;[0-9]+\$y() | \?[0-9;]+u() | >[0-9;]*m() | [0-9;]+t() | [23];[0-9;]+x() | \?[0-9;]+S()
  | [?>=][0-?]*[ -/]*[@-~]() )\Z""",
    re.VERBOSE,
)
"""Replies that are control sequences; each group is one of `KINDS`, the last one is for all others."""
REPORT = re.compile(
    rb"\x1b\[(?: <[0-9;]+[Mm] | [0-9]+;[0-9]+;[0-9]+M | M[ -\xff]{3,6} | [IO] | 48;[0-9;:]+t | \?997;[0-9]n )\Z",
    re.VERBOSE,
)
"""Reports without a query: mouse, focus, size, colour scheme."""
KEY = re.compile(rb"\x1b\[1;(?:[2-9]|1[0-6])R\Z")
"""F3 with Shift, Alt, Ctrl or Meta, which looks like a position of the cursor."""
STRING = re.compile(
    rb"""\x1b(?: \](?: ([0-9]{1,4}); | ([lL]) )[^\x00-\x1f\x7f]*(?:\x07|\x1b\\)
              | (?: P[0-9;]*([$+!>][@-~]) | _(G) )[^\x00-\x1f\x7f]*\x1b\\ )""",
    re.VERBOSE,
)
"""Replies that are strings: OSC with a number or a window's title, DCS, APC."""
BEGUN_STRING = re.compile(
    rb"""\x1b(?: \](?: [0-9]{1,4}(?: ;[^\x00-\x1f\x7f]* )? | [lL][^\x00-\x1f\x7f]* )
              | P(?: [0-9;]+ | [0-9;]*[$+!>](?: [@-~][^\x00-\x1f\x7f]* )? )
              | _G[^\x00-\x1f\x7f]* )\x1b?\Z""",
    re.VERBOSE,
)
CUT = re.compile(rb"[\x00-\x1f\x7f]")
"""A control, which ends the content of a clipboard."""
