"""`wait`: wait until a condition holds for one session, each of several, or any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from typer import Option

from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import TIME, Context, Labelled, Names, Timeout, refuse_unused, seconds
from sesh.cli.printed import PrintedCondition, prints
from sesh.cli.printing import error_row
from sesh.errors import SeshError, UsageError
from sesh.ops.pattern import check_pattern
from sesh.ops.wait import Begin, Conditions, labelled, wait_for_several, wait_until_met
from sesh.reach.outcome import Answered, Failed, Outcome, exit_code
from sesh.schema.facts import Place
from sesh.schema.outcomes import Condition
from sesh.text import describe, safe


@prints(PrintedCondition | list[PrintedCondition])
def wait(  # noqa: PLR0913 (so many conditions)
    ctx: Context,
    names: Names = None,
    *,
    any_: Annotated[bool, Option("--any", help="Wait only for the first of several sessions.")] = False,
    label: Labelled = None,
    exit_: Annotated[bool, Option("--exit", help="The session has ended; exit with its code (the default).")] = False,
    prompt: Annotated[bool, Option("--prompt", help="The shell is at its prompt.")] = False,
    waiting: Annotated[bool, Option("--waiting", help="The program waits for a person.")] = False,
    idle: Annotated[
        float | None, Option("--idle", metavar="TIME", parser=seconds, help=f"Nothing was printed for {TIME}.")
    ] = None,
    pattern: Annotated[str | None, Option("--for", metavar="REGEX", help="A line matches REGEX.")] = None,
    position: Annotated[
        int | None,
        Option(
            "--from",
            metavar="POS",
            min=0,
            help="Begin after position POS of the output, which `sesh send --json` prints.",
        ),
    ] = None,
    since_start: Annotated[bool, Option("--since-start", help="Search all output that is kept.")] = False,
    timeout: Timeout = None,
) -> int:
    """Wait until one of the conditions holds, and print which.

    Output counts from the last send or run, else from now on. With several sessions it waits until one condition holds
    for each, and exits with the first code that is not 0.

    Examples:
      sesh wait build --exit
      sesh wait work --prompt --timeout 5m
      sesh wait web --for 'listening on port [0-9]+' --idle 30
      sesh wait agent --waiting
      sesh wait build test --exit
      sesh wait --label team=web --waiting --any
    """
    cli = ctx.obj
    given = names or []
    if not given and not label:
        raise UsageError(f"no session given; write: {SESH} wait NAME, or {SESH} wait --label KEY=VALUE")
    if pattern is None and not prompt:
        why = "without --for or --prompt no output is searched"
        refuse_unused(why, {"--from": position, "--since-start": since_start or None})
    several = any_ or bool(label) or len(given) > 1 or len(cli.line.hosts) > 1
    conditions: Conditions = {
        "exit": exit_,
        "prompt": prompt,
        "waiting": waiting,
        "idle": idle,
        "pattern": check_pattern(pattern) if pattern is not None else None,
        "begin": _begin(position, several=several, since_start=since_start),
        "timeout": timeout,
    }
    if several:
        places = {**_places(cli, given), **labelled(cli, cli.line.hosts, dict(label or ()), conditions)}
        return _report(cli, wait_for_several(cli, places, conditions, first=any_), several=True)
    target = cli.find_target(given[0])
    met = wait_until_met(target, given[0], conditions)
    return _report(cli, {Place(target.host, given[0]): met}, several=False)


def _begin(position: int | None, *, several: bool, since_start: bool) -> Begin:
    """Return where the output that counts begins. Raises UsageError."""
    if position is None:
        return "start" if since_start else "sent"
    if several:
        raise UsageError("--from is a position in the output of one session; name that one alone")
    if since_start:
        raise UsageError("--from and --since-start cannot be combined")
    return position


def _report(cli: Invocation, results: Mapping[Place, Condition | SeshError], *, several: bool) -> int:
    """Print the condition met by each session, or its error; return the first nonzero code."""
    if cli.line.json:
        rows = [_row(place, result) for place, result in results.items()]
        cli.out.value(rows if several else rows[0])
    else:
        for place, result in results.items():
            if isinstance(result, SeshError):
                line = result.line(place.host)
                cli.note(line if place.host is None else f"@{place.host}: {line}")
            else:
                prefix = f"{describe.qualified_name(place)}: " if several else ""
                fact = result["exit_code"] if result["match"] is None else result["match"]
                detail = "" if fact is None else safe.plain(fact)
                cli.out.text(prefix + ": ".join(filter(None, (result["met"], detail))))
    codes = (exit_code("wait", _outcome(result)) for result in results.values())
    return next(filter(None, codes), 0)


def _outcome(result: Condition | SeshError) -> Outcome[int]:
    return Failed(result) if isinstance(result, SeshError) else Answered(result["exit_code"] or 0)


def _row(place: Place, result: Condition | SeshError) -> dict[str, object]:
    if isinstance(result, SeshError):
        return error_row(result, place.host, session=place.name)
    return {"session": place.name, "host": place.host, **result}


def _places(cli: Invocation, names: Sequence[str]) -> dict[Place, SeshError | None]:
    """Return the places of the sessions, each with the error of its search, or None.

    If the line has hosts, each session has a place on each of them.
    """
    if cli.line.hosts:
        return {Place(host, name): None for host in cli.line.hosts for name in names}
    places: dict[Place, SeshError | None] = {}
    for name, host in cli.search(names).items():
        error = host if isinstance(host, SeshError) else None
        places[Place(None if isinstance(host, SeshError) else host, name)] = error
    return places
