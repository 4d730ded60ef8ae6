"""Keeps the file that says whether the leader's desktop has brought a display to this machine.

The shims look for it each time: while it is there, the real xclip, xdg-open and the like run, since they reach the
person's own display. It is the leader's; with nobody attached the last leader's, at first the creator's.
"""

from __future__ import annotations

import os
from contextlib import suppress

from sesh.store import records
from sesh.system import files


class DisplayFile:
    """The file of one session. `exists`: as last written; None if that is unknown."""

    def __init__(self) -> None:
        self.exists: bool | None = None

    def set(self, session_id: str, *, exists: bool) -> None:
        """Create or remove the file, if that is another answer than before; ignore a failure, such as a full disk."""
        if exists is self.exists:
            return
        self.exists = exists
        path = records.file_of(session_id, "display")
        with suppress(OSError):
            if exists:
                files.write_whole(path, b"")
            else:
                os.unlink(path)

    def restore(self, session_id: str) -> None:
        """Create the file again, if it was there: somebody has removed it."""
        last, self.exists = self.exists, None
        if last is not None:
            self.set(session_id, exists=last)
