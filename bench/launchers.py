"""`python -m bench.launchers`: what the launchers of pip, pipx and uv cost, beside that of `make install`.

A wheel is built and installed in each way, with the same interpreter; the installers themselves come from PyPI. Prints
a Markdown table in milliseconds: attaching until the content shows, and a short command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import venv
from functools import partial
from itertools import chain

from bench.building import LEFT_OUT, ROOT
from bench.contenders import Sesh
from bench.figures import Row, Turns, in_turns
from bench.starting import CONTENT
from bench.tables import as_table
from bench.window import Window, processor_time, run, timed

ROUNDS = 41


def _call(*words: str, **variables: str) -> str:
    """What a command prints. Raises CalledProcessError, with what it said, where it fails."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables}
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout


def _environment(folder: str, *packages: str) -> str:
    """A new virtual environment with packages in it; its directory of programs."""
    venv.create(folder, with_pip=True)
    programs = os.path.join(folder, "bin")
    if packages:
        _call(f"{programs}/python", "-m", "pip", "install", "-q", "--upgrade", *packages)
    return programs


def _version(*words: str) -> str:
    """Name and version of an installer."""
    said = _call(*words, "--version").split()
    return " ".join(said[:2]) if said[0] in ("pip", "uv") else f"pipx {said[0]}"


def install(folder: str) -> tuple[str, dict[str, str]]:
    """Installs sesh in each way; an interpreter without it, and the programs by what installed them."""
    tools = _environment(os.path.join(folder, "tools"), "build", "setuptools>=77", "pipx", "uv")
    source = shutil.copytree(ROOT, os.path.join(folder, "source"), symlinks=True, ignore=LEFT_OUT)
    _call(f"{tools}/python", "-m", "build", "--no-isolation", "--wheel", "-o", folder, source)
    (wheel,) = (os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".whl"))
    python = os.path.realpath(f"{tools}/python")
    programs = {}
    for name, packages in {"make": (), "pip": (), "new pip": ("pip",)}.items():
        own = _environment(os.path.join(folder, name.replace(" ", "-")), *packages)
        _call(f"{own}/python", "-m", "pip", "install", "-q", wheel)
        if name == "make":
            _call(f"{own}/python", os.path.join(ROOT, ".ci", "launcher.py"))
        programs["make install" if name == "make" else _version(f"{own}/python", "-m", "pip")] = f"{own}/sesh"
    pipx, uv = os.path.join(folder, "pipx"), os.path.join(folder, "uv")
    places = {"PIPX_HOME": pipx, "PIPX_BIN_DIR": f"{pipx}/bin", "PIPX_DEFAULT_PYTHON": python}
    _call(f"{tools}/pipx", "install", "--quiet", wheel, **places)
    programs[_version(f"{tools}/pipx")] = f"{pipx}/bin/sesh"
    places = {"UV_TOOL_DIR": f"{uv}/tools", "UV_TOOL_BIN_DIR": f"{uv}/bin", "UV_PYTHON": python}
    _call(f"{tools}/uv", "tool", "install", "--quiet", wheel, **places)
    programs[_version(f"{tools}/uv")] = f"{uv}/bin/sesh"
    return f"{_environment(os.path.join(folder, 'bare'))}/python", programs


def _attach(sesh: Sesh, program: str) -> tuple[float, float]:
    """Until the content shows: milliseconds, and milliseconds of processor time."""
    window = Window([program, "work"], sesh.environment)
    try:
        took = window.until(CONTENT) - window.began
        return took * 1e3, processor_time(window.pid) * 1e3
    finally:
        window.close(*sesh.detach)


def _command(sesh: Sesh, *words: str) -> tuple[float, float]:
    """The same until a command has ended."""
    took, used = timed(list(words), sesh.environment)
    return took * 1e3, used * 1e3


def main() -> None:
    """Installs, measures, prints."""
    with tempfile.TemporaryDirectory(prefix="sesh-launchers-") as folder:
        python, programs = install(folder)
        sesh = Sesh(folder, programs["make install"])
        run(sesh.create("work", ["sh", "-c", f"printf {CONTENT.decode()}; exec cat"]), sesh.environment)
        rows = [
            (Row(verb, verb, "ms"), Row(f"cpu-{verb}", f"{verb}, processor time", "ms"))
            for verb in ("attach", "--send")
        ]
        takes: Turns = {
            rows[0]: {name: partial(_attach, sesh, program) for name, program in programs.items()},
            rows[1]: {
                name: partial(_command, sesh, program, "--send", "work", "x") for name, program in programs.items()
            },
        }
        takes[rows[1]]["python -c pass"] = partial(_command, sesh, python, "-c", "pass")
        in_turns(takes, ROUNDS, print)
        sesh.quit()
    print(as_table(chain(*rows), markdown=True))


if __name__ == "__main__":
    main()
