"""Names of sessions, labels and hosts, checked before any file is touched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sesh import errors
from sesh.errors import UsageError

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

MAX_NAME = 64
"""Bytes: the path of the session's socket must stay within the limit of `sun_path`."""
MAX_ID = 64
MAX_RESUME = 32 << 10  # bytes of a resume command, with one byte between two words
_MAX_HOST = 255
_MAX_LABEL = 1024
_MAX_SHOWN = 1024  # characters of a user's word in a message

_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.+-]{{0,{MAX_NAME - 1}}}")
_HOST = re.compile(
    r"\A(?:(?P<user>[^-].*)@)?"  # \A: from no other place is it tried
    r"(\[[A-Za-z0-9:%][A-Za-z0-9:.%]*\]|[A-Za-z0-9_+%][A-Za-z0-9_.+%-]*)"
    r"(:(?P<port>[0-9]{1,5}))?"
)
"""Matches user, host or bracketed address, and port. No part begins with a dash: ssh would read an option."""
_NOT_IN_USER = re.compile(r"[\s'`\";&<>|(){}]|\\\Z|\Assh://")  # by OpenSSH's `valid_ruser`; blanks end a word in files


def is_name(name: object) -> TypeGuard[str]:
    """Return whether a session may have this name, by the rule in `check_name`."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def is_id(value: object) -> TypeGuard[str]:
    """Return whether `value` is a valid session id: 1 to 64 ASCII letters and digits."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID and value.isascii() and value.isalnum()


def is_system_text(text: str) -> bool:
    """Return whether a text can be a path or an argument: encodable, without NUL."""
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def is_latin(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and max(text, default="") <= "\xff"


def check_resume(command: list[str]) -> list[str]:
    """Return a valid resume command, or an empty one. Raises Refused."""
    if command[:1] == [""] or len(" ".join(command).encode("utf-8", "surrogatepass")) > MAX_RESUME:
        raise errors.Refused(f"a resume command is a program and its arguments, at most {MAX_RESUME:,} bytes")
    return command


def is_decimal(text: str) -> bool:
    """Return whether a text is an integer, 0 or more, of at most 18 digits."""
    return text.isdecimal() and text.isascii() and len(text) <= 18


def check_name(name: str) -> str:
    """Return a valid session name. Raises UsageError, with the rule."""
    if is_name(name):
        return name
    if name[:1] == "@":
        what = "is a host, which comes before the verb and its words"
    else:
        letters = f"1 to {MAX_NAME} ASCII letters, digits, '.', '_', '+', '-'"
        what = f"is not a valid session name: use {letters}, and begin with a letter, digit or '_'"
    raise UsageError(f"{printable(name)} {what}", code="invalid_name")


def check_host(text: str) -> str:
    """Return `text` if it is an ssh destination `[user@]host[:port]` or a Host of ssh_config.

    The last `@` ends the user, which may be whatever ssh takes: bastions have names such as `me:target@gate`. Raises
    UsageError for any text that ssh or a shell could interpret differently.
    """
    match = _HOST.fullmatch(text) if len(text) <= _MAX_HOST and text.isprintable() else None
    is_valid = match is not None and not _NOT_IN_USER.search(match["user"] or "")
    if match is not None and is_valid and (match["port"] is None or 0 < int(match["port"]) < 65536):
        return text
    how = "write [user@]host[:port], with an IPv6 address in brackets, or a Host from your ssh_config"
    raise UsageError(f"{printable(text)} is not a host: {how}", code="invalid_host")


def check_label(text: str) -> tuple[str, str]:
    """Return key and value of a label `K=V`. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not is_name(key) or len(value) > _MAX_LABEL or not value.isprintable():
        raise UsageError(f"{printable(text)} is not a label: write KEY=VALUE, at most {_MAX_LABEL:,} characters")
    return key, value


def check_labels(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return labels by key. Raises UsageError if one has two values: a session has one, and none would match both."""
    labels: dict[str, str] = {}
    for key, value in pairs:
        if labels.setdefault(key, value) != value:
            raise UsageError(f"the label {key} is given twice, as {printable(labels[key])} and {printable(value)}")
    return labels


def check_variable(text: str) -> tuple[str, str]:
    """Return the name and value of `K=V` for a program's environment. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not key or "\0" in text:
        raise UsageError(f"{printable(text)} is not a variable: write --env NAME=VALUE")
    return key, value


def pair(key: str, value: str) -> str:
    """Return `KEY=VALUE`. Raises UsageError if the key has `=`: the text would be read as another pair."""
    if "=" in key:
        raise UsageError(f"{printable(key)} is not a name: it has '='")
    return f"{key}={value}"


_CATEGORIES = "ADDRESS ALL COLLATE CTYPE IDENTIFICATION MEASUREMENT MESSAGES MONETARY NAME NUMERIC PAPER TELEPHONE TIME"
_LOCALE = {"LANG", *(f"LC_{category}" for category in _CATEGORIES.split())}


def is_locale(variable: str) -> bool:
    """Return whether a variable names a locale. Another LC_… may be anything: servers of ssh often accept it."""
    return variable in _LOCALE


def natural(name: str) -> tuple[str, str]:
    """Return the sort key of natural order: s2 before s10."""
    return re.sub("[0-9]+", lambda number: number[0].zfill(MAX_NAME), name), name


def subject(name: str) -> str:
    """Return a session's name as a subject; `session 3`, since `3` reads as a count."""
    return f"session {name}" if name.isdigit() else name


def nearest(word: str, words: Iterable[str], likeness: float = 0.6) -> str:
    """Return the word that is most like `word`, as difflib measures it; empty for none."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a slip needs it

    return next(iter(get_close_matches(word, list(words), 1, likeness)), "")


def printable(text: str) -> str:
    """Return `text` for one line: quoted if needed, controls escaped, a long one cut."""
    shown = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    if shown and all(character.isprintable() and character not in "'\"\\ " for character in shown):
        return shown
    return repr(shown)
