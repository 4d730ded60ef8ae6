"""The arguments of an op that is asked for over a link: of the types that it declares, checked before it is called.

The other end may be any sesh, or none. An op declares its arguments by annotations, and each kind of these stands here.
"""

from __future__ import annotations

from sesh import bounds
from sesh.about import CALLED, __version__
from sesh.errors import UsageError
from sesh.store.shapes import every, has, natural, number, pairs, text, truth, under_any_key, whole, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sesh.reach.op import Op
    from sesh.store.shapes import Fits, Shape


def _integer(value: object) -> bool:
    return bounds.is_integer(value, -bounds.MOST)


def _complete(shape: Shape) -> Fits:
    """An object of this shape that has all of its keys."""
    fits = has(shape)
    return lambda value: fits(value) and shape.keys() <= value.keys()  # type: ignore[attr-defined]  # it is an object


def _part(shape: Shape) -> Fits:
    """An object of this shape that has no other keys."""
    fits = has(shape)
    return lambda value: fits(value) and value.keys() <= shape.keys()  # type: ignore[attr-defined]


KINDS: dict[str, Fits] = {
    "str": text,
    "bool": truth,
    "int": _integer,
    "float": number,
    "Sequence[str]": words,
    "dict[str, str]": pairs,
    "dict[str, int]": under_any_key(natural),
    "Spec": _part({"directory": text, "command": words, "env": words, "label": words}),
    "Sequence[LayoutEntry]": every(
        _complete({"name": text, "host": text, "directory": text, "command": words, "labels": pairs})
    ),
    "Sequence[LeftoverFacts]": every(_complete({"kind": text, "what": text, "pid": whole})),
}
"""Whether a value is of a kind, by its annotation; `… | None` is each of them or null."""


def kind(annotation: str) -> tuple[str, bool]:
    """The key in KINDS for an annotation, and whether null is one too."""
    bare = annotation.removesuffix(" | None")
    return bare, bare != annotation


def check(op: Op[..., object], data: Mapping[str, object]) -> None:
    """Raises UsageError if an argument is missing, unknown, or not of the type that the op declares."""
    code = op.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]  # the first one is the caller
    positional = names[: code.co_argcount - 1]
    optional = {*positional[len(positional) - len(op.__defaults__ or ()) :], *(op.__kwdefaults__ or ())}
    if not {*names} - optional <= {*data} <= {*names}:
        raise UsageError(f"this is sesh {__version__}, which knows another {op.wire_name}; run: {CALLED} --upgrade")
    for key, value in data.items():
        expected, nullable = kind(op.__annotations__[key])
        if not (nullable and value is None) and not KINDS[expected](value):
            raise UsageError(
                f"this is sesh {__version__}, whose {op.wire_name} takes no such {key}; run: {CALLED} --upgrade"
            )
