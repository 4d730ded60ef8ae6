"""docs/SECURITY.md: each promise names tests that exist, and each numbered requirement has tests of its number."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import ROOT

PAGE = (Path(ROOT) / "docs/SECURITY.md").read_text(encoding="utf-8")
TESTS = {
    name
    for path in (Path(ROOT) / "tests").rglob("*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+[a-z])`", PAGE))
    assert len(named) > 30
    assert named - TESTS == set()


def test_every_promise_names_a_test() -> None:
    promises = re.findall(r"^- .*?(?=^- |^$)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(promises) > 15
    assert [promise for promise in promises if "`test_" not in promise] == []


def test_every_requirement_has_a_test_of_its_number() -> None:
    numbers = [int(number) for number in re.findall(r"^\| R(\d+) ", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, 36))
    assert [number for number in numbers if not any(name.startswith(f"test_r{number:02}_") for name in TESTS)] == []
