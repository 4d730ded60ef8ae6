"""`grep`: search the text of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from typer import Argument, Option

from sesh.cli.parameters import Context, Names
from sesh.cli.printed import prints
from sesh.cli.printing import error_row
from sesh.cli.render import lines_of
from sesh.errors import ErrorFacts, ExitCode
from sesh.ops import search
from sesh.reach.target import Target
from sesh.schema.facts import Place
from sesh.schema.outcomes import Hit
from sesh.store import listing
from sesh.text import describe, safe


@prints(list[Hit])
def grep(
    ctx: Context,
    pattern: Annotated[str, Argument(metavar="REGEX", help="What a line has to match.", show_default=False)],
    names: Names = None,
    *,
    context: Annotated[int | None, Option("-C", metavar="N", min=0, help="Show N lines around each match.")] = None,
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
    if not names and cli.line.host is None and (here := listing.current()) is not None:
        names = [here["name"]]
    hits: list[Hit] = []

    def search_on(target: Target, some: Sequence[str]) -> Mapping[str, ErrorFacts]:
        result = target.call(search.grep, pattern, some, context or 0, ignore_case)
        hits.extend({**hit, "host": target.host} for hit in result["hits"])
        return result["failed"]

    failed = cli.on_each(names, search_on)
    if cli.line.json:
        rows = [error_row(failure.error, failure.error.host, session=name) for name, failure in failed.items()]
        cli.out.value([*hits, *rows])
    else:
        if hits:
            cli.out.text("\n".join(_shown(hits, several=cli.out.several)))
        for line in lines_of(failed):
            cli.note(line)
    if failed and not hits:
        return ExitCode.FAILED
    return ExitCode.OK if hits else cli.out.nothing_found()


def _shown(hits: Sequence[Hit], *, several: bool) -> list[str]:
    """Return hits as lines of grep: `session:line:text`, `session-line-text` for context, `--` between groups."""
    lines: dict[tuple[str, int], str] = {}  # by session and number; a line in the context of several hits stands once
    for hit in hits:
        name = describe.qualified_name(Place(None if several else hit["host"], hit["session"]))
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
