"""The verb table as typer sees it: all help."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from sesh.about import CALLED, PROGRAM
from sesh.cli import parser
from sesh.cli.verb_texts import EVERYWHERE
from sesh.cli.verbs import BY_NAME, FLAG, MANY, VERBS, Verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer import _click

VERBLESS = "NAME"
"""The name in help of the form without a verb."""
_COMMAND = re.compile(rf"(?<=  ){PROGRAM}(?=\s|$)|(?<=[`( ]){PROGRAM}(?= --| @| NAME|`)")
"""A command of sesh in a text of help."""
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_SHOWN = frozenset(verb.name for verb in VERBS)
_EPILOG = """Ctrl-\\ leaves a session, which keeps running; `sesh NAME` returns to it. All after -- is the command.

Exit codes: 0 success; 1 refused or not found; 2 usage; 124 timed out; 125 the command of --exec or --run did not run;
126 or 127 it cannot be executed, or was not found; 128+N ended by signal N; 255 the outcome is not known; else the
command's own.

Environment: SESH_DIR (~/.sesh), SESH_DETACH_KEY (C-\\), SESH_JSON=1, SESH_DEBUG=1; for ssh SESH_SSH, SESH_IDENTITY,
SESH_PROXYJUMP. Settings: ~/.config/sesh/config.toml."""


class VerbCommand(TyperCommand):
    """One verb; its `options_metavar` is the whole usage."""

    def collect_usage_pieces(self, ctx: _click.Context) -> list[str]:
        """Return the usage line, in one piece."""
        return [self.options_metavar or ""]

    def format_options(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """Write the verb's options, and those of every verb."""
        records = [param.get_help_record(ctx) for param in self.get_params(ctx) if param.param_type_name == "option"]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])
        attaching = self.name in (VERBLESS, "--attach", "--pick")
        with formatter.section("With every verb"):
            formatter.write_dl([row for row in EVERYWHERE if not (attaching and row[0] == "--json")])


class WholeCommand(VerbCommand):
    """The help of sesh as a whole."""

    def format_options(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """Write the verbs with their short forms, and the options of every verb."""
        rows = [("(nothing)", "List the sessions.")]
        for verb in VERBS:
            spelled = verb.name or "NAME [DIR] [-- CMD…]"
            rows.append((f"{spelled}, {verb.short}" if verb.short else spelled, f"{verb.summary}."))
        with formatter.section("Verbs (see `sesh --VERB --help` and `sesh NAME --help`)"):
            formatter.write_dl(rows)
        with formatter.section("With every verb"):
            formatter.write_dl(EVERYWHERE)


_WHOLE = WholeCommand(
    PROGRAM,
    context_settings=_CONTEXT,
    rich_markup_mode=None,
    options_metavar="[@HOST…] [NAME [DIR] | --VERB …] [-- CMD…]",
    help="Named shell sessions that stay alive: leave, come back, or drive them from scripts.",
    epilog=_EPILOG,
)


def command(verb: Verb) -> TyperCommand:
    """Return a verb as a command of typer's."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    # \b keeps typer from joining the lines.
    examples = "\n".join(["\b", "Examples:", *(f"  {line}" for line in verb.examples)])
    app.command(
        verb.name or VERBLESS,
        cls=VerbCommand,
        help=verb.text,
        options_metavar=verb.usage,
        epilog=examples,
        context_settings=_CONTEXT,
    )(_stub(verb))
    return cast("TyperCommand", get_command(app))


def _stub(verb: Verb) -> Callable[..., None]:
    """Return a function for typer, which reads the words of the verb from its signature and never calls it."""

    def stub(**_values: object) -> None:
        return None

    parameters = []

    def add(key: str, value: Any, declared: object, default: object) -> None:
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(key, kind, annotation=Annotated[value, declared], default=default))

    for word in (f"{verb.gather}*",) if verb.gather else verb.words:
        key, kind = word.rstrip("?*+"), word[-1]
        metavar = {"?": f"[{key.upper()}]", "*": f"[{key.upper()}]…", "+": f"{key.upper()}…"}.get(kind, key.upper())
        value: Any = {"?": str | None, "*": list[str] | None, "+": list[str]}.get(kind, str)
        declared = typer.Argument(metavar=metavar, show_default=False)
        add(key, value, declared, None if kind in "?*" else inspect.Parameter.empty)
    for option in verb.options:
        value = {FLAG: bool, MANY: list[str] | None}.get(option.kind, str | None)
        declared = typer.Option(*option.spellings, metavar=option.metavar or None, help=option.help)
        add(option.key, value, declared, False if option.kind == FLAG else None)
    stub.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    stub.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return stub


def help_of(line: parser.CommandLine) -> str:
    """Return the text of help: of the line's verb, of a verb without its dashes, of NAME, else of the whole."""
    verb = line.verb or parser.verb_like(line.words[0] if line.words else "")
    if verb in _SHOWN and (verb or line.create or line.words):
        shown, name = command(BY_NAME[verb]), f"{CALLED} {verb or VERBLESS}"
    else:
        shown, name = _WHOLE, CALLED
    context = shown.context_class(shown, info_name=name, **shown.context_settings)
    return _COMMAND.sub(CALLED, shown.get_help(context))
