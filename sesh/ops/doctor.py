"""`doctor`: check that sesh works on this machine, and name the remedies."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec

from sesh import errors
from sesh.about import PROGRAM, SESH, __version__
from sesh.config import config
from sesh.desktop import install
from sesh.errors import Interrupted, Refused, SeshError, UsageError
from sesh.names import printable
from sesh.ops import sweep
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.origin import locale_exists
from sesh.reach.target import Target
from sesh.remote import known
from sesh.remote.ssh.destination import program
from sesh.schema.facts import IntegrationFacts
from sesh.schema.outcomes import Finding
from sesh.store import listing, records, results
from sesh.system import descriptors, files, paths, platforms, programs, startup
from sesh.text import integration
from sesh.text.keys import DetachKey
from sesh.wire.messages import STATUS

OK, WARNING, ERROR = "ok", "warning", "error"
_ROOM = 64 << 10  # bytes
_LOCK_TIMEOUT = 2.0  # seconds; others hold it for milliseconds
_SESSION_TIMEOUT = 2.0  # seconds for a session to answer
_VERSION_TIMEOUT = 5.0  # seconds for a program to print its version


def row(check: str, verdict: str, message: str, remedy: str = "") -> Finding:
    """Return a finding; ERROR means that sesh cannot work. `remedy` quotes commands as `SeshError.hint` does."""
    return {"check": check, "state": verdict, "message": message, "remedy": remedy or None}


def error_row(check: str, error: SeshError, remedy: str = "") -> Finding:
    """Return an error as a finding; `remedy`: used if the error has no hint."""
    message, _, hint = error.message.partition("; ")
    return row(check, ERROR, message, "; ".join(filter(None, (hint, error.hint))) or remedy)


@op(reads=True)
def all_(caller: Caller) -> list[Finding]:
    """Return all findings, in the order in which a person should read them."""
    findings: list[Finding] = []
    for check in _CHECKS:
        name = check.__name__.lstrip("_")
        try:
            findings += check(caller)
        except SeshError as error:
            findings.append(error_row(name, error))
        except OSError as error:
            findings.append(row(name, WARNING, f"this cannot be checked: {error.strerror}"))
    return findings


def findings_of(target: Target) -> list[Finding]:
    """Return the findings of a machine, for a host including those about its link."""
    host = target.host
    if host is None:
        return target.call(all_)
    try:
        findings = target.call(all_)
    except Interrupted:
        raise
    except SeshError as error:
        remedies = {"unreachable": f"to see why: ssh -v {host}", "not_deployed": f"{PROGRAM} deploy @{host}"}
        return [error_row("link", error, remedies.get(error.code, ""))]
    return [row("link", OK, f"@{host} is reachable and has sesh"), *_other_version("version", host), *findings]


def _other_version(check: str, host: str) -> Iterator[Finding]:
    """Yield a warning if a host is known to have another version than this one."""
    version = known.of(host).get("version", "")
    if version not in ("", __version__):
        message = f"@{host} has sesh {printable(version)}, this is {__version__}"
        yield row(check, WARNING, message, f"{PROGRAM} deploy @{host}")


def _python(_caller: Caller) -> Iterator[Finding]:
    yield row("python", OK, f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")
    for name, loss in (("ptyprocess", "sessions cannot be created"), ("pyte", "screens cannot be shown")):
        if find_spec(name) is None:
            yield row("packages", ERROR, f"{name} is missing: {loss}", "reinstall sesh")
    if sys.version_info < (3, 11) and find_spec("tomli") is None:
        yield row("packages", WARNING, "config.toml cannot be read", "pip install tomli, or use Python 3.11")


def _directory(caller: Caller) -> Iterator[Finding]:
    path = paths.directory()
    files.ready_directory()
    with files.locked(path, timeout=_LOCK_TIMEOUT):
        pass
    _check_room(path)
    if caller.origin is None and os.path.isdir(paths.state_directory()):
        _check_room(paths.state_directory(), "XDG_STATE_HOME")
    if kind := platforms.network_filesystem(path):
        remedy = "set SESH_DIR to a local directory in your shell's profile, such as SESH_DIR=/var/tmp/$USER-sesh"
        message = f"{path} is on a network file system ({kind}), where sockets and locks may fail"
        yield row("directory", WARNING, message, remedy)
    yield row("directory", OK, f"{path}, private")
    for reason in [*listing.refusals(), *results.refusals(), *known.damage()]:
        yield error_row("files", Refused(reason))


def _check_room(folder: str, variable: str = "SESH_DIR") -> None:
    """Write a nameless file, as large as a record with a small screen. Raises Refused."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            files.write_all(file.fileno(), os.urandom(_ROOM))
            os.fsync(file.fileno())  # a network file system may report only here that it is full
    except OSError as error:
        raise Refused(f"cannot write to {folder}: {error.strerror}", hint=errors.remedy(error, variable)) from error


