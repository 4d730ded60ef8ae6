"""An asciicast of version 2 on its way to the disk: what asciinema and its like play.

A header, then one line an event: `[seconds, "o", output]`, `[seconds, "r", "COLUMNSxROWS"]`, at the end a mark with the
exit code. Each line is whole on the disk when the next one comes.
"""

from __future__ import annotations

import codecs
import os
import time

from sesh.cli import show
from sesh.errors import Exists, Refused
from sesh.names import printable

STDOUT = "-"
"""The file that is none."""


class Cast:
    """A recording on its way to the disk: 0600, and never in the place of another file unasked."""

    def __init__(self, file: str, *, force: bool) -> None:
        self.events = 0
        self.began = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        if file == STDOUT:
            self._descriptor = os.dup(show.STDOUT)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if force else os.O_EXCL)
        try:
            self._descriptor = os.open(file, flags, 0o600)
            if force:
                os.fchmod(self._descriptor, 0o600)
        except FileExistsError:
            raise Exists(f"{printable(file)} exists; --force writes over it, or take another name") from None
        except (OSError, ValueError) as error:
            told = getattr(error, "strerror", None) or error
            raise Refused(f"{printable(file)} cannot be written: {told}; name another file") from error

    def __enter__(self) -> Cast:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def header(self, session: str, columns: int, rows: int, shell: str) -> None:
        """The first line. Times count from now on."""
        self.began = time.monotonic()
        env = {"SHELL": shell, "TERM": os.environ.get("TERM") or "xterm-256color"}
        facts = {"version": 2, "width": columns, "height": rows, "timestamp": int(time.time()), "title": session}
        show.write(show.dumped({**facts, "env": env}), self._descriptor)

    def output(self, data: bytes, *, now: bool = True) -> None:
        """What was printed; `now` False: at a time that nobody knows. A character cut in two waits for its rest."""
        text = self._decoder.decode(data)
        if text:
            self._event("o", text, now=now)

    def resized(self, columns: int, rows: int) -> None:
        """The session has another size from now on."""
        self._event("r", f"{columns}x{rows}")

    def ended(self, code: object) -> None:
        """The session has ended."""
        if rest := self._decoder.decode(b"", final=True):
            self._event("o", rest)
        self._event("m", f"ended: {code}")

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return round(time.monotonic() - self.began, 6)

    def _event(self, kind: str, data: str, *, now: bool = True) -> None:
        self.events += 1
        show.write(show.dumped([self.seconds if now else 0, kind, data]), self._descriptor)
