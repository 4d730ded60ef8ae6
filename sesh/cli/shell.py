"""Verbs that type into a session: `run` a command in its shell, list their `history`, `send` text and keys."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

from typer import Argument, Option

from sesh import descriptors, measures, paths
from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.printing import command_json
from sesh.cli.words import Ansi, AnyName, Context, Name, Timeout, number, offering
from sesh.errors import ENDS, ExitCode, NotFound, UsageError, failing_with
from sesh.keys import CHORDS, Key
from sesh.names import printable, subject
from sesh.ops import shell
from sesh.ops.send import LONGEST, send_input
from sesh.outcomes import Command
from sesh.schema import RunFacts
from sesh.wording import command_line, one_line

_OFFERED_KEYS = ("C-c", "C-d", "C-z", "C-l", "C-\\", *CHORDS)
NoWait = Annotated[bool, Option("--no-wait", help="Return as soon as CMD has begun; history has its output later.")]


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
    if not cli.line.tail:
        raise UsageError(f"write the command after --: {SESH} --run {printable(name)} -- CMD")
    if any("\0" in word for word in cli.line.tail):
        raise UsageError("a command may not hold a NUL")
    live = None if cli.line.json or no_wait else shell.OutputWriter(cli.out.write, ansi=ansi)

    left = f"the command goes on in {name}; watch it: {SESH} {name}"
    with (
        failing_with(ExitCode.SESH_FAILED),
        _suggesting_job(cli, name),
        cli.find(name).open_stream(name, timeout) as stream,
        cli.catching(tie=False, message=left) as interrupts,
        cli.stop.calling(stream.cut),
    ):
        stream.check = interrupts.check_recorded
        tell = partial(cli.tell_question, name) if cli.hears_questions and not no_wait else None
        facts, output = shell.run(
            stream, cli.line.tail, timeout, interrupts=interrupts, wait=not no_wait, live=live, tell=tell
        )
    with failing_with(ExitCode.UNKNOWN):
        if live is not None:
            live.take(output, last=True)
            output = b""
        return _report(cli, name, facts, output if ansi else shell.without_sequences(output), waited=not no_wait)


@contextmanager
def _suggesting_job(cli: Invocation, name: str) -> Iterator[None]:
    """Make the error for a missing session suggest running the command as a job."""
    try:
        yield
    except NotFound as missing:
        if missing.hint == paths.absent(name).hint:  # any other hint says more about the name
            words = cli.line.tail or []
            if len(words) == 1 and shlex.quote(words[0]) != words[0]:  # shell source
                words = ["sh", "-c", *words]
            missing.hint = f"as a job: {SESH} exec {name} -- {command_line(words)}"
        raise


def _report(cli: Invocation, name: str, facts: RunFacts, output: bytes, *, waited: bool) -> int:
    if facts.get("output_lost"):
        cli.note(f"{name} and the command ended while the link was down; the output is lost")
    code = facts.get("exit_code")
    if cli.line.json:
        cli.out.value(command_json(name, cli.host, cli.line.tail, facts, output))
    elif waited:
        cli.out.write(output)
        if facts.get("truncated"):
            cli.note("the command wrote more; only the end was kept")
        if facts.get("session_ended") and cli.watched:
            cli.note(f"{subject(name)} {ENDS.get(facts.get('reason') or '', 'has ended')}, and the command with it")
        if facts.get("timed_out"):
            cli.note(f"the command goes on in {name}; to wait for it: {SESH} --wait {name} --prompt")
    return int(code) if isinstance(code, int) else 0


def history(
    ctx: Context,
    name: AnyName = None,
    n: Annotated[int | None, Argument(metavar="N", parser=number, show_default=False)] = None,
    *,
    ansi: Ansi = False,
) -> int:
    """List the commands of run, and typed ones (see shell-init); with N, print that command's output.

    Without NAME, those of the session that you are in.

    Examples:
      sesh history work
      sesh history work 3
    """
    cli = ctx.obj
    name = cli.session(name)
    target = cli.find(name)
    if n is None:
        return _print_history(cli, name, target.call(shell.history, name=name))
    facts = target.call(shell.history_output, name=name, number=n)
    output = facts["output"] if ansi else shell.without_sequences(facts["output"])
    if cli.line.json:
        return cli.out.value({**facts, "output": output.decode("utf-8", "replace")})
    cli.out.write(output)
    return 0


def _print_history(cli: Invocation, name: str, commands: list[Command]) -> int:
    if cli.line.json:
        return cli.out.value(commands)
    if not commands:
        integration = f"the shell integration: {SESH} --shell-init bash (zsh, fish)"
        cli.note(f"no commands known of {name}; those of --run are kept, typed ones with {integration}")
    rows = []
    for command in commands:
        code = "-" if command["exit_code"] is None else command["exit_code"]
        words = command["command"] or []  # a single word is shell source
        first, _, rest = (words[0] if len(words) == 1 else shlex.join(words)).strip().partition("\n")
        line = f"{one_line(first)} …" if rest else one_line(first)  # joined lines would be another command
        began = measures.local_time(command["started"]) or "-"
        rows.append((f"{command['n']:>4}", began, f"{code:>3}", f"{command['duration']:>8.2f}s", line))
    cli.out.table(rows)
    return 0


def send(
    ctx: Context,
    name: Name,
    text: Annotated[list[str] | None, Argument(metavar="TEXT…", show_default=False)] = None,
    *,
    enter: Annotated[
        bool,
        Option("--enter", help="Press Enter once the program has read and shown TEXT; exit 1 if there was no Enter."),
    ] = False,
    key: Annotated[
        list[str] | None,
        Option(
            "--key",
            metavar="KEY",
            autocompletion=offering(lambda: _OFFERED_KEYS),
            help="Press KEY: C-c, M-x, Enter, Tab, Up, F5, …",
        ),
    ] = None,
    question: Annotated[
        str | None,
        Option(
            "--question",
            metavar="REGEX",
            help="Type only if it waits with a question that matches REGEX; . matches any question.",
        ),
    ] = None,
    force: Annotated[
        bool,
        Option("--force", help="With --enter: type even after a person's unfinished input, or while the program asks."),
    ] = False,
) -> int:
    """Type TEXT, Enter if wanted, then keys.

    The words of TEXT are joined by spaces; - is stdin.

    Examples:
      sesh send work 'make test' --enter
      sesh send work --key C-c
      sesh send work - < notes.txt
      sesh send agent y --enter --question 'may I run: make'
      sesh send editor :wq --enter
    """
    cli = ctx.obj
    keys = key or []
    words = text or []
    if not (words or enter or keys):
        raise UsageError("nothing to send", hint=f"write: {SESH} --send NAME TEXT --enter")
    for pressed in keys:
        Key.parse(pressed)  # refuses an unknown key before stdin is read
    typed = os.fsencode(" ".join(words)) if words != ["-"] else descriptors.whole_stdin(LONGEST, cli.open_stdin())
    sent = send_input(cli.find(name), name, typed, keys=keys, enter=enter, force=force, question=question)
    return cli.out.done(name=name, **sent)
