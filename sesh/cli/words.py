"""Words and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from typer import Argument, Option

from sesh.cli import offers
from sesh.cli.invocation import Invocation


class Context(typer.Context):
    """The context of a verb, made by typer: the first parameter of each verb's function."""

    obj: Invocation


def _names(ctx: typer.Context, incomplete: str) -> offers.Offers:
    """Return the sessions that the line may mean."""
    cli: Invocation = ctx.obj
    given = [*(ctx.params.get("names") or ()), ctx.params.get("name")]
    found = offers.sessions(cli.hosts, local=cli.local)
    return [offer for offer in dict(found).items() if offer[0].startswith(incomplete) and offer[0] not in given]


def offering(function: Callable[[], offers.Offers]) -> Callable[[str], offers.Offers]:
    """Return the completion of an option or argument from all its words."""
    return lambda incomplete: [offer for offer in function() if offer[0].startswith(incomplete)]


def among(*words: str) -> Callable[[str], offers.Offers]:
    """Return the completion of an option or argument that takes one of these words."""
    return offering(lambda: [(word, "") for word in words])


TIME = "TIME (90 or 90s, 5m, 2h, 7d)"

Name = Annotated[str, Argument(metavar="NAME", show_default=False, autocompletion=_names)]
AnyName = Annotated[str | None, Argument(metavar="NAME", show_default=False, autocompletion=_names)]
Names = Annotated[list[str] | None, Argument(metavar="NAME…", show_default=False, autocompletion=_names)]
Directory = Annotated[str | None, Argument(metavar="DIR", show_default=False)]

_labels = offering(offers.labels)
Labelled = Annotated[
    list[str] | None,
    Option("--label", metavar="K=V", autocompletion=_labels, help="Sessions with this label; may be repeated."),
]
Label = Annotated[
    list[str] | None, Option("--label", metavar="K=V", autocompletion=_labels, help="Set a label; may be repeated.")
]
Env = Annotated[
    list[str] | None,
    Option(
        "--env",
        metavar="K=V",
        autocompletion=offering(offers.variables),
        help="Set a variable for the program; may be repeated.",
    ),
]
Size = Annotated[
    str | None,
    Option("--size", metavar="COLUMNSxROWS", help="Its columns and rows until a terminal attaches, as 200x50."),
]
Detached = Annotated[bool, Option("-d", help="Return at once, and print the session's name.")]
Yes = Annotated[bool, Option("-y", help="Do not ask.")]
Ansi = Annotated[bool, Option("--ansi", help="Keep colours and other escape sequences.")]
Follow = Annotated[bool, Option("--follow", "-f", help="Print new output as it comes, until the session ends.")]
Timeout = Annotated[
    str | None,
    Option("--timeout", metavar="TIME", help=f"Stop waiting after {TIME}, with exit code 124; nothing is ended."),
]

Replace = Annotated[bool, Option("--replace", help="Detach the other clients.")]
ReadOnly = Annotated[bool, Option("--read-only", "-r", help="Only watch; keys are ignored.")]
NoReplay = Annotated[bool, Option("--no-replay", help="Show only the screen, no scrollback.")]
NoDetachKey = Annotated[
    bool, Option("--no-detach-key", help="Pass the detach key to the program; leave with `sesh detach`.")
]
