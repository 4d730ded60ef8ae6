"""The words of the command line: which verb, which hosts, what is sesh's own and what the command's. Pure, and lean.

Every verb's options stand here, with what they take, so that a host, a name and an option's value are never taken for
one another. The verbs that must start fast are parsed from these tables; the others, help and errors are typer's.
"""

from __future__ import annotations

import os

from sesh.errors import UsageError
from sesh.names import check_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERBS = {
    "--attach": "-a",
    "--open": "",
    "--new": "-n",
    "--list": "-l",
    "--watch": "",
    "--pick": "",
    "--detach": "-x",
    "--kill": "-k",
    "--kill-all": "-K",
    "--rename": "",
    "--exec": "-e",
    "--run": "",
    "--send": "",
    "--wait": "",
    "--events": "",
    "--screen": "",
    "--logs": "",
    "--history": "",
    "--status": "",
    "--message": "",
    "--label": "",
    "--record": "",
    "--export": "",
    "--import": "",
    "--sweep": "",
    "--doctor": "",
    "--shell-init": "",
    "--deploy": "",
    "--upgrade": "",
    "--reload": "",
    "--completions": "",
    "--mcp": "",
    "--help": "-h",
    "--version": "-V",
}
"""The verbs and their short forms. The verb-less form (`sesh`, `sesh NAME`, also `-A NAME`) is the empty word."""

_SPELLED = {verb: verb for verb in VERBS} | {short: verb for verb, short in VERBS.items()}
_SPELLED |= {"-v": "--version", "--bridge": "--bridge", "--complete": "--complete"}
"""Also what people have no use for: what sesh on another machine speaks to, and the completion scripts."""

NAMING = (
    "--attach", "--detach", "--kill", "--rename", "--send", "--wait", "--events", "--screen", "--logs", "--status",
    "--message", "--label", "--run", "--history", "--reload",
)  # fmt: skip
"""The verbs that name one existing session: one that is not here is looked for on the known remotes."""

COMMANDED = ("", "--open", "--new", "--exec", "--run")
"""The verbs whose words after `--` are a command; with the others these are words that may begin with a dash."""

FLAG, VALUE, MANY = range(3)

_CREATING = {"--env": ("env", MANY), "--label": ("label", MANY)}
_ATTACHING = {
    "--join": ("join", FLAG),
    "--replace": ("replace", FLAG),
    "--read-only": ("read_only", FLAG),
    "-r": ("read_only", FLAG),
    "--no-replay": ("no_replay", FLAG),
    "--no-detach-key": ("no_detach_key", FLAG),
    "-C": ("no_detach_key", FLAG),
}
_DETACHED = {"-d": ("detached", FLAG)}

OPTIONS: dict[str, dict[str, tuple[str, int]]] = {
    "": {**_ATTACHING, **_CREATING},
    "--attach": _ATTACHING,
    "--open": _CREATING,
    "--new": {**_ATTACHING, **_CREATING, **_DETACHED, "--new-name": ("new_name", FLAG)},
    "--list": {"--label": ("label", MANY), "--watch": ("watch", FLAG)},
    "--watch": {"--label": ("label", MANY)},
    "--pick": {**_ATTACHING, "--label": ("label", MANY)},
    "--kill-all": {"-y": ("yes", FLAG)},
    "--exec": {
        **_CREATING,
        **_DETACHED,
        "-C": ("directory", VALUE),
        "--print": ("printed", FLAG),
        "--follow": ("follow", FLAG),
        "--keep": ("keep", FLAG),
        "--timeout": ("timeout", VALUE),
        "--stdin": ("stdin", FLAG),
        "--tie": ("tie", FLAG),
    },
    "--run": {"--timeout": ("timeout", VALUE), "--no-wait": ("no_wait", FLAG), "--ansi": ("ansi", FLAG)},
    "--history": {"--ansi": ("ansi", FLAG)},
    "--send": {"--enter": ("enter", FLAG), "--key": ("key", MANY)},
    "--wait": {
        "--exit": ("exit_", FLAG),
        "--prompt": ("prompt", FLAG),
        "--idle": ("idle", VALUE),
        "--for": ("pattern", VALUE),
        "--from": ("start", VALUE),
        "--since-start": ("since_start", FLAG),
        "--timeout": ("timeout", VALUE),
    },
    "--events": {"--since": ("since", VALUE), "--log": ("log", FLAG)},
    "--screen": {"--format": ("form", VALUE)},
    "--logs": {"--ansi": ("ansi", FLAG), "-f": ("follow", FLAG)},
    "--record": {"--since-start": ("since_start", FLAG), "--force": ("force", FLAG)},
    "--sweep": {
        "--older": ("older", VALUE),
        "--all": ("all_", FLAG),
        "-y": ("yes", FLAG),
        "--dry-run": ("dry_run", FLAG),
    },
    "--deploy": {"--force": ("force", FLAG)},
}
"""What each verb takes beside `--json`, `--local` and `--help`: the option, the key of its value, how it is given."""

