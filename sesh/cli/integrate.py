"""`--integrate` and `--hook`: an AI agent that tells its session how it stands, and how to resume it."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from sesh import programs, reading
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import UsageError
from sesh.names import printable
from sesh.ops import agents
from sesh.ops import integrate as hooks
from sesh.wording import plain

_LARGEST = 16 << 20
"""Bytes of an event: it has what the agent is about to write to a file."""
_SECONDS = 2.5
"""For all of a hook: codex ends one after 3 s."""
_CODEX = """\
codex asks at its next start whether you trust them, or type /hooks there
codex's shared server runs hooks without a terminal, where they do nothing; start codex --no-daemon"""


def integrate(cli: Invocation, agent: str, *, remove: bool = False) -> int:
    """`--integrate AGENT [--remove]`: 1 if its settings cannot be changed; what to add by hand is printed then."""
    if cli.hosts:
        hint = f"type it there: ssh -t {cli.hosts[0]} sesh --integrate {agent}"
        raise UsageError("--integrate is for this machine", hint=hint)
    if agent not in hooks.AGENTS:
        raise UsageError(f"there are no hooks for {printable(agent)}; use {', '.join(hooks.AGENTS)}")
    path = hooks.settings(agent)
    try:
        changed = hooks.integrate(agent, remove=remove)
    except hooks.ByHand:
        if not (cli.json or remove):
            printing.text(hooks.snippet(agent))
        raise
    if not cli.json:
        if remove:
            done = "removed the hooks of sesh from" if changed else "nothing to do: no hooks of sesh in"
        else:
            done = "hooks of sesh in" if changed else "nothing to do: hooks of sesh in"
        printing.text(f"{done} {plain(path)}")
        if changed and not remove:
            printing.text(_CODEX if agent == "codex" else f"{agent} takes them at its next start")
            if programs.find(agent) is None:
                printing.text(f"{agent} was not found in PATH: the hooks do nothing until it is installed")
    if not remove and not hooks.standing(agent)[2]:
        cli.note(f"disableAllHooks is set in {path}: {agent} runs no hooks")
    return cli.done(agent=agent, path=path, changed=changed)


def hook(cli: Invocation, agent: Sequence[str] = ()) -> int:  # noqa: ARG001 (it prints nothing)
    """`--hook AGENT`: prints nothing, and soon succeeds in any case: the agent waits, and may take 2 for a veto."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        agents.take(agent[0], "" if os.isatty(0) else reading.whole_stdin(_LARGEST).decode())
    except Exception:
        return 0  # whatever it is, the agent goes on
    return 0
