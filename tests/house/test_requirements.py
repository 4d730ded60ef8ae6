"""The pages that list promises, faults and properties of `--run` name tests that exist."""

from __future__ import annotations

import re

from tests.house.source import python_files, read

SECURITY, FAULTS, RUN = "docs/SECURITY.md", "tests/contract/FAULTS.md", "tests/contract/RUN.md"
TESTS = {
    path.removeprefix("tests/"): set(re.findall(r"^ *(?:async )?def (test_\w+)", read(path), re.MULTILINE))
    for path in python_files("tests")
}
NAMES = set().union(*TESTS.values())


def test_every_promise_has_tests_that_exist() -> None:
    page, table = read(SECURITY).split("\n## Tests\n")
    promises = re.findall(r"^- \*\*([A-Z]\d+)\*\* ", page, re.MULTILINE)
    assert len(promises) > 45  # the expression finds the rows of the page
    assert re.findall(r"^\| ([A-Z]\d+) \| `test_", table, re.MULTILINE) == promises
    assert set(re.findall(r"`(test_\w+[a-z])`", table)) - NAMES == set()


def test_every_fault_has_a_test_of_its_number() -> None:
    numbers = [int(number) for number in re.findall(r"^\| R(\d+) ", read(FAULTS), re.MULTILINE)]
    assert numbers == list(range(1, 36))  # the faults of the contract, R1 to R35
    assert [number for number in numbers if not any(name.startswith(f"test_r{number:02}_") for name in NAMES)] == []


def test_every_property_of_run_has_tests_that_exist() -> None:
    named = re.findall(r"`([\w/]+)(?:\.py)?::(test_\w+)", read(RUN))
    files = [("terminal/test_run.py" if file == "run" else f"{file}.py", name) for file, name in named]
    assert len(files) > 80  # the expression finds the tests that the page names
    assert [f"{file}::{name}" for file, name in files if name not in TESTS.get(file, ())] == []
