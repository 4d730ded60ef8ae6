"""The shape of the verbs in typer: dashes before their names, the verb-less command, help, one line for a wrong word.

The group takes the line apart by `words.split`, so `--json`, hosts and all after `--` never reach typer's own parser.
"""

from __future__ import annotations

from difflib import get_close_matches

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from sesh.cli import parser, slips
from sesh.errors import Interrupted, UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typer import _click

VERBLESS = "NAME"
"""The command of a line without a verb. No line spells it: the group puts it there."""

EVERYWHERE = (
    ("@HOST", "On that host, over ssh; it comes before the verb, or before NAME."),
    ("--json", "Print one JSON value, errors too (also where SESH_JSON=1)."),
    ("--local", "Ask no remote."),
)


class Verb(TyperCommand):
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
        with formatter.section("As with every verb"):
            formatter.write_dl([row for row in EVERYWHERE if not (attaching and row[0] == "--json")])


class Verbs(TyperGroup):
    """All verbs; a context's `obj` is the Line."""

    def list_commands(self, ctx: _click.Context) -> list[str]:
        """The verbs in the order of the table of words, first the verb-less one."""
        return [name for name in (VERBLESS, *parser.VERBS) if name in self.commands]

    def parse_args(self, ctx: _click.Context, args: list[str]) -> list[str]:
        """Puts the verb in front, the verb-less command where there is none; typer looks for no options before it."""
        line = parser.split(args)
        ctx.obj = line
        after = [] if line.tail is None or line.verb in parser.COMMANDED else ["--", *line.tail]
        return super().parse_args(ctx, ["--", line.verb or VERBLESS, *line.words, *after])

    def collect_usage_pieces(self, ctx: _click.Context) -> list[str]:
        """The words of the usage line."""
        return ["[@HOST…] [NAME [DIR] | --VERB …] [-- CMD…]"]

    def format_options(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """The verbs with their short forms, in the order of the table of words, and what goes with all of them."""
        rows = []
        for name in self.list_commands(ctx):
            spelled = "NAME [DIR] [-- CMD…]" if name == VERBLESS else name
            if short := parser.VERBS.get(name):
                spelled += f", {short}"
            rows.append((spelled, self.commands[name].get_short_help_str(160)))
        with formatter.section("Verbs (`sesh --VERB --help` and `sesh NAME --help` tell more)"):
            formatter.write_dl([("(nothing)", "List the sessions."), *rows])
        with formatter.section("With every verb"):
            formatter.write_dl(EVERYWHERE)


def of(ctx: typer.Context) -> parser.Line:
    """The line that a verb was written in."""
    line: parser.Line = ctx.obj
    return line


def run(group: TyperGroup, argv: list[str]) -> int:
    """Has typer parse a line, then carries its verb out; the exit code.

    Raises UsageError, in one line, for whatever typer finds wrong.
    """
    try:
        work = group.main(args=argv, prog_name="sesh", standalone_mode=False)
    except TyperException as error:
        raise _one_line(error, parser.split(argv)) from None
    if not callable(work):
        raise Interrupted("interrupted")  # typer turns Ctrl-C into a number
    code: int = work()
    return code


def _one_line(error: TyperException, line: parser.Line) -> UsageError:
    """Typer's error as a line of sesh's own, with what was meant, or where to read on."""
    message = error.format_message().strip().rstrip(".")
    verb = line.verb
    more = f"see `sesh {verb} --help`" if verb else "see `sesh --help`"
    unknown = message.startswith("No such option")
    if verb in ("--send", "--message") and unknown:
        more = f"a TEXT that begins with a dash goes after --: sesh {verb} NAME -- TEXT"
    elif (unknown or "extra arg" in message) and (meant := _commanded(line)):
        return UsageError(f"the command comes after --: {meant}")
    elif unknown and not verb and (near := get_close_matches(getattr(error, "option_name", ""), parser.VERBS, 1)):
        message, _, _ = message.partition(" (")  # typer proposes options of the form without a verb
        more = f"did you mean sesh {near[0]}?"
    return UsageError(f"{message[:1].lower()}{message[1:]}; {more}")


def _commanded(line: parser.Line) -> str:
    """The line of a `--run` whose command was written without `--`, as it was meant; empty for any other."""
    at = 0
    while at < len(line.words) and parser.kind_of(line.verb, line.words[at]) is not None:
        at += 2 if parser.takes_value(line.verb, line.words[at]) else 1
    own, command = line.words[: at + 1], line.words[at + 1 :]
    if line.verb != "--run" or line.tail is not None or not command or own[-1][:1] == "-":
        return ""
    return " ".join(["sesh", line.verb, *map(printable, own), "--", *map(printable, command)])


def gists(group: TyperGroup) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """What verbs do in a few words, by their long form, and by that of each what its options do, by their words."""
    told, options = {}, {}
    for name, command in group.commands.items():
        verb = "" if name == VERBLESS else name
        told[verb or "-A"] = command.get_short_help_str(160).rstrip(".")
        found = ((each.opts, getattr(each, "help", "")) for each in command.params if each.param_type_name == "option")
        options[verb] = {word: text.rstrip(".") for opts, text in found for word in opts if text}
    return told, options


def helped(group: TyperGroup, line: parser.Line) -> str:
    """The text of help: of the line's verb, of one that is named without its dashes, of NAME, else of the whole."""
    context = group.context_class(group, info_name="sesh", **group.context_settings)
    verb = line.verb or slips.verb_like(line.words[0] if line.words else "")
    if not verb and (line.create or line.words):
        verb = VERBLESS
    command = group.commands.get(verb)
    if command is None:
        return group.get_help(context)
    return command.get_help(command.context_class(command, info_name=verb, parent=context, **command.context_settings))
