"""Makes a shell mark a `run` command's start and end, and filters the marks.

The shell sources an outer file, which prints mark B, sources an inner file, and prints mark E with the exit code. The
inner file prints mark C and contains the command, so that a `return` in the command ends only this file. If the command
is no shell source, nothing of this file runs: then the output follows B. Marks are written to /dev/tty, as `OSC
7373;TOKEN;…BEL`. The outer file is one line, or `set -v` would show it in the output. Both files are read only if they
exist: if the run has been abandoned by the time the shell reads the line, the shell does nothing, and prints no error.

The shell's line editor echoes the typed line. Clients and the screen get the command's text instead, as if it had been
typed, and only those sequences of the echo that set modes and do not move the cursor.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH, Shell
from sesh.system import files, paths

_BEGIN = b"\x1b]7373;"
_MARK = re.compile(rb"\x1b\]7373;([.0-9a-f]+);([BCE])(?:;([0-9]+))?\x07")
_MAX_MARK = 96  # bytes of a mark
_MAX_HELD = 64 << 10  # bytes held back; more are released
_MODES = re.compile(rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]")
"""Private modes, keyboard modes, strings and queries (ECMA-48 5.4, XTerm ctlseqs)."""
_NAMED = re.compile(rb"(\x1b\]133;C[^\x07\x1b]*?);cmdline_url=[^;\x07\x1b]*")
"""The command in the shell's own mark C. It is removed: a shell whose history lacks our line names an older command."""


class RunMark(NamedTuple):
    token: str
    letter: str
    code: int | None  # the exit code


class MarkFilter:
    """Separates the marks of runs from the output, and holds back a line's echo.

    `secret`: the prefix of this session's tokens.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._start = _BEGIN + secret.encode()
        self._held: bytearray | None = None
        self.part = b""  # the end of the last block, if it may be an incomplete mark

    def hold(self) -> None:
        """Hold output back until `drop` or `release`."""
        if self._held is None:
            self._held = bytearray()

    def drop(self) -> bytes:
        """Discard the held output, and stop holding; return only its sequences that set modes."""
        return _NAMED.sub(rb"\1", b"".join(_MODES.findall(self.release())))

    def release(self) -> bytes:
        held = bytes(self._held or b"")
        self._held = None
        return held

    def split(self, block: bytes) -> list[bytes | RunMark]:
        """Return the marks that the block completes, and the output before, between and after them."""
        data = self.part + block
        self.part = b""
        start = data.rfind(b"\x1b", max(0, len(data) - _MAX_MARK))
        if start >= 0 and self._may_begin(data[start:]):
            data, self.part = data[:start], data[start:]
        if self._start not in data:
            return [data]
        parts: list[bytes | RunMark] = []
        position = 0
        for mark in _MARK.finditer(data):
            token, letter, digits = (group.decode() if group else "" for group in mark.groups())
            if token.startswith(self._secret):  # else from a session that is nested in this one
                parts += [data[position : mark.start()], RunMark(token, letter, int(digits) if digits else None)]
                position = mark.end()
        return [*parts, data[position:]]

    def _may_begin(self, end: bytes) -> bool:
        return self._start.startswith(end) or (end.startswith(self._start) and b"\x07" not in end)

    def visible(self, piece: bytes) -> bytes:
        """Return output, or hold it back."""
        if self._held is None:
            return piece
        self._held += piece
        return self.release() if len(self._held) > _MAX_HELD else b""


_KEEP_OUT_OF_HISTORY = (
    "__sesh_history() { emulate -L zsh; [[ $1 != ' \\[ -e '*.run$'\\n' ]]; }; "
    "typeset -gaU zshaddhistory_functions; zshaddhistory_functions+=(__sesh_history)"
)
"""Keeps our lines out of zsh's history from the second one on. In bash, they are deleted instead."""


