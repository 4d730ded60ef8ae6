"""Control masters: one shared ssh connection for each host (ControlMaster in ssh_config), opened and closed here."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from sesh import paths, programs, reading, writing
from sesh.errors import Interrupted, Late, LoginRefused, Refused, Unreachable, silent_host
from sesh.identity import start_time
from sesh.names import printable
from sesh.remote.ssh import alone, ssh
from sesh.remote.ssh.destination import Destination, program
from sesh.stop import Stop

PERSIST = "8h"
"""ControlPersist, if the user sets none."""
_TIME = re.compile(r"\d+(?:[smhdw]\d+)*[smhdw]?|yes|no", re.ASCII | re.IGNORECASE)
"""A value of ControlPersist."""
_BRIEFLY = "5"
"""ControlPersist for `no`: with that itself, a control master that is opened by itself would stay for ever."""
_CONTROL_TIMEOUT = 2
"""Seconds for `ssh -O`, which asks no host."""
_LOGIN = re.compile(r'^Authenticated to .* using "([a-z-]+)"', re.MULTILINE)
_ASKING = ("password", "keyboard-interactive")
"""ssh's message, at LogLevel VERBOSE, of the method by which it logged in; the methods that ask somebody."""
LONGEST_LOGIN = 60
"""Seconds that a login may take for which nobody waits any more."""
LOOK_BACK = 60.0
"""Seconds for which a refused login counts for those that would leave theirs alone."""
_FRESH = 5.0
"""Seconds for which a failure other than a refusal counts: the host may be back at any moment."""
_LARGEST_NOTE = 2 << 20
"""Bytes of what ssh printed at a failed login: more than a banner, of which sshd sends 1 MiB at most."""
_left_alone: list[subprocess.Popen[bytes]] = []
"""What may outlive this process: logins, autossh. Those that have ended are taken from the kernel at the next login."""


def is_shared(destination: Destination) -> bool:
    """Return whether connections to this host are shared; if not, each command logs in by itself.

    They are shared by sesh's own control master, or by the user's if ssh would open it unasked.
    """
    return destination.via is None and (
        ssh.owns_control_path(destination) or destination.setting("controlmaster") in ("auto", "true", "yes")
    )


def ensure(
    destination: Destination,
    *,
    ask: bool | None = None,
    timeout: float | None = None,
    lingers: bool = False,
    stop: Stop | None = None,
) -> bool | None:
    """Make sure that the host's control master is there; a new one is opened by itself, its stdio on /dev/null.

    `ask`: whether ssh may prompt (on the terminal, before anything is raw); None: if there is a terminal.
    `timeout`: seconds, also for another process that is opening it. `lingers`: if nobody may be asked, a login that
    takes longer goes on alone, and its outcome is for who comes next. `stop`: ends the waiting, and any other login. If
    connections to the host are not shared it does nothing. Returns whether somebody was asked to log in; None if that
    is not known. Raises Unreachable with ssh's own reason, in one line; Refused, Interrupted.

    If another process tries meanwhile, and its login is refused, this one is refused alike: some hosts lock out. A
    login that goes on alone is ended for a person who logs in.
    """
    _left_alone[:] = [process for process in _left_alone if process.poll() is None]
    if not is_shared(destination) or is_alive(destination):
        return None
    ask = ssh.can_prompt() if ask is None else ask
    deadline = None if timeout is None else time.monotonic() + timeout
    asked_at = time.time()
    with locked(destination, deadline, takes_over=ask, stop=stop) as lock:
        if not is_alive(destination):
            failure = None if ask else _failed(destination, asked_at - (LOOK_BACK if lingers else 0), deadline)
            if failure is not None and _counts(failure, asked_at):
                raise failure
            if ssh.owns_control_path(destination) and os.path.lexists(path := _path(destination)):
                os.unlink(path)  # that of a killed control master; a new one would find it taken
            asked = _open(destination, ask, deadline, lock if lingers and not ask else None, stop or Stop())
            _replace_agents(destination)
            return asked
    return None


