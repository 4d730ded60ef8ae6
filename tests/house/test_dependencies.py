"""Other people's packages: declared where imported, and bounded above where sesh relies on their insides."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import sys
from operator import attrgetter

import pytest
from packaging.requirements import Requirement

from sesh import lean
from tests.house.source import modules, read, requirements

REQUIRED = {each.name: each for each in map(Requirement, requirements())}

# Packages that come with a declared one, whose objects are theirs; and the optional ones.
COMES_WITH = {"paramiko": "fabric", "invoke": "fabric"}
FOR_TYPES = ("_typeshed", "typing_extensions")  # imported for annotations only: mypy has them
OPTIONAL = {"mcp", "pydantic", "anyio"}

# (package, the file that relies on it, why): what is there as `module:attribute`, though no documentation promises it.
INSIDES = {
    ("ptyprocess", "daemon/pty/program.py", "loaded with another `signal`, and without `shutil`"): (
        "ptyprocess.ptyprocess:signal ptyprocess.util:which ptyprocess.ptyprocess:PtyProcess.spawn"
    ),
    ("pyte", "sesh/vt/pyte_screen.py", "loaded with stand-ins for four modules; base of our screen"): (
        "pyte.screens:wcwidth pyte.screens:copy.copy pyte.screens:json.dumps pyte.screens:Cursor "
        "pyte.screens:Screen.reset pyte.screens:Screen.__init__"
    ),
    ("typer", "sesh/cli/typer_app.py", "help in a form of our own, on the click within typer"): (
        "typer._click:Context typer._click:HelpFormatter typer.main:get_command typer.core:TyperCommand.format_help "
        "typer.core:TyperCommand.context_class typer.core:TyperCommand.get_help"
    ),
}


def test_every_package_that_is_imported_is_declared() -> None:
    declared = {*REQUIRED, *COMES_WITH, *OPTIONAL, *sys.stdlib_module_names, "sesh", *FOR_TYPES}
    imported = {name.split(".")[0]: f"{each.path}:{line}" for each in modules() for line, name in each.imports}
    declared |= {"tomllib", "_sha2", "_sha256"}  # of some versions of Python
    assert {name: place for name, place in imported.items() if name not in declared} == {}


@pytest.mark.parametrize(("package", "path", "why"), INSIDES, ids=[package for package, _, _ in INSIDES])
def test_insides_that_sesh_relies_on_are_there_in_a_bounded_range(package: str, path: str, why: str) -> None:
    bounds = {each.operator for each in REQUIRED[package].specifier}
    assert {">=", "<"} <= bounds, f"{package} needs an upper bound: {path} relies on its insides ({why})"
    assert REQUIRED[package].specifier.contains(importlib.metadata.version(package))
    assert package in read(path)
    for inside in INSIDES[package, path, why].split():
        module, _, attribute = inside.partition(":")
        attrgetter(attribute)(importlib.import_module(module))


def test_ptyprocess_asks_the_stand_ins_for_what_they_have() -> None:
    """`signal` is its C module; of `shutil`, which seems to be missing, it can do without `which`."""
    for module in ("ptyprocess.ptyprocess", "ptyprocess.util", "ptyprocess._fork_pty"):
        tree = ast.parse(inspect.getsource(importlib.import_module(module)))
        asked = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "signal"
        }
        assert asked <= set(dir(lean.signal))
        imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [line for line in imported if "shutil" in line] in ([], ["from shutil import which"])
