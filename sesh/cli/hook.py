"""`--hook`: an AI agent that tells its session how it stands, and how to resume it."""

from __future__ import annotations

import os
import signal

from sesh import files
from sesh.cli.invocation import Invocation
from sesh.ops import agents

_MOST_BYTES = 16 << 20  # an event has what the agent is about to write to a file
_SECONDS = 2.5  # codex ends a hook after 3 s


def hook(cli: Invocation) -> int:
    """`--hook AGENT`: prints nothing, and soon succeeds in any case: the agent waits, and may take 2 for a veto."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        agent = (cli.tail or [""])[0]
        agents.take(agent, "" if os.isatty(0) else files.whole_stdin(_MOST_BYTES).decode())
    except Exception:
        return 0  # whatever it is, the agent goes on
    return 0
