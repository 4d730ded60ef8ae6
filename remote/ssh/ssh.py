"""The user's own ssh: its options as the user set them, one shared connection a host, and what its failures mean.

The shared connection to a host, as a file: whose it is, where its socket lies, and who may open it now.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from sesh import paths
from sesh.errors import Refused, SeshError, Unreachable
from sesh.remote.ssh.destination import Destination, named_options, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

KEEPALIVE = "30"
CONNECT = 10
"""Seconds for a connection to stand, where the user's configuration names none."""
FAILED = 255
"""ssh's own exit code, as against the remote command's."""

_PLAIN = (
    ("remotecommand", "none", "RemoteCommand=none"),
    ("sessiontype", "default", "SessionType=default"),
    ("stdinnull", "no", "StdinNull=no"),
    ("forkafterauthentication", "no", "ForkAfterAuthentication=no"),
)
"""What would keep a command from having its own stdin and stdout: keyword, harmless value, option."""

_NOISE = (
    "Warning:",
    "**",
    "debug",
    "mux_client",
    "ControlSocket",
    "stdio forwarding failed",
    "kex_exchange_identification: Connection closed",
    "Connection closed by UNKNOWN",
    "autossh",
)
"""What ssh also says, before or after the reason."""


class NotLetIn(Unreachable):
    """The host answers and takes no key that was shown to it; a person could help."""


def prompting() -> bool:
    """Whether ssh may ask: for a password, a passphrase, a new host key. Only where a person sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()


def environment(*, ask: bool) -> dict[str, str]:
    """The environment for ssh; where it may not ask, no program pops up to ask instead of it."""
    variables = dict(os.environ)
    if not ask:
        variables["SSH_ASKPASS_REQUIRE"] = "never"
    return variables


def options(destination: Destination, *, ask: bool) -> list[str]:
    """What sesh adds to the user's configuration, and only where that leaves it open."""
    chosen = named_options()
    if destination.setting("stricthostkeychecking") == "ask":
        chosen += ["-o", "StrictHostKeyChecking=accept-new"]
    if not ask:
        chosen += ["-o", "BatchMode=yes"]
    if destination.setting("connecttimeout") in ("", "none"):
        chosen += ["-o", f"ConnectTimeout={CONNECT}"]
    if destination.setting("serveraliveinterval") in ("", "0"):
        keepalive = os.environ.get("SESH_KEEPALIVE") or KEEPALIVE
        chosen += ["-o", f"ServerAliveInterval={_number(keepalive, 'SESH_KEEPALIVE')}"]
    return chosen


def command(destination: Destination, remote: str, *, ask: bool = False, alone: bool = False) -> list[str]:
    """The words that run `remote`, a line for the login shell over there, with stdin and stdout as they are.

    It goes over the shared connection where one stands; with `alone` over a connection of its own. For a host reached
    by another command, that command runs `sh -c` with the line.
    """
    if destination.via is not None:
        return [*destination.via, "sh", "-c", remote]
    words = [program(), *options(destination, ask=ask), "-T", "-o", "ControlMaster=no"]
    # Forwardings belong to the shared connection; asked for again they would only fail.
    words += ["-o", "ClearAllForwardings=yes"]
    for keyword, harmless, option in _PLAIN:
        if destination.setting(keyword).lower() not in ("", harmless):
            words += ["-o", option]
    if alone:
        words += ["-o", "ControlPath=none"]
    elif own(destination):
        words += ["-o", f"ControlPath={escaped(path(destination))}"]
    return [*words, *destination.target, remote]


def shared(destination: Destination) -> bool:
    """Whether `connect` sees to a shared connection; where it does not, each command logs in for itself."""
    return destination.via is None and wanted(destination)


def connect(destination: Destination, *, ask: bool | None = None, patience: float | None = None) -> None:
    """Makes sure that the shared connection stands, opened by itself with its stdio on /dev/null.

    `ask`: whether ssh may prompt (on the terminal, before anything is raw); None where a person sits there.
    `patience`: seconds, also for another process that is opening it. Where the user's configuration shares no
    connection nothing is done. Raises Unreachable with ssh's own reason, in one line; Refused.
    """
    if not shared(destination) or standing(destination):
        return
    ask = prompting() if ask is None else ask
    deadline = None if patience is None else time.monotonic() + patience
    with Turn(destination, deadline):
        if not standing(destination):
            _open(destination, ask, deadline)


