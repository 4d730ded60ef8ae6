"""Words of ssh on its stderr: passed on while a person waits, and given as the reason once it has failed."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable

from sesh.errors import WANTS_LOGIN, Late, LoginRefused, Unreachable
from sesh.remote.ssh.destination import Destination
from sesh.wording import plain

REACHED = "sesh is looked for"
"""The first line that a bridge prints on stderr: before it, all words are ssh's."""
_KEPT = 64 << 10
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
"""ssh prints it once its ProxyCommand has ended, whose own words come before."""
_REFUSALS = ("Permission denied (", "Permission denied, please", "Too many authentication failures")
"""Messages of ssh when a login is refused (OpenSSH: sshconnect2.c, auth.c)."""
Say = Callable[[str], object]


class AuthenticationFailed(LoginRefused):
    """The host answers, but no key alone is enough; the user could log in with a password, a passphrase or a code."""

    asks = True


class Heard:
    """The words of an ssh in a file that grows."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._passed, self._grown_at = descriptor, 0, 0.0

    def text(self) -> str:
        """The end of the file."""
        start = max(0, os.fstat(self._descriptor).st_size - _KEPT)
        return os.pread(self._descriptor, _KEPT, start).decode("utf-8", "replace")

    def pass_on(self, say: Say) -> None:
        """Call `say` with each new line, a moment after it has come."""
        if os.fstat(self._descriptor).st_size == self._passed:
            self._grown_at = 0.0
        elif not self._grown_at:
            self._grown_at = time.monotonic()
        elif time.monotonic() > self._grown_at + _REST:
            block = os.pread(self._descriptor, _KEPT, self._passed)
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
    last = (reasons(text) or lines or ["no reason given"])[-1].rstrip(".")
    refusals = [line for line in lines if any(words in line for words in _REFUSALS)]
    error: Unreachable
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        hint = f"if you know why, remove the old key with: {_remove_key_command(host, text)}"
        error = LoginRefused(f"the host key of {host} has changed: nothing was sent", hint=hint)
        error.reason = "host key changed"
    elif "Host key verification failed" in text:
        message = f"the host key of {host} is unknown, and ssh may not accept it"
        error = LoginRefused(message, hint=f"check it with: ssh {host}")
        error.reason = "host key unknown"
    elif refusals:
        why = _refusal(refusals[-1])
        unable = ", and sesh cannot ask you for it here" if why.startswith(WANTS_LOGIN) else ""
        error = AuthenticationFailed(f"{host} {why}{unable}", hint=f"try: ssh {host}")
        error.reason = why
    else:
        error = (Late if "timed out" in last else Unreachable)(f"cannot reach {host}: {last}")
        few = last.rpartition(": ")[2]
        error.reason = error.reason or few[:1].lower() + few[1:]
    return error


def _refusal(line: str) -> str:
    """Return why a login was refused. sshd names the methods that could go on."""
    named = re.search(r"Permission denied \(([a-z0-9,-]{1,256})\)", line)
    if named and not {"password", "keyboard-interactive"}.intersection(named[1].split(",")):
        return "does not accept your keys"
    return f"{WANTS_LOGIN}a password or a second factor"


def _remove_key_command(host: str, text: str) -> str:
    """The command that removes the old key of a host, or of a jump host, as ssh names it."""
    changed = re.search(r"[Hh]ost key for (\S+) has changed", text)
    argv = ["ssh-keygen", "-R", changed[1] if changed else host]
    if file := re.search(r"^Offending \S+ key in (.+):\d+$", text, re.MULTILINE):
        argv += ["-f", file[1]]
    return shlex.join(argv)
