"""Dormant sessions: their daemon died, or they ended while no client was attached.

They can be restarted and forgotten; `views` reads them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sesh import errors, names
from sesh.about import SESH
from sesh.errors import TERMINATED, Exists, NotFound, Refused, SeshError
from sesh.names import check_name
from sesh.ops import create, views
from sesh.reach import find
from sesh.reach.caller import KEEP, Caller
from sesh.reach.op import op
from sesh.schema.facts import CheckpointFacts, LaunchSpec, Record, RunFacts, Summary
from sesh.schema.outcomes import Made
from sesh.store import checkpoints, listing, records, results
from sesh.system import files, paths
from sesh.text import describe, times
from sesh.wire.connection import Connection

if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator

_ALL = sys.maxsize
_MAX_ABOVE = 8 << 20  # characters of old output that a restarted session shows; older lines are dropped
_RUN_KEYS = {"n", "command", "cwd", "started", "duration", "exit_code", "output_bytes"}  # a run with fewer is dropped
# Other questions take n for No and c for Cancel, and a person presses Enter without reading: all of them keep it.
_AGAIN, _REPLACE, _DISCARD = "s", "r", "d"
_ANSWERS = (
    (_AGAIN, "Start again"),
    (_REPLACE, "Replace with a new one"),
    (_DISCARD, "Discard"),
    KEEP,
)


def history(name: str) -> list[RunFacts]:
    """Return the last commands run in a dormant session, without their output. Raises NotFound."""
    if find.dormant(name) is None:
        raise find.absent(name)
    return _history(records.read(name) or {})


def _history(record: Record) -> list[RunFacts]:
    facts = checkpoints.facts(record.get("id"))
    return [run for run in facts.get("history") or () if isinstance(run.get("n"), int)]


def start_as_chosen(caller: Caller, launch_spec: LaunchSpec, name: str, summary: Summary) -> Connection:
    """Ask the person whether to restart, replace or discard a dormant session, and do it.

    Raises Refused if the person keeps it, and after discarding, then with the session's exit code. Also raises as
    `create.start`.
    """
    session_id = (records.read(name) or {}).get("id")
    above = "" if summary["state"] == "lost" else _last_screen(name)
    answer = caller.ask(_about(summary), _ANSWERS, KEEP[0], above)
    if answer == _DISCARD:
        if not forget(name, str(session_id)):
            raise Refused(f"{name} is in use again; nothing was discarded")
        raise Refused(f"{name} is discarded", exit_code=summary.get("exit_code"))
    if answer not in (_AGAIN, _REPLACE):
        raise Refused(f"{name} is kept as it is")
    return start(caller, launch_spec, name, summary, again=answer == _AGAIN)


def start(caller: Caller, launch_spec: LaunchSpec, name: str, summary: Summary, *, again: bool) -> Connection:
    """Restart a dormant session if `again`, else replace it. Raises as `create.start`."""
    if again:
        connection = start_again(caller, launch_spec, name, summary)
    else:
        connection = create.start({**launch_spec, "instead_of": summary.get("id") or ""}, name)
    caller.note(f"{find.describe_end(summary)}; {'started again' if again else 'created a new one'}")
    return connection


@op(syncs=True)
def restore(caller: Caller, names: Sequence[str] = (), run: bool = False) -> list[Made]:
    """Restart sessions that were lost or whose daemons were terminated; without names, all of them.

    A command waits for Enter unless `run`. A shell or a resume command starts at once. If only one name is given, its
    error is raised.
    """
    chosen = [check_name(name) for name in dict.fromkeys(names)]
    sessions = {session["name"]: session for session in listing.summaries()}
    if not chosen:
        find.note_damage(caller)
        chosen = [name for name, session in sessions.items() if _restorable(session)]
    rows: list[Made] = []
    for name in chosen:
        try:
            rows.append(_restore_one(caller, name, sessions.get(name), gate=not run))
        except SeshError as error:
            if len(names) == 1:
                raise
            rows.append({"name": name, "created": False, "error": error.facts()})
        caller.progress()
    return rows


def _restorable(session: Summary) -> bool:
    return session["state"] == "lost" or (session["state"] == "exited" and session.get("reason") == TERMINATED)


def _restore_one(caller: Caller, name: str, session: Summary | None, *, gate: bool) -> Made:
    if session is None:
        raise find.absent(name)
    if session["state"] == "exited" and not _restorable(session):
        raise Refused(find.describe_end(session), hint=find.occupied(session).hint)
    created = False
    if _restorable(session):
        with suppress(Exists):  # another process was faster
            start_again(caller, create.launch_spec(caller, {}, watched=True), name, session, gate=gate).close()
            created = True
    resume = session.get("resume")
    waits = created and gate and not (resume or session.get("shell"))
    return {"name": name, "created": created, "command": resume or session["command"], "awaits_enter": waits}


def start_again(
    caller: Caller, launch_spec: LaunchSpec, name: str, summary: Summary, *, gate: bool = False
) -> Connection:
    """Restart a session below its old output; note what could not be restored.

    `gate`: its command waits for Enter. Raises as `create.start`.
    """
    remarks = []
    record = records.read(name) or {}
    checkpoint = None
    facts = checkpoints.facts(record.get("id"))
    if not os.path.isdir(directory := str(summary.get("cwd") or "")):
        remarks.append(f"{create.no_directory(directory)} any more; starting in your home directory")
        directory = paths.home()
    try:
        checkpoint = checkpoints.read(record.get("id"))
    except Refused as error:
        remarks.append(f"{error.text}; starting without the old output")
    if unset := [variable for variable in record.get("env") or () if variable not in launch_spec["extra"]]:
        remarks.append(f"no value for {', '.join(unset)}: what --env gives is kept in no file")
    launch_spec = _restart_spec(launch_spec, summary, record, views.emulator_of(checkpoint), gate=gate)
    launch_spec["directory"] = directory
    try:
        connection = create.start(launch_spec, name)
    except Exists:
        raise
    except BaseException as error:
        _restore_files(name, record, checkpoint, facts)
        if isinstance(error, SeshError) and error.exit_code in errors.CANNOT_START and launch_spec["resumes"]:
            raise error.but(hint=f"to forget how {name} resumes: {SESH} resume-with {name} --") from error
        raise
    for remark in remarks:
        caller.note(f"{name}: {remark}")
    return connection


def _restart_spec(
    launch_spec: LaunchSpec, summary: Summary, record: Record, emulator: Emulator | None, *, gate: bool
) -> LaunchSpec:
    launch_spec = create.with_program_of(launch_spec, record)
    command = None if launch_spec["resumes"] else launch_spec["command"]
    before = [*_old_output(emulator), _divider(summary), ""] if emulator is not None else [""]
    if command is not None and gate:  # the cursor stays in this row, which becomes the session's question
        before[-1] = f"\x1b[2mpress Enter to run again: {describe.command_line(command)}\x1b[m"
    return {
        **launch_spec,
        "columns": launch_spec["columns"] or summary.get("columns") or 0,
        "rows": launch_spec["rows"] or summary.get("rows") or 0,
        "gate": command is not None and gate,
        "instead_of": summary.get("id") or "",
        "files": records.files_of(record),
        "labels": {**(summary.get("labels") or {}), **launch_spec["labels"]},
        "before": "\r\n".join(before),
        "history": [run for run in _history(record) if run.keys() >= _RUN_KEYS],
    }


def _old_output(emulator: Emulator) -> list[str]:
    """Return the last lines, then the alternate screen, which may have a program's unsaved text."""
    from sesh.vt.render.export import screen_ansi  # noqa: PLC0415 - loads the tables of characters

    lines, _ = emulator.lines_before(_ALL, _ALL, _MAX_ABOVE, ansi=True)
    return lines + (screen_ansi(emulator).rstrip().split("\n") if emulator.alternate else [])


