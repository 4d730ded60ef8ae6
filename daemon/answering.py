"""Answers to what a session asks: typed only while it waits for one, and still asks what the answer was meant for.

All of it is one step of the daemon. What the program has printed until then is read first, how it stands is looked at
anew, and nothing else happens until the answer is typed.
"""

from __future__ import annotations

from sesh.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.session import Session
    from sesh.schema import Answer

_MOST_READS = 16
"""How often the terminal is read before an answer; a program that prints more than that at once does not wait."""


def check(session: Session, *, since: str, question: str | None) -> Answer:
    """What the session asks, since when, and whether it `hides` what is typed.

    `since`, `question`: what the answer is meant for, as `activity` says them; empty and None if anything will do.
    Raises Refused, with what was seen instead, if the session waits for nothing or asks something else.
    """
    name, pump = session.name, session.pump
    if not session.running:
        raise Refused(f"the program of {name} has ended and reads no more input")
    reads = 0
    while not session.relay.paused() and reads < _MOST_READS and pump.take(session.model.portion):
        reads += 1
    standing = session.activity.at_this_moment()
    if reads == _MOST_READS or session.relay.paused() or not session.activity.waits:
        # What it asked before is answered, or something came after it.
        state = "working" if standing.state == "waiting" else standing.state
        raise Refused(f"{name} asks nothing now, it is {state}; nothing was typed")
    asked = standing.as_json()
    words = f'"{standing.question}"' if standing.question else "something without words"
    if question is not None and question != standing.question:
        raise Refused(f"{name} is waiting, but asks {words}; nothing was typed")
    if since and since != asked["since"]:
        raise Refused(f"{name} is waiting, but asks anew: {words}; nothing was typed")
    return {"since": asked["since"], "question": standing.question, "hides": session.hides}


def answer(session: Session, text: bytes, *, whole: bool, single: bool) -> bytes:
    """The bytes of an answer that `check` has let pass.

    `whole`: `text` is all of the answer, and gets its Enter if the program reads lines, or if it is more than a key.
    `single`: it is one key that was pressed alone, which may be the first of a secret. Raises Refused for that, and if
    somebody has begun a line, which the answer would enter with itself.
    """
    if single and session.hides:
        raise Refused(f"{session.name} shows nothing of what is typed, so one key is no answer; nothing was typed")
    if session.activity.line_begun:
        raise Refused(
            f"{session.name} is waiting, but a line that somebody has begun to type stands there; nothing was typed",
            hint=f"enter or erase it: $sesh {session.name}",
        )
    pty = session.pty
    by_line = len(text.decode("utf-8", "replace")) != 1 or pty is None or not pty.raw()
    return text + b"\r" * (whole and by_line)
