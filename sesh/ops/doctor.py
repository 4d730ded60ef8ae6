"""The checks of `--doctor`: what was found on this machine, whether sesh works with it, and what to do about it."""

from __future__ import annotations

import os
import sys

from sesh import config, paths, platform, programs
from sesh.about import CALLED, DISTRIBUTION, PROGRAM, __version__
from sesh.errors import Refused, SeshError, UsageError
from sesh.names import printable
from sesh.reach.op import op
from sesh.reach.origin import locale_exists
from sesh.store import listing, records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sesh.reach.caller import Caller
    from sesh.schema import Finding

OK, WARNING, ERROR = "ok", "warning", "error"
OLDEST = (3, 10)
_ROOM = 16 << 20
"""Bytes that should be free where sessions keep their files."""
_MANY = 256
"""Sessions."""
_VERSION_TIME = 5.0
"""Seconds for a program to say its version."""


def row(check: str, state: str, message: str, remedy: str = "") -> Finding:
    """A finding as JSON shows it. `check`: what was looked at; `state`: an error keeps sesh from working.

    Commands in the remedy are written as in `SeshError.hint`.
    """
    return {"check": check, "state": state, "message": message, "remedy": remedy or None}


def error_row(check: str, error: SeshError, remedy: str = "") -> Finding:
    """An error as a finding; `remedy`: for one that has none itself."""
    message, _, hint = error.message.partition("; ")
    return row(check, ERROR, message, "; ".join(each for each in (hint, error.hint) if each) or remedy)


@op("checks.all_")
def all_(caller: Caller) -> list[Finding]:
    """All findings, in the order in which a person should read them."""
    found = []
    for name, check in CHECKS.items():
        try:
            found += list(check(caller))
        except SeshError as error:
            found.append(error_row(name, error))
        except OSError as error:
            found.append(row(name, WARNING, f"this cannot be checked: {error.strerror}"))
    return found


def _python(_caller: Caller) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        yield row("python", ERROR, f"{version} is too old", "install Python 3.10 or newer, and reinstall sesh with it")
    else:
        yield row("python", OK, f"{version}, {sys.executable}")
    from importlib.util import find_spec

    for name, loss, state in (
        ("ptyprocess", "sessions cannot be created", ERROR),
        ("pyte", "screens cannot be shown", ERROR),
        ("fabric", "--deploy uses ssh only", WARNING),
    ):
        if find_spec(name) is None:
            yield row("packages", state, f"{name} is missing: {loss}", "reinstall sesh")
    if sys.version_info[:2] == OLDEST and find_spec("tomli") is None:
        yield row("packages", WARNING, "config.toml cannot be read", "pip install tomli, or use Python 3.11")


def _system(_caller: Caller) -> Iterator[Finding]:
    if not platform.start_time(os.getpid()):
        yield row("system", ERROR, "/proc shows nothing of processes", "mount /proc without hidepid")
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        yield row("system", ERROR, f"cannot open a pseudoterminal: {error.strerror}", "mount /dev/pts; see: man 4 pts")
    else:
        yield row("system", OK, f"{os.uname().sysname} {os.uname().release}, {os.uname().machine}")
    named = os.environ.get("SHELL", "")
    taken = programs.shell(os.environ)
    if named and named != taken:
        yield row(
            "shell", WARNING, f"SHELL={printable(named)} is not a program; {taken} is used", "set SHELL to your shell"
        )


def _directory(_caller: Caller) -> Iterator[Finding]:
    path = paths.directory()
    paths.ready_directory()
    with paths.locked(path):
        pass
    room = os.statvfs(path)
    if room.f_bavail * room.f_frsize < _ROOM:
        yield row(
            "directory", WARNING, f"{path}: the disk is nearly full", "free some space; checkpoints and results need it"
        )
    kind = platform.network_filesystem(path)
    if kind:
        yield row(
            "directory", WARNING, f"{path} is on a network file system ({kind}), where sockets and locks may fail",
            "set SESH_DIR to a local directory in your shell's profile, such as SESH_DIR=/var/tmp/$USER-sesh",
        )  # fmt: skip
    longest = len(os.fsencode(path)) + 1 + 64 + len(paths.SOCKET)
    more = (
        " (long path: sockets are opened relative to the directory)" if longest > platform.LONGEST_SOCKET_PATH else ""
    )
    yield row("directory", OK, f"{path}, private{more}")
    from sesh.remote import known

    for reason in [*listing.refusals(), *results.damage(), *known.damage()]:
        yield error_row("files", Refused(reason))


