"""Starting sesh for tests without loading it each time: a fork of a process that has loaded it (`warmed`).

So is a program of the tests' own (`program`): `start` of its module is called.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping
from typing import Any

from sesh.cli import parser
from sesh.errors import SeshError
from tests.support.tools import ROOT

PATHS = [ROOT, *dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])]
"""Where sesh and what it needs are loaded from."""
_PROGRAM = os.path.join(ROOT, "tests", "support", "warmed.py")
GATE = "TEST_GATE"
"""The variable with a file and seconds: there the command waits for all others (`race`), and so much longer."""
_WORDS, _ENVIRONMENT = 8 << 10, 32 << 10
"""Bytes for the words and for the environment of a command, as /proc shows them."""
_EARLY = ("LANG", "LC_", "TZ", "LD_", "MALLOC_", "GLIBC_", "FORCE_COLOR", "TERMINAL_WIDTH", "GITHUB_")
"""Variables that count when an interpreter starts, or when a module is loaded."""
_MODULES = """
    sesh.__main__ sesh.cli.attach sesh.cli.events sesh.cli.jobs sesh.cli.layout sesh.cli.main sesh.cli.send
    sesh.cli.sessions sesh.cli.shell sesh.cli.suggestions sesh.cli.sweep sesh.cli.table sesh.cli.views sesh.cli.wait
    sesh.client.attach sesh.client.attachment sesh.daemon.activity.hooks sesh.daemon.activity.rules
    sesh.daemon.activity.telling sesh.daemon.pty.answers sesh.daemon.screen.checkpoint sesh.daemon.server
    sesh.daemon.shell.history sesh.daemon.shell.queue sesh.daemon.shell.shells sesh.daemon.spawn.environment
    sesh.daemon.spawn.launch sesh.daemon.spawn.main sesh.daemon.upgrade.reload sesh.daemon.waits sesh.ops.dormant
    sesh.ops.end sesh.ops.enter sesh.ops.layout sesh.ops.send sesh.ops.sessions sesh.ops.shell sesh.ops.sweep
    sesh.ops.views sesh.remote.known sesh.vt.emulator sesh.vt.lines sesh.vt.render.clean_screen sesh.vt.render.export
    sesh.vt.render.overlay sesh.vt.render.replay
"""
"""What verbs, clients and daemons load; a start with nothing loaded is tested in tests/terminal/test_lean.py."""
_TYPER = "sesh.cli.typer_app"
"""What help loads besides, and a line that only typer takes apart."""
_AGENT = "sesh.mcp.serve"
"""What `--mcp` loads besides."""


def gated(words: list[str]) -> list[str]:
    """The same command for where it cannot be forked: it loads what it needs, and waits at the gate."""
    return [sys.executable, "-IS", _PROGRAM, "", "", os.pathsep.join(PATHS), _MODULES, *words[2:]]


def changed(code: str) -> list[str]:
    """The command of a sesh in which something is changed before it starts."""
    words = f"import sys; sys.path += {PATHS!r}; {code}; from sesh.__main__ import start; start()"
    return [sys.executable, "-IS", "-c", words]


_RUN = f"""import sys; sys.path += {PATHS!r}; import runpy; del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)"""


def program(module: str, *words: str) -> list[str]:
    """The command of a module as a program, with the same interpreter as sesh."""
    return [sys.executable, "-IS", "-c", _RUN, module, *words]


class Forked(subprocess.Popen[bytes]):
    """sesh as a child of this process, as Popen starts it, save that it is forked where it is loaded already."""

    def _execute_child(self, command: list[str], *rest: Any) -> None:
        directory, environment, pipes = rest[4], rest[5], rest[9:15]
        try:
            self.pid = fork(command, directory, environment, (pipes[0], pipes[3], pipes[5]))
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def on_terminal(command: list[str], environment: Mapping[str, str], directory: str | None, line: int) -> int:
    """sesh as the leader of its session, on the terminal that `line` is the line of; its pid."""
    return fork(command, directory or os.getcwd(), dict(environment), (line, line, line), tty=True)


def fork(
    command: list[str], directory: str, environment: dict[str, str], streams: tuple[int, int, int], tty: bool = False
) -> int:
    """The pid of a new child of this process that is `command`; with `tty` its stdin is its controlling terminal."""
    mask = os.umask(0o077)
    os.umask(mask)
    request = {
        "command": command, "directory": directory, "environment": environment, "umask": mask, "tty": tty,
        "module": command[4] if _RUN in command else "sesh.__main__",
    }  # fmt: skip
    return _server(_more(command)).fork(json.dumps(request).encode(), streams)


class _Server:
    """The process that forks, and the socket to it; it ends when that is closed."""

    def __init__(self, modules: str) -> None:
        self.owner = os.getpid()
        self.environment = {key: os.environ[key] for key in os.environ if key.startswith((*_EARLY, "TEST_RUN"))}
        self.environment |= {"LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        self._replies = open(reading, encoding="utf-8", errors="replace")
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-IS", _PROGRAM),
                    *(str(theirs.fileno()), str(writing), os.pathsep.join(PATHS), modules, " " * _WORDS),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**self.environment, "PADDING": " " * _ENVIRONMENT},
                cwd="/",
                pass_fds=[theirs.fileno(), writing],
                start_new_session=True,
            )
        os.close(writing)

    def fork(self, request: bytes, streams: tuple[int, int, int]) -> int:
        """The pid of the child that it makes for a request, once that is what the request says."""
        with self._lock:
            socket.send_fds(self._socket, [request], list(streams))
            answer = self._replies.readline()
        assert answer.strip().isdigit(), answer or "the process that forks for tests has ended"
        return int(answer)

    def stop(self) -> None:
        """Ends it."""
        self._socket.close()
        self._process.wait(10)
        self._replies.close()


def _more(command: list[str]) -> str:
    """The modules that a command loads besides."""
    if _RUN in command:
        return command[4]
    return _AGENT if "--mcp" in command else _TYPER if _needs_typer(command) else ""


def _needs_typer(command: list[str]) -> bool:
    """Whether sesh loads typer for this command line."""
    try:
        line = parser.split(command[3:])
        return line.help or parser.parse(line) is None
    except SeshError:
        return False


_servers: dict[str, _Server] = {}


def _server(more: str = "") -> _Server:
    """The server that has loaded these modules besides."""
    if more not in _servers or _servers[more].owner != os.getpid():
        _servers[more] = _Server(f"{_MODULES} {more}")
    return _servers[more]


@atexit.register
def stop() -> None:
    """Ends the processes of this one that fork, where there are any."""
    for server in _servers.values():
        if server.owner == os.getpid():
            server.stop()
    _servers.clear()


def fits(command: list[str], environment: dict[str, str]) -> bool:
    """Whether a command may be forked: its variables do not say how an interpreter starts, and all can be shown."""
    if not sys.platform.startswith("linux") or os.environ.get("COLD") == "1":
        return False
    size = sum(len(os.fsencode(key + value)) + 2 for key, value in environment.items())
    return (
        _early(environment) == _early(_server().environment)
        and size < _ENVIRONMENT
        and sum(len(os.fsencode(word)) + 1 for word in command) < _WORDS
    )


def _early(environment: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith(_EARLY)}
