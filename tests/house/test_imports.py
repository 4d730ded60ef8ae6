"""How the rooms are imported, and what may load before a session shows."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys

import pytest

from tests.house.arrows import circles
from tests.house.source import ROOMS, Module, modules, suite
from tests.support import ROOT

# The attach path and the daemon's start: standard library and ptyprocess, nothing else.
LEAN = ("sesh.__main__", "sesh.client.attach", "sesh.daemon.spawn.launch", "sesh.daemon.spawn.main")


def private(module: Module) -> list[str]:
    """Imports of the interpreter's private modules, such as `_socket`."""
    return [
        f"{module.path}:{line}: imports {name}"
        for line, name in module.imports
        if name.startswith("_") and name != "__future__" and not name.startswith("__future__.")
    ]


def test_only_lean_modules_import_private_modules_of_the_interpreter() -> None:
    lean = ("sesh.lean", "sesh.loading", "sesh.sre")
    assert [line for module in modules() if module.name not in lean for line in private(module)] == []
    assert private(Module("sesh/x.py", "", "sesh.x", "def f():\n    from _socket import socket")) != []


def test_what_is_used_of_the_lean_modules_is_defined_in_c() -> None:
    """mypy takes them for the public modules, which hold more."""
    defined = {name: dir(importlib.import_module(f"_{name}")) for name in ("signal", "socket")}
    missing = [
        f"{module.path}:{node.lineno}: {node.value.id}.{node.attr}"
        for module in modules()
        for line, name in module.imports
        if name in ("sesh.lean.signal", "sesh.lean.socket")
        for node in module.nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if name == f"sesh.lean.{node.value.id}" and node.attr not in defined[node.value.id]
    ]
    assert missing == []


class Imports:
    """What a module imports, as (line, module or name in one): when it is loaded, in a function, for types only."""

    def __init__(self, module: Module) -> None:
        self.loading: list[tuple[int, str]] = []
        self.late: list[tuple[int, str]] = []
        self.types: list[tuple[int, str]] = []
        self._read(module.tree, self.loading)

    def _read(self, node: ast.AST, into: list[tuple[int, str]]) -> None:
        if isinstance(node, ast.Import):
            into += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            into += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for step in node.orelse or node.body:  # with an `else` it is one or the other
                self._read(step, into if node.orelse else self.types)
        elif not isinstance(node, ast.ExceptHandler):  # where the usual one is missing
            for each in ast.iter_child_nodes(node):
                self._read(each, self.late if isinstance(node, ast.FunctionDef | ast.Lambda) else into)


def without_reason(all_of_it: list[Module]) -> list[str]:
    """Imports in a function of what its module has loaded by then, and for types of what is there at run time."""
    imports = {module.name: Imports(module) for module in all_of_it}

    def loaded_with(name: str, seen: set[str]) -> set[str]:
        for each in (name, name.rpartition(".")[0]):  # a module, or the one that a name is in
            if each and each not in seen:
                seen.add(each)
                for _, more in imports[each].loading if each in imports else ():
                    loaded_with(more, seen)
        return seen

    found = []
    for module in all_of_it:
        here = imports[module.name]
        loaded = loaded_with(module.name, set())
        for line, name in here.late:
            owner = name if name in imports or "." not in name else name.rpartition(".")[0]
            if owner != module.name and owner in loaded:
                found.append(f"{module.path}:{line}: {owner} is loaded by then: import it at the top")
        twice = {name for _, name in here.loading}
        found += [f"{module.path}:{line}: {name} is there at run time" for line, name in here.types if name in twice]
    return found


def test_nothing_is_imported_late_or_twice_without_a_reason() -> None:
    """A reader takes a late import for one that saves start-up time."""
    assert without_reason(modules()) == []


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("import os\ndef f():\n    import os", True),
        ("from sesh import b\ndef f():\n    import os", True),
        ("from sesh.b import name\ndef f():\n    from sesh import b", True),
        ("from sesh.b import name\nif TYPE_CHECKING:\n    from sesh.b import name", True),
        ("def f():\n    import os", False),
        ("if TYPE_CHECKING:\n    from sesh import b\ndef f():\n    from sesh import b", False),
        ("if TYPE_CHECKING:\n    import os\nelse:\n    import os", False),
    ],
)
def test_an_import_without_a_reason_is_seen(text: str, bad: bool) -> None:
    files = [Module("sesh/a.py", "", "sesh.a", text), Module("sesh/b.py", "", "sesh.b", "import os")]
    assert bool(without_reason(files)) == bad


