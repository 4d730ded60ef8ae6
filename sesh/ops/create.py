"""Creating a session: the specification for its daemon, its directory and its number; and the op for a job."""

from __future__ import annotations

import os

from sesh import bounds, paths, platform
from sesh.errors import Exists, ExitCode, Refused, SeshError, UsageError
from sesh.lean import Lock
from sesh.names import check_label, check_variable, is_name, printable
from sesh.reach import find
from sesh.reach.op import op
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.reach.caller import Caller
    from sesh.reach.op import Entered
    from sesh.schema import LaunchSpec, Spec, Summary
    from sesh.wire import Connection


_starting = Lock()
"""Held while a session is created, which changes what belongs to the whole process (its umask) for a moment."""


def order(
    caller: Caller,
    *,
    directory: str | None = None,
    command: list[str] | None = None,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
) -> LaunchSpec:
    """What a new session is to be, without its name: the caller's surroundings, and what the words say.

    Raises Refused for a directory that is not there, UsageError for an invalid variable or label.
    """
    extra, labels = check_words({"env": env, "label": label})
    origin = caller.origin
    if origin is not None:
        (columns, rows, width, height), term, colorterm = origin.size, origin.term, origin.colorterm
        environment, home = origin.environment(dict(os.environ)), paths.home()
    else:
        terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
        columns, rows, width, height = (0, 0, 0, 0) if terminal is None else platform.window_size(terminal)
        term, colorterm = (None, None) if terminal is None else (os.environ.get("TERM"), os.environ.get("COLORTERM"))
        environment, home = dict(os.environ), ""
    return {
        "directory": checked_directory(caller, directory) if directory is not None else home,
        "command": command,
        "environment": environment,
        "extra": extra,
        "labels": {key: value for key, value in labels.items() if value},
        "columns": columns,
        "rows": rows,
        "width": width,
        "height": height,
        "term": term,
        "colorterm": colorterm,
        "keep": False,
        "job": False,
        "timeout": None,
        "login": origin is not None,
        **_settings(caller),
        "id": caller.session_id,
    }


def check_words(spec: Spec) -> tuple[dict[str, str], dict[str, str]]:
    """The variables and the labels that the caller gives. Raises UsageError for an invalid one."""
    env, label = spec.get("env") or (), spec.get("label") or ()
    return dict(check_variable(word) for word in env), dict(check_label(word) for word in label)


def _settings(caller: Caller) -> LaunchSpec:
    """What becomes of a session that loses its daemon, or ends unseen; without a file nothing is loaded."""
    if not os.path.exists(paths.settings_file()):
        return {"persist": True, "outlive": "failed"}
    settings = caller.settings()
    return {"persist": settings.persist, "outlive": settings.keep}


def checked_directory(caller: Caller, word: str) -> str:
    """A directory as an absolute path, written as the caller wrote it where that is possible.

    Raises Refused where there is none, or where the caller may not enter it; InvalidName is for names alone.
    """
    if not word:
        raise Refused("DIR is empty; write . for the current directory")
    word = meant(caller, word)
    try:
        path = word if word[0] == "/" else os.path.join(os.getcwd(), word)
    except FileNotFoundError:
        raise Refused("the current directory was removed; change to another one first") from None
    if "\0" in path or not os.path.isdir(path):
        raise Refused(f"{no_directory(word)}; create it first, or name another")
    if not os.access(path, os.X_OK):
        raise Refused(f"you have no access to {printable(word)}; choose another directory")
    return os.path.realpath(path) if ".." in path.split("/") else os.path.normpath(path)


def meant(caller: Caller, word: str) -> str:
    """A directory as it is meant on this machine: what was typed on another one may name that one's home.

    `~` that no shell has taken, as from Python or JSON, is the home of the user who owns the session.
    """
    if word == "~" or word[:2] == "~/":
        word = paths.expanded(word)
    return caller.origin.directory(word) if caller.origin is not None else word


def no_directory(word: str) -> str:
    """Says what is wrong with a word that names no directory."""
    if os.path.lexists(word.replace("\0", "")):
        return f"{printable(word)} is not a directory"
    return f"there is no directory {printable(word)}"


def start(what: LaunchSpec, name: str) -> Connection:
    """Has a daemon run the session; the connection is its first, and nothing was said on it yet.

    Raises Exists, CannotStart, Refused.
    """
    from sesh.daemon.spawn import launch

    try:
        with _starting:
            return launch.start_daemon({**what, "name": name})
    except Exists:
        raise find.taken(name) from None


def start_numbered(what: LaunchSpec) -> tuple[str, Connection]:
    """The same under the lowest free number from 1; when another takes that number first, under the next."""
    number = 0
    while True:
        taken = set(paths.names())
        number += 1
        while str(number) in taken:
            number += 1
        try:
            return str(number), start(what, str(number))
        except Exists:
            continue


def next_name(name: str) -> str:
    """`NAME-2`, or the next that is free. Raises UsageError where it would be too long."""
    taken = set(paths.names())
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    if not is_name(f"{name}-{number}"):
        raise UsageError(f"{name}-{number} is too long for a session name; choose another one")
    return f"{name}-{number}"


@op("enter.job", creates=True)
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: float | None = None,
    stdin: bool = False,
) -> Entered:
    """A job that has begun: the command of `spec` is its session's program, under the lowest free number if unnamed.

    Raises what keeps it from beginning, as 125 where no other code says more.
    """
    name = find.checked(name, "--exec") if name is not None else None
    if timeout is not None:
        timeout = bounds.seconds(timeout, "timeout")
    try:
        what = order(caller, **(spec or {}))
        what |= {"job": True, "keep": keep, "timeout": timeout, "stdin": stdin}
        if name is None:
            return start_numbered(what)
        if (known := find.dormant(name)) is not None:
            return name, _job_instead(caller, name, known, what)
        return name, start(what, name)
    except SeshError as error:
        error.exit_code = ExitCode.SESH_FAILED if error.exit_code == ExitCode.FAILED else error.exit_code
        raise


def _job_instead(caller: Caller, name: str, known: Summary, what: LaunchSpec) -> Connection:
    """A job in the place of one that was lost, for what runs it each night; no other session is replaced by a job."""
    from sesh.ops import dormant

    if (records.readable(name) or {}).get("job") is not True:
        raise find.occupied(known)
    return dormant.start(caller, what, name, known, again=False)
