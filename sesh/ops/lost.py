"""Sessions whose daemon died: what was kept of them is shown, and they are started again where a person wants that."""

from __future__ import annotations

import os
import time

from sesh import paths, wording
from sesh.errors import Exists, NotFound, Refused, SeshError
from sesh.ops import create, find
from sesh.store import checkpoints, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.ops.caller import Caller
    from sesh.ops.create import Order
    from sesh.store.listing import Summary
    from sesh.vt.emulator import Emulator
    from sesh.wire import Connection

_LINES = 1000
"""Lines that stand above a session that is started again."""
_ANSWERS = (("s", "Restart it"), ("n", "New session"), ("c", "Cancel"))


def screen(name: str, form: str) -> bytes:
    """What a lost session's daemon would have answered to `screen`. Raises NotFound if nothing was kept."""
    from sesh.vt.render.export import export

    return export(_required(name), form)


def last_lines(name: str, count: int, *, ansi: bool) -> list[str]:
    """The last lines of a lost session, at most `count`. Raises NotFound if nothing was kept."""
    return _required(name).last_lines(count, ansi=ansi)


def _required(name: str) -> Emulator:
    emulator = _kept(name)
    if emulator is None:
        lost = find.lost(name)
        raise NotFound(f"{lost.message}, and nothing of its screen was kept", hint=lost.hint)
    return emulator


def _kept(name: str) -> Emulator | None:
    """The terminal as it was at the last checkpoint."""
    found = checkpoints.read((records.read(name) or {}).get("id"))
    if found is None:
        return None
    from sesh.daemon import checkpoint

    try:
        return checkpoint.emulator(*found)
    except ValueError:
        return None


def begun(caller: Caller, what: Order, name: str, known: Summary, *, plain: bool) -> Connection:
    """The session in place of a lost one: started again, or a new one, as a person says.

    `plain`: whether they wrote no DIR and no CMD; who wrote one of these wants a new one. Raises Refused where they
    decline, and what `create.start` raises.
    """
    chosen = _asked(caller, name, known) if plain and caller.can_ask else "n"
    if chosen not in ("s", "n"):
        raise Refused("nothing was done")
    if chosen == "n":
        caller.entering(f"{_how(name, known)}; created a new one")
        return create.start(what, name)
    with _Kept(name):
        return create.start(_again(caller, what, name, known), name)


def _how(name: str, known: Summary) -> str:
    """How it was lost."""
    if known["lost"]["reason"] == "reboot":
        return f"{name} was lost when this machine restarted"
    return f"{name} was lost: its daemon died"


def _asked(caller: Caller, name: str, known: Summary) -> str:
    age = wording.age(known.get("last_activity"), time.time())
    about = _how(name, known) + (f", last active {age} ago" if age else "")
    command = "" if _is_shell(name) else f"; it ran: {wording.plain(' '.join(known.get('command') or []))}"
    return caller.ask(f"{about}{command}", _ANSWERS, "s")


def _is_shell(name: str) -> bool:
    """Whether it had no command but the user's shell."""
    return (records.read(name) or {}).get("shell") is True


def _again(caller: Caller, what: Order, name: str, known: Summary) -> Order:
    """The order for the same session: its directory, labels and command, its old output above."""
    directory = str(known.get("cwd") or "")
    if not os.path.isdir(directory):
        caller.entering(f"{create.no_directory(directory)} any more; starting in your home directory")
        directory = paths.home()
    command = None if _is_shell(name) else [str(word) for word in known.get("command") or []] or None
    try:
        emulator = _kept(name)
    except Refused as error:
        caller.entering(f"{error}; starting without the old output")
        emulator = None
    before = [*emulator.last_lines(_LINES, ansi=True), _line(name, known)] if emulator is not None else []
    if command is not None:
        before.append(f"\x1b[2mEnter runs: {wording.plain(' '.join(command))}\x1b[m")
    return {
        **what,
        "directory": directory,
        "command": command,
        "gate": command is not None,
        "labels": {**(known.get("labels") or {}), **what["labels"]},
        "before": "".join(f"{line}\r\n" for line in before),
    }


def _line(name: str, known: Summary) -> str:
    """What stands between the old output and the new."""
    return f"\x1b[2m── {_how(name, known)}; last active {known.get('last_activity')} ──\x1b[m"


class _Kept:
    """Puts the files of a lost session back where the one in its place could not be started."""

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
        if not isinstance(error, SeshError) or isinstance(error, Exists) or self._record is None:
            return
        try:
            with paths.locked(paths.directory()):
                if os.path.lexists(paths.record_path(self._name)) or os.path.lexists(paths.socket_path(self._name)):
                    return
                if self._checkpoint is not None:
                    checkpoints.write(self._record["id"], *self._checkpoint)
                records.write(self._record)
        except OSError:
            return  # the reason that kept it from starting holds here too, and is reported
