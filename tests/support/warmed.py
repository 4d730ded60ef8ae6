"""sesh that has loaded what verbs load, and is forked for each command of the tests: a tenth of the time of a start.

Run by `warm` as `python -IS FILE SOCKET PIPE PATH MODULES PADDING`, with padding in its environment too. For each
request it makes a child of its own parent, which takes over the descriptors that came with it, and becomes `sesh WORDS`
in all that is seen from outside: its session, its directory, its environment and its words in /proc. Without a socket
it becomes the one command that stands in the place of the padding, once all others have come to the gate.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import socket
import sys
import termios
import time
from typing import Any

_CLONE_PARENT, _SIGCHLD = 0x8000, 17
_CLONE = {"x86_64": 56, "aarch64": 220}
_SET_DUMPABLE = 4  # prctl(2)
_GATE = "TEST_GATE"


def _fork() -> int:
    """A child of this process's parent, as clone(2) makes it; 0 in the child."""
    python = ctypes.pythonapi  # it keeps the interpreter's lock, as fork(2) is called under it
    python.PyOS_BeforeFork()
    child = int(python.syscall(_CLONE[os.uname().machine], _CLONE_PARENT | _SIGCHLD, 0, 0, 0, 0))
    if child < 0:
        sys.exit("no process could be made for a test")
    (python.PyOS_AfterFork_Parent if child else python.PyOS_AfterFork_Child)()
    return child


def _areas() -> list[tuple[int, int]]:
    """Where this process's words and its environment lie in memory (proc_pid_stat(5)): beginnings and lengths."""
    with open("/proc/self/stat", encoding="utf-8") as file:
        start, end, other, last = map(int, file.read().rpartition(") ")[2].split()[45:49])
    return [(start, end - start), (other, last - other)]


def _serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Forks for each request; returns in the children, with the request and its descriptors."""
    while True:
        data, ancillary, _, _ = channel.recvmsg(1 << 20, socket.CMSG_SPACE(3 * 4))
        if not data:
            os._exit(0)
        descriptors = [int.from_bytes(part[at : at + 4], sys.byteorder) for *_, part in ancillary for at in (0, 4, 8)]
        child = _fork()
        if child == 0:
            return json.loads(data), descriptors
        for descriptor in descriptors:
            os.close(descriptor)


def _become(request: dict[str, Any], descriptors: list[int], areas: list[tuple[int, int]]) -> None:
    """Takes over all that the request says; nothing is left of the server then but what is loaded."""
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    if request["tty"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # as on any terminal
    for descriptor in {channel.fileno(), *descriptors} - {0, 1, 2}:
        os.close(descriptor)
    os.umask(request["umask"])
    os.chdir(request["directory"])  # as what is inherited, it need not be one that the user may enter
    if "user" in request:
        _change_user(*request["user"])
    environment = request["environment"]
    gate = environment.pop(_GATE, "")
    # Where the locale is C, an interpreter that starts chooses another (PEP 538), and so tells its children.
    coerced = {key: value for key, value in os.environ.items() if key == "LC_CTYPE" and "LC_ALL" not in environment}
    os.environ.clear()
    os.environ.update(coerced | environment)
    for (begin, size), strings in zip(
        areas, (request["command"], [f"{key}={value}" for key, value in environment.items()]), strict=True
    ):
        shown = b"".join(os.fsencode(each) + b"\0" for each in strings)
        ctypes.memmove(begin, shown[: size - 1].ljust(size, b"\0"), size)
    sys.argv[:] = request["command"][2:]
    os.write(reply, b"%d\n" % os.getpid())
    os.close(reply)
    if gate:
        _wait(*gate.split(":"))


def _change_user(user: int, group: int, groups: list[int]) -> None:
    """Becomes another user, as by a login: one that may look at itself in /proc, too."""
    os.setgroups(groups)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0)


def _wait(gate: str, late: str) -> None:
    """Waits at a gate for all others, and then so many seconds more."""
    opened = os.open(gate, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    os.write(opened, b".")
    fcntl.flock(opened, fcntl.LOCK_SH)
    begin = time.monotonic()
    while time.monotonic() - begin < float(late):
        pass


def _use_typer() -> None:
    """Typer loads more when it shows help."""
    from sesh.cli import parser, typer_app

    typer_app.help_of(parser.split(["--rename"]))


def _end(code: int) -> None:
    """The end of the interpreter, save that it frees no memory: what is shared would be copied for that."""
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    channel_at, reply_at, paths, modules = sys.argv[1:5]
    words = sys.argv[5:]
    sys.path += paths.split(os.pathsep)
    sys.argv = ["sesh"]
    for module in modules.split():
        importlib.import_module(module)
    births = importlib.import_module("tests.births")
    if channel_at:
        room = _areas()
        channel, reply = socket.socket(fileno=int(channel_at)), int(reply_at)
        if "typer" in sys.modules:
            _use_typer()
        gc.collect()
        gc.freeze()
        request, streams = _serve(channel)
        try:
            births.fork_daemons()
            _become(request, streams, room)
        except OSError as error:
            os.write(reply, f"{error}\n".encode())
            os._exit(1)
        channel.detach()
        program = request["module"]
        exec(request["code"])  # noqa: S102 - a launcher of ours
    else:  # one command, where none can be forked
        sys.argv = words
        _wait(*os.environ.pop(_GATE).split(":"))
        program = "sesh.__main__"
    try:
        sys.modules[program].start()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        _end(end.code)
