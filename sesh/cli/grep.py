"""`grep`: search the text of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from typer import Argument, Option

from sesh.cli.parameters import Context, Names
from sesh.cli.printed import PrintedCount, prints
from sesh.cli.printing import error_row
from sesh.cli.render import lines_of
from sesh.errors import ErrorFacts, ExitCode, UsageError
from sesh.ops import search
from sesh.reach.target import Target
from sesh.schema.facts import Place
from sesh.schema.outcomes import Hit
from sesh.store import listing
from sesh.text import describe, safe


@prints(list[Hit] | list[PrintedCount])
def grep(
    ctx: Context,
    pattern: Annotated[str, Argument(metavar="REGEX", help="What a line has to match.", show_default=False)],
    names: Names = None,
    *,
    context: Annotated[
        int | None, Option("--context", "-C", metavar="N", min=0, help="Show N lines around each match.")
    ] = None,
    ignore_case: Annotated[bool, Option("--ignore-case", "-i", help="Ignore case.")] = False,
    only_names: Annotated[
        bool, Option("--names", "-l", help="Print the names of the sessions that match, and no lines.")
    ] = False,
    count: Annotated[
        bool, Option("--count", "-c", help="Print how many lines of each session match, and no lines.")
    ] = False,
) -> int:
    """Search scrollback and screen of sessions, ended and lost ones too.

    Without NAME it searches all sessions on this machine, or on @HOST; inside a session without @HOST, only that one. A
    job that is no longer listed is searched only by its NAME. The exit code is 1 if nothing was found.

    Examples:
      sesh grep 'error|failed'
      sesh grep -i warning build -C 2
      sesh grep -l 'out of memory'
      sesh @gpu grep loss train
      sesh @web1 @web2 grep error
    """
    cli = ctx.obj
    if only_names and count:
        raise UsageError("--names and --count cannot be combined")
    if context is not None and (only_names or count):
        raise UsageError(f"--context shows lines, and --{'count' if count else 'names'} shows none")
    names = names or []
    if not names and cli.line.host is None and (here := listing.current()) is not None:
        names = [here["name"]]
    hits: list[Hit] = []
    counts: list[PrintedCount] = []
    counting = only_names or count

    def search_on(target: Target, some: Sequence[str]) -> Mapping[str, ErrorFacts]:
        if counting:
            counted = target.call(search.count, pattern, some, ignore_case)
            for name, found in counted["counts"].items():
                if count or found:
                    counts.append({"session": name, "host": target.host, "count": found})
            return counted["failed"]
        result = target.call(search.grep, pattern, some, context or 0, ignore_case)
        hits.extend({**hit, "host": target.host} for hit in result["hits"])
        return result["failed"]

    failed = cli.on_each(names, search_on)
    if cli.line.json:
        rows = [error_row(failure.error, failure.error.host, session=name) for name, failure in failed.items()]
        cli.out.value([*(counts if counting else hits), *rows])
    else:
        for row in counts:
            name = _name(row, several=cli.out.several)
            cli.out.text(f"{name}:{row['count']}" if count else name)
        if hits:
            cli.out.text("\n".join(_shown(hits, several=cli.out.several)))
        for line in lines_of(failed):
            cli.note(line)
    is_found = bool(hits) or any(row["count"] for row in counts)
    if failed and not is_found:
        return ExitCode.FAILED
    return ExitCode.OK if is_found else cli.out.nothing_found()


def _name(found: Hit | PrintedCount, *, several: bool) -> str:
    """Return the words for the session of a row; on several hosts, each line has the host already."""
    return describe.qualified_name(Place(None if several else found["host"], found["session"]))


def _shown(hits: Sequence[Hit], *, several: bool) -> list[str]:
    """Return hits as lines of grep: `session:line:text`, `session-line-text` for context, `--` between groups."""
    lines: dict[tuple[str, int], str] = {}  # by session and number; a line in the context of several hits stands once
    for hit in hits:
        name = _name(hit, several=several)
        line = int(hit["line"])
        for at, text in enumerate([*hit["before"], hit["text"], *hit["after"]], line - len(hit["before"])):
            mark = ":" if at == line else "-"
            if at == line or (name, at) not in lines:
                lines[name, at] = f"{name}{mark}{at}{mark}{safe.plain(text)}"
    out: list[str] = []
    has_context = any(hit["before"] or hit["after"] for hit in hits)
    before: tuple[str, int] | None = None
    for (name, at), shown in lines.items():
        if has_context and before not in (None, (name, at - 1)):
            out.append("--")
        out.append(shown)
        before = name, at
    return out
