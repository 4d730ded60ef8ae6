"""Typing into a session: text, and keys by tmux's names."""

from __future__ import annotations

import time

from sesh.errors import Refused, UsageError
from sesh.keynames import bytes_of, is_cursor
from sesh.names import printable
from sesh.protocol import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sesh.messages import Words
    from sesh.reach.stream import Stream
    from sesh.reach.target import Target
    from sesh.wire import Connection

_TIMEOUT = 30.0
"""Seconds for a program to take in one chunk."""

_LONGEST_ANSWER = 1 << 20
"""Bytes of an answer, which is typed as one unit."""


def type_into(
    target: Target,
    name: str,
    text: bytes | Iterable[bytes] = b"",
    *,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> tuple[int, int | None]:
    """Types keys, a text, and keys again; returns the number of bytes, and the position of the output before.

    A text in pieces is typed as they come. Raises UsageError for what is not a key, NotFound, Refused, Busy.
    """
    for key in (*before, *after):
        bytes_of(key)  # a wrong one is reported before anything is typed
    sent, position = 0, None
    with target.open_stream(name) as stream:
        connection = _greeted(stream)
        first, last = _keys(connection, before, after)
        for chunk in _chunks(first, text, last):
            answer, _ = connection.request("send", chunk, _soon(), more=position is not None)
            position = answer.get("position") if position is None else position
            sent += len(chunk)
    return sent, position


def type_if_waiting(
    target: Target,
    name: str,
    pattern: str,
    text: bytes | Iterable[bytes],
    *,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> tuple[int, int | None]:
    """Types as `type_into` if the session waits for a person and its question matches; an empty pattern always does.

    The daemon is asked for the question, the pattern is searched for here, and the daemon types if that very question
    still stands. Raises Refused if it does not, and as `type_into`.
    """
    from sesh.ops import matching

    for key in (*before, *after):
        bytes_of(key)
    whole = bytearray()
    for piece in _chunks(b"", text, b""):
        whole += piece
        if len(whole) > _LONGEST_ANSWER:
            raise UsageError(f"an answer has at most {_LONGEST_ANSWER:,} bytes, as it is typed in one step")
    with matching.Pattern(pattern) as expression, target.open_stream(name) as stream:
        connection = _greeted(stream, answers=True)
        first, last = _keys(connection, before, after)
        data = first + bytes(whole) + last
        words: Words = {}
        if pattern:
            reply = connection.request("answer", deadline=_soon(), probe=True)[0]
            words = {"since": str(reply.get("since")), "question": str(reply.get("question"))}
            if expression.search([words["question"]], _soon()) is None:
                from sesh import wording

                shown = wording.plain(words["question"])
                raise Refused(f'{name} is waiting, but asks "{shown}", not {printable(pattern)}; nothing was typed')
        position = connection.request("answer", data, _soon(), **words)[0].get("position")
    return len(data), position


def hides(target: Target, name: str, since: str, question: str) -> bool:
    """Returns whether the terminal hides what is typed in answer, as for a password. Raises as `answer`."""
    with target.open_stream(name) as stream:
        connection = _greeted(stream, answers=True)
        reply = connection.request("answer", deadline=_soon(), since=since, question=question, probe=True)[0]
        return reply.get("hides") is True


def answer(target: Target, name: str, text: str, since: str, question: str, *, single: bool = False) -> None:
    """Types an answer to the question of a program, with Enter if it reads lines; a menu takes a key alone.

    `since`, `question`: those of the question meant, as `activity` says; the daemon refuses if it asks something else
    by now. `single`: the answer is a key that was pressed alone, and is refused if typing is hidden. Raises NotFound,
    Refused, Busy.
    """
    with target.open_stream(name) as stream:
        connection = _greeted(stream, answers=True)
        words: Words = {"since": since, "question": question, "whole": True, "single": single}
        connection.request("answer", text.encode(), _soon(), **words)


def _greeted(stream: Stream, *, answers: bool = False) -> Connection:
    """The connection to a session that takes requests; `answers`: also answers to a certain question.

    Raises Refused if the daemon is too old to compare its question with the one that an answer is meant for.
    """
    can = stream.greet(until=_soon()).get("can") or ()
    if answers and "answer" not in can:
        name = stream.name
        raise Refused(
            f"the daemon of {name} is an older sesh, which cannot tell what an answer is meant for; nothing was typed",
            hint=f"reload it: $sesh --reload {name}",
        )
    return stream.connection


def _keys(connection: Connection, *groups: Sequence[str]) -> list[bytes]:
    application = any(is_cursor(key) for keys in groups for key in keys) and _application_mode(connection)
    return [b"".join(bytes_of(key, application=application) for key in keys) for keys in groups]


def _application_mode(connection: Connection) -> bool:
    """Returns whether the program has the cursor keys in application mode; False for a daemon that does not know."""
    try:
        return connection.request("modes", deadline=_soon())[0].get("cursor") is True
    except UsageError:
        return False


def _chunks(before: bytes, text: bytes | Iterable[bytes], after: bytes) -> Iterator[bytes]:
    """The bytes to type, in chunks of one request; at least one, so that an empty text is asked for too."""
    if isinstance(text, bytes):
        whole = before + text + after
        yield from (whole[start : start + CHUNK] for start in range(0, len(whole) or 1, CHUNK))
        return
    yield from [before] if before else []
    yield from text
    yield from [after] if after else []


def _soon() -> float:
    return time.monotonic() + _TIMEOUT
