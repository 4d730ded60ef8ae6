"""The user's own ssh: its options as the user set them, one shared connection a host, and what its failures mean."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

from sesh.errors import Refused, SeshError, Unreachable
from sesh.remote import control
from sesh.remote.destination import Destination, named_options, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

KEEPALIVE = "30"
CONNECT = 10
"""Seconds for a connection to stand, where the user's configuration names none."""
FAILED = 255
"""ssh's own exit code, as against the remote command's."""

_PLAIN = (
    ("remotecommand", "none", "RemoteCommand=none"),
    ("sessiontype", "default", "SessionType=default"),
    ("stdinnull", "no", "StdinNull=no"),
    ("forkafterauthentication", "no", "ForkAfterAuthentication=no"),
)
"""What would keep a command from having its own stdin and stdout: keyword, harmless value, option."""

_NOISE = (
    "Warning:",
    "**",
    "debug",
    "mux_client",
    "ControlSocket",
    "stdio forwarding failed",
    "kex_exchange_identification: Connection closed",
    "Connection closed by UNKNOWN",
    "autossh",
)
"""What ssh also says, before or after the reason."""


class NotLetIn(Unreachable):
    """The host answers and takes no key that was shown to it; a person could help."""


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
    if destination.setting("serveraliveinterval") in ("", "0"):
        keepalive = os.environ.get("SESH_KEEPALIVE") or KEEPALIVE
        chosen += ["-o", f"ServerAliveInterval={_number(keepalive, 'SESH_KEEPALIVE')}"]
    return chosen


def command(destination: Destination, remote: str, *, ask: bool = False, alone: bool = False) -> list[str]:
    """The words that run `remote`, a line for the login shell over there, with stdin and stdout as they are.

    It goes over the shared connection where one stands; with `alone` over a connection of its own. For a host reached
    by another command, that command runs `sh -c` with the line.
    """
    if destination.via is not None:
        return [*destination.via, "sh", "-c", remote]
    words = [program(), *options(destination, ask=ask), "-T", "-o", "ControlMaster=no"]
    # Forwardings belong to the shared connection; asked for again they would only fail.
    words += ["-o", "ClearAllForwardings=yes"]
    for keyword, harmless, option in _PLAIN:
        if destination.setting(keyword).lower() not in ("", harmless):
            words += ["-o", option]
    if alone:
        words += ["-o", "ControlPath=none"]
    elif control.own(destination):
        words += ["-o", f"ControlPath={control.escaped(control.path(destination))}"]
    return [*words, *destination.target, remote]


def shared(destination: Destination) -> bool:
    """Whether `connect` sees to a shared connection; where it does not, each command logs in for itself."""
    return destination.via is None and control.wanted(destination)


def connect(destination: Destination, *, ask: bool | None = None, patience: float | None = None) -> None:
    """Makes sure that the shared connection stands, opened by itself with its stdio on /dev/null.

    `ask`: whether ssh may prompt (on the terminal, before anything is raw); None where a person sits there.
    `patience`: seconds, also for another process that is opening it. Where the user's configuration shares no
    connection nothing is done. Raises Unreachable with ssh's own reason, in one line; Refused.
    """
    if not shared(destination) or standing(destination):
        return
    ask = prompting() if ask is None else ask
    deadline = None if patience is None else time.monotonic() + patience
    with control.Turn(destination, deadline):
        if not standing(destination):
            _open(destination, ask, deadline)


def _open(destination: Destination, ask: bool, deadline: float | None) -> None:
    """Opens the shared connection: by autossh where that is chosen and nothing need be asked, else by ssh."""
    control.clear(destination)
    if control.autossh():
        with tempfile.TemporaryFile() as told:
            if _carried(destination, told, deadline):
                return
            said = _said(told)
        if not (ask and "Permission denied" in said):
            raise failure(destination, said)
    with tempfile.TemporaryFile() as told:
        if not _run(destination, told, ask, deadline) or standing(destination):
            return
        said = _said(told)
    raise failure(destination, said if _reasons(said) else _said_on_the_way(destination, said, deadline))


