"""Dormant sessions, which have no daemon: their daemon died, or they ended while nobody was attached.

What was kept of them is shown, and they are started again where a person, or a script's `--open`, wants that.
"""

from __future__ import annotations

import os
import time

from sesh import moments, paths, wording
from sesh.errors import Exists, NotFound, Refused
from sesh.ops import create, end
from sesh.reach import find
from sesh.store import checkpoints, records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.reach.caller import Caller
    from sesh.schema import LaunchSpec, RunFacts, Summary
    from sesh.vt.emulator import Emulator
    from sesh.wire import Connection

_LINES = 1000
"""Lines that stand above a session that is started again."""
_LOST = (("s", "Start again"), ("n", "New session"), ("c", "Cancel"))
_ENDED = (("s", "Start again"), ("n", "New"), ("c", "Close"))


def screen(name: str, form: str) -> bytes:
    """What its daemon would have answered to `screen`. Raises NotFound if nothing was kept."""
    from sesh.vt.render.export import export

    return export(_required(name), form)


def last_lines(name: str, count: int, *, ansi: bool) -> list[str]:
    """The last lines, at most `count`. Raises NotFound if nothing was kept."""
    return _required(name).last_lines(count, ansi=ansi)


def _required(name: str) -> Emulator:
    emulator = _kept(name)
    if emulator is None:
        known = find.dormant(name)
        error = find.without_daemon(known) if known is not None else paths.absent(name)
        raise NotFound(f"{error.message}, and nothing of its screen was kept", hint=error.hint)
    return emulator


def _kept(name: str) -> Emulator | None:
    """The terminal as it was at the last checkpoint."""
    found = checkpoints.read((records.read(name) or {}).get("id"))
    if found is None:
        return None
    try:
        return checkpoints.emulator(*found)
    except ValueError:
        return None


def history(name: str) -> list[RunFacts]:
    """The newest commands that were run in it, without their output."""
    header = checkpoints.header((records.read(name) or {}).get("id"))
    return [each for each in header.get("history") or () if isinstance(each.get("n"), int)]


def enter(caller: Caller, what: LaunchSpec, name: str, known: Summary, *, plain: bool) -> Connection:
    """The session for one who wants to attach: started again, or a new one, as the person says.

    `plain`: whether they wrote no DIR and no CMD; who wrote one of these wants a new one. Raises Refused where they
    decline, with its exit code where they close it, and what `create.start` raises.
    """
    if not (plain and caller.can_ask):
        return start(caller, what, name, known, again=False)
    answers, number = _LOST if known["state"] == "lost" else _ENDED, (records.readable(name) or {}).get("id")
    chosen = caller.ask(_about(name, known), answers, "s", _last_screen(name) if known["state"] == "exited" else "")
    if chosen == "c" and known["state"] == "exited":
        if not end.forget(name, str(number)):
            raise Refused(f"{name} is in use again; nothing was closed")
        code = known.get("exit_code")
        raise Refused(f"{name} is closed", exit_code=code if isinstance(code, int) else None)
    if chosen not in ("s", "n"):
        raise Refused("nothing was done")
    return start(caller, what, name, known, again=chosen == "s", gate=known["state"] == "lost")


def start(
    caller: Caller, what: LaunchSpec, name: str, known: Summary, *, again: bool, gate: bool = False
) -> Connection:
    """A session in its place; `again`: the same one, below its old output. What was done is noted.

    `gate`: its command waits for Enter. Raises what `create.start` raises; then nothing is noted.
    """
    if not again:
        connection = create.start(what, name)
        caller.entering(f"{find.how(known)}; created a new one")
        return connection
    with _Kept(name):
        order, remarks = _again(what, name, known, gate=gate)
        connection = create.start(order, name)
    for remark in remarks:
        caller.entering(remark)
    caller.note(f"{find.how(known)}; started again")
    return connection


def rename(old: str, new: str) -> None:
    """Gives a dormant session another name. Raises NotFound where it is dormant no more, Exists, OSError, Refused."""
    with paths.locked(paths.directory()):
        record = records.read(old) if find.dormant(old) is not None else None
        if record is None:
            raise paths.absent(old)
        if os.path.lexists(paths.record_path(new)) or os.path.lexists(paths.socket_path(new)):
            raise find.taken(new)
        records.write({**record, "name": new}, durable=True)
        for path in (paths.socket_path(old), paths.record_path(old)):
            if os.path.lexists(path):
                os.unlink(path)
    results.rename(str(record.get("id")), new)


def _about(name: str, known: Summary) -> str:
    """What the person is told of it, and what it ran."""
    active = moments.age(known.get("last_activity"), time.time()) if known["state"] == "lost" else ""
    command = "" if _is_shell(name) else f"; it ran: {wording.command_line(known.get('command') or [])}"
    return find.how(known) + (f", last active {active} ago" if active else "") + command


def _last_screen(name: str) -> str:
    """What it showed last, with colours."""
    try:
        return screen(name, "ansi").decode("utf-8", "replace").rstrip()
    except (NotFound, Refused):
        return ""


def _is_shell(name: str) -> bool:
    """Whether it had no command but the user's shell."""
    return (records.read(name) or {}).get("shell") is True


def _again(what: LaunchSpec, name: str, known: Summary, *, gate: bool) -> tuple[LaunchSpec, list[str]]:
    """The order for the same session: its directory, labels and command, its old output above; what it lacks."""
    directory, remarks = str(known.get("cwd") or ""), []
    if not os.path.isdir(directory):
        remarks.append(f"{create.no_directory(directory)} any more; starting in your home directory")
        directory = paths.home()
    command = None if _is_shell(name) else [str(word) for word in known.get("command") or []] or None
    try:
        emulator = _kept(name)
    except Refused as error:
        remarks.append(f"{error}; starting without the old output")
        emulator = None
    before = [*emulator.last_lines(_LINES, ansi=True), _line(known)] if emulator is not None else []
    if command is not None and gate:
        before.append(f"\x1b[2mEnter runs: {wording.plain(' '.join(command))}\x1b[m")
    order: LaunchSpec = {
        **what,
        "directory": directory,
        "command": command,
        "gate": command is not None and gate,
        "labels": {**(known.get("labels") or {}), **what["labels"]},
        "before": "".join(f"{line}\r\n" for line in before),
    }
    return order, remarks


def _line(known: Summary) -> str:
    """What stands between the old output and the new."""
    if known["state"] == "exited":
        return f"\x1b[2m── {known['name']} exited {known.get('exit_code')}, {known.get('ended')} ──\x1b[m"
    return f"\x1b[2m── {find.how(known)}; last active {known.get('last_activity')} ──\x1b[m"


class _Kept:
    """Puts the files of a dormant session back where the one in its place could not be started."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._record = records.read(name)
        try:
            self._checkpoint = checkpoints.read((self._record or {}).get("id"))
        except Refused:
            self._checkpoint = None  # it is damaged, and stays where it is

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, Exists) or self._record is None or self._occupied():
            return
        try:
            with paths.locked(paths.directory()):
                if self._occupied():
                    return
                if self._checkpoint is not None:
                    checkpoints.write(self._record["id"], *self._checkpoint)
                records.write(self._record)
        except OSError:
            return  # the reason that kept it from starting holds here too, and is reported

    def _occupied(self) -> bool:
        """Whether files bear the name: those of the session in its place, or its own, which nobody has removed."""
        return os.path.lexists(paths.record_path(self._name)) or os.path.lexists(paths.socket_path(self._name))
