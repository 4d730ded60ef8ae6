"""The user's settings, `~/.config/sesh/config.toml`, and their defaults. No content of it keeps sesh from working.

docs/CONFIG.md shows such a file.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from sesh import paths, reading, wording
from sesh.errors import InvalidHost, Refused, UsageError
from sesh.keynames import DetachKey
from sesh.measures import MOST_SCROLLBACK, SCROLLBACK
from sesh.names import check_host, is_system_text, printable, printable_path
from sesh.renewed import is_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPLAY_LINES = 1_000
MOST_REPLAY_LINES = 1_000_000
LARGEST = 1 << 20
"""Bytes of the file."""
KEEP = ("failed", "always", "never")
PREDICT = ("adaptive", "always", "never")
_SPAN = re.compile(r"(\d\d?):([0-5]\d)\s*-\s*(\d\d?):([0-5]\d)", re.ASCII)
"""Two times of day."""


def _detach_key_error(keys: str) -> str:
    """The reason why this is no detach key; empty if it is one."""
    try:
        DetachKey.parse(keys)
    except UsageError as error:
        return str(error)
    return ""


def _is_quiet(value: object) -> bool:
    return isinstance(value, str) and (not value or quiet_span(value) is not None)


def _are_variables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and is_name(each) for each in value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and is_system_text(value)


def _is_up_to(most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


_SINGLE: dict[str, tuple[Callable[[object], bool], str]] = {
    "detach_key": (_is_text, 'one or two keys in quotes, such as "C-b d", or "none"'),
    "replay_lines": (_is_up_to(MOST_REPLAY_LINES), f"a number from 0 to {MOST_REPLAY_LINES}"),
    "scrollback": (_is_up_to(MOST_SCROLLBACK), f"a number from 0 to {MOST_SCROLLBACK}"),
    "persist": (_is_flag, "true or false"),
    "keep": (KEEP.__contains__, f"one of {', '.join(KEEP)}, in quotes"),
    "pick": (_is_flag, "true or false"),
    "predict": (PREDICT.__contains__, f"one of {', '.join(PREDICT)}, in quotes"),
    "renew": (_are_variables, "a list of names of variables, each in quotes"),
    "hook": (_is_text, "a shell command in quotes"),
    "quiet": (_is_quiet, 'two times of day in quotes, such as "22:00-07:00"'),
}
"""Settings of one value: its test, and its description for a warning."""
KEYS = (*_SINGLE, "groups", "remotes")


class Config:
    """The settings in force.

    `detach_key`: empty if none is set. `groups`: hosts and other groups by the group's name, none with `@`. `remotes`:
    the words of the command that reaches a host, by the host's name or a pattern of names. `hook`: shell source for
    what no terminal can tell a person; empty for none. `scrollback`: lines that a new session keeps. `keep`: which
    sessions stay listed for a week that ended while nobody was attached: those that failed, all (but for shells that
    were left with 0), none. `predict`: whether attachments to other hosts show keys before their echo. `quiet`: the
    hours in which nobody is told that a session needs somebody (see `in_quiet_hours`). `renew`: more variables that a
    new login renews. `given`: the names of the settings in the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.detach_key = ""
        self.replay_lines = REPLAY_LINES
        self.scrollback = SCROLLBACK
        self.persist = True
        self.pick = False
        self.keep = KEEP[0]
        self.predict = PREDICT[0]
        self.hook = ""
        self.quiet = ""
        self.renew: list[str] = []
        self.groups: dict[str, list[str]] = {}
        self.remotes: dict[str, list[str]] = {}
        self.warnings: list[str] = []
        """The parts of the file that were not taken: `PATH: reason`, safe to print on one line."""

    def hosts_of(self, words: Sequence[str]) -> list[str]:
        """The hosts that words after `@` stand for: a group's and those of the groups in it, else the word itself.

        Each once. Raises UsageError for a group that leads back to itself.
        """
        hosts, circle = self._expanded(words)
        if circle:
            raise UsageError(_circular(circle), hint=f"see {self.path}")
        return hosts

    def _expanded(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """The hosts of words; and the first circle of groups that was met, which begins and ends with the same one."""
        hosts: dict[str, None] = {}
        within: list[str] = []
        taken: set[str] = set()
        left = [iter(words)]
        while left:
            word = next(left[-1], None)
            if word is None:
                left.pop()
                taken.update(within[-1:])
                del within[-1:]
            elif word not in self.groups:
                hosts[word] = None
            elif word in within:
                return [], [*within[within.index(word) :], word]
            elif word not in taken:
                within.append(word)
                left.append(iter(self.groups[word]))
        return list(hosts), []

    def via(self, host: str) -> list[str] | None:
        """The words of the command that reaches a host, None for ssh: those of its name, else of the first pattern."""
        words = self.remotes.get(host)
        if words is None and (patterns := [name for name in self.remotes if is_pattern(name)]):
            words = next((self.remotes[pattern] for pattern in patterns if fnmatchcase(host, pattern)), None)
        return words and [word.replace("{name}", host) for word in words]

    def warn(self, text: str) -> None:
        """Add a warning about the file, or a key that the text names."""
        self.warnings.append(f"{printable_path(self.path)}: {wording.one_line(text)}")

    # -- taking what the file holds

    def take(self, tables: Mapping[str, object]) -> None:
        """Takes all that is right, and warns of the rest."""
        for key, value in tables.items():
            if key in _SINGLE:
                test, expected = _SINGLE[key]
                if not test(value):
                    self.warn(f"{key} must be {expected}")
                elif key == "detach_key" and (error := _detach_key_error(str(value))):
                    self.warn(f"detach_key: {error}")
                else:
                    setattr(self, key, value)
            elif key not in KEYS:
                self._unknown(KEYS, key)
            elif not isinstance(value, dict):
                self.warn(f"{key} must be a table: write [{key}]")
            else:
                for name, entry in value.items():
                    getattr(self, f"_take_{key}")(name, entry)
        if circle := self._expanded([*self.groups])[1]:
            self.warn(_circular(circle))

    def _unknown(self, names: tuple[str, ...], *key: str) -> None:
        match = get_close_matches(key[-1], names, 1)
        more = f"did you mean {match[0]}?" if match else f"known: {', '.join(names)}"
        self.warn(f"unknown key {'.'.join(map(printable, key))}; {more}")

    def _take_groups(self, name: str, members: object) -> None:
        if not self._is_host(name, "groups"):
            return
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            self.warn(f'groups.{printable(name)} must be a list of hosts in quotes, such as ["@a", "b"]')
            return
        hosts = [member.removeprefix("@") for member in members]
        self.groups[name] = list(dict.fromkeys(host for host in hosts if self._is_host(host, f"groups.{name}")))

    def _take_remotes(self, name: str, facts: object) -> None:
        if not self._is_host(name.replace("*", "x").replace("?", "x"), "remotes"):
            return
        if not isinstance(facts, dict):
            self.warn(f"remotes.{name} must be a table: write [remotes.{name}]")
            return
        for key, command in facts.items():
            if key != "via":
                self._unknown(("via",), "remotes", name, key)
            elif words := _split(command):
                self.remotes[name] = words
            else:
                self.warn(f'remotes.{name}.via must be a command in quotes, such as "docker exec -i box"')

    def _is_host(self, host: str, key: str) -> bool:
        try:
            check_host(host)
        except InvalidHost as error:
            self.warn(f"{printable(key)}: {error}")
            return False
        return True


def _circular(circle: Sequence[str]) -> str:
    return f"the group {printable(circle[0])} leads back to itself: {' -> '.join(map(printable, circle))}"


def is_pattern(name: str) -> bool:
    """Returns whether the name of a remote stands for several hosts."""
    return "*" in name or "?" in name


def load(path: str | None = None) -> Config:
    """The settings of the file, or the defaults if there is none. Never raises for the content of the file."""
    config = Config(path or paths.settings_file())
    try:
        os.stat(config.path)  # without a file, nothing else is looked at
        paths.check_safe_path(config.path, "XDG_CONFIG_HOME")
        text = reading.read_regular(config.path, LARGEST).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return config
    except Refused as error:
        config.warn(f"not read: {error}")
        return config
    except OSError as error:
        config.warn(f"cannot be read: {error.strerror}; using the defaults")
        return config
    except UnicodeDecodeError:
        config.warn("not UTF-8; using the defaults")
        return config
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        hint = "; a value with a backslash goes in single quotes" if "\\" in text else ""
        config.warn(f"not TOML ({str(error).rstrip('.') or 'nested too deeply'}{hint}); the whole file is ignored")
    else:
        config.take(tables)
    return config


def quiet_span(text: str) -> tuple[int, int] | None:
    """The minutes of the day at which a span like `22:00-07:00` begins and ends; None for any other text."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        return None
    begin, end = (60 * int(match[hours]) + int(match[hours + 1]) for hours in (1, 3))
    return (begin, end) if max(begin, end) <= 24 * 60 else None


def in_quiet_hours(text: str, minute: int | None = None) -> bool:
    """Returns whether a minute of the day, now without one, lies in the quiet hours, which may go over midnight."""
    span = quiet_span(text) if text else None
    if span is None:
        return False
    if minute is None:
        now = time.localtime()
        minute = now.tm_hour * 60 + now.tm_min
    begin, end = span
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def _split(command: object) -> list[str]:
    """The words of a command; none if it is not a command."""
    if not isinstance(command, str) or "\0" in command:
        return []
    try:
        return shlex.split(command)
    except ValueError:
        return []
