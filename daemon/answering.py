"""Answers to a session's question, typed only while the session waits and still asks what the answer was meant for.

The daemon does it in one step: it reads the program's output so far, looks anew how the session stands, and types the
answer before anything else can happen.
"""

from __future__ import annotations

from sesh.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.session import Session
    from sesh.schema import Answer

_MOST_READS = 16
"""Reads of the terminal before an answer; a program that prints more than that at once does not wait."""


def check(session: Session, *, since: str, question: str | None) -> Answer:
    """Returns the session's question, since when it asks, and whether it `hides` what is typed.

    `since`, `question`: the question that the answer is meant for, as `activity` names it; empty and None if any will
    do. Raises Refused, with the present state or question, if the session waits for nothing or asks something else.
    """
    name, pump = session.name, session.pump
    if not session.running:
        raise Refused(f"the program of {name} has ended and reads no more input")
    reads = 0
    while not session.relay.paused() and reads < _MOST_READS and pump.take(session.model.portion):
        reads += 1
    standing = session.activity.standing(anew=True)
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
    """Returns the bytes to type for an answer that `check` has let pass.

    `whole`: `text` is the complete answer, and gets its Enter if the program reads lines, or if it is more than a key.
    `single`: one key that was pressed alone, and may be the first of a secret. Raises Refused for such a key if the
    session hides it, and if a line that somebody has begun stands there, which the answer would enter with itself.
    """
    if single and session.hides:
        raise Refused(f"{session.name} shows nothing of what is typed, so one key is no answer; nothing was typed")
    if session.activity.line_begun:
        raise Refused(
            f"{session.name} is waiting, but a line that somebody has begun to type stands there; nothing was typed",
            hint=f"enter or erase it: $sesh {session.name}",
        )
    pty = session.pty
    needs_enter = whole and (len(text.decode("utf-8", "replace")) != 1 or pty is None or not pty.raw())
    return text + b"\r" if needs_enter else text
