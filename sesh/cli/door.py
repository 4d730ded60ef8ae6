"""`--desk SHIM WORDS…`: what a shim becomes, and what answers its caller. It imports little: programs wait for it."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from sesh.about import PROGRAM
from sesh.desktop import shim, targets
from sesh.desktop.shim import Act, Answer, Call
from sesh.errors import SeshError, for_host
from sesh.names import is_name
from sesh.ops import desk
from sesh.schema.facts import Record
from sesh.store import listing, records
from sesh.system import descriptors, files, processes
from sesh.text import safe
from sesh.wire.messages import Why, Wish, refusal
from sesh.wire.pieces import MAX_BYTES, TOO_LARGE

MAX_PRIMARY = 1 << 20  # bytes of X11's other clipboard, which stays in the session
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "env", "timeout"))
_ANCESTORS = 8  # processes above a call among which its program is looked for


class _HandOn(Exception):
    """The next program of the shim's name is to be run."""


class _Unreadable(Exception):
    """A file that is to be written to a clipboard cannot be read."""


class _Asker(NamedTuple):
    """The session, and the program in it, that asks."""

    session: str
    program: str


def run(words: Sequence[str]) -> int:
    """Do what a shim was called for; return its exit code. `words`: its path, and the words of its call."""
    path, *rest = words
    call = shim.parse(os.path.basename(path), rest, stdin_is_terminal=os.isatty(0))
    try:
        if call is None:
            raise _HandOn
        answer, line = _answer(call, _session())
    except _HandOn:
        return _hand_on(path, rest)
    except _Unreadable as error:
        return _print(Answer(error=str(error), code=1), "")
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return _print(answer, line)


def _session() -> Record:
    """Return the record of the session from which the call came."""
    try:
        record = listing.of_asker()
    except SeshError:  # another user's directory, as after sudo
        raise _HandOn from None
    if record is None or not is_name(record["name"]) or not (records.here(record) and records.alive(record)):
        raise _HandOn
    return record


def _hand_on(path: str, words: Sequence[str]) -> int:
    """Become the shim again, which runs the next program of its name."""
    os.environ["SESH_HANDED"] = str(os.getpid())
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what it executes would, too
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(path, [path, *words])
    except OSError:
        return 127


def _answer(call: Call, record: Record) -> tuple[Answer, str]:
    """Return what the caller hears, and a line for its person."""
    if call.primary:
        return _primary(call, record["id"])
    act: Callable[[Call, _Asker], tuple[Answer, str]] = {
        Act.LIST: _list, Act.READ: _read, Act.WRITE: _write, Act.OPEN: _open,
    }[call.act]  # fmt: skip
    return act(call, _Asker(record["name"], program(call.tool, record.get("daemon_pid") or 0)))


def _ask(asker: _Asker, wish: Wish, data: bytes = b"", *, type_: str = "", url: str = "") -> desk.Answer:
    """Ask the desktop; whatever fails is an answer, too."""
    try:
        return desk.ask(asker.session, wish, data, type_=type_, url=url, program=asker.program)
    except SeshError as error:
        return desk.Answer(refusal(Why.GONE, for_host(error.text, None)))


def program(tool: str, daemon: int) -> str:
    """Return the name of the program that has called: the nearest one that is no shell; else the tool's."""
    pid = os.getppid()
    for _ in range(_ANCESTORS):
        if pid in (0, 1, daemon):
            break
        command = processes.command_of(pid)
        name = os.path.basename(command[0]).lstrip("-") if command else ""
        if name not in _SHELLS:
            return name or tool
        pid = processes.parent_of(pid)
    return tool


# -- what the desktop is asked for


def _list(call: Call, asker: _Asker) -> tuple[Answer, str]:
    reply = _ask(asker, Wish.LIST)
    return shim.listed(call, reply.told.get("types", []) if reply.ok else []), _words(reply)


