"""`--detach`, `--kill`, `--kill-all` and `--rename`."""

from __future__ import annotations

import os
import time

from sesh import paths, platform, wire
from sesh.cli import printing
from sesh.errors import NotFound, Refused, SeshError, TimedOut, Unreachable, UsageError
from sesh.ops import find
from sesh.store import listing, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.parser import Line

_PATIENCE = 5.0
"""Seconds for a daemon to end its session: two until SIGKILL, and some for a busy machine."""

_LAST_RESORT = 2.0


def detach(line: Line, name: str | None = None) -> int:
    """`--detach [NAME]`: every client of NAME; without NAME the one that typed it."""
    which = "all" if name is not None else "last"
    name = find.checked(name, "--detach") if name is not None else listing.required("--detach")
    answer, _ = find.ask(name, "detach", which=which)
    return printing.done(line, name=name, detached=answer.get("detached"))


def kill(line: Line, names: Sequence[str] = ()) -> int:
    """`--kill [NAME…]`: each is tried; 1 where any was not there."""
    chosen = [find.checked(name, "--kill") for name in dict.fromkeys(names)] or [listing.required("--kill")]
    failed = end_all(chosen)
    if len(chosen) > 1:
        failed = _ended_elsewhere(line, failed)
    return told(line, chosen, failed)


def _ended_elsewhere(line: Line, failed: dict[str, SeshError]) -> dict[str, SeshError]:
    """Ends those that are not here where they are found, saying so for each; what is left of the failures."""
    absent = [name for name, error in failed.items() if isinstance(error, NotFound)]
    if not absent:
        return failed
    from sesh.ops import lookup

    left = dict(failed)
    for name, hosts in lookup.located(line, absent).items():
        try:
            host = lookup.chosen(name, hosts)
            if host is None:
                continue
            from sesh.cli import there

            printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
            there.answered(host, ["--kill", name])
        except SeshError as error:
            left[name] = error
        else:
            del left[name]
    return left


def kill_all(line: Line, *, yes: bool = False) -> int:
    """`--kill-all`: every session of this machine, another machine's left alone; asks on a terminal unless `yes`."""
    chosen = [summary["name"] for summary in listing.summaries() if "machine" not in summary]
    if chosen and not yes and not line.json and printing.on_terminal():
        from sesh.cli import prompts

        many = f"{len(chosen)} sessions" if len(chosen) > 1 else "1 session"
        if prompts.ask(f"end {many} ({', '.join(chosen)})?", prompts.YES_NO, "n") != "y":
            raise Refused("nothing was ended")
    return told(line, chosen, end_all(chosen))


def told(line: Line, chosen: Sequence[str], failed: dict[str, SeshError], *, key: str = "killed") -> int:
    """Says what of several could not be done; the exit code. Raises the error where there was one name, and it failed.

    `key`: the word for the others, in JSON.
    """
    ended = [name for name in chosen if name not in failed]
    if not failed:
        return printing.done(line, **{key: ended})
    errors = list(failed.values())
    if len(chosen) == 1:
        raise errors[0]
    whole = type(errors[0])("; ".join(str(error) for error in errors))
    if line.json:
        message = printing.one_line(str(whole))
        printing.value({"ok": False, key: ended, "error": {"code": whole.code, "message": message}})
    else:
        printing.note(str(whole))
    return 1


def end_all(names: Sequence[str]) -> dict[str, SeshError]:
    """Ends sessions, all at the same time; what went wrong, by name. The one that the caller is typed in comes last."""
    here = listing.current()
    failed: dict[str, SeshError] = {}
    own = [name for name in names if here is not None and name == here["name"]]
    for group in ([name for name in names if name not in own], own):
        asked: dict[str, wire.Connection] = {}
        for name in group:
            try:
                asked[name] = _asked(name)
            except SeshError as error:
                if not _forgotten(name):
                    failed[name] = error
        deadline = time.monotonic() + _PATIENCE
        for name, connection in asked.items():
            try:
                _ended(name, connection, deadline)
            except SeshError as error:
                failed[name] = error
    return failed


def _asked(name: str) -> wire.Connection:
    """A connection on which the daemon was asked to end its session."""
    connection = find.required(name)
    try:
        connection.send(wire.greeting("request") + wire.asking("kill", 1), time.monotonic() + 1)
    except Unreachable:
        pass  # it ended just now; reading says so
    except TimedOut:
        pass  # it does not read; waiting for the answer says so
    return connection


def _ended(name: str, connection: wire.Connection, deadline: float) -> None:
    """Waits until the session is no more; a daemon that does not answer in time is killed itself."""
    with connection:
        try:
            connection.expect_welcome(deadline)
            connection.answer(1, deadline)
        except Unreachable:
            if not _gone(name, deadline):
                raise
        except TimedOut:
            if not _forced(name):
                raise


def _gone(name: str, deadline: float) -> bool:
    """Whether the daemon that closed the connection ends indeed; what it left behind is removed."""
    while (record := records.read(name)) is not None and records.here(record) and records.alive(record):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)  # its end is no event that can be waited for from here
    _forgotten(name)
    return True


def _forced(name: str) -> bool:
    """Kills a daemon that does not answer, and with it, by the terminal's hangup, what runs in the session."""
    record = records.read(name)
    if record is None or not records.here(record):
        return record is None
    import signal

    groups = platform.groups_of_session(int(record.get("pid") or 0)) if records.alive(record) else []
    try:
        if records.alive(record):
            os.kill(int(record["daemon_pid"]), signal.SIGKILL)
    except ProcessLookupError:
        pass
    deadline = time.monotonic() + _LAST_RESORT
    while records.alive(record) and time.monotonic() < deadline:
        time.sleep(0.01)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    return _forgotten(name)


def _forgotten(name: str) -> bool:
    """Removes the files of a session whose daemon is dead. False where it was not lost, or is another machine's."""
    try:
        folder = paths.directory()
        if not paths.trusted(folder) or find.lost_record(name) is None:
            return False
        with paths.locked(folder):
            if find.lost_record(name) is None:
                return False
            records.remove(name)
    except (Refused, OSError):
        return False
    return True


def rename(line: Line, one: str, other: str | None = None) -> int:
    """`--rename [OLD] NEW`: without OLD the one that it is typed in."""
    if other is None:
        here = listing.current()
        if here is None:
            raise UsageError(f"which session? write: $sesh --rename OLD {find.checked(one, '--rename')}")
        old, new = str(here["name"]), find.checked(one, "--rename")
    else:
        old, new = find.checked(one, "--rename"), find.checked(other, "--rename")
    if old == new:
        find.required(old).close()
        return printing.done(line, name=new, renamed_from=old)
    occupant = find.running(new)
    if occupant is not None:
        occupant.close()
        raise find.taken(new)
    find.ask(old, "rename", to=new)
    _remembered(old, new)
    return printing.done(line, name=new, renamed_from=old)


def _remembered(old: str, new: str) -> None:
    """The new name in the old one's place among those attached last; nothing is lost where that cannot be written."""
    recent = paths.recent()
    if old in recent:
        lines = "".join(f"{new if name == old else name}\n" for name in recent if name != new)
        try:
            paths.write_whole(paths.recent_path(), lines.encode())
        except OSError:
            return
