"""The checks of `--doctor`: the state of this machine, whether sesh works with it, and the remedies."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

from sesh import about, config, identity, paths, platform, proc, programs, system, writing
from sesh.about import CALLED, DISTRIBUTION, PROGRAM, SESH, __version__
from sesh.errors import Refused, SeshError, UsageError
from sesh.keynames import DetachKey
from sesh.names import printable, printable_path
from sesh.ops import integrate, sweep
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.origin import locale_exists
from sesh.remote import known
from sesh.remote.ssh import ssh
from sesh.remote.ssh.destination import program
from sesh.schema import Finding
from sesh.store import listing, records, results

Check = Callable[[Caller], Iterator[Finding]]

OK, WARNING, ERROR = "ok", "warning", "error"
_ROOM = 16 << 20
"""Bytes that should be free where sessions keep their files."""
_MANY = 256
"""Sessions beyond which sweeping is proposed."""
_VERSION_TIME = 5.0
"""Seconds for a program to say its version."""


def row(check: str, state: str, message: str, remedy: str = "") -> Finding:
    """A finding as JSON shows it. `check`: its subject; `state`: ERROR if it keeps sesh from working.

    Commands in the remedy are written as in `SeshError.hint`.
    """
    return {"check": check, "state": state, "message": message, "remedy": remedy or None}


def error_row(check: str, error: SeshError, remedy: str = "") -> Finding:
    """An error as a finding; `remedy`: for one that has none itself."""
    message, _, hint = error.message.partition("; ")
    return row(check, ERROR, message, "; ".join(filter(None, (hint, error.hint))) or remedy)


@op(reads=True)
def all_(caller: Caller) -> list[Finding]:
    """All findings, in the order in which a person should read them."""
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            findings += check(caller)
        except SeshError as error:
            findings.append(error_row(name, error))
        except OSError as error:
            findings.append(row(name, WARNING, f"this cannot be checked: {error.strerror}"))
    return findings


def _python(caller: Caller) -> Iterator[Finding]:
    yield row("python", OK, f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")
    for name, loss, state in (
        ("ptyprocess", "sessions cannot be created", ERROR),
        ("pyte", "screens cannot be shown", ERROR),
        ("fabric", "--deploy uses ssh only", WARNING),
    ):
        if name == "fabric" and caller.origin is not None:
            continue  # hosts are deployed to from where the person sits: --deploy sends no fabric along
        if find_spec(name) is None:
            yield row("packages", state, f"{name} is missing: {loss}", "reinstall sesh")
    if sys.version_info[:2] == (3, 10) and find_spec("tomli") is None:
        yield row("packages", WARNING, "config.toml cannot be read", "pip install tomli, or use Python 3.11")


def _system(_caller: Caller) -> Iterator[Finding]:
    if not identity.start_time(os.getpid()):
        yield row("system", ERROR, "/proc shows nothing of processes", "mount /proc without hidepid")
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        yield row("system", ERROR, f"cannot open a pseudoterminal: {error.strerror}", "mount /dev/pts; see: man 4 pts")
    else:
        yield row("system", OK, f"{os.uname().sysname} {os.uname().release}, {os.uname().machine}")
    chosen, taken = os.environ.get("SHELL", ""), programs.shell(os.environ)
    if chosen not in ("", taken):
        yield row(
            "shell", WARNING, f"SHELL={printable(chosen)} is not a program; {taken} is used", "set SHELL to your shell"
        )
    if (limit := os.environ.get("TMOUT", "").strip()) not in ("", "0"):
        message = f"TMOUT={printable(limit)} ends a shell that waits so many seconds at its prompt"
        yield row("shell", WARNING, message, "if it is not readonly: sesh NAME --env TMOUT=")


def _directory(_caller: Caller) -> Iterator[Finding]:
    path = paths.directory()
    writing.ready_directory()
    with writing.locked(path):
        pass
    room = os.statvfs(path)
    if room.f_bavail * room.f_frsize < _ROOM:
        yield row(
            "directory", WARNING, f"{path}: the disk is nearly full", "free some space; checkpoints and results need it"
        )
    if kind := system.network_filesystem(path):
        remedy = "set SESH_DIR to a local directory in your shell's profile, such as SESH_DIR=/var/tmp/$USER-sesh"
        message = f"{path} is on a network file system ({kind}), where sockets and locks may fail"
        yield row("directory", WARNING, message, remedy)
    longest = len(os.fsencode(path)) + 1 + 64 + len(paths.SOCKET)
    long = longest > platform.LONGEST_SOCKET_PATH
    more = " (long path: sockets are opened relative to the directory)" if long else ""
    yield row("directory", OK, f"{path}, private{more}")
    for reason in [*listing.refusals(), *results.damage(), *known.damage()]:
        yield error_row("files", Refused(reason))


def _daemons(_caller: Caller) -> Iterator[Finding]:
    """Daemons whose files were removed: SIGUSR1 has them make their socket and record again."""
    for daemon in sweep.daemons():
        yield row("daemons", WARNING, daemon.what, f"kill -USR1 {daemon.pid}; to end it: {CALLED} --sweep")


def _settings(_caller: Caller) -> Iterator[Finding]:
    settings = config.load()
    for warning in settings.warnings:
        yield row("settings", WARNING, warning, "fix that line")
    try:
        DetachKey.parse(os.environ.get("SESH_DETACH_KEY") or "none")
    except UsageError as error:
        yield row("settings", WARNING, f"SESH_DETACH_KEY: {error}", "use tmux's key names: C-\\ or 'C-b d'")
    log = os.environ.get("SESH_EVENT_LOG")
    if log and not os.access(log if os.path.exists(log) else os.path.dirname(os.path.abspath(log)), os.W_OK):
        yield row("settings", WARNING, f"cannot write SESH_EVENT_LOG={printable_path(log)}", "name another file")


def _terminal(caller: Caller) -> Iterator[Finding]:
    """The terminal that the person sits at, maybe at another machine."""
    if caller.origin is not None:
        term = caller.origin.term
    else:
        term = os.environ.get("TERM") if any(os.isatty(descriptor) for descriptor in (0, 1, 2)) else None
    if term is None:
        return
    if term in ("", "dumb"):
        remedy = "set TERM to your terminal's type, such as xterm-256color"
        yield row("terminal", WARNING, "TERM is not set to a terminal type", remedy)
    elif not system.has_terminfo(term, os.environ):
        message = f"this machine has no terminfo entry for {printable(term)}; programs get xterm-256color"
        yield row("terminal", WARNING, message, "copy it from a machine that has it: infocmp -x | ssh HOST tic -x -")
    else:
        yield row("terminal", OK, term)


def _locale(caller: Caller) -> Iterator[Finding]:
    variables = dict(os.environ)
    if caller.origin is not None:
        variables = caller.origin.environment(variables)
    locale = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := variables.get(key))), "")
    if "UTF8" not in locale.upper().replace("-", ""):
        message = f"{printable(locale or 'none')} is not UTF-8: programs may garble their text"
        yield row("locale", WARNING, message, "set LANG to a UTF-8 locale, such as C.UTF-8")
    elif not locale_exists(locale):
        yield row("locale", WARNING, f"{printable(locale)} does not exist here", "generate it, or set LANG=C.UTF-8")
    else:
        yield row("locale", OK, locale)


def _path(caller: Caller) -> Iterator[Finding]:
    if caller.origin is not None:
        return  # this is the PATH of a link; what sesh starts has the launcher's directory in it
    own = paths.expanded("~/.local/bin")
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if own in (os.path.normpath(folder) for folder in folders if folder):
        yield row("path", OK, f"{own} is in PATH")
    else:
        yield row("path", WARNING, f"{own} is not in PATH", f'add to your shell\'s profile: export PATH="{own}:$PATH"')


def _program(_caller: Caller) -> Iterator[Finding]:
    """The programs named `sesh` in PATH: a session picker for tmux, among others, has the same name."""
    seen: set[str] = set()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = shutil.which(PROGRAM, path=folder) if os.path.isabs(folder) else None
        if path is None or os.path.realpath(path) in seen:
            continue
        first = not seen
        seen.add(os.path.realpath(path))
        answer = (programs.printed(path, "--version", timeout=_VERSION_TIME) or "").strip()
        name, _, version = answer.partition(" ")
        if name == PROGRAM and version[:1].isdecimal():
            message = f"{printable_path(path)}, version {printable(version)}"
            if first and version != __version__:
                remedy = "sessions of both are in reach of both; remove one, or install the newer one in both places"
                yield row("program", WARNING, f"{message}; this is {__version__}", remedy)
            else:
                yield row("program", OK, message)
            continue
        other = "the session picker for tmux" if answer.startswith(f"{PROGRAM} version") else "another program"
        order = "" if first else f", behind this {PROGRAM} in PATH"
        remedy = f"type {DISTRIBUTION} for this one, or put its directory first in PATH" if first else ""
        yield row("program", WARNING, f"{printable_path(path)} is {other}{order}", remedy)


def _logout(_caller: Caller) -> Iterator[Finding]:
    if not (platform.LINUX and os.path.isdir("/run/systemd/system")):
        yield row("logout", OK, "no systemd here that could end sessions")
        return
    lingers = os.path.exists(f"/var/lib/systemd/linger/{pwd.getpwuid(os.geteuid()).pw_name}")
    if system.logind_kills() and not lingers:
        message = "logind ends your processes when you log out (KillUserProcesses=yes)"
        yield row("logout", WARNING, message, "to keep them running: loginctl enable-linger")
    else:
        yield row("logout", OK, f"sessions survive logout{' (lingering is on)' if lingers else ''}")


def _versions(_caller: Caller) -> Iterator[Finding]:
    names = paths.names()
    others, daemons = {}, {}
    for name in names:
        record = records.readable(name)
        if record is None or not (records.here(record) and records.alive(record)):
            continue
        if (version := str(record.get("version"))) != __version__:
            others[name] = printable(version)
        else:
            daemons[name] = record["daemon_pid"]
    builds = _on_other_builds(daemons)
    everywhere = not others and not builds
    for sessions, what in (
        (builds, f"another build of sesh {__version__} than what is installed here"),
        ([*others], f"sesh {', '.join(sorted({*others.values()}))}, this is {__version__}"),
    ):
        if len(sessions) == 1:
            yield row("versions", WARNING, f"{sessions[0]} runs on {what}", f"{SESH} --reload {sessions[0]}")
        elif sessions:
            yield row("versions", WARNING, f"{len(sessions)} sessions run on {what}", f"{SESH} --reload")
    for remote in known.all():
        if remote.version not in ("", __version__):
            everywhere = False
            message = f"@{remote.host} has sesh {printable(remote.version)}, this is {__version__}"
            yield row("versions", WARNING, message, f"{CALLED} --deploy @{remote.host}")
    if everywhere:
        yield row("versions", OK, f"sesh {__version__} everywhere")
    if len(names) > _MANY:
        yield row("sessions", WARNING, f"{len(names)} sessions", f"{SESH} --sweep clears those that have ended")


def _on_other_builds(daemons: Mapping[str, int]) -> list[str]:
    """Returns the sessions, of these with their daemons' pids, that run on another package than this one, or on this
    one as it was before it was replaced (see `writing.hold_package`).

    A copy is none, as a checkout that was installed is; nor is one of which that is not known.
    """
    package = os.path.realpath(os.path.dirname(writing.__file__))
    held = {name: proc.open_paths(pid) for name, pid in daemons.items()}
    elsewhere = {name: opened for name, opened in held.items() if opened and package not in opened}
    if not elsewhere:
        return []
    modules, called = _modules(package), os.path.basename(package)
    places = {path for opened in elsewhere.values() for path in opened if os.path.basename(path) == called}
    copies = {path for path in places if _modules(path) == modules}
    return [name for name, opened in elsewhere.items() if not opened & copies]


def _modules(package: str) -> dict[str, bytes]:
    """Returns the modules of a package by their paths in it."""
    return {path: data for path, data in about.files(package).items() if path.endswith(".py")}


def _ssh(_caller: Caller) -> Iterator[Finding]:
    name = program()
    if programs.find(name) is None:
        message = f"{printable(name)} is not installed: other hosts cannot be reached"
        yield row("ssh", WARNING, message, "install the OpenSSH client")
        return
    version = (programs.printed(name, "-V", timeout=_VERSION_TIME) or "").strip().partition("\n")[0]
    if "OpenSSH" in version:
        yield row("ssh", OK, version)
    else:
        yield row("ssh", WARNING, f"{printable(version)} is not OpenSSH", "install the OpenSSH client, or set SESH_SSH")
    try:
        yield row("connections", OK, f"shared, under {ssh.control_directory()}")
    except Refused as error:
        yield error_row("connections", error)
    if (rsync := programs.find("rsync")) is None:
        yield row("rsync", WARNING, "not installed: files are always copied whole to other hosts", "install rsync")
    else:
        yield row("rsync", OK, rsync)


def _agents(_caller: Caller) -> Iterator[Finding]:
    for agent in integrate.AGENTS:
        path, remedy = integrate.settings(agent), f"{SESH} --integrate {agent}"
        try:
            there, current, enabled = integrate.standing(agent)
            if there and not enabled:
                yield row("agents", WARNING, f"{agent}: disableAllHooks in {path} keeps them off", "take it out")
            elif current:
                yield row("agents", OK, f"{agent}: hooks in {path}")
            elif there:
                yield row("agents", WARNING, f"{agent}: the hooks in {path} are not those of this sesh", remedy)
            elif integrate.installed(agent):
                yield row("agents", OK, f"{agent}: no hooks in {path}", remedy)
        except Refused as error:
            yield row("agents", WARNING, error.message, error.hint)


CHECKS: dict[str, Check] = {
    "python": _python,
    "system": _system,
    "directory": _directory,
    "daemons": _daemons,
    "settings": _settings,
    "terminal": _terminal,
    "locale": _locale,
    "path": _path,
    "program": _program,
    "logout": _logout,
    "ssh": _ssh,
    "versions": _versions,
    "agents": _agents,
}
