"""`--logs -f`: the last lines of a session, then those that come, each when the cursor has left it."""

from __future__ import annotations

from sesh import protocol, wire
from sesh.cli import printing
from sesh.errors import Ended, Interrupted, Lost, ProtocolError, Silent, Unreachable, rebuild
from sesh.ops import find
from sesh.ops.route import HERE
from sesh.vt.lines import Line, LineReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.ops.route import Way

_WAIT, _LOGS = 1, 2


def follow(name: str, count: int, *, ansi: bool, json: bool, way: Way | None = None) -> int:
    """Prints the last `count` lines and those that come, until the session ends or somebody presses Ctrl-C."""
    way = HERE if way is None else way
    follower = Follower(count, ansi=ansi, printed=_object if json else _line)
    try:
        connection = way.to(name)
        while True:
            with connection:
                try:
                    follower.follow(connection, name)
                    break
                except Lost:
                    connection = way.again(connection, follower.position)
    except Ended as ended:
        follower.rest(ended)
    except Silent:
        raise
    except Unreachable:
        raise Unreachable(f"the daemon of {name} died") from None
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0


class Follower:
    """Prints a session's lines; over another connection it goes on behind the last byte that it has seen."""

    def __init__(self, count: int, *, ansi: bool, printed: Callable[[str], bytes]) -> None:
        self._count, self._ansi, self._printed = count, ansi, printed
        self._lines: LineReader | None = None

    @property
    def position(self) -> int:
        """The first byte that was not seen yet."""
        return self._lines.position if self._lines is not None else 0

    def follow(self, connection: wire.Connection, name: str) -> None:
        """Until the session ends. The bytes are asked for before the lines, so that none is missing between the two."""
        words: dict[str, Any] = {"follow": True, "from": "head" if self._lines is None else self._lines.position}
        asked = wire.asking("wait", _WAIT, **words)
        if self._lines is None:
            asked += wire.asking("logs", _LOGS, lines=max(1, self._count), ansi=self._ansi, end=True)
        connection.send(wire.greeting("request") + asked)
        find.welcomed(connection, name)
        early: list[tuple[int, bytes]] = []
        carried = bytearray()
        while True:
            kind, payload = connection.receive()
            if kind == protocol.OUTPUT:
                block = protocol.split_number(payload)
                if self._lines is None:
                    early.append(block)
                else:
                    self._print(self._lines, block)
            elif kind == protocol.DATA:
                carried += payload
            elif kind == protocol.RESPONSE:
                answer = protocol.parse(payload)
                if "error" in answer:
                    raise rebuild(answer["error"])
                if answer.get("id") == _WAIT and self._lines is not None:
                    self._last(self._lines)
                    return
                if answer.get("id") == _LOGS:
                    self._lines = self._begun(answer, carried.decode("utf-8", "replace"))
                    for block in early:
                        self._print(self._lines, block)
                    early.clear()
                elif self._lines is None:  # it had ended before it was asked: its lines hold all that the bytes say
                    self._drained(connection)
                    return

    def rest(self, ended: Ended) -> None:
        """Prints what is kept of the output of a session that ended while the link was down."""
        position = ended.result.get("position")
        if self._lines is not None and isinstance(position, int):
            self._print(self._lines, (position - len(ended.output), ended.output))
            self._last(self._lines)

    def _begun(self, answer: dict[str, Any], text: str) -> LineReader:
        """Prints the lines that are there; the last one, where the cursor stands on it, is yet to be finished."""
        if "columns" not in answer:
            raise ProtocolError("this session's daemon is an older sesh that cannot be followed; leave -f out")
        before = text.removesuffix("\n").split("\n") if text else []
        begun = before.pop() if answer["open"] and before else ""
        before += [""] * int(answer["blank"])
        self._write(before)
        column = int(answer["column"]) if begun else 0
        lines = LineReader(int(answer["position"]), int(answer["columns"]), begun, column)
        lines.alternate = bool(answer["alternate"])
        lines.resume(str(answer["unfinished"]).encode("latin-1"))
        return lines

    def _drained(self, connection: wire.Connection) -> None:
        answer, data = connection.answer(_LOGS)
        self._write(data.decode("utf-8", "replace").removesuffix("\n").split("\n") if answer.get("lines") else [])

    def _write(self, before: list[str]) -> None:
        printing.write(b"".join(map(self._printed, before[-self._count :] if self._count else [])))

    def _print(self, lines: LineReader, block: tuple[int, bytes]) -> None:
        """Prints the lines that a block of output ends; what the lines that are there already hold is passed over."""
        position, data = block
        if position > lines.position:
            printing.note(f"{position - lines.position} bytes came faster than they could be read and are left out")
            lines.position = position
        fresh = data[lines.position - position :]
        whole: list[Line] = [each for each in lines.feed(fresh) if each.final] if fresh else []
        if whole:
            printing.write(b"".join(self._printed(each.ansi if self._ansi else each.text) for each in whole))

    def _last(self, lines: LineReader) -> None:
        """Prints the line that was not finished."""
        last = lines.current
        if last.text:
            printing.write(self._printed(last.ansi if self._ansi else last.text))


def _line(text: str) -> bytes:
    return text.encode("utf-8", "replace") + b"\n"


def _object(text: str) -> bytes:
    return printing.dumped({"line": text})
