"""The arguments of an op that is asked for over a link: of the types that it declares, checked before it is called.

The other end may be no sesh at all. An op declares its arguments by annotations, and each kind of these stands here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sesh.errors import UsageError
from sesh.reach.op import Op
from sesh.shapes import (
    Shape,
    exact,
    exact_natural,
    fits,
    flag,
    integer,
    items,
    keys,
    loose,
    mapping,
    number,
    system_text,
)
from sesh.store.files import labels, resume, words

KINDS: dict[str, Shape] = {
    "str": system_text,
    "bool": flag,
    "int": integer,
    "float": number,
    "Sequence[str]": words,
    "dict[str, str]": labels,
    "dict[str, int]": mapping(system_text, exact_natural),
    "Spec": loose({**keys("directory size", system_text), **keys("command env label", words)}, closed=True),
    "Sequence[LayoutEntry]": items(
        loose(
            {**keys("name host directory", system_text), "command": words, "resume": resume, "labels": labels},
            complete=True,
        )
    ),
    "Sequence[LeftoverFacts]": items(loose({**keys("kind what", system_text), "pid": exact}, complete=True)),
}
"""The shape of a value by its annotation; `… | None` is each of them or null."""


def kind(annotation: str) -> tuple[str, bool]:
    """The key in KINDS for an annotation, and whether null is allowed too."""
    bare = annotation.removesuffix(" | None")
    return bare, bare != annotation


def check(op: Op[..., object], data: Mapping[str, object]) -> None:
    """Raises UsageError if an argument is missing, unknown, or not of the type that the op declares."""
    code = op.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]  # the first one is the caller
    positional = names[: code.co_argcount - 1]
    optional = {*positional[len(positional) - len(op.__defaults__ or ()) :], *(op.__kwdefaults__ or ())}
    if not {*names} - optional <= {*data} <= {*names}:
        raise UsageError(f"{op.wire_name} takes other arguments")
    for key, value in data.items():
        expected, nullable = kind(op.__annotations__[key])
        if not (nullable and value is None) and not fits(KINDS[expected], value):
            raise UsageError(f"{op.wire_name} takes no such {key}")
