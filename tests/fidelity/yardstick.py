"""tmux as the yardstick: what a terminal shows after attaching to a tmux session."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from pathlib import Path

from ptyprocess import PtyProcess

from tests.fidelity.record import until_quiet
from tests.support import wait_until


def attached(data: bytes, columns: int, rows: int) -> bytes:
    """Return what `tmux attach` writes for a pane that has shown `data`."""
    with tempfile.TemporaryDirectory() as home:
        Path(home, "data").write_bytes(data)
        environment = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        tmux = ["tmux", "-S", f"{home}/tmux", "-f", "/dev/null"]
        try:
            subprocess.run(
                [*tmux, "set", "-g", "status", "off", ";", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                 "stty raw -echo; cat data; touch done; sleep 60"],
                cwd=home, env=environment, check=True, capture_output=True,
            )  # fmt: skip
            wait_until(Path(home, "done").exists, "the program is done")
            client = PtyProcess.spawn([*tmux, "attach"], cwd=home, env=environment, dimensions=(rows, columns))
            select.select([client.fd], [], [], 10)
            out = until_quiet(client)
            client.terminate(force=True)
            return out
        finally:
            subprocess.run([*tmux, "kill-server"], env=environment, check=False, capture_output=True)
