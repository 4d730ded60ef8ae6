"""The program's name stands in one place, `sesh.about`: what installs it agrees, and no message spells it itself."""

from __future__ import annotations

import ast
import re

from sesh.about import DISTRIBUTION, PROGRAM
from tests.house.source import Module, modules, read

COMMAND = re.compile(rf"(?:^|[`'\":(] ?){PROGRAM}(?: [-@]| NAME|: |`)|[`:] {PROGRAM} ?$")
"""The beginning of a command, or of a line of sesh's own, in a text."""
ELSEWHERE = {"sesh.cli.verb_texts", "sesh.cli.verbs", "sesh.cli.typer_app"}
"""Help and examples, where `typer_app` puts in the name that the program was called by."""


def spelled(module: Module) -> list[str]:
    """The texts of a module that write the program's name by themselves."""
    described = {id(node.value) for node in module.nodes if isinstance(node, ast.Expr)}
    return [
        f"{module.path}:{node.lineno}: {node.value!r}; write SESH, PROGRAM or CALLED"
        for node in module.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described
        if COMMAND.search(node.value)
    ]


def test_no_message_spells_the_name_of_the_program() -> None:
    found = [each for module in modules() if module.name not in ELSEWHERE for each in spelled(module)]
    assert found == []
    assert spelled(Module("x.py", "", "x", 'raise Refused(f"no; see: sesh --logs {name}")')) != []


def test_what_installs_it_agrees_on_its_names() -> None:
    project = read("pyproject.toml")
    assert f'\nname = "{DISTRIBUTION}"' in project
    assert re.findall(r'^(\S+) = "sesh\.__main__:start"$', project, re.MULTILINE) == [PROGRAM, DISTRIBUTION]
    assert f"/.local/bin/{PROGRAM}\n" in read("Makefile")


def test_completion_and_the_manual_page_serve_both_names() -> None:
    assert read("completions/_sesh").startswith(f"#compdef {PROGRAM} {DISTRIBUTION}\n")
    assert read("completions/sesh.bash").endswith(f"\ncomplete -F _sesh {PROGRAM} {DISTRIBUTION}\n")
    assert f"\ncomplete -c {DISTRIBUTION} -w {PROGRAM}\n" in read("completions/sesh.fish")
    assert read(f"docs/{DISTRIBUTION}.1") == f".so man1/{PROGRAM}.1\n"
