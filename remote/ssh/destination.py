"""A host as the user names it, and how ssh resolves that name; the host aliases of ssh_config, for completion.

Source: ssh_config(5): `Host` patterns, `Include` with its globs and its relative paths, quotes, `=` after a keyword.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from glob import glob

from sesh import paths, programs
from sesh.errors import InvalidHost, Unreachable
from sesh.names import check_host, printable

TIMEOUT = 5.0
"""Seconds for `ssh -G`, which only reads files."""


class Destination:
    """One host.

    `host`: as typed, without `@`. `via`: the argv of a command that runs its arguments there, if the user's
    configuration names one; ssh is not used then. `near`: tells of a host whether it is so near that compressing does
    not pay. `settings`: of ssh for the host, if they are known.
    """

    def __init__(
        self,
        host: str,
        via: list[str] | None = None,
        near: Callable[[Destination], bool] | None = None,
        settings: dict[str, list[str]] | None = None,
    ) -> None:
        self.host = check_host(host)
        self.via, self.near = via, near
        self._settings = settings

    @property
    def target(self) -> list[str]:
        """The host as ssh takes it: `user@host` or the alias, after `-p PORT` if a port was given."""
        user, at, rest = self.host.rpartition("@")
        bracketed = rest.startswith("[")
        host, _, port = rest.removeprefix("[").partition("]" if bracketed else ":")
        port = port.removeprefix(":")
        return [*(["-p", port] if port else []), "--", f"{user}{at}{host}"]

    @property
    def settings(self) -> dict[str, list[str]]:
        """What `ssh -G` says of the host, by lower-case keyword. Raises InvalidHost, Unreachable."""
        if self._settings is None:
            self._settings = {} if self.via is not None else resolve(self, *environment_options())
        return self._settings

    def setting(self, keyword: str) -> str:
        """The first value of an ssh_config keyword (lower case), empty if there is none."""
        return self.settings.get(keyword, [""])[0]

    @property
    def key(self) -> str:
        """Identifies the host: `user@hostname:port` as ssh resolves them, never a short name."""
        if self.via is not None:
            return f"via:{self.host}"
        return f"{self.setting('user')}@{self.setting('hostname')}:{self.setting('port')}"

    def sharing(self) -> Destination:
        """Return the same host, over a control master of sesh's own although the user's configuration has none."""
        return Destination(self.host, near=self.near, settings={**self.settings, "controlpath": ["none"]})


def program() -> str:
    """The ssh to run: `SESH_SSH`, or plain ssh if that is autossh, which carries the control master only."""
    chosen = os.environ.get("SESH_SSH") or "ssh"
    return "ssh" if os.path.basename(chosen) == "autossh" else chosen


def environment_options() -> list[str]:
    """The options from the environment: `SESH_IDENTITY` and `SESH_PROXYJUMP`."""
    options: list[str] = []
    if identity := os.environ.get("SESH_IDENTITY"):
        options += ["-i", paths.expanded(identity)]
    if jump := os.environ.get("SESH_PROXYJUMP"):
        for hop in jump.split(","):
            check_host(hop)
        options += ["-J", jump]
    return options


def resolve(destination: Destination, *options: str) -> dict[str, list[str]]:
    """Output of `ssh -G` with these options, by lower-case keyword. Raises InvalidHost if ssh refuses the host,
    Unreachable."""
    done = _asked(destination.host, [*options, "-G", *destination.target])
    settings: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword.lower(), []).append(value)
    if done.returncode or (program() != "ssh" and "hostname" not in settings):
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it gave no reason"]
        if program() != "ssh" and b"hostname " not in _asked("localhost", ["-G", "--", "localhost"]).stdout:
            message = f"{_named()} does not take ssh's options, of which -G comes first: {reason[0]}"
            raise Unreachable(message, hint="name a program that does, or set `via` for this host in config.toml")
        raise InvalidHost(f"ssh refuses the host {destination.host}: {reason[0]}")
    return settings


_INSTEAD = "let SESH_SSH name one program, without options, or unset it"


def _named() -> str:
    """The program for a message, with the variable that names it if one does."""
    return program() if program() == "ssh" else f"SESH_SSH={program()}"


def _asked(host: str, words: list[str]) -> subprocess.CompletedProcess[bytes]:
    """What ssh prints of a host that it does not connect to. Raises Unreachable."""
    try:
        return programs.run([program(), *words], TIMEOUT)
    except FileNotFoundError as error:
        if (name := program()) != "ssh":
            raise Unreachable(f"SESH_SSH: there is no program {printable(name)}", hint=_INSTEAD) from error
        raise Unreachable("ssh is not installed", hint="install the OpenSSH client") from error
    except OSError as error:
        raise programs.cannot_run(_named(), error, "" if program() == "ssh" else _INSTEAD) from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{_named()} -G {host} did not end within {TIMEOUT:g} s") from error


SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_LINE = re.compile(r"\s*(host|include)(?:\s*=|\s)\s*(.*)", re.IGNORECASE)
_MAX_BYTES, _MAX_FILES = 1 << 20, 200
"""Bytes of one file; files, which may include each other."""


def aliases() -> list[str]:
    """The `Host` names without patterns, each once, those of the user's file before the system's."""
    own, read = paths.expanded("~/.ssh"), set[str]()
    names = _aliases_in(os.path.join(own, "config"), own, read)
    return list(dict.fromkeys([*names, *_aliases_in(SYSTEM_CONFIG, os.path.dirname(SYSTEM_CONFIG), read)]))


def _aliases_in(path: str, folder: str, read: set[str]) -> Iterator[str]:
    """The names in a file and in those that it includes, whose relative paths are relative to `folder`."""
    if path in read or len(read) >= _MAX_FILES:
        return
    read.add(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            lines = file.read(_MAX_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        keyword, words = _parse_line(line)
        if keyword == "host":
            yield from filter(_is_alias, words)
            continue
        for word in words:
            for included in sorted(glob(os.path.join(folder, paths.expanded(word)))):  # in ssh's order
                yield from _aliases_in(included, folder, read)


def _parse_line(line: str) -> tuple[str, list[str]]:
    """The keyword in lower case and its arguments; nothing for keywords other than `Host` and `Include`."""
    parsed = _LINE.match(line)
    try:
        return (parsed[1].lower(), shlex.split(parsed[2], comments=True)) if parsed else ("", [])
    except ValueError:
        return "", []  # a quotation without its end


def _is_alias(name: str) -> bool:
    """Return whether a word after `Host` is a name, not a pattern or a negation."""
    try:
        return not set("*?!") & set(name) and check_host(name) == name
    except InvalidHost:
        return False
