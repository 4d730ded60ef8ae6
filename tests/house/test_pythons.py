"""What a host runs keeps to Python 3.9: all but the verbs, which need typer."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import ROOT

NEWER = {"typer", "mcp", "pydantic", "fabric"}
"""The packages that need more than Python 3.9. A module that imports one of them may need it, too."""
FREE = ("sesh/mcp/",)
"""The folders that are for such packages alone."""

ROOTS = """
import importlib, pkgutil, sys
import sesh.__main__, sesh.cli.main, sesh.ops, sesh.daemon
for name in ("attach", "list", "hook", "bridge", "trial", "older_python"):
    importlib.import_module(f"sesh.cli.{name}")
for package in (sesh.ops, sesh.daemon):  # a bridge imports an op's module by its name, a zygote forks daemons
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(*sys.modules)
"""
"""Imports what the door, a bridge, a daemon, an agent's hook, a deploy's trial and a shell's startup import."""


@cache
def held() -> dict[str, str]:
    """Return the text of each file that must run on Python 3.9, by path."""
    imports = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(NEWER)})\b", re.MULTILINE)
    rooms = ("sesh", "client", "completions", "daemon", "remote")
    paths = [path for room in rooms for path in Path(ROOT, room).rglob("*.py")]
    texts = {os.path.relpath(os.path.realpath(path), ROOT): path.read_text(encoding="utf-8") for path in paths}
    return {path: text for path, text in texts.items() if not (path.startswith(FREE) or imports.search(text))}


def module_of(path: str) -> str:
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return name if name.partition(".")[0] == "sesh" else f"sesh.{name}"


def test_what_a_host_loads_needs_no_newer_python() -> None:
    done = subprocess.run([sys.executable, "-c", ROOTS], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.split(".")[0] in {"sesh", *NEWER}}
    assert len(loaded) > 150  # the roots import what they name
    assert loaded - {*map(module_of, held())} == set(), "these need more than Python 3.9, which a host may have"


def test_what_a_host_runs_needs_nothing_that_python_3_9_lacks() -> None:
    words = ["-t=3.9-", "--violations", "--no-tips", "--format", "parsable", "--backport", "typing_extensions"]
    vermin = os.path.join(os.path.dirname(sys.executable), "vermin")
    done = subprocess.run([vermin, *words, *held()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), f"a host may have Python 3.9, which lacks:\n{done.stdout}"


def evaluated(node: ast.AST, *, deferred: bool) -> Iterator[ast.AST]:
    """Yield the nodes that run.

    Annotations do not if they are `deferred`, nor does what is for `TYPE_CHECKING` only.
    """
    yield node
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children: list[ast.AST] = [*node.orelse]
    else:
        children = [*ast.iter_child_nodes(node)]
    if deferred and isinstance(node, (ast.arg, ast.AnnAssign)):
        children = [child for child in children if child is not node.annotation]
    if deferred and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [child for child in children if child is not node.returns]
    for child in children:
        yield from evaluated(child, deferred=deferred)


def is_type(node: ast.expr) -> bool:
    """Tell whether an operand of `|` is a type by its name."""
    name = ast.unparse(node.value if isinstance(node, ast.Subscript) else node).rpartition(".")[2]
    builtin = {"str", "int", "float", "bool", "bytes", "list", "dict", "set", "tuple", "type", "None"}
    return name in builtin or (name.isidentifier() and name[0].isupper() and not name.isupper())


def test_no_union_of_types_is_evaluated_as_python_3_10_spells_it() -> None:
    """vermin cannot tell these from annotations that nobody evaluates. `sesh.schema.check` takes no other spelling."""
    found = []
    for path, text in held().items():
        tree = ast.parse(text)
        deferred = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
        for node in evaluated(tree, deferred=deferred):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
                found += [f"{path}:{node.lineno}"] if is_type(node.left) or is_type(node.right) else []
    assert found == [], "a host may have Python 3.9, for which these are Union[X, Y] or Optional[X]"
