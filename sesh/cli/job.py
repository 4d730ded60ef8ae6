"""`--exec`: a command as a fresh session's program, its output as it is wanted, its exit code as sesh's own."""

from __future__ import annotations

from sesh.cli import printing
from sesh.errors import Ended, ExitCode, SeshError, UsageError
from sesh.names import printable
from sesh.ops import caller, create, find
from sesh.ops.interrupts import Presses
from sesh.ops.stdin_forwarder import Feeding
from sesh.ops.waiter import Waiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.wire import Connection


def exec_(  # noqa: PLR0913 (a job has that many sides)
    line: Line,
    places: Sequence[str] = (),
    *,
    directory: str | None = None,
    printed: bool = False,
    follow: bool = False,
    keep: bool = False,
    timeout: str | None = None,
    stdin: bool = False,
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
        raise UsageError(f"the command comes after --: {named}$sesh --exec -- {' '.join(shown) or 'CMD'}")
    if len(places) > 1:
        raise UsageError(
            "too many words before --", hint=f"a directory goes so: $sesh --exec {shown[0]} -C {shown[1]} -- …"
        )
    if printed and follow:
        raise UsageError("--print and --follow exclude each other; take one")
    if detached and (printed or follow or tie or stdin):
        raise UsageError("-d does not wait, so it takes no --print, --follow, --stdin or --tie")
    name = find.checked(places[0], "--exec") if places else None
    what = create.order(directory=directory, command=line.tail, env=env, label=label)
    what |= {"job": True, "keep": keep, "timeout": create.seconds(timeout) if timeout is not None else None}
    what["stdin"] = stdin
    try:
        if not detached and caller.entering():
            name, connection = _started(what, name)
            return caller.handed(connection, name)
        if detached:
            name, connection = _started(what, name)
            connection.close()
            if not line.json:
                printing.text(name)
            return create.made(line.json, name, created=True)
        with Presses(tie=tie, left="the job may have begun; see: sesh") as presses:
            name, connection = _started(what, name)
            feeding = Feeding(mends=False) if stdin else None
            waiter = Waiter(connection, name, presses, feeding=feeding)
            return waited(line, waiter, follow=follow, printed=printed)
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.SESH_FAILED
        raise


def _started(what: create.Order, name: str | None) -> tuple[str, Connection]:
    """The job's session, under the lowest free number where it has no name, and its first connection."""
    return create.start_numbered(what) if name is None else (name, create.start(what, name))


def waited(line: Line, waiter: Waiter, *, follow: bool, printed: bool, host: str | None = None) -> int:
    """Waits for a job that runs, and says of it what is wanted; the exit code."""
    with waiter:
        output = Followed(lines=line.json) if follow else None
        result, retained = waiter.result(output, wanted=printed or line.json)
    return report(line, waiter.name, result, retained, printed=printed, host=host)


def found(line: Line, name: str, ended: Ended, *, follow: bool, printed: bool, host: str | None = None) -> int:
    """The same for a job that had ended before anybody could wait for it."""
    if follow:
        output = Followed(lines=line.json)
        printing.write(output.take(ended.output) + output.end())
    return report(line, name, dict(ended.result), ended.output, printed=printed, host=host)


def report(
    line: Line, name: str, result: dict[str, Any], retained: bytes, *, printed: bool, host: str | None = None
) -> int:
    """Prints what was wanted of a job that has ended; the exit code."""
    output = retained.replace(b"\r\n", b"\n")
    if line.json:
        code = ExitCode.TIMED_OUT if result.get("timed_out") else result["exit_code"]
        printing.value(printing.outcome(name, host, line.tail, {**result, "exit_code": code}, output))
    elif printed:
        printing.write(output)
        if result.get("truncated"):
            printing.note(f"{name} wrote more; only the end of it was kept")
    if result.get("timed_out"):
        if not line.json:
            printing.note(f"{name} was ended: its time ran out")
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
    return printing.dumped({"line": row.removesuffix(b"\r").decode("utf-8", "replace")})
