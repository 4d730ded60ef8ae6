"""The page of what `--json` prints, generated from the types of the data: `make man` writes docs/JSON.md."""

from __future__ import annotations

import collections.abc
import os
import types
import typing
from typing import Any, Union, get_args, get_origin, get_type_hints

from sesh import schema
from sesh.cli import printed
from sesh.cli.verbs import BY_NAME

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "JSON.md")

PRINTS: dict[str, tuple[Any, ...]] = {
    "--open": (printed.PrintedSession,),
    "--new": (printed.PrintedSession,),
    "--list": (list[schema.Summary],),
    "--watch": (list[schema.Summary],),
    "--detach": (printed.PrintedDetached,),
    "--kill": (printed.PrintedKilled,),
    "--kill-all": (printed.PrintedKilled,),
    "--rename": (printed.PrintedRenamed,),
    "--exec": (schema.RunResult, printed.PrintedSession),
    "--run": (schema.RunResult,),
    "--send": (printed.PrintedSent,),
    "--wait": (printed.PrintedCondition, list[printed.PrintedCondition]),
    "--events": (schema.Event,),
    "--screen": (printed.PrintedText, printed.PrintedScreen),
    "--logs": (printed.PrintedLogs,),
    "--grep": (list[schema.Hit],),
    "--history": (list[schema.Command], printed.PrintedOutput),
    "--status": (schema.Status,),
    "--state": (printed.PrintedState,),
    "--resume-with": (printed.PrintedResume,),
    "--restore": (printed.PrintedImport,),
    "--integrate": (printed.PrintedIntegrated,),
    "--message": (printed.PrintedMessage,),
    "--label": (printed.PrintedLabels,),
    "--record": (printed.PrintedRecording,),
    "--export": (schema.Layout,),
    "--import": (printed.PrintedImport,),
    "--sweep": (schema.Swept,),
    "--doctor": (printed.PrintedFindings, printed.PrintedReport),
    "--shell-init": (printed.PrintedScript,),
    "--deploy": (printed.PrintedHosts,),
    "--upgrade": (printed.PrintedHosts,),
    "--forget": (printed.PrintedForgotten,),
    "--undeploy": (printed.PrintedUndeployed,),
    "--reload": (printed.PrintedReloaded,),
    "--completions": (printed.PrintedScript,),
    "--help": (printed.PrintedHelp,),
    "--version": (printed.PrintedVersion,),
}
"""What each verb prints: the type of its value, or of one of its values, by what is asked."""
ATTACHES = {"", "--attach", "--pick", "--next", "--here", "--mcp"}
"""The verbs that lead to an attachment or speak a protocol of their own."""

_HEAD = """\
# What --json prints

With `--json` (or `SESH_JSON=1`) a verb prints one JSON value on stdout. `--events`, `--watch` and `--logs -f` print one
value per line; a line of `--logs -f` is `{"line": "…"}`. Keys are only ever added: ignore those that you do not know.
`sesh NAME` without a terminal, and verbs that attach, print errors only; a bare `sesh --json` is `sesh --list --json`.

An error is `{"error": {"code": "…", "message": "…"}}`. For several sessions or hosts, what went well stands
beside `error`, or in a row of its own, and `ok` is false.

On several hosts a verb prints one list: with one value per host, in the order of the hosts, each with its `host` and
its `exit_code` (of `--status` the session's). Of `--list` and `--grep` it holds the rows of all hosts. A host that
failed has `{"error": …, "host": "…", "exit_code": 1}` there. What is printed a value a line (`--events`, `--logs -f`,
`--exec --follow`) comes as it happens, each value with its `host`. `--wait` of several sessions, or with `--any` or
`--label`, prints a list in the order of the names.

A *time* is RFC 3339 in UTC. An *optional* key may be missing; *or null*: the key is there, and nothing is known.
"""
_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    bytes: "base64",
    object: "any value",
}


class Shown:
    """The types that the sections have named: each is shown once, after the verbs."""

    def __init__(self) -> None:
        self.types: list[Any] = []

    def word(self, hint: Any) -> str:
        """A type in words."""
        if isinstance(hint, typing.ForwardRef):
            hint = getattr(schema, hint.__forward_arg__)
        if hint is type(None):
            return "null"
        if get_origin(hint) in (Union, types.UnionType):
            return " or ".join(
                dict.fromkeys(map(self.word, sorted(get_args(hint), key=lambda each: each is type(None))))
            )
        if get_origin(hint) is list:
            return f"list of {self.word(get_args(hint)[0])}"
        if get_origin(hint) is dict:
            return f"object of {self.word(get_args(hint)[1])} by name"
        if typing.is_typeddict(hint):
            if hint not in self.types:
                self.types.append(hint)
            return f"[{title(hint)}](#{title(hint).lower().replace(' ', '-')})"
        return _WORDS[hint]


def title(kind: Any) -> str:
    """The name of a type in words."""
    name = kind.__name__.removeprefix("Printed")
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip().capitalize()


def rows(kind: Any, shown: Shown) -> list[str]:
    """The keys of a type, a line each."""
    names = {**vars(schema), **vars(printed), **vars(collections.abc)}
    hints = get_type_hints(kind, names)
    optional = kind.__optional_keys__
    times = _times(kind)
    lines = ["| key | type | |", "|---|---|---|"]
    for key, hint in hints.items():
        word = shown.word(hint)
        word = word.replace("text", "time", 1) if key in times else word
        lines.append(f"| `{key}` | {word} | {'optional' if key in optional else ''} |")
    return lines


def _times(kind: Any) -> set[str]:
    """The keys whose text is a time."""
    found = set()
    for each in (kind, *getattr(kind, "__orig_bases__", ())):
        raw = getattr(each, "__annotations__", {})
        found |= {key for key, hint in raw.items() if "Moment" in getattr(hint, "__forward_arg__", str(hint))}
        found |= _times(each) if each is not kind and typing.is_typeddict(each) else set()
    return found


def meaning(kind: Any) -> str:
    """What a type's docstring says, in one paragraph."""
    return " ".join((kind.__doc__ or "").split())


def shown() -> list[Any]:
    """The types that the page shows."""
    found = Shown()
    for kinds in PRINTS.values():
        for each in kinds:
            found.word(each)
    for kind in found.types:  # it grows while what a type holds is shown
        rows(kind, found)
    return found.types


def page() -> str:
    """The whole page."""
    words = Shown()
    parts = [_HEAD]
    for name, kinds in PRINTS.items():
        printed_as = ", or ".join(map(words.word, kinds))
        parts += [f"## {name}\n", f"{BY_NAME[name].summary}.\n", f"Prints: {printed_as}\n"]
    parts.append("## Types\n")
    for kind in shown():
        parts += [f"### {title(kind)}\n", f"{meaning(kind)}\n", *rows(kind, words), ""]
    return "\n".join(parts).rstrip("\n") + "\n"
