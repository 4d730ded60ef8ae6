"""Checks before something is typed: whether the program takes it, asks for it, or has a person's draft before it."""

from __future__ import annotations

from sesh import platform, proc, wording
from sesh.about import SESH
from sesh.daemon.pty.pump import LIMIT
from sesh.daemon.session import Session, is_gate
from sesh.errors import Busy, ExitCode, Refused
from sesh.messages import Answer

MOST_READS = 16
"""Reads of the terminal before an answer; a program that prints more than that at once does not wait."""
_LINE_ENDS = bytes.maketrans(b"\r\x04", b"\n\n")
"""Enter and Ctrl-D, which end a line as LF does."""


def reads_lines(session: Session) -> bool:
    """Returns whether the program takes a line as it is typed: by the terminal's mode, or as a shell."""
    return session.pty is None or not session.pty.raw() or session.activity.shell_reads


def check_room(session: Session, data: bytes, *, more: bool = False) -> None:
    """Raises Refused or Busy if the program does not take these bytes whole. `more`: the part before them was typed."""
    pump, pty, name = session.pump, session.pty, session.name
    if not session.running or pty is None:
        raise Refused(f"the program of {name} has ended and reads no more input")
    if pump.input.size + len(data) > LIMIT:
        raise Busy(f"the program in {name} has not read earlier input; try again later")
    longest, begun = platform.longest_line(pty.descriptor), 0
    if more and pump.typed_line is not None:
        begun = pump.typed_line.length
    if begun + len(data) > longest and not pty.raw():
        first, *lines = map(len, data.translate(_LINE_ENDS).split(b"\n"))
        if max([begun + first, *lines]) > longest:
            rest = "the rest was not" if more else "nothing was"
            message = f"the program of {name} reads lines of at most {longest:,} bytes; {rest} typed"
            raise Refused(message, hint="send shorter lines, or put the text into a file")


def check_gate(session: Session) -> None:
    """Raises Busy if the session's command begins only after Enter: that would start it, and take the text for none."""
    pty = session.pty
    if pty is not None and is_gate(proc.command_of(pty.foreground())):
        command = wording.command_line(session.facts["command"])
        raise Busy(
            f"{session.name} waits for Enter to run again: {command}; nothing was typed",
            hint=f"start it: {SESH} --send {session.name} --key Enter; --force types all the same",
            exit_code=ExitCode.FAILED,
        )


def check_question(session: Session) -> None:
    """Raises Busy if the program has said that it cannot go on until a person acts."""
    name, blocked = session.name, session.activity.blocked
    if blocked is not None:
        words = f'asks "{blocked.question}"' if blocked.question else "asks something"
        hint = f"answer it: {SESH} --send {name} ANSWER --enter --if-waiting, or --key KEY; --force types all the same"
        raise Busy(f"{name} {words}; nothing was typed", hint=hint, exit_code=ExitCode.FAILED)


def check_draft(session: Session) -> None:
    """Raises Busy if an attached person has typed something into a raw program, a shell's prompt too, that nobody has
    entered."""
    if session.pump.drafted:
        who, way = f"is typing in {session.name} and has", "try again later"
        if not session.clients.all:
            who, way = f"has typed in {session.name} and", f"enter or erase it: {SESH} {session.name}"
        raise Busy(
            f"somebody {who} not pressed Enter; nothing was typed",
            hint=f"{way}, or type behind it with --force",
            exit_code=ExitCode.FAILED,
        )


def asked(session: Session, since: str, question: str | None) -> Answer:
    """Returns the session's question, since when it asks, and whether it `hides` what is typed.

    `since`, `question`: what the answer is meant for, as `activity` names it; empty and None if any will do.
    Raises Refused, with the present state or question, if the session waits for nothing or asks something else.
    """
    name, pump = session.name, session.pump
    if not session.running:
        raise Refused(f"the program of {name} has ended and reads no more input")
    reads = 0
    while not session.relay.paused() and reads < MOST_READS and pump.take():
        reads += 1
    standing = session.activity.standing(anew=True)
    if reads == MOST_READS or session.relay.paused() or not session.activity.waits:
        # What it asked before is answered, or something came after it.
        state = "working" if standing.state == "waiting" else standing.state
        raise Refused(f"{name} asks nothing now, it is {state}; nothing was typed")
    began = standing.as_json()["since"]
    words = f'"{standing.question}"' if standing.question else "something without words"
    if question is not None and question != standing.question:
        raise Refused(f"{name} is waiting, but asks {words}; nothing was typed")
    if since and since != began:
        raise Refused(f"{name} is waiting, but has asked again: {words}; nothing was typed")
    return {"since": began, "question": standing.question, "hides": session.hides}
