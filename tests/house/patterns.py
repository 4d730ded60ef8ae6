"""The regular expressions of the product: found in its source, so that a new one is tried without being named.

An expression is evaluated where it stands, in the names of its module: none may be made of a function's own names.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from tests.house.source import Module, modules

#: Functions of `re` that take a pattern, and the position of their flags.
_FLAGS = {
    "compile": 1, "match": 2, "search": 2, "fullmatch": 2, "findall": 2, "finditer": 2, "split": 3, "sub": 4,
    "subn": 4,
}  # fmt: skip
#: The methods of a pattern.
METHODS = (*(name for name in _FLAGS if name != "compile"),)
#: What the text of a module has where it hides `re`, takes a pattern, calls a method of one: only these are parsed.
_IMPORTS = re.compile(r"\bre\s+(as|import)\b")
_TAKES = re.compile(rf"\bre\s*\.\s*({'|'.join(_FLAGS)})\b")
_CALLS = re.compile(rf"\.\s*({'|'.join(METHODS)})\b")


#: Calls whose pattern is no part of the product, with the reason.
FOREIGN = {
    ("sesh/ops/matching.py", "checked"): "a person's pattern, searched for in a process that is ended in time",
    ("sesh/ops/searching.py", "main"): "the same in that process",
}


@dataclass(frozen=True)
class Expression:
    """A pattern of the product: where it stands, the name that it is kept under ("" for none), and the methods that
    are called."""

    path: str
    line: int
    name: str
    pattern: re.Pattern[Any] = field(repr=False)
    methods: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line} {self.name}".rstrip()


@dataclass(frozen=True)
class _Use:
    """A function of `re` that takes a pattern, within the function `within` ("" for a module's own code): a call of it,
    or its name alone, as `map` takes it. `name`: what the value is assigned to."""

    module: Module
    node: ast.Attribute
    call: ast.Call | None
    within: str
    name: str

    @property
    def place(self) -> str:
        return f"{self.module.path}:{self.node.lineno}"

    @property
    def function(self) -> str:
        return self.node.attr

    def covers(self, line: int) -> bool:
        """Whether a line is one of the call's."""
        node = self.call or self.node
        return node.lineno <= line <= (node.end_lineno or 0)

    def argument(self, name: str, at: int) -> ast.expr | None:
        """What is passed to a parameter."""
        if self.call is None:
            return None
        named = {each.arg: each.value for each in self.call.keywords}
        return self.call.args[at] if len(self.call.args) > at else named.get(name)


def _base(node: ast.expr) -> str:
    """The last name of `name`, `name[0]`, `a.name`; empty for all else."""
    if isinstance(node, ast.Subscript):
        return _base(node.value)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def aliases(module: Module) -> list[str]:
    """Where a module imports `re` in a way that hides its calls."""
    found = []
    for node in module.nodes if _IMPORTS.search(module.text) else ():
        if isinstance(node, ast.Import) and any(each.name == "re" and each.asname for each in node.names):
            found.append(f"{module.path}:{node.lineno}")
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "re"
            and {each.name for each in node.names} & _FLAGS.keys()
        ):
            found.append(f"{module.path}:{node.lineno}")
    return found


@cache
def _uses(module: Module) -> tuple[_Use, ...]:
    def walk(node: ast.AST, within: str, name: str) -> Iterator[_Use]:
        for child in ast.iter_child_nodes(node):
            inner, kept = within, name
            if isinstance(child, ast.FunctionDef):
                inner = child.name
            if isinstance(child, ast.Assign | ast.AnnAssign | ast.NamedExpr):
                kept = _base(child.targets[0] if isinstance(child, ast.Assign) else child.target)
            elif isinstance(child, ast.stmt):
                kept = ""
            if isinstance(child, ast.Attribute) and child.attr in _FLAGS and _base(child.value) == "re":
                called = isinstance(node, ast.Call) and node.func is child
                yield _Use(module, child, node if called else None, inner, kept)  # type: ignore[arg-type]
            yield from walk(child, inner, kept)

    return (*walk(module.tree, "", ""),) if _TAKES.search(module.text) else ()


def _own(module: Module) -> list[_Use]:
    return [use for use in _uses(module) if (module.path, use.within) not in FOREIGN]


def paths() -> list[str]:
    """The modules that take patterns, by their text."""
    return sorted(module.path for module in modules() if _TAKES.search(module.text))


@cache
def _methods() -> dict[tuple[str, str], set[str]]:
    """The methods of patterns that each module uses, by its path and the name before the method."""
    found: dict[tuple[str, str], set[str]] = {}
    for module in modules():
        for node in module.nodes if _CALLS.search(module.text) else ():
            if isinstance(node, ast.Attribute) and node.attr in METHODS and _base(node.value) != "re":
                found.setdefault((module.path, _base(node.value)), set()).add(node.attr)
    return found


def _called(use: _Use, name: str) -> tuple[str, ...]:
    """The methods that are called of a pattern, kept under a name; all that its module calls where nothing tells."""
    if use.function != "compile":
        return (use.function,)
    for node in use.module.nodes:
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Call):
            where = (node.value.lineno, node.value.col_offset)
            if where == (use.node.lineno, use.node.col_offset):
                return (node.attr,)  # re.compile(…).search
    used_there, path = _methods(), use.module.path
    own = set(used_there.get((path, name), ()))
    if not name.startswith("_"):
        own = own.union(*(every for (_, used), every in used_there.items() if used == name))
    if not own:
        names = {each.name for each in _uses(use.module)}
        own = own.union(*(every for (of, used), every in used_there.items() if of == path and used not in names))
        own.discard("split")  # a string's
    return tuple(sorted(own)) or ("finditer", "search")


def _evaluated(use: _Use, loaded: ModuleType) -> re.Pattern[Any] | None:
    """The pattern of a call; None where it takes names of a function."""
    pattern, flags = use.argument("pattern", 0), use.argument("flags", _FLAGS[use.function])
    if pattern is None:
        return None

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), use.place, "eval"), {"re": re, **vars(loaded)})  # noqa: S307

    try:
        return re.compile(value(pattern), value(flags) if flags is not None else 0)
    except NameError:
        return None


@cache
def expressions() -> tuple[list[Expression], list[str]]:
    """All patterns of the product, and the places of those that are made of a function's own names."""
    found: list[Expression] = []
    missed: list[str] = []
    for module in modules():
        for use in _own(module):
            pattern = _evaluated(use, importlib.import_module(module.name))
            if pattern is None:
                missed.append(use.place)
            else:
                found.append(Expression(module.path, use.node.lineno, use.name, pattern, _called(use, use.name)))
    return found, missed
