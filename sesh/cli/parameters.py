"""Arguments and options that several verbs share, and their completion."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Annotated, Any, TypeVar

import typer
from typer import Argument, Option

from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.line import CommandLine
from sesh.cli.verbs import GO, VERBS
from sesh.config import config
from sesh.errors import SeshError, UsageError
from sesh.names import check_label, check_labels, check_name, natural
from sesh.remote import known
from sesh.remote.ssh import aliases
from sesh.schema.facts import Spec, Summary
from sesh.store import listing
from sesh.system import paths
from sesh.text.safe import plain
from sesh.text.times import parse_moment, parse_seconds

_TIMEOUT = 0.05  # seconds for local daemons; completion never asks a host
TIME = "TIME (90 or 90s, 5m, 2h, 7d)"

Value = TypeVar("Value")


class Context(typer.Context):
    """The context of a verb, which typer passes to the verb's function as first parameter."""

    obj: Invocation


def offering(words: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return the completion function of a parameter from all its candidates."""
    return lambda incomplete: [word for word in words() if word.startswith(incomplete)]


def parsed(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Make `parse` a parser for typer, whose errors name the option or argument."""

    @wraps(parse)
    def parser(text: str) -> Value:
        try:
            return parse(text)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from error

    return parser


seconds = parsed(parse_seconds)


def renamed(*words: str, now: str, meaning: str) -> Any:
    """Return a hidden option whose word changed because it meant something else with other verbs; it is an error.

    `now`: the option that took its place. `meaning`: what that one does.
    """

    def refuse(ctx: typer.Context, given: Any) -> Any:
        if given:
            verb = ctx.info_name
            raise UsageError(f"{verb} {words[0]} is {now} now, which {meaning}", hint=f"see: {SESH} {verb} --help")
        return given

    return Option(*words, hidden=True, callback=refuse, help=f"It is {now} now.")


def refuse_unused(reason: str, options: Mapping[str, object]) -> None:
    """Raise UsageError for the options that are given: they would do nothing, for a reason."""
    given = [word for word, value in options.items() if value is not None and value is not False]
    if given:
        hint = "leave it out" if len(given) == 1 else "leave them out"
        raise UsageError(f"{' and '.join(given)} would do nothing: {reason}", hint=hint)


def spec_of(
    command: list[str] | None,
    directory: str | None = None,
    env: list[str] | None = None,
    label: list[str] | None = None,
    size: str | None = None,
) -> Spec:
    """Return the spec of a new session; without a command it runs the user's shell."""
    return {"directory": directory, "command": command or None, "env": env or [], "label": label or [], "size": size}


def _sessions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the sessions of the line's hosts, else those of all machines."""
    cli: Invocation = ctx.obj
    given = [*(ctx.params.get("names") or ()), ctx.params.get("name")]
    names = [] if cli.line.hosts else [row["name"] for row in _local_sessions()]
    for host in cli.line.hosts or ([] if cli.line.local else remotes()):
        names += sorted((row["name"] for row in known.sessions(host)), key=natural)
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete) and name not in given]


