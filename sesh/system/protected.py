"""The files that sesh carries to no other machine by itself: credentials, and its own."""

from __future__ import annotations

import os
import re

# At any depth. What is listed is neither sent nor, where files are mirrored, deleted.
PROTECTED = (
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
    # sesh
    ".sesh", ".config/sesh/config.toml", ".config/sesh/sync", ".local/bin/sesh", ".local/share/sesh",
    ".local/state/sesh",
)  # fmt: skip


class Protected:
    """The protected files of one home directory."""

    def __init__(self, home: str) -> None:
        self._top = os.path.realpath(home).rstrip("/")
        # Protect targets of symbolic links too: if `.ssh` links to `dotfiles/ssh`, that directory has the keys.
        targets = {os.path.realpath(os.path.join(self._top, path)) for path in PROTECTED}
        targets = {target for target in targets if not f"{self._top}/".startswith(f"{target.rstrip('/')}/")}
        # IGNORECASE: `.SSH` is the same directory on some file systems.
        self._targets = re.compile(f"(?:{'|'.join(map(re.escape, sorted(targets)))})/", re.IGNORECASE)
        self._anywhere = re.compile(f"/(?:{'|'.join(map(re.escape, PROTECTED))})/", re.IGNORECASE)

    def has(self, path: str) -> bool:
        """Return whether an absolute path is protected, in the home directory or in any other."""
        inside = f"{self._top}/"
        relative = path[len(self._top) :] if path.startswith(inside) else path
        return bool(self._targets.match(f"{path}/") or self._anywhere.search(f"{relative}/"))
