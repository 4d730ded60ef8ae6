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
    own, tail = divided(argv)
    hosts: list[str] = []
    verb = None
    at = 0
    for at, word in enumerate([*own, ""]):  # noqa: B007 (it is read behind the loop)
        if word[:1] == "@":
            hosts.append(word[1:])
        elif verb is None and named(word) is not None:
            verb = named(word)
        elif word not in ("--json", "--local"):
            break
    verb = verb or BY_NAME[GO]
    return Line(verb, hosts, own[at:], tail, GO in own[:at], wants_json(argv), "--local" in own)
