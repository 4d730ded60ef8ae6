"""`--export` and `--import`: which sessions there are, as JSON, and those made that are missing."""

from __future__ import annotations

import os

from sesh.cli import printing
from sesh.errors import Exists, Refused, SeshError, UsageError
from sesh.names import check_host, check_label, check_name, printable
from sesh.ops import caller, create, find, lookup
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.store.listing import Summary

VERSION = 1
LARGEST = 1 << 20
"""Bytes of a layout."""
_STDIN = "-"


class Entry:
    """One session of a layout: `host` None for this machine, `command` None for the user's shell."""

    __slots__ = ("command", "directory", "host", "labels", "name")

    def __init__(
        self, name: str, host: str | None, directory: str | None, command: list[str] | None, labels: dict[str, str]
    ) -> None:
        self.name, self.host, self.directory, self.command, self.labels = name, host, directory, command, labels

    def facts(self) -> dict[str, Any]:
        """The entry as JSON shows it."""
        return {key: getattr(self, key) for key in ("name", "host", "directory", "command", "labels")}


def export(line: Line) -> int:
    """`--export`: the sessions here and on the known remotes, those apart that have ended or are another machine's."""
    found = [_entry(each, caller.host()) for each in listing.summaries() if _lasting(each)]
    missed = [(word, "failed less than a minute ago, and was not asked") for word in lookup.skipped(line)]
    answers = []
    for word, answer in lookup.summaries(lookup.hosts(line)):
        if isinstance(answer, SeshError):
            missed.append((word, str(answer)))
        else:
            answers += [_entry(each, word) for each in answer if _lasting(each)]
    for word, reason in missed:
        printing.note(f"the sessions of @{word} are left out: {reason}")
    found += sorted(answers, key=lambda entry: (str(entry.host), entry.name))
    whole = {"version": VERSION, "sessions": [entry.facts() for entry in found]}
    if line.json:
        printing.value(whole)
    else:
        import json

        printing.text(json.dumps(printing.valid(whole), indent=2, ensure_ascii=True))
    return 0


def _lasting(session: Summary) -> bool:
    return session.get("state") != "exited" and "machine" not in session


def _entry(session: Summary, host: str | None) -> Entry:
    return Entry(
        str(session["name"]), host, session.get("cwd"), session.get("command"), dict(session.get("labels") or {})
    )


def import_(line: Line, file: str | None = None) -> int:
    """`--import [FILE]`: makes what is missing; 1 where any of it could not be made. `-` or nothing is stdin."""
    file = None if file == _STDIN else file
    entries = parsed(_read(file), printable(file) if file is not None else "stdin")
    if len(line.hosts) > 1:
        raise UsageError(f"one host at a time: sesh @{line.hosts[0]} --import FILE")
    if line.hosts:
        left = [entry for entry in entries if entry.host not in (None, line.hosts[0])]
        for other in sorted({str(entry.host) for entry in left}):
            printing.note(f"the sessions of @{other} are left out; for these: sesh --import, without @{line.hosts[0]}")
        entries = [entry for entry in entries if entry not in left]
        for entry in entries:
            entry.host = line.hosts[0]
    if line.local:
        entries = [entry for entry in entries if entry.host is None]
    rows = []
    for host in dict.fromkeys(entry.host for entry in entries):
        group = [entry for entry in entries if entry.host == host]
        rows += [_made(entry) for entry in group] if host in (None, caller.host()) else _made_there(host, group)
    return _told(line, rows)


def _read(file: str | None) -> bytes:
    """The layout's bytes. Raises Refused, UsageError."""
    if file is None and os.isatty(0):
        raise UsageError("which layout? write: $sesh --import FILE ($sesh --export > FILE makes one)")
    data = bytearray()
    try:
        with open(0 if file is None else file, "rb", buffering=0, closefd=file is not None) as content:
            while len(data) <= LARGEST and (block := content.read(1 << 16)):
                data += block
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise Refused(
            f"{printable(file or 'stdin')} cannot be read: {told}; name a file that --export wrote"
        ) from error
    if len(data) > LARGEST:
        raise UsageError(f"the layout is over {LARGEST} bytes; it is none that --export wrote")
    return bytes(data)


def parsed(data: bytes, source: str) -> list[Entry]:
    """The sessions of a layout: what `--export` wrote, or a bare list of sessions.

    Raises UsageError that names the place: line and column of what is no JSON, the path of what is no session's.
    """
    import json

    try:
        text = data.decode("utf-8-sig")
        whole = json.loads(text)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        raise UsageError(f"{source}:{place}: this is no UTF-8; nothing was made") from error
    except json.JSONDecodeError as error:
        told = error.msg[:1].lower() + error.msg[1:]
        raise UsageError(f"{source}:{error.lineno}:{error.colno}: {told}; nothing was made") from error
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{source}: this is nested too deeply, or no JSON; nothing was made") from error
    try:
        return _sessions(whole)
    except _Wrong as error:
        raise UsageError(f"{source}: {error}; nothing was made") from error


