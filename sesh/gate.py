"""The gate: checks that data from the other side of a connection is of a known shape and within bounds.

All that comes from a host passes here once, before anything is done with it: the frames whose payload is JSON, and the
answers of ops (shapes in `sesh.reach.op_shapes`). Data of another shape is a ProtocolError; a malformed row of a list
is left out and counted. Text from a host (`far`) is cut to its bound and loses the characters that a terminal could act
upon. The program's own bytes (OUTPUT, SCREEN, the output of a command) are meant for the terminal and pass as they are.
"""

from __future__ import annotations

from sesh import errors, lean, protocol, shapes
from sesh.shapes import (
    code,
    either,
    flag,
    integer,
    items,
    keys,
    latin,
    line,
    mapping,
    moment,
    natural,
    number,
    optional,
    session_name,
    several,
    styled,
    table,
    text,
    whole,
    word,
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.shapes import Check, Shape

LARGEST = 40 << 20
"""Bytes of DATA with one answer: the output of a run (32 MiB) and a whole scrollback as JSON are below it."""
MOST_NOTES, MOST_QUESTIONS = 100, 20
"""Notes with one answer, and questions before it."""

labels = mapping(session_name, word(1024))
marked_code = whole(-(1 << 31), 1 << 31)
"""The exit code that a shell reported with OSC 133: any number."""
command = items(text)
any_command = optional(either(command, text))
"""A command: its words, or the line that a shell was given."""
error = table({"code": word(40), "exit": whole(1, 255), **keys("message what hint", line)})
_date = word(64)
_moment = optional(either(_date, moment))
_signal = optional(whole(0, 127))
_tag, _optional_tag = word(20), optional(word(20))
"""One of few words: a state, a cause."""
_reason = optional(word(100))
_question = optional(word(1024))
_size = whole(0, 0xFFFF)
row_numbers = items(_size, 1000)
activity = table(
    {"state": _tag, **keys("why kind", _optional_tag), "since": optional(_date), "question": _question}, ("state",)
)
"""The activity of a session."""
_report = table(
    {
        "id": optional(word(128)), "state": _tag, "kind": _optional_tag, "progress": optional(natural),
        "app": optional(word(32)), **keys("title message", _question),
    }
)  # fmt: skip
_client = table(
    {
        **keys("id pid", natural), **keys("columns rows", _size),
        "tty": line, "machine": optional(line), "since": _date, "read_only": flag, "mode": _tag,
    }
)  # fmt: skip
session = table(
    {
        **keys("attached pid daemon_pid", optional(natural)), "position": natural, "exit_code": optional(code),
        **keys("columns rows", optional(_size)),
        **keys("created last_activity ended", optional(_date)),
        **keys("host title machine last_line", optional(line)), "cwd": optional(text),
        **keys("command resume", optional(command)),
        **keys("current shell responding", flag),
        "name": session_name, "id": word(64), "version": optional(word(64)), "state": _tag, "link": _optional_tag,
        "labels": optional(labels),
        "reason": _reason,
        "lost": table({"reason": _tag, "saved": optional(_date)}, ("reason", "saved")),
        "home": text, "clock": number, "stale": table({"since": _date, "reason": line}, ("since", "reason")),
        "clients": items(_client),
        "scrollback": optional(table(keys("lines bytes", natural))),
        "modes": table(keys("bracketed_paste alternate_screen canonical echo", flag)),
        "foreground": optional(table({"pid": natural, "command": any_command, "title": optional(line)})),
        "activity": optional(activity),
        "unseen": optional(table({**keys("bells failed", natural), "notification": optional(line)})),
        "faults": items(line), "reports": items(_report),
    },
    ("name", "state"),
)  # fmt: skip
"""A session, as lists and `--status` show it."""
FACTS: dict[str, Shape] = {
    **keys("daemon_pid output_bytes n position events from", optional(natural)),
    **keys("timed_out truncated output_lost", optional(flag)),
    **keys("match question", optional(line)),
    **keys("started ended", _moment), "duration": optional(number),
    "name": optional(session_name), "session_id": word(64), "key": optional(word(64)), "met": _optional_tag,
    "command": any_command, "cwd": optional(text),
    "exit_code": optional(code), "signal": _signal, "reason": _reason,
}  # fmt: skip
"""Keys of a run, of a job, and of a session's result."""
RUN: dict[str, Shape] = {**FACTS, "exit_code": optional(marked_code), "started": moment}
"""Keys of a run as its daemon, and a file, has them."""
ENDED: dict[str, Shape] = {
    **FACTS,
    "id": word(64), "directory": text, "cpu": optional(number), "memory": optional(natural), "job": flag,
    "run": optional(table(RUN)), **keys("columns rows", _size), "state": _optional_tag,
}  # fmt: skip
ended = table(ENDED, ("exit_code",))
"""A session's result."""
LOGGED: dict[str, Shape] = {
    "seq": natural, "ts": word(64), "event": word(100), "session": optional(line), "id": optional(word(64)),
    "begun": word(64), "exit_code": optional(marked_code), "signal": _signal, **keys("columns rows", _size),
    "note": line, "state": _tag, **keys("why kind", _optional_tag), "question": _question,
}  # fmt: skip
"""An event, also of the log of remotes, which has keys of its own."""
event = table(
    {
        **LOGGED,
        **keys("session tty title text before", line), "host": optional(line),
        **keys("count client n pid", natural),
        "id": word(64), "reason": _reason, "command": any_command, "directory": text, "read_only": flag,
    }
)  # fmt: skip
_response = table(
    {
        **FACTS,
        **keys("lines first clients detached received", natural), **keys("id memory", optional(natural)),
        **keys("columns rows", whole(1, 0xFFFF)), "blank": _size, "column": whole(-1, 1 << 31),
        **keys("at cpu", optional(number)), "since": optional(_date),
        **keys("open older alternate line waits hides switched watched told ok greeted", flag),
        "submitted": optional(flag),
        **keys("question title", line), "version": word(64), "record": word(64), "above": styled, "unfinished": latin,
        "error": error,
        "notes": items(several(line, flag), MOST_NOTES),
        "answers": items(several(word(1), word(200)), 36),
        "default": word(1),
        "result": ended,
        "session": either(session_name, session),
        "run": optional(table(FACTS)),
        "cursor": either(flag, table(keys("row column", _size))),
        "continued": row_numbers,
        "labels": labels,
    }
)  # fmt: skip
_LEAVING: dict[str, Shape] = {"name": session_name, "reason": _reason, "rows_below": optional(integer)}
_messages: dict[int, tuple[str, Shape]] = {
    protocol.WELCOME: (
        "WELCOME",
        table(
            {
                **keys("version id", word(64)), **keys("position last_input events", natural), "now": number,
                **keys("home auth_sock display", text), "name": session_name, "new": flag, "can": items(word(64), 100),
            }
        ),
    ),
    protocol.RESPONSE: ("RESPONSE", _response),
    protocol.NOTICE: ("NOTICE", table({"text": line, "name": session_name, "hold": flag})),
    protocol.TITLE: ("TITLE", table({"text": line, "name": session_name})),
    protocol.TELL: ("TELL", table({"name": session_name, "state": word(100), "question": line})),
    protocol.EXIT: ("EXIT", table({**_LEAVING, "code": optional(code), "signal": _signal})),
    protocol.DETACH: ("DETACH", table({**_LEAVING, "queries": flag})),
    protocol.SWITCH: (
        "SWITCH", table({"name": line, "host": optional(line), "rows_below": optional(integer)})
    ),
    protocol.DATA: ("event", event),
}  # fmt: skip


def message(kind: int, payload: bytes, *, far: bool) -> Any:
    """The JSON object of a frame; DATA is an event. Raises ProtocolError if it is not of its shape."""
    name, shape = _messages[kind]
    return checked(shape, protocol.parse(payload), name, shapes.Check(far=far))


def lines(data: bytes, *, far: bool) -> str:
    """The text of lines that came as DATA; in those from a host only characters, SGR and links are left."""
    text = data.decode("utf-8", "replace")
    return shapes.without_controls(text) if far else text


def carry(held: bytearray, payload: bytes) -> None:
    """Adds DATA to the bytes of an answer that have come. Raises ProtocolError beyond `LARGEST`."""
    if len(held) + len(payload) > LARGEST:
        raise errors.ProtocolError(f"the other side sent more than {LARGEST >> 20} MiB in one answer")
    held += payload


def value(data: bytes | bytearray) -> Any:
    """The value of some JSON. Raises ProtocolError if it is no JSON, or has more than `MOST_VALUES` values."""
    if _marks(data) > shapes.MOST_VALUES:
        import re

        without_texts = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', b"", bytes(data), flags=re.DOTALL)
        if _marks(without_texts) > shapes.MOST_VALUES:
            raise errors.ProtocolError(f"the other side sent more than {shapes.MOST_VALUES} values in one answer")
    try:
        return lean.parse_json(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError("the other side sent an answer that is not JSON") from error


def _marks(data: bytes | bytearray) -> int:
    """The marks before the values of some JSON, about as many as these are; those in texts are counted too."""
    return sum(data.count(mark) for mark in b",[{")


def checked(shape: Shape, value: object, name: str, check: Check) -> Any:
    """The value, if it is of its shape. Raises ProtocolError, which calls it `name`."""
    try:
        return shape(check, value)
    except shapes.Malformed as reason:
        raise malformed(name, str(reason)) from None


def malformed(name: str, reason: str) -> errors.ProtocolError:
    """The error for data that is not of its shape."""
    return errors.ProtocolError(
        f"the other side sent a malformed message: {name}{shapes.gap(reason)}{reason}",
        hint="check with: $sesh --doctor",
    )
