"""A command line taken apart by the verb table: verb, hosts, sesh's own words, the command behind `--`.

Pure. A host, a name and an option's value are never taken for one another. `misread` words the error for a
line that `parse` refuses, and deals with names that look like verbs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from sesh.cli.verbs import BY_NAME, FLAG, MANY, SPELLINGS, VALUE, Option, Verb
from sesh.names import check_host

Options = dict[str, str | bool | list[str]]
"""The options and plain words of a verb by their keys: the arguments of its function."""
Piece = tuple[Option | None, str, str | None]
"""One piece of a line: its option, the word as it was typed, its value."""

_FOREIGN = {
    "ls": "--list", "ps": "--list", "rm": "--kill", "stop": "--kill", "create": "--new", "start": "--new",
    "connect": "--attach", "last": "-", "man": "--help", "stat": "--status", "tail": "--logs", "search": "--grep",
    "find": "--grep", "execute": "--exec", "restart": "--restore", "leave": "--detach", "delete": "--kill",
    "remove": "--kill", "close": "--kill", "end": "--kill", "exit": "--kill", "quit": "--kill",
    "info": "--status",
    # tmux's, and their aliases
    "attach-session": "--attach", "switch-client": "--attach", "switchc": "--attach", "switch": "--attach",
    "detach-client": "--detach", "kill-session": "--kill", "kill-server": "--kill-all", "new-session": "--new",
    "rename-session": "--rename", "has-session": "--status", "has": "--status", "list-clients": "--status",
    "lsc": "--status", "list-sessions": "--list", "choose-session": "--pick", "choose-tree": "--pick",
    "choose-client": "--pick", "send-keys": "--send",
    "capture-pane": "--screen", "capturep": "--screen", "pipe-pane": "--logs", "pipep": "--logs",
    "find-window": "--grep", "findw": "--grep", "show-messages": "--events", "showmsgs": "--events",
    "wait-for": "--wait", "run-shell": "--exec", "list-commands": "--help", "lscm": "--help", "list-keys": "--help",
    "lsk": "--help",
    # screen's
    "stuff": "--send", "hardcopy": "--screen", "sessionname": "--rename", "wipe": "--sweep",
}  # fmt: skip
"""The verbs for words of other programs."""
MISSING = {
    "windows": (
        "break-pane", "breakp", "choose-window", "display-panes", "displayp", "join-pane", "joinp", "kill-pane",
        "killp", "kill-window", "killw", "last-pane", "lastp", "last-window", "link-window", "linkw", "list-panes",
        "lsp", "list-windows", "lsw", "move-pane", "movep", "move-window", "movew", "new-window", "neww",
        "next-layout", "nextl", "next-window", "previous-layout", "prevl", "previous-window", "rename-window",
        "renamew", "resize-pane", "resizep", "resize-window", "resizew", "respawn-pane", "respawnp",
        "respawn-window", "respawnw", "rotate-window", "rotatew", "select-layout", "selectl", "select-pane",
        "selectp", "select-window", "selectw", "split-window", "splitw", "swap-pane", "swapp", "swap-window",
        "swapw", "unlink-window", "unlinkw",
    ),
    "buffers": (
        "choose-buffer", "clear-history", "clearhist", "copy-mode", "delete-buffer", "deleteb", "list-buffers", "lsb",
        "load-buffer", "loadb", "paste-buffer", "pasteb", "save-buffer", "saveb", "set-buffer", "setb",
        "show-buffer", "showb",
    ),
    "commands for settings": (
        "bind-key", "unbind-key", "customize-mode", "set-environment", "setenv", "set-hook", "set-option",
        "set-window-option", "setw", "show-environment", "showenv", "show-hooks", "show-options",
        "show-window-options", "showw", "source-file",
    ),
    "such command": (
        "clear-prompt-history", "clearphist", "clock-mode", "command-prompt", "confirm-before", "display-menu",
        "display-popup", "if-shell", "lock-client", "lockc", "lock-server", "lock-session", "locks", "refresh-client",
        "send-prefix", "server-access", "show-prompt-history", "showphist", "start-server", "suspend-client",
        "suspendc",
    ),
}  # fmt: skip
"""The commands of tmux for what sesh does not have."""
UNLIKELY = frozenset((
    "ls", "ps", "rm", "list", "help", "new", "kill", "attach", "connect", "last", "detach", "version", "man", "exec",
    "status", "logs", "history", "rename", "restore", "sweep", "reload", "upgrade", "deploy", "forget", "grep",
    "pick", "watch", "screen", "wait", "send", "doctor", "kill-all", "shell-init", "completions",
    "switchc", "lsc", "lscm", "lsk", "capturep", "pipep", "findw", "showmsgs", "exit", "quit", "hardcopy",
    "sessionname",
    *(word for word in _FOREIGN if "-" in word), *(word for words in MISSING.values() for word in words),
))  # fmt: skip
"""Names that somebody who types them hardly wants for a session."""
_FREE = ("text*", "texts+", "file", "file?", "hosts*")
"""The keys of plain words that may begin with an `@` behind a name; any other such word is a host."""


class CommandLine:
    """One command line, taken apart.

    `verb`: the long form, "" for none. `hosts`: checked, without their `@`. `words`: sesh's own words of that verb, in
    their order. `tail`: all after `--`, untouched, None without a `--`. `create`: True if `-A` was written. `help`:
    True if help is wanted, of this verb or of the whole.
    """

    def __init__(self) -> None:
        self.verb = ""
        self.hosts: list[str] = []
        self.words: list[str] = []
        self.tail: list[str] | None = None
        self.behind: list[str] = []
        """A verb that stands behind the name, where none belongs, and the words that follow it."""
        self.topic = ""
        """The word right behind `--help`, whose help may be meant."""
        self.json = self.local = self.create = self.help = False

    @property
    def row(self) -> Verb:
        """The verb's row of the table."""
        return BY_NAME[self.verb]