def loading(found: list[Module]) -> dict[str, set[str]]:
    """What the import of each module imports before it is over: no late imports, but the packages that it lies in."""
    known = {module.name for module in found}
    graph = {}
    for module in found:
        late = {
            id(inner)
            for node in module.nodes
            if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.If) and _for_types(node))
            for inner in ast.walk(node)
        }
        names = {module.name}
        for node in module.nodes:
            if id(node) not in late and isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif id(node) not in late and isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        packages = {name.rsplit(".", up)[0] for name in names for up in range(1, name.count(".") + 1)}
        graph[module.name] = (names | packages) & known - {module.name}
    return graph


def _for_types(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_every_module_can_be_imported_first() -> None:
    """A circle of imports breaks only where it is entered from its wrong end: what is in none can be imported."""
    names = [module.name for module in modules() if module.name != "sesh.__main__"]
    circle = [name for each in circles(loading(modules())) for name in each]
    assert len(circle) < 10, circle
    code = f"""if True:
        import importlib, sys
        for name in {circle}:
            for loaded in [each for each in sys.modules if each.partition(".")[0] == "sesh"]:
                del sys.modules[loaded]
            importlib.import_module(name)
        for name in {names}:
            importlib.import_module(name)
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_circle_that_breaks_at_one_end_is_seen() -> None:
    texts = {"a": "from sesh.a.b import x", "a.b": "def f():\n    import sesh.c", "c": "import sesh.a.b\nimport sesh.d"}
    texts |= {
        "d": "if TYPE_CHECKING:\n    import sesh.c\nelse:\n    import os",
        "e": "import sesh.f",
        "f": "import sesh.e",
    }
    found = [Module(f"sesh/{name}.py", "", f"sesh.{name}", text) for name, text in texts.items()]
    assert circles(loading(found)) == [["sesh.a", "sesh.a.b"], ["sesh.e", "sesh.f"]]


_BARE = re.compile(rf"^\s*(?:from|import) (?:.*, *)?(?:{'|'.join(ROOMS)})\b|import_module|__import__", re.MULTILINE)


def test_nobody_imports_a_room_by_its_bare_name() -> None:
    bare = [
        f"{module.path}:{line}: imports {name}"
        for module in [*modules(), *suite()]
        if _BARE.search(module.text)
        for line, name in module.imports
        if name.split(".")[0] in ROOMS
    ]
    assert bare == []


def test_rooms_are_packages_of_sesh_through_links() -> None:
    for room in ROOMS:
        link = os.path.join(ROOT, "sesh", room)
        assert os.path.isdir(os.path.join(ROOT, room)) == os.path.islink(link), room
        if os.path.islink(link):
            assert os.readlink(link) == f"../{room}"
            assert os.path.isfile(os.path.join(link, "__init__.py"))


def loaded(statement: str) -> set[str]:
    """The modules that `python -X importtime -c STATEMENT` imports, by its own account."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:")]
    assert run.returncode == 0, "\n".join(line for line in run.stderr.splitlines() if line not in lines)
    return {line.rsplit("|", 1)[1].strip() for line in lines}


@pytest.mark.parametrize("name", LEAN)
def test_the_way_to_a_session_loads_the_standard_library_and_ptyprocess_only(name: str) -> None:
    allowed = {*sys.stdlib_module_names, "sesh", "ptyprocess"}
    found = loaded(f"import {name}") - loaded("pass")
    assert sorted(module for module in found if module.split(".")[0] not in allowed) == []


def test_the_picker_comes_without_what_only_its_pager_needs() -> None:
    assert loaded("import sesh.cli.tui.picker") & {"sesh.cli.tui.pager", "sesh.ops.search"} == set()


def test_every_daemon_loads_what_reloads_it_without_what_a_run_needs() -> None:
    """It lies in the memory of each: shlex and re, and with them enum and functools, are 0.9 MiB."""
    found = loaded("import sesh.daemon.server, sesh.daemon.upgrade.reload") - loaded("pass")
    assert found & {"shlex", "re", "enum", "functools", "sesh.daemon.shell.queue"} == set()
