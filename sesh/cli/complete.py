"""`--complete`: what may stand where the cursor is, for the completion scripts. Lean: a person waits for it.

`sesh --complete SHELL -- WORDS…` gets the words behind `sesh` up to the cursor, the last one unfinished or empty. The
first line of the answer says what the shell is to offer: `words` (those that follow), `directories`, `files`, or
`command N` (a command that begins with word N, from 0). Each other line is a word and, behind a tab, what it is.

Verbs, options and what they do come from the verb table. Sessions of a host come from what was last known of it; if
that is old, a child asks the host, and the next Tab shows the answer.
"""

from __future__ import annotations

import os
import time

from sesh import config, wording
from sesh.cli import parser, printing
from sesh.cli.scripts import SHELLS
from sesh.cli.verbs import MANY, VALUE, VERBS
from sesh.errors import SeshError
from sesh.protocol import STATES
from sesh.reach.caller import Caller
from sesh.store import listing
from sesh.wording import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sesh.cli.invocation import Invocation
    from sesh.cli.parser import Line
    from sesh.cli.verbs import Option
    from sesh.schema import Summary

    Answer = tuple[str, dict[str, str]]
    Offers = dict[str, str]

_EVERYWHERE = {"--json": "print one JSON value", "--local": "do not ask known remotes", "--help": "show help"}
_VALUES = {"form": ("text", "ansi", "json", "svg", "html"), "predict": config.PREDICT}
"""The values that an option may have, by its key."""
_CONTROLS = ("C-c", "C-d", "C-z", "C-l", "C-\\")
_NOTHING: Answer = ("words", {})


def complete(cli: Invocation, shell: Sequence[str] = (), *, refresh: bool = False) -> int:  # noqa: ARG001 (all complete alike)
    """`--complete SHELL -- WORDS…`; with `--refresh` what a host has is asked for the next time."""
    typed = cli.tail or [""]
    if refresh:
        return ask(typed[0])
    kind, found = answer(typed)
    lines = [f"{word}\t{about}" if about else word for word, about in found.items()]
    printing.text("\n".join([kind, *lines]))
    return 0


def answer(typed: list[str]) -> Answer:
    """What may stand in the place of the last of the words: the kind, and the words with what they are."""
    *before, current = typed
    own, tail = parser.divided(before)
    try:
        line = parser.split(own)
    except SeshError:
        return _NOTHING
    if tail is not None and line.row.command:
        return f"command {len(own) + 1}", {}
    kind, offered = _offered(line, tail, current)
    return kind, {word: about for word, about in offered.items() if word.startswith(current)}


def _offered(line: Line, tail: list[str] | None, current: str) -> Answer:
    plain, given, waiting = _given(line)
    if tail is not None:
        return _placed(line, [*plain, *tail], current)
    if waiting:
        return _value(waiting)
    option, equals, _ = current.partition("=")
    if equals and option[:2] == "--" and parser.kind_of(line.verb, option) in (VALUE, MANY):
        kind, values = _value(line.row.spelled[option])
        return kind, {f"{option}={word}": about for word, about in values.items()}
    if current[:1] == "@" and not plain:
        return "words", hosts()
    if current[:1] == "-":
        return "words", _options(line, plain, given)
    return _placed(line, plain, current)


def _given(line: Line) -> tuple[list[str], set[str], Option | None]:
    """The plain words, the keys of the options that were given, and the option that waits for its value."""
    plain: list[str] = []
    keys: set[str] = set()
    for option, word, value in parser.pieces(line):
        if option is None:
            plain += [word] if value is not None else []
        elif value is None and option.kind in (VALUE, MANY):
            return plain, keys, option
        elif option.kind != MANY:
            keys.add(option.key)
    return plain, keys, None


def _value(option: Option) -> Answer:
    """What the value of an option may be."""
    words: Offers = {}
    if option.key == "directory":
        return "directories", {}
    if option.key == "label":
        words = labels()
    elif option.key == "key":
        from sesh.keynames import CHORDS

        words = dict.fromkeys((*_CONTROLS, *CHORDS), "")
    elif option.key == "env":
        words = {f"{name}=": "" for name in sorted(os.environ)}
    elif option.key in _VALUES:
        words = dict.fromkeys(_VALUES[option.key], "")
    return "words", words


def _options(line: Line, plain: list[str], given: set[str]) -> dict[str, str]:
    """The options of the verb that were not given yet; before any verb and name the verbs too."""
    found: dict[str, str] = {}
    if not line.verb and not plain:
        found |= {verb.name: verb.summary for verb in VERBS if verb.name}
    for option in line.row.options:
        if option.key not in given:
            long = [word for word in option.spellings if word[:2] == "--"]
            for word in long or option.spellings:
                found.setdefault(word, option.help.rstrip("."))
    found |= _EVERYWHERE
    if line.row.command:
        found["--"] = "then the command"
    return found


