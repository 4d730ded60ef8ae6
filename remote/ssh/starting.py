"""The line that starts the bridge on a host, and the error if the bridge does not start."""

from __future__ import annotations

from sesh.about import CALLED, DISTRIBUTION, PROGRAM
from sesh.errors import NotDeployed, SeshError, Unreachable
from sesh.names import printable_path
from sesh.remote.ssh import ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.words import REACHED

_OTHER = ", but another program: "
BRIDGE_COMMAND = (
    f'exec sh -c \'echo "{REACHED}" >&2; '
    f'for p in ~/.local/bin/{PROGRAM} "$(command -v {DISTRIBUTION})" "$(command -v {PROGRAM})"; '
    f'do [ -x "$p" ] || continue; o="$p"; '
    f'head -c 999 "$p" | grep -q -e {PROGRAM}.__main__ -e "by {PROGRAM} --deploy" && exec "$p" --bridge; '
    f'done; echo "{PROGRAM}: not found${{o:+{_OTHER}$o}}" >&2; exit 127\''
)
"""The line for the login shell; POSIX shells, fish and csh read it alike. Everything else goes in frames.

It runs the first launcher of ours: other programs are called sesh too.
"""
_LONGEST_REASON = 200
"""Characters of the line that a host gives as the reason of a failure."""


def failure(destination: Destination, code: int, stderr: str, printed: bytes) -> SeshError:
    """The error for a bridge that did not start, by its exit code, its stderr, and what was printed on stdout."""
    host, via = destination.host, destination.via is not None
    stdout = printed.decode("utf-8", "replace").strip("\0").strip()
    lines = words.reasons(stderr)[-1:] or stdout.splitlines()[-1:]
    last = lines[0].rstrip(".")[:_LONGEST_REASON] if lines else ""
    reached = REACHED in stderr or REACHED in stdout  # a shell may quote what it cannot read
    if code == ssh.FAILED and not via:
        return words.failure(destination, stderr)
    error = Unreachable(f"cannot reach {host}: {last or 'no reason given'}")
    error.reason = last
    ending = f"(exit {code}){f': {last}' if last else ''}"
    if not reached and not via:
        error.message, error.hint = (
            f"the shell on {host} ended before sesh was started {ending}",
            login_files_hint(host),
        )
        error.reason = "its login files end the shell"
    elif reached and (code in (126, 127) or "not found" in stderr.lower()):
        other = printable_path(last.partition(_OTHER)[2])
        what = f", and {other} there is another program" if _OTHER in last else ""
        return NotDeployed(f"{host} has no sesh{what}", hint=f"install it with: {CALLED} --deploy @{host}")
    elif reached:
        error.message = f"sesh on {host} did not start {ending}"
        error.hint = f"if it is broken, install this one there: {CALLED} --deploy @{host}"
        error.reason = f"sesh did not start there{f': {last}' if last else ''}"
    return error


def login_files_hint(host: str) -> str:
    """The hint for a login shell that ends before it runs anything."""
    return f"its login files may end it; try: ssh {host} true"
