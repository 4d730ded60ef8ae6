"""Checks data from outside against the types that describe it.

`of` derives the shape of a type once. A host's answer and its frames are checked so (`sesh.gate`), and the arguments of
an op that is asked for over a link (`sesh.bridge`).
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from sesh import shapes
from sesh.shapes import Shape, either, items, mapping, optional, rows, several, table, whole

_ANNOTATED: dict[str, Shape] = {
    "date-time": shapes.line,
    "name": shapes.session_name,
    "text": shapes.text,
    "sentence": shapes.sentence,
    "styled": shapes.styled,
    "latin": shapes.latin,
    "rgb": shapes.rgb,
}
"""By the word in an annotation of `sesh.schema`; a whole number has its range there."""
_PLAIN: dict[Any, Shape] = {
    str: shapes.line,
    bool: shapes.flag,
    int: shapes.natural,
    float: shapes.number,
    bytes: shapes.octets,
    object: shapes.anything,
}


@cache
def of(hint: Any) -> Shape:
    """The shape of a type: TypedDict, list, mapping, tuple, union, or one of the tables above."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = inner[1]
        return whole(bounds[0], bounds[-1]) if isinstance(bounds, range) else _ANNOTATED[bounds]
    if origin in (Union, types.UnionType):
        parts = [of(each) for each in inner if each is not type(None)]
        shape = parts[0] if len(parts) == 1 else either(*parts)
        return optional(shape) if type(None) in inner else shape
    if origin in (list, Sequence):
        return rows(of(inner[0])) if is_typeddict(inner[0]) else items(of(inner[0]))
    if origin in (dict, Mapping):
        return mapping(of(inner[0]), of(inner[1]))
    if origin is tuple:
        return several(*map(of, inner))
    if is_typeddict(hint):
        fields = {key: of(each) for key, each in get_type_hints(hint, include_extras=True).items()}
        return table(fields, [key for key in fields if key in hint.__required_keys__])
    return _PLAIN[hint]


def returned(function: Any) -> Shape:
    """The shape of a function's result, or of each item that it yields."""
    hint = get_type_hints(function, include_extras=True)["return"]
    return of(get_args(hint)[0] if get_origin(hint) is Iterator else hint)
