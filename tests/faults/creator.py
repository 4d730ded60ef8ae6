"""A process that creates sessions as the command line would: reads a request a line, writes the outcome a line.

A line is `{"spec": {...}, "hold": bool, "wait": bool}`; with `hold` the first connection stays open as long as this
process lives, with `wait` it is used to wait for the end, and the outcome has `result` and `output`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from sesh.daemon.spawn import launch
from sesh.errors import SeshError
from sesh.schema import LaunchSpec

SPEC: LaunchSpec = {
    "directory": "/", "command": None, "extra": {}, "columns": 80, "rows": 24, "width": 0, "height": 0, "labels": {},
    "keep": False, "job": False, "timeout": None, "login": False, "term": None, "colorterm": None,
}  # fmt: skip


def start() -> None:
    """Serve until the input ends."""
    held = []
    for line in sys.stdin:
        request = json.loads(line)
        asked: LaunchSpec = request["spec"]
        answer: dict[str, Any] = {}
        try:
            connection = launch.start_daemon({**SPEC, "environment": dict(os.environ), **asked})
            if request["wait"]:
                connection.hello("request")
                result, output = connection.request("wait", output=True)
                answer = {"result": result, "output": output.decode("latin-1")}
            if request["hold"]:
                held.append(connection)
            else:
                connection.close()
        except SeshError as error:
            answer = {"code": error.code, "message": str(error), "exit": int(error.exit_code)}
        except Exception:
            answer = {"code": "crash", "message": traceback.format_exc(), "exit": -1}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    start()
