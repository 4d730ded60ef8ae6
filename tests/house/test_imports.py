"""How the rooms are imported, and what an attach does not load."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.house.source import ROOMS, modules
from tests.support import ROOT

HEAVY = {"typer", "rich", "fabric", "paramiko", "pyte", "mcp", "pydantic"}
"""Packages that attaching must not load, because they take longer to load than all of the rest."""


def test_no_module_imports_a_private_module_of_the_interpreter() -> None:
    private = re.compile(r"^\s*(?:import|from) (_(?!_future__)\w+)", re.MULTILINE)
    found = [(module.path, name) for module in modules() for name in private.findall(module.text)]
    assert found == [], "a private module of the interpreter may be gone in its next version: use the public one"


def test_several_things_are_done_at_once_in_one_way() -> None:
    """Kill and MCP had thread pools, which the interpreter joins at its exit, and no one could stop them."""
    pooled = [module.path for module in modules() if re.search(r"concurrent\.futures|Semaphore\(", module.text)]
    assert pooled == [], (
        "`each` and `Workers` of sesh.system.workers do it, with a Stop, a deadline and `most` at a time"
    )


def test_rooms_at_the_root_are_packages_of_sesh_through_links() -> None:
    for room in ROOMS:
        link = os.path.join(ROOT, "sesh", room)
        assert os.path.islink(link), f"sesh/{room} is a link to ../{room}: `git checkout sesh/{room}` makes it again"
        assert os.readlink(link) == f"../{room}"
        assert os.path.isfile(os.path.join(link, "__init__.py"))


@pytest.mark.parametrize("name", ["sesh.cli.attach", "sesh.cli.list", "sesh.client.attach", "sesh.daemon.spawn.launch"])
def test_attaching_loads_no_heavy_package(name: str) -> None:
    code = f"import sys, sesh.cli.main, {name}; print(*{{each.partition('.')[0] for each in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = HEAVY & set(done.stdout.split())
    assert heavy == set(), f"{name} loads {heavy}, which takes an attach long: import it in the function that needs it"


def test_a_daemon_does_without_random_numbers_that_start_anew_in_each_fork() -> None:
    code = "import sys, sesh.daemon.spawn.zygote; print('random' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
