"""The contenders of a benchmark, what they print, and how samples are taken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from bench import material
from bench.contenders import Contender, Dtach, Plain, Screen, Sesh, Tmux
from bench.rows import BEFORE, OURS, ROWS
from bench.window import Late, run
from tests.support import ROOT

Take = Callable[[], float]
"""Takes one sample."""

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "build", "*.egg-info", "__pycache__", ".*_cache", "node_modules")
SESSION_TOOLS: dict[str, Callable[[str], Contender]] = {"tmux": Tmux, "screen": Screen, "dtach": Dtach}


class Field:
    """The contenders of one run; `before` is another checkout, maybe empty."""

    def __init__(self, folder: str, rounds: int, before: str) -> None:
        self.folder, self.rounds = folder, rounds
        self.program, self.python = installed(os.path.join(folder, OURS), ROOT)
        self.material = os.path.join(folder, "material")
        material.write(self.material)
        self.makers: dict[str, Callable[[str], Contender]] = {OURS: partial(Sesh, program=self.program)}
        if before:
            self.makers[BEFORE] = partial(Sesh, program=installed(os.path.join(folder, BEFORE), before)[0])
        self.makers |= {name: maker for name, maker in SESSION_TOOLS.items() if shutil.which(name)}
        self.tools = tuple(self.makers)
        """Those that keep sessions."""
        self.makers["plain"] = Plain

    @contextmanager
    def contenders(self, *names: str) -> Iterator[dict[str, Contender]]:
        """Yield contenders without sessions; end all of their processes after the block."""
        made = {name: self.makers[name](self.folder) for name in names}
        try:
            yield made
        finally:
            for contender in made.values():
                contender.end()

    def measure(self, key: str, takes: Mapping[str, Take], most: int = 21) -> None:
        """Take the samples of a row in rounds; leave out a contender that fails."""
        failed = set()
        for _ in range(min(self.rounds, most)):
            for name, take in takes.items():
                if name not in failed:
                    try:
                        ROWS[key].samples.setdefault(name, []).append(take())
                    except Late as error:
                        failed.add(name)
                        log(f"  {ROWS[key].title}: {name} is left out: {error}")
        for name in failed:
            ROWS[key].samples.pop(name, None)

    def bare(self, code: str, processor: bool = False) -> Take:
        """Return a sample of the interpreter alone: milliseconds, or those of processor time."""
        words = [self.python, "-c", code]
        return lambda: run(words, {"PATH": os.defpath})[processor]


def installed(folder: str, checkout: str) -> tuple[str, str]:
    """Install a checkout with pip in a new environment; return the program and the interpreter."""
    log(f"installing {checkout}")
    source, environment = os.path.join(folder, "source"), os.path.join(folder, "venv")
    shutil.copytree(checkout, source, symlinks=True, ignore=_LEFT_OUT)
    python = os.path.join(environment, "bin", "python")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", source], check=True)
    return os.path.join(environment, "bin", "sesh"), python


def log(line: str) -> None:
    """Print a line about the progress."""
    print(line, file=sys.stderr, flush=True)
