"""Type into a session: text, and keys by tmux's names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sesh import errors, wording
from sesh.about import SESH
from sesh.errors import NotAccepted, Refused, UsageError
from sesh.keys import Key
from sesh.messages import ASKED, MODES, SEND, RequestKeys, SendResponse
from sesh.names import printable
from sesh.ops import search
from sesh.outcomes import Sent
from sesh.protocol import CHUNK
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.wire import Connection

_TIMEOUT = 30.0  # seconds for a program to read one chunk
_ENTER_TIMEOUT = 3 * _TIMEOUT  # seconds for a text and its Enter, which may wait for another text
LONGEST = 64 << 20  # bytes; a longer text is refused
_LONGEST_UNIT = 1 << 20  # bytes; a longer text with Enter, or at a question, is refused
_ANY = "."  # the pattern for any question, also an empty one


def type_into(
    target: Target,
    name: str,
    text: bytes = b"",
    *,
    keys: Sequence[str] = (),
    enter: bool = False,
    force: bool = False,
    question: str | None = None,
) -> Sent:
    """Type a text, then Enter if wanted, then keys.

    `enter`: send Enter apart from the text, and type nothing into a person's unfinished line or at a question, unless
    `force`. Keys without a text are typed at once, even while another text is being typed. `question`: type only if the
    session asks a question that matches; `.` matches any. Raises UsageError if a key is unknown, the text is too long,
    or `question` is no regular expression, and Refused if the text was typed without its Enter. Raises NotFound,
    Refused, Busy.
    """
    pressed = [Key.parse(key) for key in keys]  # refuses an unknown key before anything is typed
    pattern = search.Pattern(question) if question is not None else None
    as_unit = enter or pattern is not None
    most = _LONGEST_UNIT if as_unit else LONGEST
    if len(text) > most:
        options = " with --enter or --question" if as_unit else ""
        message = f"a text{options} has at most {most:,} bytes; nothing was typed"
        raise UsageError(message, hint="put it into a file, and send the file's path")
    with _open_stream(target, name) as stream:
        last = _bytes_of_keys(stream.connection, pressed)
        if enter and not text:
            enter, last = False, b"\r" + last  # without a text, Enter is an ordinary key
        if not (enter or pattern is not None):
            answer = _type(stream.connection, text + last, keys=not text)
        else:
            words: RequestKeys = {"force": force, "enter": enter}
            if pattern is not None:
                words = {**words, **_question(stream.connection, name, pattern)}
            answer = _type_once(stream, text if enter else text + last, words)
            if enter and last:
                stream.connection.request(SEND, last, _soon(), more=True, keys=True)
    return {"bytes": len(text) + enter + len(last), "position": answer.get("position"), "typed": True}


@contextmanager
def _open_stream(target: Target, name: str) -> Iterator[Stream]:
    with target.open_stream(name) as stream:
        stream.greet(until=_soon())
        yield stream


def _type(connection: Connection, typed: bytes, *, keys: bool) -> SendResponse:
    """Type bytes, a chunk for each request; return the first answer."""
    answers = [
        connection.request(SEND, typed[start : start + CHUNK], _soon(), more=start > 0, keys=keys)[0]
        for start in range(0, len(typed) or 1, CHUNK)
    ]
    return answers[0]


def _question(connection: Connection, name: str, pattern: search.Pattern) -> RequestKeys:
    """Match the session's question, and return the words that identify it in a request.

    These words let the daemon refuse the request if the question has changed since. Raises Refused if the question does
    not match.
    """
    asked, _ = connection.request(ASKED, deadline=_soon())
    question = asked["question"]
    if pattern.text != _ANY:
        with pattern:
            matches = any(pattern.matches([question], _soon()))
        if not matches:
            shown = wording.plain(question)
            raise Refused(f'{name} is waiting, but asks "{shown}", not {printable(pattern.text)}; nothing was typed')
    return {"since": asked["since"], "question": question}


def _type_once(stream: Stream, text: bytes, words: RequestKeys) -> SendResponse:
    """Type a text, and return the answer. Raises NotAccepted if Enter was not pressed.

    After a lost link the request is sent again. Its key tells the daemon to answer it without typing the text again.
    """
    words = {**words, "key": os.urandom(8).hex()}
    while True:
        try:
            until = time.monotonic() + _ENTER_TIMEOUT
            answer, _ = stream.connection.request(SEND, text, until, repeats=True, **words)
            break
        except errors.Lost:
            stream.reconnect()
            stream.greet(until=_soon())
    if reason := answer.get("reason"):
        name = stream.name
        raise NotAccepted(f"{name} got the text, but {reason}", hint=f"look: {SESH} --screen {name}")
    return answer


def hides(target: Target, name: str, since: str, question: str) -> bool:
    """Return whether the terminal has echo off, as for a password. Raises as `answer`."""
    with _open_stream(target, name) as stream:
        state, _ = stream.connection.request(ASKED, deadline=_soon(), since=since, question=question)
        return state["hides"]


def answer(target: Target, name: str, text: str, since: str, question: str) -> None:
    """Type an answer to a program's question.

    A line is typed with Enter, a single character at a menu without. `since` and `question` identify the question, as
    in `activity`; the daemon refuses if the question has changed. Raises NotFound, Refused, Busy.
    """
    with _open_stream(target, name) as stream:
        words: RequestKeys = {"since": since, "question": question}
        state, _ = stream.connection.request(ASKED, deadline=_soon(), **words)
        _type_once(stream, text.encode(), {**words, "enter": len(text) != 1 or state["line"]})


def _bytes_of_keys(connection: Connection, keys: Sequence[Key]) -> bytes:
    application = False  # DECCKM, which changes the bytes of cursor keys
    if any(key.application != key.sent for key in keys):
        application = connection.request(MODES, deadline=_soon())[0]["cursor"]
    return b"".join(key.application if application else key.sent for key in keys)


def _soon() -> float:
    return time.monotonic() + _TIMEOUT
