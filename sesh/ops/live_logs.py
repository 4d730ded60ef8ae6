"""The lines of a session as they come: the last ones, then each new one once the cursor has left it."""

from __future__ import annotations

from sesh import protocol, wire
from sesh.errors import Ended, Lost, ProtocolError, Silent, Unreachable, rebuild
from sesh.ops import find
from sesh.vt.lines import Line, LineReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.ops.route import Route

_WAIT, _LOGS = 1, 2


class Follower:
    """Follows one session until it ends; over another connection it goes on behind the last byte that it has seen.

    `count`: how many of the lines that are there already come first. `ansi`: lines keep their SGR. `write` gets lines,
    several at a time; `skipped` the number of bytes that came faster than they could be read.
    """

    def __init__(
        self, count: int, *, ansi: bool, write: Callable[[list[str]], None], skipped: Callable[[int], None]
    ) -> None:
        self.connected = False
        """Whether the session was there."""
        self._count, self._ansi, self._write, self._skipped = count, ansi, write, skipped
        self._lines: LineReader | None = None

    def follow(self, route: Route, name: str) -> None:
        """Follows the session. Raises NotFound if there is none, Unreachable if its daemon dies."""
        connection = route.connect(name)
        self.connected = True
        while True:
            try:
                with connection:
                    self._read(connection, name)
                return
            except Lost:
                pass
            except Silent:
                raise
            except Unreachable:
                raise Unreachable(f"the daemon of {name} died") from None
            try:
                connection = route.reconnect(connection, self._lines.position if self._lines is not None else 0)
            except Ended as ended:
                self._finish(ended)
                return

    def _read(self, connection: wire.Connection, name: str) -> None:
        """Reads until the session ends. Bytes are asked for before lines, so that none is missing between the two."""
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
                position, data = protocol.split_number(payload)
                if self._lines is None:
                    early.append((position, data))
                else:
                    self._take(self._lines, position, data)
            elif kind == protocol.DATA:
                carried += payload
            elif kind == protocol.RESPONSE:
                answer = protocol.parse(payload)
                if "error" in answer:
                    raise rebuild(answer["error"])
                if answer.get("id") == _WAIT and self._lines is not None:
                    self._take_rest(self._lines)
                    return
                if answer.get("id") == _LOGS:
                    self._lines = self._begin(answer, carried.decode("utf-8", "replace"))
                    for position, data in early:
                        self._take(self._lines, position, data)
                    early.clear()
                elif self._lines is None:  # it had ended before it was asked: its lines hold all that the bytes say
                    self._drain(connection)
                    return

    def _finish(self, ended: Ended) -> None:
        """Writes what is kept of the output of a session that ended while the link was down."""
        position = ended.result.get("position")
        if self._lines is not None and isinstance(position, int):
            self._take(self._lines, position - len(ended.output), ended.output)
            self._take_rest(self._lines)

    def _begin(self, answer: dict[str, Any], text: str) -> LineReader:
        """Writes the lines that are there. The last one, if the cursor stands on it, is yet to be finished."""
        if "columns" not in answer:
            raise ProtocolError("this session's daemon is an older sesh that cannot be followed; leave -f out")
        lines = text.removesuffix("\n").split("\n") if text else []
        unfinished = lines.pop() if answer["open"] and lines else ""
        self._write_last([*lines, *[""] * int(answer["blank"])])
        column = int(answer["column"]) if unfinished else 0
        reader = LineReader(int(answer["position"]), int(answer["columns"]), unfinished, column)
        reader.alternate = bool(answer["alternate"])
        reader.resume(str(answer["unfinished"]).encode("latin-1"))
        return reader

    def _drain(self, connection: wire.Connection) -> None:
        """Writes the lines of a session that has ended."""
        answer, data = connection.answer(_LOGS)
        self._write_last(data.decode("utf-8", "replace").removesuffix("\n").split("\n") if answer.get("lines") else [])

    def _write_last(self, lines: list[str]) -> None:
        if self._count and lines:
            self._write(lines[-self._count :])

    def _take(self, lines: LineReader, position: int, data: bytes) -> None:
        """Writes the lines that a block of output ends; what the lines that are there already hold is passed over."""
        if position > lines.position:
            self._skipped(position - lines.position)
            lines.position = position
        fresh = data[lines.position - position :]
        whole = [self._text(each) for each in lines.feed(fresh) if each.final] if fresh else []
        if whole:
            self._write(whole)

    def _take_rest(self, lines: LineReader) -> None:
        """Writes the line that was not finished."""
        if lines.current.text:
            self._write([self._text(lines.current)])

    def _text(self, line: Line) -> str:
        return line.ansi if self._ansi else line.text
