"""The names of the daemon's timers; requests, runs, and pairs with a number name others."""

from __future__ import annotations

from enum import IntEnum, auto


class Timer(IntEnum):  # each key looks timers up, and `Enum` computes its hash in Python
    ACCEPT = auto()  # accept connections again, after the process ran out of descriptors
    ACK = auto()  # with a client's number: send the ACK alone
    ACTIVITY = auto()  # check the session's state
    BACKLOG = auto()  # with a descriptor: handle the connection's other frames
    CHECKPOINT = auto()
    EMULATOR = auto()
    END = auto()  # signal the session's processes until none is alive
    HELLO = auto()  # with a descriptor: drop a connection without HELLO
    HISTORY = auto()  # shorten the outputs that `history` keeps
    KEY = auto()  # with a client's number: type an incomplete escape sequence as a key
    LINGER = auto()  # close stuck connections after the end
    NOTIFY = auto()
    PACE = auto()  # look whether a late reader has read
    PACK = auto()  # pack the scrollback
    REOPEN = auto()  # read a pty again that was hung up
    REPLIES = auto()
    RUN = auto()  # go on with `run`
    STDIN = auto()  # close the pipe of `exec` whose feeder has gone
    TIMEOUT = auto()  # end a job
    VIEWPORTS = auto()
    WAITS = auto()
