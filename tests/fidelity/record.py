"""Record the golden streams: `python -m tests.fidelity.record [NAME…]` writes streams/NAME.bin beside this file.

A stream is what a program wrote to an 80x24 terminal while the keys of PROGRAMS were typed. Each key was sent when the
program had been quiet for a moment.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ptyprocess import PtyProcess

HERE = Path(__file__).parent
STREAMS = HERE / "streams"
COLUMNS, ROWS = 80, 24
#: Seconds of silence that end a step.
QUIET = 0.4
#: Most seconds of a step.
MAX_SECONDS = 5.0

TEXT = "".join(f"line {number}: the quick brown fox jumps over the lazy dog, é 中文\n" for number in range(200))
SETUP = (
    "git init -q . && git -c user.name=A -c user.email=a@b commit -q --allow-empty -m 'first é' && "
    "git -c user.name=A -c user.email=a@b commit -q --allow-empty -m 'second: a longer subject'"
)

#: The command and the keys typed into it.
PROGRAMS: dict[str, tuple[list[str], list[str]]] = {
    "vim": (
        ["vim", "-u", "NONE", "-N", "text"],
        [":syntax on\r", "10j", "ihello \x1b", "/fox\r", ":vsplit\r", "\x06", ":q\r"],
    ),
    "less": (["less", "text"], [" ", "/200\r", "g", "20j", "q"]),
    "htop": (["sh", "-c", "sleep 60 & htop -d 50 -p $!; kill $!"], ["\x1b[B", "q"]),
    "mc": (["mc", "-x", "-u"], ["\x1b[B", "\t", "\x1b[20~", "\r"]),
    "nano": (["nano", "text"], ["hello", "\x17fox\r", "\x16", "\x18", "n"]),
    "tmux": (["tmux", "-L", "golden", "-f", "/dev/null"], ["ls\r", "\x02%", "echo pane\r", '\x02"', "\x02d"]),
    "man": (["man", "ls"], [" ", "q"]),
    "fish": (["fish", "--no-config"], ["echo he", "llo\r", "ls -l\r", "seq 40\r", "\x1b[A"]),
    "zsh": (["zsh", "-f"], ["echo hello\r", "seq 60\r", "for x in a b; do echo $x\r", "done\r"]),
    "python": ([sys.executable, "-q"], ["1 + 1\r", "def f():\r", "    return 1\r", "\r", "print('中' * 50)\r"]),
    "git": (["git", "log", "--graph", "--color=always"], ["q"]),
    "dialog": (["dialog", "--yesno", "Do you?", "10", "40"], ["\t"]),
}


def record(name: str) -> bytes:
    """Run a program, type its keys, and return what it wrote."""
    command, keys = PROGRAMS[name]
    with tempfile.TemporaryDirectory() as home:
        Path(home, "text").write_text(TEXT)
        environment = {
            "HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "SHELL": "/bin/sh",
            "PS1": "$ ", "TMUX_TMPDIR": home, "COLORTERM": "truecolor",
        }  # fmt: skip
        subprocess.run(["sh", "-c", SETUP], cwd=home, check=True)
        process = PtyProcess.spawn(command, cwd=home, env=environment, dimensions=(ROWS, COLUMNS))
        out = until_quiet(process)
        for key in keys:
            if not process.isalive():
                break
            process.write(key.encode())
            out += until_quiet(process)
        process.terminate(force=True)
        if name == "tmux":
            subprocess.run(["tmux", "-L", "golden", "kill-server"], env=environment, check=False)
    return out


def until_quiet(process: PtyProcess) -> bytes:
    """Return what a process writes until it pauses."""
    out = b""
    for _ in range(int(MAX_SECONDS / QUIET)):
        if not select.select([process.fd], [], [], QUIET)[0]:
            break
        try:
            while select.select([process.fd], [], [], 0.05)[0]:
                out += process.read(65536)
        except EOFError:
            break
    return out


def main() -> None:
    """Record the named programs, or all of PROGRAMS."""
    STREAMS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PROGRAMS:
        if shutil.which(name if name != "python" else "sh") is None:
            print(f"{name}: not there")
            continue
        data = record(name)
        (STREAMS / f"{name}.bin").write_bytes(data)
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
