"""`--run` and `--history`: a command in a session's live shell, its exact output and exit code; and those before it."""

from __future__ import annotations

import re
import time

from sesh import protocol, wire
from sesh.cli import create, far, find, show
from sesh.errors import ExitCode, InternalError, Interrupted, NotFound, SeshError, TimedOut, Unreachable, UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

    from sesh.cli.words import Line

    Answering = Callable[[wire.Connection, str], tuple[dict[str, Any], bytes]]
else:
    import _signal as signal  # the module around it takes longer to load than all of this

RUN = 1
"""The number of the request."""
_FACTS = ("n", "command", "cwd", "started", "duration", "exit_code", "output_bytes")
_PRESSES = 3
_AGAIN = 2.0
"""Seconds within which another Ctrl-C counts as a further one."""
_SEQUENCES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x18\x1a]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^_`-~])"
)
"""Escape sequences: control sequences, strings, and those of two or three bytes (ECMA-48 5.3 to 5.6, ECMA-35)."""


def plain(output: bytes) -> bytes:
    """The output without escape sequences; all other controls stay."""
    return _SEQUENCES.sub(b"", output) if b"\x1b" in output else output


def run(line: Line, name: str, *, timeout: str | None = None, no_wait: bool = False, ansi: bool = False) -> int:
    """`--run NAME … -- CMD…`: has the session's shell run CMD; CMD's exit code, 124 where the time ran out.

    Whatever keeps sesh from doing that is 125, save a bad word (2).
    """
    find.checked(name, "--run")
    if not line.tail:
        raise UsageError(f"the command comes after --: sesh --run {printable(name)} -- CMD")
    if any("\0" in word for word in line.tail):
        raise UsageError("a command holds no NUL")
    seconds = create.seconds(timeout) if timeout is not None else None
    told, output = ran(name, line.tail, seconds, wait=not no_wait, answer=_answer)
    return _report(line, name, told, output if ansi else plain(output), waited=not no_wait)


def ran(
    name: str, words: Sequence[str], seconds: float | None, *, wait: bool, answer: Answering
) -> tuple[dict[str, Any], bytes]:
    """Has the shell run a command: the daemon's account of it, and its output.

    `answer` waits for these two, and knows what an interruption means. Raises what keeps sesh from it, as 125.
    """
    data = "\0".join(words).encode("utf-8", "surrogateescape")
    try:
        with find.required(name) as connection:
            connection.send(wire.greeting("request") + wire.asking("run", RUN, data, timeout=seconds, wait=wait))
            connection.expect_welcome(time.monotonic() + 10)
            return answer(connection, name)
    except Unreachable:
        raise InternalError(f"the daemon of {name} died, and the command's exit code with it") from None
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.SESH_FAILED
        raise


def interrupt(connection: wire.Connection) -> None:
    """Interrupts the command that this connection waits for."""
    try:
        connection.send(wire.asking("run_interrupt", RUN + 1), time.monotonic() + 1)
    except (TimedOut, Unreachable):
        return  # the answer is on its way, or never comes


def _answer(connection: wire.Connection, name: str) -> tuple[dict[str, Any], bytes]:
    """The daemon's account of the command; Ctrl-C meanwhile interrupts it, a third one stops the waiting."""
    presses: list[float] = []

    def pressed(_number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if presses and now - presses[0] > _AGAIN:
            presses.clear()
        presses.append(now)
        if len(presses) >= _PRESSES:
            raise Interrupted(f"the command goes on in {name}; to watch: sesh {name}")
        interrupt(connection)

    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, pressed)
    try:
        return connection.answer(RUN)
    finally:
        signal.signal(signal.SIGINT, before)


def _report(line: Line, name: str, told: dict[str, Any], output: bytes, *, waited: bool) -> int:
    """Prints what the command wrote; the exit code."""
    code = told.get("exit_code")
    if line.json:
        show.value(show.outcome(name, far.host(), line.tail, {**told, "exit_code": code}, output))
    elif waited:
        show.write(output)
        if told.get("truncated"):
            show.note("the command wrote more; only the end of it was kept")
        if told.get("timed_out"):
            show.note(f"the command goes on in {name}; to wait for it: sesh --wait {name} --prompt")
    return int(code) if isinstance(code, int) else 0


def history(line: Line, name: str, count: str | None = None, *, ansi: bool = False) -> int:
    """`--history NAME [N]`: the commands that were run in a session's shell; with N that one's output.

    Of a job that has ended, and is no session any more, the one command that it was.
    """
    find.checked(name, "--history")
    if count is not None and not count.isdecimal():
        raise UsageError(f"{printable(count)} is no number of a command; see: sesh --history {name}")
    number = int(count) if count is not None else None
    if number is None:
        return _listed(line, past(name))
    told, data = _told(name, number)
    output = data if ansi else plain(data)
    if line.json:
        show.value({**_dated({key: told.get(key) for key in _FACTS}), "output": output.decode("utf-8", "replace")})
    else:
        show.write(output)
    return 0


def past(name: str) -> list[dict[str, Any]]:
    """The commands that were run in a session, the newest last, with the times as JSON has them. Raises NotFound."""
    return [_dated(each) for each in protocol.parse(_told(name, None)[1])["commands"]]


def _told(name: str, number: int | None) -> tuple[dict[str, Any], bytes]:
    """The daemon's answer, or what is kept of a job that is no session any more."""
    try:
        return find.ask(name, "history", n=number)
    except NotFound:
        kept = _kept(name, number)
        if kept is None:
            raise
        return kept


def _kept(name: str, number: int | None) -> tuple[dict[str, Any], bytes] | None:
    """What a job left behind, in the form of a daemon's answer; None where nothing is known."""
    from sesh import results

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
        show.value(commands)
        return 0
    for each in commands:
        code = "-" if each["exit_code"] is None else each["exit_code"]
        command = show.one_line(" ".join(each["command"]))
        show.text(f"{each['n']:>4}  {code:>3}  {each['duration']:>8.2f}s  {command}")
    return 0


def there(line: Line) -> int:
    """`--run` for another host: Ctrl-C, which ends the link, is passed on as a key."""
    from sesh.cli import there as remote
    from sesh.cli import words

    try:
        return remote.run(line)
    except KeyboardInterrupt:
        given = words.parse(line)
        if given is None:
            raise
        key = words.Line()
        key.verb, key.hosts, key.words = "--send", line.hosts, [str(given["name"]), "--key", "C-c"]
        remote.run(key)
        raise Interrupted("interrupted") from None
