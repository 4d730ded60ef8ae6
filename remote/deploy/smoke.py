"""A deployed version tries itself before it goes into service: `smoke.py LAUNCHER VERSION`, run over there.

It prints nothing where all is well; else one line that says what did not work, and the exit code is 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

PATIENCE = 60.0
"""Seconds for each command; a small board that runs it for the first time is slow."""
_SHORT = "/tmp"  # noqa: S108 (a socket's path must be short; what lies there is made by mkdtemp)


def trials(version: str) -> list[tuple[int, str, tuple[str, ...]]]:
    """(exit code, what stdout must hold, words): each part of sesh that could be missing over there has its turn."""
    return [
        (0, f"sesh {version}\n", ("--version",)),
        (1, '"not_found"', ("--local", "--json", "--status", "smoke")),
        (0, "", ("--exec", "--", "true")),
        (0, "it works\n", ("--exec", "--print", "--", "echo", "it works")),
        (0, "", ("--open", "smoke", "--", "sleep", "60")),
        (0, "", ("--local", "--screen", "smoke")),
        (0, "", ("--local", "--kill", "smoke")),
    ]


def environment(folder: str) -> dict[str, str]:
    """This environment, with every directory of sesh's own below `folder`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SESH_")}
    variables |= {f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("CONFIG", "STATE", "CACHE")}
    return {**variables, "SESH_DIR": os.path.join(folder, "s")}


def ran(launcher: str, words: tuple[str, ...], variables: dict[str, str]) -> tuple[int, str, str]:
    """(exit code, stdout, the last line of what it said) of `sesh WORDS`; 126 if it cannot be run, 124 if it hangs."""
    try:
        done = subprocess.run(
            [launcher, *words],
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except OSError as error:
        return 126, "", str(error.strerror)
    except subprocess.TimeoutExpired:
        return 124, "", f"it did not end in {PATIENCE:g} s"
    said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
    return done.returncode, done.stdout, said[-1]


def smoke(launcher: str, version: str) -> str:
    """What does not work, in one line; nothing where everything does."""
    folder = tempfile.mkdtemp(prefix="sesh-", dir=_SHORT if os.access(_SHORT, os.W_OK | os.X_OK) else None)
    variables = environment(folder)
    try:
        for code, out, words in trials(version):
            found, printed, said = ran(launcher, words, variables)
            if found != code or out not in printed:
                return f"`sesh {' '.join(words)}` ended with {found} instead of {code}: {said}"
        return ""
    finally:
        if os.path.isdir(variables["SESH_DIR"]):
            ran(launcher, ("--local", "--kill-all", "-y"), variables)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    trouble = smoke(sys.argv[1], sys.argv[2])
    if trouble:
        print(trouble)
    sys.exit(bool(trouble))
