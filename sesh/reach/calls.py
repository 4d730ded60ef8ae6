"""Ops called over a link: the request and its answer, and the data in between.

An op is asked for by its name, with plain data. It goes as JSON, with bytes as `{"$bytes": base64}`, and so does its
result. Questions and notes for the person come back with the answer, and are asked and shown on this side.
"""

from __future__ import annotations

import json
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from typing import Any

from sesh import gate, session_shapes, shapes, wire
from sesh.about import CALLED
from sesh.errors import ExitCode, ProtocolError, TimedOut, Unknown, Unreachable, silent_host
from sesh.link.health import LinkHealth
from sesh.messages import Answer
from sesh.reach import op_shapes
from sesh.reach.caller import Caller
from sesh.remote.ssh.link import Link

_REQUEST = 1


def request(caller: Caller, link: Link, name: str, data: Mapping[str, object], deadline: float | None = None) -> Any:
    """Has the other end of a link carry out an op; returns its result.

    `deadline` (monotonic): None for as long as the other side shows signs of life.
    """
    host = link.destination.host

    def ask(answers: list[str]) -> tuple[Answer, bytes]:
        if not link.take_sent():
            link.send(frames(name, data, asks=caller.can_ask, answers=answers), deadline)
        link.keepalive = LinkHealth(time.monotonic())
        try:
            return link.answer(_REQUEST, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise silent_host(host) from None
            raise lost(host) from None

    _, answer = answered(caller, ask)
    check = shapes.Check(far=True)
    result = op_shapes.checked(name, data, answer, check)
    if check.left_out:
        caller.note(op_shapes.left_out(check, host))
    return result


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
    while len(answers) <= session_shapes.MOST_QUESTIONS:
        answer, data = ask(answers)
        for text, again in answer.get("notes") or []:
            caller.note(text)
            if again:
                caller.remember(text)
        if "question" not in answer:
            return answer, data
        answers.append(_reply(caller, answer))
    raise ProtocolError(
        f"the other side asked more than {session_shapes.MOST_QUESTIONS} questions; nothing more is answered"
    )


def _reply(caller: Caller, question: Answer) -> str:
    """The person's reply to a question of the other side. Raises ProtocolError if it cannot be asked."""
    if not caller.can_ask:
        raise gate.malformed("RESPONSE", "asks a question, though nobody can be asked")
    answers = [(letter, label) for letter, label in question.get("answers") or []]
    default = str(question.get("default"))
    letters = [letter for letter, _ in answers]
    if default not in letters or not all(letters) or len(set(letters)) < len(letters):
        raise gate.malformed("RESPONSE", ".answers cannot be chosen from")
    return caller.ask(question["question"], answers, default, str(question.get("above") or ""))


def encoded(result: Any) -> bytes:
    """A result as JSON; bytes in it as `{"$bytes": base64}`."""
    return json.dumps(result, default=_packed, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> Any:
    """The result that `encoded` turned into these bytes. Raises ValueError for anything else."""
    try:
        return json.loads(data, object_hook=_unpacked)
    except (RecursionError, TypeError) as error:
        raise ValueError("nested too deeply, or bytes that are none") from error


def _packed(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b2a_base64(value, newline=False).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    if value.keys() != {"$bytes"}:
        return value
    return a2b_base64(value["$bytes"])


def frames(name: str, data: Mapping[str, object], *, asks: bool, answers: list[str]) -> bytes:
    return wire.asking("op", _REQUEST, encoded(data), op=name, asks=asks, answers=answers)
