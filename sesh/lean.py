"""CPython's C accelerators, taken from the private modules behind `json`, `signal`, `socket` and `collections`.

The public modules wrap these in Python code (enum, functools, re, typing) that takes longer to load than the rest of an
attachment. Code on the way to a session, and in a daemon, imports these names from here; if a private module is
missing, its public one stands in. All other code imports the public modules.

Millions of instructions until a client attaches (valgrind, CPython 3.11 on x86-64, started with -IS; the interpreter
alone takes 28): 64 as it is; with one public module in addition 70 (`collections`), 75 (`hashlib`), 78 (`threading`,
for its Lock), 84 (`signal`), 92 (`json`), 93 (`socket`), 103 (`typing`); with all of them 138. Until a daemon serves it
is 12 more each time.

Processor time of `sesh --send`, 40 interleaved runs: 10.6 ms as it is, 25.5 with all of them, 7.1 for the interpreter
alone. The costs overlap, so most of the gain is lost with the first public module. `typing` is replaced by nothing: the
same code sets `TYPE_CHECKING = False` and imports what annotations need below `if TYPE_CHECKING`.

`signal` and `socket` are modules and hold only what C defines: no enums, no `create_connection`. A socket has no
`accept` (it is a function here), no `makefile`, and is not a context manager.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections import OrderedDict, deque
    from collections.abc import Callable
    from threading import Lock
    from typing import Any
else:
    try:
        import _signal as signal
        import _socket as socket
        from _thread import allocate_lock as Lock  # noqa: N812 (as threading names it)
    except ImportError:
        import signal
        import socket
        from threading import Lock

    def __getattr__(name: str) -> Any:
        """`OrderedDict` or `deque`, which most verbs do without."""
        if name not in ("OrderedDict", "deque"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            import _collections as module
        except ImportError:
            import collections as module
        return getattr(module, name)


__all__ = [
    "Lock", "OrderedDict", "accept", "deque", "digest", "parse_json", "sha256", "signal", "socket", "system_call",
    "to_json",
]  # fmt: skip

_WHITESPACE = " \t\n\r"


class _ScannerOptions:
    """The settings that the C scanner reads from a decoder: those of `json.loads`."""

    strict = True
    array_hook = object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


_scanners: list[Callable[[str, int], tuple[Any, int]]] = []
"""The C scanner, once it was needed."""


def parse_json(text: str) -> Any:
    """The value of a JSON text, as `json.loads` gives it. Raises ValueError, and RecursionError for absurd nesting."""
    if not _scanners:
        try:
            from _json import make_scanner
        except ImportError:
            import json

            return json.loads(text)
        _scanners.append(make_scanner(_ScannerOptions()))  # type: ignore[arg-type]  # it takes any such attributes
    text = text.strip(_WHITESPACE)
    try:
        value, end = _scanners[0](text, 0)
    except (StopIteration, SystemError) as error:
        # To raise its own error the scanner of 3.10 and 3.11 needs `json.decoder`, which is not loaded: SystemError.
        raise ValueError("not JSON") from error
    if end != len(text):
        raise ValueError("more than one JSON value")
    return value


def to_json(value: object, *, ascii_only: bool = False, spaced: bool = False) -> str:
    """The JSON text of a value on one line, as `json.dumps` gives it. Raises TypeError, ValueError.

    `spaced`: with a blank behind each comma and colon, as `json.dumps` writes it unasked.
    """
    comma, colon = (", ", ": ") if spaced else (",", ":")
    try:
        from _json import encode_basestring, encode_basestring_ascii, make_encoder
    except ImportError:
        import json

        return json.dumps(value, separators=(comma, colon), ensure_ascii=ascii_only)
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    return "".join(make_encoder({}, _not_serializable, quote, None, colon, comma, False, False, True)(value, 0))


def _not_serializable(value: object) -> object:
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def accept(listening: socket.socket) -> socket.socket:
    """A connection that waits at a listening Unix socket; it is not inherited. Raises OSError."""
    descriptor, _ = listening._accept()  # type: ignore[attr-defined]  # what `accept` of the public class calls
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)


def digest(data: bytes) -> str:
    """A hash of some bytes in 16 hexadecimal digits, to compare, not to protect: that of `importlib.util.source_hash`.

    It is in the interpreter; for another one a library has to be loaded.
    """
    try:
        from _frozen_importlib_external import MAGIC_NUMBER
        from _imp import source_hash
    except ImportError:
        from importlib.util import source_hash as public_hash

        return public_hash(data).hex()
    return source_hash(int.from_bytes(MAGIC_NUMBER, "little"), data).hex()


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes in hexadecimal, by Python's own code; `hashlib` would load OpenSSL."""
    try:
        try:
            from _sha2 import sha256 as new  # type: ignore[import-not-found]  # from Python 3.12 on
        except ImportError:
            from _sha256 import sha256 as new  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256 as new
    return str(new(data, usedforsecurity=False).hexdigest())


def system_call(number: int, *arguments: int) -> int:
    """The result of syscall(2), as a C int; also -1 if this Python cannot call C. With `ctypes` it takes 2 ms more."""
    try:
        import _ctypes
    except ImportError:
        return -1
    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "syscall")  # type: ignore[arg-type]  # None: this program
    return int(_ctypes.call_cdeclfunction(function, (number, *arguments)))