def _counts(failure: Unreachable, asked_at: float) -> bool:
    """Return whether an earlier failure counts for an attempt at `asked_at` (time.time), so that it is not made."""
    if isinstance(failure, LoginRefused):
        return True
    return not isinstance(failure, Late) and failure.at >= asked_at - _FRESH


def forget_refusal(destination: Destination) -> None:
    """Forget that a login was refused: the host has let this user in since, or a person wants it to be asked."""
    if is_shared(destination):
        _note_login(destination)


def check_refusals(destination: Destination, since: float) -> None:
    """Raise LoginRefused as the newest attempt with the same agent did, if that was after `since` (time.time)."""
    note = _noted(destination, since)
    if note is not None and isinstance(failure := ssh.failure(destination, note[0]), LoginRefused):
        raise failure


def _failed(destination: Destination, since: float, deadline: float | None = None) -> Unreachable | None:
    """How the newest login with the same agent failed, if that is noted, and was after `since` (time.time).

    Only a refused login is told more than once: what else went wrong may have passed. `deadline`: for asking a jump
    host what it has against it. The caller holds the lock, or has just lost it to the login that is noted.
    """
    note = _noted(destination, since)
    if note is None:
        return None
    printed, at = note
    told = printed if ssh.reasons(printed) else _jump_host_errors(destination, printed, deadline)
    failure = ssh.failure(destination, told) if told == printed or ssh.reasons(told) else None  # else it is back
    if not isinstance(failure, LoginRefused):
        _note_login(destination)
    elif told != printed:
        _note_login(destination, told)  # and the jump host is not asked again
    if failure is not None:
        failure.at = at
    return failure


def _noted(destination: Destination, since: float) -> tuple[str, float] | None:
    """What ssh printed at the newest login with the same agent, and when (time.time); None if it has not failed after
    `since`."""
    path = f"{_path(destination)}.failed"
    try:
        at = os.lstat(path).st_mtime
    except FileNotFoundError:
        return None
    noted = since <= at <= time.time() + 1  # a later one means that the clock was set
    note = reading.read_own(path, _LARGEST_NOTE) if noted and not is_alive(destination) else None
    agent, _, printed = (note or b"").decode("utf-8", "replace").partition("\n")
    if note is None or agent != _agent():
        return None  # another process has logged in, or this one may
    return printed, at


def _path(destination: Destination) -> str:
    """The path of the control socket that is this process's to open, if sesh owns that, and of the files beside it.

    `.agent`: see `_replace_agents`. `.lock`: see `locked`. `.failed`: of the newest login, the agent's socket and what
    ssh printed, if it failed and others should know. `.login`: the same of one that goes on alone.
    """
    return os.path.join(ssh.control_directory(), ssh.control_name(destination))


def _agent() -> str:
    return os.environ.get("SSH_AUTH_SOCK", "").encode("utf-8", "replace").decode()


def _note_login(destination: Destination, refused: str = "") -> None:
    """Note what ssh printed when it was refused, for the other processes that would try; or that it was not."""
    path = f"{_path(destination)}.failed"
    try:
        if refused:
            writing.write_whole(path, f"{_agent()}\n{refused}".encode())
        else:
            os.unlink(path)
    except OSError:
        return  # nothing to remove; or the others are refused by themselves


def is_alive(destination: Destination) -> bool:
    """Return whether the control master answers (the host itself is not asked)."""
    return os.path.exists(ssh.control_path(destination)) and _control(destination, "check")


def identity(destination: Destination) -> tuple[int, int] | None:
    """The inode and change time of the control master's socket, by which it is known again; None if there is none."""
    if destination.via is not None:
        return None
    try:
        status = os.lstat(ssh.control_path(destination))
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_ctime_ns


def close(destination: Destination, *, cuts: bool = True) -> None:
    """Make sure that a silent control master is not used again: ours ends, the user's own takes no more sessions, nor
    does ours unless it `cuts` those that it has."""
    if destination.via is not None or not os.path.lexists(socket := ssh.control_path(destination)):
        return
    own = ssh.owns_control_path(destination)
    _control(destination, "exit" if own and cuts else "stop")
    if own:  # if that hangs: without its socket nobody finds it, and it ends with its connection
        try:
            os.unlink(socket)
        except FileNotFoundError:
            pass  # ssh removed it


