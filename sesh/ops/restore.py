"""Sessions that a reboot or a crash has taken, all started again at once."""

from __future__ import annotations

from sesh import moments
from sesh.errors import Exists, Refused, SeshError
from sesh.ops import create, dormant
from sesh.reach import find
from sesh.reach.op import op
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.reach.caller import Caller
    from sesh.schema import Made, Summary


@op("restore.lost")
def lost(caller: Caller, names: Sequence[str] = (), yes: bool = False) -> list[Made]:
    """Starts lost sessions again, without names all of them; returns a row for each, in the order of lists.

    A shell and a resume command begin at once, any other command after Enter, or at once with `yes`. The one that was
    used last is started last, so that lists by last use keep their order. A name that is not there has its `error`.
    """
    chosen = [find.checked(name, "--restore") for name in dict.fromkeys(names)]
    sessions = {session["name"]: session for session in listing.summaries()}
    if not chosen:
        find.note_damage(caller)
        chosen = [name for name, session in sessions.items() if session["state"] == "lost"]
    used = {name: moments.seconds(session["last_activity"]) or 0.0 for name, session in sessions.items()}
    rows = {
        name: _restored(caller, name, sessions.get(name), yes=yes)
        for name in sorted(chosen, key=lambda name: used.get(name, 0.0))
    }
    return [rows[name] for name in chosen]


def _restored(caller: Caller, name: str, session: Summary | None, *, yes: bool) -> Made:
    row: Made = {"name": name, "created": False, "command": None, "awaits_enter": False}
    try:
        if session is None:
            raise find.absent(name)
        if session["state"] == "exited":
            raise Refused(find.how(session), hint=f"`$sesh --open {name}` starts it again")
        row["command"] = session.get("resume") or session["command"]
        if session["state"] == "lost":
            dormant.start_again(caller, create.launch_spec(caller), name, session, gate=not yes).close()
            row["created"] = True
            row["awaits_enter"] = not (yes or session.get("resume") or session.get("shell"))
    except Exists:
        pass  # somebody else was faster
    except SeshError as error:
        row["error"] = error.facts()
    return row
