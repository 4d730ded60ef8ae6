"""Shared connections: one ssh for each host (ControlMaster in ssh_config), opened and closed here.

ensure ──▶ the socket takes sessions? ──yes──▶ done
             │ no
             ├─ the mark is free: start ssh, wait ──▶ socket, or ssh's own words
             └─ another process has it: wait for the socket, or the end of its ssh

The mark is a locked file beside the socket. It is the stderr of an ssh that asks nobody, so that the lock stands until
that ssh has gone to the background or ended, and whoever waits can read its words.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from sesh import programs
from sesh.errors import Unreachable, silent_host
from sesh.paths import OWN
from sesh.remote.ssh import ssh, words
from sesh.remote.ssh.destination import TIMEOUT, Destination, program
from sesh.remote.ssh.words import AuthenticationFailed, Heard, Say
from sesh.stop import Stop

_CONTROL_TIMEOUT = 2.0
"""Seconds for `ssh -O`, which asks no host."""
_TICK = 0.005
"""Seconds between two looks at a login: a password is typed in longer."""
_LONGEST_SILENCE = 60.0
"""Seconds without a word from an ssh after which its mark locks out nobody."""
_SOCKET = re.compile(r"[0-9a-f]{24}")


def is_shared(destination: Destination) -> bool:
    """Return whether connections to this host are shared; if not, each command logs in by itself.

    They are shared by sesh's own connection, or by the user's if ssh would open it unasked.
    """
    return destination.via is None and (
        ssh.owns_control_path(destination) or destination.setting("controlmaster") in ("auto", "true", "yes")
    )


def is_alive(destination: Destination) -> bool:
    """Return whether a process listens for sessions (the host itself is not asked)."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(ssh.control_path(destination))
        except BlockingIOError:
            return True  # more wait for it than it has taken yet
        except (OSError, ValueError):  # of one that was killed, too; the user may have named any path
            return False
    return True


def identity(destination: Destination) -> tuple[int, int] | None:
    """The inode and change time of the control socket, by which it is known again; None if there is none."""
    try:
        status = os.lstat(ssh.control_path(destination))
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_ctime_ns


# -- opening


