"""The lines of sesh's own that lie over the last row while a session is shown, and how each goes away again.

A line over what a program shows never meets output: the daemon is asked to send none (NOTICE), and sends the line back
where its output ends; what it was not sent meanwhile comes with the screen that the client asks for (REDRAW), once a
key was pressed or some seconds are over. An older daemon goes on sending, and the next output takes the line away.
"""

from __future__ import annotations

import time

from sesh import protocol
from sesh.about import CALLED
from sesh.client.display import Display

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.client.hint import Hint

_SECONDS = 3.0
"""How long a line stays, unless a key is pressed."""
_LONGEST = 4096
"""Characters of all lines that came while one is shown."""


class Notices:
    """The lines of one attachment. `send` sends a frame to the daemon."""

    def __init__(self, display: Display, send: Callable[[bytes], None]) -> None:
        self._display, self._send = display, send
        self.first = ""
        """A line for the first screen."""
        self.until = 0.0
        """When the line goes (monotonic), 0 where there is none."""
        self._text = ""
        self._hint: Hint | None = None

    def show(self, text: str, *, holds: bool) -> None:
        """Show a line. `holds`: the daemon can send nothing meanwhile."""
        if holds:
            self._send(protocol.message(protocol.NOTICE, {"text": text}))
        else:
            self._lay(text, held=False)

    def held(self, text: str) -> None:
        """The daemon sends nothing from here on: show its line."""
        self._lay((f"{self._text}; {text}" if self.until else text)[:_LONGEST], held=True)

    def _lay(self, text: str, *, held: bool) -> None:
        self._text = text
        self._display.notice(text, held=held)
        self.until = time.monotonic() + _SECONDS

    def clear(self) -> None:
        """Take the line away, if there is one: ask for the screen."""
        if self.until:
            self.until = 0.0
            self._send(protocol.frame(protocol.REDRAW))

    # -- the line of a new session

    def begin_hint(self, name: str, key: str) -> None:
        """The first screen, which is blank, will say which session it is and by which `key` to leave, if any."""
        from sesh.client.hint import Hint

        columns, rows = self._display.terminal.size()[:2]
        self._hint = Hint(f"new session {name} · {key or f'{CALLED} --detach'} leaves", columns or 80, rows or 24)

    def end_hint(self) -> None:
        """A key was pressed, or the terminal will show something else."""
        hint, self._hint = self._hint, None
        if hint is not None:
            self._display.draw(hint.end())

    def pass_on(self, kind: int, position: int, data: bytes, before: bytes, after: bytes) -> None:
        """Show OUTPUT or SCREEN, with what is drawn before and after it, and keep it and the hint apart.

        The hint goes when another screen comes, or output needs its row.
        """
        hint, show = self._hint, self._display.show
        if hint is None:
            show(data, before, after)
            return
        if kind == protocol.SCREEN:
            show(data, before, after)
            self._hint = hint if not hint.shown and position == 0 else None
            if self._hint is not None:
                self._display.draw(hint.begin())
        elif hint.shown:
            first, *others = hint.around(data)
            show(first[1], before + first[0], first[2])
            for each in others:
                show(each[1], each[0], each[2])
            self._display.draw(after)
        else:
            show(data, before, after)
        if self._hint is not None and not hint.shown:
            self._hint = None