def _read(call: Call, asker: _Asker) -> tuple[Answer, str]:
    # Of one type by its name, the content is asked for at once.
    type_, types = targets.mime(call.target), None
    if "/" not in type_:
        listed = _ask(asker, Wish.LIST)
        types = listed.told.get("types", []) if listed.ok else []
        type_ = targets.choose(call.target, types)
        if not type_:
            return shim.nothing(call, types), _words(listed)
    reply = _ask(asker, Wish.READ, type_=type_)
    if reply.ok:
        return shim.delivered(call, reply.told.get("type") or type_, reply.data), ""
    if types is None and reply.why is Why.EMPTY and call.tool == "wl-paste":  # it says whether there is anything
        # An older client does not say it with its answer.
        types = reply.told["types"] if "types" in reply.told else _ask(asker, Wish.LIST).told.get("types", [])
    return shim.nothing(call, types or []), _words(reply)


def _write(call: Call, asker: _Asker) -> tuple[Answer, str]:
    data = _content(call)
    if len(data) > MAX_BYTES:
        return shim.not_written(call), TOO_LARGE
    reply = _ask(asker, Wish.WRITE, data, type_=call.type_of(data))
    return shim.written(call) if reply.ok else shim.not_written(call), _words(reply)


def _open(call: Call, asker: _Asker) -> tuple[Answer, str]:
    reply = _ask(asker, Wish.OPEN, url=call.url)
    return Answer() if reply.ok else shim.not_opened(call), _words(reply)


def _content(call: Call) -> bytes:
    """Return what is to be written, at most one byte more than may be. Raises _Unreadable."""
    data = call.text
    if data is None and call.files:
        data = b""
        for file in call.files:
            try:
                with open(file, "rb") as opened:
                    data += opened.read(MAX_BYTES + 1 - len(data))
            except OSError as error:
                raise _Unreadable(f"{call.tool}: {file}: {error.strerror}") from None
    if data is None:
        data = descriptors.whole_stdin(MAX_BYTES)
    return data[:-1] if call.trims and data.endswith(b"\n") else data


def _primary(call: Call, session_id: str) -> tuple[Answer, str]:
    """Read or write X11's other clipboard, which each selection of text changes: it stays in the session."""
    path = records.file_of(session_id, "primary")
    if call.act is Act.WRITE:
        return _write_primary(call, path)
    data = files.read_own(path, MAX_PRIMARY)
    if not data:
        return shim.nothing(call), ""
    if call.act is Act.LIST:
        return shim.listed(call, [targets.TEXT]), ""
    type_ = targets.choose(call.target, [targets.TEXT])
    return shim.delivered(call, type_, data) if type_ else shim.nothing(call, [targets.TEXT]), ""


def _write_primary(call: Call, path: str) -> tuple[Answer, str]:
    data = _content(call)
    if len(data) > MAX_PRIMARY:
        return shim.not_written(call), "the primary selection of a session takes at most 1 MiB"
    try:
        files.write_whole(path, data)
    except OSError as error:
        return shim.not_written(call), f"the primary selection was not kept: {error.strerror}"
    return shim.written(call), ""


# -- the answer


def _words(reply: desk.Answer) -> str:
    """Return the line for the person: why nothing was delivered, unless there was nothing."""
    return "" if reply.ok or reply.why is Why.EMPTY else reply.told.get("words", "")


def _print(answer: Answer, line: str) -> int:
    """Print an answer; return its code. On a terminal in raw mode only what a program reads is printed."""
    said = "".join(f"{each}\n" for each in [answer.error] if each)
    if _is_drawn_on():
        said = ""
    elif line:
        said += f"{PROGRAM}: {safe.one_line(line)}\n"
    with suppress(OSError):
        files.write_all(2, said.encode("utf-8", "surrogateescape"))
    try:
        files.write_all(1, answer.out)
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except OSError as error:
        with suppress(OSError):
            sys.stderr.write(f"{PROGRAM}: cannot print: {error.strerror}\n")
        return 1
    return answer.code


def _is_drawn_on() -> bool:
    """Return whether stderr is a terminal in raw mode, on which a program draws."""
    try:
        return not termios.tcgetattr(2)[descriptors.LOCAL] & termios.ICANON
    except (termios.error, OSError):
        return False
