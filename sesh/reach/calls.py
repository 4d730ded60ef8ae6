"""Ops called over a link: the request and its answer, and the data in between.

An op is asked for by its name, with plain data. It goes as JSON, with bytes as `{"$bytes": base64}`, and so does its
result. Questions and notes for the person come back with the answer, and are asked and shown on this side.
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
from sesh.messages import Answer
from sesh.reach.caller import Caller
from sesh.reach.op import Op, Result
from sesh.remote.ssh.link import Link

MOST_NOTES, MOST_QUESTIONS = 100, 20
"""Notes with one answer, and questions before it."""
REQUEST = 1
"""The number of each request: a link carries out one at a time."""


def request(
    caller: Caller, link: Link, op: Op[..., Result], data: Mapping[str, object], deadline: float | None = None
) -> Result:
    """Has the other end of a link carry out an op; returns its result.

    `deadline` (monotonic): None for as long as the other side shows signs of life.
    """
    host = link.destination.host

    def ask(answers: list[str]) -> tuple[Answer, bytes]:
        if not link.take_sent():
            link.send(frames(op.wire_name, data, asks=caller.can_ask, answers=answers), deadline)
        link.keepalive = LinkHealth(time.monotonic())
        try:
            return link.answer(REQUEST, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise silent_host(host) from None
            raise lost(host) from None

    _, answer = answered(caller, ask)
    passed = Check(far=True)
    result: Result = checked(op, answer, passed)
    if passed.left_out:
        caller.note(left_out(passed, host))
    return result


def checked(op: Op[..., object], answer: bytes, passed: Check) -> Any:
    """A host's result of an op, or an item that it yields. Raises ProtocolError if it is not of the op's type."""
    return check.far(answer_type(op), protocol.value(answer), op.wire_name, passed)


def answer_type(op: Op[..., object]) -> Any:
    """The type of an op's result, or of each item that it yields."""
    hint = get_type_hints(op, include_extras=True)["return"]
    return get_args(hint)[0] if get_origin(hint) is Iterator else hint


def left_out(passed: Check, host: str) -> str:
    """The line that says how many rows of an answer were left out."""
    count = passed.left_out
    return f"@{host}: {'one row was' if count == 1 else f'{count} rows were'} left out: malformed, or too many"


def lost(host: str) -> Unknown:
    """The error for a request whose link was lost before its answer."""
    return Unknown(
        f"lost the link to @{host}, and its answer with it",
        hint=f"what was asked for may have been done; see: {CALLED} @{host}",
        exit_code=ExitCode.FAILED,
    )


def answered(caller: Caller, ask: Callable[[list[str]], tuple[Answer, bytes]]) -> tuple[Answer, bytes]:
    """The first answer to `ask` that is no question; before it, `ask` is called again with the person's replies.

    Notes of the other side are shown. Raises ProtocolError if it has too many questions.
    """
    answers: list[str] = []
    while len(answers) <= MOST_QUESTIONS:
        answer, data = ask(answers)
        for text, again in answer.get("notes", [])[:MOST_NOTES]:
            caller.note(text)
            if again:
                caller.remember(text)
        if "question" not in answer:
            return answer, data
        answers.append(_reply(caller, answer))
    raise ProtocolError(f"the other side asked more than {MOST_QUESTIONS} questions; nothing more is answered")


def _reply(caller: Caller, question: Answer) -> str:
    """The person's reply to a question of the other side. Raises ProtocolError if it cannot be asked."""
    if not caller.can_ask:
        raise errors.malformed("RESPONSE", "asks a question, though nobody can be asked")
    answers, default = question.get("answers", []), question.get("default", "")
    letters = {letter for letter, _ in answers}
    if default not in letters or len(letters) < len(answers) or any(len(letter) != 1 for letter in letters):
        raise errors.malformed("RESPONSE", ".answers cannot be chosen from")
    return caller.ask(question["question"], answers, default, question.get("above", ""))


def encoded(result: Any) -> bytes:
    """A result as JSON; bytes in it as `{"$bytes": base64}`."""
    return json.dumps(result, default=_packed, separators=(",", ":")).encode()


def _packed(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b2a_base64(value, newline=False).decode()}


def frames(
    name: str, data: Mapping[str, object], *, asks: bool = False, answers: Sequence[str] = (), **more: Any
) -> bytes:
    """The request that an op is carried out. `more`: words of one that leads to a session."""
    return wire.asking("op", REQUEST, encoded(data), op=name, asks=asks, answers=answers, **more)
