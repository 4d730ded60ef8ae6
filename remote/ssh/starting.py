"""The line that starts the bridge on a host, and what it means if that does not start."""

from __future__ import annotations

from binascii import b2a_base64
from typing import IO

from sesh import protocol, wire
from sesh.about import CALLED, DISTRIBUTION, PROGRAM
from sesh.errors import Late, NotDeployed, SeshError, Unreachable
from sesh.names import printable
from sesh.remote.ssh import ssh, words
from sesh.remote.ssh.destination import Destination

REACHED = "sesh is looked for"
"""What the line says on stderr first: without it the login files have ended the shell, or a command in place of ssh has
failed."""
_OTHER = f"another {PROGRAM}: "
BRIDGE_COMMAND = (
    f'exec sh -c \'echo "{REACHED}" >&2; p=~/.local/bin/{PROGRAM}; '
    f'ours() {{ head -c 999 "$p" | grep -q -e {PROGRAM}.__main__ -e "by {PROGRAM} --deploy"; }}; '
    f'if [ -x "$p" ]; then ours && exec "$p" --bridge; "$p" --bridge; set $?; '
    f'elif x=$(command -v {DISTRIBUTION}); then exec "$x" --bridge; '
    f'elif p=$(command -v {PROGRAM}); then ours && exec "$p" --bridge; set 127; '
    f'else echo "{PROGRAM}: not found" >&2; exit 127; fi; '
    f'echo "{_OTHER}$p" >&2; exit $1\''
)
"""The line for the login shell there; POSIX shells, fish and csh read it alike. Everything else goes in frames.

It runs the sesh in ~/.local/bin, else the first in PATH with the name of the distribution, else the first with that of
the program: only if its start shows it to be one of our launchers, as other programs bear that name. One in
~/.local/bin that does not look like that may be the user's own way to sesh: it is told of only if it is none.
"""
_LONGEST_REASON = 200
"""Characters of the line that a host gives as the reason of a failure."""


class NotStarted(Unreachable):
    """The sesh on a host did not start, over a connection that is sound: others use it."""


class Stale(Late):
    """Nothing passes over the shared connection, which stood before, not even an answer of sshd."""


def line(destination: Destination, public: bytes) -> str:
    """The line for the shell there that starts the bridge, with what is asked of it, if others may see that."""
    if not public:
        return BRIDGE_COMMAND
    asked = b2a_base64(wire.greeting("bridge", near={"host": destination.host}) + public, newline=False)
    return BRIDGE_COMMAND.replace("exec ", f"exec env {protocol.ASKED}={asked.decode()} ", 1)


def not_begun(host: str, *, something_came: bool) -> Late:
    """The error if the bridge has not begun in time. Without a byte from there nobody knows what holds it up: a shared
    connection stands for a while although the network is gone."""
    if something_came:
        message = f"{host} does not answer: its sesh did not start in time"
        return Late(message, hint=f"see what holds it up: ssh {host}")
    message = f"{host} does not answer: nothing arrives from it"
    return Late(message, hint=f"it may be down, or the network, or slow to start sesh; try: ssh {host}")


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
    ending = f" (exit {code}){f': {last[0]}' if last else ''}"
    if other:
        program = path.split("\n")[0].strip()
        message = f"{host} has no sesh, and {printable(program)} there is another program"
        if program.endswith(f"/.local/bin/{PROGRAM}"):  # it was run
            return NotDeployed(message + ending, hint=f"to replace that: {CALLED} --deploy --force @{host}")
        return NotDeployed(message, hint=f"install this one too: {CALLED} --deploy @{host}")
    if code == ssh.FAILED and not via:
        return words.failure(destination, stderr)
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
