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
from collections.abc import Mapping, Sequence
from typing import Any

from sesh.cli import parser
from sesh.errors import SeshError
from tests.support.tools import ROOT

PATHS = [ROOT, *dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])]
"""Where sesh and what it needs are loaded from."""
ABLE = sys.platform.startswith("linux") and os.environ.get("COLD") != "1"
"""Whether commands are forked; COLD=1 has each of them started anew."""
_PROGRAM = os.path.join(ROOT, "tests", "support", "warmed.py")
GATE = "TEST_GATE"
"""The variable with a file and seconds: there the command waits for all others (`race`), and so much longer."""
_WORDS, _ENVIRONMENT = 8 << 10, 32 << 10
"""Bytes for the words and for the environment of a command, as /proc shows them."""
_EARLY = ("LANG", "LC_", "TZ", "LD_", "MALLOC_", "GLIBC_", "FORCE_COLOR", "TERMINAL_WIDTH", "GITHUB_")
"""Variables that count when an interpreter starts, or when a module is loaded."""
_INHERITED = ("TZ", "LD_LIBRARY_PATH", "TEST_RUN")
"""Of these and others, what each home has from the developer too: with another locale nothing could be forked."""
MODULES = """
    sesh.__main__ sesh.cli.attach sesh.cli.events sesh.cli.jobs sesh.cli.layout sesh.cli.list sesh.cli.main
    sesh.cli.send sesh.cli.sessions sesh.cli.shell sesh.cli.status sesh.cli.sweep
    sesh.cli.table sesh.cli.views sesh.cli.wait sesh.client.attach sesh.client.attachment sesh.daemon.activity.hooks
    sesh.daemon.activity.rules sesh.daemon.activity.telling sesh.daemon.clients.reply_forms sesh.daemon.pty.answers
    sesh.daemon.screen.checkpoint sesh.daemon.server sesh.daemon.shell.history sesh.daemon.shell.queue
    sesh.daemon.shell.shells sesh.daemon.spawn.environment sesh.daemon.spawn.launch sesh.daemon.spawn.main
    sesh.daemon.upgrade.reload sesh.daemon.waits sesh.ops.dormant sesh.ops.end sesh.ops.enter sesh.ops.layout
    sesh.ops.lookup sesh.ops.new sesh.ops.send sesh.ops.sessions sesh.ops.shell sesh.ops.sweep sesh.ops.views
    sesh.remote.known sesh.vt.emulator sesh.vt.lines sesh.vt.render.clean_screen sesh.vt.render.export
    sesh.vt.render.overlay sesh.vt.render.replay
"""
"""What verbs, clients and daemons load."""
_REMOTE = """
    sesh.reach.host_target sesh.reach.links sesh.reach.op_shapes sesh.remote.eventlog sesh.remote.ssh.link
    sesh.remote.ssh.master sesh.remote.sync.sync fnmatch random zlib
"""
"""What a verb with `@host` loads besides."""
_TYPER = f"sesh.cli.typer_app {_REMOTE}"
"""What help loads besides."""
_AGENT = "sesh.mcp.serve"
"""What `--mcp` loads besides."""
_ASKING = {"--events", "--history", "--kill", "--list", "--logs", "--run", "--screen", "--send", "--status", "--wait"}
"""Verbs that load it as well where hosts are known."""
_DEPLOY = "sesh.remote.deploy.fabric_carrier rich.progress tests.remote.light"
"""What `--deploy` and `--upgrade` load besides."""
BEGINS = "from sesh.__main__"
"""With this a launcher starts sesh; all changes to it come before."""


def gated(words: list[str]) -> list[str]:
    """The same command for where it cannot be forked: it loads what it needs, and waits at the gate."""
    return [sys.executable, "-IS", _PROGRAM, "", "", os.pathsep.join(PATHS), MODULES, *words[2:]]


def changed(code: str) -> list[str]:
    """The command of a sesh in which something is changed before it starts, and before the daemons that it starts."""
    words = f"import sys; sys.path += {PATHS!r}; {code}; {in_daemons(code)}; from sesh.__main__ import start; start()"
    return [sys.executable, "-IS", "-c", words]


def in_daemons(code: str) -> str:
    """What a launcher does so that a change is made in the daemons that it starts, too."""
    text = f"exec({code!r}); ".replace("{", "{{").replace("}", "}}")
    begins = "from sesh.daemon.spawn.main"
    replaced = f"launch.PROGRAM.replace({begins!r}, {text + begins!r})"
    return f"from sesh.daemon.spawn import launch; launch.PROGRAM = {replaced}"


_RUN = f"""import sys; sys.path += {PATHS!r}; import runpy; del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)"""


