"""The line that starts the bridge on a host, and what it means if that does not start."""

from __future__ import annotations

from typing import IO

from sesh.about import CALLED, DISTRIBUTION, PROGRAM
from sesh.errors import Late, NotDeployed, SeshError, Unreachable
from sesh.names import printable
from sesh.remote.ssh import ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.words import REACHED

_OTHER = f"another {PROGRAM}: "
BRIDGE_COMMAND = (
    f'exec sh -c \'echo "{REACHED}" >&2; p=~/.local/bin/{PROGRAM}; '
    f'[ -x "$p" ] || p=$(command -v {DISTRIBUTION} || command -v {PROGRAM}) '
    f'|| {{ echo "{PROGRAM}: not found" >&2; exit 127; }}; '
    f'head -c 999 "$p" | grep -q -e {PROGRAM}.__main__ -e "by {PROGRAM} --deploy" '
    f'|| {{ echo "{_OTHER}$p" >&2; exit 127; }}; exec "$p" --bridge\''
)
"""The line for the login shell there; POSIX shells, fish and csh read it alike. Everything else goes in frames.

It runs the sesh in ~/.local/bin, else the first in PATH by either name, if its start shows it to be a launcher of ours:
other programs bear that name.
"""
_LONGEST_REASON = 200
"""Characters of the line that a host gives as the reason of a failure."""


class NotStarted(Unreachable):
    """The sesh on a host did not start, over a connection that is sound: others use it."""


def not_begun(host: str, *, something_came: bool) -> Late:
    """The error if the bridge has not begun in time. Without a byte from there nobody knows what holds it up: a shared
    connection stands for a while although the network is gone."""
    if something_came:
        message = f"{host} does not answer: its sesh did not start in time"
        return Late(message, hint=f"see what holds it up: ssh {host}")
    message = f"{host} does not answer: nothing arrives from it"
    return Late(message, hint=f"it may be down, or the network, or slow to start sesh; try: ssh {host}")


def unheard(host: str) -> Late:
    """The error if the bridge has begun, and does not hear what was sent to it before."""
    hint = f"login files on {host} that read their input should do so on a terminal only ([ -t 0 ])"
    return Late(f"{host} does not answer: its sesh started and heard nothing", hint=hint)


def failure(destination: Destination, code: int, told: IO[bytes], printed: bytes) -> SeshError:
    """The error for a bridge that did not start, by its exit code, its stderr, and what was printed on stdout."""
    host, via = destination.host, destination.via is not None
    told.seek(0)
    lines = (told.read(65536) + printed).splitlines()
    reached = any(line.rstrip().endswith(REACHED.encode()) for line in lines)  # some quote what they cannot read
    stderr, other, path = words.Heard(told.fileno()).text().replace(f"{REACHED}\n", "").partition(_OTHER)
    last = words.reasons(stderr)[-1:] or printed.decode("utf-8", "replace").strip("\0").strip().splitlines()[-1:]
    last = [line.rstrip(".")[:_LONGEST_REASON] for line in last]
    if via and not reached:
        gone = Unreachable(f"cannot reach {host}: {last[0] if last else 'no reason given'}")
        gone.reason = last[0] if last else ""
        return gone
    if other:
        program = path.split("\n")[0].strip()
        replaced = program.endswith(f"/.local/bin/{PROGRAM}")
        what = f"to replace that: {CALLED} --deploy --force" if replaced else f"install this one too: {CALLED} --deploy"
        message = f"{host} has no sesh, and {printable(program)} there is another program"
        return NotDeployed(message, hint=f"{what} @{host}")
    if code == ssh.FAILED and not via:
        return words.failure(destination, stderr)
    ending = f" (exit {code}){f': {last[0]}' if last else ''}"
    if not reached:
        ended = NotStarted(f"the shell on {host} ended before sesh was started{ending}", hint=login_files_hint(host))
        ended.reason = "its login files end the shell"
        return ended
    lowered = stderr.lower()
    if code in (126, 127) or "not found" in lowered or "no such file" in lowered:
        return NotDeployed(f"{host} has no sesh", hint=f"install it with: {CALLED} --deploy @{host}")
    hint = f"if it is broken, install this one there: {CALLED} --deploy @{host}"
    broken = NotStarted(f"sesh on {host} did not start{ending}", hint=hint)
    broken.reason = f"sesh did not start there{f': {last[0]}' if last else ''}"
    return broken


def login_files_hint(host: str) -> str:
    """What to do where the login shell ends before it runs anything."""
    return f"its login files may end it; try: ssh {host} true"
