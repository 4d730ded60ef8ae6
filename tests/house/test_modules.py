"""What a module of the house looks like: one subject, of a size that can be read, and no silence about errors."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.source import Module, modules
from tests.support import ROOT

LONGEST_MODULE = 700
LONGEST_FUNCTION = 70
NAMELESS = re.compile(r"(utils?|helpers?|misc|common)")


def test_no_module_is_longer_than_one_reading() -> None:
    lengths = {module.path: module.text.count("\n") for module in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{module.path}:{node.lineno}: {node.name}"
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_every_module_has_a_name_that_says_something() -> None:
    assert [m.path for m in modules() if NAMELESS.fullmatch(m.name.rpartition(".")[2])] == []


def test_every_module_says_what_it_is() -> None:
    assert [m.path for m in modules() if not ast.get_docstring(m.tree)] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [m.path for m in modules() if later.search(m.text)] == []


def swallowed(module: Module) -> list[str]:
    """Handlers that catch everything and do nothing."""
    return [
        f"{module.path}:{node.lineno}"
        for node in module.nodes
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
    ]


def test_no_error_is_swallowed_in_silence() -> None:
    assert [place for module in modules() for place in swallowed(module)] == []


@pytest.mark.parametrize(
    ("handler", "bad"), [("except:", True), ("except Exception:", True), ("except OSError:", False)]
)
def test_a_swallowed_error_is_seen(handler: str, bad: bool) -> None:
    module = Module("daemon/x.py", "daemon", "sesh.daemon.x", f"try:\n    x()\n{handler}\n    pass\n")
    assert bool(swallowed(module)) == bad


def page() -> str:
    with open(f"{ROOT}/docs/ARCHITECTURE.md", encoding="utf-8") as file:
        return file.read()


def test_architecture_lists_every_room_and_a_file_of_it_to_start_at() -> None:
    listed = dict(re.findall(r"^\| `([a-z/]+)` \| .* \|(.*)\|$", page().partition("## The rooms")[2], re.MULTILINE))
    folders = [module.path.removesuffix("/__init__.py") for module in modules() if module.path.endswith("__init__.py")]
    assert [folder for folder in folders if folder not in listed and folder not in ("sesh", "remote")] == []
    paths = {module.path for module in modules()}
    starts = [f"{room}/{name}.py" for room, names in listed.items() for name in re.findall(r"`(\w+)`", names)]
    assert [path for path in starts if path not in paths] == []


def test_every_file_that_architecture_names_is_there() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)+)(?:\.py|\.[a-z_]+)?`", page())
    paths = [module.path for module in modules()]
    folders = {path.rpartition("/")[0] for path in paths}
    ends = [
        *(path.removesuffix(".py") for path in paths),
        *folders,
        "tests/house/test_arrows",
        "tests/terminal/test_lean",
    ]
    assert [name for name in named if not any(f"/{end}".endswith(f"/{name}") for end in ends)] == []
