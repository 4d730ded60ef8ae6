"""Tests wait for what happens: a sleep is the pause between two looks, and no longer than that."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import Module, suite

LONGEST_PAUSE = 0.05
_LOOPS = (ast.While, ast.For, ast.AsyncFor)


def sleeps(module: Module) -> list[str]:
    """Where a module sleeps outside of a loop, or for longer than a pause between two looks."""
    if "sleep(" not in module.text:
        return []
    looped = {id(inner) for node in module.nodes if isinstance(node, _LOOPS) for inner in ast.walk(node)}
    found = []
    for node in module.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep":
            (seconds,) = node.args
            brief = isinstance(seconds, ast.Constant) and float(str(seconds.value)) <= LONGEST_PAUSE
            if not brief or id(node) not in looped:
                found.append(f"{module.path}:{node.lineno}")
    return found


def test_no_test_lets_time_pass() -> None:
    """Save for tests/support, whose waiting takes its pause from who calls it."""
    assert [place for each in suite() if not each.path.startswith("tests/support/") for place in sleeps(each)] == []


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
