"""`--wait`: wait until a condition holds for a session, for all of several, or for the first of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from typer import Option

from sesh import bounds, paths, wording
from sesh.about import SESH
from sesh.cli import fanout, printing
from sesh.cli.branch import Branch
from sesh.cli.invocation import Invocation
from sesh.cli.list import show as list_
from sesh.cli.words import TIME, Context, Names, Timeout
from sesh.errors import BY_KERNEL, TIMED_OUT, NotFound, UsageError, rebuild
from sesh.names import check_label, printable, subject
from sesh.ops import jobs, lookup, matching
from sesh.ops.wait import Conditions, after_end, for_end, met
from sesh.reach import find
from sesh.reach.target import Target
from sesh.schema import Condition


def wait(  # noqa: PLR0913 (so many conditions)
    ctx: Context,
    names: Names = None,
    *,
    any_: Annotated[bool, Option("--any", help="Wait only for the first of several sessions.")] = False,
    label: Annotated[
        list[str] | None,
        Option("--label", metavar="K=V", help="Also the sessions with this label; may be repeated."),
    ] = None,
    exit_: Annotated[
        bool, Option("--exit", help="The session has ended; exit with its exit code (the default).")
    ] = False,
    prompt: Annotated[bool, Option("--prompt", help="Its shell is at its prompt.")] = False,
    waiting: Annotated[bool, Option("--waiting", help="It waits for a person.")] = False,
    idle: Annotated[str | None, Option("--idle", metavar="TIME", help=f"It has printed nothing for {TIME}.")] = None,
    pattern: Annotated[str | None, Option("--for", metavar="REGEX", help="A line matches REGEX.")] = None,
    start: Annotated[
        str | None,
        Option(
            "--from",
            metavar="POS",
            help="Look only at output after POS, the position that `sesh send --json` prints.",
        ),
    ] = None,
    since_start: Annotated[bool, Option("--since-start", help="Look at all output that is kept.")] = False,
    timeout: Timeout = None,
) -> int:
    """Wait until one of the conditions holds, and print which.

    Output counts from the last send or run, else from now on. Given several sessions, it waits until one holds for
    each, and exits with the first code that is not 0.

    Examples:
      sesh wait build --exit
      sesh wait work --prompt --timeout 5m
      sesh wait web --for 'listening on port [0-9]+' --idle 30
      sesh wait agent --waiting
      sesh wait build test --exit
      sesh wait --label team=web --waiting --any
    """
    cli = ctx.obj
    names = [find.checked(name, "--wait") for name in names or []]
    if not names and not label:
        raise UsageError(f"no session given; write: {SESH} --wait NAME, or {SESH} --wait --label KEY=VALUE")
    several = any_ or bool(label) or len(names) > 1 or len(cli.hosts) > 1
    if start is not None and not bounds.is_decimal(start):
        raise UsageError(f"{printable(start)} is not a position; --from takes the `position` that --send --json prints")
    if start is not None and several:
        raise UsageError("--from is a position in the output of one session; name that one alone")
    if start is not None and since_start:
        raise UsageError("--from and --since-start cannot be combined")
    conditions: Conditions = {
        "exit_": exit_,
        "prompt": prompt,
        "waiting": waiting,
        "idle": bounds.parse_seconds(idle, "--idle"),
        "pattern": matching.checked(pattern) if pattern is not None else None,
        "begin": int(start) if start is not None else "start" if since_start else "sent",
        "limit": bounds.parse_seconds(timeout),
    }
    if several:
        return _wait_for_several(cli, names, label, conditions, first=any_)
    return _wait_for(cli, cli.find(names[0]), names[0], conditions)


def _wait_for(cli: Invocation, target: Target, name: str, conditions: Conditions) -> int:
    try:
        with target.open_stream(name, conditions["limit"]) as stream:
            answer = met(stream, conditions)
    except NotFound as missing:
        answer = after_end(target, name, missing, conditions)
    if cli.json:
        cli.value({"session": name, "host": cli.host, **answer})
    else:
        _print(cli, answer, name)
    return answer["exit_code"] or 0


def _print(cli: Invocation, answer: Condition, session: str, prefix: str = "") -> None:
    """Print the condition that holds, behind `prefix`, and on stderr if memory ran out for the session."""
    match, code = answer["match"], answer["exit_code"]
    more = wording.plain(match) if match is not None else "" if code is None else str(code)
    printing.text(f"{prefix}{answer['met']}: {more}" if more else f"{prefix}{answer['met']}")
    if (reason := answer.get("reason")) == BY_KERNEL:
        cli.note(f"{subject(session)} was {reason}")
    elif reason == TIMED_OUT:
        cli.note(f"{subject(session)} {reason}")


def _wait_for_several(
    cli: Invocation, names: Sequence[str], label: Sequence[str], conditions: Conditions, *, first: bool
) -> int:
    """Wait for all of the sessions, each in a child; or for the first whose condition holds."""

    def work(name: str) -> int:
        return _wait_for(cli, cli.find(name) if name in names else cli.target, name, conditions)

    hosts: Sequence[str | None] = cli.hosts or [None]
    places = [(host, name) for host in hosts for name in names]
    if label:
        places += _labelled(cli, label, kept=for_end(conditions))
    branches = [
        Branch(cli, wording.title((host, name)), {"session": name, "host": host}, partial(work, name))
        for host, name in dict.fromkeys(places)
    ]
    answers = fanout.gather(branches, (lambda branch: "met" in branch.value()) if first else None)
    if cli.json:
        cli.value(answers)
    for answer in answers if not cli.json else ():
        if "error" in answer:
            at = f"@{wording.plain(answer['host'])}: " if answer["host"] is not None else ""
            cli.note(f"{at}{answer['error']['message']}")
        else:
            session = wording.title((answer["host"], answer["session"]))
            _print(cli, answer, session, f"{session}: ")
    return next((answer["exit_code"] for answer in answers if answer["exit_code"]), 0)


def _labelled(cli: Invocation, label: Sequence[str], *, kept: bool) -> list[tuple[str | None, str]]:
    """Return the sessions that have the labels, each behind its host: on the hosts of the line, else as `--list` does.

    `kept`: also those that have ended and are kept, and jobs that have ended. Raises the error of a host that is named,
    NotFound. A child asks known remotes, as that takes threads: this process forks afterwards.
    """

    def listed(function: Callable[..., int]) -> list[Any]:
        return fanout.rows(fanout.gather(fanout.branches_of(cli, {"label": list(label)}, function)))

    rows = listed(list_)
    ended = listed(_ended_jobs) if kept else []
    for row in [*rows, *ended]:
        if "error" in row:
            raise rebuild(row["error"])
    for host, reason in {row["host"]: row["stale"]["reason"] for row in rows if "stale" in row}.items():
        cli.note(f"@{host} {lookup.absence(host, reason)}: its sessions are not waited for")
    states = ("running", "exited") if kept else ("running",)
    places = [(row["host"], row["name"]) for row in rows if row["state"] in states and "stale" not in row]
    places += [(row["host"], row["name"]) for row in ended]
    if not places:
        raise NotFound(f"no session has the label {' and '.join(map(printable, label))}", hint=f"see: {SESH} --list")
    return places


def _ended_jobs(cli: Invocation, *, label: Sequence[str]) -> int:
    """Print the ended jobs that had the labels, as places: here and on known remotes that answer, or on the line's
    host."""
    labels = dict(map(check_label, label))
    hosts = [cli.host]
    if cli.host is None and not cli.local and paths.knows_remotes():
        hosts += [host for host, _, reason in lookup.lists(cli) if not reason]
    ended = ((host, name) for host in hosts for name in cli.target_of(host).call(jobs.ended, labels=labels))
    return cli.value([{"host": host, "name": name} for host, name in ended])