def ensure(
    destination: Destination,
    *,
    ask: bool | None = None,
    timeout: float | None = None,
    say: Say | None = None,
    stop: Stop | None = None,
) -> bool | None:
    """Make sure that the shared connection is there, if connections to the host are shared.

    `ask`: whether ssh may prompt (on the terminal, before anything is raw); None: if there is a terminal. `timeout`:
    seconds. `say`: gets what ssh prints while it is waited for. `stop`: ends the waiting. An ssh that may ask nobody
    goes on alone: its connection is for who comes next. Returns whether somebody was asked to log in; None if that is
    not known. Raises Unreachable with ssh's own reason, Interrupted.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    destination.resolve(TIMEOUT if timeout is None else timeout)
    if not is_shared(destination):
        return None
    ask = (ssh.can_prompt() if ask is None else ask) and not _autossh()
    login = _Login(destination, ask, deadline, say or (_print if ask else bool), stop or Stop())
    while not is_alive(destination):
        with open(f"{ssh.own_path(destination)}.start", "a+b", opener=_private) as mark:
            if not _locked(mark):
                login.follow(mark)
            elif is_alive(destination):  # another process has just opened it
                _remove(mark)
            elif _is_in_place(mark):
                return login.run(mark)
    return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, OWN)


@dataclass
class _Login:
    """A login, of this process or of another one. `asked`: ssh has hidden what is typed, as it does for a secret."""

    destination: Destination
    ask: bool
    deadline: float | None
    say: Say
    stop: Stop
    asked: bool = False

    def run(self, mark: BinaryIO) -> bool | None:
        """Have an ssh become the shared connection, and wait until it is. Returns as `ensure` does."""
        mark.truncate(0)  # at once, as those who follow look at its time
        host, process = self.destination.host, self._started(mark)
        try:
            stands = self._stands(mark, lambda: process.poll() is not None)
            if stands and not _autossh():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_CONTROL_TIMEOUT)  # it goes to the background just now
        except BaseException:
            if self.ask:
                process.kill()
                _remove(mark)
            raise
        finally:
            threading.Thread(target=process.wait, daemon=True).start()  # the kernel keeps one that nobody waits for
        _remove(mark)
        if stands or process.returncode == 0:
            return self.asked or (None if self.ask else False)
        printed = Heard(mark.fileno()).text()
        if words.reasons(printed) or not self.ask:
            raise words.failure(self.destination, printed)
        if self.asked:
            raise AuthenticationFailed(f"{host} refused the login", hint=f"try: ssh {host}")
        raise Unreachable(f"cannot reach {host}: ssh has said why")

    def _started(self, mark: BinaryIO) -> subprocess.Popen[bytes]:
        """Start the ssh. Raises Unreachable."""
        if ssh.owns_control_path(self.destination):
            with suppress(FileNotFoundError):
                os.unlink(ssh.control_path(self.destination))  # of one that was killed; ssh would find it taken
        argv = _command(self.destination, mark.name, ask=self.ask)
        errors = None if self.ask else mark  # a prompt comes on the terminal, so its words have to come there too
        try:
            return programs.start(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=ssh.environment(ask=self.ask),
                start_new_session=not self.ask,
            )
        except OSError as error:
            _remove(mark)
            raise programs.cannot_run(argv[0], error, "install the OpenSSH client, or check SESH_SSH") from error

    def follow(self, mark: BinaryIO) -> None:
        """Wait for the login of another process. Raises its failure, as some hosts lock out who is refused often; not
        for a person, who may succeed."""

        def hangs() -> bool:
            return abs(time.time() - os.fstat(mark.fileno()).st_mtime) > _LONGEST_SILENCE  # a clock may have been set

        if self._stands(mark, lambda: _locked(mark) or hangs()):
            return
        printed = Heard(mark.fileno()).text()
        if hangs():
            _remove(mark)
        elif words.reasons(printed) and not self.ask:
            raise words.failure(self.destination, printed)

    def _stands(self, mark: BinaryIO, ended: Callable[[], bool]) -> bool:
        """Wait until the shared connection stands; return False if its ssh ends before. Raises Late, Interrupted."""
        heard = Heard(mark.fileno())
        while not ended():
            if is_alive(self.destination):
                return True
            heard.pass_on(self.say)
            self.asked = self.asked or (self.ask and _hides_keys())
            if self.deadline is not None and time.monotonic() >= self.deadline:
                late = silent_host(self.destination.host)
                late.reason = heard.reason() or late.reason
                raise late
            self.stop.sleep(_TICK)
        return is_alive(self.destination)


def _locked(mark: BinaryIO) -> bool:
    """Take the lock of a mark; return False if another process has it, or its ssh."""
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_in_place(mark: BinaryIO) -> bool:
    """Return whether other processes find this mark: one that was just removed locks out nobody."""
    try:
        return os.path.samestat(os.stat(mark.name), os.fstat(mark.fileno()))
    except FileNotFoundError:
        return False


def _remove(mark: BinaryIO) -> None:
    if _is_in_place(mark):
        os.unlink(mark.name)


def _command(destination: Destination, errors: str, *, ask: bool) -> list[str]:
    """The command that logs in and becomes the shared connection; autossh stays, to open it again."""
    if autossh := _autossh():
        argv = [autossh, "-M", "0", "-o", "ControlPersist=no"]
    else:
        argv = [program(), *(["-f"] if ask else [])]  # with ControlPersist ssh goes to the background in any case
    own = ssh.owns_control_path(destination)
    argv += ssh.proxy_option(destination, errors, ask=ask)  # before any ProxyJump: the first of the two counts
    argv += ["-N", "-T", *ssh.options(destination, ask=ask)]
    # `auto` makes ssh itself check whether a socket at the user's path is stale.
    argv += ["-o", f"ControlMaster={'yes' if own else 'auto'}"]
    return [*argv, *ssh.control_path_option(ssh.control_path(destination)), *destination.target]


def _autossh() -> str:
    """The autossh that carries shared connections, and cannot ask; empty if none does."""
    chosen = os.environ.get("SESH_SSH", "")
    return chosen if os.path.basename(chosen) == "autossh" else ""


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _hides_keys() -> bool:
    """Return whether the terminal shows no keys."""
    try:
        return not termios.tcgetattr(0)[3] & termios.ECHO
    except termios.error:
        return False


# -- closing


def close(destination: Destination, *, cuts: bool = True) -> None:
    """Make sure that a silent connection is not used again: ours ends, the user's own takes no more sessions, nor does
    ours unless it `cuts` those that it has."""
    path, own = ssh.control_path(destination), ssh.owns_control_path(destination)
    _control(path, "exit" if own and cuts else "stop")
    if own:  # if that hangs: without its socket nobody finds it, and it ends with its connection
        with suppress(FileNotFoundError):
            os.unlink(path)


def retire(destination: Destination) -> None:
    """Have sesh's own connection to a host end once no session uses it: none is cut. The user's own stays."""
    if ssh.owns_control_path(destination):
        _control(ssh.control_path(destination), "stop")


def retire_all() -> int:
    """Have all connections of sesh's own end as `retire` does; return how many there were. Raises Refused."""
    folder = ssh.control_directory()
    return sum(_control(os.path.join(folder, entry), "stop") for entry in filter(_SOCKET.fullmatch, os.listdir(folder)))


def _control(path: str, command: str) -> bool:
    """Send a command to the connection at a socket (`ssh -O`); return whether it succeeded in time."""
    argv = [program(), "-F", "none", "-O", command, *ssh.control_path_option(path), "--", "sesh"]  # asks no host
    try:
        return os.path.lexists(path) and programs.run(argv, _CONTROL_TIMEOUT).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
