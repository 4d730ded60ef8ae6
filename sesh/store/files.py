"""JSON files of sesh's own: the value of each key is checked once, when the file is read."""

from __future__ import annotations

import os
from typing import Any

from sesh import errors, protocol, reading, shapes
from sesh.shapes import (
    Fields,
    exact,
    exact_natural,
    flag,
    items,
    keys,
    mapping,
    moment,
    number,
    simple,
    system_line,
    system_text,
)

words = items(system_text)
"""A command."""
MAX_RESUME = 32 << 10
"""Bytes of a resume command, with one between each two words."""
resume = simple(
    list,
    "is no command of this length",
    lambda value: shapes.fits(words, value) and 0 < len(os.fsencode("\0".join(value))) <= MAX_RESUME and value[0] != "",
)
"""A resume command."""
labels = mapping(system_text, system_text)
RUN = {
    **keys("n output_bytes from position", exact_natural), "exit_code": exact,
    **keys("timed_out truncated output_lost session_ended", flag), **keys("cwd key reason", system_line),
    "command": words, "started": moment, "duration": number,
}  # fmt: skip
"""The keys of a run."""


def read(path: str, fields: Fields, largest: int) -> Any:
    """The JSON object in a file of sesh's own; None if there is no file. Raises Refused, as `parse` does."""
    data = reading.read_own(path, largest)
    return None if data is None else parse(path, data, fields)


def parse(path: str, data: bytes, fields: Fields) -> Any:
    """The JSON object that a file holds. Raises Refused, with the file and what to do, if a field is not of its shape.

    Null passes for each field, and so do keys that are not named.
    """
    try:
        values = protocol.parse(data)
    except errors.ProtocolError:
        raise reading.damaged(path, "not a JSON object") from None
    if (key := shapes.misfit(values, fields)) is not None:
        raise reading.damaged(path, f"{key} is not of its type")
    return values
