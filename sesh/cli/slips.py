"""The lines that were probably meant by a slip: a verb without its dashes, a word of tmux or screen, a command in the
place of a directory.

Loaded only then. A line is proposed only if the parser takes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import takewhile
from shutil import which

from sesh.about import SESH
from sesh.cli import parser
from sesh.cli.verbs import BY_NAME, Verb
from sesh.errors import SeshError
from sesh.paths import ABSENT
from sesh.wording import shell_word

_OF_OTHERS = frozenset("SRDdrmtspAn")
"""The letters of the options by which screen and tmux start a session, or go back to one."""
_SHORT = {"a": "attach", "at": "attach"}
"""Verbs of tmux that are too short for a slip."""
_CARRIED = {
    ("--attach", "d"): "--replace",
    ("--attach", "r"): "--read-only",
    ("--attach", "l"): "-",
    ("--attach", "n"): "--pick",
    ("--attach", "p"): "--pick",
}
"""The option, or another verb, for an option of tmux's command for a verb."""
_INSTEAD = {
    "windows": f"use sessions; `{SESH} NAME` starts one, `{SESH} --pick` goes to one",
    "buffers": f"copy in your terminal; `{SESH} --logs NAME` prints what a session has shown",
    "commands for settings": f"edit ~/.config/sesh/config.toml; `{SESH} NAME --env K=V` sets a variable",
    "such command": f"see `{SESH} --help`",
}
"""What to do for want of a thing that tmux has."""
_OF_ALL = ("--events", "--restore", "--reload")
"""Verbs of sessions that mean all of them if none is named."""


def usage_words(row: Verb) -> list[str]:
    """Return the plain words of a verb's usage, in its order: not its options, nor its command."""
    words = takewhile(lambda word: word[:2] not in ("[-", "--") and word[:7] != "[OPTION", row.usage.split())
    return [word.replace("…", "") for word in words]


def command_ending(row: Verb) -> str:
    """Return the end of a line whose verb wants a command; empty for one that only may have it."""
    return " -- CMD" if row.command and "[-- CMD" not in row.usage else ""


def takes(words: Sequence[str]) -> bool:
    """Return whether the parser takes a line, with the command that its verb needs."""
    try:
        line = parser.split([*words])
        options = parser.parse(line)
    except SeshError:
        return False
    if options is None or (line.topic and not parser.verb_like(line.topic)):
        return False
    row = line.row
    plain = [value or "" for option, _, value in parser.pieces(line) if option is None]
    return (not row.gather or len(plain) <= len(row.words)) and bool(line.tail or not command_ending(row))


def line_to_write(words: Sequence[str], *, inside: bool) -> str:
    """Return the line to write in the place of one that lacks a name, a host or a command; empty if it lacks none.

    `inside`: it is typed in a session, which a verb without a name means.
    """
    line = parser.split([*words])
    row, named = line.row, any(value is not None for option, _, value in parser.pieces(line) if option is None)
    lacks_name = row.session and row.name not in _OF_ALL and not named and not inside
    lacks_host = row.words == ("hosts*",) and not line.hosts
    if not (lacks_name or lacks_host) and takes(words):
        return ""
    usage = [word.strip("[]") if row.session else word for word in usage_words(row)]
    arguments = [word.partition("|")[0] for word in usage if word[:1] != "["]
    return f"{SESH} {' '.join([row.name, *arguments])}{command_ending(row)}"


def guess(words: Sequence[str], tail: Sequence[str] | None = None) -> str:
    """Return the line that was probably meant by words whose first plain one may be a verb without its dashes, or that
    have options of screen and tmux; empty for any other words."""
    first = plain_places(words)[:1]
    verb = parser.verb_like(words[first[0]]) if first else ""
    others = [word for index, word in enumerate(words) if index not in first]
    if verb and (line := proposal(verb, others, tail) or proposal(verb, ["NAME", *others] if others else [], tail)):
        return line
    return _by_habit(words, tail)


