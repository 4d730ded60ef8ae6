"""A host, its ssh settings, and the variables that set ssh options."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import time
from contextlib import suppress
from typing import NamedTuple

from sesh.errors import NO_ANSWER, Unreachable, UsageError
from sesh.names import check_host, printable
from sesh.remote.ssh import causes
from sesh.system import programs

TIMEOUT = 60.0  # seconds for `ssh -G`, which may run a `Match exec` or ask a name server
CONNECT_TIMEOUT = 10  # seconds, if the user's configuration has no ConnectTimeout
NO_SSH = "install the OpenSSH client, or check SESH_SSH"  # the hint for an ssh that cannot be started


Settings = dict[str, list[str]]  # what `ssh -G` prints: the values by lower-case keyword


class Destination:
    """A host, and how to reach it.

    `host`: as typed, without `@`. `bulk`: for links that carry much: unless the user wants compression, they have a
    shared connection of their own without it, which else would slow down each fast network.
    """

    def __init__(
        self,
        host: str,
        via: list[str] | None = None,
        settings: Settings | None = None,
        *,
        bulk: bool = False,
    ) -> None:
        self.bulk = bulk
        self.host = check_host(host)
        self.via = via  # the argv of a command that runs its arguments on the host in place of ssh
        self.shared: tuple[int, int] | None = None  # `master.identity` of the shared connection last used
        self.login_prompted: bool | None = None  # the last login prompted a person; None without one, or if unknown
        self.config_time = 0.0  # seconds that `ssh -G` took: each ssh takes them again, as for a `Match exec`
        self._settings = settings
        self._timeout = TIMEOUT  # seconds for each `ssh -G` of a jump host

    @property
    def words(self) -> list[str]:
        """ssh's words for the host: `-p PORT` if given, then `user@host` or the alias."""
        return words_of(self.host)

    def resolve(self, timeout: float = TIMEOUT) -> Settings:
        """Run `ssh -G` once, and once for each jump host; return the settings by lower-case keyword.

        Raises UsageError, Unreachable.
        """
        if self._settings is None:
            began = time.monotonic()
            self._settings = {} if self.via is not None else resolve(self, *environment_options(), timeout=timeout)
            self._timeout = max(0.0, timeout - (time.monotonic() - began))
            _ = self.hops  # now, as the time for them counts, too
            self.config_time = time.monotonic() - began
        return self._settings

    @property
    def settings(self) -> Settings:
        return self.resolve()

    def setting(self, keyword: str) -> str:
        """Return the first value of a lower-case keyword; empty if it is `none` or missing."""
        value = self.settings.get(keyword, [""])[0]
        return "" if value == "none" else value

    @property
    def environment(self) -> dict[str, str]:
        """The variables that ssh_config sets for programs on the host (SetEnv)."""
        pairs = (each.partition("=") for each in self.settings.get("setenv", []))
        return {name: value for name, _, value in pairs}

    @functools.cached_property
    def hops(self) -> list[Hop]:
        """The jump hosts as ssh resolves them, the last one first; empty where ssh has to find them by itself."""
        with suppress(UsageError, Unreachable):  # ssh itself says what is wrong with one
            return _hops(self.settings, self._timeout)
        return []

    @property
    def indirect(self) -> bool:
        """True if ssh connects through a jump host, or by a command."""
        return bool(self.setting("proxyjump") or self.setting("proxycommand"))

    @property
    def connect_timeout(self) -> int:
        seconds = self.setting("connecttimeout")
        return int(seconds) if seconds.isdecimal() else CONNECT_TIMEOUT


def words_of(word: str) -> list[str]:
    """Return ssh's words for a host as a person writes it, or a jump host from `ssh -G`; `check_host` has the form."""
    if word.startswith("ssh://"):
        return ["--", word]
    user, at, rest = word.rpartition("@")
    bracketed = rest.startswith("[")
    host, _, port = rest.removeprefix("[").partition("]" if bracketed else ":")
    port = port.removeprefix(":")
    return [*(["-p", port] if port else []), "--", f"{user}{at}{host}"]


class Hop(NamedTuple):
    """A jump host: ssh's words for it, and its settings."""

    words: list[str]
    settings: Settings


_MAX_HOPS = 8  # then the jump hosts may lead in a circle


def _hops(settings: Settings, timeout: float) -> list[Hop]:
    """Return the jump hosts on the way to a host with these settings, the last one first.

    As with ssh, the first one of a ProxyJump is reached as its own settings say. Raises UsageError, Unreachable.
    """
    hops: list[Hop] = []
    jumps = _jumps(settings)
    while jumps and len(hops) < _MAX_HOPS:
        word = jumps.pop()
        hops.append(Hop(words_of(word), _ask(word, words_of(word), timeout)))
        jumps = jumps or _jumps(hops[-1].settings)
    return [] if jumps else hops


