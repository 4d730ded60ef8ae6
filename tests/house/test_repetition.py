"""The same code stands once: no run of equal lines in two places of the product."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.house.source import Module, modules

RUN = 8

_TRIVIAL = re.compile(r"[\s()\[\]{},:]*|(else|try|finally|return|pass|break|continue):?|(from|import) .*|@\w+")


def significant(module: Module) -> list[tuple[int, str]]:
    """(number, text) of the lines that carry something of their own: no blanks, comments, docstrings, imports."""
    documentation: set[int] = set()
    for node in module.nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documentation.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = ((number, line.strip()) for number, line in enumerate(module.text.splitlines(), 1))
    return [
        (number, line)
        for number, line in lines
        if number not in documentation and not line.startswith("#") and not _TRIVIAL.fullmatch(line)
    ]


def repeated(found: list[Module]) -> list[str]:
    """Each pair of places that share RUN significant lines or more, once."""
    windows: defaultdict[tuple[str, ...], list[tuple[str, int, int]]] = defaultdict(list)
    for module in found:
        lines = significant(module)
        for at in range(len(lines) - RUN + 1):
            text = tuple(line for _, line in lines[at : at + RUN])
            windows[text].append((module.path, at, lines[at][0]))
    shared = {
        (path, at, number, other_path, other_at, other_number)
        for places in windows.values()
        for index, (path, at, number) in enumerate(places)
        for other_path, other_at, other_number in places[index + 1 :]
        if path != other_path or other_at - at >= RUN
    }
    starts = {(path, at, other, other_at) for path, at, _, other, other_at, _ in shared}
    return sorted(
        f"{path}:{number} and {other}:{other_number}"
        for path, at, number, other, other_at, other_number in shared
        if (path, at - 1, other, other_at - 1) not in starts
    )


def test_no_code_stands_in_two_places() -> None:
    written = "/sre_"  # one for each version of Python's matcher, by docs/patterns.py
    assert repeated([module for module in modules() if written not in module.path]) == []


def test_repeated_code_is_seen_once_and_repeated_form_is_not() -> None:
    body = "".join(f"    value_{n} = compute({n})\n" for n in range(10))
    one = Module("sesh/a.py", "", "sesh.a", f"def f():\n{body}")
    two = Module("daemon/b.py", "daemon", "sesh.daemon.b", f'"""Other."""\n\ndef g():\n    # why\n{body}')
    assert repeated([one, two]) == ["sesh/a.py:2 and daemon/b.py:5"]
    imports = "import os\nimport sys\n" * 5
    assert repeated([Module("sesh/a.py", "", "sesh.a", imports), Module("sesh/b.py", "", "sesh.b", imports)]) == []


# What is written by one module alone, as a regular expression over a line.
OWNERS = {
    r"\bstrftime\(|\bgmtime\(": "sesh/moments.py",
    r"\.join\(.*\.isprintable\(\)": "sesh/wording.py",
}


def test_moments_and_text_without_controls_are_written_in_one_place() -> None:
    elsewhere = [
        f"{module.path}:{number}: take what {owner} has"
        for pattern, owner in OWNERS.items()
        for module in modules()
        if module.path != owner
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert elsewhere == []


def test_no_two_classes_of_a_room_bear_one_name() -> None:
    places: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for module in modules():
        folder = module.path.rpartition("/")[0]
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                places[folder, node.name].append(f"{module.path}:{node.lineno}")
    assert [lines for lines in places.values() if len(lines) > 1] == []
