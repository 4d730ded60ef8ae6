"""Split a command line before typer parses it: hosts, verb, words, and the tail after `--`. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from sesh.cli.verbs import BY_NAME, GO, Verb, find_verb
from sesh.schema import Spec


@dataclass(frozen=True)
class View:
    """The options with which a line attaches."""

    replace: bool = False
    read_only: bool = False
    no_replay: bool = False
    no_detach_key: bool = False


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

    def spec(
        self,
        directory: str | None,
        env: Sequence[str] | None = None,
        label: Sequence[str] | None = None,
        size: str | None = None,
    ) -> Spec:
        """Return the spec of a new session. Its command is the tail; None means the user's shell."""
        command = self.tail or None
        spec: Spec = {"directory": directory, "command": command, "env": list(env or ()), "label": list(label or ())}
        return spec if size is None else {**spec, "size": size}


def split_tail(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the words before `--` and the tail after it, None without a `--`."""
    if "--" not in argv:
        return argv, None
    dashes = argv.index("--")
    return argv[:dashes], argv[dashes + 1 :]


def wants_json(argv: list[str]) -> bool:
    """Return whether the output, errors included, is JSON. The line need not be valid."""
    return "--json" in split_tail(argv)[0] or os.environ.get("SESH_JSON", "") not in ("", "0")


def split(argv: list[str]) -> CommandLine:
    """Split a command line into hosts, verb, words and tail."""
    if argv[:1] == ["--hook"]:  # all words are text: a usage error exits with 2, a veto for agents
        return CommandLine(BY_NAME["hook"], [], [], argv[1:], create=False, json=False, local=False)
    words, tail = split_tail(argv)
    local = "--local" in words
    hosts: list[str] = []
    verb = None
    while words:
        first, *rest = words
        if first[:1] == "@":
            hosts.append(first[1:])
        elif verb is None and (found := find_verb(first)) is not None:
            verb = found
        elif verb is None and first[:1] == "-" and (found := find_verb(first[:2])) is not None:
            verb, words = found, [f"-{first[2:]}", *rest]  # -nd is -n -d
            break
        elif first not in ("--json", "--local"):
            break
        words = rest
    return CommandLine(verb or BY_NAME[GO], hosts, words, tail, verb is BY_NAME[GO], wants_json(argv), local)
