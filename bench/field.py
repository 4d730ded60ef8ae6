"""Where a benchmark is held: its directories, its contenders, its sessions, and how much of it is wanted."""

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
    """The contenders side by side. `quick`: fewer rounds; `sustained`: large files too; `other`: the program of another
    sesh. A context manager: all ends with it."""

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
        """True while samples are taken less often, as there are many rows."""

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
        """The same and the plain PTY."""
        return [*self.tools, self.plain]

    @property
    def printing(self) -> list[Contender]:
        """Contenders that take part in output: in a quick run without screen, which takes longest and never leads."""
        return [tool for tool in self.tools if not (self.quick and tool.name == "screen")]

    def log(self, line: str) -> None:
        """Says how far it is."""
        print(line, file=sys.stderr, flush=True)

    def rounds(self, many: int, few: int) -> int:
        """How often each sample is taken."""
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
        """Makes a detached session that runs `words`; its name."""
        name = self.name()
        run(contender.create(name, words), contender.environment)
        return name

    @contextlib.contextmanager
    def session(self, contender: Contender, words: list[str]) -> Iterator[str]:
        """A detached session for a while; of the plain PTY there is none, and the name is empty."""
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
        """A window on a session; on the plain PTY on the program itself."""
        return Window(contender.attach(name) if name else words, contender.environment)
