"""A session without a loop or a program, of which tests ask what it says of itself."""

from __future__ import annotations

import os

from sesh.daemon.session import Session
from sesh.stored import Facts


def session() -> Session:
    """The session `work`, of 80 x 24, which has printed nothing yet."""
    facts: Facts = {
        "name": "work", "id": "00ff", "created": 1000.5, "directory": "/", "command": ["sh"], "labels": {},
        "keep": False, "job": False, "shell": False, "persist": False, "outlive": None, "scrollback": 10_000,
        "deadline": None, "pid": os.getpid(), "resume": None,
        "resumed": False, "env": [],
    }  # fmt: skip
    return Session(facts, (80, 24, 0, 0), None)
