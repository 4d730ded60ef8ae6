"""The product's source for the tests of this folder: each file, under its import name."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property

from tests.support import ROOT

ROOMS = ("daemon", "client", "remote", "completions")


@dataclass(frozen=True)
class Module:
    """A file of the product: `path` from the root, and `room`, "" for sesh/ itself."""

    path: str
    room: str
    name: str
    text: str = field(repr=False)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree, as `ast.walk` has them."""
        return list(ast.walk(ast.parse(self.text, self.path)))


def python_files(folder: str) -> Iterator[str]:
    """Yield the relative paths of the Python files in a folder; follow no links."""
    for here, folders, files in os.walk(os.path.join(ROOT, folder)):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(here, name), ROOT)


def read(path: str) -> str:
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


@cache
def modules() -> list[Module]:
    found: list[Module] = []
    for folder in ("sesh", *ROOMS):
        for path in python_files(folder):
            room = "" if folder == "sesh" else folder
            dotted = path[:-3].replace(os.sep, ".").removesuffix(".__init__")
            found.append(Module(path, room, f"sesh.{dotted}" if room else dotted, read(path)))
    return found
