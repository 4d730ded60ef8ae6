"""Each promise of the page about security, and each fault of the table of faults, has tests."""

from __future__ import annotations

import re

from tests.house.source import python_files, read

SECURITY, PROMISES, FAULTS = "docs/SECURITY.md", "tests/contract/PROMISES.md", "tests/contract/FAULTS.md"
_DEFINED = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)
NAMES = {name for path in python_files("tests") for name in _DEFINED.findall(read(path))}


def test_every_promise_has_tests_that_exist() -> None:
    table = read(PROMISES)
    promises = re.findall(r"^- \*\*([A-Z]\d+)\*\* ", read(SECURITY), re.MULTILINE)
    assert promises, f"no promise was found in {SECURITY}"
    listed = re.findall(r"^\| ([A-Z]\d+) \| `test_", table, re.MULTILINE)
    assert listed == promises, f"{PROMISES} has a row for each promise of {SECURITY}, in its order: add or remove one"
    gone = set(re.findall(r"`(test_\w+[a-z])`", table)) - NAMES
    assert gone == set(), f"{PROMISES} names tests that exist: write their new names there"


def test_every_fault_has_a_test_of_its_number() -> None:
    numbers = [int(number) for number in re.findall(r"^\| R(\d+) ", read(FAULTS), re.MULTILINE)]
    assert numbers, f"no fault was found in {FAULTS}"
    untested = [number for number in numbers if not any(name.startswith(f"test_r{number:02}_") for name in NAMES)]
    assert untested == [], f"each fault of {FAULTS} has a test whose name begins with its number: test_r07_…"
