"""Find the line that names the cause, among the lines that a failed ssh has printed.

It is found by the form of the lines, not by a list of messages: what ssh prints differs between versions, and a jump
host, a ProxyCommand or a login file may print anything.
"""

from __future__ import annotations

import errno
import os
import re
from enum import IntEnum

from sesh.text.safe import plain

_WARNING = re.compile(  # what ssh prints although it goes on
    r"Warning: |\*\* |debug\d: |@|Authenticated |Pseudo-terminal |ControlSocket |autossh|.*: Connection established|"
    r"Transferred: |Bytes per second: |.* line \d+: (Unsupported|Deprecated) option"
)
_END = re.compile(  # what ssh prints after the cause, as after the end of its ProxyCommand ("UNKNOWN port")
    r".*UNKNOWN port|.*: terminating, \d|stdio forwarding failed|banner exchange: |Host key verification failed"
)
_INNER = re.compile(r"(?=\w*[\d_])\w+: ")  # begins with the name of one of ssh's functions
_PLACED = re.compile(r"(?P<file>\S.*?):? line (?P<line>\d+): ")  # a fault in a file, or on the command line (line 0)
_SUMMARY = re.compile(r"[^\d:/'\"]+")  # a sentence without any particulars
_SYSTEM_ERRORS = {os.strerror(number) for number in errno.errorcode}
_CHANGED = re.compile(r"^Host key for (?P<name>\S+) has changed", re.MULTILINE)


class Form(IntEnum):
    """What a line of ssh is about; the highest one names the cause."""

    WARNING = 0
    END = 1
    INNER = 2
    PLAIN = 3


def form(line: str) -> Form:
    forms = {_WARNING: Form.WARNING, _END: Form.END, _INNER: Form.INNER}
    return next((found for pattern, found in forms.items() if pattern.match(line)), Form.PLAIN)


def cause(lines: list[str]) -> str:
    """Return the line that names the cause of a failure; empty if none does.

    The last line of the highest form does, as ssh prints a reason last. But of several faults in one file the first
    one comes first, and a sentence without particulars tells what a system's error just before it has led to.
    """
    ranked = [(form(line), line) for line in lines]
    best = max((found for found, _ in ranked), default=Form.WARNING)
    if best is Form.WARNING:
        return ""
    *before, last = [line for found, line in ranked if found is best]
    if placed := _PLACED.match(last):
        begins = placed["file"], f"{placed['file']}:"
        return next(line for line in (*before, last) if line.startswith(begins) and _PLACED.match(line))
    if before and _SUMMARY.fullmatch(last) and _names_system_error(before[-1]):
        return before[-1]
    return last


def _names_system_error(line: str) -> bool:
    return line.rstrip(".").rpartition(": ")[2] in _SYSTEM_ERRORS


def brief(line: str) -> str:
    """Return the end of a cause, where a few words have to do: the system's error, or what follows a program's name."""
    if placed := _PLACED.match(line):
        return line[placed.start("line") - len("line ") :].rstrip(".")
    sentence = re.sub(r"\.( .*)?\Z", "", line)
    if inner := _INNER.match(line):
        sentence = sentence[inner.end() :]
    elif _names_system_error(sentence) or ": " in sentence:
        sentence = sentence.rpartition(": ")[2]
    return sentence[:1].lower() + sentence[1:]


def changed_key(text: str) -> str:
    """Return the name, as in known_hosts, of a machine whose host key has changed; empty for none."""
    found = _CHANGED.search(text)
    return plain(found["name"]) if found else ""
