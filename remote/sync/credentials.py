"""Paths that hold credentials (keys, tokens, logins): sync neither sends nor deletes them, at any depth in HOME.

A copy of a private key on each host is a loss that nobody notices, and a mirrored `.ssh` locks its owner out.
"""

from __future__ import annotations

import os
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


_BY_NAME: dict[str, list[str]] = {}
for _path in PATHS:
    _BY_NAME.setdefault(_path.rpartition("/")[2], []).append(_path)


def at_end(path: str) -> str:
    """Return the one of PATHS that a path in lower case ends with, such as `dots/.ssh`; "" for none."""
    named = _BY_NAME.get(path.rpartition("/")[2], ())
    return next((entry for entry in named if f"/{path}".endswith(f"/{entry}")), "")


def places(top: str) -> dict[str, str]:
    """PATHS by the locations in HOME (`top`, a real path) to which links lead from them, in lower case."""
    inside = f"{top.rstrip('/')}/"
    real = {path: os.path.realpath(inside + path) for path in PATHS}
    return {location[len(inside) :].casefold(): path for path, location in real.items() if location.startswith(inside)}


def holder(path: str, protected: Mapping[str, str]) -> str:
    """Return the protected path that a path in HOME is or lies in, in any case of letters; "" for none.

    `protected`: more of them, by their locations in HOME.
    """
    parts = path.casefold().split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((entry for location in above if (entry := protected.get(location) or at_end(location))), "")


def below(path: str, protected: Mapping[str, str]) -> dict[str, str]:
    """Return the protected paths that begin at or above a path in HOME and end below it, by their names relative to it
    in lower case. `at_end` finds the others below it.
    """
    folded = f"{path.casefold()}/"
    found = {location[len(folded) :]: entry for location, entry in protected.items() if location.startswith(folded)}
    for entry in PATHS:
        parts = entry.split("/")
        for count in range(1, len(parts)):
            if f"/{folded}".endswith(f"/{'/'.join(parts[:count])}/"):
                found["/".join(parts[count:])] = entry
    return found
