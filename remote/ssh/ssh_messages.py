"""Read the messages of ssh and of the command that starts the bridge."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable
from typing import IO

from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NO_ANSWER, LoginRefused, NotDeployed, SeshError, Unreachable
from sesh.names import printable_path
from sesh.remote.ssh import ssh
from sesh.remote.ssh.destination import Destination
from sesh.wording import plain

REACHED = "sesh is looked for"  # BRIDGE_COMMAND prints this on stderr first; all lines before it are ssh's
_OTHER = ", but another program: "
# A line for the login shell, which POSIX shells, fish and csh read alike; all other data is sent in frames. It runs the
# first launcher of this project, as other projects have a program called sesh too.
BRIDGE_COMMAND = (
    f'exec sh -c \'echo "{REACHED}" >&2; '
    f'for p in ~/.local/bin/{PROGRAM} "$(command -v {DISTRIBUTION})" "$(command -v {PROGRAM})"; '
    f'do [ -x "$p" ] || continue; o="$p"; '
    f'head -c 999 "$p" | grep -q -e {PROGRAM}.__main__ -e "by {PROGRAM} --deploy" && exec "$p" --bridge; '
    f'done; echo "{PROGRAM}: not found${{o:+{_OTHER}$o}}" >&2; exit 127\''
)
_MAX_REASON = 200  # characters; a longer reason from a host is cut off
_MAX_READ = 64 << 10  # bytes; of a longer output only the end is read, because the reason of a failure comes last
_DELAY = 0.3  # seconds before new lines are passed on: if ssh fails at once, the error message repeats its lines
# Lines that begin with these are not the reason of a failure.
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
_PROXY_GONE = "UNKNOWN port"  # ssh prints this after its ProxyCommand has ended, whose own lines have the reason
# Messages of a refused login (OpenSSH: sshconnect2.c, auth.c).
_REFUSALS = ("Permission denied (", "Permission denied, please", "Too many authentication failures")
_WANTS_LOGIN = "asks for "  # begins the reason of a host that asks for a password or a second factor
ShowLine = Callable[[str], object]  # receives the lines that ssh prints


class SshOutput:
    """The stderr of a running ssh, in a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._passed = 0  # bytes
        self._grown_at = 0.0  # when bytes came that are not passed on yet; 0 if all are

    def close(self) -> None:
        self._file.close()

    def text(self) -> str:
        """Return the end of the file."""
        start = max(0, os.fstat(self._file.fileno()).st_size - _MAX_READ)
        return os.pread(self._file.fileno(), _MAX_READ, start).decode("utf-8", "replace")

    def pass_lines(self, show_line: ShowLine) -> None:
        """Call `show_line` with each new line after a short delay."""
        if os.fstat(self._file.fileno()).st_size == self._passed:
            self._grown_at = 0.0
        elif not self._grown_at:
            self._grown_at = time.monotonic()
        elif time.monotonic() > self._grown_at + _DELAY:
            block = os.pread(self._file.fileno(), _MAX_READ, self._passed)
            self._passed += len(block)
            for line in block.decode("utf-8", "replace").splitlines():
                if line.strip() and not line.endswith(REACHED):
                    show_line(plain(line))

    def reason(self) -> str:
        """Return the last line that may be a reason; empty if there is none."""
        return plain("".join(reasons(self.text())[-1:]))


def _lines(text: str) -> list[str]:
    """Return the lines of ssh, which end with CR LF, without blanks around them."""
    return [line for line in map(str.strip, text.splitlines()) if line and not line.endswith(REACHED)]


def reasons(text: str) -> list[str]:
    """Return the lines that may be the reason of a failure."""
    candidates = [line for line in _lines(text) if not line.startswith(_NOISE)]
    return [line for line in candidates if _PROXY_GONE not in line] or candidates


