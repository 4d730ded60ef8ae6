"""Real daemons in a test's home, and clients that speak to them frame by frame."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from sesh import identity, protocol, wire
from sesh.errors import SeshError, TimedOut, Unreachable, rebuild
from sesh.messages import Answer
from sesh.store import records
from tests.faults import creator
from tests.support import ROOT, Home, forking, processes, wait_until


class Creator:
    """One process that creates sessions: a fork of the tests' own, with its umask and what a test has changed there."""

    def __init__(self, home: Home, **env: str) -> None:
        environment, pipe = {**home.environment(), "SESH_DEBUG": "1", **env}, subprocess.PIPE
        streams = (pipe, pipe, subprocess.DEVNULL)
        if forking.fits(environment):
            self.process = forking.start(
                ["creator"], env=environment, cwd=ROOT, streams=streams, mark=home.mark, program=creator.start
            )
        else:
            words = [sys.executable, "-m", "tests.faults.creator"]
            self.process = subprocess.Popen(
                words, stdin=pipe, stdout=pipe, stderr=streams[2], cwd=ROOT, env=environment
            )

    def create(self, name: str, *command: str, hold: bool = False, wait: bool = False, **spec: Any) -> None:
        """Asks for a session; `outcome` says how it went."""
        assert self.process.stdin is not None
        request = {"spec": {"name": name, "command": list(command) or None, **spec}, "hold": hold, "wait": wait}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        """Waits for the outcome. Raises the error that came back."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the creator died"
        answer: dict[str, Any] = json.loads(line)
        assert answer.get("code") != "crash", answer["message"]
        if "code" in answer:
            raise rebuild(answer)
        return dict(answer)

    def close(self) -> None:
        """Ends the process; the sessions live on."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait(10)


class Client:
    """An attached client; `output` is what OUTPUT brought, each byte checked to be at its place."""

    def __init__(self, name: str, *, columns: int = 80, rows: int = 24, **hello: Any) -> None:
        self.connection = wire.connect(name)
        self.frames: list[tuple[int, bytes]] = []
        self.output = bytearray()
        self.position = -1
        self.sequence = 0
        self.closed = False
        self.send(wire.greeting("attach", columns=columns, rows=rows, **hello))

    def send(self, data: bytes) -> None:
        self.connection.send(data, time.monotonic() + 10)

    def type(self, data: bytes, number: int | None = None) -> None:
        """Sends INPUT."""
        self.sequence = self.sequence + 1 if number is None else number
        self.send(protocol.numbered(protocol.INPUT, self.sequence, data))

    def step(self, seconds: float = 0.05) -> bool:
        """Takes one frame; False where none came."""
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
        else:
            if kind == protocol.SCREEN:
                self.position = protocol.split_number(payload)[0]
            self.frames.append((kind, payload))
        return True

    def wait(self, kind: int, timeout: float = 10) -> bytes:
        """The payload of the first frame of a kind that has come, or comes in time."""
        deadline = time.monotonic() + timeout
        while True:
            for found, payload in self.frames:
                if found == kind:
                    return payload
            assert not self.closed, f"closed; {self.kinds()} {bytes(self.output[-200:])!r}"
            assert time.monotonic() < deadline, f"no frame {kind}; {self.kinds()} {bytes(self.output[-200:])!r}"
            self.step()

    def wait_output(self, data: bytes, timeout: float = 10) -> None:
        """Waits until the output holds some bytes."""
        deadline = time.monotonic() + timeout
        while data not in self.output:
            assert not self.closed, f"closed; {bytes(self.output[-300:])!r}"
            assert time.monotonic() < deadline, f"no {data!r} in {bytes(self.output[-300:])!r}"
            self.step()

    def drain(self, timeout: float = 20) -> None:
        """Takes everything until the daemon closes."""
        deadline = time.monotonic() + timeout
        while not self.closed:
            assert time.monotonic() < deadline, "the connection stayed open"
            self.step()

    def kinds(self) -> list[int]:
        """The kinds of frames that came, OUTPUT apart."""
        return [kind for kind, _ in self.frames]

    def close(self) -> None:
        """Goes without a word, as a client that was killed does."""
        self.connection.close()


