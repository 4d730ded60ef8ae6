"""The verb table as typer sees it: the errors for the words of a verb."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from sesh.cli import parser
from sesh.cli.verbs import FLAG, MANY, MAYBE, VERBS, Verb
from sesh.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.core import TyperCommand

_OF_SCREEN = frozenset("SRDdrm")
"""The letters of the options by which screen starts a session, or goes back to one."""
_SHOWN = frozenset(verb.name for verb in VERBS)


def command(verb: Verb) -> TyperCommand:
    """Return a verb as a command of typer's."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb.name or "NAME")(_stub(verb))
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


def error(line: parser.CommandLine) -> UsageError:
    """Return the error for a line that `parser.parse` refuses, in words of typer's."""
    tail = [] if line.tail is None or line.row.command else ["--", *line.tail]
    # Read again until typer finds the fault: it takes `--` for the value of an option that lacks one, and any word for
    # a value that may be missing.
    certain = [word for word in line.words if parser.kind_of(line.verb, word) != MAYBE]
    for words in ([*line.words, *tail], line.words, certain):
        try:
            command(line.row).make_context(line.verb, list(words))
        except TyperException as refusal:
            return _one_line(refusal, line)
    return UsageError("the words make no sense together", hint=_help_hint(line.verb))


def _one_line(refusal: TyperException, line: parser.CommandLine) -> UsageError:
    """Return typer's error as one of sesh's own; its hint is the line that was probably meant, or the help to read."""
    message = refusal.format_message().strip().rstrip(".")
    verb = line.verb
    more = _help_hint(verb)
    unknown = message.startswith("No such option")
    if verb in ("--send", "--message") and unknown:
        more = f"write TEXT that begins with a dash after --: $sesh {verb} NAME -- TEXT"
    elif (unknown or "extra arg" in message) and (meant := _run_with_dashes(line)):
        return UsageError(f"write the command after --: {meant}")
    elif unknown and getattr(refusal, "option_name", "") == "-C":
        row = f"{verb} NAME" if verb else "NAME"
        return UsageError("-C is an option of --exec; here DIR follows NAME", hint=f"write: $sesh {row} DIR")
    elif unknown and not verb and (meant := _by_habit(line)):
        more = f"did you mean {meant}?"
    elif unknown and not verb and (near := verbs_near(getattr(refusal, "option_name", ""))):
        message, _, _ = message.partition(" (")  # typer proposes options of the form without a verb
        more = f"did you mean $sesh {near[0]}?"
    return UsageError(f"{message[:1].lower()}{message[1:]}", hint=more)


def verbs_near(word: str) -> list[str]:
    """Return the verb that a word looks like, if any; the dashes, which they all have, prove nothing."""
    near = get_close_matches(word.lstrip("-"), [name[2:] for name in _SHOWN], 1, 0.75)
    return [f"--{name}" for name in near]


def _by_habit(line: parser.CommandLine) -> str:
    """Return the line that was meant by a verb behind a single dash (`-ls`), or by screen's options before a name."""
    options = [word[1:] for word in line.words if word[:1] == "-"]
    names = [word for word in line.words if word[:1] != "-"]
    for option in options:
        if meant := parser.verb_line(option, names):
            return meant
    letters = set("".join(options))
    if len(names) != 1 or not letters <= _OF_SCREEN:
        return ""
    return f"$sesh {'--open ' if 'm' in letters else ''}{parser.written(names)}"


def _help_hint(verb: str) -> str:
    return f"see `$sesh {verb} --help`" if verb else "see `$sesh --help`"


def _run_with_dashes(line: parser.CommandLine) -> str:
    """Return the line that was meant by a `--run` without `--` before its command; empty for any other line."""
    index = 0
    while index < len(line.words) and parser.kind_of(line.verb, line.words[index]) is not None:
        index += 2 if parser.takes_value(line.verb, line.words[index]) else 1
    own, command = line.words[: index + 1], line.words[index + 1 :]
    if line.verb != "--run" or line.tail is not None or not command or own[-1][:1] == "-":
        return ""
    return f"$sesh {parser.written([line.verb, *own, '--', *command])}"
