"""Open and close shared connections: one ssh for each host (ControlMaster in ssh_config).

ensure ──▶ the socket accepts? ──yes──▶ done
             │ no
             ├─ mark locked: start ssh, wait ──▶ the socket, or ssh's error
             └─ another process has locked the mark: wait for the socket, or the end of its ssh

The mark is a file next to the socket, which stays. It is also the stderr of an ssh that may not prompt. That ssh
inherits the lock with the descriptor, and holds it until it has gone to the background or ended. Waiting processes read
its messages.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from typing import BinaryIO

from sesh.errors import Unreachable, silent_host
from sesh.remote.ssh import ssh, ssh_messages
from sesh.remote.ssh.destination import TIMEOUT, Destination, program
from sesh.remote.ssh.ssh_messages import ShowLine, SshOutput
from sesh.system import descriptors, paths, programs
from sesh.system.paths import OWN
from sesh.system.workers import Stop

_CONTROL_TIMEOUT = 2.0  # seconds for `ssh -O`, which does not use the network; then it counts as failed
_POLL_INTERVAL = 0.02  # seconds between two checks of a login, long enough for fifty logins at once
_MAX_SILENCE = 60.0  # seconds in which an ssh prints nothing until other processes ignore its lock
_SOCKET = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class LoginOptions:
    """How to log in to a host."""

    may_prompt: bool = False  # ssh may prompt, on a terminal that is not raw yet
    deadline: float = inf  # for all steps (monotonic); an infinite one gives a person any time to log in
    stop: Stop = field(default_factory=Stop)  # ends the login
    show_line: ShowLine = lambda _: None  # receives what ssh and its ProxyCommand print


UNATTENDED = LoginOptions()


def is_shared(destination: Destination) -> bool:
    """Return whether commands for this host share a connection, sesh's own or the user's."""
    return destination.via is None and (
        ssh.owns_control_path(destination) or destination.setting("controlmaster") in ("auto", "true", "yes")
    )


def is_alive(destination: Destination) -> bool:
    """Return whether an ssh listens on the control socket; its host may still be dead."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(ssh.control_path(destination))
        except BlockingIOError:
            return True  # the backlog is full
        except (OSError, ValueError):  # nothing listens, as after its ssh was killed; or the user's own path is invalid
            return False
    return True


def identity(destination: Destination) -> tuple[int, int] | None:
    """Return the inode and ctime of the control socket; None without a socket."""
    try:
        status = os.lstat(ssh.control_path(destination))
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_ctime_ns


def ensure(destination: Destination, options: LoginOptions = UNATTENDED) -> None:
    """Open a host's shared connection, unless it is open or the host has none.

    An ssh that may not prompt outlives a wait that is stopped, and the next command uses its connection. Raises
    Unreachable with ssh's reason, Interrupted.
    """
    destination.resolve(min(TIMEOUT, options.deadline - time.monotonic()))
    if is_shared(destination) and not is_alive(destination):
        path = f"{ssh.own_path(destination)}.start"
        with open(path, "a+b", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, OWN)) as mark:
            destination.login_prompted = _log_in(destination, options, mark)
    destination.shared = identity(destination)


def _log_in(destination: Destination, options: LoginOptions, mark: BinaryIO) -> bool | None:
    """Log in, unless another process, which has locked the mark, does; return whether ssh prompted."""
    output, waited = SshOutput(mark), False
    while not (is_free := _try_lock(mark)) and not is_alive(destination):
        if waited and _is_silent(mark):  # only now: the other process may just be about to set the mark's time
            break
        waited = True
        _pause(destination, options, output)
    if is_alive(destination):
        return None
    options = replace(options, may_prompt=options.may_prompt and not _autossh())
    if is_free and waited and not options.may_prompt and ssh_messages.cause(printed := output.text()):
        # A second login would fail too, and some hosts lock a user out after many failures.
        raise ssh_messages.failure(destination, printed)
    with ssh.prompting(may_prompt=options.may_prompt):
        process = _start(destination, mark, may_prompt=options.may_prompt)
        try:
            return _await_login(process, destination, options, SshOutput(mark))
        except BaseException:
            if options.may_prompt:
                ssh.kill(process)
            raise
        finally:
            threading.Thread(target=process.wait, daemon=True).start()  # reaps ssh, which may outlive this call


