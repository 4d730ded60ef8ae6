"""Rooms import only rooms below them, never in a circle; imports for types and within functions count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module

import pytest

from tests.house.source import modules

ABOVE = ("sesh.reach", "sesh.ops", "sesh.bridge", "sesh.tui", "sesh.cli", "sesh.api", "sesh.mcp")

# What a room may not import; the name of a package includes its modules.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "sesh.store": ("sesh.daemon", "sesh.client", "sesh.remote", *ABOVE),
    "sesh.daemon": ("sesh.client", "sesh.remote", *ABOVE),
    "sesh.client": ("sesh.daemon", "sesh.remote", *ABOVE),
    "sesh.remote": ("sesh.daemon", "sesh.client", *ABOVE),
    "sesh.reach": ("sesh.daemon", "sesh.client", *ABOVE[1:]),
    "sesh.ops": ("sesh.client", *ABOVE[2:]),
    "sesh.bridge": ABOVE[3:],
    "sesh.tui": ("sesh.bridge", *ABOVE[4:]),
    "sesh.api": ("sesh.bridge", "sesh.tui", "sesh.cli", "sesh.mcp"),
    "sesh.mcp": ("sesh.bridge", "sesh.cli"),
    "sesh.cli": ("sesh.api",),
}
ROOMS = (*FORBIDDEN, "sesh.vt", "sesh.completions")
TERMINAL_MAY_KNOW = ("sesh.vt", "sesh.errors")
"""All that `sesh.vt` may import: the terminal knows nothing of sessions."""
OF_THE_DAEMON = ("sesh.daemon", "sesh.daemon.spawn", "sesh.daemon.spawn.launch")
"""All that the rooms of `ABOVE` may import of the daemon: the modules that start one."""


def below(name: str, package: str) -> bool:
    """Tell whether a module is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def room_of(name: str) -> str:
    """Return the room that a module lies in; `sesh` for the shared modules."""
    return next((room for room in ROOMS if below(name, room)), "sesh")


@cache
def arrows() -> dict[tuple[str, str], str]:
    """Return each import of the product as (importer, imported), with the place where it occurs first."""
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


def wrong() -> Iterator[str]:
    """Return the places of imports that a room may not have."""
    for (a, b), place in arrows().items():
        here, there = room_of(a), room_of(b)
        if (
            any(below(b, room) for room in FORBIDDEN.get(here, ()))
            or (here == "sesh.vt" and not any(below(b, allowed) for allowed in TERMINAL_MAY_KNOW))
            or (here in ABOVE and there == "sesh.daemon" and b not in OF_THE_DAEMON)
            or (here == "sesh" and a not in ("sesh", "sesh.__main__") and there != "sesh")
            or b == "sesh.__main__"
        ):
            yield place


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
        """Return the place of a module, or of the listed package that contains it. Raises StopIteration."""
        return next(place for place, each in enumerate(listed) if below(name, f"sesh.{package}.{each}"))

    inner = [(a, b) for a, b in arrows() if all(below(each, f"sesh.{package}") for each in (a, b))]
    assert [(a, b) for a, b in inner if place(b) < place(a)] == []


def test_rooms_import_only_the_rooms_below_them() -> None:
    assert list(wrong()) == []


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
