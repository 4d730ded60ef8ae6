"""`--exec`: a command as a fresh session's program, its output as it is wanted, its exit code as sesh's own."""

from __future__ import annotations

import os
import select
import signal
import time

from sesh import protocol, wire
from sesh.cli import create, find, show
from sesh.errors import ExitCode, InternalError, Interrupted, SeshError, TimedOut, Unreachable, UsageError, rebuild
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any

    from sesh.cli.words import Line

_AGAIN = 2.0
"""Seconds within which another Ctrl-C counts as a further one; after them it is a first one again."""

_PRESSES = 3
_PIECE = 4096
"""Bytes that a pipe takes without blocking once it is writable (PIPE_BUF)."""

_WAIT, _OTHERS = 1, 2


def exec_(  # noqa: PLR0913 (a job has that many sides)
    line: Line,
    places: Sequence[str] = (),
    *,
    directory: str | None = None,
    printed: bool = False,
    follow: bool = False,
    keep: bool = False,
    timeout: str | None = None,
    tie: bool = False,
    detached: bool = False,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
) -> int:
    """`--exec [NAME] … -- CMD…`: starts the job and waits for it; the job's exit code, 124 where its time ran out.

    Whatever keeps sesh from doing that is 125, save a bad word (2), a missing DIR (1) and a command that cannot start.
    """
    shown = [printable(word) for word in places]
    if not line.tail:
        named = f"sesh --exec {shown[0]} -- {' '.join(shown[1:]) or 'CMD'}, or " if shown else ""
        raise UsageError(f"the command comes after --: {named}sesh --exec -- {' '.join(shown) or 'CMD'}")
    if len(places) > 1:
        raise UsageError(f"too many words before --; a directory goes so: sesh --exec {shown[0]} -C {shown[1]} -- …")
    if printed and follow:
        raise UsageError("--print and --follow exclude each other; take one")
    if detached and (printed or follow or tie):
        raise UsageError("-d does not wait, so it takes no --print, --follow or --tie")
    name = find.checked(places[0], "--exec") if places else None
    what = create.order(directory=directory, command=line.tail, env=env, label=label)
    what |= {"job": True, "keep": keep, "timeout": create.seconds(timeout) if timeout is not None else None}
    try:
        name, connection = create.start_numbered(what) if name is None else (name, create.start(what, name))
        with connection:
            if detached:
                if not line.json:
                    show.text(name)
                return create.made(line.json, name, created=True)
            output = Followed(lines=line.json) if follow else None
            with Waiter(connection, name, output, tie=tie) as waiter:
                result, retained = waiter.result(wanted=printed or line.json)
        return report(line, name, result, retained, printed=printed)
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.SESH_FAILED
        raise


def report(line: Line, name: str, result: dict[str, Any], retained: bytes, *, printed: bool) -> int:
    """Prints what was wanted of a job that has ended; the exit code."""
    output = retained.replace(b"\r\n", b"\n")
    if line.json:
        decoded = output.decode("utf-8", "replace")
        whole = {
            "session": name,
            "host": None,
            "command": line.tail,
            "exit_code": result["exit_code"],
            "output": decoded,
            "duration": result.get("duration"),
            "timed_out": bool(result.get("timed_out")),
            "truncated": bool(result.get("truncated")),
        }
        if decoded.encode() != output:
            from base64 import b64encode

            whole["output_base64"] = b64encode(output).decode()
        show.value(whole)
    elif printed:
        show.write(output)
        if result.get("truncated"):
            show.note(f"{name} wrote more; only the end of it was kept")
    if result.get("timed_out"):
        if not line.json:
            show.note(f"{name} was ended: its time ran out")
        return ExitCode.TIMED_OUT
    return int(result["exit_code"])


class Followed:
    """The program's output on its way to stdout: `\\r\\n` becomes `\\n`, or each line an object of JSON."""

    def __init__(self, *, lines: bool) -> None:
        self._lines = lines
        self._held = b""

    def take(self, data: bytes) -> bytes:
        """What can be written now; a last `\\r` waits for what follows it, and so does an unfinished line of JSON."""
        data = self._held + data
        self._held = b""
        if not self._lines:
            if data.endswith(b"\r"):
                data, self._held = data[:-1], b"\r"
            return data.replace(b"\r\n", b"\n")
        whole, _, self._held = data.rpartition(b"\n")
        return b"".join(_object(row) for row in whole.split(b"\n")) if whole or data.startswith(b"\n") else b""

    def end(self) -> bytes:
        """What was still held."""
        held, self._held = self._held, b""
        return _object(held) if self._lines and held else held