def _daemons(_caller: Caller) -> Iterator[Finding]:
    """Find daemons whose files were removed; SIGUSR1 makes a daemon write them again."""
    for daemon in sweep.daemons():
        remedy = f"kill -USR1 {daemon.pid}; to end it: {PROGRAM} sweep --older 0 --all"
        yield row("daemons", WARNING, daemon.what, remedy)


def _settings(_caller: Caller) -> Iterator[Finding]:
    for warning in config.load().warnings:
        yield row("settings", WARNING, warning, "fix that line")
    try:
        DetachKey.parse(os.environ.get("SESH_DETACH_KEY") or "none")
    except UsageError as error:
        yield row("settings", WARNING, f"SESH_DETACH_KEY: {error}", "use tmux's key names: C-\\ or 'C-b d'")


def _terminal(caller: Caller) -> Iterator[Finding]:
    """Check the person's terminal, which may be on the machine that opened the link."""
    if caller.origin is not None:
        term = caller.origin.term
    else:
        term = os.environ.get("TERM") if descriptors.own_terminal() is not None else None
    if term is None:
        return
    if term in ("", "dumb"):
        remedy = "set TERM to your terminal's type, such as xterm-256color"
        yield row("terminal", WARNING, "TERM is not set to a terminal type", remedy)
    elif not platforms.has_terminfo(term, os.environ):
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
    """Check PATH, and every program called sesh in it and in ~/.local/bin: other projects have one too.

    Links, deploy and login shells look in ~/.local/bin, which need not be in the PATH of this process.
    """
    own = os.path.expanduser("~/.local/bin")
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if own in (os.path.normpath(folder) for folder in folders if folder):
        yield row("path", OK, f"{own} is in PATH")
    elif caller.origin is None:  # over a link PATH is sshd's, and sessions get the launcher's directory added
        remedy = 'add to your shell\'s profile: export PATH="$HOME/.local/bin:$PATH"'
        yield row("path", WARNING, f"{own} is not in PATH", remedy)
    launcher = os.path.join(own, PROGRAM)
    if os.path.lexists(launcher) and not os.access(launcher, os.X_OK):  # such as a link to what was removed
        message = f"{printable(launcher)} cannot be executed"
        yield row("program", WARNING, message, "remove it, or install sesh again")
    seen: set[str] = set()
    for folder in filter(os.path.isabs, [*folders, own]):
        path = shutil.which(PROGRAM, path=folder)
        if path is None or os.path.realpath(path) in seen:
            continue
        seen.add(os.path.realpath(path))
        version = (programs.printed(path, "--version", timeout=_VERSION_TIMEOUT) or "nothing").strip()
        if version == f"{PROGRAM} {__version__}":
            yield row("program", OK, f"{printable(path)}, version {__version__}")
        else:
            message = f"{printable(path)} says that it is {printable(version)}; this is {PROGRAM} {__version__}"
            yield row("program", WARNING, message, "remove one, or put the directory of the right one first in PATH")


def _logout(_caller: Caller) -> Iterator[Finding]:
    lingers = os.path.exists(f"/var/lib/systemd/linger/{pwd.getpwuid(os.geteuid()).pw_name}")
    if platforms.has_systemd() and platforms.logind_kills() and not lingers:
        message = "logind ends your processes when you log out (KillUserProcesses=yes)"
        yield row("logout", WARNING, message, "to keep them running: loginctl enable-linger")
    else:
        yield row("logout", OK, "sessions survive logout")
    if (limit := os.environ.get("TMOUT", "").strip()) not in ("", "0"):
        message = f"TMOUT={printable(limit)} ends a shell that waits so many seconds at its prompt"
        yield row("shell", WARNING, message, "if it is not readonly: sesh NAME --env TMOUT=")


