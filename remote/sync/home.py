"""Listed paths in HOME: where they lead, what of them stays here, and a digest that shows whether they have changed.

Credentials and what belongs to sesh are neither sent nor deleted: a copy of a private key on each host is a loss that
nobody notices, and a mirrored `.ssh` locks its owner out.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sesh.errors import NotFound, Refused

CREDENTIALS = (
    # keys, and where they are kept
    ".ssh", ".gnupg", ".pki", ".password-store", ".local/share/keyrings", ".local/share/kwalletd", ".gnome2/keyrings",
    "library/keychains", ".config/sops", ".config/op", ".config/1password",
    # clouds and clusters
    ".aws", ".azure", ".kube", ".oci", ".boto", ".s3cfg", ".config/gcloud", ".config/doctl", ".config/hcloud",
    ".config/rclone", ".config/containers/auth.json", ".docker/config.json", ".docker/contexts",
    ".terraform.d/credentials.tfrc.json", ".vault-token", ".databrickscfg",
    # servers and databases
    ".netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".smbcredentials",
    # where code and packages are published
    ".git-credentials", ".config/git/credentials", ".config/gh", ".config/glab-cli", ".config/hub", ".npmrc",
    ".pypirc", ".gem/credentials", ".cargo/credentials", ".cargo/credentials.toml",
    # agents and browsers
    ".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json", ".mozilla", ".config/chromium",
    ".config/google-chrome",
)  # fmt: skip
"""Protected at any depth, in upper or lower case: on some file systems `.SSH` is the same directory."""
OWN = (
    ".sesh", ".config/sesh/config.toml", ".config/sesh/sync", ".local/bin/sesh", ".local/share/sesh",
    ".local/state/sesh",
)  # fmt: skip
"""What belongs to sesh, protected directly in HOME."""
TICK = 0.05
"""Seconds within which the time of files advances for sure: two changes within one tick would leave one digest."""


@dataclass
class Tree:
    """A listed path as it was scanned.

    `path`: relative to HOME. `source`: the real path. `protected`: what stays alone below it, beside whole names of
    CREDENTIALS; `left_out`: what of both is there. `bytes`: of all files.
    """

    path: str
    source: str
    directory: bool
    protected: set[str]
    left_out: list[str] = field(default_factory=list)
    bytes: int = 0
    digest: str = ""


class HomeDirectory:
    """A home directory, in which lines of the list are looked up. `top`: its real path."""

    def __init__(self, home: str) -> None:
        self.top = os.path.realpath(home)
        self._inside = f"{self.top.rstrip('/')}/"
        # A protected name may be a link: with `.ssh` one to `dotfiles/ssh`, that directory holds the keys.
        real = (os.path.realpath(self._inside + path) for path in CREDENTIALS)
        self._places = [*OWN, *(self._relative(path) for path in real if path.startswith(self._inside))]
        here, anywhere = ("|".join(map(re.escape, paths)) for paths in (self._places, CREDENTIALS))
        self._protected = re.compile(f"^/(?:{here})/|/(?:{anywhere})/", re.IGNORECASE)

    def tree(self, line: str) -> Tree:
        """Scan the path that a line names; a link is followed if it stays in HOME.

        Raises Refused for a path that leaves HOME or is protected, NotFound for one that is not there.
        """
        path = _path(line)
        source = os.path.realpath(self._inside + path)
        if not source.startswith(self._inside):
            raise Refused("a symbolic link in it points outside HOME")
        places = (path, self._relative(source))
        if found := next(filter(None, map(self._holder, places)), ""):
            raise Refused(f"{found} is never copied: it holds credentials, or belongs to sesh")
        try:
            mode = os.stat(source).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise Refused("not a file or directory")
            tree = Tree(path, source, stat.S_ISDIR(mode), {name for place in places for name in self._below(place)})
            tree.digest = self._digest(tree)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound("does not exist") from error
        except OSError as error:
            raise Refused(f"it cannot be read: {error.strerror}") from error
        return tree

    def entries(self, tree: Tree) -> Iterator[tuple[str, str, os.stat_result]]:
        """Yield (name in the tree, path, status) of the tree itself, as "", and of all that it holds, in one order.

        Links are not followed. What is protected is passed over, and what cannot be read: pushing it says that.
        """
        yield "", tree.source, os.stat(tree.source)
        tree.left_out.clear()
        for folder, folders, files in os.walk(tree.source):
            for entry in sorted(folders + files):
                path = os.path.join(folder, entry)
                name = path[len(tree.source) + 1 :]
                if self._holder(f"{tree.path}/{name}") or self._holder(self._relative(path)):
                    tree.left_out.append(name)
                    folders[:] = [each for each in folders if each != entry]
                    continue
                with suppress(FileNotFoundError):
                    yield name, path, os.lstat(path)
            folders.sort()

    def _digest(self, tree: Tree) -> str:
        """Digest names, modes, sizes and times. A changed file has another ctime even if size and mtime were kept, so
        contents are not read."""
        digest = hashlib.sha256()
        for name, _, status in self.entries(tree):
            facts = f"{name}\0{status.st_mode:o}"
            if not stat.S_ISDIR(status.st_mode):
                facts += f" {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
            if stat.S_ISREG(status.st_mode):
                tree.bytes += status.st_size
            digest.update(os.fsencode(f"{facts}\0"))
        return digest.hexdigest()

    def _relative(self, path: str) -> str:
        return path[len(self._inside) :]

    def _holder(self, path: str) -> str:
        """Return the protected path that a path in HOME is or lies in; empty for none."""
        found = self._protected.search(f"/{path}/")
        return found[0].strip("/") if found else ""

    def _below(self, path: str) -> Iterator[str]:
        """Yield the protected paths below a path, relative to it: places, and the rest of names that begin above."""
        begin = re.compile(f"{re.escape(path)}/(.+)", re.IGNORECASE | re.DOTALL)
        yield from (match[1] for match in map(begin.match, self._places) if match)
        for entry in CREDENTIALS:
            for slash in re.finditer("/", entry):
                if f"/{path}".lower().endswith(f"/{entry[: slash.start()]}"):
                    yield entry[slash.end() :]


def _path(line: str) -> str:
    """Return the path that a line names, relative to HOME. Raises Refused if it is not one."""
    path = line.removeprefix("~/")
    if path.startswith(("/", "$HOME/", "${HOME}/")):
        raise Refused("absolute; write it relative to HOME")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise Refused("outside HOME; write it relative to HOME, without ..")
    if not parts:
        raise Refused("it is HOME itself; name what to sync in it")
    return "/".join(parts)
