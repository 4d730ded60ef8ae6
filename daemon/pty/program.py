"""The session's program: file, argv, variables, and its start as a pty's session leader."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from errno import E2BIG, EACCES, EINVAL, ENOENT, ENOEXEC, ENOTDIR
from mmap import mmap

from ptyprocess import PtyProcess

from sesh.about import SESH
from sesh.daemon.pty.pty import Pty, set_size
from sesh.desktop import install
from sesh.desktop import variables as desktop
from sesh.errors import ExitCode, Refused, SeshError, cannot
from sesh.names import printable
from sesh.schema.facts import LaunchSpec
from sesh.store import records
from sesh.system import paths, platforms, programs, terminal_modes

GATE = 'while IFS= read -r __line; do case $__line in ""|[yY]) exec "$@" ;; esac; done; exit 1'
"""Shell source that waits for Enter, then executes the command; a line with other words, as of a script, does not."""
_CHDIR, _EXECUTE = 1, 2  # steps of the child that may fail
_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
FALLBACK_TERM = "xterm-256color"  # every terminal understands it, and every system has its terminfo

OF_THE_CREATORS_TERMINAL = frozenset((
    "COLORFGBG", "COLUMNS", "GPG_TTY", "LINES", "SSH_TTY", "TERMCAP", "TERM_PROGRAM", "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID", "VTE_VERSION", "WINDOWID",
    "ALACRITTY_LOG", "ALACRITTY_SOCKET", "ALACRITTY_WINDOW_ID", "GHOSTTY_BIN_DIR", "GHOSTTY_SHELL_FEATURES",
    "GNOME_TERMINAL_SCREEN", "GNOME_TERMINAL_SERVICE", "ITERM_PROFILE", "ITERM_SESSION_ID",
    "KITTY_INSTALLATION_DIR", "KITTY_LISTEN_ON", "KITTY_PID", "KITTY_PUBLIC_KEY", "KITTY_SHELL_INTEGRATION",
    "KITTY_WINDOW_ID", "KONSOLE_DBUS_ACTIVATION_COOKIE", "KONSOLE_DBUS_SERVICE", "KONSOLE_DBUS_SESSION",
    "KONSOLE_DBUS_WINDOW", "KONSOLE_PROFILE_NAME", "KONSOLE_VERSION", "LC_TERMINAL", "LC_TERMINAL_VERSION",
    "SHELL_SESSION_ID", "TERMINATOR_DBUS_NAME", "TERMINATOR_DBUS_PATH", "TERMINATOR_UUID", "TILIX_ID",
    "WEZTERM_EXECUTABLE", "WEZTERM_EXECUTABLE_DIR", "WEZTERM_PANE", "WEZTERM_UNIX_SOCKET", "WT_PROFILE_ID",
    "WT_SESSION", "XTERM_LOCALE", "XTERM_SHELL", "XTERM_VERSION",
    "INSIDE_EMACS", "NVIM", "VIM_TERMINAL", "VSCODE_INJECTION", "VSCODE_NONCE", "VSCODE_SHELL_ENV_REPORTING",
    "VSCODE_SHELL_INTEGRATION", "VSCODE_SHELL_LOGIN",
    "ABDUCO_SESSION", "ABDUCO_SOCKET", "DVTM", "DVTM_WINDOW_ID", "SHPOOL_SESSION_NAME", "STY", "TMUX", "TMUX_PANE",
    "WINDOW", "ZELLIJ", "ZELLIJ_PANE_ID", "ZELLIJ_SESSION_NAME", "ZMX_SESSION",
))  # fmt: skip
"""Variables by which programs know one window, or one session of a multiplexer; users' settings for those stay."""

_OF_THE_CREATOR = frozenset(("PWD", "SESH_ENV_FILE", "SESH_FAR", "SESH_SESSION", "_"))
"""Variables of the creating process, and of its session."""


@dataclass(frozen=True)
class Program:
    """A program to start, with default signal handlers."""

    path: str  # or a name, which is searched for in PATH
    words: list[str]  # argv
    directory: str
    environment: dict[str, str]
    size: tuple[int, int, int, int]  # columns, rows, width and height in pixels
    umask: int
    stdin: int = -1  # a descriptor; -1 for the pty
    terminal: Mapping[str, int] = field(default_factory=dict)  # settings of the pty, see `terminal_modes`

    def start(self) -> Pty:
        """Start the program; return its pty. Raises SeshError (exit code 127 or 126), Refused."""
        # ptyprocess passes on only the text of the child's error: pass step and errno through shared memory.
        report = mmap(-1, 2)
        try:
            process = PtyProcess.spawn(
                ["/bin/sh"],  # `_become` executes the program instead
                preexec_fn=lambda: self._become(report),
                dimensions=(self.size[1], self.size[0]),
                pass_fds=[self.stdin] if self.stdin >= 0 else [],
            )
        except OSError as error:
            raise cannot("start a process", error) from error
        process.closed = True  # or its finalizer would end the program
        with process.fileobj:
            step, number = report[:]
            if step:
                os.waitpid(process.pid, 0)
                if step == _EXECUTE:
                    raise cannot_start(self.words, self.directory, number)
                raise Refused(f"cannot enter {printable(self.directory)}: {os.strerror(number)}")
            set_size(process.fd, *self.size)  # ptyprocess sets no pixels
            return Pty.adopt(os.dup(process.fd), process.pid)

    def _become(self, report: mmap) -> None:
        """Execute the program in the child. argv[0] need not be its path."""
        step = _CHDIR
        try:
            os.chdir(self.directory)
            step = _EXECUTE
            os.umask(self.umask)
            terminal_modes.give(0, self.terminal)
            if self.stdin >= 0:
                os.dup2(self.stdin, 0)
                os.close(self.stdin)
            for number in _SIGNALS:
                if signal.getsignal(number) is not None:
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execvpe(self.path, self.words, self.environment)
        except (OSError, ValueError) as error:  # ValueError: a NUL
            report[:] = bytes([step, (error.errno or EACCES) if isinstance(error, OSError) else EINVAL])
            os._exit(1)