def program(module: str, *words: str) -> list[str]:
    """The command of a module as a program, with the same interpreter as sesh."""
    return [sys.executable, "-IS", "-c", _RUN, module, *words]


class Forked(subprocess.Popen[bytes]):
    """sesh as a child of this process, as Popen starts it, save that it is forked where it is loaded already."""

    @staticmethod
    def fork(command: list[str], directory: str, environment: dict[str, str], streams: tuple[int, int, int]) -> int:
        return fork(command, directory, environment, streams)

    def _execute_child(self, command: list[str], *rest: Any) -> None:
        directory, environment, pipes = rest[4], rest[5], rest[9:15]
        try:
            self.pid = self.fork(command, directory, environment, (pipes[0], pipes[3], pipes[5]))
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
        "command": command, "directory": directory, "environment": environment, "umask": mask, "tty": tty
    }  # fmt: skip
    return _server(_more(command, environment)).fork(request, streams)


def ours(launcher: str) -> bool:
    """Whether it is this checkout's sesh that a launcher starts."""
    with open(launcher, encoding="utf-8") as file:
        return f"\nsys.path += {PATHS!r}\n" in file.read()


def _changes(launcher: str) -> str:
    """What a launcher does once it has set its path, and before sesh begins."""
    with open(launcher, encoding="utf-8") as file:
        return file.read().partition(BEGINS)[0].partition("\nsys.path += ")[2].partition("\n")[2]


class Server:
    """The process that forks, and the socket to it; it ends when that is closed.

    `environment`: what counts when it starts. `python` and `paths`: the interpreter, and where it loads sesh from.
    """

    def __init__(
        self, modules: str, environment: dict[str, str], python: str = sys.executable, paths: Sequence[str] = PATHS
    ) -> None:
        self.owner = os.getpid()
        self.environment = {**environment, "PATH": os.environ["PATH"]}
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        self._replies = open(reading, encoding="utf-8", errors="replace")
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(python, "-IS", _PROGRAM),
                    *(str(theirs.fileno()), str(writing), os.pathsep.join(paths), modules, " " * _WORDS),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**self.environment, "PADDING": " " * _ENVIRONMENT},
                cwd="/",
                pass_fds=[theirs.fileno(), writing],
                start_new_session=True,
            )
        os.close(writing)

    def fork(self, request: dict[str, Any], streams: tuple[int, int, int]) -> int:
        """The pid of the child that it makes for a request, once that is what the request says."""
        command = request["command"]
        own = _RUN in command
        program = {"module": command[4] if own else "sesh.__main__", "code": "" if own else _changes(command[2])}
        with self._lock:
            socket.send_fds(self._socket, [json.dumps({**request, **program}).encode()], list(streams))
            answer = self._replies.readline()
        assert answer.strip().isdigit(), answer or "the process that forks for tests has ended"
        return int(answer)

    def stop(self) -> None:
        """Ends it."""
        self._socket.close()
        self._process.wait(10)
        self._replies.close()


def _more(command: list[str], environment: dict[str, str]) -> str:
    """What a command line loads besides."""
    if _RUN in command:
        return command[4]
    if "--mcp" in command:
        return _AGENT
    if _needs_typer(command):
        return _TYPER
    if {"--deploy", "--upgrade"}.intersection(command):
        return _DEPLOY
    known = os.path.join(environment.get("HOME", ""), ".local/state/sesh/remotes")
    asked = not _ASKING.isdisjoint(command[3:4]) and os.path.isdir(known)
    return _REMOTE if asked or any(word.startswith("@") for word in command) else ""


def _needs_typer(command: list[str]) -> bool:
    """Whether sesh loads typer for this command line."""
    try:
        return parser.split(command[3:]).help
    except SeshError:
        return False


_servers: dict[str, Server] = {}


def _server(more: str = "") -> Server:
    """The server that has loaded these modules besides."""
    if more not in _servers or _servers[more].owner != os.getpid():
        run = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        _servers[more] = Server(f"{MODULES} {more}", {**run, "LANG": "C.UTF-8"})
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
    return ABLE and early(environment) == early(_server().environment) and shown(command, environment)


def shown(command: list[str], environment: dict[str, str]) -> bool:
    """Whether there is room for the words and the environment in what ps shows."""
    size = sum(len(os.fsencode(key + value)) + 2 for key, value in environment.items())
    return size < _ENVIRONMENT and sum(len(os.fsencode(word)) + 1 for word in command) < _WORDS


def early(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that count when an interpreter starts, or when a module is loaded."""
    return {key: value for key, value in environment.items() if key.startswith(_EARLY)}
