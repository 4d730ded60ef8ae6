"""JSON files of sesh's own, whose content is checked once: when they are read."""

from __future__ import annotations

from typing import Any

from sesh import check, errors, protocol, reading


def read(path: str, hint: Any, largest: int) -> Any:
    """Return the JSON object of a type in a file of sesh's own; None if it is missing. Raises Refused, as `parse`."""
    data = reading.read_own(path, largest)
    return None if data is None else parse(path, data, hint)


def parse(path: str, data: bytes, hint: Any) -> Any:
    """Return the JSON object that a file holds. Raises Refused, with the file and the fix, if it is not of its type."""
    try:
        return check.near(hint, protocol.parse(data))
    except errors.ProtocolError:
        raise reading.damaged(path, "not a JSON object") from None
    except check.Malformed as error:
        raise reading.damaged(path, str(error).removeprefix(".")) from None
