"""An error is complete when it is made: no code assigns to an attribute of one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sesh import errors
from tests.house.source import modules

_FACTS = {"message", "hint", "reason", "fate", "code", "exit_code", "host", "in_response", "typed"}


def _assigned(node: ast.AST) -> Iterator[ast.Attribute]:
    """Yield the attributes that a statement assigns to or deletes."""
    targets: list[ast.expr] = []
    if isinstance(node, (ast.Assign, ast.Delete)):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    for target in targets:
        yield from (part for part in ast.walk(target) if isinstance(part, ast.Attribute) and not _is_read(part))


def _is_read(part: ast.Attribute) -> bool:
    return isinstance(part.ctx, ast.Load)


def _made(node: ast.AST, classes: set[str]) -> str:
    """Return the name that a statement gives to a new error; empty for any other statement."""
    if not (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call)
    ):
        return ""
    called = node.value.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return node.targets[0].id if name in classes else ""


def _changed(nodes: list[ast.AST], classes: set[str]) -> Iterator[int]:
    """Yield the lines that assign to an attribute of an error."""
    names = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    names |= {name for node in nodes if (name := _made(node, classes))}
    for part in (part for node in nodes for part in _assigned(node)):
        if (
            isinstance(part.value, ast.Name)
            and part.value.id != "self"
            and (part.value.id in names or part.attr in _FACTS)
        ):
            yield part.lineno


def _classes() -> set[str]:
    """Return the names of all classes of errors, found by what they inherit from."""
    heirs = {
        node.name: {getattr(base, "attr", getattr(base, "id", "")) for base in node.bases}
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
    }
    found = {"SeshError"}
    while more := {name for name, bases in heirs.items() if bases & found} - found:
        found |= more
    return found


def test_an_error_is_changed_nowhere() -> None:
    classes = _classes()
    assert {"Ended", "LoginRefused", "Question"} <= classes, "the classes of errors are found"
    changed = [
        f"{module.path}:{line}"
        for module in modules()
        for line in sorted({*_changed(module.nodes, classes)})
        if module.path != "sesh/errors.py"
    ]
    assert changed == [], "raise a copy with what is known by then: `raise error.but(hint=…) from error`"


def test_the_tree_of_errors_is_drawn_whole() -> None:
    drawn = [line.split() for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    assert {words[0] for words in drawn} == _classes()
    for name, *words in drawn:
        kind = getattr(errors, name, None)
        if kind is not None and "code" in vars(kind):
            assert words[:2] == [kind.code, str(int(kind.exit_code))]


def test_each_way_to_change_an_error_is_found() -> None:
    ways = (
        "try: act()\nexcept Refused as error:\n    error.hint = 'x'",
        "try: act()\nexcept Refused as error:\n    error.message += 'x'",
        "try: act()\nexcept (OSError, Refused) as missed:\n    missed.anything = 1",
        "error = Refused('x')\nerror.typed = True",
        "error = errors.Refused('x')\nerror.own = 1",
        "def close(error):\n    error.host, other = error.host or host, 1",
        "for refusal in refused: refusal.host = host",
        "try: act()\nexcept Refused as error:\n    del error.hint",
    )
    for way in ways:
        assert [*_changed([*ast.walk(ast.parse(way))], {"Refused"})], way
    for no_way in ("self.message = 1", "stop.message.text = error.hint", "rows[error.code] = 1"):
        assert not [*_changed([*ast.walk(ast.parse(no_way))], {"Refused"})], no_way
