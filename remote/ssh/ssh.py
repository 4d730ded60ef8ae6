"""Command lines of the user's own ssh: its options as the user set them, sesh's if the user left them open.

Also what they share: the directory of control sockets, the link to the newest agent, the file that sets BatchMode.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import time

from sesh import files, paths, programs
from sesh.errors import Refused, SeshError
from sesh.remote.ssh.aliases import SYSTEM_CONFIG
from sesh.remote.ssh.destination import VARIABLES, Destination, environment_options, option, program

CONNECT_TIMEOUT = 10
"""Seconds to connect, if the user's configuration sets none."""
FAILED = 255
"""ssh's own exit code, as against the remote command's."""
_NEEDED = {"RemoteCommand": "none", "SessionType": "default", "StdinNull": "no", "ForkAfterAuthentication": "no"}
"""The settings that a command needs to run with stdin and stdout of its own; an older ssh does not have all."""
_BATCH = f"BatchMode yes\nInclude ~/.ssh/config\nInclude {SYSTEM_CONFIG}\n"
"""A configuration that is the user's, but asks nobody: ssh hands `-F` on to the ssh of a jump host, and no option."""
_MAX_SOCKET_PATH = 104 - 1 - 17
"""Bytes: macOS's limit, less the suffix of the name under which ssh first creates the socket."""
_SOCKET_NAME = 24
"""Characters of a socket's name, a hash."""


def seconds_left(deadline: float | None, most: float) -> float:
    """Seconds until a deadline (monotonic), `most` at most and if there is none."""
    return most if deadline is None else min(most, deadline - time.monotonic())


def can_prompt() -> bool:
    """Return whether ssh may ask for a password, a passphrase or a new host key: only with a user at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()


def environment(*, ask: bool) -> dict[str, str]:
    """Return the environment for ssh: its agent is a link that leads to the newest one, as connections outlive agents.

    Unless ssh may ask, it starts no program that asks: in BatchMode the ssh of a `ProxyCommand` would.
    """
    variables = programs.environment()
    try:
        variables["SSH_AUTH_SOCK"] = _agent_link(variables.get("SSH_AUTH_SOCK", ""))
    except (OSError, SeshError):
        pass  # a full disk, or an unsafe directory: the agent that there is
    return variables if ask else {**variables, "SSH_ASKPASS_REQUIRE": "never"}


def _agent_link(agent: str) -> str:
    """Have the link to the newest agent lead to this one, if it is there; return the path of the link."""
    link = os.path.join(control_directory(), "sesh.agent")
    agent = os.path.realpath(agent)  # of the link itself too
    if os.path.exists(agent) and not os.path.isdir(agent) and agent != os.path.realpath(link):
        unfinished = f"{link}.{os.getpid()}"
        os.symlink(agent, unfinished)
        os.replace(unfinished, link)
    return link


def options(destination: Destination, *, ask: bool) -> list[str]:
    """The options by variables, and those that the user's configuration leaves open."""
    chosen = batch_options(destination, ask=ask) + environment_options()
    if destination.setting("stricthostkeychecking") == "ask":
        chosen += option("StrictHostKeyChecking", "accept-new")
    chosen += option("ConnectTimeout", str(connect_timeout(destination)))
    for variable, keyword, untouched, default in VARIABLES:
        if default and not os.environ.get(variable) and destination.setting(keyword.lower()) in ("", untouched):
            chosen += option(keyword, default)
    return chosen


def batch_options(destination: Destination, *, ask: bool) -> list[str]:
    """The options by which ssh, and that of each jump host, asks nobody; none if it may ask."""
    if ask:
        return []
    if not destination.jumps or program() != "ssh":  # a script around ssh may have a `-F` of its own
        return ["-o", "BatchMode=yes"]
    path = os.path.join(control_directory(), "sesh.config")
    if not os.path.exists(path):
        files.write_whole(path, _BATCH.encode())
    return ["-F", path]


def connect_timeout(destination: Destination) -> int:
    """The seconds for which ssh waits for a host that does not answer: the user's own setting, else sesh's."""
    seconds = destination.setting("connecttimeout")
    return int(seconds) if seconds.isdecimal() else CONNECT_TIMEOUT


