"""What `--doctor` looks at, one function each: what was found, whether sesh works with it, and what to do about it."""

from __future__ import annotations

import os
import sys

from sesh import __version__, config, paths, platform
from sesh.errors import Refused, SeshError, UsageError
from sesh.names import printable
from sesh.store import listing, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, WARNING, ERROR = "ok", "warning", "error"
OLDEST = (3, 10)
_ROOM = 16 << 20
"""Bytes that should be free where sessions keep their files."""
_CROWDED = 256


class Finding:
    """`check`: what was looked at; `state`: ok, warning, or error: it keeps sesh from working; `remedy`: what to do."""

    __slots__ = ("check", "message", "remedy", "state")

    def __init__(self, check: str, state: str, message: str, remedy: str = "") -> None:
        self.check, self.state, self.message, self.remedy = check, state, message, remedy

    def facts(self) -> dict[str, str | None]:
        """The finding as JSON shows it."""
        return {"check": self.check, "state": self.state, "message": self.message, "remedy": self.remedy or None}


def all_() -> Iterator[Finding]:
    """Everything, in the order in which a person should read it."""
    for check in CHECKS:
        try:
            yield from check()
        except SeshError as error:
            yield _refused(check.__name__.strip("_"), error)
        except OSError as error:
            yield Finding(check.__name__.strip("_"), WARNING, f"cannot be looked at: {error.strerror}")


def _refused(check: str, error: SeshError) -> Finding:
    """An error of sesh's own: what is wrong, and behind the semicolon what to do."""
    message, _, remedy = str(error).partition("; ")
    return Finding(check, ERROR, message, remedy)


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        yield Finding("python", ERROR, f"{version} is too old", "install Python 3.10 or newer, and sesh with that")
    else:
        yield Finding("python", OK, f"{version}, {sys.executable}")
    from importlib.util import find_spec

    for name, loss, state in (
        ("ptyprocess", "sessions cannot be made", ERROR),
        ("pyte", "screens cannot be shown", ERROR),
        ("fabric", "--deploy goes over ssh alone", WARNING),
    ):
        if find_spec(name) is None:
            yield Finding("packages", state, f"{name} is missing: {loss}", "install sesh anew: make install")
    if sys.version_info[:2] == OLDEST and find_spec("tomli") is None:
        yield Finding("packages", WARNING, "config.toml cannot be read", "pip install tomli, or use Python 3.11")


def _system() -> Iterator[Finding]:
    if not platform.start_time(os.getpid()):
        yield Finding("system", ERROR, "/proc tells nothing of processes", "mount /proc, without hidepid for your own")
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        yield Finding("system", ERROR, f"no terminal can be made: {error.strerror}", "mount /dev/pts; see: man 4 pts")
    else:
        yield Finding("system", OK, f"{os.uname().sysname} {os.uname().release}, {os.uname().machine}")
    from sesh.daemon.spawn.environment import shell

    named = os.environ.get("SHELL", "")
    taken = shell(os.environ)
    if named and named != taken:
        yield Finding(
            "shell", WARNING, f"SHELL={printable(named)} is no program; {taken} is used", "set SHELL to your shell"
        )


def _directory() -> Iterator[Finding]:
    path = paths.directory()
    paths.ready_directory()
    with paths.locked(path):
        pass
    room = os.statvfs(path)
    if room.f_bavail * room.f_frsize < _ROOM:
        yield Finding(
            "directory", WARNING, f"{path}: the disk is nearly full", "make room; checkpoints and results need it"
        )
    kind = platform.network_filesystem(path)
    if kind:
        yield Finding(
            "directory", WARNING, f"{path} lies on a network file system ({kind}), where sockets and locks may fail",
            "set SESH_DIR to a directory of this machine, in your shell's profile: SESH_DIR=/var/tmp/$USER-sesh",
        )  # fmt: skip
    longest = len(os.fsencode(path)) + 1 + 64 + len(paths.SOCKET)
    more = " (long: sockets are reached through the directory)" if longest > platform.LONGEST_SOCKET_PATH else ""
    yield Finding("directory", OK, f"{path}, private{more}")
    for reason in listing.refusals(listing.summaries()):
        yield _refused("files", Refused(reason))


def _settings() -> Iterator[Finding]:
    found = config.load()
    for warning in found.warnings:
        yield Finding("settings", WARNING, str(warning), "correct that line")
    from sesh.client.keys import DetachKey

    for where, word, state in (
        ("SESH_DETACH_KEY", os.environ.get("SESH_DETACH_KEY"), ERROR),
        (found.path, found.detach_key, WARNING),
    ):
        try:
            DetachKey.parse(word or "C-\\")
        except UsageError as error:
            yield Finding("settings", state, f"{where}: {error}", "name a key as tmux does: C-\\ or 'C-b d'")
    log = os.environ.get("SESH_EVENT_LOG")
    if log and not os.access(log if os.path.exists(log) else os.path.dirname(os.path.abspath(log)), os.W_OK):
        yield Finding("settings", WARNING, f"SESH_EVENT_LOG={printable(log)} cannot be written", "name another file")


