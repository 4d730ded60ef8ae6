"""A program that has the shim in it: `creator`, whose daemons fail as their plan says, or `client`, which is sesh.

`creator` reads a request a line and answers with a line, as `tests.faults.creator` does; the request's `plan` is for
the daemon that is forked for it, from its first instruction on. `client PLAN WORDS…` is `sesh WORDS…` with a plan.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from typing import Any

from tests.faults import shim

_SOONER = {
    "sesh.daemon.pty.pump": {"CHECKPOINT_AFTER": 0.02},
    "sesh.daemon.screen.checkpoint": {"PAUSE": 0.02},
}
"""Waiting times, in seconds, so that a scenario need not last."""


def _creator() -> None:
    import importlib

    from sesh.daemon.spawn import main
    from tests.faults import creator

    for module, values in _SOONER.items():
        for name, value in values.items():
            setattr(importlib.import_module(module), name, value)
    whole = main.run

    def run(channel: int, spec: Any, lifetime_pipe: int = -1) -> None:
        shim.shim.arm({**spec.pop("plan"), "signal": shim.SIGCHLD})
        whole(channel, spec, lifetime_pipe)

    main.run = run
    creator.start()


def _client(plan: str, words: list[str]) -> None:
    sys.argv[:] = ["sesh", *words]
    shim.shim.arm({**json.loads(plan), "signal": shim.SIGWINCH})
    atexit.register(shim.shim.report)
    from sesh.__main__ import start

    start()


if __name__ == "__main__":
    os.environ["SESH_DEBUG"] = os.environ.get("SESH_DEBUG", "")
    shim.install()
    if sys.argv[1] == "creator":
        _creator()
    else:
        _client(sys.argv[2], sys.argv[3:])
