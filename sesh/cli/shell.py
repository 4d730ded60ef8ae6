"""Verbs of a session's shell: `run` a command in it, list the `history` of commands."""

from __future__ import annotations

import shlex
from contextlib import suppress
from functools import partial
from typing import Annotated

from typer import Argument, Option

from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Ansi, AnyName, Context, Name, Timeout, refuse_unused
from sesh.cli.printed import PrintedOutput, prints
from sesh.cli.printing import command_json
from sesh.errors import ENDS, Fate, NotFound, SeshError, UsageError, fated, for_host
from sesh.names import printable, subject
from sesh.ops import shell
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.schema.facts import RunFacts
from sesh.schema.outcomes import Command, RunResult
from sesh.system import paths
from sesh.text import times
from sesh.text.describe import command_line
from sesh.text.safe import one_line

NoWait = Annotated[bool, Option("--no-wait", help="Return as soon as CMD has begun; history has its output later.")]


@prints(RunResult)
def run(ctx: Context, name: Name, *, timeout: Timeout = None, no_wait: NoWait = False, ansi: Ansi = False) -> int:
    """Run CMD in NAME's living shell; print exactly its output and exit with its exit code.

    The directory and variables of the shell stay for the next run. `exec` runs CMD in a new session instead.

    A single word is shell source, as in the second example. CMD reads the session's terminal, never the standard input
    of sesh. The exit code is 124 if it timed out, and 125 if CMD did not run.

    Examples:
      sesh run work -- make test
      sesh run work --timeout 5m -- 'ls src | wc -l'
      sesh run work --json -- ./check.sh
      sesh @web1 @web2 run work -- git pull
    """
    cli = ctx.obj
    if not cli.line.tail:
        raise UsageError(f"write the command after --: {SESH} run {printable(name)} -- CMD")
    if no_wait:
        refuse_unused("--no-wait prints no output", {"--ansi": ansi})
    live = None if cli.line.json or no_wait else shell.OutputWriter(cli.out.output, ansi=ansi)

    left = f"the command goes on in {name}; watch it: {SESH} {name}"
    with fated(Fate.NOT_BEGUN):
        try:
            stream = Stream.open(cli.find_target(name), name, timeout)
        except NotFound as missing:
            if missing.hint != paths.absent(name).hint:  # that one says more about the name
                raise
            words = cli.line.tail
            if len(words) == 1 and shlex.quote(words[0]) != words[0]:  # shell source
                words = ["sh", "-c", *words]
            raise missing.but(hint=f"as a job: {SESH} exec {name} -- {command_line(words)}") from missing
        with stream, cli.recording_signals(tie=False, message=left) as interrupts:
            tell = partial(cli.tell_question, name, host=stream.host) if cli.hears_questions and not no_wait else None
            facts, output = shell.run(
                stream, cli.line.tail, timeout, interrupts=interrupts, wait=not no_wait, live=live, tell=tell
            )
    with fated(Fate.UNKNOWN, shell.to_look(name)):  # the command has ended, and 1 could be its own code
        if live is not None:
            live.write(output, last=True)
            output = b""
        output = output if ansi else shell.without_sequences(output)
        return _report(cli, name, stream.host, facts, output, waited=not no_wait)


def _report(cli: Invocation, name: str, host: str | None, facts: RunFacts, output: bytes, *, waited: bool) -> int:
    if facts.get("output_lost"):
        cli.note(f"{name} and the command ended while the link was down; the output is lost")
    code = facts.get("exit_code")
    if cli.line.json:
        cli.out.value(command_json(name, host, cli.line.tail, facts, output))
    elif waited:
        cli.out.output(output)
        if facts.get("truncated"):
            cli.note("the command wrote more; only the end was kept")
        if facts.get("session_ended") and cli.shows_status:
            cli.note(f"{subject(name)} {ENDS.get(facts.get('reason') or '', 'has ended')}, and the command with it")
        if facts.get("timed_out"):
            wait = for_host(f"{SESH} wait {name} --prompt", host)
            cli.note(f"timed out; the command goes on in {name}; to wait for it: {wait}")
    return int(code) if isinstance(code, int) else 0


@prints(list[Command] | PrintedOutput)
def history(
    ctx: Context,
    name: AnyName = None,
    n: Annotated[int | None, Argument(metavar="N", help="The number of a command.", min=0, show_default=False)] = None,
    *,
    ansi: Ansi = False,
) -> int:
    """List the commands of a session; with N, print the output of one.

    It lists the commands of run, and typed ones (see shell-init); without NAME, those of the session that you are in:
    there a number alone is N.

    Examples:
      sesh history work
      sesh history work 3
    """
    cli = ctx.obj
    name, n = cli.name_and_number(name, n)
    if n is None:
        refuse_unused(f"only the output of one command has colours: {SESH} history NAME N", {"--ansi": ansi})
    target = cli.find_target(name)
    if n is None:
        return _print_history(cli, target, name)
    facts = target.call(shell.history_output, name=name, number=n)
    output = facts["output"] if ansi else shell.without_sequences(facts["output"])
    if cli.line.json:
        truncated = facts.get("truncated", False)  # an older sesh on a host does not say
        return cli.out.value({**facts, "truncated": truncated, "output": output.decode("utf-8", "replace")})
    cli.out.output(output)
    return 0


def _print_history(cli: Invocation, target: Target, name: str) -> int:
    commands = target.call(shell.history, name=name)
    if cli.line.json:
        return cli.out.value(commands)
    if not commands:
        line = ""
        with suppress(SeshError):  # an older sesh on a host does not know it
            line = one_line(target.call(shell.startup_line, name=name))
        where = f" on @{target.host}" if target.host is not None else ""
        hint = f"; to record what you type{where}, write {line}" if line else ""
        cli.note(f"no commands known of {name}{hint}")
    rows = []
    for command in commands:
        code = "-" if command["exit_code"] is None else command["exit_code"]
        words = command["command"] or []  # a single word is shell source
        first, _, rest = (words[0] if len(words) == 1 else shlex.join(words)).strip().partition("\n")
        line = f"{one_line(first)} …" if rest else one_line(first)  # joined lines would be another command
        began = times.local_time(command["started"]) or "-"
        rows.append((f"{command['n']:>4}", began, f"{code:>3}", f"{command['duration']:>8.2f}s", line))
    cli.out.table(rows)
    return 0
