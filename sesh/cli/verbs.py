"""The verb table: the syntax of each verb of the command line, defined once; its help is in `verb_texts`.

The parser, help, errors, completion in three shells and the manual page are all made from it. The module of a verb is
imported when the verb is called.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from sesh.cli.verb_texts import TEXTS, Texts

Row = tuple[str, str, str, str, str, int, int]

FLAG, VALUE, MANY = range(3)
"""Kinds of options: without a value; with one; with one, any number of times."""
ONE, EACH, ALL = range(3)
"""The hosts of a verb: one at the most; several, for each of which it is carried out (see `fanout`); several, which its
function deals with."""
SESSION, COMMAND, ATTACHES, GATHERS, HERE = 1, 2, 4, 8, 16
"""Marks of a verb, see `Verb`."""
_FEW = 4
"""Options that a usage line lists one by one."""


class Option:
    """One option of a verb: its spellings (long form first).

    `text`: `[KEY:]SPELLING[,SPELLING][=METAVAR][…]`. METAVAR: the name of its value; none for a flag. KEY: the keyword
    argument of its function, by default its long form with `_` for dashes. `…`: it may be repeated.
    """

    def __init__(self, verb: str, text: str) -> None:
        names, _, metavar = text.partition("=")
        key, _, spellings = names.rpartition(":")
        self.spellings = tuple(spellings.split(","))
        self.key = key or self.spellings[0][2:].replace("-", "_")
        self.metavar = metavar.removesuffix("…")
        self.kind = MANY if metavar[-1:] == "…" else VALUE if metavar else FLAG
        self._verb = verb

    @property
    def help(self) -> str:
        """The line of help."""
        return _texts(self._verb).options[self.spellings[0]]

    @property
    def shown(self) -> str:
        """Its spellings, and the name of its value."""
        return f"{', '.join(self.spellings)} {self.metavar}".strip()


class Verb:
    """One verb.

    `name`: the long form, empty for the form without a verb. `words`: the keys of its plain words; one that ends with
    `?` may be missing, `*` takes all that are left, `+` at least one. `gather`: the key under which the function gets
    all plain words as one list instead, "words" with the mark GATHERS. `run`: module and function of sesh.cli that
    carry it out. `session`: it names one existing session, which is looked for on known remotes too. `command`: all
    after `--` is a command. `hosts`: how many it takes, and who deals with them. `attaches`: it may lead to an
    attachment. `here`: it is carried out here, even if hosts are named.
    """

    def __init__(self, row: Row) -> None:
        self.name, self.short, self.run, words, options, self.hosts, marks = row
        self.words = tuple(words.split())
        self.options = tuple([Option(self.name, text) for text in options.split()])
        self.session, self.command, self.attaches = bool(marks & SESSION), bool(marks & COMMAND), bool(marks & ATTACHES)
        self.here = bool(marks & HERE)
        self.gather = "words" if marks & GATHERS else ""

    @property
    def spelled(self) -> dict[str, Option]:
        """The options by each of their spellings."""
        return {word: option for option in self.options for word in option.spellings}

    @property
    def several(self) -> bool:
        """True if it takes several hosts."""
        return self.hosts != ONE

    @property
    def usage(self) -> str:
        """The words behind the verb, with its options if they are few."""
        words = [
            f"[{f'{option.spellings[0]} {option.metavar}'.strip()}]{'…' * (option.kind == MANY)}"
            for option in self.options
        ]
        options = " ".join(words) if len(words) <= _FEW else "[OPTION…]"
        return _texts(self.name).usage.replace("{}", options)

    @property
    def help(self) -> str:
        """Sentences that say what it does."""
        return _texts(self.name).help

    @property
    def examples(self) -> tuple[str, ...]:
        """Whole command lines."""
        return _texts(self.name).examples

    @property
    def text(self) -> str:
        """The help, and whether it takes several hosts."""
        line = f"Takes several hosts and groups of hosts: `sesh @a @b {self.name}`."
        return f"{self.help}\n\n{line}" if self.several else self.help

    @property
    def summary(self) -> str:
        """The line of the overview, without a full stop."""
        return _texts(self.name).short

    @property
    def group(self) -> str:
        """The group in the overview."""
        return _texts(self.name).group

    @property
    def shown(self) -> str:
        """Its name and short forms."""
        if not self.name:
            return "NAME, -A NAME"
        return ", ".join([self.name, *(word for word, name in SPELLINGS.items() if name == self.name != word)])

    def function(self) -> Callable[..., int]:
        """Return the function that carries the verb out; only its module is loaded."""
        function: Callable[..., int] = load(self.run)
        return function


def load(place: str) -> Any:
    """Return a function of this room, as `module.function`; its module is loaded now."""
    module, _, name = place.rpartition(".")
    return getattr(import_module(f"sesh.cli.{module}"), name)


def _texts(verb: str) -> Texts:
    return TEXTS[verb]


_ENV = "--env=K=V…"
_LABEL = "--label=K=V…"
_SIZE = "--size=COLUMNSxROWS"
_CREATING = f"{_ENV} {_LABEL} {_SIZE}"
_DETACHED = "detached:-d"
_ANSI = "--ansi"
_SINCE = "start:--from=POS --since-start"
_JOIN = "--join"
_VIEW = "--read-only,-r --no-replay --no-detach-key"
_ATTACHING = f"{_JOIN} --replace {_VIEW}"

# Name, short form, function, plain words, options, hosts, marks.
_TYPED: tuple[Row, ...] = (
    ("", "", "go.go", "name? directory?", f"{_ATTACHING} {_ENV} {_LABEL}", ONE, GATHERS | COMMAND | ATTACHES),
    ("--attach", "-a", "attach.attach", "name", _ATTACHING, ONE, SESSION | ATTACHES),
    ("--open", "", "sessions.open_", "name directory?", _CREATING, EACH, COMMAND),
    (
        "--new", "-n", "attach.new", "name? directory?",
        f"{_DETACHED} {_JOIN} --replace --new-name {_VIEW} {_CREATING}",
        ONE, COMMAND | ATTACHES,
    ),
    ("--list", "-l", "list.list_", "", f"{_LABEL} --watch", ALL, 0),
    ("--watch", "", "choose.watch", "", _LABEL, ALL, 0),
    ("--pick", "", "choose.pick", "", f"{_ATTACHING} {_LABEL}", ALL, ATTACHES),
    ("--next", "", "choose.next_", "", f"{_ATTACHING} {_LABEL}", ALL, ATTACHES),
    ("--here", "", "go.here", "directory?", _ATTACHING, ONE, ATTACHES),
    ("--detach", "-x", "sessions.detach", "name?", "", ONE, SESSION),
    ("--kill", "-k", "sessions.kill", "names*", f"{_LABEL} yes:-y", EACH, SESSION),
    ("--kill-all", "-K", "sessions.kill_all", "", "yes:-y", EACH, 0),
    ("--rename", "", "sessions.rename", "name new?", "", ONE, SESSION),
    (
        "--exec", "-e", "jobs.exec_", "name?",
        f"directory:-C=DIR printed:--print --follow,-f --keep --timeout=TIME --stdin --tie {_DETACHED} {_CREATING}",
        EACH, GATHERS | COMMAND,
    ),
    ("--run", "", "shell.run", "name", f"--timeout=TIME --no-wait {_ANSI}", EACH, SESSION | COMMAND),
    ("--send", "", "send.send", "name text*", "--enter --key=KEY… --question=REGEX --force", EACH, SESSION),
    (
        "--wait", "", "wait.wait", "names*",
        f"any_:--any {_LABEL} exit_:--exit --prompt --waiting --idle=TIME pattern:--for=REGEX {_SINCE} --timeout=TIME",
        ALL, SESSION,
    ),
    ("--events", "", "events.events", "name?", "--since=N --log", EACH, SESSION),
    ("--screen", "", "views.screen", "name?", "form:--format=FORMAT", EACH, SESSION),
    ("--logs", "", "views.logs", "name? count?", "--follow,-f --ansi", EACH, SESSION),
    ("--grep", "", "grep.grep", "pattern names*", "context:-C=N ignore_case:-i", ALL, SESSION),
    ("--history", "", "shell.history", "name? number?", _ANSI, ONE, SESSION),
    ("--status", "", "status.status", "name?", "", EACH, SESSION),
    ("--state", "", "send.state", "state text*", "", ONE, HERE),
    ("--integrate", "", "integrate.integrate", "agent", "--remove", ONE, HERE),
    ("--label", "", "sessions.label", "name labels+", "", ONE, SESSION),
    ("--resume-with", "", "sessions.resume_with", "name?", "", ONE, SESSION | COMMAND),
    ("--restore", "", "layout.restore", "names*", "yes:-y", EACH, SESSION),
    ("--export", "", "layout.export", "", "", ONE, 0),
    ("--import", "", "layout.import_", "file?", "", ONE, 0),
    ("--sweep", "", "sweep.sweep", "", "--older=TIME all_:--all yes:-y --dry-run", ALL, 0),
    ("--doctor", "", "doctor.doctor", "", "", ALL, 0),
    ("--shell-init", "", "scripts.shell_init", "shell", "", ONE, HERE),
    ("--deploy", "", "deploy.deploy", "hosts*", "--force", ALL, HERE),
    ("--upgrade", "", "deploy.upgrade", "", "", ONE, HERE),
    ("--forget", "", "deploy.forget", "hosts*", "--remove", ALL, HERE),
    ("--reload", "", "sessions.reload", "names*", "", EACH, SESSION),
    ("--completions", "", "scripts.completions", "shell", "", ONE, HERE),
    ("--mcp", "", "mcp.mcp", "", "", ONE, HERE),
    ("--skill", "", "agents.skill", "", "", ONE, HERE),
    ("--help", "-h", "main.help_", "", "", ONE, HERE),
    ("--version", "-V", "main.version", "", "", ONE, HERE),
)  # fmt: skip
_HIDDEN: tuple[Row, ...] = (
    ("--hook", "", "integrate.hook", "agent*", "", ONE, 0),
    ("--bridge", "", "far_end.bridge", "", "", ONE, 0),
    ("--complete", "", "complete.complete", "shell*", "", ONE, COMMAND),
)  # fmt: skip
"""Verbs that nobody types: of agents' hooks, of a link from another host, and of the completion scripts."""
SPELLINGS = {word: row[0] for row in (*_TYPED, *_HIDDEN) for word in row[:2] if word}
SPELLINGS["-v"] = "--version"
"""The verbs by their long and short forms."""

VERBS = tuple([Verb(row) for row in _TYPED])
"""All verbs that a person types, in the order of the help."""
BY_NAME = {verb.name: verb for verb in (*VERBS, *map(Verb, _HIDDEN))}