def _settings(_caller: Caller) -> Iterator[Finding]:
    found = config.load()
    for warning in found.warnings:
        yield row("settings", WARNING, str(warning), "fix that line")
    from sesh.keynames import DetachKey

    for where, word, state in (
        ("SESH_DETACH_KEY", os.environ.get("SESH_DETACH_KEY"), ERROR),
        (found.path, found.detach_key, WARNING),
    ):
        try:
            DetachKey.parse(word or "C-\\")
        except UsageError as error:
            yield row("settings", state, f"{where}: {error}", "use tmux's key names: C-\\ or 'C-b d'")
    log = os.environ.get("SESH_EVENT_LOG")
    if log and not os.access(log if os.path.exists(log) else os.path.dirname(os.path.abspath(log)), os.W_OK):
        yield row("settings", WARNING, f"cannot write SESH_EVENT_LOG={printable(log)}", "name another file")


def _terminal(caller: Caller) -> Iterator[Finding]:
    """The terminal that the person sits at, maybe at another machine."""
    if caller.origin is not None:
        term = caller.origin.term
    else:
        term = os.environ.get("TERM") if any(os.isatty(descriptor) for descriptor in (0, 1, 2)) else None
    if term is None:
        return
    if term in ("", "dumb"):
        yield row(
            "terminal",
            WARNING,
            "TERM is not set to a terminal type",
            "set TERM to your terminal's type, such as xterm-256color",
        )
    elif not platform.has_terminfo(term, os.environ):
        yield row(
            "terminal", WARNING, f"this machine has no terminfo entry for {printable(term)}; "
                                 "programs get xterm-256color",
            "copy it from a machine that has it: infocmp -x | ssh HOST tic -x -",
        )  # fmt: skip
    else:
        yield row("terminal", OK, term)


def _locale(caller: Caller) -> Iterator[Finding]:
    variables = dict(os.environ)
    if caller.origin is not None:
        variables = caller.origin.environment(variables)
    wanted = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := variables.get(key))), "")
    if "UTF8" not in wanted.upper().replace("-", ""):
        message = f"{printable(wanted or 'none')} is not UTF-8: programs may garble their text"
        yield row("locale", WARNING, message, "set LANG to a UTF-8 locale, such as C.UTF-8")
    elif not locale_exists(wanted):
        yield row("locale", WARNING, f"{printable(wanted)} does not exist here", "generate it, or set LANG=C.UTF-8")
    else:
        yield row("locale", OK, wanted)


def _path(_caller: Caller) -> Iterator[Finding]:
    own = paths.expanded("~/.local/bin")
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if own not in (os.path.normpath(folder) for folder in folders if folder):
        yield row("path", WARNING, f"{own} is not in PATH", f'add to your shell\'s profile: export PATH="{own}:$PATH"')
    else:
        yield row("path", OK, f"{own} is in PATH")


