"""Check data from outside against its type: a host's data, files, requests on a socket.

Each function returns the checked value, without unknown keys, which a newer sesh may send. A `str` must be text that
the system accepts, an `int` must not be negative; a type that differs from that is annotated in `sesh.schema.facts`.
The result for a dataclass, NamedTuple or Enum is an instance. `sesh.text.safe` checks the data of a host, whose text
must be made safe.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, is_dataclass
from dataclasses import fields as members
from enum import Enum
from functools import cache, partial
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sesh.errors import Malformed, placed
from sesh.names import is_id, is_latin, is_name, is_system_text
from sesh.schema.facts import MAX_NUMBER

Test = Callable[["Check", Any], Any]  # a method of Check, with its keyword arguments: returns the checked value
Cleaner = Callable[[str], str]  # makes a text of a host safe


def checked_here(hint: Any, value: object) -> Any:
    """Return a checked value from this machine. Raises Malformed."""
    return test_of(hint)(Check(), value)


def fits(hint: Any, value: object) -> bool:
    """Return whether a value from this machine fits a type."""
    with suppress(Malformed):
        checked_here(hint, value)
        return True
    return False


def checker(hint: Any) -> Callable[[object], Any]:
    """Return `checked_here` for one type, for a reader of files."""
    return partial(checked_here, hint)


def arguments(function: Callable[..., object], values: object) -> dict[str, Any]:
    """Return a function's checked arguments by name (`from_` for `from`), but the first. Raises Malformed."""
    return _test_of_parameters(function)(Check(), values)


@cache
def _test_of_parameters(function: Callable[..., object]) -> Callable[[Check, object], dict[str, Any]]:
    hints, parameters = get_type_hints(function, include_extras=True), signature(function).parameters
    del hints["return"]
    _first, *rest = hints  # `self` has no annotation
    names = {name.removesuffix("_"): name for name in rest}
    fields = {key: test_of(hints[name]) for key, name in names.items()}
    required = [key for key, name in names.items() if parameters[name].default is Parameter.empty]
    test = partial(Check.table, fields=fields, required=required)
    return lambda check, values: {names[key]: value for key, value in test(check, values).items()}


