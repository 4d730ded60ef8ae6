"""Other people's packages: declared where imported, and bounded above where sesh relies on their insides."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from operator import attrgetter

import pytest
from packaging.requirements import Requirement

from tests.house.source import modules, read, requirements

REQUIRED = {each.name: each for each in map(Requirement, requirements())}

# Packages that come with a declared one, whose objects are theirs; and the optional ones.
COMES_WITH = {"paramiko": "fabric", "invoke": "fabric"}
FOR_TYPES = ("_typeshed", "typing_extensions")  # imported for annotations only: mypy has them
OPTIONAL = {"mcp", "pydantic", "anyio"}

# (package, the file that relies on it, why): what is there as `module:attribute`, though no documentation promises it.
INSIDES = {
    ("pyte", "sesh/vt/grid.py", "base of our screen"): "pyte.screens:Cursor pyte.screens:Screen.reset",
    ("typer", "sesh/cli/typer_app.py", "help in a form of our own, on the click within typer"): (
        "typer._click:Context typer._click:HelpFormatter typer.main:get_command typer.core:TyperCommand.format_help "
        "typer.core:TyperCommand.context_class typer.core:TyperCommand.get_help"
    ),
}


def test_every_package_that_is_imported_is_declared() -> None:
    declared = {*REQUIRED, *COMES_WITH, *OPTIONAL, *sys.stdlib_module_names, "sesh", *FOR_TYPES}
    imported = {name.split(".")[0]: f"{each.path}:{line}" for each in modules() for line, name in each.imports}
    declared |= {"tomllib"}  # of Python 3.11 and later
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