def retire(destination: Destination) -> None:
    """Have sesh's own control masters to a host end, each once no session uses it: none is cut. The user's own stay.

    Those with another identity or jump host (`SESH_IDENTITY`) end too.
    """
    if destination.via is not None or not ssh.owns_control_path(destination):
        return
    for path in ssh.control_sockets(ssh.control_name(destination), any_way=True):
        _stop(path)


def _replace_agents(destination: Destination) -> None:
    """Have those connections to the host end as `retire` does whose agent is gone, as another agent has one now.

    A link beside the socket of each leads to its agent.
    """
    agent, own = ssh.forwarded_agent(destination), _path(destination)
    if not agent or not ssh.owns_control_path(destination):
        return
    for path in ssh.control_sockets(ssh.control_name(destination)):
        if path != own and os.path.islink(f"{path}.agent") and not ssh.accepts(f"{path}.agent"):
            _stop(path)
    _unlink_agent(own)
    try:
        os.symlink(agent, f"{own}.agent")
    except OSError:
        return  # a full disk: the connection stays for as long as others do


def _unlink_agent(path: str) -> None:
    try:
        os.unlink(f"{path}.agent")
    except FileNotFoundError:
        pass  # it forwards none


def retire_all() -> int:
    """Have all control masters of sesh's own end as `retire` does; return how many there were. Raises Refused."""
    return sum(map(_stop, ssh.control_sockets()))


def _stop(path: str) -> bool:
    """Have a control master take no more sessions and end with those that it has; return whether there was one.

    OpenSSH: clientloop.c, client_stop_mux.
    """
    _unlink_agent(path)
    argv = [program(), "-F", "none", "-O", "stop", *ssh.control_path_option(path), "--", "sesh"]  # asks no host
    return _wait(_start(argv, subprocess.DEVNULL, ask=False), _CONTROL_TIMEOUT, ask=False) == 0


