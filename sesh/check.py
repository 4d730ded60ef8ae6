"""Check data from outside against its type: a host's answers, files, requests on a socket.

`checked_here` checks a value from this machine, `checked_from_host` one from a host, and `arguments` the values for a
function's parameters. Each returns the checked value. A `str` must be text that the system accepts, and an `int` must
not be negative; a type that differs from that is annotated in `sesh.schema`.

Data from a host is repaired where possible: text is cut and loses its control characters, malformed objects are dropped
from lists, and unknown keys, which a newer sesh may send, are dropped.

`test_of` derives the test of a type, once for each type: a function that returns the checked value, or raises
Malformed. The test of a dataclass, a NamedTuple or an Enum returns an instance: so a daemon loads its snapshot.
"""

from __future__ import annotations

import types
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from enum import Enum
from functools import cache, partial
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from sesh import wording
from sesh.errors import malformed, placed
from sesh.names import is_colour, is_id, is_latin, is_name, is_resume, is_system_text
from sesh.protocol import MOST

MOST_ROWS = 10_000  # rows of a host's list; further ones are dropped
Test = Callable[["Check", Any], Any]


@dataclass
class Check:
    """How to check one value, and what was left out of it."""

    far: bool  # the value is from a host, and is repaired where possible
    exact: bool = False  # unknown keys are refused
    left_out: int = 0  # the number of dropped rows


class Malformed(Exception):
    """A value does not fit its type; the text is the path of the part, and the reason."""


def checked_here(hint: Any, value: object, *, exact: bool = False) -> Any:
    """Return a checked value from this machine. Raises Malformed."""
    return test_of(hint)(Check(far=False, exact=exact), value)


def fits(hint: Any, value: object) -> bool:
    """Return whether a value from this machine fits a type."""
    try:
        checked_here(hint, value)
    except Malformed:
        return False
    return True


def checked_from_host(hint: Any, value: object, name: str, check: Check | None = None) -> Any:
    """Return a checked value from a host. Raises ProtocolError, which calls the value `name`."""
    try:
        return test_of(hint)(check or Check(far=True), value)
    except Malformed as error:
        raise malformed(name, str(error)) from None


def arguments(function: Callable[..., object], values: object, *, exact: bool = False) -> dict[str, Any]:
    """Return the checked arguments of a function by name, except the first. Raises Malformed.

    The key of a parameter `from_` is `from`. A key that belongs to no parameter is dropped, or refused if `exact`.
    """
    keys, test = _parameters(function)
    passed = test(Check(far=False, exact=exact), values)
    return {name: passed[key] for name, key in keys.items() if key in passed}


@cache
def _parameters(function: Callable[..., object]) -> tuple[dict[str, str], Test]:
    """Return the keys of a function's parameters after the first, and the test of their values."""
    hints, parameters = get_type_hints(function, include_extras=True), signature(function).parameters
    del hints["return"]
    _first, *names = hints  # `self` has no annotation
    keys = {name: name.removesuffix("_") for name in names}
    fields = {key: test_of(hints[name]) for name, key in keys.items()}
    required = [key for name, key in keys.items() if parameters[name].default is Parameter.empty]
    return keys, partial(_object, fields, required)


