"""Run a command that reaches a host, within limits of time and of output."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import suppress
from math import inf
from typing import IO, NamedTuple

from sesh.errors import ProtocolError, Unreachable, silent_host
from sesh.remote import known
from sesh.remote.ssh import master, ssh, ssh_messages
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.system.workers import Stop

MAX_PRINTED = 1 << 20  # bytes of stdout or stderr, then the command is killed: a host must not fill this machine
TOO_MUCH = f"printed more than {MAX_PRINTED >> 20} MiB, and was not read to the end"
PROBE_TIMEOUT = 5.0  # seconds; a shared connection over which `true` takes longer is replaced
_POLL_INTERVAL = 0.02  # seconds between two checks of a running command


class CommandResult(NamedTuple):
    code: int
    out: str
    err: str


def connect(destination: Destination, login: LoginOptions = master.UNATTENDED) -> None:
    """Open the shared connection; replace a silent one, unless the last login prompted a person.

    Raises as `master.ensure`.
    """
    if destination.via is None and master.is_alive(destination) and not known.login_prompted(destination.host):
        with suppress(Unreachable):  # `run` closes a silent one
            argv, timeout = ssh.command(destination, "exec true"), PROBE_TIMEOUT + destination.config_time
            run(destination, argv, timeout=timeout, stop=login.stop)
    master.ensure(destination, login)


def run(
    destination: Destination,
    argv: list[str],
    *,
    stdin: IO[bytes] | None = None,
    timeout: float = inf,
    stop: Stop | None = None,
) -> CommandResult:
    """Run a program that reaches a host, without a terminal. `timeout`: in seconds.

    Raises Interrupted after `stop`. Raises Unreachable if the program cannot start, ssh fails, or the timeout passes;
    then no further command uses the shared connection. Raises ProtocolError if the program prints too much.
    """
    host, until, stop = destination.host, time.monotonic() + timeout, stop or Stop()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = {"stdin": stdin or subprocess.DEVNULL, "stdout": out, "stderr": err}
        process = ssh.start(destination, argv, may_prompt=False, **streams)
        try:
            while True:
                has_ended = process.poll() is not None  # asked first: the sizes are then the last ones
                if any(os.fstat(output.fileno()).st_size > MAX_PRINTED for output in (out, err)):
                    raise ProtocolError(f"{host} {TOO_MUCH}")
                if has_ended:
                    break
                if time.monotonic() >= until:
                    if destination.via is None:
                        master.close(destination, ends_links=False)
                    raise silent_host(host)
                stop.sleep(_POLL_INTERVAL)
        finally:
            ssh.kill(process)
        result = CommandResult(process.returncode, _text(out), _text(err))
    if result.code == ssh.FAILED and destination.via is None:
        raise ssh_messages.failure(destination, result.err)
    return result


def _text(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode("utf-8", "replace")
