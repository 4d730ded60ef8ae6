"""The user's own ssh: its options as the user set them, one shared connection a host, and what its failures mean."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from sesh.errors import Refused, SeshError, Unreachable
from sesh.remote.destination import Destination, named_options, program

PERSIST, KEEPALIVE = "8h", "30"
CONNECT = 10
"""Seconds for a connection to stand, where the user's configuration names none."""
FAILED = 255
"""ssh's own exit code, as against the remote command's."""

_DEFAULT = {"controlpath": ("", "none"), "controlmaster": ("", "false", "no"), "serveraliveinterval": ("", "0")}


def prompting() -> bool:
    """Whether ssh may ask: for a password, a passphrase, a new host key. Only where a person sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()


def environment(*, ask: bool) -> dict[str, str]:
    """The environment for ssh; where it may not ask, no program pops up to ask instead of it."""
    variables = dict(os.environ)
    if not ask:
        variables["SSH_ASKPASS_REQUIRE"] = "never"
    return variables


def options(destination: Destination, *, ask: bool) -> list[str]:
    """What sesh adds to the user's configuration, and only where that leaves it open."""
    chosen = named_options()
    if destination.setting("stricthostkeychecking") == "ask":
        chosen += ["-o", "StrictHostKeyChecking=accept-new"]
    if not ask:
        chosen += ["-o", "BatchMode=yes"]
    if destination.setting("connecttimeout") in ("", "none"):
        chosen += ["-o", f"ConnectTimeout={CONNECT}"]
    if _open(destination, "serveraliveinterval"):
        keepalive = os.environ.get("SESH_KEEPALIVE") or KEEPALIVE
        chosen += ["-o", f"ServerAliveInterval={_number(keepalive, 'SESH_KEEPALIVE')}", "-o", "ServerAliveCountMax=3"]
    return chosen


def shared(destination: Destination) -> bool:
    """Whether the shared connection is sesh's own: the user's configuration names none."""
    return _open(destination, "controlpath")


def control_path(destination: Destination) -> str:
    """The socket of the shared connection: the user's own where one is named, else ours, under a hashed name.

    Raises Refused where the directory for it is not private.
    """
    if not shared(destination):
        return destination.setting("controlpath")
    identity = "\0".join((destination.key, *named_options(), program()))
    return os.path.join(control_directory(), hashlib.sha256(identity.encode()).hexdigest()[:24])


def control_directory() -> str:
    """The 0700 directory of control sockets: `SESH_CTRL_DIR`, else under `XDG_RUNTIME_DIR`, else in sesh's own."""
    from sesh import paths

    runtime = os.environ.get("XDG_RUNTIME_DIR")
    named = os.environ.get("SESH_CTRL_DIR")
    if not named and not (runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK)):
        named = os.path.join(paths.ready_directory(), ".control")
    folder = os.path.abspath(named) if named else os.path.join(str(runtime), "sesh")
    try:
        os.makedirs(folder, mode=paths.PRIVATE, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be made: {error.strerror}; set SESH_CTRL_DIR to a directory of yours"
        ) from error
    paths.trusted(folder)
    return folder


def command(destination: Destination, remote: str, *, ask: bool = False, alone: bool = False) -> list[str]:
    """The words that run `remote`, a line for the login shell over there, with stdin and stdout as they are.

    It goes over the shared connection where one stands; with `alone` over a connection of its own. For a host reached
    by another command, that command runs `sh -c` with the line.
    """
    if destination.via is not None:
        return [*destination.via, "sh", "-c", remote]
    words = [program(), *options(destination, ask=ask), "-T"]
    if alone:
        words += ["-o", "ControlPath=none", "-o", "ControlMaster=no"]
    elif shared(destination):
        words += ["-o", f"ControlPath={_escaped(control_path(destination))}", "-o", "ControlMaster=no"]
    return [*words, *destination.target, remote]


def connect(destination: Destination, *, ask: bool | None = None, patience: float | None = None) -> None:
    """Makes sure that the shared connection stands, opened by itself with its stdio on /dev/null.

    `ask`: whether ssh may prompt (on the terminal, before anything is raw); None where a person sits there.
    Raises Unreachable with ssh's own reason, in one line.
    """
    if destination.via is not None or not shared(destination) or standing(destination):
        return
    ask = prompting() if ask is None else ask
    persist = os.environ.get("SESH_PERSIST") or PERSIST
    path = control_path(destination)
    autossh = os.path.basename(os.environ.get("SESH_SSH") or "") == "autossh"
    words = [os.environ.get("SESH_SSH") or "ssh", "-M", "0"] if autossh else [program()]
    words += [*options(destination, ask=ask), "-f", "-N", "-T"]
    words += ["-o", "ControlMaster=yes", "-o", f"ControlPath={_escaped(path)}", "-o", f"ControlPersist={persist}"]
    log = f"{path}.log"
    words += ["-E", log, *destination.target]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(ask=ask),
            timeout=patience,
            check=False,
        )
        told = _read(log)
    except FileNotFoundError as error:
        raise Unreachable(f"there is no {words[0]} here; install OpenSSH's client") from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{destination.word} does not answer") from error
    finally:
        if os.path.exists(log):
            os.unlink(log)
    if done.returncode and not standing(destination):
        raise failure(destination, told)


def standing(destination: Destination) -> bool:
    """Whether the shared connection stands and answers."""
    path = control_path(destination)
    if not os.path.exists(path):
        return False
    words = [program(), "-O", "check", "-o", f"ControlPath={_escaped(path)}", *destination.target]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=5, check=False
    )
    return done.returncode == 0


def forget(destination: Destination) -> None:
    """Removes a shared connection that has gone silent, so that the next one begins anew. Only ours is touched."""
    if destination.via is not None or not shared(destination):
        return
    path = control_path(destination)
    words = [program(), "-O", "exit", "-o", f"ControlPath={_escaped(path)}", *destination.target]
    try:
        subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pass  # it hangs: without its socket it serves nobody, and ends when its connection does
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # it went by itself, as it should


def failure(destination: Destination, told: str) -> SeshError:
    """What ssh's stderr means, as one line with what to do."""
    word = destination.word
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    text = "\n".join(lines)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text or "Host key verification failed" in text:
        return Unreachable(
            f"the host key of {word} has changed, or is not the one known: nothing was sent; "
            f"if you know why, remove the old key with: ssh-keygen -R {destination.setting('hostname') or word}"
        )
    if "Permission denied" in text:
        return Unreachable(f"{word} lets nobody in without a password or another key; try: ssh {word}")
    reasons = [line for line in lines if not line.startswith(("Warning:", "debug"))]
    reason = reasons[-1] if reasons else "no reason was given"
    return Unreachable(f"{word} cannot be reached: {reason.rstrip('.')}")


def _open(destination: Destination, keyword: str) -> bool:
    """Whether the user's configuration leaves a keyword at ssh's own default."""
    return destination.setting(keyword).lower() in _DEFAULT[keyword]


def _escaped(path: str) -> str:
    """A path where ssh would read % as a token, and quotes around blanks."""
    return '"' + path.replace("%", "%%") + '"' if " " in path else path.replace("%", "%%")


def _number(text: str, name: str) -> str:
    if not text.isdecimal():
        raise Refused(f"{name}={text} is no number of seconds")
    return text


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
