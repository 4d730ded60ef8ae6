"""`--hook`: an AI agent reports its state, and the command that resumes its conversation."""

from __future__ import annotations

import os
import signal

from sesh.cli.invocation import Invocation
from sesh.ops import agents
from sesh.system import descriptors

_MAX_BYTES = 16 << 20  # an event may contain a whole file that the agent writes
_TIMEOUT = 2.5  # codex kills a hook after 3 s


def hook(cli: Invocation) -> int:
    """Handle an event from stdin; always succeed: exit code 2 would veto the agent's action."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _TIMEOUT)
    try:
        agents.report_event(cli.line.words[0], "" if os.isatty(0) else descriptors.whole_stdin(_MAX_BYTES).decode())
    except Exception:
        return 0  # an error of sesh must not stop the agent
    return 0
