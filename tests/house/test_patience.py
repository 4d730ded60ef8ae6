"""Tests wait for what happens: a sleep is the pause between two looks, and no longer than that."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import Module, python_files, read

LONGEST_PAUSE = 0.05
_LOOPS = (ast.While, ast.For, ast.AsyncFor)


def sleeps(module: Module) -> list[str]:
    """Where a module sleeps outside of a loop, or for longer than a pause between two looks."""
    tree = module.tree
    looped = {id(inner) for node in ast.walk(tree) if isinstance(node, _LOOPS) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep":
            (seconds,) = node.args
            brief = isinstance(seconds, ast.Constant) and float(str(seconds.value)) <= LONGEST_PAUSE
            if not brief or id(node) not in looped:
                found.append(f"{module.path}:{node.lineno}")
    return found


def test_no_test_lets_time_pass() -> None:
    """Save for tests/support, whose waiting takes its pause from who calls it."""
    paths = [path for path in python_files("tests") if not path.startswith("tests/support/")]
    assert [place for path in paths for place in sleeps(Module(path, "", path, read(path)))] == []


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("time.sleep(0.05)", True),
        ("while not ready():\n    time.sleep(0.02)", False),
        ("while not ready():\n    time.sleep(0.5)", True),
        ("while not ready():\n    time.sleep(pause)", True),
    ],
)
def test_a_sleep_is_seen(text: str, bad: bool) -> None:
    assert bool(sleeps(Module("tests/x.py", "", "tests.x", text))) == bad
