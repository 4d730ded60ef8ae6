#!/usr/bin/env python3
"""An agent's loop with the Python API: commands in, results out, in one shell.

    agent_loop.py work [HOST] <commands

Reads commands from stdin, one per line, and prints a JSON object for each; a model would write the commands and read
the answers. It also handles a command that takes too long, a busy shell, and an unreachable host.
"""

from __future__ import annotations

import json
import os
import sys

from sesh import SeshError, Session
from sesh.errors import Busy, TimedOut, Unreachable

LIMIT = float(os.environ.get("LIMIT", "120"))


def step(work: Session, command: str) -> dict[str, object]:
    """Runs one command and returns the answer for it."""
    result = work.run(command, timeout=LIMIT)
    if result.timed_out:
        work.send(keys=["C-c"])  # it is still running, and this agent does not want that
        try:
            work.wait(prompt=True, timeout=10)
        except TimedOut:
            return {
                "command": command,
                "error": "busy",
                "message": "it did not stop on Ctrl-C",
                "screen": work.screen(),
            }
    return {"command": command, "exit_code": result.exit_code, "output": result.output, "timed_out": result.timed_out}


def main(name: str, host: str | None = None) -> int:
    """Runs all commands; returns 1 if the host became unreachable."""
    work = Session.open(name, host)
    for line in sys.stdin:
        command = line.strip()
        if not command:
            continue
        try:
            answer = step(work, command)
        except Busy as error:  # someone else is typing, or a program is waiting for input: look before you type
            answer = {"command": command, "error": error.code, "message": str(error), "screen": work.screen()}
        except Unreachable as error:  # the session keeps running on the host; the next attempt finds it again
            print(json.dumps({"command": command, "error": error.code, "message": str(error)}), flush=True)
            return 1
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:3]))
    except SeshError as error:
        sys.exit(f"agent_loop.py: {error}")