def _program(_caller: Caller) -> Iterator[Finding]:
    """Whether `sesh` in PATH is this one: a session picker for tmux, among others, has the same name."""
    import shutil
    import subprocess

    seen: set[str] = set()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(PROGRAM, path=folder) if os.path.isabs(folder) else None
        if found is None or os.path.realpath(found) in seen:
            continue
        first = not seen
        seen.add(os.path.realpath(found))
        try:
            done = subprocess.run(
                [found, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERSION_TIME, check=False
            )
            said = done.stdout.decode("utf-8", "replace").strip()
        except (OSError, subprocess.TimeoutExpired):
            said = ""
        word, _, version = said.partition(" ")
        if word == PROGRAM and version[:1].isdecimal():
            yield row("program", OK, f"{printable(found)}, version {printable(version)}")
            continue
        what = "the session picker for tmux" if said.startswith(f"{PROGRAM} version") else "another program"
        order = "" if first else f", behind this {PROGRAM} in PATH"
        remedy = f"type {DISTRIBUTION} for this one, or have its directory come first in PATH" if first else ""
        yield row("program", WARNING, f"{printable(found)} is {what}{order}", remedy)


def _logout(_caller: Caller) -> Iterator[Finding]:
    """Whether logging out ends what runs."""
    if not (platform.LINUX and os.path.isdir("/run/systemd/system")):
        yield row("logout", OK, "no systemd here that could end sessions")
        return
    import pwd

    user = pwd.getpwuid(os.geteuid()).pw_name
    lingers = os.path.exists(f"/var/lib/systemd/linger/{user}")
    if platform.logind_kills() and not lingers:
        yield row(
            "logout", WARNING, "logind ends your processes when you log out (KillUserProcesses=yes)",
            "to keep them running: loginctl enable-linger",
        )  # fmt: skip
    else:
        yield row("logout", OK, f"sessions survive logout{' (lingering is on)' if lingers else ''}")


def _versions(_caller: Caller) -> Iterator[Finding]:
    """Daemons, and known remotes, that are another sesh than this one."""
    from sesh.remote import known

    found = [(name, record) for name in paths.names() if (record := records.readable(name)) is not None]
    others = [
        (name, str(record.get("version")))
        for name, record in found
        if records.here(record) and records.alive(record) and record.get("version") != __version__
    ]
    for name, version in others:
        message = f"{name} runs on sesh {printable(version)}, this is {__version__}"
        yield row("versions", WARNING, message, f"$sesh --reload {name}")
    stale = [each for each in known.all() if each.version and each.version != __version__]
    for each in stale:
        message = f"@{each.host} has sesh {printable(each.version)}, this is {__version__}"
        yield row("versions", WARNING, message, f"{CALLED} --deploy @{each.host}")
    if not others and not stale:
        yield row("versions", OK, f"sesh {__version__} everywhere")
    if len(found) > _MANY:
        yield row("sessions", WARNING, f"{len(found)} sessions", "$sesh --sweep clears those that have ended")


def _ssh(_caller: Caller) -> Iterator[Finding]:
    import subprocess

    from sesh.remote.ssh import ssh
    from sesh.remote.ssh.destination import program

    name = program()
    if programs.find(name) is None:
        yield row(
            "ssh",
            WARNING,
            f"{printable(name)} is not installed: other hosts cannot be reached",
            "install the OpenSSH client",
        )
        return
    done = subprocess.run(
        [name, "-V"],
        capture_output=True,
        text=True,
        env=programs.environment(),
        check=False,
        stdin=subprocess.DEVNULL,
    )
    version = (done.stderr or done.stdout).strip().partition("\n")[0]
    if "OpenSSH" not in version:
        yield row("ssh", WARNING, f"{printable(version)} is not OpenSSH", "install the OpenSSH client, or set SESH_SSH")
    else:
        yield row("ssh", OK, version)
    try:
        folder = ssh.control_directory()
    except Refused as error:
        yield error_row("connections", error)
    else:
        yield row("connections", OK, f"shared, under {folder}")
    if (rsync := programs.find("rsync")) is None:
        yield row("rsync", WARNING, "not installed: files are always copied whole to other hosts", "install rsync")
    else:
        yield row("rsync", OK, rsync)


CHECKS: dict[str, Callable[[Caller], Iterator[Finding]]] = {
    "python": _python,
    "system": _system,
    "directory": _directory,
    "settings": _settings,
    "terminal": _terminal,
    "locale": _locale,
    "path": _path,
    "program": _program,
    "logout": _logout,
    "ssh": _ssh,
    "versions": _versions,
}
