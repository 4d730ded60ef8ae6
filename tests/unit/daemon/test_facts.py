"""The facts of a session, which all its parts share."""

from __future__ import annotations

import ast

from tests.house.source import modules


def test_only_their_own_methods_change_the_facts() -> None:
    """A part that sets a fact by itself leaves the record as it was."""
    own = [each for each in modules() if each.name.startswith("sesh.daemon") and each.name != "sesh.daemon.base.facts"]
    changed = [
        f"{module.path}:{node.lineno}"
        for module in own
        for node in module.nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value).endswith("facts")
    ]
    assert changed == []
