"""Create a session: the launch specification for its daemon, its directory, its name.

The session of a directory has the name of the repository, or `repo-branch` if the directory is in a git worktree.
Outside of any repository it has the name of the directory.
"""

from __future__ import annotations

import os
import unicodedata
from contextlib import suppress

from sesh.about import launcher
from sesh.daemon.spawn import launch
from sesh.errors import Exists, Refused, UsageError
from sesh.names import MAX_NAME, check_label, check_labels, check_variable, is_name, printable
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.origin import Origin
from sesh.schema.facts import LaunchSpec, Record, Spec
from sesh.schema.outcomes import SessionHere
from sesh.store import records, results
from sesh.system import descriptors, files, given, paths, platforms, processes, terminal_modes
from sesh.text import sizes
from sesh.wire.connection import Connection

PAUSE = 0.01  # seconds between two tries to take a name
_MARKS = (".git", ".jj", ".hg")
_ROOM = 6  # characters that a name leaves free for a number: `-12345`
_MAX_GIT_FILE = 1 << 16  # bytes; a larger `.git` file is ignored


UNPAGED = {"PAGER": "cat", "GIT_PAGER": "cat", "GIT_EDITOR": ":"}
"""Variables of a session that nobody watches as it begins: a pager would wait for keys that do not come."""


def launch_spec(caller: Caller, spec: Spec, *, watched: bool | None = None) -> LaunchSpec:
    """Return the launch specification without the name, from the caller's environment and the options.

    `watched`: a person sits before the session as it begins; None if that is so where the caller has a terminal.
    Raises Refused for a directory that does not exist, UsageError for an invalid variable, label or size.
    """
    extra, labels = check_words(spec)
    origin = caller.origin
    settings = caller.settings()
    columns, rows, width, height = _window(origin, spec.get("size"))
    directory = spec.get("directory")
    home = paths.home() if origin is not None else ""
    environment = _environment(origin)
    if watched is None:
        watched = caller.can_answer or (origin is None and os.isatty(0))
    return {
        "directory": checked_directory(caller, directory) if directory is not None else home,
        "command": spec.get("command"),
        "environment": environment if watched else UNPAGED | environment,
        "extra": extra,
        "labels": {key: value for key, value in labels.items() if value},
        "terminal": terminal_modes.own_settings() if origin is None else origin.terminal,
        "columns": columns,
        "rows": rows,
        "width": width,
        "height": height,
        "login": origin is not None,
        "persist": settings.persist,
        "outlive": settings.keep,
        "scrollback": settings.scrollback,
        "id": caller.session_id,
        "browser": _browser(caller) if spec.get("browser", True) else None,
    }


def _browser(caller: Caller) -> bool:
    """Return whether the person who creates the session, at a terminal, has a desktop that shows pages."""
    origin = caller.origin
    opens = platforms.opens_pages(os.environ) if origin is None else origin.opens_pages
    return caller.can_answer and opens


def _window(origin: Origin | None, size: str | None) -> tuple[int, int, int, int]:
    """Return columns, rows, width, height (pixels) of a new session: of `size`, else the terminal."""
    if size is not None:
        return (*sizes.parse_size(size), 0, 0)
    if origin is not None:
        return origin.size
    return descriptors.own_size()


def _environment(origin: Origin | None) -> dict[str, str]:
    """Return this process's environment for a session, with the person's terminal type and locale."""
    variables = _with_launcher(given.environment())
    if origin is not None:
        variables = origin.environment(variables)
    elif descriptors.own_terminal() is None:
        variables.pop("TERM", None)
    return variables


def _with_launcher(variables: dict[str, str]) -> dict[str, str]:
    """Append the directory of sesh's launcher to PATH, which may not have it over ssh."""
    try:
        program = launcher()
    except FileNotFoundError:
        return variables  # the launcher's path is relative to the current directory, which was removed
    path, folder = variables.get("PATH"), os.path.dirname(program)
    if path and folder not in path.split(os.pathsep) and os.path.exists(program):
        variables["PATH"] = f"{path}{os.pathsep}{folder}"
    return variables