def quoted(word: str, kind: str) -> str:
    text = shlex.quote(word)
    if kind == FISH and text != word:
        return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def source(words: Sequence[str], kind: str) -> str:
    """Join words to a command line; a single word is shell source, not quoted."""
    return words[0] if len(words) == 1 else " ".join(quoted(word, kind) for word in words)


def shown(words: Sequence[str], kind: str) -> str:
    """Return the first line of a command, as clients see it typed."""
    lines = source(words, kind).strip("\n").split("\n")
    first = "".join(character if character.isprintable() else " " for character in lines[0][:4096])
    return first + (" …" if len(lines) > 1 else "")


class Wrapper:
    """The files of one run (mode 0600), and the line that sources them."""

    def __init__(self, name: str, secret: str, shell: Shell) -> None:
        folder = paths.directory()
        unique = os.urandom(4).hex()
        self.shell = shell
        self.token = f"{secret}.{unique}"
        # The outer file's name is unique, so that a line that is read too late finds no file. The inner file's name
        # appears in the shell's error messages, so it is readable.
        self._outer = os.path.join(folder, f".{unique}.run")
        self._inner = os.path.join(folder, f"{name}.sesh-run")

    @property
    def line(self) -> bytes:
        """The line to type; its leading blank may keep it out of the history."""
        path = quoted(self._outer, self.shell.kind)
        if self.shell.kind == FISH:  # in a sourced file, `exit` would not end fish
            line = f"builtin test -e {path}; and eval (command cat {path})"
        else:
            line = f"\\[ -e {path} ] && \\. {path}"
        return f" {line}\r".encode("utf-8", "surrogateescape")

    def write(self, command: str) -> None:
        # fish prints the line in which an error occurs; it must not contain the mark.
        separator = "\n" if self.shell.kind == FISH else "; "
        inner = f"{self._mark('C')}{separator}{command}"
        for path, text in ((self._outer, self._outer_text()), (self._inner, inner)):
            files.write_whole(path, f"{text}\n".encode("utf-8", "surrogateescape"))

    def withdraw(self) -> None:
        """Remove the outer file, so that a line that is read later does nothing."""
        with suppress(OSError):
            os.unlink(self._outer)

    def remove(self) -> None:
        self.withdraw()
        with suppress(OSError):
            os.unlink(self._inner)

    def _mark(self, letter: str, before: str = "") -> str:
        """Return shell source that runs `before` and prints a mark, without a trace (`set -x`)."""
        fish = self.shell.kind == FISH
        printf = "\\printf" if self.shell.kind in (DASH, ASH) else "builtin printf"
        mark = f"7373;{self.token};{letter}"
        code = ""
        if letter == "E":
            mark = f"{mark};%s"
            code = "$status " if fish else '"$?" '
        words = f"{printf} '\\033]{mark}\\007' {code}>/dev/tty"
        return words if fish else f"{{ {before}{words}; }} 2>/dev/null"

    def _outer_text(self) -> str:
        inner = quoted(self._inner, self.shell.kind)
        end = self._mark("E")
        if self.shell.kind == FISH:
            ends = f"function __sesh_run_end --on-event fish_postexec; {end}; functions -e __sesh_run_end; end"
            reads = f"builtin test -e {inner}; and eval (command cat {inner} | string collect)"
            return f"{ends}; {self._mark('B')}; {reads}"
        reads = f"\\[ -e {inner} ] && "
        if self.shell.kind == ZSH:
            begin = self._mark("B", f"{_KEEP_OUT_OF_HISTORY}; ")
            return f"{begin}; {{ {reads}\\. {inner}; }} always {{ {end}; }}"
        if self.shell.kind == BASH:
            ours = quoted(self._outer, BASH)
            forget = f"case $(HISTTIMEFORMAT= builtin history 1) in *{ours}) builtin history -d -1;; esac; "
            return f"{self._mark('B', forget)}; {reads}\\. {inner}; {end}"
        return f"{self._mark('B')}; {reads}\\command . {inner}; {end}"
