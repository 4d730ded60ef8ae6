"""`python -m tests.support.installed FOLDER` installs the wheel of this checkout in a new environment, offline.

It prints the path of the program, for SESH_UNDER_TEST.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.support.distribution import build, wheelhouse


def install(folder: Path) -> Path:
    """Build the wheel, and install it with its requirements as packed from this environment."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    with tempfile.TemporaryDirectory(prefix="sesh-wheel-") as built:
        (wheel,) = build(Path(built)).glob("*.whl")
        others = Path(built, "others")
        others.mkdir()
        words = ["-q", "--disable-pip-version-check", "--no-index", "--find-links", str(wheelhouse(others, "mcp"))]
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", *words, f"{wheel}[mcp]"], check=True)
    return folder / "bin" / "sesh"


if __name__ == "__main__":
    print(install(Path(sys.argv[1]).absolute()))
