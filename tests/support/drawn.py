"""The pictures of the pages, read back: the rows of their screens and the words around them."""

from __future__ import annotations

import os
import re
from glob import glob

# ruff: noqa: S314 (the pictures are our own)
from xml.etree import ElementTree

from tests.support.tools import ROOT

_SVG = "{http://www.w3.org/2000/svg}"
_CELL = 9
"""The width of a cell, as the renderer draws it."""
FILES = sorted(glob(f"{ROOT}/docs/pictures/*.svg"))
NAMES = sorted({re.sub(r"(-dark)?\.svg$", "", os.path.basename(path)) for path in FILES})


class Drawn:
    """One picture: its `text` as it stands in the file, its `rows` by their names, its title, captions and keys."""

    def __init__(self, name: str, look: str = "") -> None:
        with open(f"{ROOT}/docs/pictures/{name}{look}.svg", encoding="utf-8") as file:
            self.text = file.read()
        root = ElementTree.fromstring(self.text)
        self.title = root.findtext(f"{_SVG}title") or ""
        self._rows = {str(row.get("id")): _row(row) for row in root.iterfind(f"{_SVG}defs/{_SVG}g")}
        self.captions = [words.text or "" for words in root.iterfind(f".//{_SVG}text[@class='c']")]
        self.keys = {words.text or "" for words in root.iterfind(f".//{_SVG}text[@class='k']")}
        self.screens = [
            self._screen(group) for group in root.iter(f"{_SVG}g") if "scale(" in group.get("transform", "")
        ]
        """The rows of each screen, from the top; those without anything are left out."""

    @property
    def rows(self) -> list[str]:
        """All rows of all screens, each once."""
        return list(self._rows.values())

    def _screen(self, group: ElementTree.Element) -> list[str]:
        return [self._rows[str(use.get("href"))[1:]] for use in group.iter(f"{_SVG}use")]


def _row(drawn: ElementTree.Element) -> str:
    """The letters of a row, each in its column; what is drawn as a shape is left out."""
    row = ""
    for text in drawn.iter(f"{_SVG}text"):
        column = round(float(text.get("x", "0")) / _CELL)
        row = row.ljust(column) + (text.text or "")
    return row.rstrip()