@cache
def test_of(hint: Any) -> Test:
    """Return the test of a type, which may be annotated or contain other types."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kind, note = inner
        return (
            partial(Check.number, kind=kind, bounds=note) if isinstance(note, range) else _TESTS.get(note, _TESTS[kind])
        )
    if origin is Literal:
        return _one_of(inner)
    if origin is Union:  # `X | Y` is another class until Python 3.14, and an error on 3.9: write Union or Optional
        # None comes first, because the last test gives the reason if all fail.
        choices = sorted(inner, key=lambda each: each is not type(None))
        return partial(Check.either, tests=[test_of(each) for each in choices])
    if origin in (list, Sequence):
        return partial(Check.array, test=test_of(inner[0]))
    if origin in (dict, Mapping):
        return partial(Check.mapping, key=test_of(inner[0]), test=test_of(inner[1]))
    if origin is set or (origin is tuple and inner[-1] is Ellipsis):
        return partial(Check.made, make=origin, test=partial(Check.array, test=test_of(inner[0])))
    if origin is tuple:
        return partial(Check.items, tests=[test_of(each) for each in inner])
    return _TESTS[hint] if hint in _TESTS else _test_of_class(hint)


def _test_of_class(hint: type[Any]) -> Test:
    """Return the test of an Enum, a TypedDict, a dataclass or a NamedTuple."""
    if issubclass(hint, Enum):
        return partial(Check.made, make=hint, test=_one_of([each.value for each in hint]))
    fields = {key: test_of(each) for key, each in get_type_hints(hint, include_extras=True).items()}
    if hasattr(hint, "__required_keys__"):  # a TypedDict
        return partial(Check.table, fields=fields, required=hint.__required_keys__)
    if is_dataclass(hint):
        # What a field with a default says, an older sesh does not know.
        required = [each.name for each in members(hint) if each.default is MISSING and each.default_factory is MISSING]
        test = partial(Check.table, fields=fields, required=required)
        return partial(Check.made, make=lambda values: hint(**values), test=test)
    return partial(Check.made, make=hint._make, test=partial(Check.items, tests=[*fields.values()]))


@dataclass(frozen=True)
class Check:
    """Applies tests to one value. `cleaners`: for a host's value, by kind of text."""

    cleaners: Mapping[str, Cleaner] = field(default_factory=dict)

    def part(self, key: str | int, test: Test, value: Any) -> Any:
        """Return a checked part of a value; an error begins with the part's key."""
        try:
            return test(self, value)
        except Malformed as error:
            place = f"[{key}]" if isinstance(key, int) else f".{''.join(filter(str.isprintable, key[:40]))}"
            raise Malformed(placed(place, str(error))) from None

    def unchanged(self, value: Any, *, holds: Callable[[Any], bool], reason: str) -> Any:
        if holds(value):
            return value
        raise Malformed(reason)

    def number(self, value: Any, *, kind: type, bounds: range) -> Any:
        is_number = isinstance(value, (int, kind)) and not isinstance(value, bool)
        if is_number and bounds.start <= value < bounds.stop:  # false for NaN
            return value
        wanted = "whole number" if kind is int else "number"
        raise Malformed(f"is not a {wanted} from {bounds.start} to {bounds.stop - 1}")

    def text(self, value: Any, *, kind: str) -> Any:
        """Clean a host's text; check that the system accepts this machine's text."""
        if isinstance(value, str) and (self.cleaners or is_system_text(value)):
            return self.cleaners[kind](value) if self.cleaners else value
        raise Malformed("is not text")

    def octets(self, value: Any) -> bytes:
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            return b64decode(value["$bytes"])
        raise Malformed("is not bytes")

    def made(self, value: Any, *, make: Callable[[Any], Any], test: Test) -> Any:
        return make(test(self, value))

    def either(self, value: Any, *, tests: Sequence[Test]) -> Any:
        """Apply the first test that the value passes, else raise the last test's error."""
        for test in tests[:-1]:
            with suppress(Malformed):
                return test(self, value)
        return tests[-1](self, value)

    def array(self, value: Any, *, test: Test) -> list[Any]:
        _LIST(self, value)
        return [self.part(index, test, item) for index, item in enumerate(value)]

    def items(self, value: Any, *, tests: Sequence[Test]) -> tuple[Any, ...]:
        _LIST(self, value)
        if len(value) != len(tests):
            raise Malformed(f"is not a list of {len(tests)}")
        return tuple(self.part(index, test, value[index]) for index, test in enumerate(tests))

    def mapping(self, value: Any, *, key: Test, test: Test) -> dict[str, Any]:
        _OBJECT(self, value)
        return {key(self, name): self.part(name, test, item) for name, item in value.items()}

    def table(self, value: Any, *, fields: Mapping[str, Test], required: Collection[str]) -> dict[str, Any]:
        _OBJECT(self, value)
        if missing := next((name for name in required if name not in value), ""):
            raise Malformed(f".{missing} is missing")
        return {name: self.part(name, fields[name], item) for name, item in value.items() if name in fields}


def _one_of(choices: Sequence[Any]) -> Test:
    return partial(Check.unchanged, holds=choices.__contains__, reason=f"is not one of {', '.join(map(str, choices))}")


def _is(kind: type | tuple[type, ...], name: str) -> Test:
    return partial(Check.unchanged, holds=lambda value: isinstance(value, kind), reason=f"is not {name}")


_LIST, _OBJECT = _is((list, tuple), "a list"), _is(dict, "an object")
_TESTS: dict[Any, Test] = {
    str: partial(Check.text, kind="line"),
    bool: _is(bool, "true or false"),
    int: partial(Check.number, kind=int, bounds=range(MAX_NUMBER + 1)),
    float: partial(Check.number, kind=float, bounds=range(-(10**15), 10**15)),
    bytes: Check.octets,
    type(None): _is(type(None), "null"),
    object: lambda _check, value: value,  # no type of a host's data has it
    "text": partial(Check.text, kind="text"),
    "styled": partial(Check.text, kind="styled"),
    "exact": partial(
        Check.unchanged, holds=lambda value: isinstance(value, str) and is_system_text(value), reason="is not text"
    ),
    "name": partial(Check.unchanged, holds=is_name, reason="is not a session name"),
    "id": partial(Check.unchanged, holds=is_id, reason="is not the id of a session"),
    "latin": partial(Check.unchanged, holds=is_latin, reason="is not latin-1"),
}
"""Tests by type, or by the word in an annotation of `sesh.schema.facts`; other words are for readers."""