def _placed(line: Line, plain: list[str], current: str) -> Answer:
    """What may stand as the next plain word."""
    place = _place(line, len(plain))
    if place in ("name", "names"):
        return "words", _names(line, plain, current)
    if place == "directory":
        return "directories", {}
    if place == "file":
        return "files", {}
    if place == "labels":
        return "words", labels()
    if place == "shell":
        return "words", dict.fromkeys(SHELLS, "")
    if place == "state":
        return "words", dict.fromkeys(STATES, "")
    if line.verb in ("--deploy", "--sweep", "--doctor") and not current:
        return "words", hosts()
    return _NOTHING


def _place(line: Line, number: int) -> str:
    """The key of a verb's plain word by its number from 0; empty where there is none."""
    places = line.row.words
    if number < len(places):
        return places[number].rstrip("?*+")
    return places[-1][:-1] if places and places[-1][-1] in "*+" else ""


def _names(line: Line, plain: list[str], current: str) -> dict[str, str]:
    """The sessions that the line may mean, and the hosts that may stand before a name."""
    if line.hosts:
        found: dict[str, str] = {}
        for host in config.load().hosts_of(line.hosts):
            found |= sessions_on(host)
    else:
        found = sessions(elsewhere=not line.local and (not line.verb or line.row.session))
        if not current and not plain:
            found |= hosts()
    return {name: text for name, text in found.items() if name not in plain}


PATIENCE = 0.1
"""Seconds for the daemons here, and for a host of which nothing is known yet."""
FRESH = 5.0
"""Seconds for which what a host said last is taken for what it would say."""
_LONGEST = 60
_TICK = 0.01


def sessions(*, elsewhere: bool = True) -> Offers:
    """The sessions of this machine with what tells them apart; with `elsewhere` those of known remotes after them."""
    found = {each["name"]: _described(wording.state(each), each["cwd"]) for each in _here()}
    if elsewhere:
        for word in remotes():
            for name, text in _cached(word).items():
                found.setdefault(name, text)
    return found


def sessions_on(host: str) -> Offers:
    """The sessions of one host, by what it said last; one that has said nothing yet is waited for a moment."""
    from sesh.ops import child
    from sesh.remote import known

    try:
        before = _modified(host)
        if time.time() - (before or 0.0) > FRESH and host in remotes() and not known.failed_recently(host):
            if before is None:
                known.record_names(host, [])
            else:
                os.utime(known.path_of(host, ".names"))
            marked = _modified(host)
            child.aside(lambda: ask(host))
            deadline = time.monotonic() + PATIENCE
            while before is None and _modified(host) == marked and time.monotonic() < deadline:
                time.sleep(_TICK)
        return _cached(host)
    except (SeshError, OSError):
        return {}


def hosts() -> Offers:
    """Known remotes, the groups and remotes of the settings, the hosts of ssh_config: each with where it is from."""
    from sesh.remote.ssh import destination

    settings = config.load()
    found: Offers = {}
    for name, words in settings.groups.items():
        found[name] = "group: " + " ".join(f"@{word}" for word in words)
    for word in settings.remotes:
        found.setdefault(word, "config.toml")
    for word in remotes():
        found.setdefault(word, "known")
    for word in destination.aliases():
        found.setdefault(word, "ssh_config")
    return {f"@{word}": text for word, text in found.items()}


def labels() -> Offers:
    """The labels that sessions here bear."""
    found: dict[str, list[str]] = {}
    for each in _here():
        for key, value in (each.get("labels") or {}).items():
            found.setdefault(f"{plain(key)}={plain(value)}", []).append(each["name"])
    return {label: " ".join(names)[:_LONGEST] for label, names in found.items()}


def remotes() -> list[str]:
    """The known remotes, the one used last first; none where their files are not to be trusted."""
    from sesh.remote import known

    if not known.exist():
        return []
    try:
        return [each.host for each in known.all()]
    except SeshError:
        return []


def ask(host: str) -> int:
    """Asks a host for its sessions, for the next Tab; nothing is said. The exit code."""
    from sesh.ops import lookup

    return 1 if any(isinstance(answer, SeshError) for _, answer in lookup.summaries(Caller(), [host])) else 0


def _here() -> list[Summary]:
    try:
        return listing.summaries(PATIENCE)
    except (SeshError, OSError):
        return []


def _cached(host: str) -> Offers:
    from sesh.remote import known

    return {each["name"]: _described(plain(each["state"]), each.get("cwd"), host) for each in known.names(host)}


def _described(state: str, directory: str | None, host: str = "") -> str:
    """State, host and directory, in a few words."""
    return ", ".join(_filled([state, f"@{host}" if host else "", wording.at_home(plain(directory or ""))]))


def _filled(words: Iterable[str]) -> list[str]:
    return [wording.cut(word, _LONGEST) for word in words if word]


def _modified(host: str) -> float | None:
    """When a host's names were written, None where they never were."""
    from sesh.remote import known

    try:
        return os.lstat(known.path_of(host, ".names")).st_mtime
    except FileNotFoundError:
        return None
