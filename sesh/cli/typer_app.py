"""The verb table as typer sees it: slow verbs parsed, all help, and one line for a word that is wrong."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from sesh.about import CALLED, PROGRAM
from sesh.cli import parser, suggestions
from sesh.cli.verbs import BY_NAME, EVERYWHERE, FLAG, MANY, VERBS, Verb
from sesh.errors import Interrupted, UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from typer import _click

    Given = tuple[parser.Line, parser.Options]

VERBLESS = "NAME"
"""The command of a line without a verb. No line spells it: the group puts it there."""
_COMMAND = re.compile(rf"(?<=  ){PROGRAM}(?=\s|$)|(?<=[`( ]){PROGRAM}(?= --| @| NAME|`)")
"""A command of sesh in a text of help."""
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EPILOG = """Ctrl-\\ leaves a session, which keeps running; `sesh NAME` returns to it. All after -- is the command.

Exit codes: 0 success; 1 refused or not found; 2 usage; 124 timed out; 125 the command of --exec or --run did not run;
126 or 127 it cannot be executed, or was not found; 128+N ended by signal N; 255 the outcome is not known; else the
command's own.

Environment: SESH_DIR (~/.sesh), SESH_DETACH_KEY (C-\\), SESH_JSON=1, SESH_DEBUG=1; for ssh SESH_SSH, SESH_IDENTITY,
SESH_PROXYJUMP. Settings: ~/.config/sesh/config.toml."""


class VerbCommand(TyperCommand):
    """One verb; its `options_metavar` is the whole usage."""

    def collect_usage_pieces(self, ctx: _click.Context) -> list[str]:
        """The words of the usage line."""
        return [self.options_metavar or ""]

    def format_options(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """The verb's options, and those that every verb has."""
        records = [each.get_help_record(ctx) for each in self.get_params(ctx) if each.param_type_name == "option"]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])
        attaching = self.name in (VERBLESS, "--attach", "--pick")
        with formatter.section("With every verb"):
            formatter.write_dl([row for row in EVERYWHERE if not (attaching and row[0] == "--json")])


class VerbGroup(TyperGroup):
    """All verbs. `parser.split` takes a line apart: `--json`, hosts and the command never reach typer's parser."""

    def list_commands(self, ctx: _click.Context) -> list[str]:
        """The verbs in the order of the table."""
        return [verb.name or VERBLESS for verb in VERBS]

    def parse_args(self, ctx: _click.Context, args: list[str]) -> list[str]:
        """Puts the verb in front, the verb-less command where there is none; typer looks for no options before it."""
        line = parser.split(args)
        ctx.obj = line
        after = [] if line.tail is None or line.row.command else ["--", *line.tail]
        return super().parse_args(ctx, ["--", line.verb or VERBLESS, *line.words, *after])

    def collect_usage_pieces(self, ctx: _click.Context) -> list[str]:
        """The words of the usage line."""
        return ["[@HOST…] [NAME [DIR] | --VERB …] [-- CMD…]"]

    def format_options(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """The verbs with their short forms, and what goes with all of them."""
        rows = [("(nothing)", "List the sessions.")]
        for verb in VERBS:
            spelled = verb.name or "NAME [DIR] [-- CMD…]"
            rows.append((f"{spelled}, {verb.short}" if verb.short else spelled, f"{verb.summary}."))
        with formatter.section("Verbs (see `sesh --VERB --help` and `sesh NAME --help`)"):
            formatter.write_dl(rows)
        with formatter.section("With every verb"):
            formatter.write_dl(EVERYWHERE)


def app() -> TyperGroup:
    """All verbs as typer's commands."""
    made = typer.Typer(
        cls=VerbGroup,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_CONTEXT,
        help="Named shell sessions that stay alive: leave, come back, or drive them from scripts.",
        epilog=_EPILOG,
    )
    for verb in VERBS:
        # \b keeps typer from joining the lines.
        examples = "\n".join(["\b", "Examples:", *(f"  {line}" for line in verb.examples)])
        declare = made.command(
            verb.name or VERBLESS,
            cls=VerbCommand,
            help=verb.help,
            short_help=f"{verb.summary}.",
            options_metavar=verb.usage,
            epilog=examples,
            context_settings=_CONTEXT,
        )
        declare(_callback(verb))
    built = get_command(made)
    if not isinstance(built, TyperGroup):
        raise TypeError("typer made no group of the verbs")
    return built


def _callback(verb: Verb) -> Callable[..., Given]:
    """The function that typer calls for a verb: it returns the line and what was given, by the table's keys.

    typer reads the words of a verb from a signature, so one is made of the row.
    """

    def given(ctx: typer.Context, **values: Any) -> Given:
        return ctx.obj, {key: value for key, value in values.items() if value not in (None, False, [])}

    parameters: dict[str, object] = {"ctx": typer.Context}
    defaults: dict[str, bool | None] = {}
    for place in (f"{verb.gather}*",) if verb.gather else verb.words:
        key, kind = place.rstrip("?*+"), place[-1]
        metavar = {"?": f"[{key.upper()}]", "*": f"[{key.upper()}]…", "+": f"{key.upper()}…"}.get(kind, key.upper())
        argument = typer.Argument(metavar=metavar, show_default=False)
        value: Any = {"?": str | None, "*": list[str] | None, "+": list[str]}.get(kind, str)
        parameters[key] = Annotated[value, argument]
        if kind in "?*":
            defaults[key] = None
    for option in verb.options:
        declared = typer.Option(*option.spellings, metavar=option.metavar or None, help=option.help)
        value = bool if option.kind == FLAG else list[str] | None if option.kind == MANY else str | None
        parameters[option.key] = Annotated[value, declared]
        defaults[option.key] = False if option.kind == FLAG else None
    signature = [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=defaults.get(key, inspect.Parameter.empty)
        )
        for key, kind in parameters.items()
    ]
    given.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    given.__annotations__ = parameters
    return given


