"""A command line before typer parses it: `@HOST`, `--` and the dashes of the verb are taken off. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sesh.cli.verbs import BY_NAME, GO, Verb, named


@dataclass
class Line:
    """A command line.

    `hosts`: without their `@`, unchecked. `words`: those of the verb, with its options. `tail`: all after `--`; None
    without a `--`. `create`: whether `-A` was written. `json`, `local`: whether those options were written.
    """

    verb: Verb
    hosts: list[str]
    words: list[str]
    tail: list[str] | None
    create: bool
    json: bool
    local: bool


def divided(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the words before `--` and those behind it, None without a `--`."""
    if "--" not in argv:
        return argv, None
    dashes = argv.index("--")
    return argv[:dashes], argv[dashes + 1 :]


def wants_json(argv: list[str]) -> bool:
    """Return whether JSON is wanted, for errors too: any line will do, also one that cannot be parsed."""
    return "--json" in divided(argv)[0] or os.environ.get("SESH_JSON", "") not in ("", "0")


def split(argv: list[str]) -> Line:
    """Take hosts, verb and `--` off a command line."""
    if argv[:1] == ["--hook"]:  # agents take the exit code 2 for a veto: each of its words is text
        return Line(BY_NAME["hook"], [], [], argv[1:], create=False, json=False, local=False)
    words, tail = divided(argv)
    local = "--local" in words
    hosts: list[str] = []
    verb = None
    while words:
        first, *rest = words
        if first[:1] == "@":
            hosts.append(first[1:])
        elif verb is None and (found := named(first)) is not None:
            verb = found
        elif verb is None and first[:1] == "-" and (found := named(first[:2])) is not None:
            verb, words = found, [f"-{first[2:]}", *rest]  # -nd is -n -d
            break
        elif first not in ("--json", "--local"):
            break
        words = rest
    return Line(verb or BY_NAME[GO], hosts, words, tail, verb is BY_NAME[GO], wants_json(argv), local)
