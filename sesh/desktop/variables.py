"""Variables by which the programs of a session find the desktop of its person: PATH, BROWSER, MIR_SOCKET.

BROWSER makes programs open a page that would else only print its address, or ask for a code, which is better where
nobody can see a page. So it is set only while the desktop can open pages and take logins that come home.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from sesh.system.platforms import BROWSER

_MIR = "sesh"
"""The value of MIR_SOCKET, by which gcloud and Gemini CLI try to open pages. No program connects to it for a page."""


def search_path(path: str, folder: str) -> str:
    """Return PATH with the shims before all other programs."""
    rest = [each for each in path.split(os.pathsep) if each != folder]
    return os.pathsep.join([folder, *rest])


def without_ours(creator: Mapping[str, str]) -> dict[str, str]:
    """Return a creator's variables without those that another session has set for its own programs."""
    return {name: value for name, value in creator.items() if not _is_ours(name, value)}


def for_pages(creator: Mapping[str, str], folder: str, *, can_open: bool) -> dict[str, str]:
    """Return BROWSER and MIR_SOCKET for a session's programs, empty where they are to be unset.

    What the creator has set itself is left out. `can_open`: the desktop can open pages and listen.
    """
    ours = {"BROWSER": os.path.join(folder, BROWSER), "MIR_SOCKET": _MIR}
    free = [name for name in ours if name not in creator or _is_ours(name, creator[name])]
    return {name: ours[name] if can_open else "" for name in free}


def _is_ours(name: str, value: str) -> bool:
    return (name, value) == ("MIR_SOCKET", _MIR) or (name == "BROWSER" and os.path.basename(value) == BROWSER)
