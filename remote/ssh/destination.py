"""A host as the user names it, and how ssh resolves that name; the variables that set options of ssh."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from sesh import paths, programs
from sesh.errors import InvalidHost, Late, Unreachable
from sesh.names import check_host, printable

TIMEOUT = 60.0
"""Seconds for `ssh -G`, at most: a `Match exec` and a name server take their time."""


class Destination:
    """One host.

    `host`: as typed, without `@`. `via`: the argv of a command that runs its arguments there, if the user's
    configuration names one; ssh is not used then. `near`: whether the host is so near that compressing does not pay.
    `settings`: of ssh for the host, if they are known.
    """

    def __init__(
        self,
        host: str,
        via: list[str] | None = None,
        near: Callable[[str], bool] | None = None,
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

    def resolve(self, timeout: float = TIMEOUT) -> dict[str, list[str]]:
        """Ask `ssh -G` once; return its settings by lower-case keyword. Raises InvalidHost, Unreachable."""
        if self._settings is None:
            self._settings = {} if self.via is not None else resolve(self, *environment_options(), timeout=timeout)
        return self._settings

    @property
    def settings(self) -> dict[str, list[str]]:
        """The result of `resolve`."""
        return self.resolve()

    def setting(self, keyword: str) -> str:
        """The first value of an ssh_config keyword (lower case), empty if there is none."""
        return self.settings.get(keyword, [""])[0]

    @property
    def jumps(self) -> list[str]:
        """The jump hosts on the way, the last one next to the host."""
        jumps = self.setting("proxyjump")
        return jumps.split(",") if jumps not in ("", "none") else []

    @property
    def key(self) -> str:
        """Identifies the host: `user@hostname:port` as ssh resolves them, never a short name."""
        if self.via is not None:
            return f"via:{self.host}"
        return f"{self.setting('user')}@{self.setting('hostname')}:{self.setting('port')}"

    def sharing(self) -> Destination:
        """Return the same host, over a shared connection of sesh's own although the user's configuration has none."""
        return Destination(self.host, near=self.near, settings={**self.settings, "controlpath": ["none"]})


def program() -> str:
    """The ssh to run: `SESH_SSH`, or plain ssh if that is autossh, which carries the shared connection only."""
    chosen = os.environ.get("SESH_SSH") or "ssh"
    return "ssh" if os.path.basename(chosen) == "autossh" else chosen


VARIABLES = (
    ("SESH_IDENTITY", "IdentityFile", "", (), True),
    ("SESH_PROXYJUMP", "ProxyJump", "", (), True),
    ("SESH_COMPRESSION", "Compression", "yes", ("no",), True),
    ("SESH_KEEPALIVE", "ServerAliveInterval", "30", ("", "0"), False),
    ("SESH_PERSIST", "ControlPersist", "8h", ("", "no"), False),
)
"""Variable, keyword of ssh_config, default, values of ssh_config that leave room for the default and for a variable,
and whether the variable overrides any other value too."""


def environment_options() -> list[str]:
    """The options of the variables that override ssh_config. Raises InvalidHost for a jump host that is none."""
    options: list[str] = []
    for variable, keyword, _, _, overrides in VARIABLES:
        if overrides and (value := os.environ.get(variable)):
            for hop in value.split(",") if keyword == "ProxyJump" else ():
                check_host(hop)
            options += option(keyword, paths.expanded(value))
    return options


def option(keyword: str, value: str) -> list[str]:
    """The words that set a keyword; ssh needs quotes around blanks."""
    return ["-o", f'{keyword}="{value}"' if " " in value else f"{keyword}={value}"]


def resolve(destination: Destination, *options: str, timeout: float = TIMEOUT) -> dict[str, list[str]]:
    """Output of `ssh -G` with these options, by lower-case keyword. Raises InvalidHost if ssh refuses the host,
    Unreachable."""
    chosen = "" if program() == "ssh" else "SESH_SSH has to name one program that takes all of ssh's options"
    named, host = f"SESH_SSH={program()}" if chosen else "ssh", destination.host
    try:
        done = programs.run([program(), *options, "-G", *destination.target], timeout)
    except FileNotFoundError as error:
        missing = f"SESH_SSH: there is no program {printable(program())}" if chosen else "ssh is not installed"
        raise Unreachable(missing, hint=chosen or "install the OpenSSH client") from error
    except OSError as error:
        raise programs.cannot_run(named, error, chosen) from error
    except subprocess.TimeoutExpired as error:
        hint = "a `Match exec` in ssh_config, or a name server, may hold it up"
        raise Late(f"{named} -G {host} did not end within {timeout:.3g} s", hint=hint) from error
    settings: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword.lower(), []).append(value)
    if not done.returncode and (not chosen or "hostname" in settings):
        return settings
    reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it gave no reason"]
    if chosen:
        raise Unreachable(f"{named} -G {host}: {reason[0]}", hint=chosen)
    raise InvalidHost(f"ssh refuses the host {host}: {reason[0]}")
