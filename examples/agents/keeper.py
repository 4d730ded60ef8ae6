#!/usr/bin/env python3
"""Looks after the sessions with a label: keeper.py team=mine

It answers questions that match ALLOWED with y, starts again what has failed, RESTARTS times at most, and prints which
session needs a person, and what for. Any program can print a question that matches ALLOWED, whatever it does with the
answer: allow only what you would allow every program in these sessions.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sesh import Session, sessions
from sesh.errors import Busy, NotFound, Refused

ALLOWED = os.environ.get("ALLOWED", "^may I run: (make|npm|cargo) test")
RESTARTS = int(os.environ.get("RESTARTS", "3"))


def answer(work: Session) -> None:
    """Answers a question that may be answered; tells the person of any other."""
    try:
        work.send("y", enter=True, if_waiting=ALLOWED)
    except (Busy, NotFound, Refused):  # it asks something else, or has gone on by itself
        stands = next((row["activity"] for row in sessions() if row["name"] == work.name), None)
        if stands and stands["state"] == "waiting":
            print(f"{work.name} needs you: {stands['question']}", flush=True)


def has_failed(work: Session) -> bool:
    """Follow a session to its end; return whether it failed without a person ending it."""
    with suppress(NotFound):  # it had ended before
        for event in work.events(since=0):
            if event["event"] == "activity" and event["state"] == "waiting":
                answer(work)
    try:
        return bool(work.status()["exit_code"])
    except NotFound:
        return False  # it ended well, or somebody ended it


def keep(work: Session) -> None:
    """Keeps a session running until it has ended well, or has failed too often."""
    for left in range(RESTARTS, -1, -1):
        if not has_failed(work):
            return print(f"{work.name} has ended", flush=True)
        if left:
            work.ensure()  # in its directory, with its command and its labels
            print(f"{work.name} failed and runs again", flush=True)
    return print(f"{work.name} needs you: it fails again and again", flush=True)


if __name__ == "__main__":
    label, _, value = sys.argv[1].partition("=")
    names = [row["name"] for row in sessions() if row["labels"].get(label) == value]
    with ThreadPoolExecutor(len(names) or 1) as pool:
        list(pool.map(keep, map(Session, names)))
