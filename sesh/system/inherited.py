"""Attributes that a program inherits from who starts it, and that a fork of another process has to be given.

Linux only. What this system lacks, or a container forbids, is left out, and nothing is said.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from sesh.schema.facts import Inherited
from sesh.system import platforms

_KEYRING = re.compile(rb"(?:\S+\s+){7}keyring\s+(.*)")
_COMMON = re.compile(rb"_ses|_tid|_pid|_uid\.\d|_uid_ses\.\d|_persistent\.\d|\.")
"""The beginnings of the names of keyrings that the kernel and PAM make: keyrings(7)."""
_POLICY = re.compile(rb"[0-9a-f]+ (.+?) file=")
"""The policy in the first line of numa_maps: of the process, as the mapping of its program has no own one."""
_FIRST_LINE = 256  # bytes; the kernel goes through the mappings only as far as these are read


def of_this_process() -> Inherited:
    """Return the attributes of this process."""
    policy = _POLICY.match(platforms.content("/proc/self/numa_maps", _FIRST_LINE))
    keyring, number = _named_keyring()
    return {"memory_policy": os.fsdecode(policy[1]) if policy else "", "keyring": keyring, "keyring_id": number}


def _named_keyring() -> tuple[str, int]:
    """Return name and number of this process's session keyring, if somebody has named it; else `("", 0)`."""
    listed = filter(None, map(_KEYRING.match, platforms.content("/proc/keys").splitlines()))
    if all(_COMMON.match(each[1]) for each in listed):
        return "", 0
    with suppress(OSError):
        from sesh.system import kernel_calls  # noqa: PLC0415 - loads ctypes, for keyrings that few people have

        number = kernel_calls.keyring_id(kernel_calls.Keyring.SESSION)
        name = kernel_calls.keyring_name(number)
        return ("", 0) if _COMMON.match(os.fsencode(name)) else (name, number)
    return "", 0
