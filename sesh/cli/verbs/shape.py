"""How a verb is declared to typer: its words, its usage and examples, and the options that several verbs have.

A command only says what is to be done: it is done when typer, which has its own ideas of Ctrl-C, has returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from sesh.cli import group
from sesh.cli.group import Verb, Verbs

Work = Callable[[], int]

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_ENDING = """Ctrl-\\ leaves a session, and it goes on; `sesh NAME` comes back. All after -- is the command, untouched.

Exit codes: 0 success; 1 refused or not found; 2 usage; 124 timed out; 125 --exec or --run refused, or sesh itself
failed; 126 or 127 the command cannot be executed, or is not there; 128+N ended by signal N; else the command's own.

Environment: SESH_DIR (~/.sesh), SESH_DETACH_KEY (C-\\), SESH_JSON=1, SESH_DEBUG=1; for ssh SESH_SSH, SESH_IDENTITY,
SESH_PROXYJUMP. Settings: ~/.config/sesh/config.toml."""

app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_CONTEXT,
    help="Keep named shell sessions alive: leave them, come back to them, drive them from scripts.",
    epilog=_ENDING,
)


def _example(*lines: str) -> str:
    """The end of a verb's help; the \\b keeps typer from joining its lines."""
    return "\n".join(["\b", "For example:", *(f"  {line}" for line in lines)])


def verb(name: str, usage: str, *examples: str) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    """Declares a verb: its long form, its usage, lines that show how it is used."""
    return app.command(name, cls=Verb, options_metavar=usage, epilog=_example(*examples), context_settings=_CONTEXT)


def work(doer: Callable[..., int], ctx: typer.Context) -> Work:
    """A verb with the words that were given, by the names that they have in its declaration; carried out later."""
    given = {key: value for key, value in ctx.params.items() if value not in (None, False, [])}
    return lambda: doer(group.of(ctx), **given)


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
MaybeName = Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False)]
Directory = Annotated[str | None, typer.Argument(metavar="[DIR]", show_default=False)]
Env = Annotated[list[str] | None, typer.Option("--env", metavar="K=V", help="A variable for the program; repeatable.")]
Label = Annotated[list[str] | None, typer.Option("--label", metavar="K=V", help="A label; repeatable.")]
Detached = Annotated[bool, typer.Option("-d", help="Do not attach, do not wait; print the name.")]
