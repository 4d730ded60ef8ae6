"""The setting of a benchmark: its directories, its contenders, its sessions, and how many samples are wanted."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from bench import material
from bench.contenders import Contender, Plain, Relay, Sesh, missing, peers
from bench.figures import OTHER
from bench.window import Window, run, timed

SUSTAINED = 256 << 20


class Field:
    """The contenders side by side; a context manager that ends everything.

    `quick`: fewer rounds; `sustained`: with large files; `other`: the program of another sesh.
    """

    def __init__(self, program: str, python: str, *, quick: bool, sustained: bool, other: str = "") -> None:
        self.python, self.quick = python, quick
        self.root = tempfile.mkdtemp(prefix="b")
        self.material = os.path.join(self.root, "material")
        os.mkdir(self.material)
        sizes = {"": material.BURST, ".long": SUSTAINED} if sustained else {"": material.BURST}
        self.bytes = material.write(self.material, sizes)
        self.sesh = Sesh(self.root, program)
        self.seshes = [self.sesh, *([Sesh(self.root, other, OTHER)] if other else [])]
        self.plain = Plain(self.root)
        self.relay = Relay(self.root, python)
        self.peers = peers(self.root)
        self.missing = missing()
        self._sessions = 0
        self.brief = False
        """True while fewer samples are taken, because there are many rows."""

    def __enter__(self) -> Field:
        return self

    def __exit__(self, *_: object) -> None:
        for contender in self.tools:
            with contextlib.suppress(Exception):
                contender.quit()
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def tools(self) -> list[Contender]:
        """sesh, the other one if there is one, and the peers."""
        return [*self.seshes, *self.peers]

    @property
    def everyone(self) -> list[Contender]:
        """All of `tools`, and the plain PTY."""
        return [*self.tools, self.plain]

    @property
    def printing(self) -> list[Contender]:
        """Contenders whose output is measured. A quick run leaves out screen, which takes longest and never leads."""
        return [tool for tool in self.tools if not (self.quick and tool.name == "screen")]

    def log(self, line: str) -> None:
        """Prints a line about the progress."""
        print(line, file=sys.stderr, flush=True)

    def rounds(self, many: int, few: int) -> int:
        """Returns how many rounds of samples are taken."""
        if self.brief:
            return max(1, few // 2)
        return few if self.quick else many

    @property
    def seconds(self) -> float:
        """How long a row may take."""
        return 2.5 if self.quick or self.brief else 15.0

    def bare(self) -> float:
        """Milliseconds of processor time of the interpreter alone."""
        return timed([self.python, "-IS", "-c", "pass"], self.sesh.environment)[1] * 1000

    def name(self) -> str:
        """A name for a new session."""
        self._sessions += 1
        return f"s{self._sessions}"

    def create(self, contender: Contender, words: list[str]) -> str:
        """Creates a detached session that runs `words`; returns its name."""
        name = self.name()
        run(contender.create(name, words), contender.environment)
        return name

    @contextlib.contextmanager
    def session(self, contender: Contender, words: list[str]) -> Iterator[str]:
        """Yields the name of a detached session, which ends with the block; an empty name for the plain PTY."""
        if contender is self.plain:
            yield ""
            return
        name = self.create(contender, words)
        try:
            yield name
        finally:
            with contextlib.suppress(Exception):
                contender.kill(name)

    def enter(self, contender: Contender, name: str, words: list[str]) -> Window:
        """Opens a window on a session; for the plain PTY, on the program itself."""
        return Window(contender.attach(name) if name else words, contender.environment)
