"""Starts sesh as a fork of the tests' process, ten times faster than an interpreter.

The process of the tests has sesh loaded already. The zygotes that a fork starts are forks, too. So all of them have
what a test has changed in its own process by then, such as a shorter constant, or a system call that fails. For the
sake of later changes, a zygote ends as soon as nobody waits for it, except in a test with `lasting_zygotes`. From
outside, a fork is a process like any other, but /proc shows the command line and environment of the tests' process for
it. So each fork maps the file `mark`, and /proc/PID/maps tells which home the fork belongs to.
"""

from __future__ import annotations

import fcntl
import functools
import gc
import importlib
import io
import logging
import mmap
import os
import pkgutil
import signal
import subprocess
import sys
import termios
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import sesh.__main__
import sesh.cli
import sesh.client
import sesh.daemon
import sesh.ops
import sesh.reach
import sesh.remote.ssh
import sesh.vt
from sesh.cli import app, verbs
from sesh.daemon.spawn import launch, zygote
from tests.support import told

COLD = os.environ.get("COLD") == "1" or "SESH_UNDER_TEST" in os.environ
"""Whether each sesh starts an interpreter of its own: wanted by COLD=1, and by the path of an installed sesh."""
ABLE = sys.platform.startswith("linux") and not COLD
"""Whether sesh is forked."""
_EARLY = ("LANG", "LC_", "TZ", "LD_", "MALLOC_", "GLIBC_", "PYTHON", "FORCE_COLOR", "TERMINAL_WIDTH", "GITHUB_")
"""Beginnings of variables that have an effect only when an interpreter starts or a module is loaded."""
_LOADED = (sesh.cli, sesh.client, sesh.daemon, sesh.ops, sesh.reach, sesh.remote.ssh, sesh.vt)
"""Packages of the modules that verbs, clients and daemons load when they need them."""
IDLE = zygote.IDLE
"""The seconds that a user's zygote lives without work."""
zygote.IDLE = 0.0
HELD = ("sh", "-c", 'kill -STOP $$; exec "$@"', "sh")
"""The words before a command that stops itself before it begins, until SIGCONT."""
USUAL = {"LANG": "C.UTF-8", **{key: os.environ[key] for key in ("TZ", "LD_LIBRARY_PATH") if key in os.environ}}
"""The variables with these beginnings that each home has."""


class Started(subprocess.Popen[bytes]):
    """A process of a test, whose output a failure shows once the test has read it."""

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002
        """Read all output; see Popen."""
        out, err = super().communicate(input, timeout)
        told.note([str(word) for word in self.args], self.returncode, out, err)  # type: ignore[union-attr]
        return out, err


def fits(environment: Mapping[str, str]) -> bool:
    """Tell whether a fork can have this environment without a new interpreter."""
    return ABLE and {key: value for key, value in environment.items() if key.startswith(_EARLY)} == USUAL


def start(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    streams: tuple[int | IO[Any], int | IO[Any], int | IO[Any]],
    mark: str,
    tty: bool = False,
    held: bool = False,
    program: Callable[[], object] = sesh.__main__.start,
) -> Started:
    """Start a fork that runs `program` with the command line `words`.

    `streams`: stdin, stdout and stderr, as for Popen. `tty`: stdin becomes the fork's controlling terminal. `held`: the
    fork stops itself before it begins, until SIGCONT.
    """

    _load()

    def run() -> None:
        try:
            _become(list(words), env, mark, tty)
            if held:
                os.kill(os.getpid(), signal.SIGSTOP)
            program()
            code: object = 0
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
            code = 1
        _end(code if isinstance(code, int) else 0 if code is None else 1)

    return Started(
        list(words),
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=run,
    )


def begin_anew(program: Callable[[], object]) -> None:
    """Run a program in a fork of another sesh, without that one's signal handling."""
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    program()


@contextmanager
def signals_wait() -> Iterator[set[signal.Signals]]:
    """Block all signals while a sesh forks; yield the mask before, for the fork.

    logging has a hook in each fork, and Python drops a KeyboardInterrupt that is raised there.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield mask  # type: ignore[misc]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@functools.cache
def _load() -> None:
    """Import and build once whatever each fork would import or build again."""
    for package in _LOADED:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for verb in verbs.VERBS:
        app.built(verb.name)
    gc.collect()
    gc.freeze()  # else each fork would copy all of it when it looks for garbage


def _become(words: list[str], env: Mapping[str, str], mark: str, tty: bool) -> None:
    """Make this fork a sesh of its own, which keeps only the loaded modules."""
    os.closerange(3, 1 << 16)  # this closes Popen's own pipe, too: Popen waits for that
    with open(mark, "rb") as file:
        # The module keeps the map, so that it lasts until the process ends.
        sys.modules["sesh"].__dict__["_mark"] = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    if tty:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (None, signal.SIG_DFL):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = words
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), encoding="utf-8")
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        raw = open(descriptor, "wb", closefd=False)
        own = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace" if name == "stderr" else "strict")
        own.reconfigure(line_buffering=name == "stderr" or raw.isatty())
        setattr(sys, name, own)
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    logging.getLogger().handlers.clear()
    _fork_zygotes()


def _fork_zygotes() -> None:
    """Make this process fork its zygotes, except those in a systemd `scope`."""
    spawn = launch._spawn

    def fork(scope: list[str], listening: int, path: str) -> subprocess.Popen[bytes]:
        if scope:
            return spawn(scope, listening, path)
        with signals_wait() as mask:

            def run() -> None:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                run_zygote(listening, path)

            return subprocess.Popen(
                ["zygote"],
                start_new_session=True,
                restore_signals=False,
                preexec_fn=run,  # noqa: PLW1509 - it never returns
            )

    launch._spawn = fork


def run_zygote(listening: int, path: str) -> None:
    """Become a zygote that has only the loaded modules of the tests' process; never return."""
    os.closerange(3, listening)
    os.closerange(listening + 1, 1 << 16)
    signal.set_wakeup_fd(-1)
    os.environ["SESH_DIR"] = os.path.dirname(path)
    zygote.run(listening, path)


def _end(code: int) -> None:
    """End as an interpreter does, but without the exit handlers of the tests' process."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120  # the interpreter's own exit code for this
    os._exit(code)
