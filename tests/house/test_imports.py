"""How the rooms are imported, and what may load late."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest

from tests.house.source import ROOMS, Module, modules
from tests.support import ROOT

HEAVY = {"typer", "rich", "fabric", "paramiko", "pyte", "mcp", "pydantic"}
"""Packages that attaching must not load, because they take longer to load than all of the rest."""

LATE = {
    ("client/view.py", "sesh.client.predict"): "pyte",
    ("remote/deploy/deploy.py", "sesh.remote.deploy"): "fabric",
    ("sesh/__init__.py", "sesh"): "the API, which the program itself does not use",
    ("sesh/__main__.py", "sesh.cli"): "Ctrl-C while modules load is no traceback",
    ("sesh/__main__.py", "sesh.cli.main"): "the same",
    ("sesh/cli/agents.py", "sesh.mcp.serve"): "mcp",
    ("sesh/cli/app.py", "sesh.cli"): "threads, for several hosts only",
    ("sesh/cli/invocation.py", "sesh.ops"): "known remotes, which a session here does without",
    ("sesh/cli/main.py", "sesh.cli"): "what this line needs, and no more",
    ("sesh/cli/person.py", "sesh.tui"): "a question, which few verbs ask",
    ("sesh/cli/printing.py", "sesh"): "logging, which only an error needs",
    ("sesh/cli/views.py", "sesh.cli"): "the board",
    ("sesh/cli/views.py", "sesh.cli.list"): "known remotes, which other verbs do without",
    ("sesh/ops/dormant.py", "sesh.vt.render.export"): "the tables of characters",
    ("sesh/ops/views.py", "sesh.vt.render.export"): "the same",
    ("sesh/ops/views.py", "sesh.vt.emulator"): "pyte",
    ("sesh/ops/live_log.py", "sesh.vt.lines"): "pyte",
    ("sesh/reach/__init__.py", "sesh.reach.host_target"): "ssh and sync, which a session here does without",
}
"""The imports within functions: the file, the module, and the reason, mostly what would load needlessly."""


def late(module: Module) -> set[tuple[str, str]]:
    """Return the imports within functions: the module's path and the imported name."""
    found = set()
    for function in module.nodes:
        for node in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
            if isinstance(node, ast.Import):
                found |= {(module.path, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((module.path, node.module or ""))
    return found


def test_imports_stand_at_the_top_but_those_with_a_reason() -> None:
    assert {each for module in modules() for each in late(module)} == set(LATE)


def test_no_module_imports_a_private_module_of_the_interpreter() -> None:
    private = re.compile(r"_(?!_future__)\w+")
    assert [
        f"{module.path}:{line}" for module in modules() for line, name in module.imports if private.match(name)
    ] == []


def test_rooms_are_packages_of_sesh_through_links() -> None:
    for room in ROOMS:
        link = os.path.join(ROOT, "sesh", room)
        assert os.readlink(link) == f"../{room}"
        assert os.path.isfile(os.path.join(link, "__init__.py"))
        bare = [module.path for module in modules() if any(name.split(".")[0] == room for _, name in module.imports)]
        assert bare == [], f"a second copy of {room} would be loaded"


@pytest.mark.parametrize("name", ["sesh.cli.attach", "sesh.cli.list", "sesh.client.attach", "sesh.daemon.spawn.launch"])
def test_attaching_loads_no_heavy_package(name: str) -> None:
    code = f"import sys, sesh.cli.main, {name}; print(*{{each.partition('.')[0] for each in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()


def test_a_daemon_does_without_random_numbers_that_start_anew_in_each_fork() -> None:
    code = "import sys, sesh.daemon.spawn.zygote; print('random' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
