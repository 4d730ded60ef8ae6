"""All help, made from the verb table and laid out by typer: the overview, and the page of each verb."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from typer.core import TyperCommand

from sesh.about import CALLED, PROGRAM
from sesh.cli import parser, printing
from sesh.cli.verb_texts import CODES, EVERYWHERE, GROUPS, START, VARIABLES
from sesh.cli.verbs import BY_NAME, VERBS, Verb

if TYPE_CHECKING:
    from typer import _click


_COMMAND = re.compile(rf"(?<=  ){PROGRAM}(?=\s|$)|(?<=[`( ]){PROGRAM}(?= -| @| NAME|`)")
"""A command of sesh in a text of help."""
_HEADING = re.compile(r"^(Usage|Exit codes|Environment|\w[^:`\n]*(?=:\n))", re.MULTILINE)
_LEAST, _NARROW, _WIDEST = 30, 60, 100
"""Columns of help: at least; those below which the meaning of a word has a line of its own; at most."""
_COLUMN, _INDENT = 30, 4
"""Columns of the words whose meaning stands beside them, at the most; on a narrow terminal."""
_NO_JSON = frozenset(("", "--attach", "--pick"))


class HelpCommand(TyperCommand):
    """A verb, or sesh as a whole; its help has a form of its own."""

    def format_help(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """Write the help."""
        if self.name == PROGRAM:
            _write_overview(formatter)
        else:
            _write_verb(formatter, BY_NAME[self.name or ""])


def help_of(line: parser.CommandLine) -> str:
    """Return the text of help: of the line's verb, of a verb without its dashes, of NAME, else of the whole."""
    verb = line.verb or parser.verb_like(line.words[0] if line.words else "")
    of_verb = verb in BY_NAME and BY_NAME[verb].group and (verb or line.create or line.words)
    shown = HelpCommand(verb if of_verb else PROGRAM)
    width = max(_LEAST, min(printing.width(printing.STDOUT), _WIDEST))
    text = _COMMAND.sub(CALLED, shown.get_help(shown.context_class(shown, terminal_width=width)))
    return text if line.json or not printing.coloured() else _HEADING.sub("\x1b[1m\\1\x1b[m", text)


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
    codes = "; ".join(f"{code} {meaning[0].lower()}{meaning[1:-1]}" for code, meaning in CODES)
    for title, text in (("Exit codes", f"{codes}."), ("Environment", VARIABLES)):
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
    left_out = "@HOST" if verb.here else "--json" if verb.name in _NO_JSON else ""
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
