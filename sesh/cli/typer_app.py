"""The verb table as typer sees it: all help, the overview and the page of each verb."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from sesh.about import CALLED, PROGRAM
from sesh.cli import parser, printing
from sesh.cli.verb_texts import CODES, EVERYWHERE, GROUPS, START, VARIABLES
from sesh.cli.verbs import BY_NAME, FLAG, MANY, VERBS, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typer import _click

_VERBLESS = "NAME"
"""The name for typer of the form without a verb."""
_COMMAND = re.compile(rf"(?<=  ){PROGRAM}(?=\s|$)|(?<=[`( ]){PROGRAM}(?= -| @| NAME|`)")
"""A command of sesh in a text of help."""
_HEADING = re.compile(r"^(Usage|Exit codes|Environment|\w[^:`\n]*(?=:\n))", re.MULTILINE)
_LEAST, _NARROW, _WIDEST = 30, 60, 100
"""Columns of help: at least; those below which the meaning of a word has a line of its own; at most."""
_COLUMN, _INDENT = 30, 4
"""Columns of the words whose meaning stands beside them, at the most; on a narrow terminal."""
_HERE = frozenset(
    ("--deploy", "--upgrade", "--forget", "--undeploy", "--state", "--integrate", "--mcp", "--skill", "--schema",
     "--shell-init", "--completions", "--help", "--version")
)  # fmt: skip
"""Verbs that are not carried out on a host."""
_NO_JSON = frozenset(("", "--attach", "--pick"))


class HelpCommand(TyperCommand):
    """A verb, or sesh as a whole; its help has a form of its own."""

    def format_help(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """Write the help."""
        if self.name == PROGRAM:
            _write_overview(formatter)
        else:
            _write_verb(formatter, BY_NAME[(self.name or "").removeprefix(_VERBLESS)])


def help_of(line: parser.CommandLine) -> str:
    """Return the text of help: of the line's verb, of a verb without its dashes, of NAME, else of the whole."""
    verb = line.verb or parser.verb_like(line.words[0] if line.words else "")
    of_verb = verb in BY_NAME and BY_NAME[verb].group and (verb or line.create or line.words)
    shown = command(BY_NAME[verb]) if of_verb else HelpCommand(PROGRAM)
    width = max(_LEAST, min(printing.width(printing.STDOUT), _WIDEST))
    text = _COMMAND.sub(CALLED, shown.get_help(shown.context_class(shown, terminal_width=width)))
    return text if line.json or not printing.coloured() else _HEADING.sub("\x1b[1m\\1\x1b[m", text)


def command(verb: Verb) -> TyperCommand:
    """Return a verb as a command of typer's."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb.name or _VERBLESS, cls=HelpCommand)(_stub(verb))
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
        declared = typer.Option(*option.spellings, metavar=option.metavar or None)
        add(option.key, value, declared, False if option.kind == FLAG else None)
    stub.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    stub.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return stub


def _write_overview(formatter: _click.HelpFormatter) -> None:
    """Write what to type first, a line for each verb by its group, and what all verbs share."""
    formatter.write_usage(CALLED, "[@HOST…] [NAME [DIR] | --VERB …] [-- CMD…]")
    formatter.write_paragraph()
    with formatter.indentation():
        _write_rows(formatter, START)
    formatter.write_paragraph()
    widest = max(len(verb.shown) for verb in VERBS)
    for group in GROUPS:
        _write_group(formatter, group, [(f"{v.shown:<{widest}}", v.summary) for v in VERBS if v.group == group])
    _write_group(formatter, "With every verb", EVERYWHERE[:-1])
    for title, text in (("Exit codes", CODES), ("Environment", VARIABLES)):
        formatter.write_text(f"{title}: {text}")


def _write_verb(formatter: _click.HelpFormatter, verb: Verb) -> None:
    """Write how a verb is typed, what it does, its options and its examples."""
    formatter.write_usage(CALLED if verb.name else f"{CALLED} NAME", f"{verb.name} {verb.usage}".strip())
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(verb.text)
    if verb.options:
        formatter.write_paragraph()
        _write_group(formatter, "Options", [(option.shown, option.help) for option in verb.options])
    left_out = "@HOST" if verb.name in _HERE else "--json" if verb.name in _NO_JSON else ""
    formatter.write_paragraph()
    _write_group(formatter, "With every verb", [row for row in EVERYWHERE if row[0] != left_out])
    formatter.write_paragraph()
    formatter.write_heading("Examples")
    formatter.write("".join(f"  {line}\n" for line in verb.examples))


def _write_group(formatter: _click.HelpFormatter, title: str, rows: Sequence[tuple[str, str]]) -> None:
    formatter.write_heading(title)
    with formatter.indentation():
        _write_rows(formatter, rows)


def _write_rows(formatter: _click.HelpFormatter, rows: Sequence[tuple[str, str]]) -> None:
    """Write words and what they mean; on a narrow terminal the meaning stands below."""
    narrow = formatter.width < _NARROW
    formatter.write_dl(
        [(word.rstrip() if narrow else word, text) for word, text in rows], _INDENT if narrow else _COLUMN
    )
