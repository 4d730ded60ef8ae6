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


_FOLDER = "${SESH_ENV_FILE%/*}/bin"
_BEGIN, _END = ": sesh-begin;", 'exit $__sesh_code)"'
ONCE = " ".join((
    _BEGIN, "__sesh_code=$?;",
    f'[[ $PATH == "{_FOLDER}:"* || ! -e {_FOLDER}/.sesh ]] || PATH={_FOLDER}:$PATH;',
    "export -n PROMPT_COMMAND;",
    'for __sesh_at in "${!PROMPT_COMMAND[@]}"; do __sesh_text=${PROMPT_COMMAND[__sesh_at]};',
    f"[[ $__sesh_text == *'{_BEGIN}'* ]] || continue;",
    f"__sesh_after=${{__sesh_text##*'{_END}'}} __sesh_text=${{__sesh_text%%'{_BEGIN}'*}};",
    # Where it begins a line, what separates it from the rest goes with it; else `:` stays in its place.
    "if [[ -z $__sesh_text || $__sesh_text == *$'\\n' ]]; then",
    "__sesh_text+=${__sesh_after#\"${__sesh_after%%[!$' \\t\\n;']*}\"}; else __sesh_text+=:$__sesh_after; fi;",
    'if [[ ${#PROMPT_COMMAND[@]} != 1 ]]; then PROMPT_COMMAND[__sesh_at]=$__sesh_text;',
    'elif [[ -n $__sesh_text ]]; then PROMPT_COMMAND=$__sesh_text; else unset -v PROMPT_COMMAND; fi; done;',
    'eval "unset -v __sesh_at __sesh_text __sesh_after __sesh_code; (' + _END,
))  # fmt: skip
"""PROMPT_COMMAND of a bash login shell, whose profile may set PATH anew: it puts the shims first again.

It acts once, before the first prompt, and cuts itself out of what the startup files have made of the variable. The exit
code stays as it is.
"""


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
    ours = {"BROWSER": os.path.basename(value) == BROWSER, "MIR_SOCKET": value == _MIR, "PROMPT_COMMAND": value == ONCE}
    return ours.get(name, False)
