"""The command line that starts the bridge on a host, and the error if the bridge does not start."""

from __future__ import annotations

from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NotDeployed, SeshError, Unreachable
from sesh.names import printable_path
from sesh.remote.ssh import ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.words import REACHED

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
_LONGEST_REASON = 200  # characters; a longer reason from a host is cut off


def failure(destination: Destination, code: int, stderr: str, printed: bytes) -> SeshError:
    """Return the error for a bridge that did not start, from its exit code, its stderr, and its stdout."""
    host = destination.host
    via = destination.via is not None
    stdout = printed.decode("utf-8", "replace").strip("\0").strip()
    lines = words.reasons(stderr)[-1:] or stdout.splitlines()[-1:]
    last = lines[0].rstrip(".")[:_LONGEST_REASON] if lines else ""
    reached = REACHED in stderr or REACHED in stdout  # a shell that cannot parse the line may quote it
    if code == ssh.FAILED and not via:
        return words.failure(destination, stderr)
    ending = f"(exit {code}){f': {last}' if last else ''}"
    if not reached and not via:
        message = f"the shell on {host} ended before sesh was started {ending}"
        return Unreachable(message, hint=login_files_hint(host), reason="its login files end the shell")
    if reached and (code in (126, 127) or "not found" in stderr.lower()):
        other = printable_path(last.partition(_OTHER)[2])
        found = f", and {other} there is another program" if _OTHER in last else ""
        return NotDeployed(f"{host} has no sesh{found}", hint=f"install it with: {PROGRAM} --deploy @{host}")
    if reached:
        hint = f"if it is broken, install this one there: {PROGRAM} --deploy @{host}"
        reason = f"sesh did not start there{f': {last}' if last else ''}"
        return Unreachable(f"sesh on {host} did not start {ending}", hint=hint, reason=reason)
    return Unreachable(f"cannot reach {host}: {last or 'no reason given'}", reason=last)


def login_files_hint(host: str) -> str:
    """Return the hint for a login shell that ends before it runs the command."""
    return f"its login files may end it; try: ssh {host} true"
