"""Command lines of the user's own ssh: its options as the user set them, ours if the user left them open.

Also the path of a host's control socket, and the meaning of ssh's failures.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import socket
import sys
import time
from threading import Lock
from typing import IO

from sesh import paths, programs, writing
from sesh.errors import WANTS_LOGIN, Late, LoginRefused, Refused, SeshError, Unreachable
from sesh.remote.ssh.destination import Destination, environment_options, program

KEEPALIVE, CONNECT_TIMEOUT = "30", 10
"""Seconds between keepalives, and to connect, if the user's configuration sets none."""
FAILED = 255
"""ssh's own exit code, as against the remote command's."""

_NEEDED = (
    ("remotecommand", "none", "RemoteCommand=none"),
    ("sessiontype", "default", "SessionType=default"),
    ("stdinnull", "no", "StdinNull=no"),
    ("forkafterauthentication", "no", "ForkAfterAuthentication=no"),
)
"""Keyword, value and option that a command needs to run with stdin and stdout of its own."""
_CHANGED = "via changes the words that it is given"
_WHOLE = f'_w=1 </dev/null; : "${{_w:?{_CHANGED}}}"; [ "$_w" ] || {{ echo "{_CHANGED}" >&2; exit 1; }}; unset _w; '
"""A prefix of each line: the line does nothing if a shell between has changed its words, or the user.

A shell between, to which the words come joined, sets no variable by `sh -c _w=1`: the expansion ends it. csh and fish
take that for a mistake, and run nothing either. `sudo -i` expands the second `$_w` too early.
"""

_NOISE = (
    "Warning:",
    "Authenticated to ",
    "Authenticated using ",
    "Transferred: ",
    "Bytes per second: ",
    "**",
    "debug",
    "mux_client",
    "ControlSocket",
    "stdio forwarding failed",
    "kex_exchange_identification: Connection closed",
    "Connection closed by UNKNOWN",
    "autossh",
)
"""Beginnings of lines on ssh's stderr that are not the reason of a failure."""
_REFUSALS = ("Permission denied (", "Permission denied, please", "Too many authentication failures")
"""Messages of ssh when a login is refused (OpenSSH: sshconnect2.c, auth.c)."""
_PLAINER = (
    ("Temporary failure in name resolution", "no name server answers"),
    ("Could not resolve hostname", "its name does not resolve"),
    ("Network is unreachable", "no network"),
    ("Network is down", "no network"),
    ("Cannot assign requested address", "no network"),
    ("No route to host", "no route to it"),
    ("Host is down", "no route to it"),
    ("Connection reset", "it closes the connection"),
    ("Connection closed", "it closes the connection"),
)
"""What messages of ssh, and of the system (errno.h, netdb.h), mean for a person who waits; the first one counts."""
_LOGIN_KEYWORDS = ("proxyjump", "proxycommand", "hostkeyalias", "bindaddress", "identityfile", "forwardagent")
FORWARDS = ("localforward", "remoteforward", "dynamicforward")
_CARRIED_KEYWORDS = (*FORWARDS, "forwardx11", "forwardx11trusted", "sendenv", "setenv")
"""Settings that lead to another login at the same host; those of ports, and all that only the connection itself can
carry out."""
_KEPT = 64 << 10
"""Bytes of what a command printed on stderr that are read."""
_MAX_SOCKET_PATH = 104 - 1 - 17
"""Bytes: macOS's limit, less the suffix of the name under which ssh first creates the socket."""
DECLINER = ".decline-1"
"""The file of the program below; another number for another program."""
_DECLINE = """#!/bin/sh
case $SSH_ASKPASS_PROMPT:$1 in
    confirm:*|none:*|*:'Enter passphrase for '*|*:'Enter PIN for '*|*:'Add key '*|*'(yes/no'*) exit 1 ;;
esac
if (: </dev/tty) 2>/dev/null; then
    printf %s "$1" >/dev/tty
    stty -echo </dev/tty
    IFS= read -r answer </dev/tty && printf '%s\\n' "$answer"
    exit
fi
echo 'Permission denied (keyboard-interactive): nobody can be asked' >&2
kill "$PPID"
"""
"""Run by an ssh that would ask where nobody can be asked. It asks at a terminal that a program like sshpass has made;
else it ends that ssh: BatchMode does not reach that of a jump host, which would answer with empty words, three wrong
passwords (OpenSSH: readpass.c). A key is only passed over."""
_making = Lock()
_SOCKET_NAME, _WAY_PART, _HOST_PART = 24, 16, 8
"""Characters of a socket's name, hashes; how many of them stand for the host and the way to it, and for the host."""


