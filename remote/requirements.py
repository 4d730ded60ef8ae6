"""What a package says that it needs, judged for a Python that is not this one.

Only what packages in use write: PEP 508 requirements with PEP 440 release numbers. Pre-releases count as their release.
"""

from __future__ import annotations

import ast
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?$", re.DOTALL
)
_CLAUSE = re.compile(r"\s*(===|~=|==|!=|<=|>=|<|>)\s*([^\s,]+)\s*$")
_RELEASE = re.compile(r"v?(?:\d+!)?(\d+(?:\.\d+)*)")
_VERSIONS = ("python_version", "python_full_version", "implementation_version", "platform_release")


class Requirement:
    """One line of Requires-Dist: `name` (normal form), `specifier` and `marker` as text, both possibly empty."""

    __slots__ = ("marker", "name", "specifier")

    def __init__(self, line: str) -> None:
        match = _REQUIREMENT.match(line)
        if match is None:
            raise ValueError(f"no requirement: {line}")
        self.name = normal(match[1])
        self.specifier = match[3].strip()
        self.marker = (match[4] or "").strip()


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def release(version: str) -> tuple[int, ...]:
    """The release number without zeros at its end. Raises ValueError where there is none."""
    match = _RELEASE.match(version)
    if match is None:
        raise ValueError(f"no version: {version}")
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def admits(specifier: str, version: str) -> bool:
    """Whether a specifier (`>=3.8,!=3.9.*`) admits a version."""
    for clause in filter(None, (part.strip() for part in specifier.split(","))):
        match = _CLAUSE.match(clause)
        if match is None:
            raise ValueError(f"no specifier: {clause}")
        if not _meets(match[1], match[2], version):
            return False
    return True


def _meets(operator: str, wanted: str, version: str) -> bool:
    found = release(version)
    if operator in ("==", "!=") and wanted.endswith(".*"):
        parts = [int(part) for part in wanted[:-2].split(".")]
        same = [*found, *[0] * len(parts)][: len(parts)] == parts
        return same == (operator == "==")
    limit = release(wanted)
    if operator == "~=":
        parts = [int(part) for part in (_RELEASE.match(wanted) or [""] * 2)[1].split(".")][:-1]
        return found >= limit and [*found, *[0] * len(parts)][: len(parts)] == parts
    results = {"<": found < limit, "<=": found <= limit, ">": found > limit, ">=": found >= limit}
    results |= {"==": found == limit, "===": version == wanted, "!=": found != limit}
    return results[operator]


def holds(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether an environment marker is true there; the empty one always is. `extra` is empty unless it is given.

    Markers have the form of Python's own comparisons, so its parser reads them; nothing is evaluated.
    Raises ValueError for what is no marker.
    """
    if not marker:
        return True
    try:
        # `~=` and `===` are the two operators that Python does not have.
        text = re.sub(r"(~=|===)", lambda match: {"~=": "<<", "===": "=="}[match[1]], marker)
        return _true(ast.parse(text.strip(), mode="eval").body, {"extra": "", **environment})
    except SyntaxError as error:
        raise ValueError(f"no marker: {marker}") from error


def _true(node: ast.expr, environment: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        every = all if isinstance(node.op, ast.And) else any
        return every(_true(value, environment) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
        return _compared("~=", node.left, node.right, environment)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        signs = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
        sign = {**signs, ast.In: "in", ast.NotIn: "not in"}.get(type(node.ops[0]))
        if sign:
            return _compared(sign, node.left, node.comparators[0], environment)
    raise ValueError(f"no marker: {ast.unparse(node)}")


def _compared(sign: str, left: ast.expr, right: ast.expr, environment: Mapping[str, str]) -> bool:
    one, other = _text(left, environment), _text(right, environment)
    if sign in ("in", "not in"):
        return (one in other) == (sign == "in")
    names = [node.id for node in (left, right) if isinstance(node, ast.Name)]
    if any(name in _VERSIONS for name in names):
        if isinstance(left, ast.Name):
            return _meets(sign, other, one)
        return _meets({"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign), one, other)
    if names == ["extra"]:
        one, other = normal(one), normal(other)
    return (one == other) == (sign == "==") if sign in ("==", "!=") else False


def _text(node: ast.expr, environment: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in environment:
        return environment[node.id]
    raise ValueError(f"no marker: {ast.unparse(node)}")
