"""`grep`: search the text of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typer import Argument, Option

from sesh import errors, wording
from sesh.cli import printing
from sesh.cli.fanout import on_hosts
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Context, Names, number
from sesh.cli.printing import error_row
from sesh.errors import SeshError
from sesh.ops import search
from sesh.outcomes import Hit
from sesh.reach.target import Target
from sesh.schema import ErrorFacts, Place
from sesh.store import listing


def grep(
    ctx: Context,
    pattern: Annotated[str, Argument(metavar="REGEX", help="What a line has to match.", show_default=False)],
    names: Names = None,
    *,
    context: Annotated[
        int | None, Option("-C", metavar="N", parser=number, help="Show N lines around each match.")
    ] = None,
    ignore_case: Annotated[bool, Option("-i", help="Ignore case.")] = False,
) -> int:
    """Search scrollback and screen of sessions, ended and lost ones too.

    Without NAME it searches all sessions on this machine, or on @HOST; inside a session without @HOST, only that one. A
    job that is no longer listed is searched only by its NAME. The exit code is 1 if nothing was found.

    Examples:
      sesh grep 'error|failed'
      sesh grep -i warning build -C 2
      sesh @gpu grep loss train
      sesh @web1 @web2 grep error
    """
    cli = ctx.obj
    names = names or []
    if not names and not cli.line.hosts and (here := listing.current()) is not None:
        names = [here["name"]]
    query: dict[str, Any] = {"pattern": pattern, "context": context or 0, "ignore_case": ignore_case}
    rows, failures = _search(cli, names, query)
    hits = [row for row in rows if "error" not in row]
    if cli.line.json:
        cli.out.value(rows)
    elif hits:
        cli.out.text("\n".join(_shown(hits)))
    for line in failures:
        cli.note(line)
    return 0 if hits else 1


def _search(cli: Invocation, names: Sequence[str], query: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """Search sessions or the line's hosts; return hits, and a line for each failure."""
    hits: dict[str | None, list[Any]] = {}

    def search_on(target: Target, some: Sequence[str]) -> dict[str, ErrorFacts]:
        result = target.call(search.grep, names=some, **query)
        hits[target.host] = [{**hit, "host": target.host} for hit in result["hits"]]
        return result["failed"]

    if names and len(cli.line.hosts) < 2:
        failures = [error.line() for error in cli.on_each(names, search_on).values()]
        return [hit for found in hits.values() for hit in found], failures
    rows: list[Any] = []
    failures = []
    results = on_hosts(cli, cli.line.hosts or [None], lambda target: search_on(target, names))
    for host, result in results.items():
        if isinstance(result, SeshError):
            rows.append(error_row(result, host))
            failed = [result]
        else:
            rows += hits[host]
            failed = [*map(errors.rebuild, result.values())]
        failures += [printing.on_host(host, error.line(host)) for error in failed]
    return rows, failures


def _shown(hits: Sequence[Hit]) -> list[str]:
    """Return hits as lines of grep: `session:line:text`, `session-line-text` for context, `--` between groups."""
    lines: dict[tuple[str, int], str] = {}  # by session and number; a line in the context of several hits stands once
    for hit in hits:
        name, line = wording.qualified_name(Place(hit["host"], hit["session"])), int(hit["line"])
        for at, text in enumerate([*hit["before"], hit["text"], *hit["after"]], line - len(hit["before"])):
            mark = ":" if at == line else "-"
            if at == line or (name, at) not in lines:
                lines[name, at] = f"{name}{mark}{at}{mark}{wording.plain(text)}"
    out: list[str] = []
    has_context = any(hit["before"] or hit["after"] for hit in hits)
    before: tuple[str, int] | None = None
    for (name, at), shown in lines.items():
        if has_context and before not in (None, (name, at - 1)):
            out.append("--")
        out.append(shown)
        before = name, at
    return out