def _object(row: bytes) -> bytes:
    return show.dumped({"line": row.removesuffix(b"\r").decode("utf-8", "replace")})


class Waiter:
    """Waits for a job over its daemon's connection, passes output on, and knows what Ctrl-C means meanwhile.

    A context manager: the signals are its own within it.
    """

    def __init__(self, connection: wire.Connection, name: str, output: Followed | None, *, tie: bool) -> None:
        self._connection, self._name, self._output, self._tie = connection, name, output, tie
        self._pending = b""
        self._retained = bytearray()
        self._result: dict[str, Any] | None = None
        self._presses: list[float] = []
        self._before: list[tuple[int, Any]] = []
        self._asked = _OTHERS
        self._inbound, self._wakeup = os.pipe()

    def __enter__(self) -> Waiter:
        for descriptor in (self._inbound, self._wakeup):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if self._tie else (signal.SIGINT,):
            before = signal.getsignal(number)
            if before != signal.SIG_IGN:
                self._before.append((number, before))
                signal.signal(number, _noted)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before:
            signal.signal(number, before)
        signal.set_wakeup_fd(-1)
        os.close(self._inbound)
        os.close(self._wakeup)

    def result(self, *, wanted: bool) -> tuple[dict[str, Any], bytes]:
        """The daemon's account of the ended job, and the retained output where it is `wanted`.

        Raises Interrupted at the third Ctrl-C, InternalError where the daemon dies.
        """
        follow = self._output is not None
        try:
            self._connection.send(
                wire.greeting("request") + wire.asking("wait", _WAIT, exit=True, output=wanted, follow=follow)
            )
            self._connection.expect_welcome()
            self._frames(self._connection.leftovers())
            while self._result is None:
                self._turn()
        except Unreachable:
            raise InternalError(f"the daemon of {self._name} died, and the job's exit code with it") from None
        if self._output is not None:
            self._pending += self._output.end()
        while self._pending:
            self._turn()
        return self._result, bytes(self._retained)

    def _turn(self) -> None:
        """Waits for whatever comes first: a signal, room for output, or else frames."""
        poll = select.poll()
        poll.register(self._inbound, select.POLLIN)
        if self._pending:
            poll.register(show.STDOUT, select.POLLOUT)
        else:
            poll.register(self._connection.inbound, select.POLLIN)
        for descriptor, _ in poll.poll():
            if descriptor == self._inbound:
                self._signals(os.read(self._inbound, 64))
            elif self._pending:
                show.write(self._pending[:_PIECE])
                self._pending = self._pending[_PIECE:]
            else:
                self._frames([self._connection.receive(), *self._connection.leftovers()])

    def _frames(self, frames: list[tuple[int, bytes]]) -> None:
        for kind, payload in frames:
            if kind == protocol.OUTPUT and self._output is not None:
                self._pending += self._output.take(protocol.split_number(payload)[1])
            elif kind == protocol.DATA:
                self._retained += payload
            elif kind == protocol.RESPONSE:
                response = protocol.parse(payload)
                if response.get("id") != _WAIT:
                    self._retained.clear()
                elif "error" in response:
                    error = response["error"]
                    raise rebuild(str(error.get("code")), str(error.get("message")), error.get("exit"))
                else:
                    self._result = response

    def _signals(self, numbers: bytes) -> None:
        for number in numbers:
            if self._tie:
                self._send("kill")
            elif number == signal.SIGINT:
                self._pressed(time.monotonic())

    def _pressed(self, now: float) -> None:
        """One Ctrl-C. Raises Interrupted where it is the third in a row."""
        if self._presses and now - self._presses[0] > _AGAIN:
            self._presses.clear()
        self._presses.append(now)
        if len(self._presses) >= _PRESSES:
            raise Interrupted(f"{self._name} goes on; to watch: sesh {self._name}, to end it: sesh --kill {self._name}")
        self._send("interrupt")

    def _send(self, verb: str) -> None:
        """Asks something while the wait is pending; a daemon that is ending or stuck is no reason to stop waiting."""
        self._asked += 1
        try:
            self._connection.send(wire.asking(verb, self._asked), time.monotonic() + 1)
        except (TimedOut, Unreachable):
            return


def _noted(number: int, frame: FrameType | None) -> None:
    """The signal's number reaches the poll through the wakeup descriptor; here is nothing left to do."""
