"""`--run` and `--history`: a command in a session's live shell, its exact output and exit code; and those before it."""

from __future__ import annotations

import os
import re
import time

from sesh import protocol, wire
from sesh.cli import printing
from sesh.errors import (
    Ended,
    ExitCode,
    InternalError,
    Interrupted,
    Lost,
    NotFound,
    SeshError,
    Silent,
    TimedOut,
    Unreachable,
    UsageError,
)
from sesh.names import printable
from sesh.ops import caller, create, find
from sesh.ops.interrupts import Presses
from sesh.ops.route import HERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.ops.route import Way

    Answering = Callable[[wire.Connection, str], tuple[dict[str, Any], bytes]]

_LONGEST = 4096
"""Bytes that may be the beginning of an escape sequence and wait for the rest of it."""
RUN = 1
"""The number of the request."""
_FACTS = ("n", "command", "cwd", "started", "duration", "exit_code", "output_bytes")
_SEQUENCES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x18\x1a]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^_`-~])"
)
"""Escape sequences: control sequences, strings, and those of two or three bytes (ECMA-48 5.3 to 5.6, ECMA-35)."""


def plain(output: bytes) -> bytes:
    """The output without escape sequences; all other controls stay."""
    return _SEQUENCES.sub(b"", output) if b"\x1b" in output else output


def run(
    line: Line,
    name: str,
    *,
    timeout: str | None = None,
    no_wait: bool = False,
    ansi: bool = False,
    way: Way = HERE,
) -> int:
    """`--run NAME … -- CMD…`: has the session's shell run CMD; CMD's exit code, 124 where the time ran out.

    Whatever keeps sesh from doing that is 125, save a bad word (2).
    """
    find.checked(name, "--run")
    if not line.tail:
        raise UsageError(f"the command comes after --: $sesh --run {printable(name)} -- CMD")
    if any("\0" in word for word in line.tail):
        raise UsageError("a command holds no NUL")
    seconds = create.seconds(timeout) if timeout is not None else None
    passed = None if line.json or no_wait else Passed(ansi=ansi)
    with Presses(tie=False, left=f"the command goes on in {name}; to watch: sesh {name}") as presses:
        order = Order(line.tail, seconds, wait=not no_wait, named=way.heals, passed=passed)
        told, output = given(name, order, lambda it, _: _answer(it, presses, passed), way)
    if passed is not None:
        passed.end(output)
        output = b""
    return _report(line, name, told, output if ansi else plain(output), waited=not no_wait)


def ran(
    name: str,
    words: Sequence[str],
    seconds: float | None,
    *,
    wait: bool,
    answer: Answering,
    way: Way = HERE,
) -> tuple[dict[str, Any], bytes]:
    """Has the shell run a command: the daemon's account of it, and its output.

    `answer` waits for these two, and knows what an interruption means. Raises what keeps sesh from it, as 125.
    """
    return given(name, Order(words, seconds, wait=wait, named=way.heals), answer, way)


def given(name: str, order: Order, answer: Answering, way: Way) -> tuple[dict[str, Any], bytes]:
    """The same for a command that was made up before; what has `passed` already is no part of the output."""
    try:
        connection = way.to(name)
        while True:
            with connection:
                try:
                    order.give(connection, name)
                    return answer(connection, name)
                except Lost:
                    connection = way.again(connection, 0)
    except Ended as ended:
        return order.over(name, ended)
    except SeshError as error:
        if isinstance(error, Unreachable) and not isinstance(error, Silent) and not error.answered:
            raise InternalError(f"the daemon of {name} died, and the command's exit code with it") from None
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.SESH_FAILED
        raise


class Passed:
    """What a command writes on its way to stdout while it runs, without escape sequences where these are not wanted."""

    def __init__(self, *, ansi: bool) -> None:
        self.position = 0
        """Bytes that have come."""
        self._ansi = ansi
        self._held = b""

    def take(self, position: int, data: bytes) -> None:
        """Prints what comes; what has come before over another link is passed over."""
        data = data[max(0, self.position - position) :]
        if data:
            self.position += len(data)
            self._print(data)

    def end(self, data: bytes) -> None:
        """Prints what came last."""
        self._print(data, last=True)

    def _print(self, data: bytes, *, last: bool = False) -> None:
        data, self._held = self._held + data, b""
        if not self._ansi:
            at = data.rfind(b"\x1b")
            if at >= 0 and not last and len(data) - at < _LONGEST and not _SEQUENCES.match(data, at):
                data, self._held = data[:at], data[at:]
            data = plain(data)
        printing.write(data)


class Order:
    """A command for a live shell. One that is `named` may be given again over another link, and is run but once."""

    def __init__(
        self, words: Sequence[str], seconds: float | None, *, wait: bool, named: bool, passed: Passed | None = None
    ) -> None:
        self._data = "\0".join(words).encode("utf-8", "surrogateescape")
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._words: dict[str, Any] = {"wait": wait}
        if named:
            self._words["key"] = os.urandom(8).hex()
        self._given, self._passed = False, passed

    def give(self, connection: wire.Connection, name: str) -> None:
        """Has the daemon run it. Raises InternalError where that would do so a second time."""
        left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        since = None if self._passed is None else self._passed.position
        asked = wire.asking("run", RUN, self._data, timeout=left, since=since, **self._words)
        if not self._given:
            self._given = True
            connection.send(wire.greeting("request") + asked)
            find.welcomed(connection, name)
            return
        connection.send(wire.greeting("request"))
        welcome = find.welcomed(connection, name)
        if "rejoin" not in (welcome.get("can") or ()):
            raise InternalError(
                "the link was lost, and with it the command's exit code", hint="see what it did: $sesh --logs"
            )
        connection.send(asked)

    def over(self, name: str, ended: Ended) -> tuple[dict[str, Any], bytes]:
        """What is known of it where its session has ended while the link was down. Raises InternalError."""
        last = ended.result.get("run")
        if not isinstance(last, dict) or last.get("key") != self._words.get("key"):
            raise InternalError(f"{name} has ended, and with it what is known of the command")
        printing.note(f"{name} has ended with the command, while the link was down; its output is lost")
        return last, b""


def interrupt(connection: wire.Connection) -> None:
    """Interrupts the command that this connection waits for."""
    try:
        connection.send(wire.asking("run_interrupt", RUN + 1), time.monotonic() + 1)
    except (TimedOut, Unreachable):
        return  # the answer is on its way, or never comes


def _answer(connection: wire.Connection, presses: Presses, passed: Passed | None) -> tuple[dict[str, Any], bytes]:
    """The daemon's account of the command; Ctrl-C meanwhile interrupts it, a third one stops the waiting."""

    def pressed(_number: int) -> None:
        presses.pressed(time.monotonic())
        interrupt(connection)

    def stop(_number: int) -> None:
        raise Interrupted(presses.left)

    presses.heard()
    presses.away = pressed
    if presses.taken():
        interrupt(connection)  # it came before there was anybody to tell
    try:
        return connection.answer(RUN, output=None if passed is None else passed.take)
    finally:
        presses.away = stop  # a link that is lost is waited for no longer than the person wants


def _report(line: Line, name: str, told: dict[str, Any], output: bytes, *, waited: bool) -> int:
    """Prints what the command wrote; the exit code."""
    code = told.get("exit_code")
    if line.json:
        printing.value(printing.outcome(name, caller.host(), line.tail, {**told, "exit_code": code}, output))
    elif waited:
        printing.write(output)
        if told.get("truncated"):
            printing.note("the command wrote more; only the end of it was kept")
        if told.get("timed_out"):
            printing.note(f"the command goes on in {name}; to wait for it: sesh --wait {name} --prompt")
    return int(code) if isinstance(code, int) else 0


def history(line: Line, name: str, count: str | None = None, *, ansi: bool = False) -> int:
    """`--history NAME [N]`: the commands that were run in a session's shell; with N that one's output.

    Of a job that has ended, and is no session any more, the one command that it was.
    """
    find.checked(name, "--history")
    if count is not None and not count.isdecimal():
        raise UsageError(f"{printable(count)} is no number of a command", hint=f"see: $sesh --history {name}")
    number = int(count) if count is not None else None
    if number is None:
        return _listed(line, past(name))
    told, data = _told(name, number)
    output = data if ansi else plain(data)
    if line.json:
        printing.value({**_dated({key: told.get(key) for key in _FACTS}), "output": output.decode("utf-8", "replace")})
    else:
        printing.write(output)
    return 0


def past(name: str) -> list[dict[str, Any]]:
    """The commands that were run in a session, the newest last, with the times as JSON has them. Raises NotFound."""
    return [_dated(each) for each in protocol.parse(_told(name, None)[1])["commands"]]


def _told(name: str, number: int | None) -> tuple[dict[str, Any], bytes]:
    """The daemon's answer, or what is kept of a job that has ended."""
    try:
        if find.ended(name) and not protocol.parse(find.ask(name, "history", n=None)[1])["commands"]:
            return _kept(name, number) or find.ask(name, "history", n=number)
        return find.ask(name, "history", n=number)
    except NotFound:
        kept = _kept(name, number)
        if kept is None:
            raise
        return kept


def _kept(name: str, number: int | None) -> tuple[dict[str, Any], bytes] | None:
    """What a job left behind, in the form of a daemon's answer; None where nothing is known."""
    from sesh.store import results

    result = results.newest(name)
    if result is None or not result.get("job") or number not in (None, 1):
        return None
    output = results.output(result).replace(b"\r\n", b"\n")
    duration = float(result.get("duration") or 0)
    facts = {
        "n": 1,
        "command": result.get("command"),
        "cwd": None,
        "started": float(result.get("ended") or 0) - duration,
        "duration": duration,
        "exit_code": result.get("exit_code"),
        "output_bytes": len(output),
    }
    return facts, output if number else protocol.encode({"commands": [facts]})


def _dated(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with the moment in the form that all JSON has."""
    started = facts.get("started")
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)) if isinstance(started, (int, float)) else None
    return {**facts, "started": when}


def _listed(line: Line, commands: list[dict[str, Any]]) -> int:
    """Prints commands, the newest last."""
    if line.json:
        printing.value(commands)
        return 0
    for each in commands:
        code = "-" if each["exit_code"] is None else each["exit_code"]
        command = printing.one_line(" ".join(each["command"]))
        printing.text(f"{each['n']:>4}  {code:>3}  {each['duration']:>8.2f}s  {command}")
    return 0
