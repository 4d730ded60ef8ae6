"""The states of an attached client: how it gets the program's output."""

from __future__ import annotations

from dataclasses import dataclass

from sesh.daemon.screen.model import TerminalState
from sesh.vt.render.replay import Replay
from sesh.vt.render.viewport import Viewport


@dataclass(frozen=True)
class Live:
    """The client gets the program's bytes, from its position on."""


@dataclass(frozen=True)
class Attaching:
    """The client has just attached, and gets nothing yet; next it gets scrollback and screen."""

    unfinished: Replay | None = None  # of scrollback and screen, of which a first part is made


@dataclass(frozen=True)
class Repainting:
    """The client gets nothing yet; next it gets missed lines and the screen."""

    before_viewport: TerminalState | None = None
    """The terminal's state before it showed a viewport, if it shows one: no lines are missed then."""
    unfinished: Replay | None = None  # of missed lines and screen, of which a first part is made


@dataclass(frozen=True)
class Viewing:
    """The client gets a viewport: its terminal and the session differ in size."""

    viewport: Viewport
    before_viewport: TerminalState  # the terminal's state before it showed the viewport


State = Live | Attaching | Repainting | Viewing
MODES = {Live: "raw", Attaching: "aside", Repainting: "aside", Viewing: "drawn"}
"""The words for the states in `--status`."""
