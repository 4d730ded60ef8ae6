"""Arrows of the house: who imports whom, types and late imports included, each file once under its real path.

`python -m tests.house.arrows [ROOM]` prints lines, arrows, floors and circles of each room, and the arrows that lie in
a circle.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from tests.house.source import Module, modules

Graph = Mapping[str, set[str]]
"""Nodes and what each of them points to."""


class House:
    """All modules by the name they are imported by, and their arrows."""

    def __init__(self, found: Iterable[Module]) -> None:
        self.modules = {module.name: module for module in found}
        self.packages = {
            name for name, module in self.modules.items() if module.path.endswith("__init__.py") and name != "sesh"
        }
        self.arrows: dict[str, dict[str, int]] = {name: self._targets(module) for name, module in self.modules.items()}

    def _targets(self, module: Module) -> dict[str, int]:
        """The modules that one imports, each with the line where it does so first."""
        found: dict[str, int] = {}
        for line, name in _imports(module, self.modules):
            if name != module.name:
                found.setdefault(name, line)
        return found

    def places(self, wanted: Iterable[tuple[str, str]]) -> list[str]:
        """`path:line: imports module` of some arrows."""
        return sorted(f"{self.modules[a].path}:{self.arrows[a][b]}: imports {b}" for a, b in wanted)

    def pairs(self) -> list[tuple[str, str]]:
        """Every arrow."""
        return [(origin, target) for origin, targets in self.arrows.items() for target in targets]

    def files(self) -> Graph:
        """The graph of all files."""
        return {a: set(targets) for a, targets in self.arrows.items()}

    def inside(self, package: str) -> Graph:
        """The graph of what lies in a package: each of its folders as one node, each of its own files as another."""
        graph: defaultdict[str, set[str]] = defaultdict(set)
        for origin, targets in self.files().items():
            here = self._child(package, origin)
            if here:
                graph[here] |= {there for b in targets if (there := self._child(package, b)) and there != here}
        return graph

    def _child(self, package: str, name: str) -> str:
        """What in a package a module belongs to; "" for what lies outside of it."""
        if name == package:
            return name
        if not name.startswith(f"{package}."):
            return ""
        return ".".join(name.split(".")[: package.count(".") + 2])


def _imports(module: Module, known: Mapping[str, Module]) -> Iterable[tuple[int, str]]:
    """(line, module) of each import of the product: `from a import b` is a.b where that is a module, else a."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known or node.module in known:
                    yield node.lineno, inner if inner in known else node.module
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]  # a module that is named to be loaded late, or `module:function`
            if name in known and name != "sesh":
                yield node.lineno, name


@cache
def house() -> House:
    """The product."""
    return House(modules())


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan), the largest first."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            at = stack.index(node)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return sorted((each for each in found if len(each) > 1), key=len, reverse=True)


def floors(graph: Graph) -> int:
    """How many floors a graph has, each circle counting as one node."""
    member = {node: index for index, circle in enumerate(circles(graph)) for node in circle}
    of = {node: f"circle {member[node]}" if node in member else node for node in graph}
    joined: defaultdict[str, set[str]] = defaultdict(set)
    for node, targets in graph.items():
        joined[of[node]] |= {of[target] for target in targets if target in of} - {of[node]}

    @cache
    def height(node: str) -> int:
        return 1 + max((height(target) for target in joined[node]), default=0)

    return max((height(node) for node in list(joined)), default=0)


def main() -> None:
    """Prints the figures."""
    sys.setrecursionlimit(10_000)
    all_of_it = house()
    wanted = sys.argv[1:] or sorted({"sesh", *all_of_it.packages})
    for package in wanted:
        graph = all_of_it.inside(package)
        inner = [name for name in all_of_it.modules if name == package or name.startswith(f"{package}.")]
        lines = sum(all_of_it.modules[name].text.count("\n") for name in inner)
        arrows = [(a, b) for a, b in all_of_it.pairs() if a in inner and b in inner]
        print(f"{package}: {len(inner)} files, {lines} lines, {len(arrows)} arrows, {floors(graph)} floors")
        for circle in circles(graph):
            print(f"  circle of {len(circle)}: {' '.join(name.removeprefix(f'{package}.') for name in circle)}")
            if sys.argv[1:]:
                around = [(a, b) for a, b in arrows if _crosses(all_of_it, package, circle, a, b)]
                print("".join(f"    {place}\n" for place in all_of_it.places(around)), end="")
    for circle in circles(all_of_it.files()):
        print(f"circle of {len(circle)} files: {' '.join(circle)}")


def _crosses(all_of_it: House, package: str, circle: list[str], a: str, b: str) -> bool:
    here, there = all_of_it._child(package, a), all_of_it._child(package, b)
    return here != there and here in circle and there in circle


if __name__ == "__main__":
    main()
