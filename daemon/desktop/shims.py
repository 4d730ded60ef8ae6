"""Puts the shims into their directory when a daemon starts, and says what to do where a program does not find them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sesh.about import PROGRAM
from sesh.desktop import install
from sesh.store import own
from sesh.system import platforms, startup


def put(variables: Mapping[str, str]) -> None:
    """Write the shims, which call the launcher in PATH, where the creator's own stands. Raises OSError, Refused."""
    folders = variables.get("PATH", "").split(os.pathsep)
    paths = (os.path.join(folder, PROGRAM) for folder in folders if os.path.isabs(folder))
    launcher = next((path for path in paths if os.access(path, os.X_OK) and own.is_program(path)), "")
    install.install(launcher or os.path.expanduser(f"~/.local/bin/{PROGRAM}"))


def advice(pid: int, program: str, env_file: str) -> str:
    """Return the line to add where a program of a session does not find the shims; empty if it does, or is unreadable.

    `env_file`: the session's. A program without it is none of its shells' any more, as behind `sudo -i`.
    """
    words = platforms.content(f"/proc/{pid}/environ").split(b"\0")
    variables = dict(os.fsdecode(word).partition("=")[::2] for word in words)
    folder = install.folder()
    if variables.get("SESH_ENV_FILE") != env_file or "PATH" not in variables or not install.is_there():
        return ""
    if folder in variables["PATH"].split(os.pathsep):
        return ""
    line = startup.startup_line(variables)
    if line is None or startup.is_loaded(variables):
        return f"{program} does not reach your clipboard: {folder} is not in its PATH; see: {PROGRAM} doctor"
    return f"no clipboard in {program}; {line.place} {line.file} with: {line.line}"