def _terminal() -> Iterator[Finding]:
    """The terminal in front of which somebody sits, which may be another machine's."""
    from sesh.daemon.spawn.environment import has_terminfo
    from sesh.ops import caller

    near = caller.near()
    term = near.term if near is not None else os.environ.get("TERM") if _on_terminal() else None
    if term is None:
        return
    if term in ("", "dumb"):
        yield Finding(
            "terminal", WARNING, "TERM names none", "set TERM to your terminal's kind, such as xterm-256color"
        )
    elif not has_terminfo(term, os.environ):
        yield Finding(
            "terminal", WARNING, f"this machine knows no terminal {printable(term)}; programs get xterm-256color",
            "copy its description here, from a machine that knows it: infocmp -x | ssh HOST tic -x -",
        )  # fmt: skip
    else:
        yield Finding("terminal", OK, term)


def _on_terminal() -> bool:
    return any(os.isatty(descriptor) for descriptor in (0, 1, 2))


def _locale() -> Iterator[Finding]:
    from sesh.ops import caller

    near = caller.near()
    variables = near.surroundings(dict(os.environ)) if near is not None else os.environ
    wanted = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := variables.get(key))), "")
    if "UTF8" not in wanted.upper().replace("-", ""):
        told = f"{printable(wanted or 'none')} is no UTF-8: programs may garble their text"
        yield Finding("locale", WARNING, told, "set LANG to a UTF-8 locale, such as C.UTF-8")
    elif not caller.exists(wanted):
        yield Finding("locale", WARNING, f"{printable(wanted)} does not exist here", "make it, or set LANG=C.UTF-8")
    else:
        yield Finding("locale", OK, wanted)


def _path() -> Iterator[Finding]:
    own = os.path.expanduser("~/.local/bin")
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if own not in (os.path.normpath(folder) for folder in folders if folder):
        yield Finding(
            "path", WARNING, f"{own} is not in PATH", f'add to your shell\'s profile: export PATH="{own}:$PATH"'
        )
    else:
        yield Finding("path", OK, f"{own} is in PATH")


def _logout() -> Iterator[Finding]:
    """Whether logging out ends what runs."""
    from sesh.daemon.spawn.scope import logind_kills

    if not (platform.LINUX and os.path.isdir("/run/systemd/system")):
        yield Finding("logout", OK, "there is no systemd that would end sessions")
        return
    import pwd

    user = pwd.getpwuid(os.geteuid()).pw_name
    lingers = os.path.exists(f"/var/lib/systemd/linger/{user}")
    if logind_kills() and not lingers:
        yield Finding(
            "logout", WARNING, "logind ends your processes when you log out (KillUserProcesses=yes)",
            "let your services stay: loginctl enable-linger",
        )  # fmt: skip
    else:
        yield Finding("logout", OK, f"sessions outlive the login{', which lingers' if lingers else ''}")


def _versions() -> Iterator[Finding]:
    """Daemons, and known remotes, that are another sesh than this one."""
    from sesh.remote import known

    rows = [(name, record) for name in paths.names() if (record := records.read(name)) is not None]
    others = [
        (name, str(record.get("version")))
        for name, record in rows
        if records.here(record) and records.alive(record) and record.get("version") != __version__
    ]
    for name, version in others:
        told = f"{name} is served by sesh {printable(version)}, this is {__version__}"
        yield Finding("versions", WARNING, told, f"sesh --reload {name}")
    stale = [each for each in known.all() if each.version and each.version != __version__]
    for each in stale:
        told = f"@{each.host} has sesh {printable(each.version)}, this is {__version__}"
        yield Finding("versions", WARNING, told, f"sesh --deploy @{each.host}")
    if not others and not stale:
        yield Finding("versions", OK, f"sesh {__version__}, all the same")
    if len(rows) > _CROWDED:
        yield Finding("sessions", WARNING, f"{len(rows)} sessions", "sesh --sweep clears those that have ended")


def _ssh() -> Iterator[Finding]:
    import shutil
    import subprocess

    from sesh.remote.ssh import ssh
    from sesh.remote.ssh.destination import program

    name = program()
    if shutil.which(name) is None:
        yield Finding(
            "ssh", WARNING, f"there is no {printable(name)}: no other host can be reached", "install OpenSSH's client"
        )
        return
    done = subprocess.run([name, "-V"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    version = (done.stderr or done.stdout).strip().partition("\n")[0]
    if "OpenSSH" not in version:
        yield Finding(
            "ssh", WARNING, f"{printable(version)} is not OpenSSH", "install OpenSSH's client, or set SESH_SSH"
        )
    else:
        yield Finding("ssh", OK, version)
    try:
        folder = ssh.control_directory()
    except Refused as error:
        yield _refused("connections", error)
    else:
        yield Finding("connections", OK, f"shared, under {folder}")
    if shutil.which("rsync") is None:
        yield Finding(
            "rsync", WARNING, "there is none: what goes along to other hosts is copied whole", "install rsync"
        )
    else:
        yield Finding("rsync", OK, str(shutil.which("rsync")))


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python, _system, _directory, _settings, _terminal, _locale, _path, _logout, _ssh, _versions,
)  # fmt: skip
