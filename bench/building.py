"""A sesh to measure: the checkout, installed by `make install` into a home of its own, not editable, compiled."""

from __future__ import annotations

import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "node_modules"
)


def build(folder: str) -> tuple[str, str]:
    """Installs the checkout under `folder`; the program and its interpreter. Raises CalledProcessError."""
    source, home = os.path.join(folder, "source"), os.path.join(folder, "home")
    shutil.copytree(ROOT, source, symlinks=True, ignore=_LEFT_OUT)
    os.mkdir(home)
    environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": os.path.join(home, "data")}
    environment.setdefault("PIP_CACHE_DIR", os.path.expanduser("~/.cache/pip"))
    subprocess.run(
        ["make", "-s", "install"], cwd=source, env=environment, check=True, capture_output=True, text=True, timeout=300
    )
    return os.path.join(home, ".local/bin/sesh"), os.path.join(home, "data/sesh/venv/bin/python")
