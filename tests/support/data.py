"""Data of the types in `sesh.schema.facts`, with defaults for all but the named facts."""

from __future__ import annotations

import os
from typing import Any, cast

from sesh.daemon.base.facts import Facts
from sesh.schema.facts import JobResult, Record, Summary
from sesh.schema.outcomes import Command
from sesh.system import platforms, processes
from sesh.vt.render.screen_data import Run, ScreenFacts


def summary(**facts: object) -> Summary:
    """Return the summary of a session that runs detached."""
    plain: dict[str, object] = {
        "name": "web", "host": None, "state": "running", "attached": 0, "current": False, "pid": 7,
        "created": "2026-02-27T11:00:00Z", "last_activity": "2026-03-01T11:57:00Z", "cwd": "/srv/site",
        "command": ["make", "serve"], "title": "", "exit_code": None, "columns": 80, "rows": 24, "labels": {},
        "foreground": None, "unseen": None, "activity": None,
    }  # fmt: skip
    return cast("Summary", plain | facts)


def record(name: str = "work", **facts: object) -> Record:
    """Return a record of a session whose daemon is this process."""
    pid = facts.get("daemon_pid", os.getpid())
    plain: dict[str, object] = {
        "name": name, "machine": platforms.name(), "boot": platforms.boot_id(), "daemon_pid": pid,
        "daemon_start": processes.start_time(pid) if isinstance(pid, int) else "",
    }  # fmt: skip
    return cast("Record", plain | facts)


def daemon_facts(**facts: object) -> Facts:
    """Return what a daemon knows about a session whose program is this process."""
    plain: dict[str, Any] = {
        "name": "work", "id": "00ff", "created": 1000.5, "directory": "/tmp", "command": ["sh"], "labels": {},
        "keep": False, "job": False, "shell": False, "persist": False, "outlive": None, "scrollback": 10_000,
        "ends_at": None, "pid": os.getpid(), "resume": None,
        "resumed": False, "env": [], "files": "00ff",
    }  # fmt: skip
    return Facts(**plain | facts)


def job_result(**facts: object) -> JobResult:
    """Return the result of a job that succeeded at once."""
    plain: dict[str, object] = {
        "exit_code": 0, "signal": None, "duration": 0.0, "timed_out": False, "truncated": False, "cpu": None,
        "memory": None, "reason": "exited",
    }  # fmt: skip
    return cast("JobResult", plain | facts)


def command(**facts: object) -> Command:
    """Return a command of a session's history with no facts but its number."""
    return cast("Command", dict.fromkeys(Command.__required_keys__) | {"n": 1} | facts)


def run(text: str, column: int = 0, **attributes: object) -> Run:
    return cast("Run", {"column": column, "width": len(text), "text": text, **attributes})


def screen(*cells: list[Run], cursor: int = 0) -> ScreenFacts:
    """Return a screen of these rows; the cursor is at the beginning of row `cursor`."""
    return {
        "columns": 80, "rows": len(cells), "cursor": {"row": cursor, "column": 0, "visible": True, "style": 0},
        "title": "", "alternate": False, "colours": {}, "continued": [], "cells": list(cells),
    }  # fmt: skip