class Daemons:
    """The daemons of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.creators: list[Creator] = []
        """The first of them makes what `start` and `job` ask for."""
        self._clients: list[Client] = []

    def creator(self, **env: str) -> Creator:
        """Another creator, started with these variables."""
        self.creators.append(Creator(self.home, **env))
        return self.creators[-1]

    def start(self, name: str, *command: str, **spec: Any) -> int:
        """Creates a session; the pid of its daemon."""
        first = self.creators[0] if self.creators else self.creator()
        first.create(name, *command, **spec)
        first.outcome()
        return self.pid(name)

    def sh(self, name: str, script: str, **spec: Any) -> int:
        """A session that runs a shell script."""
        return self.start(name, "/bin/sh", "-c", script, **spec)

    def quiet(self, name: str, script: str = "exec cat", line: str = "-echo", **spec: Any) -> int:
        """A session whose terminal does not echo, and whose script, `cat` where none is named, is about to run."""
        pid = self.sh(name, f"stty {line}; echo ready; {script}", **spec)
        self.wait_for(name, "ready")
        return pid

    def job(self, script: str, **spec: Any) -> tuple[dict[str, Any], str]:
        """A job that runs a shell script to its end, waited for by its creator: the result and the output."""
        first = self.creators[0] if self.creators else self.creator()
        first.create("job", "/bin/sh", "-c", script, wait=True, job=True, **spec)
        answer = first.outcome()
        return answer["result"], answer["output"]

    def attach(self, name: str, **hello: Any) -> Client:
        """An attached client, which has been welcomed."""
        client = Client(name, **hello)
        self._clients.append(client)
        client.wait(protocol.WELCOME)
        return client

    def pid(self, name: str) -> int:
        """The daemon's pid; 0 where the session has ended already."""
        return int((records.read(name) or {}).get("daemon_pid", 0))

    def ask(self, name: str, verb: str, data: bytes = b"", **words: Any) -> Answer:
        """One verb's answer."""
        return wire.ask(name, verb, data, **words)[0]

    def show(self, name: str, verb: str = "screen", **words: Any) -> str:
        """What a verb shows."""
        return wire.ask(name, verb, **words)[1].decode()

    def wait_for(self, name: str, text: str, timeout: float = 10) -> str:
        """The screen, once it holds a text."""
        wait_until(lambda: text in self.show(name), timeout, what=f"{text!r} on a screen")
        return self.show(name)

    def litter(self) -> list[str]:
        """What lies in the directory of sessions, the lock and the kept results apart."""
        return sorted(set(os.listdir(self.home.directory)) - {".lock", ".results"})

    def alive(self, name: str) -> bool:
        """Whether the session answers, at once."""
        try:
            self.ask(name, "summary", timeout=2.0)
        except SeshError:
            return False
        return True

    def close(self) -> None:
        """Ends everything."""
        for client in self._clients:
            client.close()
        for other in self.creators:
            other.close()
        processes.kill(self.home.processes())
        wait_until(lambda: not self.home.processes(), what="the end of every process")


def running(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    return bool(identity.start_time(pid))


def gone(*pids: int, timeout: float = 5) -> None:
    """Waits until processes have ended."""
    wait_until(lambda: not any(map(running, pids)), timeout, what=f"the end of {pids}")


def resident(pid: int) -> int:
    """Count the bytes of memory that a process has for itself: what it shares with the tests' own is none of it."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Private_"))


def kill(pid: int) -> None:
    """Sends SIGKILL, and waits for the end."""
    os.kill(pid, signal.SIGKILL)
    gone(pid)