def forwardable(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what `forward` takes: the sessions of the line's hosts; to be ended, the ports in the background."""
    if not ctx.params.get("stop"):
        return _sessions(ctx, incomplete)
    from sesh.ops import forwards  # noqa: PLC0415 - loads links, which completion else needs not

    ports = [str(row["local"]) for row in forwards.rows(ctx.obj.line.host)]
    return [port for port in ports if port.startswith(incomplete)]


def offering_hosts(words: Callable[[], Iterable[str]]) -> Callable[[typer.Context, str], list[str]]:
    """Return the completion function of an argument for hosts, which offers none twice."""

    def offered(ctx: typer.Context, incomplete: str) -> list[str]:
        given = {f"@{host}" for host in ctx.obj.line.hosts}
        return [word for word in words() if word.startswith(incomplete) and word not in given]

    return offered


def first_words(line: CommandLine, incomplete: str) -> list[tuple[str, str | None]]:
    """Return the verbs and hosts that a word may become, with the summaries of verbs."""
    found: list[tuple[str, str | None]] = []
    is_first = line.verb.name == GO and not (line.words or line.create)
    if is_first:
        dashes = "--" if incomplete[:1] == "-" else ""
        found += [(f"{dashes}{verb.name}", verb.summary) for verb in VERBS if verb.name != GO]
    behind = line.verb.hosts_behind == "first" and not (line.arguments or line.lacks_value)
    if (is_first and not incomplete) or (behind and incomplete[:1] == "@"):
        found += [(host, None) for host in hosts()]
    return [(word, summary) for word, summary in found if word.startswith(incomplete)]


def hosts() -> list[str]:
    """Return groups, known remotes and hosts of ssh_config, each with its `@`."""
    settings = config.load()
    named = [name for name in settings.remotes if not config.is_pattern(name)]
    found = sorted({*named, *remotes(), *aliases.aliases()}, key=natural)
    return [f"@{name}" for name in dict.fromkeys([*settings.groups, *found])]


def _labels() -> list[str]:
    """Return the labels of the sessions on this machine."""
    pairs = [pair for session in _local_sessions() for pair in (session.get("labels") or {}).items()]
    return list(dict.fromkeys(f"{plain(key)}={plain(value)}" for key, value in pairs))


def _one_value_each(labels: Any) -> Any:
    """Return the labels of a line unless one has two values, which no session has."""
    check_labels(labels or ())
    return labels


def _local_sessions() -> list[Summary]:
    try:
        return listing.summaries(_TIMEOUT)
    except (SeshError, OSError):
        return []


def remotes() -> list[str]:
    """Return the known remotes."""
    return known.hosts() if paths.knows_remotes() else []


_NAME: dict[str, Any] = {"show_default": False, "autocompletion": _sessions, "help": "The session's name."}
_NAMES: dict[str, Any] = {**_NAME, "help": "The sessions' names."}
Name = Annotated[str, Argument(metavar="NAME", parser=check_name, **_NAME)]
AnyName = Annotated[str | None, Argument(metavar="NAME", parser=check_name, **_NAME)]
Names = Annotated[list[str] | None, Argument(metavar="NAME…", parser=check_name, **_NAMES)]
OldAndNew = Annotated[list[str], Argument(metavar="[OLD] NEW", **_NAMES)]
NameOrLast = Annotated[str, Argument(metavar="NAME", **_NAME)]  # `-` is the session attached last
AnyWord = Annotated[str | None, Argument(metavar="NAME", **_NAME)]  # `-`, or a command without `--`: the verb checks it
Directory = Annotated[str | None, Argument(metavar="DIR", show_default=False, help="Where the session starts.")]

Labelled = Annotated[
    list[Any] | None,
    Option(
        "--label",
        metavar="K=V",
        parser=parsed(check_label),
        callback=_one_value_each,
        autocompletion=offering(_labels),
        help="Only sessions with this label; may be repeated. (new, open, exec and NAME set it.)",
    ),
]
Label = Annotated[
    list[str] | None,
    Option(
        "--label",
        metavar="K=V",
        autocompletion=offering(_labels),
        help="Set a label; may be repeated. (list, kill, wait and others choose by it.)",
    ),
]
Env = Annotated[
    list[str] | None,
    Option(
        "--env",
        metavar="K=V",
        autocompletion=offering(lambda: [f"{name}=" for name in sorted(os.environ)]),
        help="Set a variable for the program; may be repeated.",
    ),
]
Size = Annotated[
    str | None,
    Option("--size", metavar="COLUMNSxROWS", help="The columns and rows until a terminal attaches, as 200x50."),
]
Replace = Annotated[bool, Option("--replace", help="Detach the other clients.")]
ReadOnly = Annotated[bool, Option("--read-only", "-r", help="Only watch; keys are ignored.")]
NoReplay = Annotated[bool, Option("--no-replay", help="Show only the screen, no scrollback.")]
NoDetachKey = Annotated[
    bool, Option("--no-detach-key", help="Pass the detach key to the program; leave with `sesh detach`.")
]
Detached = Annotated[bool, Option("--detached", "-d", help="Return at once, and print the session's name.")]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask.")]
Ansi = Annotated[bool, Option("--ansi", help="Keep colours and other escape sequences.")]
Since = Annotated[
    float | None,
    Option(
        "--since",
        metavar="TIME",
        parser=parsed(parse_moment),
        help="Only lines that were printed since TIME: a length of time (90s, 5m, 2h, 7d) ago, or HH:MM[:SS].",
    ),
]
Follow = Annotated[bool, Option("--follow", "-f", help="Print new output as it comes, until the session ends.")]
Timeout = Annotated[
    float | None,
    Option(
        "--timeout",
        metavar="TIME",
        parser=seconds,
        help=f"Stop waiting after {TIME}, with exit code 124; nothing is ended. (exec ends CMD.)",
    ),
]
