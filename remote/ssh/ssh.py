"""Build command lines for ssh from the user's options and sesh's defaults."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sesh.errors import SIGNAL_BASE, Refused, SeshError
from sesh.remote.ssh.destination import NO_SSH, OPTIONS, Destination, environment_options, option, program
from sesh.system import files, paths, processes, programs

EXIT_TIMEOUT = 1.0  # seconds for ssh to exit once its link has ended or it was killed; then sesh stops waiting
FAILED = 255  # the exit code of ssh itself, not of the remote command
# Settings that a command needs for its stdin and stdout; an older ssh does not know all of them.
_NEEDED = {"RemoteCommand": "none", "SessionType": "default", "StdinNull": "no", "ForkAfterAuthentication": "no"}
_COMPRESSION = "Compression"
_HOST_KEYS = next(each for each in OPTIONS if each.keyword == "StrictHostKeyChecking")
_UNSAFE, _OUTSIDE = re.compile(r"['\\]"), r"'\\\g<0>'"  # a character, and how to write it outside of the quotes
_MAX_SOCKET_PATH = 104 - 1 - 17  # bytes: macOS's limit without NUL and the suffix of ssh's temporary name
_SOCKET_NAME = 24  # characters of a socket's name, a hash


def start(destination: Destination, argv: list[str], *, may_prompt: bool, **streams: Any) -> subprocess.Popen[bytes]:
    """Start ssh or `via`; unless `may_prompt`, without the terminal and its signals. Raises Unreachable."""
    via = destination.via is not None
    variables = environment(may_prompt=may_prompt, via=via)
    try:
        return programs.start(argv, env=variables, start_new_session=not may_prompt, **streams)
    except OSError as error:
        hint = f"check `via` of {destination.host} in config.toml" if via else NO_SSH
        raise programs.cannot_run(argv[0], error, hint) from error


@contextmanager
def prompting(*, may_prompt: bool) -> Iterator[None]:
    """Restore the terminal's settings after an error in the block.

    After an error the block kills ssh, maybe at a prompt. SIGHUP and SIGTERM are errors too: otherwise they would end
    this process, and not ssh.
    """
    if not may_prompt:
        yield
        return
    settings = termios.tcgetattr(0) if os.isatty(0) else []
    handled = [each for each in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(each) == signal.SIG_DFL]

    def end(number: int, _frame: object) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)  # another one must not stop the end of ssh
        sys.exit(SIGNAL_BASE + number)

    for each in handled:
        signal.signal(each, end)
    try:
        yield
    except BaseException:
        with suppress(OSError, termios.error):  # the terminal has gone
            if settings and os.tcgetpgrp(0) == os.getpgrp():  # else this process would be stopped
                termios.tcsetattr(0, termios.TCSANOW, settings)
        raise
    finally:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what `start` has started, with its children.

    Wait for the program's end, but not long: a program may hang in the kernel.
    """
    if process.poll() is None:
        _kill_family(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(EXIT_TIMEOUT)


def _kill_family(pid: int) -> None:
    """Kill a process and its children; an ssh that may prompt leads no process group."""
    children = processes.children_of(pid)
    with suppress(ProcessLookupError, PermissionError):  # sudo belongs to root
        kill = os.killpg if os.getpgid(pid) == pid else os.kill
        kill(pid, signal.SIGKILL)
    for child in children:
        _kill_family(child)


def environment(*, may_prompt: bool, via: bool = False) -> dict[str, str]:
    """Return the environment for ssh, or for a `via` command.

    `via` may be su or sudo: this user's SESH_DIR and settings must not reach the other user's sesh. Unless
    `may_prompt`, ssh may start no askpass program: even in BatchMode the ssh of a `ProxyCommand` would start one.
    """
    variables = programs.environment()
    if via:
        return {name: value for name, value in variables.items() if not name.startswith("SESH_")}
    with suppress(OSError, SeshError):  # a full disk or an unsafe directory: keep the caller's agent
        variables["SSH_AUTH_SOCK"] = _renew_agent_symlink(variables.get("SSH_AUTH_SOCK", ""))
    return variables if may_prompt else {**variables, "SSH_ASKPASS_REQUIRE": "never"}


def _renew_agent_symlink(agent: str) -> str:
    """Point sesh's symbolic link at an agent that exists; return the link's path."""
    symlink = os.path.join(control_directory(), "sesh.agent")
    agent = os.path.realpath(agent)  # `agent` may be that symbolic link
    if os.path.exists(agent) and not os.path.isdir(agent) and agent != os.path.realpath(symlink):
        files.replace_link(symlink, agent)
    return symlink  # shared connections outlive agents


def options(destination: Destination, *, may_prompt: bool) -> list[str]:
    """Return the options from variables, and sesh's defaults where the user's configuration sets none."""
    chosen = [*_against_prompts(may_prompt=may_prompt), *environment_options()]
    for each in OPTIONS:
        value = destination.setting(each.keyword.lower())
        # A bulk link takes the compression of the configuration, none by default.
        default = each.ssh_default if each.keyword == _COMPRESSION and destination.bulk else each.default
        if default and value in ("", each.ssh_default) and not os.environ.get(each.variable):
            chosen += option(each.keyword, default)
    return chosen


def _against_prompts(*, may_prompt: bool) -> list[str]:
    return [] if may_prompt else ["-o", "BatchMode=yes"]


def way(destination: Destination, *, may_prompt: bool) -> str:
    """Return the ProxyCommand that leads to a host, as ssh makes it of a ProxyJump; empty for a direct way.

    An ssh that ssh itself starts for a jump host gets none of our options, and not what a wrapper of ssh adds.
    """
    line = ""
    for hop in reversed(destination.hops):
        words = [program(), *_against_prompts(may_prompt=may_prompt)]
        if hop.settings.get(_HOST_KEYS.keyword.lower(), [_HOST_KEYS.ssh_default])[0] == _HOST_KEYS.ssh_default:
            words += option(_HOST_KEYS.keyword, _HOST_KEYS.default)
        words += _jump_option(line) if line else []
        before, after = _shell_line(words), _shell_line(hop.words)
        line = f"{before.replace('%', '%%')} -W '[%h]:%p' {after.replace('%', '%%')}"
    return line or destination.setting("proxycommand")


def _jump_option(line: str) -> list[str]:
    """Return the options for a ProxyCommand in place of a ProxyJump, to come before that.

    ssh follows the first of the two, and passes no descriptor for a jump host, whatever ProxyUseFdpass says.
    """
    return [*option("ProxyCommand", line), "-o", "ProxyUseFdpass=no"]


def _shell_line(words: Iterable[str]) -> str:
    """Join words for a shell; as ssh checks the quotes of each line too, no backslash stands before one."""
    quoted = (f"'{_UNSAFE.sub(_OUTSIDE, word)}'" for word in words)
    return " ".join(re.sub(r"\A'([A-Za-z0-9_@%+=:,./-]+)'\Z", r"\1", word) for word in quoted)


def command(
    destination: Destination, line: str, *, may_prompt: bool = False, own_timeout: int | None = None
) -> list[str]:
    """Return the argv that runs a line in the login shell, for `via` in sh.

    The argv uses the shared connection if that is open. With `own_timeout` the argv uses an ssh connection of its own
    instead, with this connect timeout in seconds.
    """
    if destination.via is not None:
        return [*destination.via, "sh", "-c", line]
    argv = [program(), "-o", "ControlPersist=no"]  # otherwise ssh discards the stderr of a ProxyCommand
    argv += ["-T", "-o", "ControlMaster=no"]
    argv += ["-o", "ClearAllForwardings=yes"]  # the shared connection has the ports, so a second request would fail
    for keyword, needed in _NEEDED.items():
        # Not `setting`, for which `none` is no value: it is one of SessionType.
        if destination.settings.get(keyword.lower(), [needed])[0].lower() != needed:
            argv += option(keyword, needed)
    if own_timeout is not None:
        argv += ["-o", "ControlPath=none", *option("ConnectTimeout", str(own_timeout))]
    if destination.hops:
        argv += _jump_option(way(destination, may_prompt=may_prompt))
    argv += options(destination, may_prompt=may_prompt)  # after the others, as ssh takes the first value of an option
    if own_timeout is None and owns_control_path(destination):
        argv += control_path_option(control_path(destination))
    return [*argv, *destination.words, line]


def logged_way_option(destination: Destination, errors: str, *, may_prompt: bool) -> list[str]:
    """Return the option that appends the stderr of what leads to a host to a file.

    With ControlPersist OpenSSH discards that stderr, which may have a jump host's error or a login URL.
    """
    command = way(destination, may_prompt=may_prompt)
    if not command:
        return []
    line = 'exec "${SHELL:-/bin/sh}" -c "$0" 2>>"$1"'
    words = _shell_line(["sh", "-c", line, f"exec {command}", errors.replace("%", "%%")])
    return _jump_option(words) if destination.hops else option("ProxyCommand", words)


# -- the control socket


def owns_control_path(destination: Destination) -> bool:
    return not destination.setting("controlpath")


def control_path(destination: Destination) -> str:
    """Return the path of the user's or sesh's control socket. Raises Refused."""
    return own_path(destination) if owns_control_path(destination) else destination.setting("controlpath")


def own_path(destination: Destination) -> str:
    """Return the path of sesh's control socket, named by a hash of the host's settings.

    Two aliases share a connection only if all their settings are the same, such as the jump host.
    """
    settings = [f"{keyword} {value}" for keyword, values in sorted(destination.settings.items()) for value in values]
    hashed = [line for line in settings if not line.startswith("host ")]  # newer versions of ssh print the alias
    hashed += ["bulk"] if destination.bulk else []
    identity = hashlib.sha256("\n".join([program(), *hashed]).encode("utf-8", "surrogateescape"))
    return os.path.join(control_directory(), identity.hexdigest()[:_SOCKET_NAME])


def control_path_option(path: str) -> list[str]:
    return option("ControlPath", path.replace("%", "%%"))


def control_directory() -> str:
    """Return the 0700 directory of control sockets: `SESH_CTRL_DIR`, in `XDG_RUNTIME_DIR`, or in SESH_DIR.

    If a socket's path in it would be too long for the platform, return one in /tmp. Raises Refused.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if configured := os.environ.get("SESH_CTRL_DIR"):
        folder = os.path.abspath(os.path.expanduser(configured))
    elif runtime and _is_own(runtime):
        folder = os.path.join(runtime, "sesh")
    else:
        folder = os.path.join(files.ready_directory(), ".control")
    if len(os.fsencode(folder)) + 1 + _SOCKET_NAME > _MAX_SOCKET_PATH:
        folder = f"/tmp/sesh-{os.geteuid()}"  # noqa: S108 - checked below like any other
    try:
        files.make_private(folder, "SESH_CTRL_DIR")
    except OSError as error:
        hint = "set SESH_CTRL_DIR to a directory of yours"
        raise Refused(f"{folder} cannot be created: {error.strerror}", hint=hint) from error
    return folder


def _is_own(runtime: str) -> bool:
    """Return whether `XDG_RUNTIME_DIR` is this user's; after `su` it may be another user's."""
    try:
        return os.path.isabs(runtime) and paths.check_directory(runtime, "XDG_RUNTIME_DIR")
    except Refused:
        return False