def _jumps(settings: Settings) -> list[str]:
    return [jump for jump in settings.get("proxyjump", ["none"])[0].split(",") if jump not in ("", "none")]


def program() -> str:
    """Return the ssh to run; an autossh in `SESH_SSH` only opens shared connections."""
    chosen = os.environ.get("SESH_SSH") or "ssh"
    return "ssh" if os.path.basename(chosen) == "autossh" else chosen


class Option(NamedTuple):
    """A keyword of ssh_config that sesh sets."""

    keyword: str
    variable: str = ""  # overrides ssh_config
    ssh_default: str = ""
    default: str = ""  # sesh's value, if neither the variable nor ssh_config sets another one than `ssh_default`


ACCEPTS_NEW = "accept-new"  # a host key that no known_hosts file has is recorded; a changed one is refused
OPTIONS = (
    Option("IdentityFile", "SESH_IDENTITY"),
    Option("ProxyJump", "SESH_PROXYJUMP"),
    Option("Compression", "SESH_COMPRESSION", "no", "yes"),
    Option("ServerAliveInterval", "SESH_KEEPALIVE", "0", "30"),
    Option("ControlPersist", "SESH_PERSIST", "no", "8h"),
    Option("StrictHostKeyChecking", "", "ask", ACCEPTS_NEW),
    Option("ConnectTimeout", "", "", str(CONNECT_TIMEOUT)),
)
VARIABLES = tuple(each.variable for each in OPTIONS if each.variable)
_MIN_PERSIST = "5"  # seconds, used for `SESH_PERSIST=no`: with ssh's own `no` the background connection never ends


def environment_options() -> list[str]:
    """Return the options of the variables. Raises UsageError for a wrong jump host."""
    options: list[str] = []
    for each in OPTIONS:
        if value := os.environ.get(each.variable):
            if each.keyword == "ProxyJump":
                for hop in value.split(","):
                    check_host(hop)
            if each.keyword == "ControlPersist" and value == "no":
                value = _MIN_PERSIST
            if value != (whole := os.path.expanduser(value)):  # ssh expands `%` in what the user wrote, not in HOME
                rest = value.partition("/")[2]
                value = f"{whole.removesuffix(rest).replace('%', '%%')}{rest}"
            options += option(each.keyword, value)
    return options


_RAW = ("ProxyCommand", "ProxyJump")  # keywords whose value ssh takes as it stands
_QUOTED = re.compile(r"""[\s"'#]|\\["'\\]""")  # what ssh's parser of a line would take for something else


def option(keyword: str, value: str) -> list[str]:
    """Return the words that set a keyword to a value, quoted for ssh's own parser (`argv_split` in OpenSSH)."""
    if keyword not in _RAW and _QUOTED.search(value):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return ["-o", f"{keyword}={value}"]


def resolve(destination: Destination, *options: str, timeout: float = TIMEOUT) -> Settings:
    """Run `ssh -G` with options; return the settings by lower-case keyword.

    Raises UsageError if ssh refuses the host, Unreachable if ssh cannot run or a variable of sesh may be wrong.
    """
    return _ask(destination.host, [*options, *destination.words], timeout)


def _ask(host: str, arguments: list[str], timeout: float) -> Settings:
    """Run `ssh -G` with these arguments. `host`: for messages. Raises as `resolve`."""
    ssh = program()
    try:
        done = programs.run([ssh, "-G", *arguments], timeout)
    except OSError as error:
        raise programs.cannot_run(printable(ssh), error, NO_SSH) from error
    except subprocess.TimeoutExpired as error:
        hint = "a `Match exec` in ssh_config or a name server may be slow"
        raise Unreachable(f"ssh -G {host} did not end within {timeout:.3g} s", hint=hint, reason=NO_ANSWER) from error
    settings: Settings = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword.lower(), []).append(value)
    if not done.returncode and "hostname" in settings:
        return settings
    printed = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines()]
    reason = causes.cause([*filter(None, printed)]) or "it gave no reason"
    if given := [printable(f"{name}={os.environ[name]}") for name in ("SESH_SSH", *VARIABLES) if os.environ.get(name)]:
        raise Unreachable(f"{printable(ssh)} -G {host}: {reason}", hint=f"check {', '.join(given)}")
    raise UsageError(f"ssh refuses the host {host}: {reason}", code="invalid_host")