class _Wrong(Exception):
    """A place in a layout, and what is wrong there."""


def _sessions(whole: object) -> list[Entry]:
    listed = whole
    if isinstance(whole, dict):
        version = whole.get("version", VERSION)
        if version != VERSION:
            raise _Wrong(f"version: this sesh reads layouts of version {VERSION}, not {printable(str(version))}")
        if "sessions" not in whole:
            raise _Wrong("there is no key sessions")
        listed = whole["sessions"]
    if not isinstance(listed, list):
        raise _Wrong("sessions: this is no list")
    entries: list[Entry] = []
    places: dict[tuple[str, str | None], int] = {}
    for at, each in enumerate(listed):
        entry = _session(each, f"sessions[{at}]")
        before = places.setdefault((entry.name, entry.host), at)
        if before != at:
            raise _Wrong(f"sessions[{at}].name: {entry.name} stands at sessions[{before}] already")
        entries.append(entry)
    return entries


def _session(each: object, place: str) -> Entry:
    """One session. Raises _Wrong."""
    if not isinstance(each, dict):
        raise _Wrong(f"{place}: this is no object")
    if "name" not in each:
        raise _Wrong(f"{place}: there is no key name")
    name, host = each["name"], each.get("host")
    if not isinstance(name, str):
        raise _Wrong(f"{place}.name: this is no text")
    if host is not None and not isinstance(host, str):
        raise _Wrong(f"{place}.host: this is neither text nor null")
    for key, word, check in (("name", name, check_name), ("host", host, check_host)):
        try:
            if word is not None:
                check(word)
        except UsageError as error:
            raise _Wrong(f"{place}.{key}: {error}") from error
    directory, command, labels = each.get("directory"), each.get("command"), each.get("labels") or {}
    if directory is not None and (not isinstance(directory, str) or not directory or "\0" in directory):
        raise _Wrong(f"{place}.directory: this is neither a directory's name nor null")
    if command is not None and not _is_command(command):
        raise _Wrong(f"{place}.command: this is neither a list of words nor null")
    if not isinstance(labels, dict):
        raise _Wrong(f"{place}.labels: this is no object")
    for key, value in labels.items():
        try:
            check_label(f"{key}={value}")
        except UsageError as error:
            raise _Wrong(f"{place}.labels: {error}") from error
        if not isinstance(value, str) or "=" in key:
            raise _Wrong(f"{place}.labels.{printable(key)}: this is no text, or its key no label's")
    return Entry(name, host, directory, command or None, dict(labels))


def _is_command(command: object) -> bool:
    return isinstance(command, list) and all(isinstance(word, str) and "\0" not in word for word in command)


def _made(entry: Entry) -> dict[str, Any]:
    """Makes a session here, where there is none of its name; what became of it."""
    row: dict[str, Any] = {"name": entry.name, "host": caller.host(), "created": False}
    try:
        before = find.running(entry.name)
        if before is not None:
            before.close()
            if find.ended(entry.name):
                raise find.taken(entry.name)
            return row
        order = create.order(
            directory=entry.directory,
            command=None if _is_shell(entry.command) else entry.command,
            label=[f"{key}={value}" for key, value in entry.labels.items()],
        )
        create.start(order, entry.name).close()
    except SeshError as error:
        if isinstance(error, Exists) and not find.ended(entry.name):
            return row  # somebody was faster
        return {**row, "error": {"code": error.code, "message": printing.one_line(str(error))}}
    return {**row, "created": True}


def _is_shell(command: Sequence[str] | None) -> bool:
    """Whether a command is the user's own shell and nothing else: over here it may lie elsewhere, or log in."""
    from sesh.daemon.spawn.environment import shell

    return command is None or (
        len(command) == 1 and os.path.basename(command[0]) == os.path.basename(shell(os.environ))
    )


def _made_there(host: str, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Has the sesh over there make its sessions; what became of each."""
    from sesh.cli import there

    layout = {"version": VERSION, "sessions": [{**entry.facts(), "host": None} for entry in entries]}
    try:
        answer = there.answered(host, ["--import", _STDIN], printing.dumped(layout), ask=None)
    except SeshError as error:
        failed = {"code": error.code, "message": printing.one_line(str(error))}
        return [{"name": entry.name, "host": host, "created": False, "error": failed} for entry in entries]
    rows = answer.get("sessions")
    return [{**row, "host": host} for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _told(line: Line, rows: list[dict[str, Any]]) -> int:
    """Says what became of each session; the exit code."""
    failed = [row for row in rows if "error" in row]
    if line.json:
        printing.value({"ok": not failed, "sessions": rows})
        return 1 if failed else 0
    for row in rows:
        word = f"@{row['host']} {row['name']}" if row["host"] and caller.near() is None else row["name"]
        if "error" in row:
            printing.note(f"{word} was not made: {row['error']['message']}")
        else:
            printing.text(printing.plain(f"made {word}" if row["created"] else f"{word} runs already"))
    return 1 if failed else 0
