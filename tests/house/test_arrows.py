"""Rooms import only the rooms of a table, and never in a circle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module

import pytest

from tests.house.source import modules

IMPORTS: dict[str, tuple[str, ...]] = {
    "cli": ("bridge", "client", "completions", "mcp", "ops", "reach", "remote", "store", "tui", "vt"),
    "mcp": ("api", "ops", "store"),
    "api": ("ops", "reach", "vt"),
    "tui": ("client", "ops", "reach", "vt"),
    "bridge": ("ops", "reach", "store"),
    "ops": ("daemon.spawn", "reach", "remote", "store", "vt"),
    "reach": ("link", "remote", "store"),
    "link": ("remote",),
    "client": ("link", "loop", "vt"),
    "daemon.spawn": ("daemon", "store"),
    "daemon": ("loop", "store", "vt"),
    "remote": (), "store": (), "loop": (), "vt": (), "completions": (),
}  # fmt: skip
"""The rooms that each room imports. All but `vt` import the shared modules `sesh/*.py`, too, which import no room."""
SHARED = "shared"
ENTRANCES = ("sesh", "sesh.__main__")
"""The modules that people and programs start with; they may import any room, and no module imports the second."""


def below(name: str, package: str) -> bool:
    """Tell whether a module is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def room_of(name: str) -> str:
    """Return the room that a module lies in; `SHARED` for the shared modules."""
    return next((room for room in IMPORTS if below(name, f"sesh.{room}")), SHARED)


@cache
def arrows() -> dict[tuple[str, str], str]:
    """Return each import of the product, (importer, imported), and its first place."""
    found: dict[tuple[str, str], str] = {}
    known = {module.name for module in modules()}
    for module in modules():
        names = [(line, name) for line, name in module.imports if name in known and name != module.name]
        # `from a import b` names both a and a.b: if b is a module, only a.b counts
        meant = [
            (line, name)
            for line, name in names
            if not any(n == line and below(o, name) and o != name for n, o in names)
        ]
        for line, name in meant:
            found.setdefault((module.name, name), f"{module.path}:{line}: imports {name}")
    return found


def allowed(room: str) -> tuple[str, ...]:
    """Return what a room may import: its rooms, itself, and the shared modules."""
    return (*IMPORTS.get(room, ()), room, *(() if room == "vt" else (SHARED,)))


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the nodes of one circle; empty if the graph has none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", ["daemon", "vt"])
def test_modules_import_in_the_order_of_their_packages_list(package: str) -> None:
    docstring = import_module(f"sesh.{package}").__doc__ or ""
    listed = re.findall(r"[\w.]+", " ".join(re.findall(r"^`.+?`(?=  )", docstring, re.MULTILINE)))

    def place(name: str) -> int:
        """Return the place of a module or its listed package. Raises StopIteration."""
        return next(place for place, each in enumerate(listed) if below(name, f"sesh.{package}.{each}"))

    inner = [(a, b) for a, b in arrows() if all(below(each, f"sesh.{package}") for each in (a, b))]
    assert [(a, b) for a, b in inner if place(b) < place(a)] == []


def test_each_room_imports_the_rooms_of_the_table() -> None:
    own = {pair: place for pair, place in arrows().items() if pair[0] not in ENTRANCES}
    assert [place for (a, b), place in own.items() if room_of(b) not in allowed(room_of(a))] == []
    assert [place for (_, b), place in own.items() if b == "sesh.__main__"] == []
    found = {(room_of(a), room_of(b)) for a, b in own}
    assert [(room, other) for room, others in IMPORTS.items() for other in others if (room, other) not in found] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for a, b in arrows():
        graph.setdefault(a, set()).add(b)
    assert circle(graph) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    packages = {module.name for module in modules() if module.path.endswith("__init__.py")}
    for package in packages:
        inner: dict[str, set[str]] = {}
        for a, b in arrows():
            if below(a, package) and below(b, package):
                here, there = (".".join(name.split(".")[: package.count(".") + 2]) for name in (a, b))
                if here != there:
                    inner.setdefault(here, set()).add(there)
        found = circle(inner)
        assert not any(node in packages and node != package for node in found), found
