"""A file for each session in which an agent works: what was done, when, with which code, and how its output ended.

The files are Markdown, `~/.local/state/sesh/work/HOST/DATE-NAME.md` (`local` for this machine), readable by their owner
alone. `SESH_WORK_LOG` names another directory, or is `none`. Of what is sent only the length is kept, since it may be a
password. A file ends at 8 MiB; what nothing was added to for 30 days is removed when a server starts.
"""

from __future__ import annotations

import os
import time

from sesh import paths
from sesh.errors import Refused

FOLDER = "SESH_WORK_LOG"
LOCAL = "local"
MOST = 8 << 20
OLDEST = 30 * 24 * 3600.0
"""Seconds."""
LINES = 40
"""Of an output, the last ones."""


def directory() -> str | None:
    """Where the files lie; None where none are wanted."""
    named = os.environ.get(FOLDER, "")
    if named in ("none", "0"):
        return None
    if named:
        return os.path.abspath(named)
    state = os.environ.get("XDG_STATE_HOME", "")
    return os.path.join(state if os.path.isabs(state) else os.path.expanduser("~/.local/state"), "sesh", "work")


def path(name: str, host: str | None) -> str | None:
    """The file of a session from today on; None where none are wanted."""
    folder = directory()
    if folder is None:
        return None
    place = (host or LOCAL).replace("/", "_")
    return os.path.join(folder, place, f"{time.strftime('%Y-%m-%d', time.gmtime())}-{name}.md")


def opened(file: str | None, name: str, host: str | None, said: str) -> None:
    """Notes that a session was opened, or is used for the first time."""
    where = f"`{name}` on `{host}`" if host is not None else f"`{name}`"
    _add(file, f"# {where}: {said}, {_now()}\n\n")


def did(file: str | None, what: str, command: str, ending: str, output: str = "") -> None:
    """Notes one thing that was done: the verb, its words, how it ended, and the end of its output."""
    lines = output.splitlines()
    shown = lines[-LINES:]
    left = f"({len(lines) - len(shown)} lines before)\n" if len(lines) > len(shown) else ""
    text = f"## {what}, {_now()}\n\n{_block(command)}{ending}\n\n"
    _add(file, text + (f"{left}{_block(chr(10).join(shown))}" if shown else ""))


def prune() -> None:
    """Removes the files that nothing was added to for 30 days."""
    folder = directory()
    if folder is None or not os.path.isdir(folder):
        return
    old = time.time() - OLDEST
    for here, _, files in os.walk(folder):
        for entry in files:
            if not entry.endswith(".md"):
                continue
            try:
                if os.lstat(os.path.join(here, entry)).st_mtime < old:
                    os.unlink(os.path.join(here, entry))
            except OSError:
                continue  # somebody else's, or gone already


def _block(text: str) -> str:
    """Text as Markdown shows it untouched; controls that a terminal could act upon are left out."""
    lines = text.split("\n")
    plain = ("".join(each for each in line if each.isprintable() or each == "\t") for line in lines)
    return "".join(f"    {line}\n" for line in plain) + "\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _add(file: str | None, text: str) -> None:
    """Appends in one write. A file that cannot be written keeps nobody from working."""
    if file is None:
        return
    try:
        os.makedirs(os.path.dirname(file), mode=paths.PRIVATE, exist_ok=True)
        paths.trusted(os.path.dirname(file), FOLDER)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size < MOST:
                os.write(descriptor, text.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except (OSError, Refused):
        return
