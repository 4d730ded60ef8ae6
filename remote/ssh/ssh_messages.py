"""Read the messages of ssh and of the command that starts the bridge."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import IO

from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NO_ANSWER, LoginRefused, NotDeployed, SeshError, Unreachable
from sesh.remote.ssh import causes, ssh
from sesh.remote.ssh.destination import Destination
from sesh.text.safe import plain

REACHED = "sesh is looked for"  # BRIDGE_COMMAND prints this on stderr first; all lines before it are ssh's
# A line for the login shell, which POSIX shells, fish and csh read alike; all other data is sent in frames. It runs the
# first launcher of this project, as other projects have a program called sesh too.
BRIDGE_COMMAND = (
    f'exec sh -c \'echo "{REACHED}" >&2; '
    f'for p in ~/.local/bin/{PROGRAM} "$(command -v {DISTRIBUTION})" "$(command -v {PROGRAM})"; do [ -x "$p" ] && '
    f'head -c 999 "$p" | grep -q -e {PROGRAM}.__main__ -e "by {PROGRAM} --deploy" && exec "$p" --bridge; '
    f'done; echo "{PROGRAM}: not found" >&2; exit 127\''
)
NOT_FOUND = (126, 127)  # exit codes of a shell (POSIX)
_MAX_REASON = 200  # characters; a longer reason from a host is cut off
_MAX_READ = 64 << 10  # bytes; of a longer output only the end is read, because the reason of a failure comes last
_DELAY = 0.3  # seconds before new lines are passed on: if ssh fails at once, the error message repeats its lines
# Messages of a refused login (OpenSSH: sshconnect2.c, auth.c).
_REFUSALS = ("Permission denied (", "Permission denied, please", "Too many authentication failures")
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
        """Return the line that names what ssh waits for, or has failed by; empty if there is none."""
        return plain(cause(self.text()))


def _lines(text: str) -> list[str]:
    """Return the lines of ssh, which end with CR LF, without blanks around them."""
    return [line for line in map(str.strip, text.splitlines()) if line and not line.endswith(REACHED)]


def reasons(text: str) -> list[str]:
    """Return the lines that may be the reason of a failure."""
    return [line for line in _lines(text) if causes.form(line) is causes.Form.PLAIN]


def cause(text: str) -> str:
    """Return the line that names the cause of a failure; empty if there is none."""
    return causes.cause(_lines(text))


def failure(destination: Destination, text: str) -> Unreachable:
    """Return the error for ssh's stderr, in ssh's own words."""
    host = destination.host
    refusals = [line for line in _lines(text) if any(words in line for words in _REFUSALS)]
    line = (refusals[-1] if refusals else cause(text) or "no reason given").rstrip(".")
    reason = causes.brief(line)
    if name := causes.changed_key(text):
        reason = "its host key has changed" if _is_own(name, destination) else f"the host key of {name} has changed"
        return key_changed(host, reason, f": {line}")
    if refusals:
        return LoginRefused(f"{host} refused the login: {line}", hint=login_hint(host), reason=reason)
    message = f"cannot reach {host}: {line}"
    if "Host key verification failed" in text:
        return LoginRefused(message, hint=f"`ssh {host}` says more", reason=reason, wants_login=False)
    return Unreachable(message, reason=NO_ANSWER if "timed out" in line else reason)


def _is_own(name: str, destination: Destination) -> bool:
    """Return whether a name in known_hosts is the host's, not that of a jump host."""
    return not destination.indirect or any(
        name in (setting, f"[{setting}]:{destination.setting('port')}")
        for setting in map(destination.setting, ("hostkeyalias", "hostname"))
    )


def key_changed(host: str, reason: str, more: str = "") -> LoginRefused:
    """Return the error for a changed host key. `more`: ssh's words."""
    hint = f"`ssh {host}` says more"
    return LoginRefused(f"cannot reach {host}: {reason}{more}", hint=hint, reason=reason, wants_login=False)


def login_hint(host: str) -> str:
    """Return the hint for a refused login: a login by sesh, which may prompt."""
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
    last = (cause(stderr) or "".join(stdout.splitlines()[-1:])).rstrip(".")[:_MAX_REASON]
    ending = f"(exit {code}){f': {last}' if last else ''}"
    if REACHED not in stderr and destination.via is not None:
        return Unreachable(f"cannot reach {host}: {last or 'no reason given'}", reason=last)
    if REACHED not in stderr:
        message = f"the shell on {host} ended before sesh was started {ending}"
        return Unreachable(message, hint=login_files_hint(host), reason="its login files end the shell")
    if code in NOT_FOUND:
        return NotDeployed(f"{host} has no sesh", hint=f"install it with: {PROGRAM} deploy @{host}")
    hint = f"if it is broken, install this one there: {PROGRAM} deploy @{host}"
    reason = f"sesh did not start there{f': {last}' if last else ''}"
    return Unreachable(f"sesh on {host} did not start {ending}", hint=hint, reason=reason)