class AuthenticationFailed(LoginRefused):
    """The host answers, but no key alone is enough; the user could log in with a password, a passphrase or a code."""

    asks = True


def seconds_left(deadline: float | None, most: float) -> float:
    """Seconds until a deadline (monotonic), `most` at most and if there is none."""
    return most if deadline is None else min(most, deadline - time.monotonic())


def can_prompt() -> bool:
    """Return whether ssh may ask for a password, a passphrase or a new host key: only with a user at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()


def environment(*, ask: bool) -> dict[str, str]:
    """Return the environment for ssh; if it may not ask, nor may the ssh of a jump host, by whatever program.

    A control master keeps to the agent that it was opened with, wherever a link to that leads later.
    """
    variables = programs.environment()
    if agent := variables.get("SSH_AUTH_SOCK"):
        variables["SSH_AUTH_SOCK"] = os.path.realpath(agent)
    if not ask:
        variables |= _declining()
    return variables


def _declining() -> dict[str, str]:
    """The variables that have an ssh which would ask a person end (see `_DECLINE`); or at least start no program."""
    try:
        path = os.path.join(writing.ready_directory(), DECLINER)
        with _making:
            if not os.path.exists(path):
                writing.write_whole(path, _DECLINE.encode(), mode=paths.PRIVATE)
        runs = os.access(path, os.X_OK)
    except (OSError, SeshError):
        runs = False
    return {"SSH_ASKPASS_REQUIRE": "force", "SSH_ASKPASS": path} if runs else {"SSH_ASKPASS_REQUIRE": "never"}


def options(destination: Destination, *, ask: bool) -> list[str]:
    """Our options, only if the user's configuration leaves the matter open."""
    chosen = environment_options()
    if destination.setting("stricthostkeychecking") == "ask":
        chosen += ["-o", "StrictHostKeyChecking=accept-new"]
    if not ask:
        chosen += ["-o", "BatchMode=yes"]
    if destination.setting("connecttimeout") in ("", "none"):
        chosen += ["-o", f"ConnectTimeout={CONNECT_TIMEOUT}"]
    if destination.setting("serveraliveinterval") in ("", "0"):
        keepalive = os.environ.get("SESH_KEEPALIVE") or KEEPALIVE
        if not (keepalive.isdecimal() and keepalive.isascii()):
            raise Refused(f"SESH_KEEPALIVE={keepalive} is not a number of seconds")
        chosen += ["-o", f"ServerAliveInterval={keepalive}"]
    near = destination.near is not None and destination.near(destination)
    compression = os.environ.get("SESH_COMPRESSION") or ("" if near else "yes")
    if compression not in ("yes", "no", ""):
        raise Refused(f"SESH_COMPRESSION={compression} is neither yes nor no")
    if compression not in ("", destination.setting("compression")):
        chosen += ["-o", f"Compression={compression}"]
    return chosen


def connect_timeout(destination: Destination) -> int:
    """The seconds for which ssh waits for a host that does not answer: the user's own setting, else ours."""
    seconds = destination.setting("connecttimeout")
    return int(seconds) if seconds.isdecimal() else CONNECT_TIMEOUT


def command(destination: Destination, remote: str, *, ask: bool = False, alone: bool = False) -> list[str]:
    """The argv that runs `remote`, a line for the login shell there, with stdin and stdout as they are.

    It uses the control master if one runs; with `alone` a connection of its own. For a host that another command
    reaches, that command runs `sh -c` with the line, which does nothing if its words have been changed.
    """
    if destination.via is not None:
        return [*destination.via, "sh", "-c", _WHOLE + remote]
    argv = [program(), *options(destination, ask=ask), "-T", "-o", "ControlMaster=no"]
    # Forwardings belong to the control master; requested again they would fail.
    argv += ["-o", "ClearAllForwardings=yes"]
    for keyword, needed, option in _NEEDED:
        if destination.setting(keyword).lower() not in ("", needed):
            argv += ["-o", option]
    if alone:
        argv += ["-o", "ControlPath=none"]
    elif owns_control_path(destination):
        argv += control_path_option(control_path(destination))
    return [*argv, *destination.target, remote]


