"""How the user's shell loads the shell integration when it starts.

bash and zsh load it by a line in a startup file, which nobody but the user changes. fish also reads the directories in
which other programs put files: one file of ours there loads it in sessions. `make install` links that file, a deploy
writes it.

Whether a shell loads the integration is read from its startup files: its marks tell that only once a session has run
since, and each session was started by the file as it was then.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

from sesh import completions
from sesh.about import PROGRAM
from sesh.system import files, programs

FISH_FILE = "00-sesh.fish"  # the first one in its directory: an event of fish calls the handler that was defined first
_SIGNATURE = b"# sesh's part of fish, "
_LOADED = re.compile(rb"^[^#\n]*\bshell-init\b", re.MULTILINE)
_MAX_FILE = 1 << 20  # bytes of a startup file that are read


class StartupLine(NamedTuple):
    """The line that loads the integration. `shell`: its name; `file`: where the line belongs."""

    shell: str
    file: str
    line: str

    @property
    def place(self) -> str:
        """`begin` or `end`, as the line does with the file."""
        # fish calls the handlers of an event in the order of their definition, and ours are exact only as the first.
        return "begin" if self.shell == "fish" else "end"

    def __str__(self) -> str:
        return f"at the {'beginning' if self.place == 'begin' else 'end'} of {self.file}: {self.line}"


def startup_line(environment: Mapping[str, str]) -> Optional[StartupLine]:
    """Return the line for the user's shell; None for a shell without an integration."""
    shell = os.path.basename(programs.shell(environment))
    if shell == "bash":
        return StartupLine(shell, "~/.bashrc", f'eval "$({PROGRAM} shell-init bash)"')
    if shell == "zsh":
        return StartupLine(shell, f"{environment.get('ZDOTDIR') or '~'}/.zshrc", f'eval "$({PROGRAM} shell-init zsh)"')
    if shell == "fish":
        return StartupLine(shell, f"{_fish_folder(environment)}/config.fish", f"{PROGRAM} shell-init fish | source")
    return None


def shims_line(environment: Mapping[str, str], folder: str) -> str:
    """Return what to write so that the shims in `folder` come first in PATH."""
    line = startup_line(environment)
    if line is not None and not is_loaded(environment):
        return f"write {line}"
    return f'write as the last line of your shell\'s startup file: export PATH="{folder}:$PATH"'


def is_loaded(environment: Mapping[str, str]) -> bool:
    """Return whether a startup file of the user's shell loads the integration."""
    line = startup_line(environment)
    return line is not None and any(_LOADED.search(_begin(path)) for path in _startup_files(line.shell, environment))


def _startup_files(shell: str, environment: Mapping[str, str]) -> Iterator[str]:
    if shell == "bash":
        names = ["~/.bashrc", "~/.bash_profile", "~/.bash_login", "~/.profile", "~/.bash_aliases", "~/.bashrc.d/*"]
        names += ["/etc/bash.bashrc", "/etc/bashrc", "/etc/profile", "/etc/profile.d/*"]
    elif shell == "zsh":
        folder = environment.get("ZDOTDIR") or "~"
        places = (f"{folder}/.", "/etc/", "/etc/zsh/")
        names = [f"{place}{name}" for place in places for name in ("zshrc", "zshenv", "zprofile", "zlogin")]
    else:
        folder = _fish_folder(environment)
        names = [f"{place}/{name}" for place in (folder, "/etc/fish") for name in ("config.fish", "conf.d/*.fish")]
        names.append(vendor_file(environment))
    for name in names:
        yield from glob.glob(os.path.expanduser(name))


def _begin(path: str) -> bytes:
    """Return what a startup file begins with; nothing if it is no file, or cannot be read."""
    if not os.path.isfile(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_FILE)
    except OSError:
        return b""


def _fish_folder(environment: Mapping[str, str]) -> str:
    return f"{environment.get('XDG_CONFIG_HOME') or '~/.config'}/fish"


# -- the file for fish


def vendor_file(environment: Mapping[str, str]) -> str:
    """Return the path of the file that loads the integration in fish."""
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return os.path.join(os.path.expanduser(data), "fish", "vendor_conf.d", FISH_FILE)


def put_vendor_file(environment: Mapping[str, str]) -> None:
    """Write the file, unless another program or `make install` has put one there. Raises OSError."""
    path = vendor_file(environment)
    if os.path.lexists(path) and not _is_ours(path):
        return
    with open(os.path.join(os.path.dirname(completions.__file__), FISH_FILE), "rb") as file:
        content = file.read()
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    files.write_whole(path, content)


def remove_vendor_file(environment: Mapping[str, str]) -> str:
    """Remove the file that a deploy has written; return its path, empty if there is none. Raises OSError."""
    path = vendor_file(environment)
    if not _is_ours(path):
        return ""
    os.unlink(path)
    return path


def _is_ours(path: str) -> bool:
    return not os.path.islink(path) and _begin(path).startswith(_SIGNATURE)
