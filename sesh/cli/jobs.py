"""`exec`: run a command in its own session, and exit with its exit code."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Option

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import TIME, AnyWord, Context, Detached, Env, Follow, Label, Size, seconds, spec_of
from sesh.cli.printed import PrintedLine, PrintedSession, prints
from sesh.cli.printing import Output
from sesh.cli.sessions import report_session
from sesh.errors import ENDS, Fate, UsageError, fated
from sesh.names import check_name, is_name, subject
from sesh.ops import enter, jobs
from sesh.schema.facts import JobResult, JobSpec
from sesh.schema.outcomes import RunResult
from sesh.vt.queries import QueryRemover

WorkingDirectory = Annotated[str | None, Option("--dir", "-C", metavar="DIR", help="Run CMD in DIR.")]
Printed = Annotated[bool, Option("--print", help="Print the output when CMD ends; of more than 32 MiB only the end.")]
KeepSession = Annotated[
    bool, Option("--keep", help="Keep the session in the list until it is killed: sesh NAME shows its last screen.")
]
Limit = Annotated[
    float | None,
    Option(
        "--timeout",
        metavar="TIME",
        parser=seconds,
        help=f"End CMD after {TIME}, with exit code 124. (run and wait end nothing.)",
    ),
]
Stdin = Annotated[bool, Option("--stdin", help="Feed CMD the standard input of sesh.")]
Tie = Annotated[
    bool,
    Option(
        "--tie", help="End CMD, as kill does, when sesh gets SIGINT (Ctrl-C), SIGTERM or SIGHUP (its window closes)."
    ),
]


@prints(RunResult | PrintedSession | PrintedLine)
def exec_(  # noqa: PLR0913 (a job has that many options)
    ctx: Context,
    name: AnyWord = None,
    *,
    directory: WorkingDirectory = None,
    printed: Printed = False,
    follow: Follow = False,
    keep: KeepSession = False,
    timeout: Limit = None,
    stdin: Stdin = False,
    tie: Tie = False,
    detached: Detached = False,
    env: Env = None,
    label: Label = None,
    size: Size = None,
) -> int:
    r"""Run CMD in a new session, wait, and exit with its exit code. `run` types it into a session that lives.

    Its output is printed with --print or --follow only; meanwhile `sesh NAME` shows it. CMD runs on a terminal even if
    sesh prints to a pipe: stderr is part of the output, and programs may colour it or fit it to the columns (--size).
    Without NAME the session gets the lowest free number.

    Its result is kept for a week, also without --keep: wait, status and logs read it.

    Ctrl-C sends SIGINT to CMD. The third within 2 s, Ctrl-\, and any other end of sesh leave it running.

    Examples:
      sesh exec build -f -- make -j8
      sesh exec --print --timeout 5m -- ./check.sh
      sesh -e test -d -- make test
    """
    cli = ctx.obj
    if not cli.line.tail:  # before the name's check: the word may be the command
        session = name if name and is_name(name) else "NAME"
        raise UsageError("no command given", hint=f"write it after --: {SESH} exec {session} -- CMD")
    name = name and check_name(name)
    if printed and follow:
        raise UsageError("--print and --follow cannot be combined")
    if detached and (printed or follow or stdin or tie):
        raise UsageError("-d does not wait, so you cannot use --print, --follow, --stdin or --tie with it")
    spec = spec_of(cli.line.tail, directory, env, label, size)
    data: JobSpec = {"name": name, "spec": spec, "keep": keep, "timeout": timeout}
    if detached:
        return _start_detached(cli, data)
    return _start_and_wait(cli, data, printed=printed, follow=follow, tie=tie, stdin=stdin)


def _start_detached(cli: Invocation, data: JobSpec) -> int:
    """Start the job and print its name."""
    with fated(Fate.NOT_BEGUN):
        name, _ = cli.line_target.begin(enter.job, **data)
    with fated(Fate.GOES_ON, jobs.to_look(name)):
        return report_session(cli, name, shown=True)


def _start_and_wait(cli: Invocation, data: JobSpec, *, printed: bool, follow: bool, tie: bool, stdin: bool) -> int:
    """Start the job and wait for it; return its exit code, 124 after a timeout."""
    followed = FollowedOutput(cli.out) if follow else None
    source = cli.stdin if stdin else None
    message = f"the job may have started; check with: {SESH}"
    with fated(Fate.NOT_BEGUN), cli.recording_signals(tie=tie, message=message) as interrupts:
        wanted = printed or (cli.line.json and not follow)
        live = followed.take if followed is not None else None
        job, result, retained = jobs.run(cli.line_target, data, interrupts, live=live, wanted=wanted, stdin=source)
    with fated(Fate.UNKNOWN, jobs.to_look(job)):  # the job has ended, and 1 could be the job's own code
        if followed is not None:
            followed.take(b"", last=True)
            retained = b""  # it is printed; a job that ended before the wait has it all the same
        if interrupts.echoed and cli.shows_status:
            printing.start_new_line()
        return report(cli, job, result, retained, printed=printed)


def report(cli: Invocation, name: str, result: JobResult, retained: bytes, *, printed: bool) -> int:
    """Print an ended job's result, and its output if wanted; return the exit code."""
    output = retained.replace(b"\r\n", b"\n")
    code = int(result["exit_code"] or 0)
    if cli.line.json:
        facts = printing.command_json(name, cli.line.host, cli.line.tail, result, output)
        cli.out.value({**facts, "signal": result.get("signal"), "reason": result.get("reason")})
        return code
    ending = ENDS.get(result.get("reason") or "")
    if printed:
        cli.out.output(QueryRemover().take(output) if os.isatty(printing.STDOUT) else output)
        if result.get("truncated"):
            cli.note(f"{subject(name)} wrote more; only the end was kept; --follow prints all")
    if ending:
        cli.note(f"{subject(name)} {ending}")
    return code


class FollowedOutput:
    """Prints output as it comes: with `\\n` for `\\r\\n`, or lines as JSON objects.

    Queries are removed if stdout is a terminal, because the terminal's replies would become input of the shell.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._remover = QueryRemover() if not out.json and os.isatty(printing.STDOUT) else None
        self._held = b""  # a final `\r`; for JSON an unfinished line

    def take(self, data: bytes, *, last: bool = False) -> None:
        """Print output; hold back a part that the next byte may change, unless `last`."""
        data = self._held + (data if self._remover is None else self._remover.take(data))
        if not self._out.json:
            self._held = b"\r" if data.endswith(b"\r") and not last else b""
            self._out.output(data.removesuffix(self._held).replace(b"\r\n", b"\n"))
            return
        *lines, unfinished = data.split(b"\n")
        pieces, self._held = printing.pieces(unfinished)
        lines = [*(line.removesuffix(b"\r") for line in lines), *pieces]
        if last and self._held:
            lines.append(self._held.removesuffix(b"\r"))
        rows = [{"line": line.decode("utf-8", "replace")} for line in lines]
        self._out.write(b"".join(map(self._out.json_line, rows)))