def parse(argv: list[str]) -> parser.Options:
    """The options and plain words of a line by their keys. Raises UsageError, in one line, for what is wrong."""
    try:
        found = app().main(args=argv, prog_name=CALLED, standalone_mode=False)
    except TyperException as error:
        raise _one_line(error, parser.split(argv)) from None
    if not isinstance(found, tuple):
        raise Interrupted("interrupted")  # typer turns Ctrl-C into a number
    given: parser.Options = found[1]
    return given


def _one_line(error: TyperException, line: parser.Line) -> UsageError:
    """Typer's error as a line of sesh's own, with what was probably meant, or where to read on."""
    message = error.format_message().strip().rstrip(".")
    verb = line.verb
    more = f"see `$sesh {verb} --help`" if verb else "see `$sesh --help`"
    unknown = message.startswith("No such option")
    if verb in ("--send", "--message") and unknown:
        more = f"write TEXT that begins with a dash after --: $sesh {verb} NAME -- TEXT"
    elif (unknown or "extra arg" in message) and (meant := _commanded(line)):
        return UsageError(f"write the command after --: {meant}")
    elif unknown and getattr(error, "option_name", "") == "-C":
        row = f"{verb} NAME" if verb else "NAME"
        return UsageError("-C is an option of --exec; here DIR follows NAME", hint=f"write: $sesh {row} DIR")
    elif unknown and not verb and (near := get_close_matches(getattr(error, "option_name", ""), BY_NAME, 1, 0.75)):
        message, _, _ = message.partition(" (")  # typer proposes options of the form without a verb
        more = f"did you mean $sesh {near[0]}?"
    return UsageError(f"{message[:1].lower()}{message[1:]}", hint=more)


def _commanded(line: parser.Line) -> str:
    """The line of a `--run` whose command was written without `--`, as it was meant; empty for any other."""
    at = 0
    while at < len(line.words) and parser.kind_of(line.verb, line.words[at]) is not None:
        at += 2 if parser.takes_value(line.verb, line.words[at]) else 1
    own, command = line.words[: at + 1], line.words[at + 1 :]
    if line.verb != "--run" or line.tail is not None or not command or own[-1][:1] == "-":
        return ""
    return " ".join(["$sesh", line.verb, *map(printable, own), "--", *map(printable, command)])


def help_of(line: parser.Line) -> str:
    """The text of help: of the line's verb, of one that is named without its dashes, of NAME, else of the whole."""
    group = app()
    context = group.context_class(group, info_name=CALLED, **group.context_settings)
    verb = line.verb or suggestions.verb_like(line.words[0] if line.words else "")
    if not verb and (line.create or line.words):
        verb = VERBLESS
    command = group.commands.get(verb)
    if command is not None:
        context = command.context_class(command, info_name=verb, parent=context, **command.context_settings)
    return _COMMAND.sub(CALLED, (command or group).get_help(context))