def _await_login(
    process: subprocess.Popen[bytes], destination: Destination, options: LoginOptions, output: SshOutput
) -> bool | None:
    prompted = False
    while process.poll() is None and not is_alive(destination):
        _pause(destination, options, output)
        prompted = prompted or (options.may_prompt and descriptors.echo_is_off(0))  # for a secret
    if is_alive(destination):
        if not _autossh():  # ssh is going to the background
            with suppress(subprocess.TimeoutExpired):
                process.wait(_CONTROL_TIMEOUT)
    elif process.returncode:
        if options.may_prompt and not ssh_messages.cause(output.text()):
            raise Unreachable(f"cannot reach {destination.host}: see the messages of ssh above")
        raise ssh_messages.failure(destination, output.text())
    # A security key may have required a touch, for which ssh does not switch echo off.
    return None if options.may_prompt and not prompted else prompted


def _pause(destination: Destination, options: LoginOptions, output: SshOutput) -> None:
    """Sleep between two checks of a login. Raises Unreachable past the deadline, Interrupted."""
    output.pass_lines(options.show_line)
    if time.monotonic() >= options.deadline:
        raise silent_host(destination.host, output.reason())
    options.stop.sleep(_POLL_INTERVAL)


def _is_silent(mark: BinaryIO) -> bool:
    """Return whether the ssh that has locked the mark has printed nothing for long."""
    age = time.time() - os.fstat(mark.fileno()).st_mtime  # negative after the clock was set back
    return abs(age) > _MAX_SILENCE


def _start(destination: Destination, mark: BinaryIO, *, may_prompt: bool) -> subprocess.Popen[bytes]:
    mark.truncate(0)
    os.utime(mark.fileno())  # before ssh starts: waiting processes read this time
    if ssh.owns_control_path(destination):
        paths.check_socket(own := ssh.own_path(destination))
        with suppress(FileNotFoundError):  # ssh refuses to replace the socket of a killed ssh
            os.unlink(own)
    argv, null = _command(destination, mark.name, may_prompt=may_prompt), subprocess.DEVNULL
    stderr = None if may_prompt else mark  # the terminal gets the messages of an ssh that may prompt
    return ssh.start(destination, argv, may_prompt=may_prompt, stdin=null, stdout=null, stderr=stderr)


def _try_lock(mark: BinaryIO) -> bool:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _command(destination: Destination, stderr_path: str, *, may_prompt: bool) -> list[str]:
    """Return the command that logs in and becomes the shared connection."""
    if autossh := _autossh():  # reopens a lost connection
        argv = [autossh, "-M", "0", "-o", "ControlPersist=no"]
    else:
        # Without -f, too, ControlPersist sends ssh to the background.
        argv = [program(), *(["-f"] if may_prompt else [])]
    own = ssh.owns_control_path(destination)
    argv += ssh.logged_way_option(destination, stderr_path, may_prompt=may_prompt)
    argv += ["-N", "-T", *ssh.options(destination, may_prompt=may_prompt)]
    if destination.bulk:  # the other shared connection has the ports of ssh_config
        argv += ["-o", "ClearAllForwardings=yes"]
    # With `auto`, ssh itself checks whether a socket at the user's path is stale.
    argv += ["-o", f"ControlMaster={'yes' if own else 'auto'}"]
    return [*argv, *ssh.control_path_option(ssh.control_path(destination)), *destination.words]


def _autossh() -> str:
    """Return the autossh in `SESH_SSH`, which cannot prompt; empty for another ssh."""
    chosen = os.environ.get("SESH_SSH", "")
    return chosen if os.path.basename(chosen) == "autossh" else ""


def close(destination: Destination, *, ends_links: bool = True) -> None:
    """Make sure that no further command uses a shared connection.

    `ends_links`: end sesh's own connection at once, with all that runs over it. Without `ends_links`, and for the
    user's own connection, ssh only stops accepting new commands, and ends after those that run.
    """
    path, own = ssh.control_path(destination), ssh.owns_control_path(destination)
    _control(path, "exit" if own and ends_links else "stop")
    if own:  # a hanging ssh ignores `-O`: without its socket no command finds that ssh
        with suppress(FileNotFoundError):
            os.unlink(path)


def retire_all() -> int:
    """Retire all shared connections of sesh's own; return their number. Raises Refused."""
    folder = ssh.control_directory()
    return sum(_control(os.path.join(folder, entry), "stop") for entry in filter(_SOCKET.fullmatch, os.listdir(folder)))


def _control(path: str, command: str) -> bool:
    """Send a command to a shared connection (`ssh -O`); return whether it succeeded in time."""
    # ssh requires a host name, but does not use it.
    argv = [program(), "-F", "none", "-O", command, *ssh.control_path_option(path), "--", "sesh"]
    try:
        return os.path.lexists(path) and programs.run(argv, _CONTROL_TIMEOUT).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
