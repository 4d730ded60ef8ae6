"""What a module of the house looks like: one subject, of a size that can be read, and no silence about errors."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.arrows import house
from tests.house.source import Module, modules, read

LONGEST_MODULE = 700
LONGEST_FUNCTION = 70
LONGEST_CLASS, MOST_ATTRIBUTES = 400, 25
LARGE = {"Printing"}
"""Classes that say in their docstring why they are larger."""
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


def attributes(node: ast.ClassDef) -> set[str]:
    """The attributes of `self` that the class sets."""
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store)
        if isinstance(part.value, ast.Name) and part.value.id == "self"
    }


def test_a_class_can_be_held_in_the_head() -> None:
    classes = [(module, node) for module in modules() for node in module.nodes if isinstance(node, ast.ClassDef)]
    large = {
        f"{module.path}: {node.name}: {node.end_lineno - node.lineno + 1} lines, {len(attributes(node))} attributes"
        for module, node in classes
        if node.end_lineno is not None and node.name not in LARGE
        if node.end_lineno - node.lineno >= LONGEST_CLASS or len(attributes(node)) > MOST_ATTRIBUTES
    }
    assert large == set()
    assert {node.name for _, node in classes} >= LARGE


def test_attributes_of_a_class_are_counted_once_each() -> None:
    tree = ast.parse("class A:\n    def f(self):\n        self.x = self.y = 1\n        self.x += other.z")
    (node,) = tree.body
    assert isinstance(node, ast.ClassDef)
    assert attributes(node) == {"x", "y"}


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


MAP, BOUNDS, FILES = "docs/ARCHITECTURE.md", "docs/BOUNDS.md", "docs/FILES.md"
MOST_WORDS = 1500
SHARED = "sesh"
"""The one folder that is listed by its modules."""
UPWARDS = "sesh/cli/tui imports sesh/cli"
"""The one arrow between rooms that climbs: to `printing` and `table`, which import nothing of `cli/tui`."""


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the page's tables, without the head."""
    tables = re.findall(r"^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", read(page), re.MULTILINE)
    return [[cell.strip() for cell in row[1:-1].split("|")] for table in tables for row in table.splitlines()]


def files(names: str) -> list[str]:
    """The modules that names in a cell mean, as `room/file`; a name that means no module, or several, stays."""
    found: list[str] = []
    for name in re.findall(r"`([\w/]+)`", names):
        meant = [module.path for module in modules() if f"/{module.path}".endswith(f"/{name}.py")]
        found += meant if len(meant) == 1 else [name]
    return found


def test_the_map_is_read_in_a_few_minutes() -> None:
    assert len(read(MAP).split()) <= MOST_WORDS


def test_the_map_lists_every_room_and_a_file_of_it_to_start_at() -> None:
    listed = {row[0].strip("`"): row[2] for row in rows(MAP)}
    folders = [module.path.removesuffix("/__init__.py") for module in modules() if module.path.endswith("__init__.py")]
    assert [folder for folder in folders if folder not in listed and folder != SHARED] == []
    paths = {module.path for module in modules()}
    rooms = {room.removesuffix("/*.py"): re.findall(r"`(\w+)`", names) for room, names in listed.items()}
    starts = [f"{room}/{name}.py" for room, names in rooms.items() for name in names]
    assert [path for path in starts if path not in paths] == []
    assert [room for room, names in rooms.items() if not names and room != "completions"] == []


def test_the_rooms_on_the_map_stand_above_those_that_they_import() -> None:
    order = [row[0].strip("`").removesuffix("/*.py") for row in rows(MAP)]
    folder = {name: module.path.rpartition("/")[0] for name, module in house().modules.items()}
    up = [
        f"{folder[a]} imports {folder[b]}"
        for a, b in house().pairs()
        if SHARED not in (folder[a], folder[b])
        if order.index(folder[a]) > order.index(folder[b])
    ]
    assert [line for line in up if line != UPWARDS] == []


def test_the_map_leads_to_the_tables_of_bounds_and_files_which_are_not_in_it() -> None:
    for page in (BOUNDS, FILES):
        name = page.rpartition("/")[2]
        assert f"]({name})" in read(MAP)
        assert f"]({name})" in read("docs/README.md")
    assert len([row for row in rows(BOUNDS) if len(row) == 4]) > 80
    assert {"`.lock`", "`NAME.sock`, `NAME.json`", "results"} <= {row[0] for row in rows(FILES)}
    assert {len(row) for row in rows(MAP)} == {3}


def test_every_bound_names_the_file_that_holds_it() -> None:
    paths = {module.path for module in modules()}
    assert [row[0] for row in rows(BOUNDS) if not row[3] or not set(files(row[3])) <= paths] == []


@pytest.mark.parametrize("page", [MAP, BOUNDS, FILES])
def test_every_file_that_a_page_of_the_house_names_is_there(page: str) -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)+)(?:\.py|\.[a-z_]+)?`", read(page))
    paths = [module.path for module in modules()]
    folders = {path.rpartition("/")[0] for path in paths}
    ends = [
        *(path.removesuffix(".py") for path in paths),
        *folders,
        "tests/house/test_arrows",
        "tests/house/test_imports",
    ]
    assert [name for name in named if not any(f"/{end}".endswith(f"/{name}") for end in ends)] == []


def test_every_class_that_the_map_names_is_there() -> None:
    spans = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", read(MAP), flags=re.DOTALL)))
    named = set(re.findall(r"\b[A-Z]\w*[a-z]\w*\b", spans))
    classes = {node.name for module in modules() for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)}
    assert len(named) > 8
    assert named - classes == set()
