"""`--logs -f`: the last lines of a session, then those that come, each when the cursor has left it."""

from __future__ import annotations

from sesh import protocol, wire
from sesh.cli import find, show
from sesh.cli.lines import Line, Lines
from sesh.errors import Interrupted, ProtocolError, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WAIT, _LOGS = 1, 2


def follow(name: str, count: int, *, ansi: bool, json: bool) -> int:
    """Prints the last `count` lines and those that come, until the session ends or somebody presses Ctrl-C."""
    printed = _object if json else _line
    try:
        with find.required(name) as connection:
            _follow(connection, count, ansi=ansi, printed=printed)
    except Unreachable:
        raise Unreachable(f"the daemon of {name} died") from None
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0


def _follow(connection: wire.Connection, count: int, *, ansi: bool, printed: Callable[[str], bytes]) -> None:
    """The bytes are asked for before the lines, so that none is missing between the two."""
    words: dict[str, Any] = {"follow": True, "from": "head"}
    asked = wire.asking("wait", _WAIT, **words)
    asked += wire.asking("logs", _LOGS, lines=max(1, count), ansi=ansi, end=True)
    connection.send(wire.greeting("request") + asked)
    connection.expect_welcome()
    early: list[tuple[int, bytes]] = []
    carried = bytearray()
    lines: Lines | None = None
    while True:
        kind, payload = connection.receive()
        if kind == protocol.OUTPUT:
            block = protocol.split_number(payload)
            if lines is None:
                early.append(block)
            else:
                _print(lines, block, ansi=ansi, printed=printed)
        elif kind == protocol.DATA:
            carried += payload
        elif kind == protocol.RESPONSE:
            answer = protocol.parse(payload)
            if "error" in answer:
                raise wire.failure(answer["error"])
            if answer.get("id") == _WAIT and lines is not None:
                break
            if answer.get("id") == _LOGS:
                lines = _begun(answer, carried.decode("utf-8", "replace"), count, printed)
                for block in early:
                    _print(lines, block, ansi=ansi, printed=printed)
                early.clear()
            elif lines is None:  # it had ended before it was asked: the bytes say nothing that its lines do not
                _drained(connection, count, printed)
                return
    last = lines.current
    if last.text:
        show.write(printed(last.ansi if ansi else last.text))


def _begun(answer: dict[str, Any], text: str, count: int, printed: Callable[[str], bytes]) -> Lines:
    """Prints the lines that are there; the last one, where the cursor stands on it, is yet to be finished."""
    if "columns" not in answer:
        raise ProtocolError("this session's daemon is an older sesh that cannot be followed; leave -f out")
    before = text.removesuffix("\n").split("\n") if text else []
    begun = before.pop() if answer["open"] and before else ""
    before += [""] * int(answer["blank"])
    last = before[-count:] if count else []
    show.write(b"".join(map(printed, last)))
    column = int(answer["column"]) if begun else 0
    lines = Lines(int(answer["position"]), int(answer["columns"]), begun, column)
    lines.alternate = bool(answer["alternate"])
    lines.hold(str(answer["unfinished"]).encode("latin-1"))
    return lines


def _drained(connection: wire.Connection, count: int, printed: Callable[[str], bytes]) -> None:
    answer, data = connection.answer(_LOGS)
    before = data.decode("utf-8", "replace").removesuffix("\n").split("\n") if answer.get("lines") else []
    show.write(b"".join(map(printed, before[-count:] if count else [])))


def _print(lines: Lines, block: tuple[int, bytes], *, ansi: bool, printed: Callable[[str], bytes]) -> None:
    """Prints the lines that a block of output ends; what the lines that are there already hold is passed over."""
    position, data = block
    if position > lines.position:
        show.note(f"{position - lines.position} bytes came faster than they were read and are left out")
        lines.position = position
    fresh = data[lines.position - position :]
    whole: list[Line] = [each for each in lines.feed(fresh) if each.final] if fresh else []
    if whole:
        show.write(b"".join(printed(each.ansi if ansi else each.text) for each in whole))


def _line(text: str) -> bytes:
    return text.encode("utf-8", "replace") + b"\n"


def _object(text: str) -> bytes:
    return show.dumped({"line": text})
