"""Session layouts: export sessions of this machine and known remotes, create the missing ones.

A layout is `{"version": 1, "sessions": […]}`, and each session is `{"name", "host", "directory", "command", "resume",
"labels"}`. `host` is null for this machine, `command` is null for the user's shell, and `resume` is null if the session
has no resume command.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from sesh import errors, reach
from sesh.errors import Refused, SeshError, UsageError, placed
from sesh.names import check_host, check_label, check_name, check_resume, pair
from sesh.ops import create, enter, lookup
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.target import Target
from sesh.schema import check
from sesh.schema.facts import LaunchSpec, Spec, Summary
from sesh.schema.outcomes import Layout, LayoutEntry, Made
from sesh.store import listing
from sesh.system import programs
from sesh.text import describe

VERSION = 1


@op(reads=True)
def sessions(caller: Caller) -> list[LayoutEntry]:
    """Return the lasting sessions of this machine and of known remotes; note silent remotes."""
    entries = [_entry(session) for session in listing.summaries() if _is_lasting(session)]
    find.note_damage(caller)
    names: dict[str, set[str]] = {}
    for group in lookup.query_known(caller):
        if group.reason:
            _note_missing(caller, group.host, group.reason)
        elif lasting := {session["name"] for session in group.sessions if _is_lasting(session)}:
            names[group.host] = lasting
    # A host's list has its commands as they are shown, without controls; its layout has each byte of them.
    layouts = lookup.call_each(
        caller,
        {host: host for host in names},
        lambda _, target: _quietly(target).within(lookup.HOST_TIMEOUT).call(sessions),
    )
    for host, found in layouts.items():
        if isinstance(found, SeshError):
            _note_missing(caller, host, lookup.reason(found))
        else:
            entries += [{**entry, "host": host} for entry in found if entry["name"] in names[host]]
    return entries


def _quietly(target: Target) -> Target:
    """Return the target as a list reaches it: it is not recorded as used, and ssh asks nothing."""
    return reach.target_of(target.caller, target.host, named=False, may_prompt=False)


def _note_missing(caller: Caller, host: str, reason: str) -> None:
    caller.note(f"the sessions on @{host} are missing: {reason}")


def text(layout: Layout, indent: int | None = None) -> str:
    """Return a layout as JSON in ASCII.

    A byte outside UTF-8 is a lone surrogate, which only an escape (`\\udcff`) can carry; `parse` returns the same byte.
    """
    return json.dumps(layout, indent=indent).replace("\x7f", "\\u007f")


def _is_lasting(session: Summary) -> bool:
    return session.get("state") != "exited" and "machine" not in session


def _entry(session: Summary) -> LayoutEntry:
    command = session.get("command")
    return {
        "name": str(session["name"]),
        "host": None,
        "directory": describe.at_home(session.get("cwd") or "") or None,
        "command": None if session.get("shell") and _is_shell(command) else command,
        "resume": session.get("resume"),
        "labels": dict(session.get("labels") or {}),
    }


def parse(data: bytes, source: str) -> list[LayoutEntry]:
    """Return the sessions of a layout, or of a bare list of sessions.

    Unknown keys are ignored. Raises UsageError, which names the wrong value.
    """
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{source} is not JSON; name a file written by sesh export; nothing was created") from error
    try:
        if isinstance(whole, dict):
            if whole.get("version", VERSION) != VERSION:
                raise errors.Malformed(f"version is not {VERSION}, which this sesh reads")
            whole = whole.get("sessions")
        if not isinstance(whole, list):
            raise errors.Malformed("sessions is not a list")
        return [_checked(value, f"sessions[{index}]") for index, value in enumerate(whole)]
    except errors.Malformed as error:
        raise UsageError(f"{source}: {error}; nothing was created") from error


def _checked(value: object, place: str) -> LayoutEntry:
    if isinstance(value, dict):
        labels = value.get("labels") or {}
        value = {**{key: value.get(key) or None for key in LayoutEntry.__annotations__}, "labels": labels}
    try:
        entry: LayoutEntry = check.checked_here(LayoutEntry, value)
        if entry["host"] is not None:
            check_host(entry["host"])
        check_resume(entry["resume"] or [])
        for key, label in entry["labels"].items():
            check_label(pair(key, label))
    except (errors.Malformed, UsageError, Refused) as error:
        raise errors.Malformed(placed(place, str(error))) from error
    return entry


@op(syncs=True)
def make(caller: Caller, entries: Sequence[LayoutEntry]) -> list[Made]:
    """Create a layout's missing sessions here, whatever their `host`; return a row for each."""
    rows: list[Made] = []
    for entry in entries:
        rows.append(_make(caller, entry))
        caller.progress()
    return rows


def _make(caller: Caller, entry: LayoutEntry) -> Made:
    name = check_name(str(entry["name"]))
    labels = [pair(key, value) for key, value in entry["labels"].items()]
    command = None if _is_shell(entry["command"]) else entry["command"]
    spec: Spec = {"directory": entry["directory"], "command": command, "label": labels}

    def launch_spec() -> LaunchSpec:
        return {**create.launch_spec(caller, spec), "resume": entry["resume"]}

    row: Made = {"name": name, "created": False}
    try:
        connection, outcome = enter.ensure(caller, name, launch_spec, again=True)
        connection.close()
    except SeshError as error:
        return {**row, "error": error.facts()}
    row["created"] = outcome is not enter.Ensured.RAN
    return {**row, "again": True} if outcome is enter.Ensured.RESTARTED else row


def _is_shell(command: Sequence[str] | None) -> bool:
    """Return whether a command is the user's shell, by base name: paths differ between machines."""
    return command is None or (
        len(command) == 1 and os.path.basename(command[0]) == os.path.basename(programs.shell(os.environ))
    )
