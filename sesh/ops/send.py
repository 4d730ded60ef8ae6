"""Typing into a session: text, and keys by tmux's names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence

from sesh import errors, wording
from sesh.about import SESH
from sesh.errors import Refused, UsageError
from sesh.keynames import bytes_of, is_cursor
from sesh.messages import Answer, Words
from sesh.names import printable
from sesh.ops import matching
from sesh.protocol import CHUNK
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.schema import Sent
from sesh.wire import Connection

_TIMEOUT = 30.0
"""Seconds for a program to take in one chunk."""

_SUBMITTED = 3
"""Times as long for a text and its Enter, also behind another one."""
_LONGEST_UNIT = 1 << 20
"""Bytes of a text with Enter, or of an answer: it is typed in one step, behind checks."""


def type_into(
    target: Target,
    name: str,
    text: bytes | Iterable[bytes] = b"",
    *,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    enter: bool = False,
    force: bool = False,
    if_waiting: str | None = None,
) -> Sent:
    """Types keys, a text, Enter if wanted, and keys again.

    `enter`: the program is to take the text and the Enter as two; nothing is typed into a person's draft or to a
    question, save with `force`. Without it a text in pieces is typed as they come. Keys alone wait for no text of
    others. `if_waiting`: only if the session
    waits for a person and its question matches; an empty pattern always does. Raises UsageError for what is not a key
    and for a text with Enter, or an answer, that is too long, NotFound, Refused, Busy, and NotSubmitted if the program
    has not taken what was typed.
    """
    _check_keys(before, after)  # a wrong one is reported before anything is typed
    whole, pieces = (text, ()) if isinstance(text, bytes) else (b"", text)
    if enter or if_waiting is not None:
        whole, pieces = _unit(pieces or (whole,)), ()
    with target.open_stream(name) as stream:
        stream.greet(until=_soon())
        connection = stream.connection
        first, last = _keys(connection, before, after)
        words: Words = {"enter": True, "force": force, "key": os.urandom(8).hex()} if enter else {"force": force}
        if if_waiting is not None:
            words = {**words, **_question(connection, name, if_waiting)}
        if enter and whole:
            words = {**words, "before": first.decode("latin-1"), "after": last.decode("latin-1")}
            answer = _submitted(stream, "submit" if if_waiting is None else "answer", whole, words)
            size = len(first + whole + b"\r" + last)
            return _sent(size, answer.get("position"), submitted=answer.get("submitted", True))
        if enter:
            last = b"\r" + last
        if if_waiting is not None:
            words.pop("enter", None)
            data = first + whole + last
            return _sent(len(data), connection.request("answer", data, _soon(), **words)[0].get("position"))
        keys = not (whole or pieces)
        if not pieces:
            first, last = first + whole + last, b""
        size, position = 0, None
        for chunk in _chunks(first, pieces, last):
            reply, _ = connection.request("send", chunk, _soon(), more=position is not None, keys=keys)
            position = reply.get("position") if position is None else position
            size += len(chunk)
    return _sent(size, position)


def _sent(size: int, position: int | None, *, submitted: bool | None = None) -> Sent:
    return {"bytes": size, "position": position, "submitted": submitted, "typed": True}


def _unit(pieces: Iterable[bytes]) -> bytes:
    """Gathers what is typed as one unit. Raises UsageError if that is too long."""
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > _LONGEST_UNIT:
            message = f"a text with --enter or --if-waiting has at most {_LONGEST_UNIT:,} bytes; nothing was typed"
            raise UsageError(message, hint="put it into a file, and send the file's path")
    return bytes(whole)


def _question(connection: Connection, name: str, pattern: str) -> Words:
    """The question that is meant, once it matches a pattern; empty for an empty one. Raises Refused if it does not.

    The daemon is asked for the question, the pattern is searched for here, and the daemon types if that very question
    still stands.
    """
    if not pattern:
        return {}
    with matching.Pattern(pattern) as expression:
        reply = connection.request("answer", deadline=_soon(), probe=True)[0]
        words: Words = {"since": str(reply.get("since")), "question": str(reply.get("question"))}
        if expression.search([words["question"]], _soon()) is None:
            shown = wording.plain(words["question"])
            raise Refused(f'{name} is waiting, but asks "{shown}", not {printable(pattern)}; nothing was typed')
    return words


def _submitted(stream: Stream, verb: str, text: bytes, words: Words) -> Answer:
    """Has the daemon type a text and Enter; after a lost link it is asked for the outcome. Raises NotSubmitted."""
    while True:
        try:
            answer, _ = stream.connection.request(verb, text, time.monotonic() + _SUBMITTED * _TIMEOUT, **words)
            break
        except (errors.Lost, errors.Unknown) as error:
            lost = {type(error), type(error.__cause__)} & {errors.Lost}
            if stream.host is None or not lost:
                raise
            stream.reconnect()
            stream.greet(until=_soon())
    if answer.get("submitted", True) is False:
        name, why = stream.name, answer.get("reason")
        raise errors.NotSubmitted(f"{name} has not taken the text: {why}", hint=f"look: {SESH} --screen {name}")
    return answer


def hides(target: Target, name: str, since: str, question: str) -> bool:
    """Returns whether the terminal hides what is typed in answer, as for a password. Raises as `answer`."""
    with target.open_stream(name) as stream:
        stream.greet(until=_soon())
        reply, _ = stream.connection.request("answer", deadline=_soon(), since=since, question=question, probe=True)
        return reply.get("hides") is True


def answer(target: Target, name: str, text: str, since: str, question: str, *, single: bool = False) -> None:
    """Types an answer to the question of a program, with Enter if it reads lines; a menu takes a key alone.

    `since`, `question`: those of the question meant, as `activity` says; the daemon refuses if it asks something else
    by now. `single`: the answer is a key that was pressed alone, and is refused if typing is hidden. Raises NotFound,
    Refused, Busy.
    """
    with target.open_stream(name) as stream:
        stream.greet(until=_soon())
        words: Words = {"since": since, "question": question, "whole": True, "single": single}
        _submitted(stream, "answer", text.encode(), {**words, "key": os.urandom(8).hex()})


def _check_keys(*groups: Sequence[str]) -> None:
    """Raises UsageError for what is not a key."""
    if any(groups):
        for keys in groups:
            for key in keys:
                bytes_of(key)


def _keys(connection: Connection, *groups: Sequence[str]) -> list[bytes]:
    if not any(groups):
        return [b"" for _ in groups]
    application = any(is_cursor(key) for keys in groups for key in keys) and _application_mode(connection)
    return [b"".join(bytes_of(key, application=application) for key in keys) for keys in groups]


def _application_mode(connection: Connection) -> bool:
    """Returns whether the program has the cursor keys in application mode."""
    return connection.request("modes", deadline=_soon())[0].get("cursor") is True


def _chunks(first: bytes, pieces: Iterable[bytes], last: bytes) -> Iterator[bytes]:
    """The bytes to type, in chunks of one request; at least one, so that an empty text is asked for too."""
    yield from (first[start : start + CHUNK] for start in range(0, len(first) or 1, CHUNK))
    yield from pieces
    yield from [last] if last else []


def _soon() -> float:
    return time.monotonic() + _TIMEOUT
