"""The environment that this process was given, without what Python has made of it.

In the locale C, Python sets LC_CTYPE for itself and its children (PEP 538). For sesh, which starts the programs of its
caller, this would be a locale that nobody chose; ssh would even send it to hosts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from sesh.system import platforms

_NAME = "LC_CTYPE"
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python sets it to."""


def restore_environment() -> None:
    """Give LC_CTYPE in `os.environ` the value that the caller gave it, for all programs that are started."""
    value = environment().get(_NAME)
    if value is None:
        os.environ.pop(_NAME, None)
    elif os.environ[_NAME] != value:
        os.environ[_NAME] = value


def environment() -> dict[str, str]:
    """Return `os.environ` with the LC_CTYPE that the caller gave."""
    return without_coercion(os.environ, platforms.first_environment() if os.environ.get(_NAME) in _COERCED else None)


def without_coercion(variables: Mapping[str, str], first: bytes | None) -> dict[str, str]:
    """Return the variables with the LC_CTYPE of the first ones, which end in NUL each; None if these are unknown."""
    changed = dict(variables)
    if first is None or changed.get(_NAME) not in _COERCED:
        return changed
    prefix = f"{_NAME}=".encode()
    value = next((each for each in first.split(b"\0") if each.startswith(prefix)), None)
    if value is None:
        del changed[_NAME]
    else:
        changed[_NAME] = os.fsdecode(value[len(prefix) :])
    return changed
