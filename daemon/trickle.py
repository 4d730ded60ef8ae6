"""The output of a command of `--run` on its way to who waits, while it still runs.

Only whole lines go, and only such as came before the shell was last seen to be away from its prompt: neither a prompt,
nor a trace of what is put around the command, can be among them. All else comes with the answer.
"""

from __future__ import annotations

from sesh import protocol
from sesh.daemon import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.pty import Pty
    from sesh.daemon.run import Run

OFTEN = 4 << 20
"""Bytes after which the shell is looked at, however little time has passed."""
UNREAD = 4 << 20
"""Bytes that somebody who waits may have unread; one who has more is sent nothing until he reads."""


class Trickle:
    """What of one run has been sent: `sent` bytes, as they were sent. `since`: so many the peer has already."""

    def __init__(self, run: Run, since: int = 0) -> None:
        self._run = run
        self.sent = since
        self.position = run.place(since)
        """The same in the output as it came from the terminal."""
        self._settled = self._seen = 0

    def kept(self) -> list[int]:
        """What a successor needs to go on."""
        return [self.sent, self.position, self._settled, self._seen]

    def resume(self, kept: list[int]) -> None:
        """Goes on where `kept` says."""
        self.sent, self.position, self._settled, self._seen = kept

    @property
    def due(self) -> bool:
        """Whether so much has come that the shell is to be looked at."""
        return self._run.total - self._seen > OFTEN

    @property
    def lost(self) -> bool:
        """Whether some of what was not sent is no longer there."""
        return self._run.dropped > self.position

    def look(self, pty: Pty) -> None:
        """The shell is not at its prompt now: what had come at the last look is the command's."""
        run = self._run
        self._settled, self._seen = self._seen, run.total
        if run.peer is None or run.peer.unsent > UNREAD or self.lost:
            return
        piece = run.between(self.position, self._settled)
        piece = piece[: piece.rfind(b"\n") + 1]
        ours = piece.find(run.token.encode())
        if ours >= 0:
            piece = piece[: piece.rfind(b"\n", 0, ours) + 1]
        self.position += len(piece)
        if run.translated and shells.translates(pty):
            piece = piece.replace(b"\r\n", b"\n")
        for at in range(0, len(piece), protocol.CHUNK):
            block = piece[at : at + protocol.CHUNK]
            run.peer.queue(protocol.numbered(protocol.OUTPUT, self.sent, block))
            self.sent += len(block)
