"""`--run` and `--history`: a command in a session's live shell, and the commands run there before."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from typer import Argument, Option

from sesh import measures, moments, names, paths
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import Ansi, AnyName, Context, Name, Timeout
from sesh.errors import ENDS, NotFound, UsageError
from sesh.names import check_name, printable, subject
from sesh.ops import shell
from sesh.reach.cancelling import Interrupts
from sesh.schema import Command, RunFacts
from sesh.store.results import command_json
from sesh.wording import command_line, one_line

NoWait = Annotated[bool, Option("--no-wait", help="Return as soon as CMD has begun; history has its output later.")]
Number = Annotated[str | None, Argument(metavar="N", show_default=False)]


def run(ctx: Context, name: Name, *, timeout: Timeout = None, no_wait: NoWait = False, ansi: Ansi = False) -> int:
    """Run CMD in NAME's shell; print exactly its output and exit with its exit code.

    A single word is shell source, as in the second example. CMD reads the session's terminal, never the standard input
    of sesh. The exit code is 124 if it timed out, and 125 if CMD did not run.

    Examples:
      sesh run work -- make test
      sesh run work --timeout 5m -- 'ls src | wc -l'
      sesh run work --json -- ./check.sh
      sesh @web1 @web2 run work -- git pull
    """
    cli = ctx.obj
    check_name(name)
    if not cli.tail:
        raise UsageError(f"write the command after --: {SESH} --run {printable(name)} -- CMD")
    if any("\0" in word for word in cli.tail):
        raise UsageError("a command may not hold a NUL")
    seconds = None
    if timeout is not None:
        seconds = measures.parse_seconds(timeout)
    live = None if cli.json or no_wait else shell.OutputWriter(printing.write, ansi=ansi)

    def tell(question: str) -> None:
        cli.tell_question(name, question, "--run passes none on, --exec --stdin does")

    left = f"the command goes on in {name}; watch it: {SESH} {name}"
    with (
        shell.run_errors(),
        _job_proposed(cli, name),
        cli.find(name).open_stream(name, seconds) as stream,
        Interrupts(tie=False, message=left) as interrupts,
    ):
        hears = tell if cli.hears_questions and not no_wait else None
        facts, output = shell.run(stream, cli.tail, seconds, stop=interrupts, wait=not no_wait, live=live, tell=hears)
    with shell.run_errors(asked=True):
        if live is not None:
            live.take(output, last=True)
            output = b""
        return _report(cli, name, facts, output if ansi else shell.plain(output), waited=not no_wait)


@contextmanager
def _job_proposed(cli: Invocation, name: str) -> Iterator[None]:
    """Have the error for a session that is not there show the line that runs the command as a job."""
    try:
        yield
    except NotFound as missing:
        if missing.hint == paths.absent(name).hint:  # else more is known of the name
            missing.hint = f"as a job: {SESH} exec {name} -- {command_line(cli.tail or [])}"
        raise


def _report(cli: Invocation, name: str, facts: RunFacts, output: bytes, *, waited: bool) -> int:
    if facts.get("output_lost"):
        cli.note(f"{name} and the command ended while the link was down; the output is lost")
    code = facts.get("exit_code")
    if cli.json:
        cli.value(command_json(name, cli.host, cli.tail, facts, output))
    elif waited:
        printing.write(output)
        if facts.get("truncated"):
            cli.note("the command wrote more; only the end was kept")
        if facts.get("session_ended") and cli.watched:
            cli.note(_ending(name, facts.get("reason")))
        if facts.get("timed_out"):
            cli.note(f"the command goes on in {name}; to wait for it: {SESH} --wait {name} --prompt")
    return int(code) if isinstance(code, int) else 0


def _ending(name: str, reason: str | None) -> str:
    """Return the line for a session that ended with the command."""
    if reason == "exited":
        return f"the command ended the shell of {name}, and with it the session"
    return f"{subject(name)} {ENDS.get(reason or '', 'has ended')}, and the command with it"


def history(ctx: Context, name: AnyName = None, number: Number = None, *, ansi: Ansi = False) -> int:
    """List the commands of run, and typed ones (see shell-init); with N, print that command's output.

    Without NAME, those of the session that you are in.

    Examples:
      sesh history work
      sesh history work 3
    """
    cli = ctx.obj
    name = cli.session(name)
    target = cli.find(name)
    if number is None:
        return _print_history(cli, name, target.call(shell.history, name=name))
    if not names.is_decimal(number):
        raise UsageError(f"{printable(number)} is not the number of a command", hint=f"see: {SESH} --history {name}")
    facts = target.call(shell.history_output, name=name, number=int(number))
    output = facts["output"] if ansi else shell.plain(facts["output"])
    if cli.json:
        return cli.value({**facts, "output": output.decode("utf-8", "replace")})
    printing.write(output)
    return 0


def _print_history(cli: Invocation, name: str, commands: list[Command]) -> int:
    if cli.json:
        return cli.value(commands)
    if not commands:
        integration = f"the shell integration: {SESH} --shell-init bash (zsh, fish)"
        cli.note(f"no commands known of {name}; those of --run are kept, typed ones with {integration}")
    times = [moments.here(command["started"]) or "-" for command in commands]
    width = max(map(len, times), default=0)
    for command, began in zip(commands, times, strict=True):
        code = "-" if command["exit_code"] is None else command["exit_code"]
        words = command["command"] or []  # a single one is shell source
        first, _, rest = (words[0] if len(words) == 1 else shlex.join(words)).strip().partition("\n")
        line = f"{one_line(first)} …" if rest else one_line(first)  # lines made into one mean something else
        printing.text(f"{command['n']:>4}  {began:>{width}}  {code:>3}  {command['duration']:>8.2f}s  {line}")
    return 0
