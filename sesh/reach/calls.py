"""Ops called over a link: the request and its answer, and the data in between.

An op is asked for by its name, with plain data. It goes as JSON, with bytes as `{"$bytes": base64}`, and so does its
result. Questions and notes for the person come back with the answer, and are asked and shown on this side.
"""

from __future__ import annotations

from sesh import gate, shapes, wire
from sesh.about import CALLED
from sesh.errors import ExitCode, ProtocolError, Refused, TimedOut, Unknown, Unreachable, silent_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sesh.reach.caller import Caller
    from sesh.remote.ssh.link import Link
    from sesh.schema import Answer

_REQUEST = 1


def request(caller: Caller, through: Link, name: str, data: Mapping[str, object], deadline: float | None = None) -> Any:
    """Has the other end of a link carry out an op, questions to the person answered here; its result.

    `deadline` (monotonic): None for as long as the other side shows signs of life.
    """
    from sesh.keepalive import Keepalive
    from sesh.reach import op_shapes

    host = through.destination.host

    def ask(answers: list[str]) -> tuple[Answer, bytes]:
        through.send(frames(name, data, asks=caller.can_ask, answers=answers), deadline)
        through.keepalive = Keepalive(enabled=True)
        try:
            return through.answer(_REQUEST, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise silent_host(host) from None
            raise Unknown(
                f"lost the link to @{host}, and its answer with it",
                hint=f"what was asked for may have been done; see: {CALLED} @{host}",
                exit_code=ExitCode.FAILED,
            ) from None

    _, result = _asked(caller, through, ask)
    check = shapes.Check(far=True)
    found = op_shapes.checked(name, data, result, check)
    if check.left_out:
        caller.note(op_shapes.left_out(check, through.destination.host))
    return found


def _asked(caller: Caller, through: Link, ask: Callable[[list[str]], tuple[Answer, bytes]]) -> tuple[Answer, bytes]:
    """What `ask` is answered, which is called again with the person's answers as long as the other side has questions.

    Raises ProtocolError where it has too many.
    """
    check_version(through)
    answers: list[str] = []
    while len(answers) <= gate.MOST_QUESTIONS:
        answer, data = ask(answers)
        show_notes(caller, answer)
        if "question" not in answer:
            return answer, data
        answers.append(answered(caller, answer))
    raise ProtocolError(f"the other side asked more than {gate.MOST_QUESTIONS} questions; nothing more is answered")


def enter(
    caller: Caller,
    through: Link,
    op: str,
    data: Mapping[str, object],
    *,
    session_id: str = "",
    deadline: float | None = None,
) -> tuple[Answer, bytes]:
    """Has the other end of a link carry out an op that leads to a session: from then on its daemon is spoken to.

    Questions to the person are answered here. The answer names the session, or holds the `result` of one that began
    with `session_id` and has ended; the bytes are its output. Raises Lost.
    """
    from sesh.remote import known
    from sesh.remote.ssh.link import SESSION_TIMEOUT
    from sesh.remote.ssh.ssh import seconds_left

    def ask(answers: list[str]) -> tuple[Answer, bytes]:
        left = seconds_left(deadline, SESSION_TIMEOUT)
        return through.open_session(
            "enter", left, op=op, arguments=data, asks=caller.can_ask, answers=answers, session_id=session_id
        )

    answer, output = _asked(caller, through, ask)
    if op != "enter.job":
        known.add_name(through.destination.host, str(answer.get("name")))
    return answer, output


def check_version(through: Link) -> None:
    """Raises Refused where the sesh at the other end is too old to be asked for ops; the link is closed then."""
    if "op" not in (through.remote_info.get("can") or ()):
        through.close()
        word, version = through.destination.host, str(through.remote_info.get("version") or "")[:40]
        raise Refused(
            f"@{word} has an older sesh ({version!a})", hint=f"install this one there: {CALLED} --deploy @{word}"
        )


def show_notes(caller: Caller, answer: Answer) -> None:
    """Shows what the other side noted."""
    for text, again in answer.get("notes") or []:
        caller.note(text)
        if again:
            caller.remember(text)


def answered(caller: Caller, question: Answer) -> str:
    """The person's answer to a question of the other side. Raises ProtocolError where it cannot be asked."""
    if not caller.can_ask:
        raise gate.malformed("RESPONSE", "asks a question, and was told that nobody can be asked")
    answers = [(letter, label) for letter, label in question.get("answers") or []]
    default = str(question.get("default"))
    letters = [letter for letter, _ in answers]
    if default not in letters or not all(letters) or len(set(letters)) < len(letters):
        raise gate.malformed("RESPONSE", ".answers cannot be chosen from")
    return caller.ask(question["question"], answers, default, str(question.get("above") or ""))


def encoded(result: Any) -> bytes:
    """A result as JSON; bytes in it as `{"$bytes": base64}`."""
    import json

    return json.dumps(result, default=_packed, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> Any:
    """What `encoded` gave. Raises ValueError for anything else."""
    import json

    try:
        return json.loads(data, object_hook=_unpacked)
    except (RecursionError, TypeError) as error:
        raise ValueError("nested too deeply, or bytes that are none") from error


def _packed(value: object) -> dict[str, str]:
    from base64 import b64encode

    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b64encode(value).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    if value.keys() != {"$bytes"}:
        return value
    from base64 import b64decode

    return b64decode(value["$bytes"])


def frames(name: str, data: Mapping[str, object], *, asks: bool, answers: list[str]) -> bytes:
    return wire.asking("op", _REQUEST, encoded(data), op=name, asks=asks, answers=answers)
