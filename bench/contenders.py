"""The programs that are compared, each with its defaults in a directory of its own.

tmux and screen keep 10,000 lines, as sesh does; tmux shows no status line, so that all draw the same rows.
"""

from __future__ import annotations

import os
import tempfile
import time

from bench.window import Late, Window, Words, run
from tests.support import processes

_MARK = "BENCH_ROOT"
"""A variable by which the processes of a contender are found."""


class Contender:
    """A program that is compared; `end` ends all of its sessions at once."""

    detach: tuple[bytes, ...] = (b"\x1c",)

    def __init__(self, folder: str) -> None:
        self.root = tempfile.mkdtemp(dir=folder)
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": self.root,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            _MARK: self.root,
        }

    def creating(self, session: str, words: Words) -> Words:
        """Return the command that makes a detached session."""
        raise NotImplementedError

    def attaching(self, session: str) -> Words:
        """Return the command that attaches."""
        raise NotImplementedError

    def listing(self) -> Words:
        """Return the command that lists the sessions; empty if there is none."""
        return []

    def create(self, session: str, words: Words) -> float:
        """Create a detached session that runs `words`; return the milliseconds. Raises Late."""
        return run(self.creating(session, words), self.environment)[0]

    def attach(self, session: str, mark: bytes = b"") -> Window:
        """Open a window on a session, and wait until it shows the mark. Raises Late."""
        window = Window(self.attaching(session), self.environment)
        try:
            if mark:
                window.until(mark)
        except Late:
            window.close()
            raise
        return window

    def keepers(self) -> list[int]:
        """Return the processes that keep the sessions: they alone have no terminal."""
        return [pid for pid in processes.marked(_MARK, self.root) if not processes.has_terminal(pid)]

    def end(self) -> None:
        """End all of its processes."""
        deadline = time.monotonic() + 5
        while (left := processes.marked(_MARK, self.root)) and time.monotonic() < deadline:
            processes.kill(left)
            time.sleep(0.01)


class Sesh(Contender):
    """A sesh, installed as `program`."""

    def __init__(self, folder: str, program: str) -> None:
        super().__init__(folder)
        self.program = program
        self.environment["SESH_DIR"] = os.path.join(self.root, "s")

    def creating(self, session: str, words: Words) -> Words:
        return [self.program, "open", session, "--", *words]

    def attaching(self, session: str) -> Words:
        return [self.program, session]

    def listing(self) -> Words:
        return [self.program]


class Tmux(Contender):
    detach = (b"\x02", b"d")

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.environment["TMUX_TMPDIR"] = self.root
        configuration = os.path.join(self.root, "conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("set -g history-limit 10000\nset -g status off\n")
        self.words = ["tmux", "-f", configuration]

    def creating(self, session: str, words: Words) -> Words:
        return [*self.words, "new-session", "-d", "-x", "80", "-y", "24", "-s", session, *words]

    def attaching(self, session: str) -> Words:
        return [*self.words, "attach", "-t", session]

    def listing(self) -> Words:
        return [*self.words, "list-sessions"]


class Screen(Contender):
    detach = (b"\x01", b"d")

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        sockets = os.path.join(self.root, "sockets")
        os.mkdir(sockets, 0o700)
        self.environment |= {"SCREENDIR": sockets, "SCREENRC": os.devnull, "SYSSCREENRC": os.devnull}

    def creating(self, session: str, words: Words) -> Words:
        return ["screen", "-h", "10000", "-dmS", session, *words]

    def attaching(self, session: str) -> Words:
        return ["screen", "-x", session]

    def listing(self) -> Words:
        return ["sh", "-c", "screen -ls; :"]  # it exits with 1 if nothing new is listed


class Dtach(Contender):
    """Keeps neither screen nor scrollback: its program redraws."""

    def creating(self, session: str, words: Words) -> Words:
        return ["dtach", "-n", os.path.join(self.root, session), *words]

    def attaching(self, session: str) -> Words:
        return ["dtach", "-a", os.path.join(self.root, session), "-r", "winch"]


class Plain(Contender):
    """The program on a terminal of its own, with nothing in between."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.programs: dict[str, Words] = {}

    def create(self, session: str, words: Words) -> float:
        self.programs[session] = words
        return 0.0

    def attaching(self, session: str) -> Words:
        return self.programs[session]
