"""The JSON of values, in frames and in files: bounded, and able to carry file names that are not UTF-8."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sesh import errors

MAX_VALUES = 500_000
"""Most JSON values in one response; more raise ProtocolError. Even a short value takes some hundred bytes of memory."""
_MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|([,\[{])', re.DOTALL)
"""Finds strings, and in group 1 each mark outside strings that begins a value; there is about one for each value."""


def encode(values: Mapping[str, object]) -> bytes:
    """Return JSON that `parse` reverses, also for file names that are not UTF-8."""
    return json.dumps(values, separators=(",", ":")).encode()


def parse(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a payload. Raises ProtocolError for any other payload."""
    values = value(payload)
    if not isinstance(values, dict):
        raise errors.ProtocolError("the other side sent a message that is not a JSON object")
    return values


def value(data: bytes | bytearray) -> Any:
    """Return a JSON value. Raises ProtocolError if it is invalid, or exceeds `MAX_VALUES`."""
    if len(data) > MAX_VALUES and next(islice(_marks(data), MAX_VALUES, None), None):
        raise errors.ProtocolError(f"the other side sent more than {MAX_VALUES} values in one answer")
    try:
        return json.loads(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError("the other side sent a message that is not JSON") from error


def weight(data: bytes) -> int:
    """Return how many of the `MAX_VALUES` the JSON of a value takes up, with the comma behind it."""
    return sum(1 for _ in _marks(data)) + 1


def _marks(data: bytes | bytearray) -> Iterator[re.Match[bytes]]:
    """Yield the marks that begin values, one at a time: all of them take much memory."""
    return (match for match in _MARKS.finditer(data) if match[1])
