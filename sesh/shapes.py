"""Shapes: descriptions of data from outside, from which `sesh.check` makes those of types; files name them directly.

A shape is a function that takes a `Check` and a value, and returns the value or raises `Malformed`. Text from a host
(`Check.far`) is returned cut, and without what a terminal could act upon. Shapes with parts are made of other shapes:
`items(line)` is a list of lines.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from sesh import wording
from sesh.about import SESH, THERE
from sesh.names import is_id, is_name
from sesh.protocol import MOST

Shape = Callable[["Check", object], Any]
Fields = Mapping[str, Shape]
"""The shape of an object's value by its key."""

MOST_VALUES = 500_000
"""Values in one answer: each costs some hundred bytes of memory, however short it is."""
MOST_ROWS = 10_000
"""Rows of one list; those beyond it are left out."""
LONGEST_LINE, LONGEST_TEXT = 4096, 1 << 20
"""Characters of a line from the other side, and of text that may be longer, such as a word of a command."""
DEEPEST = 16
"""Levels of data that this sesh has no shape for."""
_MOST_EXACT = (1 << 53) - 1
"""The largest number that all readers of JSON take exactly."""
_LARGEST_PID = (1 << 31) - 1
_LATEST = 253402300800.0
"""Seconds from 1970 to the year 10000, which no calendar of the C library has."""
_ACTED_UPON = dict.fromkeys(
    [*range(9), *range(0xB, 0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
)
"""Controls, but for tabs and line feeds, and marks that set the direction of text, as `str.translate` drops them."""
_STYLES = "(\x1b\\[[0-9:;]{0,99}m|\x1b\\]8;[ -~\xa0-\ud7ff]{0,2200}\x1b\\\\)"
"""SGR and links (OSC 8)."""
_HEXADECIMAL = frozenset("0123456789abcdef")
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


class Malformed(Exception):
    """A value is not of its shape; the text says which part, and why."""


class Check:
    """One pass over a value. `far`: True if it comes from a host. `left_out`: the number of malformed rows."""

    __slots__ = ("far", "left_out")

    def __init__(self, *, far: bool) -> None:
        self.far, self.left_out = far, 0


def fits(shape: Shape, value: object) -> bool:
    """Returns whether a value from this machine is of a shape."""
    try:
        shape(Check(far=False), value)
    except Malformed:
        return False
    return True


def simple(kind: type, reason: str, test: Callable[[Any], bool] | None = None) -> Shape:
    """A value of a type that passes a test; the reason why any other is malformed."""

    def apply(_check: Check, value: object) -> Any:
        if isinstance(value, kind) and (test is None or test(value)):
            return value
        raise Malformed(reason)

    return apply


flag = simple(bool, "is not true or false")
_text = simple(str, "is not text")
_list = simple(list, "is not a list")
_dict = simple(dict, "is not an object")
session_name = simple(str, "is not a session name", is_name)
session_id = simple(str, "is not the id of a session", is_id)
latin = simple(str, "is not latin-1", lambda text: max(text, default="") <= "\xff")
"""Bytes carried as latin-1; they are never shown."""


def _is_rgb(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and _HEXADECIMAL.issuperset(text[1:])


rgb = simple(str, "is not a colour", _is_rgb)
"""A colour as `#rrggbb`."""


def choice(*words: str) -> Shape:
    """One of some words."""
    return simple(str, f"is none of {', '.join(words)}", words.__contains__)


# -- numbers


def whole(least: int, most: int) -> Shape:
    """A whole number within bounds."""
    reason = f"is not a whole number from {least} to {most}"
    return simple(int, reason, lambda number: least <= number <= most and number is not True and number is not False)


natural = whole(0, MOST)
integer = whole(-MOST, MOST)
exact = whole(-_MOST_EXACT, _MOST_EXACT)
"""A whole number of a file, exact for all readers of JSON."""
exact_natural = whole(0, _MOST_EXACT)
process = whole(0, _LARGEST_PID)
"""A process id, as far as the system takes it for one."""
code = whole(0, 255)
"""An exit code, or the number of a signal."""


def is_number(value: object) -> TypeGuard[float]:
    """Returns whether `value` is a number, finite or not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(_check: Check, value: object) -> float:
    """A number that is finite."""
    if is_number(value) and -1e15 < value < 1e15:  # a NaN is neither
        return value
    raise Malformed("is not a number")


def moment(check: Check, value: object) -> float:
    """A time in seconds since 1970, as far as a calendar has it."""
    if 0 <= number(check, value) < _LATEST:
        return value  # type: ignore[return-value]  # it is a number
    raise Malformed("is not a time")


# -- text


def _is_system_text(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


system_text = simple(str, "is not text that the system takes", _is_system_text)
"""Text that the system takes: without NUL, and encodable with surrogateescape."""
system_line = simple(
    str, "is not a line that the system takes", lambda text: len(text) <= LONGEST_LINE and _is_system_text(text)
)
"""`system_text` of a bounded length: a path, a title, a time."""


def printable(text: str) -> str:
    """Text of several lines without characters that a terminal could act upon; bytes that are no UTF-8 stay."""
    return text if text.isprintable() else text.translate(_ACTED_UPON)


def without_controls(text: str) -> str:
    """Text with nothing but characters, SGR and links."""
    if text.isprintable():
        return text
    return re.sub(f"{_STYLES}|{_CONTROLS}", r"\1", text)


def _shown(harmless: Callable[[str], str]) -> Shape:
    """Text that a person may see: a host's as `harmless` leaves it, this machine's if the system takes it."""

    def apply(check: Check, value: object) -> str:
        text: str = _text(check, value) if check.far else system_text(check, value)
        return harmless(text) if check.far else text

    return apply


def _paragraphs(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise Malformed("is too long")
    return printable(text)


line = _shown(lambda text: wording.plain(text[:LONGEST_LINE]))
"""Text on one line."""
sentence = _shown(lambda text: wording.plain(text[:LONGEST_LINE], SESH + THERE))
"""A line of sesh's own: see `errors.for_host`."""
text = _shown(_paragraphs)
"""Text of one line or several, such as a word of a command; file names that are no UTF-8 keep their bytes."""
styled = _shown(without_controls)
"""Text with SGR and links (OSC 8), of any length."""


def octets(_check: Check, value: object) -> bytes:
    """Bytes, as `{"$bytes": base64}`."""
    if isinstance(value, dict) and value.keys() == {"$bytes"} and isinstance(value["$bytes"], str):
        try:
            return b64decode(value["$bytes"])
        except ValueError:
            pass
    raise Malformed("is not bytes")


# -- values with parts


def optional(shape: Shape) -> Shape:
    """A value or null."""

    def apply(check: Check, value: object) -> Any:
        return None if value is None else shape(check, value)

    return apply


def either(*shapes: Shape) -> Shape:
    """A value of one of several shapes: the first that fits is taken."""

    def apply(check: Check, value: object) -> Any:
        for shape in shapes[:-1]:
            try:
                return shape(check, value)
            except Malformed:
                continue
        return shapes[-1](check, value)  # whose reason is the one that is given

    return apply


def items(shape: Shape, most: int = MOST_VALUES) -> Shape:
    """A list of values of one shape; a host's is cut to `most`."""

    def apply(check: Check, value: object) -> list[object]:
        values: list[object] = _list(check, value)[: most if check.far else None]
        checked: list[object] = []
        try:
            for item in values:
                checked.append(shape(check, item))  # noqa: PERF401 (whose number the error tells)
        except Malformed as error:
            raise _located(f"[{len(checked)}]", error) from None
        return checked

    return apply


def several(*shapes: Shape) -> Shape:
    """A list of exactly as many values as there are shapes, each of its own."""

    def apply(check: Check, value: object) -> tuple[object, ...]:
        values = _list(check, value)
        if len(values) != len(shapes):
            raise Malformed(f"is not a list of {len(shapes)}")
        return tuple(_within(f"[{index}]", shapes[index], check, item) for index, item in enumerate(values))

    return apply


def rows(shape: Shape) -> Shape:
    """A list; of a host's the malformed rows, and those beyond `MOST_ROWS`, are left out, and the check counts them."""

    def apply(check: Check, value: object) -> list[object]:
        values = _list(check, value)
        passed = []
        for row in values[:MOST_ROWS]:
            try:
                passed.append(shape(check, row))
            except Malformed:
                if not check.far:
                    raise
                check.left_out += 1
        check.left_out += max(0, len(values) - MOST_ROWS)
        return passed

    return apply


def keys(names: str, shape: Shape) -> dict[str, Shape]:
    """One shape for several keys, separated by blanks in `names`."""
    return dict.fromkeys(names.split(), shape)


def table(shapes: Fields, required: Sequence[str] = ()) -> Shape:
    """An object with these keys, as far as they are there. A host may add others, with plain data."""

    def apply(check: Check, value: object) -> dict[str, object]:
        values = _dict(check, value)
        for key in required:
            if key not in values:
                raise Malformed(f".{key} is missing")
        checked = {}
        for key, item in values.items():
            if key in shapes:
                try:
                    checked[key] = shapes[key](check, item)
                except Malformed as error:
                    raise _located(f".{key}", error) from None
            elif check.far:
                checked[line(check, key)] = anything(check, item)
            else:
                raise Malformed(f".{key} is not known")
        return checked

    return apply


def loose(shapes: Fields, *, complete: bool = False) -> Shape:
    """An object of this machine's: the values of these keys fit or are null, those of other keys are not looked at.

    `complete`: all of these keys are there.
    """

    def is_fitting(values: Mapping[str, object]) -> bool:
        return not (complete and not shapes.keys() <= values.keys()) and misfit(values, shapes) is None

    return simple(dict, "has other keys or values", is_fitting)


def misfit(values: Mapping[str, object], shapes: Fields) -> str | None:
    """The first key whose value is neither null nor of its shape."""
    check = Check(far=False)
    for key, shape in shapes.items():
        if (value := values.get(key)) is not None:
            try:
                shape(check, value)
            except Malformed:
                return key
    return None


def mapping(key: Shape, shape: Shape) -> Shape:
    """An object with any keys of one shape, and values of another."""

    def apply(check: Check, value: object) -> dict[str, object]:
        checked = {}
        for name, item in _dict(check, value).items():
            try:
                value = shape(check, item)
            except Malformed as error:
                raise _located(f".{wording.plain(name[:40])}", error) from None
            checked[key(check, name)] = value
        return checked

    return apply


def anything(check: Check, value: object, depth: int = DEEPEST) -> Any:
    """Data that this sesh has no shape for, as from a newer one: plain, and not too deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(check, value)
    if isinstance(value, (int, float)):
        return number(check, value) if isinstance(value, float) else integer(check, value)
    if not depth:
        raise Malformed("is nested too deeply")
    if isinstance(value, list):
        return [anything(check, item, depth - 1) for item in value]
    return {line(check, key): anything(check, item, depth - 1) for key, item in _dict(check, value).items()}


def _within(part: str, shape: Shape, check: Check, value: object) -> Any:
    """The checked value; `part` is put before the reason of a Malformed."""
    try:
        return shape(check, value)
    except Malformed as error:
        raise _located(part, error) from None


def _located(part: str, error: Malformed) -> Malformed:
    return Malformed(f"{part}{gap(str(error))}{error}")


def gap(reason: str) -> str:
    """The gap between a name and the reason why its value is malformed: none before the path of a part."""
    return "" if reason[:1] in ".[" else " "
