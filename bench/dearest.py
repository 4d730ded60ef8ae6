"""`python -m bench.dearest`: what each control function costs the emulator, beside plain text on the same path.

Each case is a stretch of output that repeats one unit. Before it, the screen is prepared so that the unit costs as much
as it can: a screen full of colours or of wide characters, margins, the bottom row, a full scrollback. The figures are
processor time for each byte at 200 columns by 60 rows, without the fast path for bulk output, and multiples of plain
text.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import NamedTuple

from sesh.vt.emulator import Emulator

COLUMNS, ROWS = 200, 60
SIZE, GLANCE = 16 << 10, 2 << 10
"""The fewest bytes of a case that are measured, and the bytes of a first look that finds the cases worth measuring."""
BLOCK = 1024
"""Bytes that are fed at once: too few for the fast path."""
LEAST, MOST = 0.05, 1.0
"""Seconds of processor time for which a case is measured at least, and after which it is broken off."""

PLAIN = "".join(f"{'word ' * (length // 5)}\r\n" for length in (40, 75, 20, 60, 70))


class Case(NamedTuple):
    """A case: `unit` again and again, on a screen that `before` has prepared."""

    name: str
    unit: str
    before: str


def _coloured(row: int) -> str:
    return "".join(f"\x1b[{31 + (row + column) % 6};{41 + (row * 3 + column) % 6}mx" for column in range(COLUMNS))


#: What the screen holds.
SCREENS = {
    "": "",
    "text": "".join(f"\x1b[{row + 1}H{'text ' * 40}" for row in range(ROWS)) + "\x1b[H",
    "colours": "".join(f"\x1b[{row + 1}H{_coloured(row)}" for row in range(ROWS)) + "\x1b[H\x1b[m",
    "wide": "".join(f"\x1b[{row + 1}H{'中' * (COLUMNS // 2)}" for row in range(ROWS)) + "\x1b[H",
}
#: In what state the unit comes.
STATES = {
    "": "",
    "bottom row": f"\x1b[{ROWS}H",
    "background": "\x1b[44m",
    "background, bottom row": f"\x1b[44m\x1b[{ROWS}H",
    "left and right margins": "\x1b[?69h\x1b[2;199s\x1b[1;2H",
    "left and right margins, bottom row": f"\x1b[?69h\x1b[2;199s\x1b[{ROWS};2H",
    "inner rows": f"\x1b[2;{ROWS - 1}r\x1b[{ROWS - 1}H",
    "inner rows, background": f"\x1b[2;{ROWS - 1}r\x1b[{ROWS - 1}H\x1b[44m",
    "insert mode": "\x1b[4h",
    "alternate screen": "\x1b[?1049h",
    "no tab stops": "\x1b[3g",
    "new line mode, bottom row": f"\x1b[20h\x1b[{ROWS}H",
    "no wrap": "\x1b[?7l",
}

_LONG_SGR = ";".join(f"38;2;{n};{n};{n}" for n in range(20))
#: The control functions, alone and with what makes them act again.
UNITS = {
    **{f"CSI {final}": f"\x1b[{final}" for final in "@ABCDEFGHIJKLMPSTXZ^`abdefghlmnrstu"},
    **{f"CSI 999 {final}": f"\x1b[999{final}" for final in "@ABCDEGILMPSTXZ^`abdeu"},
    **{f"x CSI 999 {final}": f"x\x1b[999{final}" for final in "@LMPSTXZ^b"},
    **{f"CSI {how} {final}": f"\x1b[{how}{final}" for how in (1, 2, 3) for final in "JKg"},
    **{f"x CSI {how} J": f"x\x1b[{how}J" for how in (0, 1, 2, 3)},
    **{f"ESC {final}": f"\x1b{final}" for final in "6789DEHMNOc=>no"},
    **{f"x ESC {final}": f"x\x1b{final}" for final in "69DEMc"},
    "DECALN": "\x1b#8",
    "x DECALN": "x\x1b#8",
    "DECALN, RIS": "\x1b#8\x1bc",
    "DECALN, ED 2": "\x1b#8\x1b[2J",
    "DECALN, SU": "\x1b#8\x1b[60S",
    "DECALN, SD": "\x1b#8\x1b[60T",
    "DECALN, down, LF": f"\x1b#8\x1b[{ROWS}H\n",
    "DECALN, IL": "\x1b#8\x1b[60L",
    "DECALN, DECIC": "\x1b#8\x1b['}",
    "DECALN, 1049": "\x1b#8\x1b[?1049h\x1b[?1049l",
    "background, ED 2": "\x1b[41m\x1b[2J\x1b[42m\x1b[2J",
    "background, RIS": "\x1b[41m\x1b[2J\x1bc",
    "background, x LF": "\x1b[41mx\n\x1b[42mx\n",
    "1049 on, off": "\x1b[?1049h\x1b[?1049l",
    "1049 on, x, off": "\x1b[?1049hx\x1b[?1049l",
    "47 on, off, background": "\x1b[41m\x1b[?47h\x1b[?47l",
    "69 on, off": "\x1b[?69h\x1b[?69l",
    "DECIC": "\x1b['}",
    "DECDC": "\x1b['~",
    "DECSTR": "\x1b[!p",
    "REP of a": "a\x1b[99999999b",
    "REP of a, LF": "a\x1b[99999999b\n",
    "REP of a, colours": "\x1b[41ma\x1b[99999b\x1b[32ma\x1b[99999b",
    "REP of é": "é\x1b[99999b",
    "REP of wide": "中\x1b[99999b",
    "REP of a cluster": "e\u0301\x1b[99999b",
    "REP of an emoji": "👩\u200d👩\x1b[99999b",
    "REP of half a flag": "🇫\x1b[99999b",
    "REP of ZWJ": "👩\u200d\x1b[99999b",
    "REP of a row": "a\x1b[199b",
    "REP of a row, wide": "中\x1b[99b",
    "LF": "\n",
    "x LF": "x\n",
    "CR LF": "\r\n",
    "x CR LF": "x\r\n",
    "VT": "\v",
    "HT": "\t",
    "CR HT": "\r\t",
    "BS": "\b",
    "x BS": "x\b",
    "marks": "e\u0301\u0302\u0303",
    "many marks": "e" + "\u0301" * 400,
    "text": "x" * 40,
    "é": "é" * 40,
    "wide": "中" * 40,
    "wide at the edge": "\x1b[200G中",
    "emoji": "👩\u200d👩\u200d👧",
    "flags": "🇫🇷",
    "conjuncts": "क्ष",
    "keycap": "#\ufe0f\u20e3",
    "soft hyphen": "\u00ad",
    "Hangul": "한",
    "changing characters": "".join(map(chr, range(0x3400, 0x4DB0))),
    "changing emoji": "".join(chr(0x1F300 + n) for n in range(400)),
    "changing colours": "".join(f"\x1b[38;2;{n % 256};{n // 256};7mx" for n in range(6000)),
    "changing colours, LF": "".join(f"\x1b[48;2;{n % 256};{n // 256};7mx\n" for n in range(6000)),
    "changing colours, ED 2": "".join(f"\x1b[48;2;{n % 256};{n // 256};7m\x1b[J" for n in range(6000)),
    "changing CSI": "".join(f"\x1b[{n % 1000};{n % 777}H" for n in range(6000)),
    "SGR 1, 0": "\x1b[1m\x1b[0m",
    "long SGR": f"\x1b[{_LONG_SGR}m",
    "changing long SGR": "".join(f"\x1b[{n};{_LONG_SGR}m" for n in range(2000)),
    "SGR of 65,000": "\x1b[" + "1;" * 32000 + "m",
    "SGR with colons": "\x1b[38:2::1:2:3;58:5:9;4:3m",
    "changing SGR with colons": "".join(f"\x1b[38:2::{n % 256}:{n // 256}:3m" for n in range(6000)),
    "CSI of many": "\x1b[" + "1;" * 200 + "H",
    "DECSET of many": "\x1b[?" + ";".join(["1049"] * 40) + "h\x1b[?" + ";".join(["1049"] * 40) + "l",
    "DECSET 47 of many": "\x1b[?" + ";".join(["47"] * 6000) + "h",
    "DECSET 1048 of many": "\x1b[?" + ";".join(["1048"] * 6000) + "h",
    "DECSET 6 of many": "\x1b[?" + ";".join(["6"] * 6000) + "h",
    "DECSET of unknown": "".join(f"\x1b[?{n}h" for n in range(3000, 9000)),
    "title": "\x1b]0;t\x07",
    "long title": "\x1b]0;" + "t" * 1500 + "\x07",
    "title of controls": "\x1b]0;" + "\x85" * 1500 + "\x07",
    "titles pushed": "\x1b[22t",
    "titles popped": "\x1b[22;1t\x1b[23t",
    "OSC 4": "\x1b]4;1;red\x07",
    "OSC 4 of many": "\x1b]4;" + ";".join(f"{n % 256};#{n:06x}" for n in range(3000)) + "\x07",
    "OSC 104 of many": "\x1b]104;" + ";".join(str(n % 256) for n in range(9000)) + "\x07",
    "OSC 10 of many": "\x1b]10;" + ";".join(["#000"] * 5000) + "\x07",
    "OSC 8": "\x1b]8;;u\x07",
    "OSC 8, x": "".join(f"\x1b]8;;{n}\x07x" for n in range(6000)),
    "OSC 8 of 2,000": "\x1b]8;;" + "u" * 2000 + "\x07x\x1b]8;;" + "v" * 2000 + "\x07x",
    "OSC 7": "\x1b]7;file://h/p\x07",
    "OSC unknown": "\x1b]9;n\x07",
    "OSC aborted": "\x1b]",
    "DCS": "\x1bPq\x1b\\",
    "APC": "\x1b_G\x1b\\",
    "ESC alone": "\x1b",
    "ESC [ alone": "\x1b[",
    "CSI with LF in it": "\x1b[1\nm",
    "CSI with many LF in it": "\x1b[" + "\n" * 2000 + "m",
    "CSI with C0 in it": "\x1b[1\x01m",
    "ESC with C0 in it": "\x1b\x01D",
    "C1": "\x85",
    "NUL": "\0",
    "DEL": "\x7f",
    "kitty push": "\x1b[>1u",
    "kitty pop": "\x1b[<u",
    "kitty set": "\x1b[=1u",
    "XTMODKEYS": "\x1b[>4;2m",
    "DECSCUSR": "\x1b[2 q",
    "SCS": "\x1b(0x\x1b(B",
    "SO SI": "\x0e\x0f",
    "SS2 x": "\x1bNx",
    "HTS": " \x1bH",
    "DECSTBM": "\x1b[2;3r\x1b[r",
    "DECSTBM, LF": "\x1b[2;59r\x1b[59H\n",
    "DECSLRM": "\x1b[?69h\x1b[2;3s",
    "IL in the middle": "\x1b[30H\x1b[L",
    "DL in the middle": "\x1b[30H\x1b[M",
    "ICH in the middle": "\x1b[1;100H\x1b[@",
    "CUP x": "\x1b[30;100Hx",
    "mouse modes": "\x1b[?1000h\x1b[?1006h\x1b[?1000l",
}


def cases() -> Iterator[Case]:
    """Every unit on every screen in every state."""
    for name, unit in UNITS.items():
        for screen, content in SCREENS.items():
            for state, setting in STATES.items():
                where = ", ".join(part for part in (screen and f"over {screen}", state) if part)
                yield Case(f"{name} ({where})" if where else name, unit, content + setting)


def cost(case: Case, size: int = SIZE, least: float = LEAST) -> float:
    """Processor time in seconds for each byte of a case."""
    data = (case.unit * (size // len(case.unit.encode()) + 1)).encode()
    best = float("inf")
    spent = 0.0
    while spent <= least:
        emulator = Emulator(COLUMNS, ROWS)
        emulator.feed(case.before.encode())
        began = time.process_time()
        fed = 0
        while fed < len(data) and time.process_time() - began < MOST:
            emulator.feed(data[fed : fed + BLOCK])
            fed += BLOCK
        took = time.process_time() - began
        spent += took
        best = min(best, took / min(fed, len(data)))
    return best


def main() -> None:
    """Prints the dearest cases as a table of Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.dearest", description=__doc__)
    parser.add_argument("--rows", type=int, default=40, help="how many of the dearest are shown")
    parser.add_argument("--every", action="store_true", help="the screens and states of one unit as rows of their own")
    asked = parser.parse_args()
    plain = min(cost(Case("plain text", PLAIN, ""), 1 << 20) for _ in range(5))
    print(f"plain text: {plain * 1e9:.0f} ns a byte, {1 / plain / 1e6:.1f} MB/s\n")
    glances: dict[str, tuple[float, Case]] = {}
    for case in cases():
        each = cost(case, GLANCE, 0.0)
        key = case.name if asked.every else case.unit
        if key not in glances or each > glances[key][0]:
            glances[key] = (each, case)
    dearest = [(cost(case), case) for _, case in sorted(glances.values(), reverse=True)[: 3 * asked.rows]]
    print("| sequence | bytes | ns a byte | times plain text |\n|---|---|---|---|")
    for each, case in sorted(dearest, reverse=True)[: asked.rows]:
        print(f"| {case.name} | {len(case.unit.encode())} | {each * 1e9:.0f} | {each / plain:.1f} |")


if __name__ == "__main__":
    main()
