"""The names of the daemon's timers; requests, runs, and pairs with a number name others."""

from __future__ import annotations

from enum import Enum

Timer = Enum(
    "Timer",
    "ACCEPT ACK ACTIVITY BACKLOG CHECKPOINT EMULATOR END HELLO HISTORY KEY LINGER NOTIFY PACE PACK REOPEN REPLIES RUN "
    "STDIN TIMEOUT VIEWPORTS WAITS",
)
