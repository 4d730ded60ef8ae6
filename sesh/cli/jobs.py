"""`--exec`: a command as a fresh session's program, its output as wanted, its exit code as sesh's own."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Option

from sesh import errors, measures
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import TIME, AnyName, Context, Detached, Env, Follow, Label, Size
from sesh.errors import ENDS, TIMED_OUT, ExitCode, Refused, SeshError, UsageError
from sesh.names import check_name, printable, subject
from sesh.ops import jobs, sessions
from sesh.query_remover import QueryRemover
from sesh.reach.cancelling import Interrupts
from sesh.schema import JobResult, JobSpec
from sesh.store.results import command_json

_EXACT = f"for exact bytes: {SESH} --exec --print -- sh -c 'CMD | base64' | base64 -d"
_PIECE = 4096
"""Bytes that a pipe takes without blocking once it is writable (PIPE_BUF)."""


def exec_(  # noqa: PLR0913 (a job has that many options)
    ctx: Context,
    name: AnyName = None,
    *,
    directory: Annotated[str | None, Option("-C", metavar="DIR", help="Run it in DIR.")] = None,
    printed: Annotated[
        bool, Option("--print", help="Print its output when it ends; of more than 32 MiB only the end.")
    ] = False,
    follow: Follow = False,
    keep: Annotated[
        bool,
        Option(
            "--keep",
            help="Leave it in the list once it has ended: sesh NAME shows its last screen, until it is killed.",
        ),
    ] = False,
    timeout: Annotated[
        str | None, Option("--timeout", metavar="TIME", help=f"End it after {TIME}, with exit code 124.")
    ] = None,
    stdin: Annotated[bool, Option("--stdin", help="Feed it the standard input of sesh.")] = False,
    tie: Annotated[
        bool,
        Option(
            "--tie",
            help="End it, as kill does, when sesh gets SIGINT (Ctrl-C), SIGTERM or SIGHUP, or its window closes.",
        ),
    ] = False,
    detached: Detached = False,
    env: Env = None,
    label: Label = None,
    size: Size = None,
) -> int:
    r"""Run CMD in its own session, wait, and exit with its exit code.

    Its output is printed with --print or --follow only; meanwhile `sesh NAME` shows it. That is the output of a
    terminal, also in a pipe: stderr is part of it, and programs may colour it or fit it to the columns (--size).
    Without NAME the session gets the lowest free number.

    Its result is kept for a week, also without --keep: wait, status and logs read it.

    Ctrl-C sends SIGINT to CMD. The third within 2 s, Ctrl-\, and any other end of sesh leave it running.

    Examples:
      sesh exec build -f -- make -j8
      sesh exec --print --timeout 5m -- ./check.sh
      sesh -e test -d -- make test
    """
    cli = ctx.obj
    check(cli, name, timeout, printed=printed, follow=follow, tie=tie, detached=detached, stdin=stdin)
    data: JobSpec = {
        "name": name,
        "spec": cli.spec(directory, env, label, size),
        "keep": keep,
        "timeout": measures.parse_seconds(timeout),
    }
    if detached:
        return _detached(cli, data)
    if cli.watched and not (printed or follow or cli.json) and (kind := printing.into()):
        what = subject(name) if name else "the job"
        cli.note(f"{what} prints nothing into this {kind}; to get its output here: --print, or --follow as it comes")
    return _waited(cli, data, printed=printed, follow=follow, tie=tie, stdin=stdin)


def _waited(cli: Invocation, data: JobSpec, *, printed: bool, follow: bool, tie: bool, stdin: bool) -> int:
    """Start the job and wait for it; return its exit code, 124 if its time ran out."""
    started = "may have started" if cli.host is None else "may or may not have started"
    left = f"the job {started}; check with: {SESH}"
    sink = FollowedOutput(lines=cli.json) if follow else None
    with Interrupts(tie=tie, message=left) as interrupts:
        job, result, retained = jobs.run(
            cli.target, data, interrupts, sink=sink, wanted=printed or cli.json, stdin=stdin
        )
    if sink is not None:
        printing.write(sink.pending)
    stopped = interrupts.typed and cli.watched and not cli.json
    if stopped:
        printing.fresh_line()  # behind the terminal's ^C
    elif sink is not None and _cut_short(result):
        sink.leave_line()
    try:
        code = report(cli, job, result, retained, printed=printed, stopped=stopped)
    except Refused as error:
        error.exit_code = ExitCode.UNKNOWN  # the job has ended, and 1 could be its own code
        raise
    binary = sink.binary if sink is not None else printed and b"\0" in retained
    if binary and not cli.json and not os.isatty(printing.STDOUT):
        cli.note(f"{subject(job)} printed binary data, and its terminal may have changed some; {_EXACT}")
    elif (code or result.get("position")) and cli.watched and not (printed or follow or cli.json or _cut_short(result)):
        cli.note(f"{subject(job)} ended: {code}; see what it printed: {SESH} --logs {job}")
    return code


def check(cli: Invocation, name: str | None, timeout: str | None, **options: object) -> None:
    """Raise UsageError or InvalidName for words and options of `--exec` that are wrong on any machine."""
    given = {key for key, value in options.items() if value}
    if not cli.tail:
        raise UsageError("no command given", hint=f"write it after --: {SESH} exec {printable(name or 'NAME')} -- CMD")
    if {"printed", "follow"} <= given:
        raise UsageError("--print and --follow cannot be combined")
    if "detached" in given and given & {"printed", "follow", "tie", "stdin"}:
        raise UsageError("-d does not wait, so you cannot use --print, --follow, --stdin or --tie with it")
    if name is not None:
        check_name(name)
    measures.parse_seconds(timeout)


def _cut_short(result: JobResult) -> bool:
    """Return whether the job did not end by itself: then its reason was printed."""
    return result.get("reason") != "exited"


def _detached(cli: Invocation, data: JobSpec) -> int:
    target = cli.target
    try:
        target.sync()
        name = target.call(sessions.job, **data)
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED and error.code != "refused":
            error.exit_code = ExitCode.UNKNOWN if isinstance(error, errors.Unknown) else ExitCode.SESH_FAILED
        raise
    if not cli.json:
        printing.text(name)
    if cli.watched and not cli.json:
        cli.note(f"{subject(name)} runs; its end: {SESH} --wait {name} --exit; its output: {SESH} --logs {name}")
    return cli.done(name=name, session=name, host=cli.host, created=True)


def report(
    cli: Invocation, name: str, result: JobResult, retained: bytes, *, printed: bool, stopped: bool = False
) -> int:
    """Print the output of a job that has ended, if it is wanted, and its result; return the exit code.

    `stopped`: a person has pressed Ctrl-C.
    """
    output = retained.replace(b"\r\n", b"\n")
    if cli.json:
        code = ExitCode.TIMED_OUT if result.get("timed_out") else result["exit_code"]
        facts = command_json(name, cli.host, cli.tail, {**result, "exit_code": code}, output)
        cli.value({**facts, "signal": result.get("signal"), "reason": result.get("reason")})
    elif printed:
        remover = _query_remover()
        printing.write(output if remover is None else remover.take(output))
        if remover is not None and (stopped or _cut_short(result)) and output[-1:] not in (b"", b"\n"):
            printing.write(b"\n")  # what follows on the terminal begins a line of its own
        if result.get("truncated"):
            missing = max((result.get("position") or 0) - len(retained), 0)
            size = _about(missing * len(output) / max(len(retained), 1))  # less the carriage returns, by their share
            without = f", without {size}" if missing else ""
            cli.note(f"{subject(name)} wrote more; only the end was kept{without}; --follow prints all")
    timed_out = result.get("timed_out")
    how = ENDS.get(TIMED_OUT if timed_out else result.get("reason") or "")
    if how and not cli.json:
        cli.note(f"{subject(name)} {how}")
    return ExitCode.TIMED_OUT if timed_out else int(result["exit_code"] or 0)


def _about(size: float) -> str:
    """Return a number of bytes in words, to two digits."""
    rounded = max(float(f"{size:.2g}"), 1.0)
    units = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes" if rounded > 1 else "byte", 1.0))
    unit, factor = next(row for row in units if rounded >= row[1])
    return f"about {rounded / factor:g} {unit}"


def _query_remover() -> QueryRemover | None:
    """Return what takes queries out of the output, if stdout is a terminal: its answers would be typed at the shell."""
    if not os.isatty(printing.STDOUT):
        return None
    return QueryRemover()


class FollowedOutput:
    """The program's output on its way to stdout: `\\r\\n` becomes `\\n`; with `lines` each line an object of JSON.

    A terminal gets no queries.
    """

    descriptor = printing.STDOUT

    def __init__(self, *, lines: bool) -> None:
        self.pending = b""
        self.binary = False
        """True if a NUL has come: it is no text."""
        self._lines = lines
        self._remover = None if lines else _query_remover()
        self._held = b""
        self._begun = False
        """True if the last line that came has no end yet."""

    def take(self, data: bytes) -> None:
        """Take output; a last `\\r` is held until the next byte, an unfinished line of JSON until its end."""
        self.binary = self.binary or b"\0" in data
        data = self._held + (data if self._remover is None else self._remover.take(data))
        if self._lines:
            *rows, begun = data.split(b"\n")
            self.pending += b"".join(_object(row.removesuffix(b"\r")) for row in rows)
            pieces, self._held = printing.pieces(begun)
            self.pending += b"".join(map(_object, pieces))
        else:
            self._held = b"\r" if data.endswith(b"\r") else b""
            self.pending += data.removesuffix(b"\r").replace(b"\r\n", b"\n")

    def end(self) -> None:
        """Release the held output: no more comes."""
        held, self._held = self._held, b""
        self.pending += _object(held.removesuffix(b"\r")) if self._lines and held else held

    def write(self) -> None:
        """Write as much as stdout takes without blocking."""
        printing.write(self.pending[:_PIECE])
        self._begun = self.pending[:_PIECE][-1:] != b"\n"
        self.pending = self.pending[_PIECE:]

    def leave_line(self) -> None:
        """Leave a line that has begun on a terminal, so that a note begins one of its own."""
        if self._begun and os.isatty(self.descriptor):
            printing.write(b"\n")
            self._begun = False


def _object(row: bytes) -> bytes:
    return printing.json_line({"line": row.decode("utf-8", "replace")})
