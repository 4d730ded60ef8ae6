"""A login that goes on without who began it: `alone.py SECONDS PATH PROGRAM WORD…`, in a session of its own.

It runs the program, which logs in to a host and goes to the background, and gives it no more than these seconds. It
holds the lock of PATH.lock, which it inherits, until then, and removes that file. PATH.login has what the program
prints on stderr: if it fails that becomes PATH.failed, else neither stays.
"""

import os
import signal
import sys


def main(seconds: int, path: str, words: list[str]) -> int:
    """Return the program's exit code."""

    def give_up(*_: object) -> None:
        _remove(path, ".login", ".lock")
        os.killpg(0, signal.SIGKILL)  # with the ssh of a jump host

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    code = os.spawnvp(os.P_WAIT, words[0], words)
    signal.alarm(0)
    if code:
        os.replace(f"{path}.login", f"{path}.failed")
    _remove(path, *(() if code else (".login", ".failed")), ".lock")
    return code if code >= 0 else 128 - code


def _remove(path: str, *suffixes: str) -> None:
    for suffix in suffixes:
        try:
            os.unlink(path + suffix)
        except FileNotFoundError:
            continue  # there was no failure; or someone cleared the directory


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