def check_words(spec: Spec) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables and labels of the options. Raises UsageError for an invalid one."""
    env, label = spec.get("env") or (), spec.get("label") or ()
    return dict(map(check_variable, env)), check_labels(map(check_label, label))


def checked_directory(caller: Caller, directory: str) -> str:
    """Return the absolute path of a directory, without resolving symbolic links if possible.

    A path below the home directory of the calling machine is mapped to this machine's home. Raises Refused if the
    directory does not exist or the user may not enter it.
    """
    if not directory:
        raise Refused("DIR is empty; write . for the current directory")
    if directory == "~" or directory[:2] == "~/":  # from Python or JSON, where no shell expands it
        directory = os.path.expanduser(directory)
    if caller.origin is not None:
        directory = caller.origin.directory(directory)
    try:
        path = directory if directory[0] == "/" else os.path.join(paths.current_directory(), directory)
    except FileNotFoundError:
        raise Refused("the current directory was removed; change to another one first") from None
    if "\0" in path or not os.path.isdir(path):
        raise Refused(
            f"{no_directory(directory)} to start a new session in", hint="create it first; a command comes after --"
        )
    if not os.access(path, os.X_OK):
        raise Refused(f"you have no access to {printable(directory)}; choose another directory")
    named = os.path.normpath(path)  # behind a link, `..` leads elsewhere than its name says
    return named if ".." not in path.split("/") or paths.same_directory(named, path) else os.path.realpath(path)


def no_directory(path: str) -> str:
    if os.path.lexists(path.replace("\0", "")):
        return f"{printable(path)} is not a directory"
    return f"there is no directory {printable(path)}"


def with_program_of(launch_spec: LaunchSpec, record: Record) -> LaunchSpec:
    """Return the specification with the program of a record.

    It is the record's command or shell. A resume command of the specification, or else of the record, replaces it.
    """
    command = [str(word) for word in record.get("command") or []]
    resume = launch_spec.get("resume") or record.get("resume") or None
    kept: LaunchSpec = {"env": list(record.get("env") or ()), "job": bool(record.get("job"))}
    launch_spec = {**launch_spec, **kept, "keep": bool(record.get("keep")), "resume": resume, "resumes": bool(resume)}
    if record.get("shell") is not True:
        return {**launch_spec, "command": command or None}
    shell = {"SHELL": command[0]} if command else {}
    return {**launch_spec, "command": None, "environment": {**launch_spec["environment"], **shell}}


def start(launch_spec: LaunchSpec, name: str) -> Connection:
    """Start a session's daemon; return a connection before HELLO. Raises Exists, SeshError (127, 126), Refused."""
    try:
        return launch.start_daemon({**launch_spec, "name": name})
    except Exists:
        raise find.taken(name) from None


def start_numbered(launch_spec: LaunchSpec, prefix: str = "", number: int = 1) -> tuple[str, Connection]:
    """Start the session under the name from `numbered`; return the name and the connection."""
    while True:
        name = numbered(prefix, number)
        with suppress(Exists):  # another process was faster
            return name, start({**launch_spec, "numbered": True}, name)
        number = int(name.removeprefix(prefix)) + 1


def numbered(prefix: str, number: int) -> str:
    """Return `prefix` with the lowest free number, at least `number`. Raises UsageError.

    The number of a job is not free while its result is kept: a later session of that name would hide the result.
    """
    taken = {*paths.names(), *results.job_names()}  # in this order: a job that ends has its result before its files go
    while f"{prefix}{number}" in taken:
        number += 1
    if not is_name(f"{prefix}{number}"):
        raise UsageError(f"{prefix}{number} is too long for a session name; choose another one")
    return f"{prefix}{number}"


@op(reads=True)
def here(caller: Caller, directory: str) -> SessionHere:
    """Return the name of a directory's session, the directory, and whether the session exists.

    A session that has ended exists, too. If a session of another directory has the name, try `name-2` and so on. Raises
    Refused if the directory does not exist.
    """
    directory = checked_directory(caller, directory)
    root, repository_name = repository(directory)
    taken = set(paths.names())
    name = repository_name
    number = 1
    while not _is_in(name, root) if name in taken else number > 1 and name in results.job_names():
        number += 1
        name = f"{repository_name}-{number}"
    return {"name": name, "directory": directory, "there": name in taken}


def _is_in(name: str, root: str) -> bool:
    """Return whether a session's first or current directory lies in a repository or directory."""
    record = records.readable(name)
    if record is None or not records.here(record):
        return False
    now = processes.directory_of(record.get("pid") or 0) if records.alive(record) else ""
    return any(folder and repository(folder)[0] == root for folder in (record.get("cwd"), now))


def repository(directory: str) -> tuple[str, str]:
    """Return the root of a directory's repository, and the name of its session.

    Without a repository, the root is the directory itself. A repository in the home directory, as for dotfiles, does
    not count for the directories below.
    """
    folder = real = os.path.realpath(directory)
    home = os.path.realpath(paths.home())
    while folder == real or folder != home:
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in _MARKS):
            return folder, valid(_repository_name(folder))
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    return real, valid(os.path.basename(real) or "root")


def _repository_name(root: str) -> str:
    """Return a repository's name, or `repo-branch` for a worktree. Source: gitrepository-layout(5)."""
    pointer = _first_line(os.path.join(root, ".git"))
    inner = os.path.normpath(os.path.join(root, pointer.partition("gitdir: ")[2].strip()))
    if not pointer.startswith("gitdir: ") or os.path.basename(os.path.dirname(inner)) != "worktrees":
        return os.path.basename(root)
    common = os.path.dirname(os.path.dirname(inner))
    repository = os.path.basename(common).removesuffix(".git")
    if repository[:1] in ("", "."):  # `.git`, or a bare repository next to its worktrees, such as `.bare`
        repository = os.path.basename(os.path.dirname(common))
    head = _first_line(os.path.join(inner, "HEAD"))
    return f"{repository}-{head.removeprefix('ref: refs/heads/') if head[:5] == 'ref: ' else head[:7]}"


def _first_line(path: str) -> str:
    try:
        content = files.read_regular(path, _MAX_GIT_FILE)
    except OSError:
        return ""
    return os.fsdecode(content).partition("\n")[0].strip()


def valid(text: str) -> str:
    """Return a valid session name that resembles `text`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = "".join(letter if letter in "_.+" or letter.isalnum() else " " for letter in plain).split()
    name = "-".join(words).lstrip(".+-")[: MAX_NAME - _ROOM].rstrip(".+-")
    return name if is_name(name) else "session"
