"""JSON without the package `json`, which takes as long to load as all else that an attachment needs.

The interpreter's own accelerator does the work, as it does for `json`; where there is none, `json` does.

The compiled hearts of `collections` and `signal`: what stands around them takes longer to load than a session.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections import OrderedDict, deque
    from collections.abc import Callable
    from typing import Any
else:
    try:
        import _signal as signal
        from _collections import OrderedDict, deque
    except ImportError:
        import signal
        from collections import OrderedDict, deque

__all__ = ["OrderedDict", "deque", "read", "signal", "write"]

_BLANKS = " \t\n\r"


class _Rules:
    """What the scanner asks of a decoder: everything as `json.loads` has it."""

    strict = True
    array_hook = object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


_scanner: list[Callable[[str, int], tuple[Any, int]]] = []


def read(text: str) -> Any:
    """The value of a JSON text, as `json.loads` gives it. Raises ValueError, and RecursionError for absurd nesting."""
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text)
    if not _scanner:
        _scanner.append(make_scanner(_Rules()))  # type: ignore[arg-type]  # any object with these attributes will do
    text = text.strip(_BLANKS)
    try:
        value, end = _scanner[0](text, 0)
    except StopIteration as error:
        raise ValueError("no JSON") from error
    if end != len(text):
        raise ValueError("more than one JSON value")
    return value


def write(value: object, *, ascii_only: bool = False) -> str:
    """The JSON text of a value in one line without blanks, as `json.dumps` gives it. Raises TypeError, ValueError."""
    try:
        from _json import encode_basestring, encode_basestring_ascii, make_encoder
    except ImportError:
        import json

        return json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    return "".join(make_encoder({}, _refuse, quote, None, ":", ",", False, False, True)(value, 0))


def _refuse(value: object) -> object:
    raise TypeError(f"a {type(value).__name__} is no JSON")
