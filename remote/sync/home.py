"""Scan the listed paths in HOME: resolve them, leave out protected files, and digest the rest.

Credentials and sesh's own files are neither sent nor deleted: a private key copied to each host is a leak that the user
does not notice, and a mirrored `.ssh` locks the user out.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field

from sesh.errors import Refused

# Protected at any depth and in any case, as `.SSH` is the same directory on some file systems.
CREDENTIALS = (
    # keys and key stores
    ".ssh", ".gnupg", ".pki", ".password-store", ".local/share/keyrings", ".local/share/kwalletd", ".gnome2/keyrings",
    "library/keychains", ".config/sops", ".config/op", ".config/1password",
    # clouds and clusters
    ".aws", ".azure", ".kube", ".oci", ".boto", ".s3cfg", ".config/gcloud", ".config/doctl", ".config/hcloud",
    ".config/rclone", ".config/containers/auth.json", ".docker/config.json", ".docker/contexts",
    ".terraform.d/credentials.tfrc.json", ".vault-token", ".databrickscfg",
    # servers, databases, code hosting, package registries
    ".netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".smbcredentials", ".git-credentials", ".config/git/credentials",
    ".config/gh", ".config/glab-cli", ".config/hub", ".npmrc", ".pypirc", ".gem/credentials", ".cargo/credentials",
    ".cargo/credentials.toml",
    # agents and browsers
    ".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json", ".mozilla", ".config/chromium",
    ".config/google-chrome",
)  # fmt: skip
# sesh's own files, protected directly in HOME.
OWN = (
    ".sesh", ".config/sesh/config.toml", ".config/sesh/sync", ".local/bin/sesh", ".local/share/sesh",
    ".local/state/sesh",
)  # fmt: skip


@dataclass
class Tree:
    """A listed path and all files below it."""

    path: str  # relative to HOME
    source: str  # the real path
    entries: list[tuple[str, str, os.stat_result]] = field(default_factory=list)
    """Relative name, path and status of each file, in a fixed order. The first is the listed path, with the name ""."""
    left_out: list[str] = field(default_factory=list)  # relative names of protected files

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.entries[0][2].st_mode)

    @property
    def bytes(self) -> int:
        return sum(status.st_size for _, _, status in self.entries if stat.S_ISREG(status.st_mode))

    @property
    def digest(self) -> str:
        """A digest of names, modes, sizes and times.

        Contents are not read, as a change of content always changes the ctime.
        """
        digest = hashlib.sha256()
        for name, _, status in self.entries:
            facts = f"{name}\0{status.st_mode:o}"
            if not stat.S_ISDIR(status.st_mode):
                facts += f" {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
            digest.update(os.fsencode(f"{facts}\0"))
        return digest.hexdigest()


class HomeDirectory:
    """A home directory, to resolve listed paths in. `top`: its real path."""

    def __init__(self, home: str) -> None:
        self.top = os.path.realpath(home)
        self._inside = f"{self.top.rstrip('/')}/"
        # Protect targets of symbolic links too: if `.ssh` links to `dotfiles/ssh`, that directory has the keys.
        real = (os.path.realpath(self._inside + path) for path in CREDENTIALS)
        targets = [self._relative(path) for path in real if path.startswith(self._inside)]
        in_home = "|".join(map(re.escape, (*OWN, *targets)))
        anywhere = "|".join(map(re.escape, CREDENTIALS))
        self._protected = re.compile(f"^/(?:{in_home})/|/(?:{anywhere})/", re.IGNORECASE)

    def tree(self, line: str) -> Tree:
        """Scan a listed path; follow a symbolic link if it stays in HOME.

        Raises Refused if the path leaves HOME, is protected, or does not exist.
        """
        path = _path(line)
        source = os.path.realpath(self._inside + path)
        if not source.startswith(self._inside):
            raise Refused("a symbolic link in it points outside HOME")
        if found := self._protected_part(path) or self._protected_part(self._relative(source)):
            raise Refused(f"{found} is never copied: it holds credentials, or belongs to sesh")
        tree = Tree(path, source)
        try:
            tree.entries.append(("", source, os.stat(source)))
        except OSError as error:
            raise Refused(f"cannot be read: {error.strerror}") from error
        if not (tree.is_directory or os.path.isfile(source)):
            raise Refused("not a file or directory")
        self._scan(tree)
        return tree

    def _scan(self, tree: Tree) -> None:
        """Add the files of a tree without following symbolic links. An unreadable file fails later, in the push."""
        for folder, folders, files in os.walk(tree.source):
            for entry in sorted(folders + files):
                path = os.path.join(folder, entry)
                name = path[len(tree.source) + 1 :]
                if self._protected_part(f"{tree.path}/{name}") or self._protected_part(self._relative(path)):
                    tree.left_out.append(name)
                    folders[:] = [each for each in folders if each != entry]
                    continue
                with suppress(FileNotFoundError):
                    status = os.lstat(path)
                    if stat.S_IFMT(status.st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                        tree.entries.append((name, path, status))
            folders.sort()

    def _relative(self, path: str) -> str:
        return path[len(self._inside) :]

    def _protected_part(self, path: str) -> str:
        """Return the protected part of a path in HOME; empty for none."""
        found = self._protected.search(f"/{path}/")
        return found[0].strip("/") if found else ""

    def protected(self, tree: Tree) -> list[str]:
        """Return the names (at any depth) and `/paths` (in HOME) to exclude from a tree.

        A tree may be a symbolic link to a directory above credentials: if `settings` links to `.config`, then
        `settings/gh` is excluded too.
        """
        source = f"/{self._relative(tree.source)}".lower()
        below = [
            entry[slash.end() :]
            for entry in CREDENTIALS
            for slash in re.finditer("/", entry)
            if source.endswith(f"/{entry[: slash.start()]}")
        ]
        return [
            *CREDENTIALS,
            *(f"/{each}" for each in OWN),
            *(f"/{tree.path}/{name}" for name in tree.left_out + below),
        ]


def _path(line: str) -> str:
    """Return the listed path relative to HOME. Raises Refused if it is absolute, outside HOME, or HOME itself."""
    path = line.removeprefix("~/")
    if path.startswith(("/", "$HOME/", "${HOME}/")):
        raise Refused("absolute; write it relative to HOME")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise Refused("outside HOME; write it relative to HOME, without ..")
    if not parts:
        raise Refused("it is HOME itself; name a path in it")
    return "/".join(parts)