def is_gate(command: list[str]) -> bool:
    return command[1:3] == ["-c", GATE]


def environment(spec: LaunchSpec, session_id: str) -> dict[str, str]:
    """Return the program's variables: the creator's, without those of its terminal, and the session's."""
    # A login shell starts SHLVL again. If the creator has no ssh agent, leave SSH_AUTH_SOCK unset, so that login files
    # may start an agent; shell integration sets it when a client brings one.
    creator = spec["environment"]
    login = bool(spec.get("login"))
    term = spec["environment"].get("TERM", "")
    variables = {
        name: value
        for name, value in desktop.without_ours(creator).items()
        if name not in OF_THE_CREATORS_TERMINAL and name not in _OF_THE_CREATOR and not (login and name == "SHLVL")
    }
    variables["TERM"] = term if platforms.has_terminfo(term, variables) else FALLBACK_TERM
    variables["SHELL"] = programs.shell(creator)
    if "HOME" in variables:
        variables["HOME"] = variables["HOME"] or paths.home()
    variables["SESH_SESSION"] = spec["name"]
    if variables.pop("SSH_AUTH_SOCK", ""):
        variables["SSH_AUTH_SOCK"] = records.file_of(session_id, "agent")
    variables["PATH"] = desktop.search_path(variables.get("PATH") or os.defpath, install.folder())
    is_login = not spec.get("command") and shell_words(variables["SHELL"], login=login)[0] == "-bash"
    if is_login:
        variables.setdefault("PROMPT_COMMAND", desktop.ONCE)
    variables.update(browser(creator, can_open=spec.get("browser") is True))
    variables.update(spec.get("extra") or {})
    if creator.get("SESH_DIR"):
        variables["SESH_DIR"] = paths.directory()
    variables["PWD"] = spec["directory"]
    variables["SESH_ENV_FILE"] = records.file_of(session_id, "env")
    return variables


def browser(creator: Mapping[str, str], *, can_open: bool) -> dict[str, str]:
    """Return the variables by which programs open pages, if the desktop can."""
    chosen = desktop.for_pages(creator, install.folder(), can_open=can_open)
    return {name: value for name, value in chosen.items() if value}


def shell_words(path: str, *, login: bool) -> list[str]:
    """Return an interactive shell's argv; a leading dash makes it a login shell."""
    name = os.path.basename(path)
    return [f"-{name}" if login or platforms.USES_LOGIN_SHELLS else name]


def resolve(spec: LaunchSpec, path: str) -> tuple[str, list[str], list[str]]:
    """Return the program's path or name, its argv, and the recorded command. Raises SeshError.

    `path`: PATH, in which a command that waits for Enter must be found now.
    """
    command = spec.get("command")
    shell = programs.shell(spec["environment"])
    own = list(command or [shell])
    command = spec.get("resume") if spec.get("resumes") else command
    if not command:
        return shell, shell_words(shell, login=bool(spec.get("login"))), own
    if not command[0]:  # execvp(3) would take it for a directory
        raise cannot_start(command, spec["directory"], ENOENT)
    if spec.get("gate"):  # a shell that waits for Enter; Ctrl-C and Ctrl-D end it
        word = os.path.join(spec["directory"], command[0]) if "/" in command[0] else command[0]
        if shutil.which(word, path=path) is None:
            raise cannot_start(command, spec["directory"], ENOENT)
        return "/bin/sh", ["sh", "-c", GATE, "sh", *command], own
    return command[0], list(command), own


def cannot_start(words: Sequence[str], directory: str, number: int) -> SeshError:
    """Return the error: 127 without the file, 126 if it cannot be executed."""
    word = words[0]
    program = os.path.join(directory, word) if "/" in word else ""
    if number in (ENOENT, ENOTDIR) and not os.path.exists(program):
        is_line = len(words) == 1 and word.isprintable() and shlex.quote(word) != word
        hint = f"for a line of shell: sh -c {shlex.quote(word)}" if is_line else "check the spelling and PATH"
        message, code = f"{printable(word)}: command not found", ExitCode.COMMAND_NOT_FOUND
        return SeshError(message, hint=hint, exit_code=code, code="not_found")
    if number == E2BIG:
        longest = max(len(os.fsencode(word)) for word in words)
        message = f"cannot execute {printable(word)}: its words and variables are longer than the system passes on"
        hint = f"put what is long in a file, or `{SESH} run` it in a session's shell"
        return Refused(
            f"{message} (the longest word has {longest:,} bytes)", hint=hint, exit_code=ExitCode.NOT_EXECUTABLE
        )
    if number == EINVAL:
        hint = "write its words and variables without NUL, in text that the system can encode"
        why = f"cannot execute {printable(word)}: the system does not take what is passed to it"
        return Refused(why, hint=hint, exit_code=ExitCode.NOT_EXECUTABLE)
    if os.path.isdir(program):
        why = "it is a directory"
    else:
        why = "it is not a program and names no interpreter" if number == ENOEXEC else os.strerror(number)
    return Refused(f"cannot execute {printable(word)}: {why}", exit_code=ExitCode.NOT_EXECUTABLE)
