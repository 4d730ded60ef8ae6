"""What the program of a new session gets: its environment, the user's shell, and the way to a command."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FALLBACK_TERM = "xterm-256color"
"""Every terminal of today understands it, and every system describes it."""

_FOREIGN = frozenset((
    "ALACRITTY_LOG", "ALACRITTY_SOCKET", "ALACRITTY_WINDOW_ID", "COLORFGBG", "COLUMNS", "GHOSTTY_BIN_DIR",
    "GHOSTTY_SHELL_FEATURES", "GNOME_TERMINAL_SCREEN", "GNOME_TERMINAL_SERVICE", "GPG_TTY", "INSIDE_EMACS",
    "LC_TERMINAL", "LC_TERMINAL_VERSION", "LINES", "NVIM", "OLDPWD", "PWD", "SESH_ENV_FILE", "SESH_FAR", "SESH_SESSION",
    "SSH_TTY", "STY", "TERMCAP", "TERMINATOR_DBUS_NAME", "TERMINATOR_DBUS_PATH", "TERMINATOR_UUID", "TERM_SESSION_ID",
    "TILIX_ID", "VIM_TERMINAL", "VTE_VERSION", "WINDOW", "WINDOWID", "WT_PROFILE_ID", "WT_SESSION", "XTERM_LOCALE",
    "XTERM_SHELL", "XTERM_VERSION", "ZMX_SESSION", "_",
))  # fmt: skip
"""Variables that tell of the terminal, the multiplexer or the place in which the session was asked for."""

_FOREIGN_FAMILIES = ("TMUX", "KITTY_", "TERM_PROGRAM", "ITERM_", "KONSOLE_", "WEZTERM_", "ZELLIJ", "VSCODE_SHELL_")

_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")


def environment(
    creator: Mapping[str, str],
    *,
    session: str,
    login: bool,
    terminal: str | None,
    colour: str | None,
    auth_sock: str | None,
    extra: Mapping[str, str],
) -> dict[str, str]:
    """The program's variables: the creator's, less what belongs to another terminal, plus what the session adds.

    `terminal` and `colour` are TERM and COLORTERM of the creating terminal (None without one), `auth_sock` the stable
    path to an agent. PWD is left out, for the caller to set; `extra` wins over everything. A login shell counts its own
    SHLVL.
    """
    made = {
        name: value
        for name, value in creator.items()
        if name not in _FOREIGN and not name.startswith(_FOREIGN_FAMILIES) and not (login and name == "SHLVL")
    }
    made["TERM"] = terminal if terminal and has_terminfo(terminal, made) else FALLBACK_TERM
    if colour is not None:
        made["COLORTERM"] = colour
    if auth_sock is not None:
        made["SSH_AUTH_SOCK"] = auth_sock
    made["SHELL"] = shell(creator)
    made["SESH_SESSION"] = session
    made.update(extra)
    return made


def has_terminfo(term: str, env: Mapping[str, str]) -> bool:
    """Whether this host describes a terminal of that name, where programs with these variables look (terminfo(5))."""
    if not term or term.startswith(".") or "/" in term or not (term.isascii() and term.isprintable()):
        return False
    folders = [env.get("TERMINFO", "")]
    home = env.get("HOME")
    if home:
        folders.append(os.path.join(home, ".terminfo"))
    folders += env.get("TERMINFO_DIRS", "").split(":")
    entries = (os.path.join(term[0], term), os.path.join(f"{ord(term[0]):x}", term))
    return any(
        os.path.isfile(os.path.join(folder, entry)) for folder in (*folders, *_TERMINFO) if folder for entry in entries
    )


def shell(creator: Mapping[str, str]) -> str:
    """The user's shell: `$SHELL` if it is an absolute path to a program, else the one of passwd(5), else /bin/sh."""
    named = creator.get("SHELL", "")
    if os.path.isabs(named) and _is_program(named):
        return named
    import pwd

    try:
        named = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        named = ""
    return named if os.path.isabs(named) and _is_program(named) else "/bin/sh"


def shell_words(path: str, *, login: bool) -> list[str]:
    """The words of an interactive shell; one that logs in, as all do on macOS, has a dash before its name."""
    name = os.path.basename(path)
    return [f"-{name}" if login or sys.platform == "darwin" else name]


def behind_enter(program: str, words: list[str]) -> tuple[str, list[str]]:
    """A program, and its words, that becomes `program` when somebody has pressed Enter; Ctrl-C and Ctrl-D end it."""
    return "/bin/sh", ["sh", "-c", 'IFS= read -r _ && exec "$@"', "sh", program, *words[1:]]


def find_program(word: str, path: str, cwd: str) -> tuple[str | None, int]:
    """The absolute path of a command and 0; else None and a shell's exit code: 127 not found, 126 not executable.

    `path` is PATH, in which an empty folder means `cwd`; a word with a slash is taken from `cwd`.
    """
    if not word or "\0" in word:
        return None, 127
    if "/" in word:
        program = os.path.join(cwd, word)
        if _is_program(program):
            return program, 0
        return None, 126 if os.path.exists(program) else 127
    wrong = 127
    for folder in path.split(":"):
        program = os.path.join(cwd, folder, word)
        if _is_program(program):
            return program, 0
        if os.path.isfile(program):
            wrong = 126
    return None, wrong


def _is_program(path: str) -> bool:
    """Whether a path leads to a file that the caller may execute. Never raises."""
    try:
        return os.path.isfile(path) and os.access(path, os.X_OK)
    except ValueError:
        return False  # a NUL in it
