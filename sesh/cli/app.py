"""The typer app, which imports and builds only the verb that is called."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from typer._click.exceptions import NoSuchOption  # typer exports only its base class
from typer.core import TyperCommand, TyperGroup, TyperOption

from sesh.about import PROGRAM, SESH
from sesh.cli.invocation import Invocation
from sesh.cli.line import CommandLine, split
from sesh.cli.parameters import Context
from sesh.cli.verbs import BY_NAME, GO, GROUPS, VERBS
from sesh.errors import UsageError
from sesh.names import printable

_SETTINGS = {"help_option_names": [], "max_content_width": 100}
START = (  # the examples at the top of the overview
    ("sesh work", "Start the session work, or return to it. Ctrl-\\ leaves it."),
    ("sesh @gpu work", "The same on the host gpu, over ssh."),
    ("sesh", "List your sessions, here and on known remotes."),
)
EVERYWHERE = (
    ("@HOST", "Run the verb on that host, over ssh; write it before the verb, or before NAME."),
    ("--json", "Print one JSON value, or one per line as they come; errors too."),
    ("--local", "Use this machine only; do not ask known remotes."),
)
CODES = (
    ("0", "Success, also after you detach."),
    ("1", "Refused, or not found."),
    ("2", "Wrong usage, or an invalid name or host."),
    ("124", "Timed out."),
    ("125", "The command of exec or run did not run, and will not."),
    ("126, 127", "The command is not executable, or was not found."),
    ("128+N", "Ended by signal N."),
    ("255", "It started, or may have, and its exit code is not known: the message says how to look."),
    ("other", "The command's own exit code."),
)
VARIABLES = """SESH_DIR (~/.sesh), SESH_DETACH_KEY (C-\\), SESH_JSON, SESH_DEBUG, SESH_SSH, SESH_IDENTITY,
SESH_PROXYJUMP. Settings: ~/.config/sesh/config.toml."""


class VerbCommand(TyperCommand):
    """The command of a verb; it takes `--json` and `--local` too."""

    context_class = Context

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the usage line's words, with `[-- CMD…]` if the verb takes a command."""
        pieces = [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]
        return [*pieces, "[-- CMD…]"] if BY_NAME[str(self.name)].takes_command else pieces

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the description of the verb; examples keep their line breaks."""
        self.help = (self.help or "").replace("\n\nExamples:\n", "\n\n\b\nExamples:\n")
        super().format_help_text(ctx, formatter)


def show_help(ctx: Any) -> None:
    """Print the help of a verb, or the overview."""
    text = ctx.get_help()
    ctx.obj.out.show({"help": text}, text)


def _print_help(ctx: Any, _option: Any, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        show_help(ctx)
        ctx.exit()


class VerbGroup(TyperGroup):
    """The overview: all verbs, by group."""

    def format_help(self, _: Any, formatter: Any) -> None:
        """Write the first examples, a line for each verb, common options, exit codes, variables."""
        formatter.write_usage(PROGRAM, "[@HOST…] [NAME [DIR] | VERB …] [-- CMD…]")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_dl(START)
        formatter.write_paragraph()
        width = max(len(verb.shown) for verb in VERBS)
        for group, verbs in GROUPS.items():
            _write(formatter, group, [(f"{verb.shown:<{width}}", verb.summary) for verb in verbs])
        rows = [*EVERYWHERE, ("--help, -h", "Show this page, or that of the verb.")]
        _write(formatter, "With every verb; VERB and --VERB are the same", rows)
        codes = "; ".join(f"{code} {meaning[0].lower()}{meaning[1:-1]}" for code, meaning in CODES)
        formatter.write_text(f"Exit codes: {codes}.")
        formatter.write_text(f"Environment: {VARIABLES}")


def _write(formatter: Any, title: str, rows: Any) -> None:
    formatter.write_heading(title)
    with formatter.indentation():
        formatter.write_dl(rows)


@cache
def group() -> VerbGroup:
    """Return the typer group of all verbs."""
    return VerbGroup(name=PROGRAM, rich_markup_mode=None, context_settings=_SETTINGS)


@cache
def built(name: str) -> VerbCommand:
    """Import a verb, and build its command, which also takes `--json`, `--local` and `--help`."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=VerbCommand, context_settings=_SETTINGS)(BY_NAME[name].load())
    command = typer.main.get_command(app)
    assert isinstance(command, VerbCommand)  # noqa: S101 (`cls` says so)
    flag: dict[str, Any] = {"is_flag": True, "expose_value": False}
    for word, text in EVERYWHERE[1:]:
        command.params.append(TyperOption(param_decls=[word], help=text, **flag))
    flag |= {"is_eager": True, "callback": _print_help, "help": "Show this message and exit."}
    command.params.append(TyperOption(param_decls=["--help", "-h"], **flag))
    return command


