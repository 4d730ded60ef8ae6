"""The environment, the argv and the program file of a new session."""

from __future__ import annotations

import os
import sys

from sesh import paths, programs, system
from sesh.schema import LaunchSpec
from sesh.store import records

FALLBACK_TERM = "xterm-256color"
"""A type that all terminals understand, and whose terminfo every system has."""

_FOREIGN = frozenset((
    "ALACRITTY_LOG", "ALACRITTY_SOCKET", "ALACRITTY_WINDOW_ID", "COLORFGBG", "COLUMNS", "GHOSTTY_BIN_DIR",
    "GHOSTTY_SHELL_FEATURES", "GNOME_TERMINAL_SCREEN", "GNOME_TERMINAL_SERVICE", "GPG_TTY", "INSIDE_EMACS",
    "LC_TERMINAL", "LC_TERMINAL_VERSION", "LINES", "NVIM", "OLDPWD", "PWD", "SESH_ENV_FILE", "SESH_FAR", "SESH_SESSION",
    "SSH_TTY", "STY", "TERMCAP", "TERMINATOR_DBUS_NAME", "TERMINATOR_DBUS_PATH", "TERMINATOR_UUID", "TERM_SESSION_ID",
    "TILIX_ID", "VIM_TERMINAL", "VTE_VERSION", "WINDOW", "WINDOWID", "WT_PROFILE_ID", "WT_SESSION", "XTERM_LOCALE",
    "XTERM_SHELL", "XTERM_VERSION", "ZMX_SESSION", "_",
))  # fmt: skip
"""Variables of the terminal, the multiplexer or the directory of the creator."""

_FOREIGN_FAMILIES = ("TMUX", "KITTY_", "TERM_PROGRAM", "ITERM_", "KONSOLE_", "WEZTERM_", "ZELLIJ", "VSCODE_SHELL_")


def environment(spec: LaunchSpec, session_id: str) -> dict[str, str]:
    """Return the program's variables: the creator's without those of its terminal, and the session's.

    A login shell starts to count SHLVL again. Where the creator has no ssh agent the variable is unset, so that login
    files which start one do; a client's comes with the integration.
    """
    creator, login, term = spec["environment"], bool(spec.get("login")), spec["environment"].get("TERM", "")
    variables = {
        name: value
        for name, value in creator.items()
        if name not in _FOREIGN and not name.startswith(_FOREIGN_FAMILIES) and not (login and name == "SHLVL")
    }
    variables["TERM"] = term if system.has_terminfo(term, variables) else FALLBACK_TERM
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
    """Return the argv of an interactive shell; a dash before its name makes it a login shell, as all are on macOS."""
    name = os.path.basename(path)
    return [f"-{name}" if login or sys.platform == "darwin" else name]


def find_program(word: str, path: str, cwd: str) -> tuple[str | None, int]:
    """Return the absolute path of a command and 0, or None and a shell's exit code: 127 not found, 126 not executable.

    `path` is PATH; an empty directory in it means `cwd`. A word with a slash is relative to `cwd`.
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
