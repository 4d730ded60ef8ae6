"""Paths in HOME that hold credentials (keys, tokens, logins): sync neither sends nor deletes them.

A copy of a private key on each host is a loss that nobody notices, and a mirrored `.ssh` locks its owner out.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PATHS = (
    # keys, and where they are kept
    ".ssh",
    ".gnupg",
    ".pki",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".gnome2/keyrings",
    "library/keychains",
    ".config/sops",
    ".config/op",
    ".config/1password",
    # clouds and clusters
    ".aws",
    ".azure",
    ".kube",
    ".oci",
    ".boto",
    ".s3cfg",
    ".config/gcloud",
    ".config/doctl",
    ".config/hcloud",
    ".config/rclone",
    ".config/containers/auth.json",
    ".docker/config.json",
    ".docker/contexts",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
    ".databrickscfg",
    # servers and databases
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".smbcredentials",
    # where code and packages are published
    ".git-credentials",
    ".config/git/credentials",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".npmrc",
    ".pypirc",
    ".gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    # agents and browsers
    ".claude/.credentials.json",
    ".codex/auth.json",
    ".gemini/oauth_creds.json",
    ".mozilla",
    ".config/chromium",
    ".config/google-chrome",
)
"""In lower case: on some file systems `.SSH` is the same directory."""


def places(top: str) -> dict[str, str]:
    """PATHS by their locations in HOME (`top`, a real path), in lower case: as they stand, and where links lead."""
    holders = {path: path for path in PATHS}
    inside = f"{top.rstrip('/')}/"
    for path in PATHS:
        real = os.path.realpath(inside + path)
        if real.startswith(inside):
            holders.setdefault(real[len(inside) :].casefold(), path)
    return holders


def holder(path: str, protected: Mapping[str, str]) -> str:
    """Return the protected path that a path in HOME is or lies in, in any case of letters; "" for none."""
    folded = path.casefold()
    holders = (location for location in protected if folded == location or folded.startswith(f"{location}/"))
    return next((protected[location] for location in holders), "")


def below(path: str, protected: Mapping[str, str]) -> dict[str, str]:
    """Return the protected paths below a path in HOME, by their names relative to it in lower case."""
    folded = f"{path.casefold()}/"
    return {location[len(folded) :]: entry for location, entry in protected.items() if location.startswith(folded)}
