#!/usr/bin/env python3
"""An agent's loop over the Python API: commands in, results out, in one shell that stays.

    agent_loop.py work [HOST] <commands

Commands come on stdin, one a line, and a JSON object for each goes to stdout; a model would stand at both ends. What a
loop has to settle beside that is here: a command that takes too long, a shell in which somebody else is busy, a host
that cannot be reached.
"""

from __future__ import annotations

import json
import os
import sys

from sesh import SeshError, Session
from sesh.errors import Busy, TimedOut, Unreachable

LIMIT = float(os.environ.get("LIMIT", "120"))


def step(work: Session, command: str) -> dict[str, object]:
    """One command, and what is to be said of it."""
    result = work.run(command, timeout=LIMIT)
    if result.timed_out:
        work.send(keys=["C-c"])  # it went on; this agent does not want it to
        try:
            work.wait(prompt=True, timeout=10)
        except TimedOut:
            return {
                "command": command,
                "error": "busy",
                "message": "it does not end by Ctrl-C",
                "screen": work.screen(),
            }
    return {"command": command, "exit_code": result.exit_code, "output": result.output, "timed_out": result.timed_out}


def main(name: str, host: str | None = None) -> int:
    """The loop; 1 where it had to stop."""
    work = Session.open(name, host)
    for line in sys.stdin:
        command = line.strip()
        if not command:
            continue
        try:
            told = step(work, command)
        except Busy as error:  # a person uses it, or a program that asks has been started: look before typing
            told = {"command": command, "error": error.code, "message": str(error), "screen": work.screen()}
        except Unreachable as error:  # the session lives on over there; the next attempt takes it up again
            print(json.dumps({"command": command, "error": error.code, "message": str(error)}), flush=True)
            return 1
        print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:3]))
    except SeshError as error:
        sys.exit(f"agent_loop.py: {error}")