def divided(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the words before `--` and those behind it, None without a `--`."""
    if "--" not in argv:
        return argv, None
    dashes = argv.index("--")
    return argv[:dashes], argv[dashes + 1 :]


def wants_json(argv: list[str]) -> bool:
    """Return whether JSON is wanted, for errors too: any line will do, also one that cannot be parsed."""
    return "--json" in divided(argv)[0] or os.environ.get("SESH_JSON", "") not in ("", "0")


def split(argv: list[str]) -> CommandLine:
    """Take a command line apart.

    Raises InvalidHost for a word after `@` that cannot be a host.
    """
    line = CommandLine()
    if argv[:1] == ["--hook"]:  # it prints nothing, and agents take the exit code 2 for a veto: each word is text
        line.verb, line.tail = argv[0], argv[1:]
        return line
    line.json = wants_json(argv)
    own, line.tail = divided(argv)
    verb: str | None = None  # None until it is read; "" is the form without one, which -A stands for
    named = False
    rest = list(reversed(own))
    while rest:
        word = rest.pop()
        if word == "--json":
            continue
        if word == "--local":
            line.local = True
        elif word in ("--help", "-h"):
            line.help = True
        elif _is_plain(word):
            if word[:1] == "@" and not named:
                line.hosts.append(check_host(word[1:]))
            else:
                if line.help and not named and verb is None:
                    line.topic = word
                named = True
                line.words.append(word)
        elif verb is None and (spelled := _verb(word, rest)) is not None:
            if named:
                line.behind = [word, *reversed(rest)]
                return line
            name, flags = spelled
            line.create = name == "-A"
            verb = line.verb = "" if line.create else name
            if flags:
                line.words.append(flags)
        else:
            line.words.append(word)
            if rest and takes_value(verb, word):
                line.words.append(rest.pop())
    return line


def _is_plain(word: str) -> bool:
    return word[:1] != "-" or len(word) == 1


def _verb(word: str, rest: list[str]) -> tuple[str, str] | None:
    """Return the verb that a word spells, and flags in the same word (`-nd`: `--new`, `-d`); None for no verb."""
    if word == "--label" and rest and "=" in rest[-1]:
        return None  # the option of a creating verb: no name holds a "="
    if word == "-A":
        return word, ""
    if word in SPELLINGS:
        return SPELLINGS[word], ""
    verb = SPELLINGS.get(word[:2], "")
    if verb and word[1] != "-" and all(kind_of(verb, f"-{letter}") == FLAG for letter in word[2:]):
        return verb, f"-{word[2:]}"
    return None


def kind_of(verb: str | None, spelling: str) -> int | None:
    """Return the kind of an option of a verb, None if it has no such option. None for the verb: of any verb."""
    rows = BY_NAME.values() if verb is None else (BY_NAME[verb],)
    return next((row.spelled[spelling].kind for row in rows if spelling in row.spelled), None)


def takes_value(verb: str | None, word: str) -> bool:
    """Return whether the word behind `word` is its value."""
    if word[:2] == "--":
        return kind_of(verb, word) in (VALUE, MANY)
    for length, letter in enumerate(word[1:], 2):
        if kind_of(verb, f"-{letter}") in (VALUE, MANY):
            return length == len(word)
    return False


def pieces(line: CommandLine) -> Iterator[Piece]:
    """Yield the pieces of a line in their order.

    A plain word: no option, and the word as its value. An option: its value, None for a flag and if the value is
    missing. A word that only looks like an option: no option and no value.
    """
    row = line.row
    spelled = row.spelled
    begun = False
    rest = list(reversed(line.words))
    while rest:
        word = rest.pop()
        long = word[:2] == "--"
        spelling, joined, value = word.partition("=") if long else (word[:2], word[2:], word[2:])
        option = spelled.get(spelling)
        if option is not None and option.kind == FLAG and joined and (long or value[0] == "-"):
            option = None  # a flag has no value (--flag=x), nor a dash among its letters (-f-x)
        # Agents take the exit code 2 of a hook for a veto: behind STATE each word is text.
        if _is_plain(word) or (option is None and begun and row.name == "--state"):
            begun = True
            yield None, word, word
        elif option is None:
            yield None, word, None
        elif option.kind == FLAG:
            if joined:
                rest.append(f"-{value}")  # -dC/tmp is -d -C/tmp
            yield option, word, None
        elif joined:
            yield option, word, value
        elif rest:
            yield option, word, rest.pop()
        else:
            yield option, word, None


def parse(line: CommandLine) -> Options | None:
    """Return the options and plain words of a line; None if the verb does not take them (see `misread.error`)."""
    if line.behind:
        return None
    row = line.row
    options: Options = {}
    many: dict[str, list[str]] = {}
    plain: list[str] = []
    for option, _, value in pieces(line):
        if value is None and (option is None or option.kind in (VALUE, MANY)):
            return None
        if option is None:
            plain.append(value or "")
        elif option.kind == MANY:
            many.setdefault(option.key, []).append(value or "")
        else:
            options[option.key] = option.kind == FLAG or value or ""
    options.update(many)
    if hosts_among(row, plain):
        return None
    if line.tail is not None and not row.command:
        plain += line.tail
    for key in (f"{row.gather}*",) if row.gather else row.words:
        if not plain and key[-1] not in "?*":
            return None
        if key[-1] in "*+":
            options[key[:-1]] = plain
            return options
        if plain:
            options[key.rstrip("?")] = plain.pop(0)
    return None if plain else options


def hosts_among(row: Verb, plain: Sequence[str]) -> list[str]:
    """Return the hosts among a verb's plain words, where none belongs."""
    last = len(row.words) - 1
    return [
        word
        for index, word in enumerate(plain)
        if word[:1] == "@" and not (row.words and row.words[min(index, last)] in _FREE)
    ]


def verb_like(name: str) -> str:
    """Return the verb that a name looks like, empty for none."""
    verb = f"--{name}"
    return verb if name and verb in BY_NAME else _FOREIGN.get(name, "")
