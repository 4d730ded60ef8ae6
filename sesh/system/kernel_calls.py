"""System calls of Linux that Python lacks: keyrings, I/O priority, memory policy.

A call that this system lacks or a container forbids raises OSError.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from enum import IntEnum

_NUMBERS = {
    "Linux x86_64": {"keyctl": 250, "ioprio_set": 251, "ioprio_get": 252, "set_mempolicy": 238},
    "Linux aarch64": {"keyctl": 219, "ioprio_set": 30, "ioprio_get": 31, "set_mempolicy": 237},
}  # syscalls(2)
_KNOWN = _NUMBERS.get("{0.sysname} {0.machine}".format(os.uname()), {}) if ctypes.sizeof(ctypes.c_long) == 8 else {}
_LIBC = ctypes.CDLL(None, use_errno=True)
_WORD = 64  # bits
_PROCESS = 1  # IOPRIO_WHO_PROCESS
_MAX_NAME = 4096

_MODES = ("default", "prefer", "bind", "interleave", "local", "prefer (many)", "weighted interleave")
"""The policies by number, as /proc/PID/numa_maps calls them: numa(7), set_mempolicy(2)."""
_FLAGS = {"static": 1 << 15, "relative": 1 << 14, "balancing": 1 << 13}
_POLICY = re.compile(r"([a-z ()]+?)(?:=([a-z|]+))?(?::([0-9,-]+))?", re.ASCII)
_MAX_NODES = 1024


class Keyring(IntEnum):
    """Keyrings that the kernel finds by the calling process: keyctl(2)."""

    SESSION = -3
    USER = -4


class _Keyctl(IntEnum):
    GET_KEYRING_ID = 0
    JOIN_SESSION_KEYRING = 1
    DESCRIBE = 6
    LINK = 8


def _call(name: str, *arguments: object) -> int:
    if name not in _KNOWN:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in (_KNOWN[name], *arguments)]
    result = _LIBC.syscall(*words)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


# -- keyrings


def keyring_id(keyring: Keyring) -> int:
    """Return the number of a keyring; none is created. Raises OSError."""
    return _call("keyctl", _Keyctl.GET_KEYRING_ID, keyring, 0)


def keyring_name(keyring: int) -> str:
    """Return the name of a keyring. Raises OSError."""
    text = ctypes.create_string_buffer(_MAX_NAME)
    _call("keyctl", _Keyctl.DESCRIBE, keyring, text, len(text))
    return os.fsdecode(text.value.split(b";", 4)[-1])  # type;uid;gid;perm;name


def join_keyring(name: str = "") -> int:
    """Join the session keyring of this name, which is created if necessary, or a new one; return its number."""
    return _call("keyctl", _Keyctl.JOIN_SESSION_KEYRING, ctypes.c_char_p(os.fsencode(name)) if name else None)


def link_key(key: int, keyring: int) -> None:
    """Let a keyring lead to a key or another keyring. Raises OSError."""
    _call("keyctl", _Keyctl.LINK, key, keyring)


# -- priority and memory


def io_priority(pid: int = 0) -> int:
    """Return the I/O class and priority of a process, in one number. Raises OSError."""
    return _call("ioprio_get", _PROCESS, pid)


def set_io_priority(priority: int) -> None:
    """Set the I/O class and priority of this process. Raises OSError."""
    _call("ioprio_set", _PROCESS, 0, priority)


def set_memory_policy(text: str) -> None:
    """Set the memory policy of this process, as numa_maps writes it. Raises OSError, ValueError."""
    mode, nodes = parse_policy(text)
    words = [
        sum(1 << node - start for node in nodes if 0 <= node - start < _WORD) for start in range(0, _MAX_NODES, _WORD)
    ]
    mask = (ctypes.c_ulong * len(words))(*words)
    _call("set_mempolicy", mode, mask if nodes else None, _MAX_NODES if nodes else 0)


def parse_policy(text: str) -> tuple[int, set[int]]:
    """Return the number and the nodes of a policy. Raises ValueError for one that this version does not know."""
    match = _POLICY.fullmatch(text)
    if match is None or match[1] not in _MODES:
        raise ValueError(f"no memory policy: {text}")
    mode, nodes = _MODES.index(match[1]), set[int]()
    for flag in filter(None, (match[2] or "").split("|")):
        mode |= _FLAGS.get(flag, 0)
    for part in filter(None, (match[3] or "").split(",")):
        first, _, last = part.partition("-")
        nodes |= {*range(int(first), min(int(last or first), _MAX_NODES - 1) + 1)}
    return mode, {node for node in nodes if node < _MAX_NODES}