def _restore_files(name: str, record: Record, checkpoint: views.Checkpoint | None, facts: CheckpointFacts) -> None:
    """Restore a dormant session's files after a failed restart, unless the name is taken again."""
    with suppress(OSError), files.locked(paths.directory()):  # the disk may be full
        if record and name not in paths.names():
            records.write(record)
            if checkpoint is not None:
                checkpoints.write_facts(record["id"], facts)
                checkpoints.restore(record["id"], *checkpoint)


@contextmanager
def _locked(name: str) -> Iterator[Record]:
    """Lock the directory of sessions; yield a dormant session's record. Raises NotFound, TimedOut."""
    with files.locked(paths.directory(), timeout=files.PATIENCE):
        record = records.read(name) if find.dormant(name) is not None else None
        if record is None:
            raise find.absent(name)
        yield record


def forget(name: str, session_id: str = "") -> bool:
    """Remove a dormant session's files; return False unless it is dormant and has this id.

    Raises Refused if the files cannot be removed.
    """
    if not paths.check_directory(paths.directory()):
        return False
    try:
        with _locked(name) as record:
            if session_id and record.get("id") != session_id:
                return False
            records.remove(name)
    except (NotFound, FileNotFoundError):  # the directory of sessions may be gone
        return False
    except OSError as error:
        raise errors.cannot(f"remove the files of {name}", error) from error
    return True


def rename(old: str, new: str) -> None:
    """Give a dormant session another name. Raises NotFound, Exists, OSError, Refused."""
    with _locked(old) as record:
        if new in paths.names():
            raise find.taken(new)
        with suppress(FileNotFoundError):
            os.unlink(paths.socket_path(old))
        records.move(old, new)
        with suppress(OSError):  # the disk may be full: the session has its new name all the same
            records.write({**record, "name": new}, durable=True)
    results.rename(str(record.get("id")), new)


def resume_with(name: str, command: Sequence[str]) -> None:
    """Keep or forget the resume command of a dormant session. Raises NotFound, OSError, Refused."""
    with _locked(name) as record:
        records.write({**record, "resume": names.check_resume(list(command)) or None}, durable=True)


def _about(summary: Summary) -> str:
    active = times.age(summary.get("last_activity"), time.time()) if summary["state"] == "lost" else ""
    command = "" if summary.get("shell") else f"; it ran: {describe.command_line(summary.get('command') or [])}"
    if resume := summary.get("resume"):
        command = f"; it resumes with: {describe.command_line(resume)}"
    return find.describe_end(summary) + (f", last active {active} ago" if active else "") + command


def _last_screen(name: str) -> str:
    with suppress(NotFound, Refused):
        return views.stored_screen(name, "ansi")[0].decode("utf-8", "replace").rstrip()
    return ""


def _divider(summary: Summary) -> str:
    last_active = times.local_time(summary.get("last_activity"), dated=True)
    return f"\x1b[2m── {find.describe_end(summary)}; last active {last_active} ──\x1b[m"
