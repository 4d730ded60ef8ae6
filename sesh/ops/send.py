"""Type into a session: text, and keys by tmux's names."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from sesh.about import SESH
from sesh.errors import Refused, SeshError, UsageError
from sesh.names import printable
from sesh.ops.pattern import Pattern
from sesh.reach.exchange import Exchange, Repeat
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.schema.outcomes import Sent
from sesh.text import safe
from sesh.text.describe import activity_facts
from sesh.text.keys import Key
from sesh.wire.messages import MODES, PRESS, SEND, STATUS, RequestKeys, RequestType, Response, SendResponse
from sesh.wire.protocol import CHUNK

_TIMEOUT = 30.0  # seconds for a program to read one chunk
_ENTER_TIMEOUT = 3 * _TIMEOUT  # seconds for a text and its Enter, which may wait for another text
MAX_TEXT = 64 << 20  # bytes; a longer text is refused
_MAX_IN_ONE_REQUEST = 1 << 20  # bytes; a longer text with Enter, or at a question, is refused
_ANY = "."  # the pattern for any question, also an empty one
_CHUNK = re.compile(rb"(?s).{1,%d}(?:\Z|(?<=\n))|.{1,%d}(?<!\r)(?![\x80-\xbf])|.{1,%d}" % (CHUNK, CHUNK, CHUNK))
"""Bytes sent at once: whole lines, else whole characters; a daemon types each line of a text for a shell by itself."""


def send_input(
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
    pattern = Pattern(question) if question is not None else None
    _check_length(text, one_request=enter or pattern is not None)
    with Stream.open(target, name) as stream:
        stream.connect(_soon())
        typed_keys = _bytes_of_keys(stream, pressed)
        if enter and not text:  # then Enter is a key like any other
            enter = False
            typed_keys = b"\r" + typed_keys
        if not text and pattern is None:
            response = _press(stream, typed_keys)
        elif not enter and pattern is None:
            response = _type_in_chunks(stream, text)
        else:
            request_keys: RequestKeys = {"force": force, "enter": enter}
            if pattern is not None:
                request_keys |= _matching_question(stream, pattern)
            response = _type_in_one_request(stream, text or typed_keys, request_keys, _ENTER_TIMEOUT)
        if text and typed_keys:
            _press_behind(stream, typed_keys)
    return {"bytes": len(text) + enter + len(typed_keys), "position": response.get("position"), "typed": True}


def _check_length(text: bytes, *, one_request: bool) -> None:
    """Raise UsageError if a text is too long; the limit is lower for one request."""
    most = _MAX_IN_ONE_REQUEST if one_request else MAX_TEXT
    if len(text) > most:
        options = " with --enter or --question" if one_request else ""
        message = f"a text{options} has at most {most:,} bytes; nothing was typed"
        raise UsageError(message, hint="put it into a file, and send the file's path")


def _type_in_chunks(stream: Stream, text: bytes) -> SendResponse:
    """Type a text without Enter, by a request for each chunk; return the response to the first."""
    first_chunk, *chunks = _CHUNK.findall(text) or [b""]
    first = _type_in_one_request(stream, first_chunk, {"goes_on": bool(chunks)}, _TIMEOUT)
    try:
        for number, chunk in enumerate(chunks, 1):
            _type_in_one_request(stream, chunk, {"more": True, "goes_on": number < len(chunks)}, _TIMEOUT)
    except SeshError as error:
        raise error.but(typed=True) from error
    return first


def _matching_question(stream: Stream, pattern: Pattern) -> RequestKeys:
    """Return request keys that identify the session's question. Raises Refused if it does not match.

    With these keys the daemon refuses to type if it asks nothing, or something else by then.
    """
    state, since, question = activity_facts(_ask(stream, STATUS))
    if state == "waiting" and pattern.text != _ANY:
        with pattern:
            # A question is often copied as it stands, with the signs of a pattern in it: [y/N]
            matches = pattern.text in question or any(pattern.matches([question], _soon()))
        if not matches:
            shown = safe.plain(question)
            raise Refused(
                f'{stream.name} is waiting, but asks "{shown}", not {printable(pattern.text)}; nothing was typed'
            )
    return {"since": since, "question": question}


def _type_in_one_request(stream: Stream, text: bytes, request_keys: RequestKeys, timeout: float) -> SendResponse:
    """Type a text by one request, exactly once: a whole text, or one chunk of it."""
    return _typed(stream, Exchange(SEND, request_keys, text, Repeat.WITH_KEY, time.monotonic() + timeout))


def _typed(stream: Stream, exchange: Exchange[SendResponse]) -> SendResponse:
    """Have bytes typed; return the response. Raises Refused, with `typed`, if some of them or Enter are missing."""
    response, _ = stream.ask(exchange)
    if reason := response.get("reason"):
        message, look = f"{stream.name} got the text, but {reason}", f"look: {SESH} screen {stream.name}"
        raise Refused(message, hint=look, typed=True)
    return response


def answer(target: Target, name: str, text: str, since: str, question: str) -> None:
    """Type a person's answer to a program's question.

    Enter follows, unless the answer is one character and the program reads key by key. `since` and `question` identify
    the question, as in `activity`; the daemon refuses if the question has changed. Raises NotFound, Refused, Busy.
    """
    with Stream.open(target, name) as stream:
        by_line = _ask(stream, STATUS)["modes"]["canonical"]
        request_keys: RequestKeys = {"since": since, "question": question, "enter": len(text) != 1 or by_line}
        _type_in_one_request(stream, text.encode(), request_keys, _ENTER_TIMEOUT)


def _press(stream: Stream, keys: bytes) -> SendResponse:
    """Type keys, each Enter alone, exactly once."""
    return _typed(stream, Exchange(PRESS, {}, keys, Repeat.WITH_KEY, _soon()))


def _press_behind(stream: Stream, keys: bytes) -> None:
    """Type keys behind a text, which was typed."""
    try:
        _press(stream, keys)
    except SeshError as error:
        raise error.but(typed=True) from error


def _ask(stream: Stream, request: RequestType[Response]) -> Response:
    response, _ = stream.ask(Exchange(request, deadline=_soon()))
    return response


def _bytes_of_keys(stream: Stream, keys: Sequence[Key]) -> bytes:
    """Return the bytes that keys send; mode DECCKM changes those of cursor keys."""
    if any(key.application != key.sent for key in keys) and _ask(stream, MODES):
        return b"".join(key.application for key in keys)
    return b"".join(key.sent for key in keys)


def _soon() -> float:
    return time.monotonic() + _TIMEOUT