def failure(destination: Destination, text: str) -> Unreachable:
    """Return the error for ssh's stderr, with a hint."""
    host = destination.host
    lines = _lines(text)
    text = "\n".join(lines)
    last = (reasons(text) or lines or ["no reason given"])[-1].rstrip(".")
    refusals = [line for line in lines if any(words in line for words in _REFUSALS)]
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        hint = f"if you know why, remove the old key with: {_remove_key_command(host, text)}"
        message = f"the host key of {_refusing(destination, text)} has changed: nothing was sent"
        return LoginRefused(message, hint=hint, reason="host key changed", wants_login=False)
    if "Host key verification failed" in text:
        message = f"the host key of {_refusing(destination, text)} is unknown, and ssh may not accept it"
        return LoginRefused(message, hint=f"check it with: ssh {host}", reason="host key unknown", wants_login=False)
    if refusals:
        why = _refusal(refusals[-1])
        message, hint = f"{_refusing(destination, refusals[-1])} {why}", f"try: ssh {host}"
        if why.startswith(_WANTS_LOGIN):
            message, hint = f"{message}, and sesh cannot ask you for it here", login_hint(host)
        return LoginRefused(message, hint=hint, reason=why)
    if "timed out" in last:
        return Unreachable(f"cannot reach {host}: {last}", reason=NO_ANSWER)
    short = last.rpartition(": ")[2]
    return Unreachable(f"cannot reach {host}: {last}", reason=short[:1].lower() + short[1:])


def login_hint(host: str) -> str:
    """Return the hint for a host that asks a person: a login by sesh."""
    return f"log in at a terminal: {PROGRAM} @{host}"


def login_files_hint(host: str) -> str:
    """Return the hint for a login shell that ends before it runs the command."""
    return f"its login files may end it; try: ssh {host} true"


def bridge_failure(destination: Destination, code: int, stderr: str, printed: bytes) -> SeshError:
    """Return the error for a bridge that did not start. `printed`: its stdout."""
    host = destination.host
    if code == ssh.FAILED and destination.via is None:
        return failure(destination, stderr)
    stdout = printed.decode("utf-8", "replace").strip("\0").strip()
    lines = reasons(stderr)[-1:] or stdout.splitlines()[-1:]
    last = lines[0].rstrip(".")[:_MAX_REASON] if lines else ""
    ending = f"(exit {code}){f': {last}' if last else ''}"
    is_reached = REACHED in stderr or REACHED in stdout  # a shell that cannot parse the line may quote it
    if not is_reached and destination.via is not None:
        return Unreachable(f"cannot reach {host}: {last or 'no reason given'}", reason=last)
    if not is_reached:
        message = f"the shell on {host} ended before sesh was started {ending}"
        return Unreachable(message, hint=login_files_hint(host), reason="its login files end the shell")
    if code in (126, 127) or "not found" in stderr.lower():
        other = printable_path(last.partition(_OTHER)[2])
        found = f", and {other} there is another program" if _OTHER in last else ""
        return NotDeployed(f"{host} has no sesh{found}", hint=f"install it with: {PROGRAM} deploy @{host}")
    hint = f"if it is broken, install this one there: {PROGRAM} deploy @{host}"
    reason = f"sesh did not start there{f': {last}' if last else ''}"
    return Unreachable(f"sesh on {host} did not start {ending}", hint=hint, reason=reason)


def _refusing(destination: Destination, text: str) -> str:
    """Return the host; behind jump hosts the one that ssh names."""
    if not destination.jumps:
        return destination.host
    return _named(text) or f"{destination.host} or a jump host"


def _named(text: str) -> str:
    """Return the host that ssh names in its message; empty if it names none."""
    found = re.search(r"[Hh]ost key (?:is known )?for (\S+)|@(\S+): Permission denied", text)
    return (found[1] or found[2]) if found else ""


def _refusal(line: str) -> str:
    """Return why a login was refused, from the methods that sshd still accepts."""
    methods = re.search(r"Permission denied \(([a-z0-9,-]{1,256})\)", line)
    if methods and not {"password", "keyboard-interactive"}.intersection(methods[1].split(",")):
        return "does not accept your keys"
    return f"{_WANTS_LOGIN}a password or a second factor"


def _remove_key_command(host: str, text: str) -> str:
    argv = ["ssh-keygen", "-R", _named(text) or host]
    if file := re.search(r"^Offending \S+ key in (.+):\d+$", text, re.MULTILINE):
        argv += ["-f", file[1]]
    return shlex.join(argv)
