"""Split a command line into hosts, verb, words and tail, before typer parses it."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass

from sesh.cli.verbs import BY_NAME, GO, VALUED, Verb, find_verb


@dataclass(frozen=True)
class CommandLine:
    """A command line.

    `hosts`: without their `@`; unchecked, and with groups, until `Invocation` resolves them. `words`: the verb's
    arguments and options, without `--json` and `--local`. `tail`: the words after `--`, None without a `--`. `create`:
    `-A` was given. `json`: `--json` or `SESH_JSON` was given. `local`: `--local` was given. `arguments`: the words that
    are no options and no values of options; hosts stand before the first of them. `lacks_value`: the last word is an
    option whose value has yet to come.
    """

    verb: Verb
    hosts: list[str]
    words: list[str]
    tail: list[str] | None
    create: bool
    json: bool
    local: bool
    arguments: list[str]
    lacks_value: bool

    @property
    def host(self) -> str | None:
        """The only host of the line; None for this machine, and for several hosts."""
        return self.hosts[0] if len(self.hosts) == 1 else None

    @property
    def strays(self) -> list[str]:
        """The words that look like hosts, and come too late to be some."""
        looks = self.arguments if self.verb.hosts_behind == "first" else []
        return [word for word in looks if word[:1] == "@"]


def split(argv: list[str]) -> CommandLine:
    """Split a command line, and read SESH_JSON.

    What a word is depends on the words before it alone, never on what exists. Hosts and the verb come before the first
    other word; `--json` and `--local` may stand anywhere. An option's value is a value, whatever it looks like.
    """
    dashes = argv.index("--") if "--" in argv else len(argv)
    before, tail = deque(argv[:dashes]), argv[dashes + 1 :] if dashes < len(argv) else None
    flags = dict.fromkeys(("--json", "--local"), False)
    hosts: list[str] = []
    words: list[str] = []
    arguments: list[str] = []
    verb: Verb | None = None
    lacks_value = False
    while before:
        word = before.popleft()
        behind = verb.hosts_behind if verb is not None else "first"
        if word in flags:
            flags[word] = True
        elif word[:1] == "@" and (behind == "all" or (behind == "first" and not arguments)):
            hosts.append(word[1:])
        elif verb is None and not words and (found := find_verb(word)) is not None:
            verb = found
        elif verb is None and not words and word[:1] == "-" and (found := find_verb(word[:2])) is not None:
            verb = found
            before.appendleft(f"-{word[2:]}")  # -nd is -n -d
        else:
            words.append(word)
            if word[:1] != "-" or word == "-":
                arguments.append(word)
            elif _awaits_value(word):
                lacks_value = not before
                words += [before.popleft()] if before else []
    go = BY_NAME[GO]
    return CommandLine(
        verb=verb or go,
        hosts=hosts,
        words=words,
        tail=tail,
        create=verb is go,
        json=flags["--json"] or os.environ.get("SESH_JSON", "") not in ("", "0"),
        local=flags["--local"],
        arguments=arguments,
        lacks_value=lacks_value,
    )


def _awaits_value(option: str) -> bool:
    """Return whether the word after an option is its value: not so of `--size=9x9`, `-C3` and `-fC3`."""
    if option[:2] == "--":
        return option in VALUED
    return next((not option[at + 1 :] for at, letter in enumerate(option) if f"-{letter}" in VALUED), False)
