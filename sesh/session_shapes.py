"""The shapes of sessions, of their results and of events, for the gate."""

from __future__ import annotations

from sesh.shapes import (
    FACTS,
    PLACEHOLDERS,
    Shape,
    any_command,
    code,
    command,
    date,
    either,
    flag,
    items,
    keys,
    labels,
    latin,
    line,
    moment,
    natural,
    number,
    optional,
    optional_tag,
    reason,
    sentence,
    session_name,
    several,
    signal_number,
    styled,
    table,
    tag,
    text,
    whole,
    word,
)

MOST_NOTES, MOST_QUESTIONS = 100, 20
"""Notes with one answer, and questions before it."""

marked_code = whole(-(1 << 31), 1 << 31)
"""The exit code that a shell reported with OSC 133: any number."""
_question = optional(word(1024))
_size = whole(0, 0xFFFF)
activity = table(
    {"state": tag, **keys("why kind", optional_tag), "since": optional(date), "question": _question}, ("state",)
)
"""The activity of a session."""
_report = table(
    {
        "id": optional(word(128)), "state": tag, "kind": optional_tag, "progress": optional(natural),
        "app": optional(word(32)), **keys("title message", _question),
    }
)  # fmt: skip
_client = table(
    {
        **keys("id pid", natural), **keys("columns rows", _size),
        "tty": line, "machine": optional(line), "since": date, "read_only": flag, "mode": tag,
    }
)  # fmt: skip
session = table(
    {
        **keys("attached pid daemon_pid", optional(natural)), "position": natural, "exit_code": optional(code),
        **keys("columns rows", optional(_size)),
        **keys("created last_activity ended", optional(date)),
        **keys("host title machine last_line", optional(line)), "cwd": optional(text),
        **keys("command resume", optional(command)),
        **keys("current shell responding", flag),
        "name": session_name, "id": word(64), "version": optional(word(64)), "state": tag, "link": optional_tag,
        "labels": labels,
        "reason": reason,
        "lost": table({"reason": tag, "saved": optional(date)}, ("reason", "saved")),
        "home": text, "clock": number, "stale": table({"since": date, "reason": line}, ("since", "reason")),
        "clients": items(_client),
        "scrollback": optional(table(keys("lines bytes", natural))),
        "modes": table(keys("bracketed_paste alternate_screen canonical echo", flag)),
        "foreground": optional(table({"pid": natural, "command": command, "title": optional(line)})),
        "activity": optional(activity),
        "unseen": optional(table({**keys("bells failed", natural), "notification": optional(line)})),
        "faults": items(line), "reports": items(_report),
    },
    ("name", "state"),
)  # fmt: skip
"""A session, as lists and `--status` show it."""
RUN: dict[str, Shape] = {**FACTS, "exit_code": optional(marked_code), "started": moment}
"""Keys of a run as its daemon, and a file, has them."""
ENDED: dict[str, Shape] = {
    **FACTS,
    "id": word(64), "directory": text, "cpu": optional(number), "memory": optional(natural), "job": flag,
    "run": optional(table(RUN)), "labels": labels, **keys("columns rows", _size), "state": optional_tag,
}  # fmt: skip
ended = table(ENDED, ("exit_code",))
"""A session's result."""
LOGGED: dict[str, Shape] = {
    "seq": natural, "ts": word(64), "event": word(100), "session": optional(line), "id": optional(word(64)),
    "begun": word(64), "exit_code": optional(marked_code), "signal": signal_number, **keys("columns rows", _size),
    "note": line, "state": tag, **keys("why kind", optional_tag), "question": _question,
}  # fmt: skip
"""An event, also of the log of remotes, which has keys of its own."""
event = table(
    {
        **LOGGED,
        **keys("session tty title text before", line), "host": optional(line),
        **keys("count client n pid", natural),
        "id": word(64), "reason": reason, "command": any_command, "directory": text, "read_only": flag,
    }
)  # fmt: skip

ANSWER: dict[str, Shape] = {
    "notes": items(several(sentence, flag), MOST_NOTES),
    "answers": items(several(word(1), word(200, PLACEHOLDERS)), 36),
    "default": word(1),
    "result": ended,
    "session": either(session_name, session),
    "run": optional(table(FACTS)),
    "above": styled, "start": latin,
}  # fmt: skip
"""Keys of a RESPONSE beside those in `gate`."""
