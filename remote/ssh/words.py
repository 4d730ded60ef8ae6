"""Words of ssh on its stderr: passed on while a person waits, and what they mean once it has failed."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable

from sesh.errors import WANTS_LOGIN, Late, LoginRefused, Unreachable
from sesh.remote.ssh.destination import VARIABLES, Destination, program
from sesh.wording import plain

KEPT = 64 << 10
"""Bytes at the end of what ssh has printed that are read: the reason of a failure comes last."""
_REST = 0.3
"""Seconds after which new lines are passed on: those of an ssh that ends sooner are in its error."""
_NOISE = (
    "Warning:",
    "Authenticated ",
    "**",
    "debug",
    "mux_client",
    "ControlSocket",
    "stdio forwarding failed",
    "kex_exchange_identification:",
    "banner exchange:",
    "autossh",
)
"""Beginnings of lines that are not the reason of a failure."""
_PROXY_GONE = "UNKNOWN port"
"""What ssh says, in several ways, once its ProxyCommand has ended: that command's own words come before."""
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

REACHED = "sesh is looked for"
"""What the line that starts a bridge says on stderr first: without it nothing of ssh's words is the host's."""
Say = Callable[[str], object]


def unheard(line: str) -> None:
    """Pass a line on to nobody."""
    del line


class AuthenticationFailed(LoginRefused):
    """The host answers, but no key alone is enough; the user could log in with a password, a passphrase or a code."""

    asks = True


class Heard:
    """The words of an ssh in a file, from `start` on, as it grows."""

    def __init__(self, descriptor: int, start: int = 0) -> None:
        self._descriptor, self._start = descriptor, start
        self._passed, self._grown_at = start, 0.0

    def text(self) -> str:
        """All that has come, or its end."""
        start = max(self._start, os.fstat(self._descriptor).st_size - KEPT)
        return os.pread(self._descriptor, KEPT, start).decode("utf-8", "replace")

    def pass_on(self, say: Say) -> None:
        """Call `say` with each line that has come a moment ago, once."""
        if os.fstat(self._descriptor).st_size == self._passed:
            self._grown_at = 0.0
        elif not self._grown_at:
            self._grown_at = time.monotonic()
        elif time.monotonic() > self._grown_at + _REST:
            block = os.pread(self._descriptor, KEPT, self._passed)
            self._passed += len(block)
            for line in block.decode("utf-8", "replace").splitlines():
                if line.strip() and not line.endswith(REACHED):
                    say(plain(line))

    def reason(self) -> str:
        """The line that tells what ssh is waiting for, or why it has failed; empty if none does."""
        return plain("".join(reasons(self.text())[-1:]))


def reasons(text: str) -> list[str]:
    """The lines that give a reason."""
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(_NOISE) and not line.endswith(REACHED)]
    return [line for line in said if _PROXY_GONE not in line] or said


def failure(destination: Destination, text: str) -> Unreachable:
    """The error for what ssh printed on stderr, in one line, with what to do."""
    host, lines = destination.host, [line.strip() for line in text.splitlines() if line.strip()]
    text = "\n".join(lines)  # ssh ends its lines as for a terminal in raw mode
    refusal = [line for line in lines if any(words in line for words in _REFUSALS)]
    last = (reasons(text) or lines or ["no reason given"])[-1]
    error: Unreachable
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        hint = f"if you know why, remove the old key with: {_remove_key_command(destination, text)}"
        error = LoginRefused(f"the host key of {host} has changed: nothing was sent", hint=hint)
        error.reason = "host key changed"
    elif "Host key verification failed" in text:
        message = f"the host key of {host} is unknown, and ssh may not accept it"
        error = LoginRefused(message, hint=f"check it with: ssh {host}")
        error.reason = "host key unknown"
    elif refusal:
        why = _refusal(refusal[-1])
        unable = ", and sesh cannot ask you for it here" if why.startswith(WANTS_LOGIN) else ""
        error = AuthenticationFailed(f"{host} {why}{unable}", hint=f"try: ssh {host}")
        error.reason = why
    else:
        misfit = program() != "ssh" and re.search(r"\boption\b", last)
        hint = f"SESH_SSH={program()} has to take all of ssh's options" if misfit else ""
        if last.startswith("command-line"):  # an option that a variable gives
            given = (f"{name}={os.environ[name]}" for name, *_ in VARIABLES if name in os.environ)
            hint = plain(f"check {', '.join(given)}")
        error = (Late if "timed out" in last else Unreachable)(f"cannot reach {host}: {last.rstrip('.')}", hint=hint)
        error.reason = error.reason or _few_words(last.rstrip("."))
    return error


def _few_words(line: str) -> str:
    last = line.rpartition(": ")[2]
    return next((words for message, words in _PLAINER if message in line), last[:1].lower() + last[1:])


def _refusal(line: str) -> str:
    """Return why a login was refused. sshd names the methods that could go on."""
    named = re.search(r"Permission denied \(([a-z0-9,-]{1,256})\)", line)
    if named and not {"password", "keyboard-interactive"}.intersection(named[1].split(",")):
        return "does not accept your keys"
    return f"{WANTS_LOGIN}a password or a second factor"


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
