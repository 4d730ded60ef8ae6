"""Notifications on a terminal: by OSC 9, 99 or 777, or a bell if it knows none. Pure.

Sources: iTerm2's proprietary escape codes (OSC 9), kitty's desktop notifications (OSC 99), and the `notify` of
rxvt-unicode that VTE and foot took over (OSC 777).
"""

from __future__ import annotations

from sesh.about import CALLED
from sesh.wording import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_OSC_9 = ("iTerm.app", "WezTerm", "ghostty", "WarpTerminal", "rio")
"""Names in TERM_PROGRAM."""
_MAX_LENGTH = 200
"""Characters of the text that are shown."""
_BELL = b"\a"


def notification(line: str, environment: Mapping[str, str]) -> bytes:
    """Return the bytes that show a line on the terminal of this environment."""
    text = plain(line)[:_MAX_LENGTH].encode("utf-8", "replace")
    term = environment.get("TERM", "")
    if environment.get("TMUX") or term.startswith(("screen", "tmux")):
        return _BELL
    if environment.get("KITTY_WINDOW_ID") or "kitty" in term:
        return b"\x1b]99;;%s\x1b\\" % text
    if environment.get("TERM_PROGRAM") in _OSC_9 or "ghostty" in term or "wezterm" in term:
        return b"\x1b]9;%s\x1b\\" % text
    if environment.get("VTE_VERSION") or term.startswith(("foot", "rxvt")):
        return b"\x1b]777;notify;%s;%s\x1b\\" % (CALLED.encode(), text.replace(b";", b","))
    return _BELL