@contextmanager
def asked(destination: Destination) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends once sshd has answered over the control master: a round trip, and it starts nothing there.

    It asks for a connection to a port at which hardly anybody listens; sshd answers that, whatever it allows.
    """
    argv = [program(), "-F", "none", *ssh.control_path_option(ssh.control_path(destination)), "-o", "ControlMaster=no"]
    argv += ["-o", "ProxyCommand=false", "-W", "127.0.0.1:1", "--", "sesh"]  # without its master it connects to nothing
    process = _start(argv, subprocess.DEVNULL, ask=False)
    try:
        yield process
    finally:
        if process.poll() is None:
            _kill(process, group=True)


def _control(destination: Destination, command: str) -> bool:
    """Send a command to the control master (`ssh -O`); return whether it succeeded in time."""
    path = ssh.control_path(destination)
    argv = [program(), "-O", command, *ssh.control_path_option(path), *destination.target]
    return _wait(_start(argv, subprocess.DEVNULL, ask=False), _CONTROL_TIMEOUT, ask=False) == 0


# -- opening


def _open(destination: Destination, ask: bool, deadline: float | None, lock: Lock | None, stop: Stop) -> bool | None:
    """Open the control master, by autossh if the user chose that and nobody must be asked. Returns as `ensure` does.

    `lock`: for a login that goes on alone beyond the deadline; None if it is to be killed then, and by `stop`.
    """
    if os.path.basename(os.environ.get("SESH_SSH") or "") == "autossh":
        with tempfile.TemporaryFile() as stderr:
            if _open_by_autossh(destination, stderr, deadline):
                _note_login(destination)
                return False
            printed = ssh.printed(stderr)
        if not (ask and "Permission denied" in printed):
            raise ssh.failure(destination, printed)
    if lock is not None:
        _open_alone(destination, deadline, lock)
        return None
    with tempfile.TemporaryFile() as stderr:
        if not _run_ssh(destination, stderr, ask, deadline, stop) or is_alive(destination):
            _note_login(destination)
            login = _LOGIN.search(ssh.printed(stderr))
            return None if login is None else login[1] in _ASKING
        printed = ssh.printed(stderr)
    if not ssh.reasons(printed):
        printed = _jump_host_errors(destination, printed, deadline)
    failure = ssh.failure(destination, printed, asked=ask)
    if isinstance(failure, LoginRefused):
        _note_login(destination, printed)
    raise failure


def _start(
    argv: list[str], stderr: IO[bytes] | int, *, ask: bool, hint: str = "install the OpenSSH client", keep: int = -1
) -> subprocess.Popen[bytes]:
    """Start a program with nothing on stdin and stdout, and one descriptor to keep. Raises Unreachable.

    Unless it may ask it has no controlling terminal: then neither ssh nor the ssh of a jump host can.
    """
    try:
        return programs.start(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=ssh.environment(ask=ask),
            start_new_session=not ask,
            pass_fds=(keep,) if keep >= 0 else (),
        )
    except OSError as error:
        raise programs.cannot_run(argv[0], error, hint) from error


def _wait(process: subprocess.Popen[bytes], seconds: float | None, *, ask: bool) -> int | None:
    """The exit code of what `_start` has started; None if it took longer, and was killed with all of its session."""
    try:
        return process.wait(None if seconds is None else max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            _kill(process, group=not ask)


def _kill(process: subprocess.Popen[bytes], *, group: bool) -> None:
    try:
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass  # it just ended
    process.wait()


def _run_ssh(destination: Destination, stderr: IO[bytes], ask: bool, deadline: float | None, stop: Stop) -> int:
    """Run ssh until it has gone to the background or failed; return its exit code. Raises Late at the deadline,
    Interrupted."""
    left = None if deadline is None else deadline - time.monotonic()
    process = _start(_login(destination, ask=ask), stderr, ask=ask)
    try:
        with stop.calling(partial(_kill, process, group=not ask)):
            code = _wait(process, left, ask=ask)
        stop.check()
    except Interrupted:
        _kill(process, group=not ask)
        raise
    if code is None:
        raise silent_host(destination.host)
    return code


def _login(destination: Destination, *, ask: bool) -> list[str]:
    """The command that logs in and becomes the control master, in the background."""
    argv = [program(), *ssh.options(destination, ask=ask), "-f", "-N", "-T", *_options(destination)]
    if destination.setting("loglevel").upper() == "INFO":
        argv += ["-o", "LogLevel=VERBOSE"]  # which says by which method it has logged in
    return [*argv, *destination.target]


def _open_alone(destination: Destination, deadline: float | None, lock: Lock) -> None:
    """Open the control master by a process that holds the lock, and goes on beyond the deadline: see `alone`.

    Raises Late at the deadline, and if a person took over; Unreachable.
    """
    path, began = _path(destination), time.time() - 1  # the clock of files may be behind
    argv = [sys.executable, "-IS", alone.__file__, str(LONGEST_LOGIN), path, *_login(destination, ask=False)]
    descriptor = os.open(
        f"{path}.login", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN
    )
    with open(descriptor, "wb", 0) as stderr:
        stderr.write(f"{_agent()}\n".encode())
        lock.passed_on = True
        process = _start(argv, stderr, ask=False, keep=lock.descriptor)
    os.ftruncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, f"{process.pid} {start_time(process.pid)}".encode(), 0)
    _left_alone.append(process)
    try:
        code = process.wait(None if deadline is None else deadline - time.monotonic())
    except subprocess.TimeoutExpired:
        code = -1
    if code and not is_alive(destination):
        raise (_failed(destination, began, deadline) if code > 0 else None) or silent_host(destination.host)


def _open_by_autossh(destination: Destination, stderr: IO[bytes], deadline: float | None) -> bool:
    """Let autossh open the control master, and open it again whenever it is lost; False if it gives up at once.

    Raises Unreachable.
    """
    argv = [os.environ["SESH_SSH"], "-M", "0", "-N", "-T", *ssh.options(destination, ask=False)]
    # Not in the background (-f): autossh must see how its ssh ends. It lives until someone ends it.
    argv += [*_options(destination, persist="no"), *destination.target]
    hint = "install it, or unset SESH_SSH"
    if programs.find(argv[0]) is None:
        raise Unreachable(f"SESH_SSH: there is no program {printable(argv[0])}", hint=hint)
    process = _start(argv, stderr, ask=False, hint=hint)
    deadline = time.monotonic() + 3 * ssh.CONNECT_TIMEOUT if deadline is None else deadline
    while not is_alive(destination):
        if process.poll() is not None:
            return False
        if time.monotonic() >= deadline:
            _kill(process, group=True)
            raise silent_host(destination.host)
        time.sleep(0.05)
    _left_alone.append(process)
    return True


def _options(destination: Destination, persist: str | None = None) -> list[str]:
    """The options that make an ssh the control master, for as long as the user wants it to stay. Raises Refused."""
    own = ssh.owns_control_path(destination)
    if persist is None and (own or destination.setting("controlpersist") in ("", "no")):
        persist = os.environ.get("SESH_PERSIST") or PERSIST
        if not _TIME.fullmatch(persist):
            raise Refused(f"SESH_PERSIST={persist} is not a time that ssh knows", hint="write 8h, 90m, 600, yes or no")
        if persist.lower() == "no":
            persist = _BRIEFLY
    # `auto` makes ssh itself check whether a socket at the user's path is stale.
    path = _path(destination) if own else ssh.control_path(destination)
    argv = ["-o", f"ControlMaster={'yes' if own else 'auto'}", *ssh.control_path_option(path)]
    return [*argv, "-o", f"ControlPersist={persist}"] if persist else argv


def _jump_host_errors(destination: Destination, printed: str, deadline: float | None) -> str:
    """Return what the ssh of a jump host prints, which a control master keeps to itself."""
    if not {destination.setting("proxyjump"), destination.setting("proxycommand")} - {"", "none"}:
        return printed
    with tempfile.TemporaryFile() as stderr:
        process = _start(ssh.command(destination, "exit", alone=True), stderr, ask=False)
        _wait(process, ssh.seconds_left(deadline, ssh.CONNECT_TIMEOUT), ask=False)
        return ssh.printed(stderr)


class Lock:
    """A lock that is held. `passed_on`: another process holds it too, and removes its file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.passed_on = descriptor, False