def _check_hosts(line: CommandLine, command: VerbCommand) -> None:
    """Raise UsageError if the line has more hosts than its verb takes, or one too late."""
    if line.strays:
        stray = printable(line.strays[0])
        takes_directory = any((each.name, each.param_type_name) == ("directory", "argument") for each in command.params)
        slip = f"; a directory: ./{stray}" if takes_directory else ""
        hint = f"write: {' '.join(filter(None, (SESH, stray, line.verb.word, '…')))}{slip}"
        raise UsageError(f"{stray} is a host, which comes before the verb and its words", hint=hint)
    if line.hosts and line.verb.hosts == "none":
        hint = f"see: {PROGRAM} {line.verb.word} --help"
        raise UsageError(f"{PROGRAM} {line.verb.word} takes no host", hint=hint)
    lists = line.verb.name == GO and not line.words
    if len(line.hosts) > 1 and line.verb.hosts == "one" and not lists:
        verb = line.verb.word or "NAME"
        raise UsageError(f"{PROGRAM} {verb} takes one host: {line.verb.why_one}", hint="write a line for each host")


def _lacks_dashes(line: CommandLine, command: VerbCommand, error: Exception) -> bool:
    """Return whether a command without its `--` may be what is wrong: a word too many, or an option of the command."""
    if not line.verb.takes_command or line.tail is not None:
        return False
    takes = [each for each in command.params if each.param_type_name == "argument"]
    if not isinstance(error, NoSuchOption):
        return len(line.arguments) > len(takes)
    name = error.option_name
    hits = (at for at, word in enumerate(line.words) if word.startswith(name) or (word[:1] == "-" and name[1:] in word))
    at = next(hits, len(line.words))
    count = len(split([line.verb.name, *line.words[:at]]).arguments)
    return count > (len(takes) if error.possibilities else sum(each.required for each in takes))


def run_verb(cli: Invocation) -> int:
    """Execute a command line; return the exit code. Raises SeshError."""
    line = cli.line
    command = built(line.verb.name)
    tail = [] if line.tail is None or line.verb.takes_command else ["--", *line.tail]
    overview = Context(group(), info_name=PROGRAM, obj=cli)
    try:
        with command.make_context(line.verb.name, [*line.words, *tail], overview) as ctx:
            _check_hosts(line, command)
            if len(line.hosts) > 1 and line.verb.hosts == "each":
                from sesh.cli import fanout  # noqa: PLC0415 - loads threads, for several hosts only

                return fanout.run_on_each(cli, ctx.params, run_verb)
            return int(command.invoke(ctx))
    except typer.Exit as shown:  # a page of help
        return shown.exit_code
    except typer.TyperException as error:
        _check_hosts(line, command)
        message = error.format_message().rstrip(".")
        slip = "write a command after --; " if _lacks_dashes(line, command, error) else ""
        hint = f"{slip}see: {' '.join(filter(None, (SESH, line.verb.word, '--help')))}"
        raise UsageError(f"{message[0].lower()}{message[1:]}", hint=hint) from error
