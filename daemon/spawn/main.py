"""The entry point of a daemon: starts the program, answers the creator, serves the session.

The spec: if `command` is absent, the user's shell is started; if `id` is absent, a new one is made. `columns`, `rows`,
`width` and `height` are 0 without a terminal. `timeout` (seconds) is for a job. `stdin`: the creator feeds the job's
input.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from errno import EACCES, ENOENT

from sesh import about, directories, log, machine, measures, paths, processes, programs, protocol, wire
from sesh.about import PROGRAM
from sesh.daemon import reload
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
from sesh.daemon.pty.pty import GATE, Program, Pty, cannot_start
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.history import Command
from sesh.errors import InternalError, Interrupted, SeshError
from sesh.measures import STEADY
from sesh.schema import LaunchSpec
from sesh.store import records
from sesh.stored import Facts

BLOCKED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Signals that are blocked from before the fork until the daemon's loop handles them."""
_SPEC_TIMEOUT = 10.0
FALLBACK_TERM = "xterm-256color"  # every terminal understands it, and every system has its terminfo

_FOREIGN = frozenset((
    "ALACRITTY_LOG", "ALACRITTY_SOCKET", "ALACRITTY_WINDOW_ID", "COLORFGBG", "COLUMNS", "GHOSTTY_BIN_DIR",
    "GHOSTTY_SHELL_FEATURES", "GNOME_TERMINAL_SCREEN", "GNOME_TERMINAL_SERVICE", "GPG_TTY", "INSIDE_EMACS",
    "LC_TERMINAL", "LC_TERMINAL_VERSION", "LINES", "NVIM", "OLDPWD", "PWD", "SESH_ENV_FILE", "SESH_FAR", "SESH_SESSION",
    "SSH_TTY", "STY", "TERMCAP", "TERMINATOR_DBUS_NAME", "TERMINATOR_DBUS_PATH", "TERMINATOR_UUID", "TERM_SESSION_ID",
    "TILIX_ID", "VIM_TERMINAL", "VTE_VERSION", "WINDOW", "WINDOWID", "WT_PROFILE_ID", "WT_SESSION", "XTERM_LOCALE",
    "XTERM_SHELL", "XTERM_VERSION", "ZMX_SESSION", "_",
))  # fmt: skip
"""Variables that describe the creator's terminal, multiplexer or directory."""

_FOREIGN_FAMILIES = ("TMUX", "KITTY_", "TERM_PROGRAM", "ITERM_", "KONSOLE_", "WEZTERM_", "ZELLIJ", "VSCODE_SHELL_")


def run_daemon(creator: socket.socket) -> None:
    """Run the daemon of the session that `creator` requests, in a fork of the zygote; never return.

    Lead a session of processes (setsid(2)), so that the scheduler gives each daemon its own share (autogroups,
    sched(7)). As its leader, a daemon must open terminals with O_NOCTTY, or one would become its controlling terminal.
    """
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, the kernel discards wait statuses
        server = _start(creator)
        server.begin()
        server.run()
        os._exit(0)
    except BaseException as error:
        log.write_error("daemon", error)
    finally:
        os._exit(1)


def _start(creator: socket.socket) -> Server:
    """Start the session that the creator requests, and answer; exit after an error."""
    connection = wire.Connection(creator.fileno(), creator.fileno())
    spec = _receive_spec(connection)
    wanted = {**spec["environment"], "SESH_DIR": paths.directory()}  # absolute; hooks inherit it
    os.environ.clear()
    os.environ.update(wanted)
    processes.set_process_title(f"{PROGRAM}: {spec['name']}")
    about.hold_package()
    try:
        server = _set_up(spec, creator, connection)
    except Exception as error:
        failure = directories.refusal(error) if isinstance(error, OSError) else error
        if not isinstance(failure, SeshError):
            log.write_error("daemon", error)
            failure = InternalError(f"cannot set up the session: {error}")
        connection.send(protocol.message(protocol.RESPONSE, {"id": 0, "error": failure.facts()}))
        os._exit(1)
    with suppress(SeshError):  # the session survives its creator
        connection.send(protocol.message(protocol.RESPONSE, {"id": 0, "ok": True, "session": spec["name"]}))
    return server


def _receive_spec(connection: wire.Connection) -> LaunchSpec:
    deadline = time.monotonic() + _SPEC_TIMEOUT
    data = bytearray()
    while True:
        kind, payload = connection.receive(deadline)
        if kind == protocol.DATA:
            data += payload
        elif kind == protocol.REQUEST:
            spec: LaunchSpec = json.loads(data.decode())
            return spec


def _set_up(spec: LaunchSpec, creator: socket.socket, connection: wire.Connection) -> Server:
    """Claim the name, write the record, start the program.

    Start the program last: after a later failure, it would run in no listed session. Raises SeshError, OSError;
    Interrupted, with nothing changed, if the creator has disconnected.
    """
    listener = Listener.claim(spec["name"], lambda: _check_wanted(spec, connection))
    try:
        session, program = _session(spec)
        try:
            write_record(session)
            if agent := spec["environment"].get("SSH_AUTH_SOCK"):  # before the program, which may use it at once
                records.link_agent(session.facts["id"], agent)
            server = Server(session, listener, creator, reload.begin)
            session.begin(Pty.spawn(program))
        finally:
            if program.stdin >= 0:
                os.close(program.stdin)
    except BaseException:
        listener.release()
        raise
    session.faults.guard(lambda: write_record(session), "the record")
    if spec.get("before"):  # keep the restored screen on disk, in case this daemon dies too
        session.faults.guard(session.checkpoints.write_last, "the checkpoint")
    return server


