"""JSON files of sesh's own, read with suspicion: what each key of one may hold, checked once, where it is read."""

from __future__ import annotations

from sesh import paths, protocol
from sesh.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Shape = Mapping[str, Callable[[object], bool]]
    """What the value of a key must pass. None passes for each of them, and so do keys that are not named."""

_MOST = 1 << 53
"""Beyond it a number is no exact one for all readers of JSON."""


def text(value: object) -> bool:
    """Text that the system takes: no NUL, and no half of a surrogate pair but those that stand for bytes."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def whole(value: object) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and -_MOST < value < _MOST


def number(value: object) -> bool:
    """A number, of seconds as a rule."""
    return whole(value) or (isinstance(value, float) and -_MOST < value < _MOST)


def truth(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def words(value: object) -> bool:
    """A command."""
    return isinstance(value, list) and all(map(text, value))


def pairs(value: object) -> bool:
    """Labels."""
    return isinstance(value, dict) and all(map(text, value)) and all(map(text, value.values()))


def table(value: object) -> bool:
    """An object, whose reader checks what is in it."""
    return isinstance(value, dict)


def tables(value: object) -> bool:
    """Objects, whose reader checks what is in them."""
    return isinstance(value, list) and all(map(table, value))


def read(path: str, shape: Shape, largest: int) -> dict[str, Any] | None:
    """The JSON object in a file of sesh's own; None where there is no file. Raises Refused, as `parse` too."""
    data = paths.read_own(path, largest)
    return None if data is None else parse(path, data, shape)


def parse(path: str, data: bytes, shape: Shape) -> dict[str, Any]:
    """The JSON object that a file holds. Raises Refused, with the file and what to do, where it has another shape."""
    try:
        values = protocol.parse(data)
    except ProtocolError:
        raise paths.damaged(path, "not a JSON object") from None
    for key, fits in shape.items():
        value = values.get(key)
        if value is not None and not fits(value):
            raise paths.damaged(path, f"{key} is not of its type")
    return values
