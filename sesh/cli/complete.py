"""`--complete`: the words that may stand at the cursor, for the completion scripts.

`sesh --complete SHELL -- WORDS…` gets the words behind `sesh` up to the cursor, the last one unfinished or empty. The
first line of the answer says what the shell is to offer: `words` (those that follow), `directories`, `files`, or
`command N` (a command that begins with word N, from 0). Each other line is a word and, behind a tab, its description.

Verbs, options and their descriptions come from the verb table. Sessions of a host come from a cache; if that is old, a
child asks the host, and the next Tab shows the answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from sesh import config, moments, paths, wording
from sesh.cli import parser, printing
from sesh.cli.invocation import Invocation
from sesh.cli.parser import CommandLine
from sesh.cli.scripts import SHELLS
from sesh.cli.verb_texts import EVERYWHERE
from sesh.cli.verbs import MANY, VALUE, VERBS
from sesh.errors import SeshError
from sesh.keynames import CHORDS
from sesh.names import natural
from sesh.ops import child, lookup
from sesh.protocol import STATES
from sesh.reach.caller import Caller
from sesh.remote import known
from sesh.remote.ssh import aliases
from sesh.schema import Summary
from sesh.store import listing, results
from sesh.stored import KeptSession
from sesh.wording import plain

Completion = tuple[str, dict[str, str]]
Offers = dict[str, str]

_VALUES = {
    "agent": ("claude", "codex", "gemini"),
    "form": ("text", "ansi", "json"),
    "shell": SHELLS,
    "state": STATES,
    "verb": tuple(verb.name[2:] for verb in VERBS if verb.name),
}
"""The values of an option or a plain word, by its key."""
_PATHS = {"directory": "directories", "file": "files"}
_OF_ENDED = ("--logs", "--screen", "--status", "--wait")
"""Verbs that also read the kept result of a job that is gone."""
_CONTROLS = ("C-c", "C-d", "C-z", "C-l", "C-\\")


def complete(cli: Invocation, shell: Sequence[str] = ()) -> int:  # noqa: ARG001 (all complete alike)
    """`--complete SHELL -- WORDS…`: the answer for a script."""
    kind, offers = answer(cli.tail or [""])
    lines = [f"{word}\t{description}" if description else word for word, description in offers.items()]
    printing.text("\n".join([kind, *lines]))
    return 0


def answer(words: list[str]) -> Completion:
    """Return the kind of the answer, and the words that may replace the last one, each with a description."""
    *before, current = words
    own, tail = parser.divided(before)
    try:
        line = parser.split(own)
    except SeshError:
        return "words", {}
    if line.behind:
        return "words", {}
    if tail is not None and line.row.command:
        return f"command {len(own) + 1}", {}
    kind, offers = _offers(line, tail, current)
    return kind, {word: description for word, description in offers.items() if word.startswith(current)}


def _offers(line: CommandLine, tail: list[str] | None, current: str) -> Completion:
    plain: list[str] = []
    given: set[str] = set()
    for option, word, value in parser.pieces(line):
        if option is None:
            plain += [word] if value is not None else []
        elif value is None and option.kind in (VALUE, MANY) and tail is None:
            return _values(option.key)
        elif option.kind != MANY:
            given.add(option.key)
    if tail is not None:
        return _plain_word(line, [*plain, *tail], current)
    spelling, equals, _ = current.partition("=")
    if equals and spelling[:2] == "--" and parser.kind_of(line.verb, spelling) in (VALUE, MANY):
        kind, values = _values(line.row.spelled[spelling].key)
        return kind, {f"{spelling}={word}": description for word, description in values.items()}
    if current[:1] == "@" and not plain:
        return "words", _more_hosts(line)
    if current[:1] == "-":
        return "words", _options(line, plain, given)
    return _plain_word(line, plain, current)


def _values(key: str) -> Completion:
    """Return the offers for the value of an option, or for a plain word, by its key in the verb table."""
    words: Offers = {}
    if key in ("label", "labels"):
        words = labels()
    elif key == "key":
        words = dict.fromkeys((*_CONTROLS, *CHORDS), "")
    elif key == "env":
        words = {f"{name}=": "" for name in sorted(os.environ)}
    elif key in _VALUES:
        words = dict.fromkeys(_VALUES[key], "")
    return _PATHS.get(key, "words"), words


def _options(line: CommandLine, plain: list[str], given: set[str]) -> Offers:
    """Return the options of the verb that were not given yet; before any verb and name the verbs too."""
    offers: Offers = {}
    if not line.verb and not plain:
        offers |= {verb.name: verb.summary for verb in VERBS if verb.name}
    for option in line.row.options:
        if option.key not in given:
            long = [word for word in option.spellings if word[:2] == "--"]
            for word in long or option.spellings:
                offers.setdefault(word, option.help.rstrip("."))
    offers |= {word.partition(",")[0]: text.rstrip(".") for word, text in EVERYWHERE if word[0] == "-"}
    if line.row.command:
        offers["--"] = "then the command"
    return offers


def _plain_word(line: CommandLine, plain: list[str], current: str) -> Completion:
    keys = line.row.words
    key = ""
    if len(plain) < len(keys):
        key = keys[len(plain)].rstrip("?*+")
    elif keys and keys[-1][-1] in "*+":
        key = keys[-1][:-1]
    if key in ("name", "names"):
        return "words", _names(line, plain, current)
    if line.verb in ("--deploy", "--forget", "--sweep", "--doctor") and not current:
        return "words", _more_hosts(line)
    return _values(key)


def _more_hosts(line: CommandLine) -> Offers:
    """Return the groups and hosts that are not on the line yet."""
    return {word: source for word, source in hosts().items() if word[1:] not in line.hosts}


def _names(line: CommandLine, plain: list[str], current: str) -> Offers:
    """Return the sessions that the line may mean, and the hosts that may stand before a name."""
    names: Offers = {}
    if line.hosts:
        try:
            named = config.load().hosts_of(line.hosts)
        except SeshError:
            named = []
        for host in named:
            names |= sessions_on(host)
    else:
        names = sessions(elsewhere=not line.local and (not line.verb or line.row.session))
        if line.verb in _OF_ENDED:
            names = {**names, **{name: said for name, said in ended_jobs().items() if name not in names}}
        if not current and not plain:
            names |= hosts()
    return {name: description for name, description in names.items() if name not in plain}


PATIENCE = 0.1
"""Seconds for the daemons here, and for the first answer of a host."""
FRESH = 5.0
"""Seconds for which the cached sessions of a host are not asked for again."""
_OLD = 60.0
"""Seconds after which the cached sessions of a host are dated."""
_LONGEST = 60
"""Columns of each part of a description."""
_TICK = 0.01
"""Seconds between two looks at the cache."""


def sessions(*, elsewhere: bool = True) -> Offers:
    """Return the sessions of this machine with descriptions; with `elsewhere` those of known remotes after them."""
    names = {session["name"]: _described(wording.state(session), session["cwd"]) for session in _here()}
    if elsewhere:
        for host in remotes():
            for name, description in _cached(host).items():
                names.setdefault(name, description)
    return names


def ended_jobs() -> Offers:
    """Return the jobs that have ended, are gone, and whose result is kept, the last one first."""
    try:
        jobs = results.jobs()
    except (SeshError, OSError):
        return {}
    now = time.time()
    return {
        job["name"]: f"ended {moments.ago(now - float(job.get('ended') or 0))}: {job.get('exit_code')}"
        for job in reversed(jobs)
    }


def sessions_on(host: str) -> Offers:
    """Return the cached sessions of a host, which a child renews if they are old; the first answer is waited for."""
    try:
        typed, host = host, known.name_of(host)
        before = known.asked_at(host)
        fresh = 0 <= time.time() - before <= FRESH  # one of the future is of before the clock was set
        if not fresh and host in remotes() and not known.paused_until(host):
            known.mark_asked(host)  # a host that does not answer is not asked at every Tab
            marked = known.asked_at(host)
            child.aside(lambda: ask(typed))
            deadline = time.monotonic() + PATIENCE
            while not before and known.asked_at(host) == marked and time.monotonic() < deadline:
                time.sleep(_TICK)
        return _cached(host)
    except (SeshError, OSError):
        return {}


def hosts() -> Offers:
    """Return the groups, then known remotes and hosts of ssh_config by name, each with its source."""
    settings = config.load()
    offers = {name: "group: " + " ".join(f"@{host}" for host in members) for name, members in settings.groups.items()}
    named = [name for name in settings.remotes if not config.is_pattern(name)]
    sources = (named, "config.toml"), (remotes(), "known"), (aliases.aliases(), "ssh_config")
    others: Offers = {}
    for names, source in sources:
        for name in names:
            others.setdefault(name, source)
    offers |= {name: others[name] for name in sorted(others, key=natural) if name not in offers}
    return {f"@{name}": description for name, description in offers.items()}


def labels() -> Offers:
    """Return the labels of the sessions here, each with the sessions that have it."""
    names_by_label: dict[str, list[str]] = {}
    for session in _here():
        for key, value in (session.get("labels") or {}).items():
            names_by_label.setdefault(f"{plain(key)}={plain(value)}", []).append(session["name"])
    return {label: " ".join(names)[:_LONGEST] for label, names in names_by_label.items()}


def remotes() -> list[str]:
    """Return the known remotes, the one used last first; none if their files are not to be trusted."""
    try:
        return [remote.host for remote in known.all()] if paths.knows_remotes() else []
    except SeshError:
        return []


def ask(host: str) -> int:
    """Ask a host for its sessions, for the next Tab; print nothing. Return the exit code."""
    return 1 if any(isinstance(answer, SeshError) for _, answer in lookup.summaries(Caller(), [host])) else 0


def _here() -> list[Summary]:
    try:
        return listing.summaries(PATIENCE)
    except (SeshError, OSError):
        return []


def _cached(host: str) -> Offers:
    """Return what a host told last of its sessions: when, if that is long ago, and why it does not answer now."""
    at, rows = known.last_told(host)
    why = known.failure(host)

    def state(row: KeptSession) -> str:
        passed = time.time() - known.seen(at, row)
        return f"seen {moments.ago(passed)}" if why or passed > _OLD else str(row.get("state") or "")

    return {
        row["name"]: _described(state(row), row.get("cwd"), host, row.get("home"), why)
        for row in sorted(rows, key=lambda row: natural(row["name"]))
    }


def _described(state: str, directory: str | None, host: str = "", home: str | None = None, why: str = "") -> str:
    words = (state, f"@{host}" if host else "", why, wording.at_home(plain(directory or ""), home))
    return ", ".join(wording.cut(word, _LONGEST) for word in words if word)
