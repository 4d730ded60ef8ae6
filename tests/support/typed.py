"""Compare data with its type: the keys, and the kind of every value. Compare what a verb prints with its own type."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Union, get_args, get_origin, get_type_hints

from sesh.cli.line import split
from sesh.cli.printed import PRINTED, PrintedFailure
from sesh.cli.verbs import BY_NAME, GO

_UNIONS = (Union, types.UnionType)


def of_command_line(words: Sequence[str], value: object) -> list[str]:
    """Return how the JSON that a command line has printed differs from what docs/JSON.md shows.

    Lines with several hosts are left out: what they print is a row for each of them.
    """
    line = split([*words])
    verb = line.verb
    if {"--help", "-h"} & {*line.words}:
        verb = BY_NAME["help"]
    elif verb.name == GO and not line.words:
        verb = BY_NAME["list"]
    if len(line.hosts) > 1:
        return []
    kind: Any = PRINTED.get(verb.load())
    kinds = get_args(kind) if get_origin(kind) in _UNIONS else (kind,) if kind else ()
    values = [value]
    if isinstance(value, list):  # of which one may be a failure
        values, kinds = value, tuple(get_args(each)[0] for each in kinds if get_origin(each) is list)
    hint = reduce(or_, (*kinds, PrintedFailure))
    return [wrong for each in values for wrong in differences(each, hint, verb.name)]


def differences(value: object, hint: Any, place: str = "") -> Iterator[str]:
    """Yield the differences of a JSON value from a type: keys and kinds."""
    if get_origin(hint) in _UNIONS:
        found = [list(differences(value, each, place)) for each in get_args(hint)]
        yield from min(found, key=len)
    elif hint in (None, type(None)):
        if value is not None:
            yield f"{place} is not null"
    elif typing.is_typeddict(hint):
        yield from _of_object(value, hint, place)
    elif get_origin(hint) in (list, Sequence, tuple):
        yield from _of_list(value, hint, place)
    elif get_origin(hint) in (dict, Mapping):
        if not isinstance(value, dict):
            yield f"{place} is no object"
        else:
            for key, each in value.items():
                yield from differences(each, get_args(hint)[1], f"{place}.{key}")
    elif hint is not object and not (type(value) is hint or (hint is float and type(value) is int)):
        yield f"{place} is {type(value).__name__}, not {hint.__name__}"


def _of_list(value: object, hint: Any, place: str) -> Iterator[str]:
    """Yield how a list differs from its type, which may be a tuple."""
    if not isinstance(value, list):
        yield f"{place} is no list"
        return
    kinds = get_args(hint)
    if get_origin(hint) is tuple and len(value) != len(kinds):
        yield f"{place} has {len(value)} items, not {len(kinds)}"
    for at, each in enumerate(value):
        yield from differences(each, kinds[min(at, len(kinds) - 1)], f"{place}[{at}]")


def _of_object(value: object, kind: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is no object"
        return
    hints = get_type_hints(kind)
    for key in sorted(kind.__required_keys__ - value.keys()):
        yield f"{place}.{key} is missing"
    for key, each in value.items():
        if key in hints:
            yield from differences(each, hints[key], f"{place}.{key}")
        else:
            yield f"{place}.{key} is no key of {kind.__name__}"
