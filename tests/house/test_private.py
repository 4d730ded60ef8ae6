"""Tests go through the front door: a private name of the product is used in those files alone that say why."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import Module, modules, suite

_BOUND = "a bound or a wait is made small"
_INSIDE = "what memory holds, and in which form, shows nowhere else"
_TABLE = "tables are compared with the types key by key"
_PART = "a parser of foreign text is fed by itself, by the thousand"
_STAND_IN = "another machine, program or moment is put in the place of the real one"
REASONS = {
    "tests/births.py": "how a daemon is started is put in the place of an interpreter's start",
    "tests/fuzz/feeds.py": _PART,
    "tests/fuzz/files.py": _PART,
    "tests/remote/conftest.py": _STAND_IN,
    "tests/remote/light.py": _STAND_IN,
    "tests/terminal/test_sweep.py": _BOUND,
    "tests/unit/ops/test_integrate.py": _PART,
    "tests/unit/test_bridge.py": _PART,
    "tests/unit/test_config.py": _PART,
    "tests/unit/test_gate.py": _TABLE,
    "tests/unit/test_paths.py": _STAND_IN,
    "tests/unit/test_platform.py": _STAND_IN,
    "tests/unit/cli/test_branch.py": _BOUND,
    "tests/unit/client/test_guesses.py": _INSIDE,
    "tests/unit/recovery/test_monitor.py": "that two attempts have succeeded before either is taken",
    "tests/unit/daemon/test_activity.py": _STAND_IN,
    "tests/unit/daemon/test_answers.py": _PART,
    "tests/unit/daemon/test_environment.py": "the moment before a program starts shows nowhere else",
    "tests/unit/daemon/test_hooks.py": _STAND_IN,
    "tests/unit/daemon/test_input_queue.py": _INSIDE,
    "tests/unit/daemon/test_model.py": _BOUND,
    "tests/unit/daemon/test_output_log.py": _INSIDE,
    "tests/unit/daemon/test_relay.py": "a moment comes at once that a timer brings",
    "tests/unit/daemon/test_upgrade.py": _STAND_IN,
    "tests/unit/daemon/test_zygote.py": _STAND_IN,
    "tests/unit/ops/test_ops.py": _TABLE,
    "tests/unit/reach/test_find.py": _BOUND,
    "tests/unit/reach/test_stream.py": _STAND_IN,
    "tests/unit/reach/test_workers.py": _BOUND,
    "tests/unit/remote/test_bundle.py": _STAND_IN,
    "tests/unit/remote/test_eventlog.py": _BOUND,
    "tests/unit/remote/test_link.py": "each test begins with no host known for what its login files read",
    "tests/unit/store/test_listing.py": _STAND_IN,
    "tests/unit/vt/test_cell.py": _INSIDE,
    "tests/unit/vt/test_cost.py": "a slower screen is made from the parts of the fast one",
    "tests/unit/vt/test_packed.py": _INSIDE,
    "tests/unit/vt/test_pictures.py": "the colours of a picture, from the product",
    "tests/unit/vt/test_row.py": _INSIDE,
}
"""The test files that use private names of the product, and why nothing public shows the same."""


_OF_TUPLES = ("_replace", "_asdict", "_fields")
"""Methods of named tuples, which are public in spite of their names."""


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _OF_TUPLES


def defined(nodes: list[ast.AST]) -> Iterator[str]:
    """Private names that code defines: functions, classes, variables, attributes."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and private(node.name):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if private(name):
                yield name


def uses(module: Module, names: set[str]) -> Iterator[str]:
    """`line: name` of each private name of the product in a test: imported, read, or replaced by its name."""
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sesh"):
            yield from (f"{node.lineno}: {alias.name}" for alias in node.names if private(alias.name))
        elif isinstance(node, ast.Attribute) and node.attr in names:
            yield f"{node.lineno}: {node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            texts = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            yield from (f"{node.lineno}: {text}" for text in texts if text.rpartition(".")[2] in names)


def test_tests_that_use_private_names_say_why() -> None:
    tests = suite()
    own = {name for module in tests for name in defined(module.nodes)}
    names = {name for module in modules() for name in defined(module.nodes)} - own
    found = {module.path: lines for module in tests if (lines := list(uses(module, names)))}
    assert {path: lines for path, lines in found.items() if path not in REASONS} == {}
    assert sorted(set(REASONS) - set(found)) == []