def _check_wanted(spec: LaunchSpec, creator: wire.Connection) -> None:
    """Check that the session is still wanted. Raises Interrupted if the creator has disconnected.

    Raises Exists if another process has restored the dormant session already, even if that session has ended since.
    """
    before = spec.get("instead_of")
    if before and (records.readable(spec["name"]) or {}).get("id") != before:
        raise paths.taken(spec["name"])
    if creator.gone():
        raise Interrupted("its creator does not want the session any more")


def _session(spec: LaunchSpec) -> tuple[Session, Program]:
    """Return the session, and its program, which is not started yet. Raises CannotStart, OSError."""
    session_id = str(spec.get("id") or os.urandom(8).hex())
    variables = environment(spec, session_id)
    path, argv, command = _program(spec, variables)
    size = measures.clamp_size(spec.get("columns"), spec.get("rows"), spec.get("width"), spec.get("height"))
    session = Session(_facts(spec, session_id, command), size, None)
    if spec.get("before"):
        session.pump.show(spec["before"].encode("utf-8", "replace"))
    if earlier := spec.get("history"):
        session.runs.history.count = max(run["n"] for run in earlier)
        session.runs.history.commands = [Command(run) for run in earlier]
    inbound, outbound = os.pipe() if spec.get("stdin") else (-1, -1)
    if outbound >= 0:
        session.pump.stdin = StdinPipe(outbound, session.loop)
    return session, Program(path, argv, spec["directory"], variables, size, spec["umask"], inbound)


def _facts(spec: LaunchSpec, session_id: str, command: list[str]) -> Facts:
    created = STEADY.now()
    limit = spec.get("timeout")
    own_shell = not spec.get("command")
    return {
        "name": spec["name"],
        "id": session_id,
        "created": created,
        "directory": spec["directory"],
        "command": command,
        "labels": dict(spec.get("labels") or {}),
        "keep": bool(spec.get("keep")),
        "job": bool(spec.get("job")),
        "shell": own_shell and not spec.get("resumes"),
        "resume": spec.get("resume"),
        "env": [*dict.fromkeys([*spec.get("env", ()), *(spec.get("extra") or ())])],
        "resumed": own_shell and spec.get("resumes") is True,
        "persist": spec.get("persist") is True,
        "outlive": spec.get("outlive"),
        "scrollback": measures.clamped(spec.get("scrollback"), 0, measures.MOST_SCROLLBACK, measures.SCROLLBACK),
        "ends_at": created + limit if limit is not None else None,
        "pid": 0,
    }


def _program(spec: LaunchSpec, variables: Mapping[str, str]) -> tuple[str, list[str], list[str]]:
    """Return the path of the program, its argv, and the command for the record. Raises CannotStart."""
    command = spec.get("command")
    shell = programs.shell(spec["environment"])
    own = list(command or [shell])
    command = spec.get("resume") if spec.get("resumes") else command
    if not command:
        return shell, shell_words(shell, login=bool(spec.get("login"))), own
    path, exit_code = find_program(command[0], variables.get("PATH", os.defpath), spec["directory"])
    if path is None:
        if exit_code == 126:
            raise cannot_start(command, os.path.join(spec["directory"], command[0]), EACCES)
        raise cannot_start(command, "", ENOENT)
    if spec.get("gate"):  # a shell that waits for Enter; Ctrl-C and Ctrl-D end it
        return "/bin/sh", ["sh", "-c", GATE, "sh", path, *command[1:]], own
    return path, list(command), own


# -- the environment, the argv and the file of the program


def environment(spec: LaunchSpec, session_id: str) -> dict[str, str]:
    """Return the program's variables: the creator's, without those of its terminal, and the session's.

    A login shell starts SHLVL again. If the creator has no ssh agent, leave SSH_AUTH_SOCK unset, so that login files
    may start an agent; shell integration sets it when a client brings one.
    """
    creator = spec["environment"]
    login = bool(spec.get("login"))
    term = spec["environment"].get("TERM", "")
    variables = {
        name: value
        for name, value in creator.items()
        if name not in _FOREIGN and not name.startswith(_FOREIGN_FAMILIES) and not (login and name == "SHLVL")
    }
    variables["TERM"] = term if machine.has_terminfo(term, variables) else FALLBACK_TERM
    variables["SHELL"] = programs.shell(creator)
    if "HOME" in variables:
        variables["HOME"] = variables["HOME"] or paths.home()
    variables["SESH_SESSION"] = spec["name"]
    if variables.pop("SSH_AUTH_SOCK", ""):
        variables["SSH_AUTH_SOCK"] = records.agent_path(session_id)
    variables.update(spec.get("extra") or {})
    if creator.get("SESH_DIR"):
        variables["SESH_DIR"] = paths.directory()
    variables["PWD"] = spec["directory"]
    variables["SESH_ENV_FILE"] = records.environment_path(session_id)
    return variables


def shell_words(path: str, *, login: bool) -> list[str]:
    """Return the argv of an interactive shell; a leading dash makes it a login shell, the default on macOS."""
    name = os.path.basename(path)
    return [f"-{name}" if login or sys.platform == "darwin" else name]


def find_program(word: str, path: str, cwd: str) -> tuple[str | None, int]:
    """Return the path of a command and 0, or None and the exit code: 127 not found, 126 not executable.

    `path`: PATH, in which an empty directory means `cwd`. A word with a slash is relative to `cwd`.
    """
    if not word or "\0" in word:
        return None, 127
    exit_code = 127
    for folder in [""] if "/" in word else path.split(":"):
        program = os.path.join(cwd, folder, word)
        if programs.is_program(program):
            return program, 0
        if os.path.isfile(program) or ("/" in word and os.path.exists(program)):
            exit_code = 126
    return None, exit_code
