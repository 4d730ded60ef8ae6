"""The names of the daemon's timers. Those of one connection or client are pairs: a `Timer` and a number."""

from __future__ import annotations

from enum import Enum

Timer = Enum(
    "Timer",
    "ACCEPT ACK ACTIVITY ANSWERS BACKLOG CHECKPOINT DRAW ECHOES EMULATOR END HELD HELLO LINGER NOTIFY PACE PACK RELOAD "
    "REOPEN RUN STDIN STRANGER TEXT TIMEOUT WAITS",
)
