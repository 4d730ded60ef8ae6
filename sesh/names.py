"""Names of sessions, labels and hosts: pure checks, made before any file is touched."""

from __future__ import annotations

import re
from typing import TypeGuard

from sesh import errors
from sesh.about import SESH
from sesh.errors import UsageError

LONGEST_NAME = 64
"""Bytes; a name is a file name, and its socket's path must fit the platform's limit in any directory."""

LONGEST_ID = 64
"""Characters."""
MAX_RESUME = 32 << 10
"""Bytes of a resume command, with one between each two words."""


_ALPHANUMERIC = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_FIRST = _ALPHANUMERIC | {"_"}
_REST = _FIRST | {".", "+", "-"}
_HOST = _ALPHANUMERIC | set("._-+%")
_USER = _ALPHANUMERIC | set("._-+\\@")
_IPV6 = frozenset("0123456789abcdefABCDEF:.")
_ADDRESS = _ALPHANUMERIC | set(":.%")
"""Of an IPv6 address in brackets, with its zone."""


def is_name(name: object) -> TypeGuard[str]:
    """Return whether a session may have this name: 1 to 64 of letters, digits, `. _ + -`, none of `. + -` first."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name[0] in _FIRST and _REST.issuperset(name)


def is_id(value: object) -> TypeGuard[str]:
    """Return whether `value` may be a session's id, which is part of file names: 1 to 64 ASCII letters and digits."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isascii() and value.isalnum()


def is_system_text(text: str) -> bool:
    """Return whether the system takes a text as a path or a word: without NUL, and encodable."""
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def is_latin(text: object) -> TypeGuard[str]:
    """Return whether `text` is bytes as latin-1."""
    return isinstance(text, str) and max(text, default="") <= "\xff"


def is_colour(text: object) -> TypeGuard[str]:
    """Return whether `text` is a colour as `#rrggbb`."""
    return isinstance(text, str) and re.fullmatch("#[0-9a-f]{6}", text) is not None


def is_resume(command: object) -> TypeGuard[list[str]]:
    """Return whether `command` may be kept as the one that starts a session again: words of `MAX_RESUME` bytes."""
    if not (isinstance(command, list) and all(isinstance(word, str) and is_system_text(word) for word in command)):
        return False
    size = len("\0".join(command).encode("utf-8", "surrogateescape"))
    return 0 < size <= MAX_RESUME and command[0] != ""


def check_resume(command: list[str]) -> list[str]:
    """`command` itself, the one that starts a session again, or without words none. Raises Refused."""
    if command and not is_resume(command):
        raise errors.Refused(f"a resume command has words of at most {MAX_RESUME:,} bytes; nothing was changed")
    return command


def is_decimal(text: str) -> bool:
    """Return whether a text is an integer, 0 or more, of at most 18 digits."""
    return text.isdecimal() and text.isascii() and len(text) <= 18


def check_name(name: str) -> str:
    """`name` itself. Raises InvalidName, with the rule, if no session may have it."""
    if is_name(name):
        return name
    if not name:
        rule = "the session name is empty"
    elif len(name) > LONGEST_NAME:
        rule = f"a session name has at most {LONGEST_NAME} characters, not {len(name)}"
    elif verb := name.lstrip("\u2013\u2014") if name[0] in "\u2013\u2014" else "":
        raise errors.InvalidName(f"{printable(name)} begins with a long dash", hint=f"write --{printable(verb)}")
    else:
        rule = f"{printable(name)} is not a valid session name"
    allowed = "use ASCII letters, digits, '.', '_', '+', '-', and begin with a letter, digit or '_'"
    raise errors.InvalidName(f"{rule}: {allowed}")


def check_host(text: str) -> str:
    """`text` itself if it is an ssh destination `[user@]host[:port]` or an alias of ssh_config.

    Raises InvalidHost for anything that ssh or a shell could read as something else.
    """
    user, sign, rest = text.rpartition("@")
    if rest.startswith("["):
        host, closed, port = rest[1:].partition("]")
        port_ok = not port or (port[0] == ":" and _is_port(port[1:]))
        host_ok = bool(closed) and bool(host) and _ADDRESS.issuperset(host)
    else:
        host, colon, port = rest.partition(":")
        port_ok = not colon or _is_port(port)
        host_ok = bool(host) and _HOST.issuperset(host)
    user_ok = not sign or (bool(user) and user[0] != "-" and _USER.issuperset(user))
    if len(text) <= 255 and host_ok and port_ok and user_ok and host[0] not in "-.":
        return text
    if user_ok and rest.count(":") > 1 and _IPV6.issuperset(rest.partition("%")[0]):
        address = printable(f"{user}{sign}[{rest}]")
        raise errors.InvalidHost(
            f"{printable(text)} is not a host: write an IPv6 address in brackets, '{address}', or a Host from your "
            "ssh_config"
        )
    number = rest.rpartition(":")[2]
    if host_ok and user_ok and not port_ok and number.isdecimal():
        raise errors.InvalidHost(f"{printable(number)} is not a port: write a number from 1 to 65535")
    if meant := _places(text):
        raise errors.InvalidHost(f"{printable(text)} is not a host", hint=meant)
    raise errors.InvalidHost(
        f"{printable(text)} is not a host: write [user@]host[:port], or a Host from your ssh_config"
    )


def _places(text: str) -> str:
    """The words for several hosts (`web1,web2`), or for a host and a session (`web1:name`, `web1/name`), that were
    written as one; empty if they are none of these."""
    hosts = text.split(",")
    if len(hosts) > 1 and all(map(_is_plain_host, hosts)):
        return f"for several: {' '.join([SESH, *(f'@{host}' for host in hosts)])}"
    host, _, name = text.replace("/", ":").partition(":")
    if _is_plain_host(host) and is_name(name):
        return f"for a session on it: {SESH} @{host} {name}"
    return ""


def _is_plain_host(text: str) -> bool:
    return bool(text) and text[0] not in "-." and _HOST.issuperset(text)


def _is_port(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 6 and 0 < int(text) < 65536


def check_label(text: str) -> tuple[str, str]:
    """The key and value of `K=V`; a key is like a name, a value holds no control characters. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not is_name(key):
        raise UsageError(f"{printable(text)} is not a label; write KEY=VALUE")
    if len(value) > 1024 or any(not character.isprintable() for character in value):
        raise UsageError(f"the value of label {key} is longer than 1,024 characters or contains a control character")
    return key, value


def check_variable(text: str) -> tuple[str, str]:
    """The name and value of `K=V` for a program's environment. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not key or "\0" in text:
        raise UsageError(f"{printable(text)} is not a variable: write --env NAME=VALUE")
    return key, value


def natural(name: str) -> tuple[str, str]:
    """The key that sorts names as people do, s2 before s10: by the length of each number, then by its digits."""
    key = number = ""
    for character in f"{name}\0":
        if "0" <= character <= "9":
            number += character
            continue
        if number:
            digits = number.lstrip("0")
            key, number = f"{key}{len(digits):03}{digits}", ""
        key += character
    return key, name


def subject(name: str) -> str:
    """A session's name as the subject of a sentence: a number alone would be read as a count."""
    return f"session {name}" if name.isdigit() else name


def printable(text: str, limit: int = 80) -> str:
    """`text` in a form that is safe in one line of a terminal: quoted if needed, controls escaped, cut short."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    if shown and all(character.isprintable() and character not in "'\"\\ " for character in shown):
        return shown
    return repr(shown)


def printable_path(path: str) -> str:
    """A path as `printable` shows text, but whole: what tells one from another is its end."""
    return printable(path, 4096)
