"""JSON files of sesh's own, read with suspicion: what each key of one may hold, checked once, where it is read."""

from __future__ import annotations

from sesh import paths, protocol
from sesh.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Fits = Callable[[object], bool]
    Shape = Mapping[str, Fits]
    """What the value of a key must pass. None passes for each of them, and so do keys that are not named."""

_MOST = 1 << 53
"""Beyond it a number is no exact one for all readers of JSON."""
_LARGEST_PID = (1 << 31) - 1
_LATEST = 253402300800.0
"""Seconds from 1970 to the year 10000, which no calendar of the C library has."""
LONGEST_ID, LONGEST_LINE = 64, 4096
"""Characters."""


def text(value: object) -> bool:
    """Text that the system takes: no NUL, and no half of a surrogate pair but those that stand for bytes."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def line(value: object) -> bool:
    """Text of a bounded length: a path, a title, a time."""
    return text(value) and len(value) <= LONGEST_LINE  # type: ignore[arg-type]  # it is text


def identifier(value: object) -> bool:
    """What is part of file names: letters and digits, not many."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isascii() and value.isalnum()


def whole(value: object) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and -_MOST < value < _MOST


def natural(value: object) -> bool:
    """A whole number, 0 or more."""
    return whole(value) and value >= 0  # type: ignore[operator]  # it is a number


def process(value: object) -> bool:
    """A process id, as far as the system takes it for one."""
    return whole(value) and 0 <= value <= _LARGEST_PID  # type: ignore[operator]


def code(value: object) -> bool:
    """An exit code, or the number of a signal."""
    return whole(value) and 0 <= value <= 255  # type: ignore[operator]


def number(value: object) -> bool:
    """A number, of seconds as a rule."""
    return whole(value) or (isinstance(value, float) and -_MOST < value < _MOST)


def moment(value: object) -> bool:
    """A time in seconds since 1970, as far as a calendar has it."""
    return number(value) and 0 <= value < _LATEST  # type: ignore[operator]


def truth(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def words(value: object) -> bool:
    """A command."""
    return isinstance(value, list) and all(map(text, value))


def pairs(value: object) -> bool:
    """Labels."""
    return isinstance(value, dict) and all(map(text, value)) and all(map(text, value.values()))


def words_or_line(value: object) -> bool:
    """A command: its words, or what a shell was given."""
    return words(value) or text(value)


def table(value: object) -> bool:
    """An object, whose reader checks what is in it."""
    return isinstance(value, dict)


def has(shape: Shape) -> Fits:
    """An object of this shape."""
    return lambda value: isinstance(value, dict) and misfit(value, shape) is None


def every(fits: Fits) -> Fits:
    """A list of such values."""
    return lambda value: isinstance(value, list) and all(map(fits, value))


def under_any_key(fits: Fits) -> Fits:
    """An object with such values, and text as its keys."""
    return lambda value: isinstance(value, dict) and all(map(text, value)) and all(map(fits, value.values()))


def misfit(values: Mapping[str, object], shape: Shape) -> str | None:
    """The first key whose value is not of its shape."""
    wrong = (key for key, fits in shape.items() if values.get(key) is not None and not fits(values[key]))
    return next(wrong, None)


RUN: Shape = {
    "n": natural, "command": words_or_line, "cwd": line, "started": moment, "duration": number, "exit_code": whole,
    "output_bytes": natural, "timed_out": truth, "truncated": truth, "key": line, "from": natural,
    "position": natural, "output_lost": truth,
}  # fmt: skip
"""What is remembered of a command that was run."""


def read(path: str, shape: Shape, largest: int) -> Any:
    """The JSON object in a file of sesh's own; None where there is no file. Raises Refused, as `parse` does."""
    data = paths.read_own(path, largest)
    return None if data is None else parse(path, data, shape)


def parse(path: str, data: bytes, shape: Shape) -> Any:
    """The JSON object that a file holds. Raises Refused, with the file and what to do, where it has another shape."""
    try:
        values = protocol.parse(data)
    except ProtocolError:
        raise paths.damaged(path, "not a JSON object") from None
    if (key := misfit(values, shape)) is not None:
        raise paths.damaged(path, f"{key} is not of its type")
    return values
