"""The names of the daemon's timers; requests, runs, and pairs with a number name others."""

from __future__ import annotations

from enum import IntEnum, auto


class Timer(IntEnum):
    ACCEPT = auto()
    ACK = auto()
    ACTIVITY = auto()
    BACKLOG = auto()
    CHECKPOINT = auto()
    EMULATOR = auto()
    END = auto()
    HELLO = auto()
    HISTORY = auto()
    KEY = auto()
    LINGER = auto()
    NOTIFY = auto()
    PACE = auto()
    PACK = auto()
    REOPEN = auto()
    REPLIES = auto()
    RUN = auto()
    STDIN = auto()
    TIMEOUT = auto()
    VIEWPORTS = auto()
    WAITS = auto()
