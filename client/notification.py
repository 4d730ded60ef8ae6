"""The bytes by which a terminal tells a person of something."""

from __future__ import annotations

from collections.abc import Mapping

from sesh.about import CALLED
from sesh.wording import plain

_OSC_9 = ("iTerm.app", "WezTerm", "ghostty", "WarpTerminal", "rio")
"""Names in TERM_PROGRAM."""
LONGEST = 200
"""Characters that are shown of a line that tells of a session."""
BELL = b"\a"


def notification(line: str, environment: Mapping[str, str]) -> bytes:
    """Return the bytes that show a line as a notification on the terminal of this environment: a bell if it knows none.

    Sources: iTerm2's proprietary escape codes (OSC 9), kitty's desktop notifications (OSC 99), and the `notify` of
    rxvt-unicode that VTE and foot took over (OSC 777).
    """
    text = plain(line)[:LONGEST].encode("utf-8", "replace")
    term = environment.get("TERM", "")
    if environment.get("TMUX") or term.startswith(("screen", "tmux")):
        return BELL
    if environment.get("KITTY_WINDOW_ID") or "kitty" in term:
        return b"\x1b]99;;%s\x1b\\" % text
    if environment.get("TERM_PROGRAM") in _OSC_9 or "ghostty" in term or "wezterm" in term:
        return b"\x1b]9;%s\x1b\\" % text
    if environment.get("VTE_VERSION") or term.startswith(("foot", "rxvt")):
        return b"\x1b]777;notify;%s;%s\x1b\\" % (CALLED.encode(), text.replace(b";", b","))
    return BELL
