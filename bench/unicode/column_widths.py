"""Writes sesh/vt/column_widths.py, the columns that characters take, from the package `wcwidth`.

python -m bench.unicode.column_widths
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

import wcwidth
from wcwidth.table_vs15 import VS15_WIDE_TO_NARROW
from wcwidth.table_vs16 import VS16_NARROW_TO_WIDE

MODULE = Path(__file__).parents[2] / "sesh" / "vt" / "column_widths.py"

_HEAD = '''"""The columns that characters take. Made by `python -m bench.unicode.column_widths` from `wcwidth`.

From STARTS[n] on, up to the next start, characters take WIDTHS[n] columns. U+FE0E makes the wide emoji of NARROWED
narrow; U+FE0F makes the narrow emoji of WIDENED wide.
"""
'''


_LINE = 102
"""Characters of a line of a literal."""


def literal(name: str, text: str) -> str:
    """An assignment of a text with escapes, in several lines."""
    whole = textwrap.wrap(text, _LINE, break_on_hyphens=False)
    at = 0
    while at < len(whole) - 1:  # no escape is cut
        cut = whole[at].rfind("\\")
        if cut > _LINE - 10:
            whole[at], whole[at + 1] = whole[at][:cut], whole[at][cut:] + whole[at + 1]
        at += 1
    return f"{name} = (\n" + "".join(f'    "{line}"\n' for line in whole) + ")"


def _escaped(codes: Iterable[int]) -> str:
    return "".join(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}" for code in codes)


def _changed(versions: Mapping[str, Iterable[tuple[int, int]]]) -> str:
    return _escaped(code for first, last in next(iter(versions.values())) for code in range(first, last + 1))


def module() -> str:
    """The text of the module."""
    starts, widths, code = [], [], 0
    for width, same in groupby(max(0, wcwidth.wcwidth(chr(code))) for code in range(sys.maxunicode + 1)):
        starts.append(code)
        widths.append(str(width))
        code += len(list(same))
    parts = [
        literal("STARTS", _escaped(starts)),
        literal("WIDTHS", "".join(widths)),
        literal("NARROWED", _changed(VS15_WIDE_TO_NARROW)),
        literal("WIDENED", _changed(VS16_NARROW_TO_WIDE)),
    ]
    return "\n".join([_HEAD, f'VERSION = "{wcwidth.__version__}"', *parts, ""])


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    MODULE.write_text(module(), encoding="utf-8")
