"""The smoke test of a deployed version before it goes into service: `smoke.py LAUNCHER VERSION`, run on the host.

It runs by itself, on the standard library alone. It prints nothing if all is well; else one line that says what did
not work, and the exit code is 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 60.0
"""Seconds for each command; the first run on a small board is slow."""
_SHORT_PATH = "/tmp"  # noqa: S108 (a socket's path must be short; mkdtemp makes what lies there)


def trials(program: str, version: str) -> list[tuple[int, str, tuple[str, ...]]]:
    """(exit code, part of stdout, arguments): each part of sesh that could be missing on the host is used once."""
    return [
        (0, f"{program} {version}\n", ("--version",)),
        (1, '"not_found"', ("--local", "--json", "--status", "smoke")),
        (0, "", ("--exec", "--", "true")),
        (0, "it works\n", ("--exec", "--print", "--", "echo", "it works")),
        (0, "", ("--open", "smoke", "--", "sleep", "60")),
        (0, "", ("--local", "--screen", "smoke")),
        (0, "", ("--local", "--kill", "smoke")),
    ]


def environment(folder: str) -> dict[str, str]:
    """This environment, with all directories of sesh below `folder`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SESH_")}
    variables |= {f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("CONFIG", "STATE", "CACHE")}
    return {**variables, "SESH_DIR": os.path.join(folder, "s")}


def run(launcher: str, arguments: tuple[str, ...], variables: dict[str, str]) -> tuple[int, str, str]:
    """(exit code, stdout, last line printed) of `sesh ARGUMENTS`; 126 if it cannot be run, 124 if it hangs."""
    try:
        done = subprocess.run(
            [launcher, *arguments],
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except OSError as error:
        return 126, "", str(error.strerror)
    except subprocess.TimeoutExpired:
        return 124, "", f"did not end within {TIMEOUT:g} s"
    lines = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()
    return done.returncode, done.stdout, lines[-1]


def smoke(launcher: str, version: str) -> str:
    """Return what does not work, in one line; "" if everything does."""
    folder = tempfile.mkdtemp(prefix="sesh-", dir=_SHORT_PATH if os.access(_SHORT_PATH, os.W_OK | os.X_OK) else None)
    program, variables = os.path.basename(launcher), environment(folder)
    try:
        for code, out, arguments in trials(program, version):
            ended, printed, last = run(launcher, arguments, variables)
            if ended != code or out not in printed:
                return f"`{program} {' '.join(arguments)}` ended with {ended} instead of {code}: {last}"
        return ""
    finally:
        if os.path.isdir(variables["SESH_DIR"]):
            run(launcher, ("--local", "--kill-all", "-y"), variables)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    failure = smoke(sys.argv[1], sys.argv[2])
    if failure:
        print(failure)
    sys.exit(bool(failure))
