"""A command line taken apart by the verb table: verb, hosts, sesh's own words, the command behind `--`. Pure, and lean.

A host, a name and an option's value are never taken for one another. The verbs that start fast are parsed here alone;
for the others, for help, and to say what is wrong with a line there is typer (`typer_app`).
"""

from __future__ import annotations

import os

from sesh.about import CALLED
from sesh.cli.verbs import BY_NAME, FLAG, MANY, MAYBE, VALUE, Verb
from sesh.errors import UsageError
from sesh.names import check_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    Options = dict[str, str | bool | list[str]]
    """The options and plain words of a verb by their keys, as its function takes them."""

_SPELLINGS = {word: verb.name for verb in BY_NAME.values() for word in (verb.name, verb.short) if word}
_SPELLINGS["-v"] = "--version"


class Line:
    """One command line, taken apart.

    `verb`: the long form, "" for none. `hosts`: checked, without their `@`. `words`: sesh's own words of that verb, in
    their order. `tail`: all after `--`, untouched, None where there is no `--`. `create`: whether `-A` was written.
    `help`: whether help is wanted, of this verb or of the whole.
    """

    __slots__ = ("create", "help", "hosts", "json", "local", "tail", "verb", "words")

    def __init__(self) -> None:
        self.verb = ""
        self.hosts: list[str] = []
        self.words: list[str] = []
        self.tail: list[str] | None = None
        self.json = self.local = self.create = self.help = False

    @property
    def row(self) -> Verb:
        """The verb's row of the table."""
        return BY_NAME[self.verb]

    @property
    def command(self) -> list[str] | None:
        """What to run, None for the user's shell."""
        return self.tail or None


def wants_json(argv: list[str]) -> bool:
    """Whether errors too are to be JSON; known before anything else is."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in own or os.environ.get("SESH_JSON", "") not in ("", "0")


def split(argv: list[str]) -> Line:
    """Takes a command line apart.

    Raises InvalidHost for a word after `@` that cannot be a host, UsageError for a verb that stands behind the name.
    """
    line = Line()
    line.json = wants_json(argv)
    own = argv
    if "--" in argv:
        at = argv.index("--")
        own, line.tail = argv[:at], argv[at + 1 :]
    verb: str | None = None
    named = False
    rest = list(reversed(own))
    while rest:
        word = rest.pop()
        if word == "--json":
            continue
        if word == "--local":
            line.local = True
        elif word[:1] == "-" and len(word) > 1:
            found, more = ("", "") if verb is not None else _verb(word, rest)
            if found == "--help" or word in ("--help", "-h"):
                line.help = True
                continue
            if found and named:
                raise UsageError(f"write the verb before the name: {' '.join([CALLED, found, *line.words])}")
            if found:
                verb = line.verb = "" if found == "-A" else found
                line.create = found == "-A"
                line.words += [more] if more else []
                continue
            line.words.append(word)
            if rest and takes_value(verb, word):
                line.words.append(rest.pop())
        elif word[:1] == "@" and not named:
            line.hosts.append(check_host(word[1:]))
        else:
            named = True
            line.words.append(word)
    return line


def _verb(word: str, rest: list[str]) -> tuple[str, str]:
    """The verb that a word spells, and what is left of it (`-nd` is `-n` and `-d`); empty words where it is none."""
    if word == "--label" and rest and "=" in rest[-1]:
        return "", ""  # the option of a creating verb: no name holds a "="
    if word == "-A":
        return word, ""
    if word in _SPELLINGS:
        return _SPELLINGS[word], ""
    verb = _SPELLINGS.get(word[:2], "")
    if verb and word[1] != "-" and all(kind_of(verb, f"-{letter}") == FLAG for letter in word[2:]):
        return verb, f"-{word[2:]}"
    return "", ""


def kind_of(verb: str | None, word: str) -> int | None:
    """How an option of a verb is given, None where the verb has none such. Before any verb: what any verb takes."""
    if verb is not None:
        option = BY_NAME[verb].spelled.get(word)
        return option.kind if option is not None else None
    return next((row.spelled[word].kind for row in BY_NAME.values() if word in row.spelled), None)


def takes_value(verb: str | None, word: str) -> bool:
    """Whether the word after `word` is its value."""
    if word[:2] == "--":
        return kind_of(verb, word) in (VALUE, MANY)
    for place, letter in enumerate(word[1:], 2):
        if kind_of(verb, f"-{letter}") in (VALUE, MANY):
            return place == len(word)
    return False


def parse(line: Line) -> Options | None:
    """What a line says to its verb.

    None for a verb that is not parsed here, and for words that are not plainly right: typer says what is wrong.
    """
    row = line.row
    if not row.fast:
        return None
    found: Options = {}
    many: dict[str, list[str]] = {}
    plain: list[str] = []
    rest = list(reversed(line.words))
    while rest:
        word = rest.pop()
        if word[:1] != "-" or len(word) == 1:
            plain.append(word)
            continue
        spelling, given, value = word.partition("=") if word[:2] == "--" else (word, "", "")
        option = row.spelled.get(spelling)
        if option is None and plain and row.name == "--state":
            plain.append(word)  # agents take the exit code 2 of a hook for a veto
            continue
        if option is None or (option.kind == FLAG and given):
            return None
        if option.kind == FLAG:
            found[option.key] = True
            continue
        if option.kind == MAYBE and not given:
            found[option.key] = rest.pop() if rest and rest[-1][:1] != "-" else ""
            continue
        if not given:
            if not rest:
                return None
            value = rest.pop()
        if option.kind == MANY:
            found[option.key] = many.setdefault(option.key, [])
            many[option.key].append(value)
        else:
            found[option.key] = value
    if line.tail is not None and not row.command:
        plain += line.tail
    if row.gather:
        found[row.gather] = plain
        return found
    return _placed(found, plain, row.words)


def _placed(found: Options, plain: list[str], places: tuple[str, ...]) -> Options | None:
    """The plain words under the keys of their places, None where there are too few or too many."""
    for place in places:
        if place[-1] in "*+":
            if place[-1] == "+" and not plain:
                return None
            found[place[:-1]] = plain
            return found
        if plain:
            found[place.rstrip("?")] = plain.pop(0)
        elif place[-1] != "?":
            return None
    return None if plain else found