@cache
def test_of(hint: Any) -> Test:
    """Return the test of a type: plain, annotated, Literal, union, list, mapping, tuple, TypedDict, or a class."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kind, note = inner
        return partial(_number, kind, note) if isinstance(note, range) else _WORDS[note]
    if origin is Literal:
        return partial(_unchanged, inner.__contains__, f"is not one of {', '.join(inner)}")
    if origin in (Union, types.UnionType):
        return partial(_either, [test_of(each) for each in inner if each is not type(None)], type(None) in inner)
    if origin in (list, Sequence):
        return partial(_list, test_of(inner[0]), is_typeddict(inner[0]) or get_origin(inner[0]) is dict)
    if origin in (dict, Mapping):
        return partial(_mapping, test_of(inner[0]), test_of(inner[1]))
    if origin is tuple:
        return _test_of_tuple(*inner)
    if is_typeddict(hint):
        fields = _fields(hint)
        return partial(_object, fields, [key for key in fields if key in hint.__required_keys__])
    return _TYPES[hint] if hint in _TYPES else _test_of_class(hint)


def _fields(hint: Any) -> dict[str, Test]:
    return {key: test_of(each) for key, each in get_type_hints(hint, include_extras=True).items()}


def _test_of_tuple(*inner: Any) -> Test:
    if inner[-1] is Ellipsis:
        return partial(_made, tuple, partial(_list, test_of(inner[0]), False))
    return partial(_tuple, [test_of(each) for each in inner])


def _test_of_class(hint: type[Any]) -> Test:
    """Return the test of an Enum, a dataclass or a NamedTuple, whose result is an instance."""
    if issubclass(hint, Enum):
        values = [each.value for each in hint]
        return partial(_made, hint, partial(_unchanged, values.__contains__, "is not known"))
    fields = _fields(hint)
    if not is_dataclass(hint):
        return partial(_made, hint._make, partial(_tuple, [*fields.values()]))

    def make(passed: dict[str, Any]) -> Any:
        return hint(**{key: passed[key] for key in fields})  # without keys that another version added

    return partial(_made, make, partial(_object, fields, [*fields]))


# The functions below are tests once `partial` has bound their first arguments: `check` and `value` remain.


def _unchanged(holds: Callable[[Any], bool], reason: str, _check: Check, value: Any) -> Any:
    if holds(value):
        return value
    raise Malformed(reason)


def _number(kind: type, bounds: range, _check: Check, value: Any) -> Any:
    is_number = isinstance(value, (int, kind)) and not isinstance(value, bool)
    if is_number and bounds.start <= value < bounds.stop:  # false for NaN
        return value
    raise Malformed(f"is not a {'whole ' * (kind is int)}number from {bounds.start} to {bounds.stop - 1}")


def _text(harmless: Callable[[str], str], check: Check, value: Any) -> str:
    """Return text from a host filtered by `harmless`, and text from this machine unchanged if the system accepts it."""
    if not isinstance(value, str):
        raise Malformed("is not text")
    if check.far:
        return harmless(value)
    if not is_system_text(value):
        raise Malformed("is not text that the system takes")
    return value


def _made(make: Callable[[Any], Any], test: Test, check: Check, value: Any) -> Any:
    """Return an object made of the checked value."""
    return make(test(check, value))


def _octets(_check: Check, value: Any) -> bytes:
    """Return the bytes of `{"$bytes": base64}`."""
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        return b64decode(value["$bytes"])
    raise Malformed("is not bytes")


def _either(tests: Sequence[Test], nullable: bool, check: Check, value: Any) -> Any:
    """Apply the first test that a value passes; if it passes none, raise the last test's error."""
    if value is None and nullable:
        return None
    for test in tests[:-1]:
        with suppress(Malformed):
            return test(check, value)
    return tests[-1](check, value)


def _part(key: str | int, test: Test, check: Check, value: Any) -> Any:
    """Return a checked part of a value; put the part's key before the text of a Malformed."""
    try:
        return test(check, value)
    except Malformed as error:
        place = f"[{key}]" if isinstance(key, int) else f".{wording.plain(key[:40])}"
        raise Malformed(placed(place, str(error))) from None


def _list(test: Test, rows: bool, check: Check, value: Any) -> list[Any]:
    """Check a list. `rows`: its items are objects; those from a host are dropped if malformed or beyond `MOST_ROWS`."""
    drops = rows and check.far
    items = _array(check, value)
    passed = []
    for index, item in enumerate(items[:MOST_ROWS] if drops else items):
        try:
            passed.append(_part(index, test, check, item))
        except Malformed:
            if not drops:
                raise
    check.left_out += len(value) - len(passed)
    return passed


def _tuple(tests: Sequence[Test], check: Check, value: Any) -> tuple[Any, ...]:
    if len(_array(check, value)) != len(tests):
        raise Malformed(f"is not a list of {len(tests)}")
    return tuple(_part(index, tests[index], check, item) for index, item in enumerate(value))


def _mapping(key: Test, test: Test, check: Check, value: Any) -> dict[str, Any]:
    return {key(check, name): _part(name, test, check, item) for name, item in _table(check, value).items()}


def _object(fields: Mapping[str, Test], required: Sequence[str], check: Check, value: Any) -> dict[str, Any]:
    passed = {}
    for name, item in _table(check, value).items():
        if name in fields:
            passed[name] = _part(name, fields[name], check, item)
        elif check.exact:
            raise Malformed(f".{name} is not known")
        elif not check.far:
            passed[name] = item
    if missing := next((name for name in required if name not in passed), ""):
        raise Malformed(f".{missing} is missing")
    return passed


def _untyped(check: Check, value: Any) -> Any:
    if check.far:
        raise Malformed("has no type")
    return value


def _instance(kind: type, reason: str) -> Test:
    return partial(_unchanged, lambda value: isinstance(value, kind), reason)


_array, _table = _instance(list, "is not a list"), _instance(dict, "is not an object")
_line = partial(_text, wording.line)
_TYPES: dict[Any, Test] = {
    str: _line,
    bool: _instance(bool, "is not true or false"),
    int: partial(_number, int, range(MOST + 1)),
    float: partial(_number, float, range(-(10**15), 10**15)),
    bytes: _octets,
    object: _untyped,
}
_WORDS: dict[str, Test] = {
    "date-time": _line,
    "text": partial(_text, wording.paragraphs),
    "sentence": partial(_text, wording.sentence),
    "styled": partial(_text, wording.without_controls),
    "name": partial(_unchanged, is_name, "is not a session name"),
    "id": partial(_unchanged, is_id, "is not the id of a session"),
    "latin": partial(_unchanged, is_latin, "is not latin-1"),
    "rgb": partial(_unchanged, is_colour, "is not a colour"),
    "resume": partial(_unchanged, is_resume, "is not a command of at most 32 KiB"),
}
"""Tests by the word in an annotation of `sesh.schema`."""
