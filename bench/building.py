"""A sesh to measure: the checkout, compiled, as `make install` installs it, or a copy that starts the same way."""

from __future__ import annotations

import compileall
import os
import shutil
import stat
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "node_modules"
)
_LAUNCHER = """#!{python} -IS
import sys

sys.path += {paths!r}
from sesh.__main__ import start

start()
"""


def copy(folder: str, root: str = ROOT) -> tuple[str, str]:
    """Does what `build` does, without pip: makes a compiled copy that uses the packages of this environment.

    The interpreter is that of a new environment, because this one has packages for developers, which slow down its
    start.
    """
    environment = os.path.join(folder, "venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = os.path.join(environment, "bin", "python")
    target = os.path.join(folder, "lib")
    shutil.copytree(os.path.join(root, "sesh"), os.path.join(target, "sesh"), ignore=LEFT_OUT)
    compileall.compile_dir(target, quiet=2)
    program = os.path.join(folder, "sesh")
    paths = [target, *dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])]
    with open(program, "w", encoding="utf-8") as file:
        file.write(_LAUNCHER.format(python=python, paths=paths))
    os.chmod(program, stat.S_IRWXU)
    own = sysconfig.get_path("purelib", vars={"base": environment, "platbase": environment})
    with open(os.path.join(own, "sesh.pth"), "w", encoding="utf-8") as file:  # the emulator is timed by itself
        file.write("".join(f"{path}\n" for path in paths))
    return program, python


def build(folder: str) -> tuple[str, str]:
    """Installs the checkout under `folder`, and returns the program and its interpreter. Raises CalledProcessError."""
    source, home = os.path.join(folder, "source"), os.path.join(folder, "home")
    shutil.copytree(ROOT, source, symlinks=True, ignore=LEFT_OUT)
    os.mkdir(home)
    environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": os.path.join(home, "data")}
    environment.setdefault("PIP_CACHE_DIR", os.path.expanduser("~/.cache/pip"))
    subprocess.run(
        ["make", "-s", "install"], cwd=source, env=environment, check=True, capture_output=True, text=True, timeout=300
    )
    program = os.path.join(home, ".local/bin/sesh")
    return program, os.path.join(os.path.dirname(os.readlink(program)), "python")