def _ssh(_caller: Caller) -> Iterator[Finding]:
    name = program()
    version = "" if programs.find(name) is None else programs.printed(name, "-V", timeout=_VERSION_TIMEOUT) or ""
    if "OpenSSH" in version:
        yield row("ssh", OK, version.strip().partition("\n")[0])
    else:
        message = f"{printable(name)} is not OpenSSH: other hosts cannot be reached"
        yield row("ssh", WARNING, message, "install the OpenSSH client, or set SESH_SSH")
    if (rsync := programs.find("rsync")) is None:
        yield row("rsync", WARNING, "not installed: files are always copied whole to other hosts", "install rsync")
    else:
        yield row("rsync", OK, rsync)


def _versions(_caller: Caller) -> Iterator[Finding]:
    found = [record for name in paths.names() if (record := records.readable(name)) is not None]
    running = [record for record in found if records.here(record) and records.alive(record)]
    others = [str(record["name"]) for record in running if record.get("version") != __version__]
    if others:
        message = f"{', '.join(others)}: of another version than this one, {__version__}"
        yield row("versions", WARNING, message, f"{SESH} reload")
    remotes = [finding for host in known.hosts() for finding in _other_version("versions", host)]
    yield from remotes
    if not (others or remotes):
        yield row("versions", OK, f"sesh {__version__} everywhere")


def _integrations() -> Iterator[tuple[str, IntegrationFacts]]:
    """Yield the sessions whose shell has the integration."""
    for name in paths.names():
        record = records.readable(name)
        if record is None or not records.here(record) or not records.alive(record):
            continue
        found = None
        with suppress(SeshError):  # it has ended, or does not answer
            found = find.request(name, STATUS, timeout=_SESSION_TIMEOUT)[0].get("integration")
        if found is not None:
            yield name, found


def _integration(_caller: Caller) -> Iterator[Finding]:
    """Find the sessions whose shell has the integration, but not whole."""
    lacks: dict[str, list[str]] = {}
    for name, found in _integrations():
        for word in found["missing"]:
            lacks.setdefault(word, []).append(name)
    for word, names in lacks.items():
        cost, remedy = integration.explained(word)
        yield row("integration", WARNING, f"{', '.join(names)}: {cost}", remedy)


def _startup(_caller: Caller) -> Iterator[Finding]:
    """Check that the user's shell loads the integration when it starts."""
    line = startup.startup_line(os.environ)
    if line is None:
        return
    # The line may stand in a file that the startup file reads.
    if startup.is_loaded(os.environ) or any(found["shell"] == line.shell for _, found in _integrations()):
        yield row("startup", OK, f"{line.shell} loads the shell integration")
    else:
        message = f"no startup file of {line.shell} loads the shell integration: what you type is not recorded"
        yield row("startup", WARNING, message, f"write {line}")


def _desktop(caller: Caller) -> Iterator[Finding]:
    """In a session, check that the programs for clipboard and browser lead to the person's desktop."""
    record = listing.of_asker() if caller.origin is None else None
    if record is None:
        return
    folder = install.folder()
    elsewhere: dict[str, list[str]] = {}
    for name in install.NAMES:
        found = os.path.dirname(shutil.which(name) or "")
        if found != folder and not (name in install.OF_MACOS and found):
            elsewhere.setdefault(found, []).append(name)
    for place, names in elsewhere.items():
        where = f"found in {printable(place)}" if place else "not found"
        message = f"{', '.join(names)}: {where}, not in {folder}, so they do not reach your desktop"
        yield row("desktop", WARNING, message, startup.shims_line(os.environ, folder))
    if os.path.exists(records.file_of(record["id"], "display")):
        yield row("desktop", OK, "your display is on this machine: its own xclip, xdg-open and the like run")
    elif not elsewhere:
        yield row("desktop", OK, f"{', '.join(install.NAMES)} reach the machine at which you sit")
    browser = os.environ.get("BROWSER", "")
    if browser and os.path.basename(browser) != platforms.BROWSER:
        yield row("desktop", OK, f"BROWSER is your own, {printable(browser)}")
    elif browser:
        yield row("desktop", OK, "programs open pages in your browser")
    else:
        yield row("desktop", OK, "BROWSER is not set: programs print the address of a page")


_CHECKS = (
    _python, _directory, _daemons, _settings, _terminal, _locale, _path, _logout, _ssh, _versions, _startup,
    _integration, _desktop,
)  # fmt: skip
