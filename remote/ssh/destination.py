"""A host as the user names it, and how ssh resolves that name; the variables that set options of ssh."""

from __future__ import annotations

import os
import subprocess

from sesh import paths, programs
from sesh.errors import InvalidHost, Late, Unreachable
from sesh.names import check_host, printable

TIMEOUT = 60.0
"""Seconds for `ssh -G`: a `Match exec` and a name server take their time."""


class Destination:
    """One host.

    `host`: as typed, without `@`. `via`: the argv of a command that runs its arguments there in the place of ssh.
    `settings`: of ssh for the host, if they are known.
    """

    def __init__(self, host: str, via: list[str] | None = None, settings: dict[str, list[str]] | None = None) -> None:
        self.host = check_host(host)
        self.via = via
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
        return Destination(self.host, settings={**self.settings, "controlpath": ["none"]})


def program() -> str:
    """The ssh to run: `SESH_SSH`, or plain ssh if that is autossh, which carries the shared connection only."""
    chosen = os.environ.get("SESH_SSH") or "ssh"
    return "ssh" if os.path.basename(chosen) == "autossh" else chosen


VARIABLES = (
    ("SESH_IDENTITY", "IdentityFile", "", ""),
    ("SESH_PROXYJUMP", "ProxyJump", "", ""),
    ("SESH_COMPRESSION", "Compression", "no", "yes"),
    ("SESH_KEEPALIVE", "ServerAliveInterval", "0", "30"),
    ("SESH_PERSIST", "ControlPersist", "no", "8h"),
)
"""A variable, the keyword of ssh_config that it sets, ssh's default for that, and sesh's if neither says anything."""
_SHORTEST_PERSIST = "5"
"""ControlPersist for `SESH_PERSIST=no`: a connection that no command owns would stay for ever with `no`."""


def environment_options() -> list[str]:
    """The options of the variables, which override ssh_config. Raises InvalidHost for a jump host that is none."""
    options: list[str] = []
    for variable, keyword, _, _ in VARIABLES:
        if value := os.environ.get(variable):
            for hop in value.split(",") if keyword == "ProxyJump" else ():
                check_host(hop)
            value = _SHORTEST_PERSIST if (keyword, value) == ("ControlPersist", "no") else value
            options += option(keyword, paths.expanded(value))
    return options


def option(keyword: str, value: str) -> list[str]:
    """The words that set a keyword; ssh needs quotes around blanks."""
    return ["-o", f'{keyword}="{value}"' if " " in value else f"{keyword}={value}"]


def resolve(destination: Destination, *options: str, timeout: float = TIMEOUT) -> dict[str, list[str]]:
    """Output of `ssh -G` with these options, by lower-case keyword. Raises InvalidHost if ssh refuses the host,
    Unreachable."""
    ssh, host = program(), destination.host
    hint = "install the OpenSSH client" if ssh == "ssh" else "SESH_SSH has to name a program that takes ssh's options"
    try:
        done = programs.run([ssh, *options, "-G", *destination.target], timeout)
    except OSError as error:
        raise programs.cannot_run(printable(ssh), error, hint) from error
    except subprocess.TimeoutExpired as error:
        hint = "a `Match exec` in ssh_config, or a name server, may hold it up"
        raise Late(f"ssh -G {host} did not end within {timeout:.3g} s", hint=hint) from error
    settings: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword.lower(), []).append(value)
    if not done.returncode and "hostname" in settings:
        return settings
    reason = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"])[-1]
    given = [f"{name}={os.environ[name]}" for name, *_ in VARIABLES if os.environ.get(name)]
    if ssh != "ssh" or (given and reason.startswith("command-line")):
        hint = f"check {', '.join(map(printable, given))}" if ssh == "ssh" else hint
        raise Unreachable(f"{printable(ssh)} -G {host}: {reason}", hint=hint)
    raise InvalidHost(f"ssh refuses the host {host}: {reason}")