# -- the control socket


def owns_control_path(destination: Destination) -> bool:
    """Return whether the control socket is sesh's own: the user's configuration names none."""
    return destination.setting("controlpath") in ("", "none")


def control_path(destination: Destination) -> str:
    """The path of the control socket: the user's own if one is named, else ours. Raises Refused (unsafe directory).

    Who has no agent that ssh could forward uses the connection of one who has, if that stands.
    """
    if not owns_control_path(destination):
        return destination.setting("controlpath")
    folder, name = control_directory(), control_name(destination)
    if destination.setting("forwardagent") not in ("", "no") and not forwarded_agent(destination):
        sockets = control_sockets(name)
        if os.path.join(folder, name) not in sockets:
            return max(filter(accepts, sockets), default=os.path.join(folder, name))
    return os.path.join(folder, name)


def control_sockets(name: str = "", *, any_way: bool = False) -> list[str]:
    """The paths of sesh's own control sockets: of the host with this `control_name`, whichever agent each forwards and,
    with `any_way`, however it leads there; or of all. Raises Refused (unsafe directory)."""
    part = _HOST_PART if any_way else _WAY_PART
    folder = control_directory()
    named = [entry for entry in os.listdir(folder) if len(entry) == _SOCKET_NAME and entry.isalnum()]
    return [os.path.join(folder, entry) for entry in named if entry[:part] == name[:part] or not name]


def accepts(path: str) -> bool:
    """Return whether a process listens at a socket: a control master that was killed leaves its own behind."""
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.settimeout(0)
        probe.connect(path)
    except OSError:
        return False
    finally:
        probe.close()
    return True


def control_path_option(path: str) -> list[str]:
    """The option that names the control socket; ssh reads % as a token, and needs quotes around blanks."""
    path = path.replace("%", "%%")
    return ["-o", f'ControlPath="{path}"' if " " in path else f"ControlPath={path}"]


def control_name(destination: Destination) -> str:
    """A name of its own for each host, each way to it, each identity there, and each agent that is forwarded."""
    own = [value for keyword in _LOGIN_KEYWORDS + _CARRIED_KEYWORDS for value in destination.settings.get(keyword, [])]
    identity = _hash("\0".join((destination.key, *own, *environment_options(), program())))
    identity = _hash(destination.key)[:_HOST_PART] + identity[_HOST_PART:]
    agent = forwarded_agent(destination)
    return identity[:_WAY_PART] + _hash(agent)[_WAY_PART:] if agent else identity


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_SOCKET_NAME]


def forwarded_agent(destination: Destination) -> str:
    """The socket of the agent that ssh forwards to the host, by its real path; empty without one.

    ssh_config(5): ForwardAgent and IdentityAgent hold a path, or the name of a variable after `$`.
    """
    path = destination.setting("forwardagent")
    if path in ("", "no"):
        return ""
    if path == "yes":
        path = destination.setting("identityagent") or "SSH_AUTH_SOCK"
    if path == "SSH_AUTH_SOCK" or path.startswith("$"):
        path = os.environ.get(path.removeprefix("$"), "")
    return os.path.realpath(path) if os.path.exists(path) else ""