def _run(destination: Destination, told: IO[bytes], ask: bool, deadline: float | None) -> int:
    """Runs ssh until it has gone to the background or failed; its exit code. Raises Unreachable."""
    words = [program(), *options(destination, ask=ask), "-f", "-N", "-T", *control.options(destination)]
    try:
        # Without a terminal of their own, neither ssh nor the ssh of a jump host finds one to ask on.
        process = subprocess.Popen(
            [*words, *destination.target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=environment(ask=ask),
            start_new_session=not ask,
        )
    except OSError as error:
        raise Unreachable(f"{words[0]} cannot be run ({error.strerror}); install OpenSSH's client") from error
    try:
        return process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{destination.word} does not answer") from error
    finally:
        if process.poll() is None:
            control.kill(process.pid, group=not ask)
            process.wait()


def _carried(destination: Destination, told: IO[bytes], deadline: float | None) -> bool:
    """Lets autossh open the shared connection and open it again whenever it is lost. False where it gives up at once.

    Raises Unreachable.
    """
    words = [os.environ["SESH_SSH"], "-M", "0", "-N", "-T", *options(destination, ask=False)]
    # Not in the background: autossh must see how its ssh ends. It lives until it is told to end.
    words += [*control.options(destination, persist="no"), *destination.target]
    pid = control.spawn(words, environment(ask=False), told.fileno())
    deadline = time.monotonic() + 3 * CONNECT if deadline is None else deadline
    while not standing(destination):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        if time.monotonic() >= deadline:
            control.kill(pid, group=True)
            os.waitpid(pid, 0)
            raise Unreachable(f"{destination.word} does not answer")
        time.sleep(0.05)
    return True


def _said_on_the_way(destination: Destination, said: str, deadline: float | None) -> str:
    """What the ssh of a jump host says, which a connection that is to be shared keeps to itself."""
    if not {destination.setting("proxyjump"), destination.setting("proxycommand")} - {"", "none"}:
        return said
    left = CONNECT if deadline is None else min(CONNECT, deadline - time.monotonic())
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command(destination, "exit", alone=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=environment(ask=False),
            start_new_session=True,
        )
        try:
            process.wait(max(0.0, left))
        except subprocess.TimeoutExpired:
            control.kill(process.pid, group=True)
            process.wait()
        return _said(told)


def _said(told: IO[bytes]) -> str:
    """What ssh has written."""
    told.seek(0)
    return told.read(65536).decode("utf-8", "replace")


def standing(destination: Destination) -> bool:
    """Whether the shared connection stands and its process answers (the host itself is not asked)."""
    path = control.path(destination)
    return bool(path) and os.path.exists(path) and _tell(destination, "check", path)


def forget(destination: Destination) -> None:
    """Sees to it that a shared connection that has gone silent is used no more, so that the next one begins anew.

    Ours is ended; one of the user's own making only takes no more sessions.
    """
    if destination.via is not None or not (path := control.path(destination)) or not os.path.lexists(path):
        return
    if not control.own(destination):
        _tell(destination, "stop", path)
        return
    _tell(
        destination, "exit", path
    )  # where it hangs: without its socket it serves nobody, and ends with its connection
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # it went by itself, as it should


def _tell(destination: Destination, what: str, path: str) -> bool:
    """`ssh -O`: tells the shared connection's process something; whether it obeyed, within 2 s."""
    words = [program(), "-O", what, "-o", f"ControlPath={control.escaped(path)}", *destination.target]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def failure(destination: Destination, told: str) -> SeshError:
    """What ssh's stderr means, as one line with what to do."""
    word = destination.word
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    text = "\n".join(lines)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        return Unreachable(
            f"the host key of {word} has changed: nothing was sent; if you know why, remove the old key with: "
            f"{_removal(destination, text)}"
        )
    if "Host key verification failed" in text:
        return Unreachable(f"the host key of {word} is not known, and ssh may not take it; look at it with: ssh {word}")
    if "Permission denied (" in text or "Permission denied, please" in text:
        return NotLetIn(f"{word} lets nobody in without a password or another key; try: ssh {word}")
    reasons = _reasons(text) or lines[-1:] or ["no reason was given"]
    return Unreachable(f"{word} cannot be reached: {reasons[-1].rstrip('.')}")


def _reasons(told: str) -> list[str]:
    """The lines that say more than that it failed."""
    lines = [line.strip() for line in told.splitlines()]
    return [line for line in lines if line and not line.startswith(_NOISE)]


def _removal(destination: Destination, text: str) -> str:
    """The command that removes an old host key: of the host itself, or of one on the way to it."""
    host, port = destination.setting("hostkeyalias"), "22"
    if host in ("", "none"):
        host, port = destination.setting("hostname") or destination.word, destination.setting("port")
    name = host if port in ("", "22") else f"[{host}]:{port}"
    if told := re.search(r"[Hh]ost key for (\S+) has changed", text):
        name = told[1]
    words = ["ssh-keygen", "-R", name]
    if place := re.search(r"Offending .*key in (.+):\d+$", text, re.MULTILINE):
        words += ["-f", place[1]]
    return shlex.join(words)


def _number(text: str, name: str) -> str:
    if not (text.isdecimal() and text.isascii()):
        raise Refused(f"{name}={text} is no number of seconds")
    return text
