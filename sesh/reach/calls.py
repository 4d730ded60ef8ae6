"""Call ops over a link: the request, the host's questions, the result, and their encoding.

A request has the op's name and its arguments as JSON, with bytes as `{"$bytes": base64}`; the result is encoded in the
same way. Notes for the person arrive with the answer. An answer may be a question: then the request is sent again with
the person's reply. Here the commands in notes and questions get the name of the host.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from sesh import check, errors, protocol
from sesh.check import Check
from sesh.errors import ProtocolError, for_host
from sesh.messages import EntryResponse, QuestionResponse, ResultResponse
from sesh.reach.caller import Caller
from sesh.reach.op import Op
from sesh.remote.ssh.link import Link, Request

MOST_NOTES = 100  # with one answer; further notes are dropped
MOST_QUESTIONS = 20  # for one request; the next one is an error


def answered(
    caller: Caller, link: Link, request: Request, deadline: float | None = None
) -> tuple[EntryResponse | ResultResponse, bytes]:
    """Send a request until its answer is no question; return that answer and its data. Show the notes of each.

    Raises ProtocolError after too many questions, and as `Link.call`.
    """
    replies: list[str] = []
    while len(replies) <= MOST_QUESTIONS:
        answer, data = link.call(request, replies, deadline)
        for text, on_entry in answer.get("notes", [])[:MOST_NOTES]:
            (caller.remember if on_entry else caller.note)(for_host(text, link.destination.host))
        if "question" in answer:
            replies.append(_reply(caller, answer, link.destination.host))
        else:
            return answer, data
    raise ProtocolError(f"the other side asked more than {MOST_QUESTIONS} questions; nothing more is answered")


def _reply(caller: Caller, question: QuestionResponse, host: str) -> str:
    """Ask the person a question of a host. Raises ProtocolError for a malformed or unexpected question."""
    if not caller.can_ask:
        raise errors.malformed("RESPONSE", "asks a question, though nobody can be asked")
    answers, default = question["answers"], question["default"]
    letters = {letter for letter, _ in answers}
    if default not in letters or len(letters) < len(answers) or any(len(letter) != 1 for letter in letters):
        raise errors.malformed("RESPONSE", ".answers cannot be chosen from")
    return caller.ask(for_host(question["question"], host), answers, default, question["above"])


def result(caller: Caller, host: str, op: Op[..., object], data: bytes) -> tuple[Any, bool]:
    """Return an op's result from a host, or one item that the op yields, and whether it is whole.

    Malformed rows are dropped, with a note. Raises ProtocolError if the type is wrong.
    """
    passed = Check(far=True)
    checked = check.checked_from_host(answer_type(op), protocol.value(data), op.wire_name, passed)
    if count := passed.left_out:
        rows = "one row was" if count == 1 else f"{count} rows were"
        caller.note(f"@{host}: {rows} left out: malformed")
    return checked, not count


def answer_type(op: Op[..., object]) -> Any:
    """Return the type of an op's result, or of each yielded item."""
    hint = get_type_hints(op, include_extras=True)["return"]
    return get_args(hint)[0] if get_origin(hint) is Iterator else hint


def encoded(result: Any) -> bytes:
    """Return arguments or a result as JSON, with bytes as `{"$bytes": base64}`."""
    return json.dumps(result, default=_packed, separators=(",", ":")).encode()


def _packed(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b2a_base64(value, newline=False).decode()}
