"""Real daemons in a test's home, and clients that speak to them frame by frame."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from sesh.daemon.spawn import launch
from sesh.errors import SeshError, TimedOut, Unreachable
from sesh.reach import find
from sesh.schema.facts import LaunchSpec
from sesh.store import records
from sesh.system import programs
from sesh.system.processes import start_time
from sesh.wire import messages, protocol
from sesh.wire.connection import Connection, connect, hello_frame
from tests.faults import bridges
from tests.support import Home, forking, processes, wait_until
from tests.support.greeting import greet
from tests.support.home import PATHS
from tests.support.waiting import PATIENCE

SPEC: LaunchSpec = {
    "directory": "/", "command": None, "extra": {}, "columns": 80, "rows": 24, "width": 0, "height": 0, "labels": {},
    "keep": False, "job": False, "timeout": None, "login": False,
}  # fmt: skip


def far_end(home: Home, attack: str, *words: str) -> str:
    """Return the `via` command of a host that carries out an attack of `bridges`."""
    text = f"import sys\n\nsys.path += {PATHS!r}\nfrom tests.faults.bridges import main\n\nmain()\n"
    return shlex.join([sys.executable, "-IS", home.write("far_end.py", text), attack, *words])


def fork_far_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each far end a fork, instead of an interpreter for each link."""
    start = programs.start

    def begin(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        script = os.path.join(home.path, "far_end.py")
        if script not in argv:
            return start(argv, **options)
        with forking.signals_wait():
            return forking.start(
                argv[argv.index(script) :],
                env=options["env"],
                cwd=home.path,
                streams=(options["stdin"], options["stdout"], options["stderr"]),
                mark=home.mark,
                program=lambda: forking.begin_anew(bridges.main),
            )

    if forking.ABLE:
        monkeypatch.setattr(programs, "start", begin)


class Client:
    """An attached client. `output` is what OUTPUT frames brought; their positions are checked.

    `shows`: the bytes for its terminal, of SCREEN and OUTPUT as they came.
    """

    def __init__(self, name: str, *, columns: int = 80, rows: int = 24, **hello: Any) -> None:
        self.connection = connect(name)
        self.frames: list[tuple[int, bytes]] = []
        self.output = bytearray()
        self.shows = bytearray()
        self.position = -1
        self.sequence = 0
        self.closed = False
        self.send(hello_frame("attach", columns=columns, rows=rows, **hello))

    def send(self, data: bytes) -> None:
        self.connection.send(data, time.monotonic() + 10)

    def type(self, data: bytes, number: int | None = None) -> None:
        self.sequence = self.sequence + 1 if number is None else number
        self.send(protocol.numbered(protocol.INPUT, self.sequence, data))

    def step(self, seconds: float = 0.05) -> bool:
        """Read one frame; return False if none came."""
        try:
            kind, payload = self.connection.receive(time.monotonic() + seconds)
        except TimedOut:
            return False
        except Unreachable:
            self.closed = True
            return False
        if kind == protocol.OUTPUT:
            position, data = protocol.split_number(payload)
            assert self.position in (-1, position), f"output at {position}, expected at {self.position}"
            self.position = position + len(data)
            self.output += data
            self.shows += data
        else:
            if kind == protocol.SCREEN:
                self.position = protocol.split_number(payload)[0]
                self.shows += payload[2 * protocol.NUMBER_SIZE :]
            self.frames.append((kind, payload))
        return True

    def wait(self, kind: int, timeout: float = PATIENCE) -> bytes:
        """Return the payload of the first frame of a kind, once it has come."""
        deadline = time.monotonic() + timeout
        while True:
            for found, payload in self.frames:
                if found == kind:
                    return payload
            assert not self.closed, f"closed; {self.kinds()} {bytes(self.output[-200:])!r}"
            assert time.monotonic() < deadline, f"no frame {kind}; {self.kinds()} {bytes(self.output[-200:])!r}"
            self.step()

    def wait_output(self, data: bytes, timeout: float = PATIENCE) -> None:
        deadline = time.monotonic() + timeout
        while data not in self.output:
            assert not self.closed, f"closed; {bytes(self.output[-300:])!r}"
            assert time.monotonic() < deadline, f"no {data!r} in {bytes(self.output[-300:])!r}"
            self.step()

    def drain(self, timeout: float = PATIENCE) -> None:
        """Read everything until the daemon closes the connection."""
        deadline = time.monotonic() + timeout
        while not self.closed:
            assert time.monotonic() < deadline, "the connection stayed open"
            self.step()

    def kinds(self) -> list[int]:
        """Return the kinds of the frames that came, without OUTPUT."""
        return [kind for kind, _ in self.frames]

    def close(self) -> None:
        """Close the connection without DETACH, as when a client is killed."""
        self.connection.close()


class Daemons:
    def __init__(self, home: Home) -> None:
        self.home = home
        self._clients: list[Client] = []

    def create(self, name: str, *command: str, **spec: Any) -> Connection:
        """Create a session; return the creator's connection."""
        environment = self.home.environment({"SESH_DEBUG": "1"})
        asked: Any = {**SPEC, "environment": environment, "name": name, "command": list(command) or None, **spec}
        with pytest.MonkeyPatch.context() as patch:
            if forking.fits(environment):
                patch.setattr(launch, "_spawn", self._fork)
            for key, value in environment.items():
                patch.setenv(key, value)
            return launch.start_daemon(asked)

    def _fork(self, _scope: list[str], listening: int, path: str) -> subprocess.Popen[bytes]:
        """Start the zygote as a fork of this process, with the changes of a test."""
        return forking.start(
            ["zygote"],
            env=dict(os.environ),
            cwd="/",
            streams=(listening, subprocess.DEVNULL, subprocess.DEVNULL),
            mark=self.home.mark,
            program=lambda: forking.run_zygote(os.dup(0), path),
        )

    def start(self, name: str, *command: str, **spec: Any) -> int:
        """Create a session; return the pid of its daemon."""
        self.create(name, *command, **spec).close()
        return self.pid(name)

    def sh(self, name: str, script: str, **spec: Any) -> int:
        """Create a session that runs a shell script; return the pid of its daemon."""
        return self.start(name, "/bin/sh", "-c", script, **spec)

    def quiet(self, name: str, script: str = "exec cat", line: str = "-echo", **spec: Any) -> int:
        """Create a session whose terminal does not echo; wait until its script begins."""
        pid = self.sh(name, f"stty {line}; echo ready; {script}", **spec)
        self.wait_for(name, "ready")
        return pid

    def job(self, script: str, **spec: Any) -> dict[str, Any]:
        """Run a shell script as a job; return its result."""
        with self.create("job", "/bin/sh", "-c", script, job=True, **spec) as connection:
            greet(connection)
            return dict(connection.request(messages.WAIT)[0])

    def attach(self, name: str, **hello: Any) -> Client:
        """Attach a client, and wait for its WELCOME."""
        client = Client(name, **hello)
        self._clients.append(client)
        client.wait(protocol.WELCOME)
        return client

    def pid(self, name: str) -> int:
        """Return the daemon's pid; 0 if the session has ended already."""
        return int((records.read(name) or {}).get("daemon_pid", 0))

    def ask(self, name: str, verb: str, data: bytes = b"", **words: Any) -> Any:
        return find.request(name, getattr(messages, verb.upper()), data=data, **words)[0]

    def show(self, name: str, verb: str = "screen", **words: Any) -> str:
        return find.request(name, getattr(messages, verb.upper()), **words)[1].decode()

    def wait_for(self, name: str, text: str, timeout: float = PATIENCE) -> str:
        """Wait until the screen contains a text; return the screen."""
        wait_until(lambda: text in self.show(name), f"{text!r} on a screen", timeout=timeout)
        return self.show(name)

    def litter(self) -> list[str]:
        """Return the files in the directory of sessions, without locks, shims, results and log."""
        left = set(os.listdir(self.home.directory)) - {".lock", "bin", ".starting", ".results", "debug.log"}
        # The zygote of an interpreter outlives its session.
        return sorted(name for name in left if forking.ABLE or not name.startswith(".zygote."))

    def alive(self, name: str) -> bool:
        """Tell whether the session answers at once."""
        try:
            self.ask(name, "summary", timeout=2.0)
        except SeshError:
            return False
        return True

    def close(self) -> None:
        """Close the clients, and kill every process of the home."""
        for client in self._clients:
            client.close()
        processes.kill(self.home.processes())
        wait_until(lambda: not self.home.processes(), "the end of every process")


def running(pid: int) -> bool:
    """Return whether a process lives; a zombie does not."""
    return bool(start_time(pid))


def gone(*pids: int) -> None:
    wait_until(lambda: not any(map(running, pids)), f"the end of {pids}")


def resident(pid: int) -> int:
    """Count the bytes of private memory, without those shared with the tests' process."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Private_"))


def kill(pid: int) -> None:
    """Send SIGKILL, and wait for the end of the process."""
    os.kill(pid, signal.SIGKILL)
    gone(pid)