def behind_name(words: Sequence[str], tail: Sequence[str] | None = None) -> list[str]:
    """Return the line that was probably meant by a verb without its dashes behind a name; empty for any other words."""
    second = plain_places(words)[1:2]
    verb = parser.verb_like(words[second[0]]) if second else ""
    if not verb:
        return []
    row = _row(verb)
    if not row.words:
        return [verb] if len(words) == 2 and tail is None and verb != "--kill-all" else []
    others = [word for index, word in enumerate(words) if index not in second]
    return _first_taken(verb, others, tail, named=True) if row.words[0].startswith("name") else []


def instead(line: parser.CommandLine, name: str) -> list[str]:
    """Return the words that were probably meant by a line of a session whose name looks like a verb; else none."""
    verb = parser.verb_like(name)
    if line.verb or line.create or name not in parser.UNLIKELY or not verb:
        return []
    if line.tail is not None and not (verb in BY_NAME and BY_NAME[verb].command):
        return []
    at = line.words.index(name)
    return [*line.words[:at], verb, *line.words[at + 1 :]]


def line_for(name: str, hosts: Sequence[str], tail: Sequence[str] | None, *, inside: bool) -> str:
    """Return the line to write for a name alone that looks like a verb; empty for other names.

    `inside`: see `line_to_write`.
    """
    if not (verb := parser.verb_like(name)):
        return ""
    words = [verb, *(["--", *tail] if tail and verb in BY_NAME and BY_NAME[verb].command else [])]
    return line_to_write([*(f"@{host}" for host in hosts), *words], inside=inside) or line_of(words)


def missing(name: str) -> str:
    """Return what to do instead of a command of tmux for what sesh does not have; empty for other names."""
    things = (thing for thing, words in parser.MISSING.items() if name in words)
    return next((f"sesh has no {thing}: {_INSTEAD[thing]}" for thing in things), "")


def remark(name: str) -> str:
    """Return what is said of a new session whose name looks like a verb; empty for other names."""
    verb = parser.verb_like(name)
    if name not in parser.UNLIKELY or not verb:
        return missing(name)
    names = verb in BY_NAME and verb != "--new" and "".join(BY_NAME[verb].words).startswith("name")
    return f"did you mean: {SESH} {verb}{' NAME' if names else ''}?"


def propose_command(error: SeshError, line: parser.CommandLine) -> None:
    """Have the error for a DIR that does not exist show the line for a command, if there is one of that name."""
    words = _with_dashes(line.verb, line.words, named=True)
    if error.hint == ABSENT and line.tail is None and "--" in words and which(words[words.index("--") + 1]):
        error.hint = f"to run a command: {line_of([*(f'@{host}' for host in line.hosts), line.verb, *words])}"


def ending(line: parser.CommandLine) -> list[str]:
    """Return what ends a line as it is to be written: `--json`, `--local`, the command behind `--`."""
    words = [word for word, given in (("--json", line.json), ("--local", line.local)) if given]
    return words if line.tail is None else [*words, "--", *line.tail]


def written(words: Iterable[str]) -> str:
    """Return the words of a line as a person is to type them: quoted if a shell would split or expand them."""
    return " ".join(map(shell_word, words))


def line_of(words: Sequence[str]) -> str:
    """Return a line as a person is to type it; empty without words."""
    return f"{SESH} {written(words)}" if words else ""


def _row(verb: str) -> Verb:
    """Return the row of a verb as it is spelled."""
    return BY_NAME[verb] if verb in BY_NAME else parser.split([verb]).row


def plain_places(words: Sequence[str], verb: str | None = None) -> list[int]:
    """Return the places of the plain words among those of a verb; None for words that stand before any verb."""
    places: list[int] = []
    index = 0
    while index < len(words):
        if words[index][:1] != "-" or len(words[index]) == 1:
            places.append(index)
        index += 2 if parser.takes_value(verb, words[index]) else 1
    return places


def proposal(verb: str, words: Sequence[str], tail: Sequence[str] | None = None, *, named: bool = False) -> str:
    """Return the line of a verb and further words, as a person is to type it; empty if the parser takes none.

    `named`: the first plain word is a name for sure.
    """
    line = _first_taken(verb, words, tail, named=named)
    return line_of(line or ([] if _row(verb).words else [verb]))


