"""A host as the user names it, and what ssh makes of that name: who, where and by which keys.

The hosts that the user's ssh_config names, for completion. ssh itself decides what they mean.

Source: ssh_config(5): `Host` patterns, `Include` with its globs and its relative paths, quotes, `=` after a keyword.
"""

from __future__ import annotations

import os
import subprocess

from sesh.errors import InvalidHost, Unreachable
from sesh.names import check_host

PATIENCE = 5.0
"""Seconds for `ssh -G`, which only reads files."""


class Destination:
    """One host.

    `word`: as typed, without `@`. `via`: the words of a command that runs its arguments over there, where the
    configuration names one; ssh is not asked then. `settings`: what `ssh -G` prints, by lower-case keyword.
    """

    def __init__(self, word: str, via: list[str] | None = None) -> None:
        self.word = check_host(word)
        self.via = via
        self._settings: dict[str, list[str]] | None = None

    def __repr__(self) -> str:
        return f"Destination({self.word!r})"

    @property
    def target(self) -> list[str]:
        """The word as ssh takes it: `user@host` or the alias, and `-p PORT` before it where a port was named."""
        user, at, rest = self.word.rpartition("@")
        if rest.startswith("["):
            host, _, port = rest[1:].partition("]")
            port = port.removeprefix(":")
        else:
            host, _, port = rest.partition(":")
        return [*(["-p", port] if port else []), "--", f"{user}{at}{host}"]

    @property
    def settings(self) -> dict[str, list[str]]:
        """What ssh would do for this host. Raises InvalidHost where ssh refuses the word, Unreachable without ssh."""
        if self._settings is None:
            self._settings = {} if self.via is not None else _asked(self)
        return self._settings

    def setting(self, keyword: str) -> str:
        """The first value of an ssh_config keyword (lower case), empty where there is none."""
        return self.settings.get(keyword, [""])[0]

    @property
    def key(self) -> str:
        """What tells one known remote from another: `user@hostname:port` as ssh resolves them, never a short name."""
        if self.via is not None:
            return f"via:{self.word}"
        return f"{self.setting('user')}@{self.setting('hostname')}:{self.setting('port')}"


def program() -> str:
    """The ssh that bridges use: `SESH_SSH`, or plain ssh where that is autossh, which carries the master alone."""
    chosen = os.environ.get("SESH_SSH") or "ssh"
    return "ssh" if os.path.basename(chosen) == "autossh" else chosen


def named_options() -> list[str]:
    """The options that the environment asks for: `SESH_IDENTITY` and `SESH_PROXYJUMP`."""
    options: list[str] = []
    if identity := os.environ.get("SESH_IDENTITY"):
        options += ["-i", os.path.expanduser(identity)]
    if jump := os.environ.get("SESH_PROXYJUMP"):
        for hop in jump.split(","):
            check_host(hop)
        options += ["-J", jump]
    return options


def _asked(destination: Destination) -> dict[str, list[str]]:
    """What `ssh -G` prints."""
    words = [program(), *named_options(), "-G", *destination.target]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    except FileNotFoundError as error:
        raise Unreachable(f"there is no {words[0]} here; install OpenSSH's client") from error
    except OSError as error:
        raise Unreachable(f"{words[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"ssh did not read its configuration for {destination.word} in {PATIENCE:g} s") from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it gave no reason"]
        raise InvalidHost(f"ssh refuses the host {destination.word}: {told[0]}")
    settings: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword.lower(), []).append(value)
    return settings


SYSTEM = "/etc/ssh/ssh_config"
_DEEPEST = 16
"""Files that include each other; ssh's own bound."""
_MOST_BYTES = 1 << 20
_MOST_FILES = 200


def aliases() -> list[str]:
    """The `Host` words without patterns, each once, the user's file before the system's."""
    found: dict[str, None] = {}
    read: set[str] = set()
    own = os.path.expanduser("~/.ssh")
    _file(os.path.join(own, "config"), own, found, read, 0)
    _file(SYSTEM, os.path.dirname(SYSTEM), found, read, 0)
    return list(found)


def _file(path: str, folder: str, found: dict[str, None], read: set[str], depth: int) -> None:
    """Takes in one file and those that it includes; `folder` is what relative ones are relative to."""
    if depth > _DEEPEST or path in read or len(read) >= _MOST_FILES:
        return
    read.add(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        keyword, words = _words(line)
        if keyword == "host":
            found.update((word, None) for word in words if _plain(word))
        elif keyword == "include":
            for word in words:
                for included in _matching(os.path.join(folder, os.path.expanduser(word))):
                    _file(included, folder, found, read, depth + 1)


def _words(line: str) -> tuple[str, list[str]]:
    """The keyword, in small letters, and its arguments."""
    line = line.strip()
    end = next((at for at, character in enumerate(line) if character in " \t="), len(line))
    keyword, rest = line[:end].lower(), line[end:].strip().removeprefix("=").strip()
    if keyword not in ("host", "include"):
        return "", []
    if '"' not in rest:
        return keyword, rest.partition("#")[0].split()
    import shlex

    try:
        return keyword, shlex.split(rest, comments=True)
    except ValueError:
        return "", []


def _plain(word: str) -> bool:
    """Whether a word of `Host` is a name, and no pattern or exception."""
    try:
        return not set("*?!") & set(word) and check_host(word) == word
    except InvalidHost:
        return False


def _matching(path: str) -> list[str]:
    """The files that a path with `*`, `?` or `[…]` in it means, sorted as ssh reads them."""
    if not set("*?[") & set(path):
        return [path]
    from glob import glob

    return sorted(glob(path))
