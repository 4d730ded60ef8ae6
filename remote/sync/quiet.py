"""The way to a host's rsync past what login files print there: `quiet.py MARK PROGRAM WORD…`, run in the place of ssh.

It runs the program with this process's stdin, and passes on what that prints once a line has ended with the mark.
"""

import os
import subprocess
import sys

BLOCK = 1 << 16
MOST_NOISE = 1 << 20
"""Bytes that are read before the mark has come."""


def main(mark: bytes, words: list[str]) -> int:
    """Return the program's exit code; 1 if it prints more than MOST_NOISE without the mark."""
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        source, seen = process.stdout.fileno(), b""
        while mark not in seen:
            block = os.read(source, BLOCK)
            seen += block
            if not block or len(seen) > MOST_NOISE:
                process.kill()
                return process.wait() if not block else 1
        block = seen.partition(mark)[2] or os.read(source, BLOCK)
        while block:
            view = memoryview(block)
            while view:
                view = view[os.write(1, view) :]
            block = os.read(source, BLOCK)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(os.fsencode(sys.argv[1]) + b"\n", sys.argv[2:]))