def _first_taken(verb: str, words: Sequence[str], tail: Sequence[str] | None, *, named: bool) -> list[str]:
    """Return the first of these lines that the parser takes: the words as typed, with `--` before a command, and both
    with the hosts in front. Empty for none."""
    if verb == "-":
        return [verb]
    name = [verb] if verb else []
    hosts = [word for word in words if word[:1] == "@"]
    for front, others in (([], words), (hosts, [word for word in words if word not in hosts])):
        ways = [[*others, "--", *tail]] if tail is not None else [list(others), _with_dashes(verb, others, named=named)]
        for way in ways:
            if takes([*front, *name, *way]):
                return [*front, *name, *way]
    return []


def _with_dashes(verb: str, words: Sequence[str], *, named: bool = False) -> list[str]:
    """Return the words behind a verb with `--` before its command: behind the name, which --exec seldom has, and a
    directory."""
    row = _row(verb)
    names = 1 if named or row.name != "--exec" else 0
    directory = row.words[-1:] == ("directory?",)
    index = 0
    while row.command and index < len(words):
        if words[index][:1] != "-" or len(words[index]) == 1:
            if not names and not (directory and os.path.isdir(words[index])):
                return [*words[:index], "--", *words[index:]]
            directory = directory and names > 0
            names = max(0, names - 1)
        elif parser.takes_value(row.name, words[index]):
            index += 1
        index += 1
    return list(words)


def _by_habit(words: Sequence[str], tail: Sequence[str] | None) -> str:
    """Return the line that was meant by a verb behind a single dash (`-ls`), or by screen's or tmux's options."""
    for index, word in enumerate(words):
        if word[:1] == "-" and (verb := parser.verb_like(word[1:])):
            plain = [other for other in (*words[:index], *words[index + 1 :]) if other[:1] != "-"]
            return proposal(verb, plain, tail)
    window = "-n" if "new" in words or "new-session" in words else None  # tmux's option for the title of a window
    names = [
        word for option, word in zip(("", *words), words, strict=False) if word[:1] != "-" and option != window
    ]  # fmt: skip
    letters = [letter for word in words if word[:1] == "-" for letter in word[1:]]
    if "X" in letters:  # screen's: -S NAME -X COMMAND, with -p and a window
        names = [word for option, word in zip(("", *words), words, strict=False) if word[:1] != "-" and option != "-p"]
        verb = parser.verb_like(names[1]) if len(names) > 1 else ""
        return proposal(verb, [names[0], *names[2:]], tail) if verb else ""
    verb = parser.verb_like(_SHORT.get(names[0], names[0])) if names else ""
    carried = [_CARRIED[verb, letter] for letter in letters if (verb, letter) in _CARRIED]
    if not names or not letters or not {letter for letter in letters if (verb, letter) not in _CARRIED} <= _OF_OTHERS:
        return ""
    first, *others = names
    if others and first in ("new", "new-session"):
        option = "" if "A" in letters else "--open" if "d" in letters else "--new"
        names = others
    elif verb and (others or carried):
        return _of_tmux(verb, others, carried, tail)
    elif missing(first):
        return ""
    else:
        option = "--open" if "m" in letters else "--replace" if {"d", "D"} & {*letters} else ""
    if len(names) > 1 and tail is None:
        names, tail = names[:1], names[1:]
    return proposal(option, names, tail)


def _of_tmux(verb: str, words: Sequence[str], carried: Sequence[str], tail: Sequence[str] | None) -> str:
    """Return the line for a command of tmux: its verb, its plain words, and what stands for its options."""
    if verbs := [word for word in carried if word == "-" or word in BY_NAME]:
        verb, words, carried = verbs[0], words[:1] if verbs[0] == "--status" else [], []
    last = words[-1] if words else ""
    if verb == "--send" and last in ("Enter", "C-m"):
        words = [*words[:-1], "--enter"]
    elif verb == "--send" and len(last) == 3 and last[:2] in ("C-", "M-"):
        words = [*words[:-1], "--key", last]
    elif verb == "--logs":  # the number of lines may stand in front; a command behind the name is that of pipe-pane
        names = [word for word in words if not word.isdigit()]
        words = [*names[:1], *(word for word in words if word.isdigit()), *["--follow"] * (len(names) > 1)]
    return proposal(verb, [*words, *carried], tail)
