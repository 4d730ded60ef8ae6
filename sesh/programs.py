"""Programs that sesh runs by itself, by their names: no file of the current directory is ever taken for one of them;
and the user's shell.

What the user runs in a session is looked up as a shell does it (`daemon/spawn/environment`).
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from sesh.errors import LocalFault, Unreachable


def search_path() -> str:
    """PATH without empty entries (POSIX, XBD 8.3) and relative ones, which mean the current directory.

    If nothing is left it is the system's own.
    """
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.isabs(folder)) or os.defpath


def environment() -> dict[str, str]:
    """This environment with `search_path` as PATH, in which `subprocess`, and the program itself, look up programs."""
    return {**os.environ, "PATH": search_path()}


def find(name: str) -> str | None:
    """The path of a program by its name in `search_path`, or by a path; None if it is not there."""
    folders = [""] if os.sep in name else search_path().split(os.pathsep)
    paths = (os.path.join(folder, name) for folder in folders)
    return next((path for path in paths if is_program(path)), None)


def cannot_run(name: str, error: OSError, hint: str = "") -> Unreachable:
    """The error of a program for a link that was not started. `hint`: if the program itself is what is wrong."""
    message = f"cannot run {name}: {error.strerror}"
    itself = isinstance(error, (FileNotFoundError, PermissionError))
    failure = Unreachable(message, hint=hint) if itself else LocalFault(message)
    failure.reason = message if itself else str(error.strerror)
    return failure


def start(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    r"""Start a program as Popen does. Ctrl-C and Ctrl-\ that come meanwhile act afterwards; if they raise, it ends.

    An exception within Popen leaves the program running, and its pid unknown.
    """
    came: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # others get no signals
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
        handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(argv, **options)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    try:
        for number in came:
            handlers[number](number, None)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def run(argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run a program without stdin; return its code and output. Raises OSError, TimeoutExpired once it is killed."""
    pipe = subprocess.PIPE
    with start(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment()) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def printed(*words: str, timeout: float) -> str | None:
    """The stdout of a program, or else its stderr; None if it cannot be run, or takes longer than `timeout` seconds."""
    try:
        done = run(words, timeout)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout or done.stderr)


def shell(creator: Mapping[str, str]) -> str:
    """The user's shell: `$SHELL` if it is an absolute path to a program, else the one of passwd(5), else /bin/sh."""
    path = creator.get("SHELL", "")
    if os.path.isabs(path) and is_program(path):
        return path
    try:
        path = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        path = ""
    return path if os.path.isabs(path) and is_program(path) else "/bin/sh"


def is_program(path: str) -> bool:
    """Return whether a path leads to a file that this process may execute. Never raises."""
    try:
        return os.path.isfile(path) and os.access(path, os.X_OK)
    except ValueError:
        return False  # it contains a NUL
