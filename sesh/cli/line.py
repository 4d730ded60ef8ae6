"""Split a command line into hosts, verb, words and tail, before typer parses it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sesh.cli.verbs import BY_NAME, GO, Verb, find_verb


@dataclass(frozen=True)
class CommandLine:
    """A command line.

    `hosts`: without their `@`; unchecked, and with groups, until `Invocation` resolves them. `words`: the verb's
    arguments and options. `tail`: the words after `--`, None without a `--`. `create`: `-A` was given. `json`: `--json`
    or `SESH_JSON` was given. `local`: `--local` was given.
    """

    verb: Verb
    hosts: list[str]
    words: list[str]
    tail: list[str] | None
    create: bool
    json: bool
    local: bool

    @property
    def host(self) -> str | None:
        """The only host of the line; None for this machine, and for several hosts."""
        return self.hosts[0] if len(self.hosts) == 1 else None


def split(argv: list[str]) -> CommandLine:
    """Split a command line, and read SESH_JSON.

    Hosts, the verb, `--json` and `--local` may stand before the words, in any order.
    """
    dashes = argv.index("--") if "--" in argv else len(argv)
    words, tail = argv[:dashes], argv[dashes + 1 :] if dashes < len(argv) else None
    json = "--json" in words or os.environ.get("SESH_JSON", "") not in ("", "0")
    local = "--local" in words
    hosts: list[str] = []
    verb: Verb | None = None
    while words:
        first, *rest = words
        if first[:1] == "@":
            hosts.append(first[1:])
        elif verb is None and (found := find_verb(first)) is not None:
            verb = found
        elif verb is None and first[:1] == "-" and (found := find_verb(first[:2])) is not None:
            verb = found
            words = [f"-{first[2:]}", *rest]  # -nd is -n -d
            break
        elif first not in ("--json", "--local"):
            break
        words = rest
    go = BY_NAME[GO]
    return CommandLine(verb=verb or go, hosts=hosts, words=words, tail=tail, create=verb is go, json=json, local=local)