def command(destination: Destination, remote: str, *, ask: bool = False, own: int = 0) -> list[str]:
    """The argv that runs `remote`, a line for the login shell there, with stdin and stdout as they are.

    It uses the shared connection if one stands. `own`: seconds to connect, for a connection of its own. For a host that
    another command reaches, that command runs `sh -c` with the line.
    """
    if destination.via is not None:
        return [*destination.via, "sh", "-c", remote]
    argv = [program(), "-o", "ControlPersist=no"]  # with it ssh silences the command that leads to the host
    argv += ["-T", "-o", "ControlMaster=no"]
    argv += ["-o", "ClearAllForwardings=yes"]  # the shared connection has them; requested again they would fail
    for keyword, needed in _NEEDED.items():
        if destination.setting(keyword.lower()).lower() not in ("", needed):
            argv += option(keyword, needed)
    if own:
        argv += ["-o", "ControlPath=none", *option("ConnectTimeout", str(own))]
    argv += options(destination, ask=ask)  # of an option that is given twice the first counts
    if not own and owns_control_path(destination):
        argv += control_path_option(control_path(destination))
    return [*argv, *destination.target, remote]


def proxy_option(destination: Destination, errors: str, *, ask: bool) -> list[str]:
    """The option by which the command that leads to the host writes its stderr to a file; none without a command.

    With ControlPersist OpenSSH would throw that away: the words of a jump host, an address to log in at.
    """
    command, jumps = destination.setting("proxycommand"), destination.jumps
    if jumps:  # as ssh itself makes it of ProxyJump
        before = ["-J", ",".join(jumps[:-1])] if jumps[1:] else []
        hop = [program(), *batch_options(destination, ask=ask), *before, "-W", "[%h]:%p"]
        command = shlex.join([*hop, *Destination(jumps[-1]).target])
    if command in ("", "none"):
        return []
    line = 'exec "${SHELL:-/bin/sh}" -c "$0" 2>>"$1"'
    words = ["sh", "-c", line, f"exec {command}", errors.replace("%", "%%")]
    return ["-o", f"ProxyCommand={shlex.join(words)}"]


# -- the control socket


def owns_control_path(destination: Destination) -> bool:
    """Return whether the control socket is sesh's own: the user's configuration names none."""
    return destination.setting("controlpath") in ("", "none")


def control_path(destination: Destination) -> str:
    """The path of the control socket: the user's own if one is named, else ours. Raises Refused (unsafe directory)."""
    return own_path(destination) if owns_control_path(destination) else destination.setting("controlpath")


def own_path(destination: Destination) -> str:
    """The path of sesh's own control socket, a hash of all that ssh knows of the host: with other settings, such as
    another way to it, another connection."""
    settings = [f"{keyword} {value}" for keyword, values in sorted(destination.settings.items()) for value in values]
    same = [line for line in settings if not line.startswith("host ")]  # the alias, which newer versions print
    identity = hashlib.sha256("\n".join([program(), *same]).encode("utf-8", "surrogateescape"))
    return os.path.join(control_directory(), identity.hexdigest()[:_SOCKET_NAME])


def control_path_option(path: str) -> list[str]:
    """The option that names the control socket; ssh reads % as a token."""
    return option("ControlPath", path.replace("%", "%%"))


def control_directory() -> str:
    """The 0700 directory of control sockets: `SESH_CTRL_DIR`, else under `XDG_RUNTIME_DIR`, else in sesh's own.

    Where a socket's path would be too long for the platform there, one under /tmp. Raises Refused.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if configured := os.environ.get("SESH_CTRL_DIR"):
        folder = os.path.abspath(paths.expanded(configured))
    elif runtime and _is_own(runtime):
        folder = os.path.join(runtime, "sesh")
    else:
        folder = os.path.join(files.ready_directory(), ".control")
    if len(os.fsencode(folder)) + 1 + _SOCKET_NAME > _MAX_SOCKET_PATH:
        folder = f"/tmp/sesh-{os.geteuid()}"  # noqa: S108 - checked below like any other
    try:
        files.make_private(folder, "SESH_CTRL_DIR")
    except OSError as error:
        hint = "set SESH_CTRL_DIR to a directory of yours"
        raise Refused(f"{folder} cannot be created: {error.strerror}", hint=hint) from error
    return folder


def _is_own(runtime: str) -> bool:
    """Return whether `XDG_RUNTIME_DIR` is this user's, as its specification asks: `su` may leave another's."""
    try:
        return os.path.isabs(runtime) and paths.trusted(runtime, "XDG_RUNTIME_DIR")
    except Refused:
        return False
