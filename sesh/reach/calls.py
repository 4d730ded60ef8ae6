"""Call ops over a link: the request, the host's questions, the result, and their encoding.

A request has the op's name and its arguments as JSON, with bytes as `{"$bytes": base64}`; the result is encoded in the
same way. Notes for the person come with the response. A response may be a question: then the request is sent again,
with the person's answer. `call` puts the host into the commands that notes and questions quote.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from sesh import check, errors, protocol
from sesh.errors import ProtocolError, for_host
from sesh.messages import ConnectedResponse, EndedResponse, QuestionResponse, ResultResponse
from sesh.reach.caller import Caller
from sesh.reach.op import Op
from sesh.remote.ssh.link import Link, LinkRequest

MAX_NOTES = 100  # with one response; further notes are dropped
MAX_QUESTIONS = 20  # for one request; the next question is an error


def call(
    caller: Caller, link: Link, request: LinkRequest, deadline: float | None = None
) -> tuple[ConnectedResponse | EndedResponse | ResultResponse, bytes]:
    """Carry out a request, asking the person each question; return the response and its data.

    Show the notes of each response. Raises ProtocolError after too many questions, and as `Link.call`.
    """
    host = link.destination.host
    answers: list[str] = []
    while len(answers) <= MAX_QUESTIONS:
        response, data = link.call(request, answers, deadline)
        for line in response.get("lines", [])[:MAX_NOTES]:
            caller.note(for_host(line, host))
        if "question" not in response:
            return response, data
        answers.append(_ask_person(caller, response, host))
    raise ProtocolError(f"the other side asked more than {MAX_QUESTIONS} questions; nothing more is answered")


def _ask_person(caller: Caller, question: QuestionResponse, host: str) -> str:
    """Ask the person. Raises ProtocolError for a malformed or unexpected question."""
    if not caller.can_answer:
        raise errors.malformed("RESPONSE", "asks a question, though nobody can be asked")
    answers = question["answers"]
    default = question["default"]
    letters = {letter for letter, _ in answers}
    if default not in letters or len(letters) < len(answers) or any(len(letter) != 1 for letter in letters):
        raise errors.malformed("RESPONSE", ".answers cannot be chosen from")
    return caller.ask(for_host(question["question"], host), answers, default, question["above"])


def decode_result(op: Op[..., object], data: bytes) -> Any:
    """Return an op's result, or an item that it yields. Raises ProtocolError."""
    return check.checked_from_host(result_type(op), protocol.value(data), op.wire_name)


def result_type(op: Op[..., object]) -> Any:
    hint = get_type_hints(op, include_extras=True)["return"]
    return get_args(hint)[0] if get_origin(hint) is Iterator else hint


def encoded(result: Any) -> bytes:
    return json.dumps(result, default=_packed, separators=(",", ":")).encode()


def _packed(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b2a_base64(value, newline=False).decode()}
