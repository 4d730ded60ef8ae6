"""What sesh prints: results on stdout, its own lines on stderr, JSON where wanted, never what steers a terminal."""

from __future__ import annotations

import os
import select

from sesh.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.errors import SeshError

STDOUT, STDERR = 1, 2
_LAST = 3
_said: list[str] = []
_C1 = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def write(data: bytes, descriptor: int = STDOUT) -> None:
    """All of `data`, waiting where the descriptor does not block.

    Raises BrokenPipeError where nobody reads any more, Refused where the bytes cannot be stored.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Refused(f"the output cannot be written: {error.strerror}; look where it goes") from error


def text(line: str) -> None:
    """One line, or several, on stdout."""
    write(encoded(line) + b"\n")


def note(line: str) -> None:
    """One line of sesh's own on stderr; lost where stderr is closed."""
    from sesh.ops import caller

    try:
        write(encoded(f"sesh: {one_line(caller.worded(line))}\n"), STDERR)
    except (BrokenPipeError, Refused):
        return


def entering(line: str) -> None:
    """The same for who is about to enter a session, whose first screen covers it: `greeting` has it said again."""
    note(line)
    recall(line)


def recall(line: str) -> None:
    """Has `greeting` say what was said already."""
    _said[:] = [*(each for each in _said if each != line), line][-_LAST:]


def greeting() -> str:
    """What an attachment lays over its first screen, empty for nothing."""
    return "; ".join(_said)


def value(thing: Any) -> None:
    """One JSON value on stdout, in one line."""
    write(dumped(thing))


def outcome(
    name: str, host: str | None, command: Sequence[str] | None, told: dict[str, Any], output: bytes
) -> dict[str, Any]:
    """What `--run` and `--exec` answer in JSON: the daemon's account of a command, and what the command wrote."""
    decoded = output.decode("utf-8", "replace")
    whole = {
        "session": name,
        "host": host,
        "command": command,
        "exit_code": told.get("exit_code"),
        "output": decoded,
        "duration": told.get("duration"),
        "timed_out": bool(told.get("timed_out")),
        "truncated": bool(told.get("truncated")),
    }
    if decoded.encode() != output:
        from base64 import b64encode

        whole["output_base64"] = b64encode(output).decode()
    return whole


def dumped(thing: Any) -> bytes:
    """JSON in UTF-8 with a newline; bytes that were no UTF-8 come out as U+FFFD, controls escaped (C1 too)."""
    import json

    return json.dumps(valid(thing), ensure_ascii=False).translate(_C1).encode() + b"\n"


def valid(thing: Any) -> Any:
    """The same value with every string in it encodable."""
    if isinstance(thing, str):
        return thing.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if not thing.isascii() else thing
    if isinstance(thing, dict):
        return {valid(key): valid(each) for key, each in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [valid(each) for each in thing]
    return thing


def done(line: Line, **facts: Any) -> int:
    """The end of a verb that only acts: `{"ok": true, …}` where JSON is wanted, else silence. The exit code."""
    if line.json:
        value({"ok": True, **facts})
    return 0


def failure(error: SeshError, *, json: bool) -> None:
    """An error, as the line or the object that it is."""
    if json:
        from sesh.ops import caller

        value({"error": {"code": error.code, "message": one_line(caller.worded(str(error)))}})
    else:
        note(str(error))


def encoded(line: str) -> bytes:
    """Text as bytes; file names that are no UTF-8 keep their bytes."""
    return line.encode("utf-8", "surrogateescape")


def plain(chosen: object) -> str:
    """Text that a program chose, without anything that a terminal could act upon."""
    return "".join(character for character in str(chosen) if character.isprintable())


def one_line(message: str) -> str:
    """A message on one line: runs of white space become one blank, other controls are dropped."""
    return plain(" ".join(message.split()))


def on_terminal() -> bool:
    """Whether a person can be asked, and a session be attached: stdin and stdout are terminals."""
    return os.isatty(0) and os.isatty(1)


def can_ask() -> bool:
    """Whether a person can be asked something: here, or where a command line from another machine was typed."""
    from sesh.ops import caller

    return caller.asks() or on_terminal()
