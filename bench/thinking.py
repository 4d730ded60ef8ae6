"""What agents that think cost a session's daemon, and tmux: processor time while nobody is attached, and with a client.

`python -m bench.thinking` runs twenty stand-ins for each kind of agent, whose frames are as often and as large as those
of real ones: codex, gemini-cli and qwen-code. It prints the percent of a processor for each session, that of the client
of each session apart.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

from bench.window import Window

AGENT = r"""
import select, sys, tty
rows, gap, width = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
tty.setraw(0)
sys.stdout.write("\x1b[?1049h\x1b[2J" if rows == 1 else "\r\n" * 20)
number = 0
while True:
    number += 1
    frame, seconds = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[number % 10], int(number * gap)
    if rows == 1:
        text = f"\x1b[?2026h\x1b[20;3H\x1b[38;5;{232 + number % 24}mW\x1b[0m{frame} ({seconds}s)\x1b[22;3H\x1b[?2026l"
    else:
        text = "\x1b[?25l" + "\x1b[2K\x1b[1A" * rows + "\x1b[2K\x1b[G"
        for row in range(rows):
            words = f" {frame} Thinking ({seconds}s)" if row == 2 else "│ words in a row that do not change " * 3
            text += f"\x1b[38;5;{200 + row}m{words[:width]:<{width}}\x1b[39m\r\n"
    sys.stdout.write(text)
    sys.stdout.flush()
    select.select([], [], [], gap)
"""
KINDS = {"codex": ("1", "0.032", "0"), "gemini": ("12", "0.055", "78"), "qwen": ("8", "0.08", "78")}
"""Rows that a frame draws, seconds between two, and columns."""
STARTED = 6.0
"""Seconds until all have shown that they work."""


def used(pids: list[int]) -> float:
    """Seconds of processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(pids: list[int], count: int, seconds: float, attach: list[list[str]]) -> list[float]:
    """Percent of a processor for each of `count` sessions, detached and attached to, and for each client. `attach`: the
    commands that attach."""
    shown = []
    windows: list[Window] = []
    for commands in ([], attach):
        windows += [Window(words, dict(os.environ)) for words in commands]
        clients = [window.pid for window in windows]
        _show(windows, STARTED)
        before = used(pids), used(clients)
        _show(windows, seconds)
        shown += [100 * (used(pids) - before[0]) / seconds / count, 100 * (used(clients) - before[1]) / seconds / count]
    for window in windows:
        os.kill(window.pid, 9)
        window.close()
    return [shown[0], *shown[2:]]


def _show(windows: list[Window], seconds: float) -> None:
    """Takes what clients show for so long."""
    poll, until = select.poll(), time.monotonic() + seconds
    by_descriptor = {window.master: window for window in windows}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            by_descriptor[descriptor].read()
        time.sleep(0.01)


def main() -> int:
    """Prints a row for each kind."""
    parser = argparse.ArgumentParser(prog="python -m bench.thinking", description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--kinds", default=",".join(KINDS))
    chosen = parser.parse_args()
    root = tempfile.mkdtemp(prefix="t")
    os.environ.update(HOME=root, SESH_DIR=os.path.join(root, ".sesh"), TERM="xterm-256color", LANG="C.UTF-8")
    os.mkdir(os.environ["SESH_DIR"], 0o700)
    sesh, tmux = [sys.executable, "-m", "sesh"], ["tmux", "-S", os.path.join(root, "tmux"), "-f", "/dev/null"]
    print(f"{'agent':<10}{'':<10}{'sesh %':>8}{'tmux %':>8}{'ratio':>7}")
    for kind in chosen.kinds.split(","):
        words = KINDS[kind]
        agent = [sys.executable, "-ISc", AGENT, *words]
        names = [f"{kind}{number}" for number in range(chosen.count)]
        for name in names:
            subprocess.run([*sesh, "--open", name, "--", *agent], check=True, stdout=subprocess.DEVNULL)
        shown = [subprocess.run([*sesh, "--status", name, "--json"], check=True, capture_output=True) for name in names]
        daemons = [json.loads(each.stdout)["daemon_pid"] for each in shown]
        ours = measured(daemons, chosen.count, chosen.seconds, [[*sesh, name] for name in names])
        subprocess.run([*sesh, "--kill-all", "-y"], check=True, stdout=subprocess.DEVNULL)
        for name in names:
            subprocess.run([*tmux, "new-session", "-d", "-s", name, "-x", "80", "-y", "24", *agent], check=True)
        server = subprocess.run([*tmux, "display-message", "-p", "#{pid}"], check=True, capture_output=True).stdout
        attach = [[*tmux, "attach", "-t", name] for name in names]
        theirs = measured([int(server)], chosen.count, chosen.seconds, attach)
        subprocess.run([*tmux, "kill-server"], check=True)
        for what, own, other in zip(("detached", "attached", "client"), ours, theirs, strict=True):
            print(f"{kind:<10}{what:<10}{own:>8.2f}{other:>8.2f}{own / max(other, 0.001):>7.2f}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