@contextmanager
def locked(
    destination: Destination, deadline: float | None, *, takes_over: bool = False, stop: Stop | None = None
) -> Iterator[Lock]:
    """Hold a lock while a host's control master is opened: a second one would stay for ever, unused.

    `takes_over`: a login that goes on alone is ended. `stop`: ends the waiting. Raises Unreachable if another process
    holds it until the deadline (of time.monotonic; None: wait without end), Interrupted.
    """
    sleep = time.sleep if stop is None else stop.sleep
    path = f"{_path(destination)}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break  # else its last holder has removed it meanwhile
        except BlockingIOError:
            if takes_over:
                _end_alone(descriptor)
        except FileNotFoundError:
            pass  # another process just had it
        os.close(descriptor)
        if deadline is not None and time.monotonic() >= deadline:
            message = f"{destination.host} does not answer: another sesh command is still connecting to it"
            tries = "--watch and attached sessions go on trying by themselves"
            raise Late(message, hint=f"{tries}; see why: ssh {destination.host}")
        sleep(0.02)
    lock = Lock(descriptor)
    try:
        yield lock
    finally:
        if not lock.passed_on:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # someone cleared the directory
        os.close(descriptor)


def _end_alone(descriptor: int) -> None:
    """End the login that goes on alone and holds this lock, if one does, with all that it has started."""
    pid, _, start = os.pread(descriptor, 100, 0).decode("ascii", "replace").partition(" ")
    if start and pid.isdecimal() and start_time(int(pid)) == start:
        try:
            os.killpg(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass  # it just ended
