"""Call ops over a link: the request, its answer, and their encoding.

A request has the op's name and its arguments as JSON, with bytes as `{"$bytes": base64}`; the result is encoded in the
same way. Notes for the person arrive with the answer. An answer may be a question: then the request is sent again with
the person's reply.
"""

from __future__ import annotations

import json
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

from sesh import check, errors, protocol, wire
from sesh.about import CALLED
from sesh.check import Check
from sesh.errors import ExitCode, ProtocolError, TimedOut, Unknown, Unreachable, silent_host
from sesh.link.health import LinkHealth
from sesh.reach.caller import Caller
from sesh.reach.op import Op, Result
from sesh.remote.ssh.link import Link
from sesh.requests import OP, EntryAnswer, OpAnswer, QuestionAnswer, ResultAnswer

MOST_NOTES = 100  # with one answer; further notes are dropped
MOST_QUESTIONS = 20  # for one request; the next one is an error
REQUEST = 1  # the id of each request, as a link has only one at a time


def frames(
    name: str, data: Mapping[str, object], *, asks: bool = False, answers: Sequence[str] = (), **more: Any
) -> bytes:
    """Return the frames of a request. `answers`: replies so far. `more`: `Words`, if the op enters a session."""
    return wire.asking(OP, REQUEST, encoded(data), op=name, asks=asks, answers=answers, **more)


def request(
    caller: Caller, link: Link, op: Op[..., Result], data: Mapping[str, object], deadline: float | None = None
) -> Result:
    """Call an op over a link; return its result.

    `deadline` (monotonic): None to wait until the link is lost.
    """
    host = link.destination.host

    def ask(answers: list[str]) -> tuple[OpAnswer, bytes]:
        if not link.take_sent():
            link.send(frames(op.wire_name, data, asks=caller.can_ask, answers=answers), deadline)
        link.keepalive = LinkHealth(time.monotonic())
        try:
            return link.answer(OP, REQUEST, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise silent_host(host) from None
            hint = f"the request may have been carried out; see: {CALLED} @{host}"
            message = f"lost the link to @{host} before its answer"
            raise Unknown(message, hint=hint, exit_code=ExitCode.FAILED) from None

    _, answer = answered(caller, ask)
    passed = Check(far=True)
    result: Result = checked(op, answer, passed)
    note_left_out(caller, passed, host)
    return result


def answered(
    caller: Caller, ask: Callable[[list[str]], tuple[OpAnswer, bytes]]
) -> tuple[EntryAnswer | ResultAnswer, bytes]:
    """Call `ask` until its answer is no question; return that answer. Show the notes of each.

    `ask`: sends the request with the person's replies so far. Raises ProtocolError after too many questions.
    """
    replies: list[str] = []
    while len(replies) <= MOST_QUESTIONS:
        answer, data = ask(replies)
        for text, again in answer.get("notes", [])[:MOST_NOTES]:
            caller.note(text)
            if again:
                caller.remember(text)
        if "question" in answer:
            replies.append(_reply(caller, answer))
        else:
            return answer, data
    raise ProtocolError(f"the other side asked more than {MOST_QUESTIONS} questions; nothing more is answered")


def _reply(caller: Caller, question: QuestionAnswer) -> str:
    """Ask the person a question of the other side. Raises ProtocolError for a malformed or unexpected question."""
    if not caller.can_ask:
        raise errors.malformed("RESPONSE", "asks a question, though nobody can be asked")
    answers, default = question["answers"], question["default"]
    letters = {letter for letter, _ in answers}
    if default not in letters or len(letters) < len(answers) or any(len(letter) != 1 for letter in letters):
        raise errors.malformed("RESPONSE", ".answers cannot be chosen from")
    return caller.ask(question["question"], answers, default, question.get("above", ""))


# -- results


def checked(op: Op[..., object], answer: bytes, passed: Check) -> Any:
    """Return an op's result from a host, or one item that the op yields. Raises ProtocolError if its type is wrong."""
    return check.checked_from_host(answer_type(op), protocol.value(answer), op.wire_name, passed)


def answer_type(op: Op[..., object]) -> Any:
    """Return the type of an op's result, or of each yielded item."""
    hint = get_type_hints(op, include_extras=True)["return"]
    return get_args(hint)[0] if get_origin(hint) is Iterator else hint


def note_left_out(caller: Caller, passed: Check, host: str) -> None:
    """Note how many malformed rows of an answer were dropped, if any."""
    if count := passed.left_out:
        rows = "one row was" if count == 1 else f"{count} rows were"
        caller.note(f"@{host}: {rows} left out: malformed, or too many")


def encoded(result: Any) -> bytes:
    """Return a result as JSON, with bytes as `{"$bytes": base64}`."""
    return json.dumps(result, default=_packed, separators=(",", ":")).encode()


def _packed(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b2a_base64(value, newline=False).decode()}
