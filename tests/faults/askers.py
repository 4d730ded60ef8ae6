"""Commands of sesh as forks of one process that has loaded what they need: rounds without an interpreter for each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from types import TracebackType

from tests.support import Home, wait_until

_SERVER = f"""
import sys
sys.path[:0] = {[path for path in sys.path if path]!r}
import gc, json, os, signal
CODE
import sesh.cli.jobs, sesh.cli.sessions, sesh.daemon.spawn.launch, sesh.daemon.spawn.main, sesh.ops.end, sesh.ops.enter
from sesh.__main__ import main
from tests.births import fork_daemons
fork_daemons()

def reap(*_):
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            os.write(1, b"ended %d %d\\n" % (ended[0], os.waitstatus_to_exitcode(ended[1])))
    except ChildProcessError:
        return

signal.signal(signal.SIGCHLD, reap)
gc.freeze()  # what is shared stays so
while line := sys.stdin.buffer.raw.readline():
    words, environment, said = json.loads(line)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        os.setsid()
        os.environ.update(environment)
        null, err = os.open("/dev/null", os.O_RDWR), os.open(said, os.O_WRONLY)
        for number, target in enumerate((null, null, err)):
            os.dup2(target, number)
        os.close(null), os.close(err)
        sys.argv[1:] = words
        code = main()
        sys.stderr.flush()
        os._exit(code)
    os.write(1, b"began %d\\n" % child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
"""


class Asker:
    """One command: its pid, and its exit code (negative for a signal) and standard error once it has ended."""

    def __init__(self, askers: Askers, pid: int, said: str) -> None:
        self._askers, self._said = askers, said
        self.pid = pid

    @property
    def code(self) -> int | None:
        """None while it runs."""
        return self._askers.codes().get(self.pid)

    def kill(self) -> None:
        """SIGKILL, where it has not ended; its connections are closed then."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.ended()

    def ended(self, timeout: float = 15) -> tuple[int, str]:
        """Waits for its end; the exit code and standard error."""
        wait_until(lambda: self.code is not None, timeout, what="the end of the asker")
        assert self.code is not None
        with open(self._said, encoding="utf-8") as file:
            return self.code, file.read()


class Askers:
    """The process that is forked for each command; `code` is Python that changes it beforehand. A context manager."""

    def __init__(self, home: Home, code: str) -> None:
        self.home = home
        words = [sys.executable, "-IS", "-c", _SERVER.replace("CODE", code)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=home.environment(), cwd=home.path
        )
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdout.fileno(), False)
        self._lines: list[list[str]] = []
        self._begun = 0
        self._rest = b""

    def __enter__(self) -> Askers:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._stdin.close()
        self._process.wait(10)
        self._stdout.close()

    def __call__(self, *words: str, env: dict[str, str] | None = None) -> Asker:
        """Starts `sesh WORDS` without a terminal."""
        descriptor, said = tempfile.mkstemp(dir=self.home.root)
        os.close(descriptor)
        self._stdin.write(json.dumps([words, env or {}, said]).encode() + b"\n")
        self._stdin.flush()
        self._begun += 1
        wait_until(lambda: len(self._pids()) == self._begun, what="the start of the asker")
        return Asker(self, self._pids()[-1], said)

    def others(self) -> list[int]:
        """What runs in the home beside this process: commands, daemons, their programs."""
        return [pid for pid in self.home.processes() if pid != self._process.pid]

    def _pids(self) -> list[int]:
        self._read()
        return [int(words[1]) for words in self._lines if words[0] == "began"]

    def codes(self) -> dict[int, int]:
        """The exit codes of those that have ended, by pid."""
        self._read()
        return {int(words[1]): int(words[2]) for words in self._lines if words[0] == "ended"}

    def _read(self) -> None:
        while data := self._stdout.read(65536):
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines += [line.decode().split() for line in lines]