def _open(destination: Destination, ask: bool, deadline: float | None) -> None:
    """Opens the shared connection: by autossh where that is chosen and nothing need be asked, else by ssh."""
    clear(destination)
    if autossh():
        with tempfile.TemporaryFile() as told:
            if _carried(destination, told, deadline):
                return
            said = _said(told)
        if not (ask and "Permission denied" in said):
            raise failure(destination, said)
    with tempfile.TemporaryFile() as told:
        if not _run(destination, told, ask, deadline) or standing(destination):
            return
        said = _said(told)
    raise failure(destination, said if _reasons(said) else _said_on_the_way(destination, said, deadline))


def _run(destination: Destination, told: IO[bytes], ask: bool, deadline: float | None) -> int:
    """Runs ssh until it has gone to the background or failed; its exit code. Raises Unreachable."""
    words = [program(), *options(destination, ask=ask), "-f", "-N", "-T", *master_options(destination)]
    try:
        # Without a terminal of their own, neither ssh nor the ssh of a jump host finds one to ask on.
        process = subprocess.Popen(
            [*words, *destination.target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=environment(ask=ask),
            start_new_session=not ask,
        )
    except OSError as error:
        raise Unreachable(f"{words[0]} cannot be run ({error.strerror}); install OpenSSH's client") from error
    try:
        return process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{destination.word} does not answer") from error
    finally:
        if process.poll() is None:
            kill(process.pid, group=not ask)
            process.wait()


def _carried(destination: Destination, told: IO[bytes], deadline: float | None) -> bool:
    """Lets autossh open the shared connection and open it again whenever it is lost. False where it gives up at once.

    Raises Unreachable.
    """
    words = [os.environ["SESH_SSH"], "-M", "0", "-N", "-T", *options(destination, ask=False)]
    # Not in the background: autossh must see how its ssh ends. It lives until it is told to end.
    words += [*master_options(destination, persist="no"), *destination.target]
    pid = spawn(words, environment(ask=False), told.fileno())
    deadline = time.monotonic() + 3 * CONNECT if deadline is None else deadline
    while not standing(destination):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        if time.monotonic() >= deadline:
            kill(pid, group=True)
            os.waitpid(pid, 0)
            raise Unreachable(f"{destination.word} does not answer")
        time.sleep(0.05)
    return True


def _said_on_the_way(destination: Destination, said: str, deadline: float | None) -> str:
    """What the ssh of a jump host says, which a connection that is to be shared keeps to itself."""
    if not {destination.setting("proxyjump"), destination.setting("proxycommand")} - {"", "none"}:
        return said
    left = CONNECT if deadline is None else min(CONNECT, deadline - time.monotonic())
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command(destination, "exit", alone=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=environment(ask=False),
            start_new_session=True,
        )
        try:
            process.wait(max(0.0, left))
        except subprocess.TimeoutExpired:
            kill(process.pid, group=True)
            process.wait()
        return _said(told)


def _said(told: IO[bytes]) -> str:
    """What ssh has written."""
    told.seek(0)
    return told.read(65536).decode("utf-8", "replace")


def standing(destination: Destination) -> bool:
    """Whether the shared connection stands and its process answers (the host itself is not asked)."""
    socket = path(destination)
    return bool(socket) and os.path.exists(socket) and _tell(destination, "check", socket)


def forget(destination: Destination) -> None:
    """Sees to it that a shared connection that has gone silent is used no more, so that the next one begins anew.

    Ours is ended; one of the user's own making only takes no more sessions.
    """
    if destination.via is not None or not (socket := path(destination)) or not os.path.lexists(socket):
        return
    if not own(destination):
        _tell(destination, "stop", socket)
        return
    _tell(
        destination, "exit", socket
    )  # where it hangs: without its socket it serves nobody, and ends with its connection
    try:
        os.unlink(socket)
    except FileNotFoundError:
        pass  # it went by itself, as it should


def _tell(destination: Destination, what: str, path: str) -> bool:
    """`ssh -O`: tells the shared connection's process something; whether it obeyed, within 2 s."""
    words = [program(), "-O", what, "-o", f"ControlPath={escaped(path)}", *destination.target]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def failure(destination: Destination, told: str) -> SeshError:
    """What ssh's stderr means, as one line with what to do."""
    word = destination.word
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    text = "\n".join(lines)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        return Unreachable(
            f"the host key of {word} has changed: nothing was sent; if you know why, remove the old key with: "
            f"{_removal(destination, text)}"
        )
    if "Host key verification failed" in text:
        return Unreachable(f"the host key of {word} is not known, and ssh may not take it; look at it with: ssh {word}")
    if "Permission denied (" in text or "Permission denied, please" in text:
        return NotLetIn(f"{word} lets nobody in without a password or another key; try: ssh {word}")
    reasons = _reasons(text) or lines[-1:] or ["no reason was given"]
    return Unreachable(f"{word} cannot be reached: {reasons[-1].rstrip('.')}")


def _reasons(told: str) -> list[str]:
    """The lines that say more than that it failed."""
    lines = [line.strip() for line in told.splitlines()]
    return [line for line in lines if line and not line.startswith(_NOISE)]


def _removal(destination: Destination, text: str) -> str:
    """The command that removes an old host key: of the host itself, or of one on the way to it."""
    host, port = destination.setting("hostkeyalias"), "22"
    if host in ("", "none"):
        host, port = destination.setting("hostname") or destination.word, destination.setting("port")
    name = host if port in ("", "22") else f"[{host}]:{port}"
    if told := re.search(r"[Hh]ost key for (\S+) has changed", text):
        name = told[1]
    words = ["ssh-keygen", "-R", name]
    if place := re.search(r"Offending .*key in (.+):\d+$", text, re.MULTILINE):
        words += ["-f", place[1]]
    return shlex.join(words)


def _number(text: str, name: str) -> str:
    if not (text.isdecimal() and text.isascii()):
        raise Refused(f"{name}={text} is no number of seconds")
    return text


PERSIST = "8h"
_LONGEST = 104 - 1 - 17
"""Bytes of a socket's path: macOS's limit, less the end of the name under which ssh makes it at first."""
_WAY = ("proxyjump", "proxycommand", "hostkeyalias", "bindaddress", "identityfile", "forwardagent")
_TIMES = re.compile(r"(\d+[smhdw]?)+|yes|no", re.ASCII | re.IGNORECASE)


def own(destination: Destination) -> bool:
    """Whether the shared connection is sesh's own: the user's configuration names none."""
    return destination.setting("controlpath") in ("", "none")


def wanted(destination: Destination) -> bool:
    """Whether there is a shared connection to be opened: sesh's own, or the user's where ssh would open it unasked."""
    return own(destination) or destination.setting("controlmaster") in ("auto", "true", "yes")


def autossh() -> bool:
    """Whether the user wants the shared connection carried by autossh."""
    return os.path.basename(os.environ.get("SESH_SSH") or "") == "autossh"


def path(destination: Destination) -> str:
    """The socket of the shared connection: the user's own where one is named, else ours, under a hashed name.

    Raises Refused where the directory for it is not private.
    """
    return os.path.join(directory(), _name(destination)) if own(destination) else destination.setting("controlpath")


def identity(destination: Destination) -> tuple[int, int] | None:
    """Tells the shared connection that stands now from those before and after it; None where there is none."""
    if destination.via is not None:
        return None
    try:
        status = os.lstat(path(destination))
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_ctime_ns


def clear(destination: Destination) -> None:
    """Removes the socket that a killed process left: a new one would find its place taken, and share nothing.

    To be called in one's Turn, where the shared connection does not stand.
    """
    if own(destination) and os.path.lexists(name := path(destination)):
        os.unlink(name)


def _name(destination: Destination) -> str:
    """A name of its own for each host, each way to it, and each identity there."""
    way = [value for keyword in _WAY for value in destination.settings.get(keyword, [])]
    identity = "\0".join((destination.key, *way, *named_options(), program()))
    return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def directory() -> str:
    """The 0700 directory of control sockets: `SESH_CTRL_DIR`, else under `XDG_RUNTIME_DIR`, else in sesh's own.

    Where a socket's path would be too long for the platform there, one under /tmp. Raises Refused.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    named = os.environ.get("SESH_CTRL_DIR")
    if named:
        folder = os.path.abspath(os.path.expanduser(named))
    elif runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        folder = os.path.join(runtime, "sesh")
    else:
        folder = os.path.join(paths.ready_directory(), ".control")
    if len(os.fsencode(folder)) + 1 + 24 > _LONGEST:
        folder = f"/tmp/sesh-{os.geteuid()}"  # noqa: S108 - looked at below as any other
    try:
        os.makedirs(folder, mode=paths.PRIVATE, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be made: {error.strerror}; set SESH_CTRL_DIR to a directory of yours"
        ) from error
    if not paths.trusted(folder, "SESH_CTRL_DIR"):
        raise Refused(f"{folder} was removed just now; try again")
    return folder


def master_options(destination: Destination, persist: str | None = None) -> list[str]:
    """The options that make an ssh the shared connection of its host, for as long as the user wants it to stay."""
    if persist is None and (own(destination) or destination.setting("controlpersist") in ("", "no")):
        persist = os.environ.get("SESH_PERSIST") or PERSIST
        if not _TIMES.fullmatch(persist):
            raise Refused(f"SESH_PERSIST={persist} is no time that ssh knows: write 8h, 90m, 600, yes or no")
    # `auto` makes ssh itself look whether a socket in the user's own place is a dead one.
    words = [
        "-o",
        f"ControlMaster={'yes' if own(destination) else 'auto'}",
        "-o",
        f"ControlPath={escaped(path(destination))}",
    ]
    return [*words, "-o", f"ControlPersist={persist}"] if persist else words


class Turn:
    """Held by who opens the shared connection of a host: a second one beside it would stay for ever, used by nobody.

    Raises Unreachable where another process has not opened it by the deadline (of time.monotonic; None: wait for it).
    """

    def __init__(self, destination: Destination, deadline: float | None) -> None:
        self._word, self._deadline = destination.word, deadline
        self._path = os.path.join(directory(), f"{_name(destination)}.lock")
        self._descriptor = -1

    def __enter__(self) -> None:
        while not self._taken():
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise Unreachable(f"{self._word} does not answer: another sesh still tries to reach it")
            time.sleep(0.02)

    def _taken(self) -> bool:
        """Tries to get the lock; a file that its last holder has removed meanwhile is none."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
                self._descriptor = descriptor
                return True
        except (BlockingIOError, FileNotFoundError):
            pass  # another has it, or had it a moment ago
        os.close(descriptor)
        return False

    def __exit__(self, *_: object) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass  # somebody has cleared the directory
        os.close(self._descriptor)


def spawn(words: list[str], environment: dict[str, str], told: int) -> int:
    """Starts a program that outlives this one, in a session of its own, stderr on the descriptor `told`; its pid.

    Raises Unreachable.
    """
    actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
    try:
        return os.posix_spawnp(
            words[0], words, environment, file_actions=[*actions, (os.POSIX_SPAWN_DUP2, told, 2)], setsid=True
        )
    except OSError as error:
        raise Unreachable(f"{words[0]} cannot be run ({error.strerror}); install it, or unset SESH_SSH") from error


def kill(pid: int, *, group: bool) -> None:
    """Ends a child that this process has not yet waited for; with `group` all that it started in its session too."""
    try:
        if group:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended this very moment


def escaped(text: str) -> str:
    """A path where ssh would read % as a token, and quotes around blanks."""
    text = text.replace("%", "%%")
    return f'"{text}"' if " " in text else text
