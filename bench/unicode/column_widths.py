"""Writes sesh/vt/column_widths.py, the columns that characters take, from the package `wcwidth`.

python -m bench.unicode.column_widths
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

import wcwidth
from wcwidth.table_vs15 import VS15_WIDE_TO_NARROW
from wcwidth.table_vs16 import VS16_NARROW_TO_WIDE

MODULE = Path(__file__).parents[2] / "sesh" / "vt" / "column_widths.py"

_MODULE = '''"""The columns that characters take. Made by `python -m bench.unicode.column_widths` from `wcwidth`.

From STARTS[n] on, up to the next start, characters take WIDTHS[n] columns. U+FE0E makes the wide emoji of NARROWED
narrow; U+FE0F makes the narrow emoji of WIDENED wide.
"""


def _characters(codes: str) -> str:
    return "".join(chr(int(code, 16)) for code in codes.split())


VERSION = "{version}"
STARTS = _characters("""
{starts}
""")
WIDTHS = (
{widths}
)
NARROWED = _characters("""
{narrowed}
""")
WIDENED = _characters("""
{widened}
""")
'''
_LINE = 112
"""Characters of a line of a table."""


def _codes(characters: Iterable[int]) -> str:
    """The code points in lines, in hexadecimal."""
    return textwrap.fill(" ".join(f"{code:04x}" for code in characters), _LINE + 8)


def _changed(versions: Mapping[str, Iterable[tuple[int, int]]]) -> str:
    return _codes(code for first, last in next(iter(versions.values())) for code in range(first, last + 1))


def module() -> str:
    """The text of the module."""
    starts, widths, code = [], [], 0
    for width, same in groupby(max(0, wcwidth.wcwidth(chr(code))) for code in range(sys.maxunicode + 1)):
        starts.append(code)
        widths.append(str(width))
        code += len(list(same))
    return _MODULE.format(
        version=wcwidth.__version__,
        starts=_codes(starts),
        widths="\n".join(f'    "{line}"' for line in textwrap.wrap("".join(widths), _LINE)),
        narrowed=_changed(VS15_WIDE_TO_NARROW),
        widened=_changed(VS16_NARROW_TO_WIDE),
    )


if __name__ == "__main__":
    MODULE.write_text(module(), encoding="utf-8")