PLACES: dict[str, tuple[str, ...]] = {
    "": ("places*",),
    "--attach": ("name",),
    "--open": ("name", "directory?"),
    "--new": ("name?", "directory?"),
    "--list": (),
    "--watch": (),
    "--pick": (),
    "--kill": ("names*",),
    "--reload": ("names*",),
    "--exec": ("places*",),
    "--run": ("name",),
    "--wait": ("name",),
    "--events": ("name?",),
    "--send": ("name", "text*"),
    "--screen": ("name",),
    "--logs": ("name", "count?"),
    "--history": ("name", "count?"),
    "--status": ("name",),
    "--shell-init": ("shell",),
    "--detach": ("name?",),
}
"""The plain words of the verbs that start fast: `?` may be missing, `*` takes all that is left."""


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
    def command(self) -> list[str] | None:
        """What to run, None for the user's shell."""
        return self.tail or None


def wants_json(argv: list[str]) -> bool:
    """Whether errors too are to be JSON; known before anything else is."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in own or os.environ.get("SESH_JSON", "") not in ("", "0")


def split(argv: list[str]) -> Line:
    """Takes a command line apart.

    Raises InvalidHost for a word after `@` that is none, UsageError for a verb that stands behind the name.
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
                raise UsageError(f"the verb comes before the name: {' '.join(['sesh', found, *line.words])}")
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
    if word in _SPELLED:
        return _SPELLED[word], ""
    verb = _SPELLED.get(word[:2], "")
    if verb and word[1] != "-" and all(kind_of(verb, f"-{letter}") == FLAG for letter in word[2:]):
        return verb, f"-{word[2:]}"
    return "", ""


def kind_of(verb: str | None, option: str) -> int | None:
    """How an option of a verb is given, None where the verb has none such. Before any verb: what any verb takes."""
    if verb is not None:
        return OPTIONS.get(verb, {}).get(option, ("", None))[1]
    if option == "-C":
        return FLAG
    return next((options[option][1] for options in OPTIONS.values() if option in options), None)


def takes_value(verb: str | None, word: str) -> bool:
    """Whether the word after `word` is its value."""
    if word[:2] == "--":
        return kind_of(verb, word) in (VALUE, MANY)
    for place, letter in enumerate(word[1:], 2):
        if kind_of(verb, f"-{letter}") in (VALUE, MANY):
            return place == len(word)
    return False


def parse(line: Line) -> dict[str, Any] | None:
    """The options and plain words of a verb that starts fast, by their keys.

    None for any other verb, and for words that are not plainly right: typer says what is wrong with them.
    """
    places = PLACES.get(line.verb)
    if places is None:
        return None
    options = OPTIONS.get(line.verb, {})
    found: dict[str, Any] = {}
    plain: list[str] = []
    rest = list(reversed(line.words))
    while rest:
        word = rest.pop()
        if word[:1] != "-" or len(word) == 1:
            plain.append(word)
            continue
        option, given, value = word.partition("=") if word[:2] == "--" else (word, "", "")
        key, kind = options.get(option, ("", None))
        if kind is None or (kind == FLAG and given):
            return None
        if kind == FLAG:
            found[key] = True
            continue
        if not given:
            if not rest:
                return None
            value = rest.pop()
        if kind == MANY:
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    if line.tail is not None and line.verb not in COMMANDED:
        plain += line.tail
    return _placed(found, plain, places)


def _placed(found: dict[str, Any], plain: list[str], places: tuple[str, ...]) -> dict[str, Any] | None:
    """The plain words under the keys of their places, None where there are too few or too many."""
    for place in places:
        if place.endswith("*"):
            found[place[:-1]] = plain
            return found
        if plain:
            found[place.rstrip("?")] = plain.pop(0)
        elif not place.endswith("?"):
            return None
    return None if plain else found