def control_directory() -> str:
    """The 0700 directory of control sockets: `SESH_CTRL_DIR`, else under `XDG_RUNTIME_DIR`, else in sesh's own.

    Where a socket's path would be too long for the platform there, one under /tmp. Raises Refused.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    configured = os.environ.get("SESH_CTRL_DIR")
    if configured:
        folder = os.path.abspath(paths.expanded(configured))
    elif runtime and _is_own(runtime):
        folder = os.path.join(runtime, "sesh")
    else:
        folder = os.path.join(writing.ready_directory(), ".control")
    if len(os.fsencode(folder)) + 1 + _SOCKET_NAME > _MAX_SOCKET_PATH:
        folder = f"/tmp/sesh-{os.geteuid()}"  # noqa: S108 - checked below like any other
    try:
        writing.make_private(folder, "SESH_CTRL_DIR")
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


# -- failures


def failure(destination: Destination, stderr: str, *, asked: bool = False) -> Unreachable:
    """The error for what ssh printed on stderr, in one line, with what to do. `asked`: ssh could ask for a password."""
    error, why = _failure(destination, stderr, asked)
    error.reason = why
    return error


def _failure(destination: Destination, stderr: str, asked: bool) -> tuple[Unreachable, str]:
    """The error, and why in a few words."""
    host = destination.host
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    text = "\n".join(lines)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        hint = f"if you know why, remove the old key with: {_remove_key_command(destination, text)}"
        return LoginRefused(f"the host key of {host} has changed: nothing was sent", hint=hint), "host key changed"
    if "Host key verification failed" in text:
        message = f"the host key of {host} is unknown, and ssh may not accept it"
        return LoginRefused(message, hint=f"check it with: ssh {host}"), "host key unknown"
    if any(words in text for words in _REFUSALS):
        message, reason = (f"{host} refused the login", "login refused") if asked else _refusal(host, text)
        return AuthenticationFailed(message, hint=f"try: ssh {host}"), reason
    last = (reasons(text) or lines[-1:] or ["no reason given"])[-1].rstrip(".")
    kind = Late if "timed out" in last else Unreachable
    reason = last.rpartition(": ")[2]
    plainer = next((words for message, words in _PLAINER if message in last), reason[:1].lower() + reason[1:])
    misfit = program() != "ssh" and re.search(r"\boption\b", last)
    hint = f"SESH_SSH={program()} has to take all of ssh's options" if misfit else ""
    return kind(f"cannot reach {host}: {last}", hint=hint), kind.reason or plainer


def _refusal(host: str, text: str) -> tuple[str, str]:
    """Return why a login was refused, in a line and in a few words. sshd names the methods that may go on: publickey is
    not among them once a key was accepted."""
    methods = set(",".join(re.findall(r"Permission denied \(([a-z0-9,-]{1,256})\)", text)[-1:]).split(",")) - {""}
    asked = "and sesh cannot ask you for it here"
    if "with partial success" in text:
        return f"{host} accepts your key and asks for a second factor too, {asked}", f"{WANTS_LOGIN}a second factor"
    if methods and not methods & {"publickey", "hostbased", "gssapi-with-mic"}:
        factor = "a password or a second factor"
        return f"{host} asks for {factor}, {asked}", f"{WANTS_LOGIN}{factor}"
    if methods and not methods & {"password", "keyboard-interactive"}:
        return f"{host} accepts none of your keys that need no passphrase", "does not accept your keys"
    return f"{host} does not accept your keys, and sesh cannot ask for a password here", f"{WANTS_LOGIN}a password"


def printed(stderr: IO[bytes]) -> str:
    """The end of a file with what a command has printed on stderr: the reason of a failure comes last. What ssh says of
    its own steps is left out."""
    stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _KEPT))
    lines = stderr.read(_KEPT).decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("debug", "OpenSSH_")))


def reasons(stderr: str) -> list[str]:
    """The lines that give a reason."""
    lines = [line.strip() for line in stderr.splitlines()]
    return [line for line in lines if line and not line.startswith(_NOISE)]


def changed_words(destination: Destination, text: str) -> Unreachable | None:
    """The error for a command that changes the words that it is given, as `sudo -i` does, if the text says so."""
    if destination.via is None or not any(line.rstrip().endswith(_CHANGED) for line in text.splitlines()):
        return None
    hint = "a shell between may read them again; with sudo write -H in place of -i"
    error = Unreachable(f"cannot reach {destination.host}: {_CHANGED}", hint=hint)
    error.reason = _CHANGED
    return error


def _remove_key_command(destination: Destination, text: str) -> str:
    """The command that removes an old host key: of the host itself, or of a jump host."""
    host, port = destination.setting("hostkeyalias"), "22"
    if host in ("", "none"):
        host, port = destination.setting("hostname") or destination.host, destination.setting("port")
    name = host if port in ("", "22") else f"[{host}]:{port}"
    if changed := re.search(r"[Hh]ost key for (\S+) has changed", text):
        name = changed[1]
    argv = ["ssh-keygen", "-R", name]
    if file := re.search(r"^Offending \S+ key in (.+):\d+$", text, re.MULTILINE):
        argv += ["-f", file[1]]
    return shlex.join(argv)
