"""docs/SECURITY.md: each promise has tests that exist, and each numbered requirement has tests of its number."""

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


def test_every_promise_has_a_number_and_tests_in_the_table_at_the_end() -> None:
    details = PAGE.partition("\n## Details\n")[2].partition("\n## ")[0]
    promises = re.findall(r"^- .*", details, re.MULTILINE)
    numbers = re.findall(r"^- \*\*([A-Z]\d+)\*\* ", details, re.MULTILINE)
    assert len(numbers) == len(promises) > 45
    table = PAGE.partition("\n## Tests\n")[2]
    assert re.findall(r"^\| ([A-Z]\d+) \| `test_", table, re.MULTILINE) == numbers


def test_the_text_of_the_page_names_no_test() -> None:
    text = PAGE.partition("\n## Tests\n")[0]
    assert re.findall(r"`(test_\w+[a-z])`", text) == []


def test_every_requirement_has_a_test_of_its_number() -> None:
    numbers = [int(number) for number in re.findall(r"^\| R(\d+) ", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, 36))
    assert [number for number in numbers if not any(name.startswith(f"test_r{number:02}_") for name in TESTS)] == []
