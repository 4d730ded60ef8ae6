"""The user's settings, `~/.config/sesh/config.toml`, and their defaults; see docs/CONFIG.md.

Whatever is wrong in the file becomes a warning; sesh works with the rest.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from sesh import errors
from sesh.errors import Refused, UsageError, placed
from sesh.names import check_host, printable
from sesh.schema import check
from sesh.schema.facts import MAX_SCROLLBACK, SCROLLBACK
from sesh.system import files, paths
from sesh.system.programs import check_variables
from sesh.text import safe
from sesh.text.keys import DetachKey

MAX_REPLAY_LINES = 1_000_000
MAX_FILE = 1 << 20  # bytes of the file; a larger one is not read
_SPAN = re.compile(r"(\d\d?):([0-5]\d)\s*-\s*(\d\d?):([0-5]\d)", re.ASCII)
_Facts = TypeVar("_Facts")
_TABLES = ("groups", "remotes", "desktop")


@dataclass(frozen=True)
class DesktopSettings:
    """What the programs of a host may have of this machine: by a key of the person, always, or never."""

    paste: Literal["key", "always", "never"] = "key"  # read the clipboard
    browse: Literal["key", "always", "never"] = "key"  # open a page
    copy: Literal["always", "never"] = "always"  # write the clipboard
    files: Literal["key", "never"] = "key"  # send a file that was dropped on the terminal to a host


@dataclass
class Config:
    """The settings in force. `warnings`: a line `PATH: reason` for each rejected part."""

    path: str
    detach_key: str = ""  # empty for the default
    replay_lines: Annotated[int, range(MAX_REPLAY_LINES + 1)] = 1_000
    scrollback: Annotated[int, range(MAX_SCROLLBACK + 1)] = SCROLLBACK  # lines that a new session keeps
    persist: bool = True  # write checkpoints
    keep: Literal["failed", "always", "never"] = "failed"
    """The sessions to list for a week after they end without a client. Shells that exited with 0 are never listed."""
    pick: bool = False  # `sesh` alone lets the user choose a session
    predict: Literal["adaptive", "always", "never"] = "adaptive"  # show keys to other hosts before their echo
    renew: list[str] = field(default_factory=list)  # further variables that a new login renews
    hook: str = ""  # shell source to run for a notification when no terminal is attached
    quiet: str = ""  # the hours without notifications: `22:00-07:00`
    groups: dict[str, list[str]] = field(default_factory=dict)  # hosts and groups by group name, without `@`
    remotes: dict[str, list[str]] = field(default_factory=dict)  # the command that reaches a host, by name or pattern
    desktop: dict[str, dict[str, str]] = field(default_factory=dict)
    """The settings of `DesktopSettings` that are given, by host or pattern; for all, this machine too, by ``."""
    warnings: list[str] = field(default_factory=list)

    def hosts_of(self, words: Sequence[str]) -> list[str]:
        """Return the hosts that words after `@` name, also by groups of groups, each once.

        Raises UsageError if words name no host.
        """
        hosts = dict[str, None]()
        resolved = set[str]()
        pending = [*reversed(words)]
        while pending:
            word = pending.pop()
            if word not in self.groups:
                hosts[word] = None
            elif word not in resolved:  # a group may contain itself
                resolved.add(word)
                pending += reversed(self.groups[word])
        if words and not hosts:  # no hosts would mean this machine
            raise UsageError(f"the group @{words[0]} names no host", hint=f"see {self.path}")
        return list(hosts)

    def host_of(self, word: str) -> str:
        """Return the host that a word names, also by a group of one host. Raises UsageError."""
        hosts = self.hosts_of([word])
        if len(hosts) > 1:
            raise UsageError(f"{word} is a group of several hosts", hint=f"name one of them: {', '.join(hosts)}")
        return hosts[0]

    def via(self, host: str) -> list[str] | None:
        """Return the command that reaches a host, also by pattern; None for ssh."""
        words = _of_host(self.remotes, host)
        return words and [word.replace("{name}", host) for word in words]

    def desktop_of(self, host: str | None) -> DesktopSettings:
        """Return what the programs of a host, or of this machine (None), may have."""
        of_host = _of_host(self.desktop, host) if host is not None else None
        given = {**self.desktop.get("", {}), **(of_host or {})}
        return DesktopSettings(**given)  # type: ignore[arg-type]  # checked as the file is read

    def warn(self, text: str) -> None:
        self.warnings.append(f"{printable(self.path)}: {safe.one_line(text)}")

    # -- reading the file

    def set_all(self, tables: Mapping[str, object]) -> None:
        """Set the settings of a file; warn about each that is wrong."""
        for key, value in tables.items():
            if key not in KEYS:
                self.warn(f"unknown key {printable(key)}; known: {', '.join(KEYS)}")
            elif key not in _TABLES:
                self._try(key, partial(self._set_value, key, value))
            elif not isinstance(value, dict):
                self.warn(f"{key} must be a table: write [{key}]")
            else:
                for name, entry in value.items():
                    self._try(f"{key}.{printable(name)}", partial(getattr(self, f"_set_{key}"), name, entry))

    def _try(self, place: str, setter: Callable[[], object]) -> None:
        try:
            setter()
        except errors.Malformed as error:
            self.warn(placed(place, str(error)))
        except UsageError as error:
            self.warn(f"{place}: {error.message}")

    def _set_value(self, key: str, value: Any) -> None:
        check.checked_here(_TYPES[key], value)
        if key in _PARSED:
            _PARSED[key](value)
        setattr(self, key, value)

    def _set_groups(self, name: str, members: object) -> None:
        hosts = [check_host(member.removeprefix("@")) for member in check.checked_here(list[str], members)]
        self.groups[check_host(name)] = list(dict.fromkeys(hosts))

    def _set_remotes(self, name: str, facts: Any) -> None:
        check_host(name.replace("*", "x").replace("?", "x"))
        via = facts["via"] if isinstance(facts, dict) and [*facts] == ["via"] else None
        try:
            words = shlex.split(via) if check.fits(str, via) else []
        except ValueError:  # a quotation has no end
            words = []
        if not words:
            raise UsageError(f'write [remotes.{name}], and below it only via = "COMMAND"')
        self.remotes[name] = words

    def _set_desktop(self, name: str, value: Any) -> None:
        """Set one setting for all, or the settings of a host: each that is right, whatever stands beside it."""
        if name in _DESKTOP_TYPES:
            self._set_desktop_setting("", name, value)
            return
        check_host(name.replace("*", "x").replace("?", "x"))
        if not isinstance(value, dict):
            raise UsageError(f"unknown key; known: {', '.join(_DESKTOP_TYPES)}, and a table for a host")
        for key, setting in value.items():
            place = f"desktop.{printable(name)}.{printable(key)}"
            self._try(place, partial(self._set_desktop_setting, name, key, setting))

    def _set_desktop_setting(self, host: str, key: str, setting: Any) -> None:
        if key not in _DESKTOP_TYPES:
            raise UsageError(f"unknown key; known: {', '.join(_DESKTOP_TYPES)}")
        check.checked_here(_DESKTOP_TYPES[key], setting)
        self.desktop.setdefault(host, {})[key] = setting


def is_pattern(name: str) -> bool:
    """Return whether the name of a remote is a pattern for several hosts."""
    return "*" in name or "?" in name


def _of_host(facts: Mapping[str, _Facts], host: str) -> _Facts | None:
    """Return what a table has for a host, else for the first pattern that it matches."""
    patterns = (name for name in facts if is_pattern(name) and fnmatchcase(host, name))
    return facts.get(host) or facts.get(next(patterns, host))


def load(path: str | None = None) -> Config:
    """Return the settings of the file; the defaults if it is missing or unreadable."""
    config = Config(path or paths.settings_file())
    try:
        os.stat(config.path)  # without a file the checks below are skipped
        paths.check_safe_path(config.path, "XDG_CONFIG_HOME")
        return _parsed(config.path, files.read_regular(config.path, MAX_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return config
    except (Refused, OSError, ValueError, RecursionError) as error:
        config.warn(f"not read, the defaults hold: {getattr(error, 'strerror', None) or error}")
        return config


@lru_cache(maxsize=1)  # each of many hosts asks for its `via`
def _parsed(path: str, content: bytes) -> Config:
    """Return the settings of a file with this content. Raises ValueError, RecursionError."""
    from sesh.config.toml import loads  # noqa: PLC0415 - most people have no file, and wait for each verb

    config = Config(path)
    config.set_all(loads(content.decode("utf-8-sig")))
    return config


def _span(text: str) -> tuple[int, int]:
    """Return the first and last minute of `22:00-07:00`, the same for none. Raises UsageError."""
    if not text:
        return 0, 0
    if match := _SPAN.fullmatch(text.strip()):
        begin, end = (60 * int(match[hours]) + int(match[hours + 1]) for hours in (1, 3))
        if max(begin, end) <= 24 * 60:
            return begin, end
    raise UsageError('write two times of day, such as "22:00-07:00"')


def in_quiet_hours(text: str) -> bool:
    """Return whether it is within the quiet hours now."""
    now = time.localtime()
    minute = now.tm_hour * 60 + now.tm_min
    begin, end = _span(text)
    return begin <= minute < end if begin <= end else not end <= minute < begin


_TYPES = get_type_hints(Config, include_extras=True)
_DESKTOP_TYPES = get_type_hints(DesktopSettings)
KEYS = tuple(key for key in _TYPES if key not in ("path", "warnings"))
_PARSED: dict[str, Callable[[Any], object]] = {"detach_key": DetachKey.parse, "quiet": _span, "renew": check_variables}
"""By key, the parser that refuses values that have the right type: it raises UsageError."""
