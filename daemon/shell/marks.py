"""Has a live shell report the begin and the end of a command of `--run` by marks, and takes these out of its output.

The shell sources an outer file, which prints mark B, sources an inner file, and prints mark E with the exit code. The
inner file prints mark C and holds the command: a `return` in it ends that file alone. On /dev/tty each mark is written
as `OSC 7373;TOKEN;…BEL`. The outer file is one line, or `set -v` would show it in the output. Both files are read only
if they exist: a line that a shell reads after its run was given up does nothing, and shows no error of ours.

The typed line is echoed by the shell's line editor, which nothing keeps from printing it. So clients and the screen get
the command instead, as if somebody had typed it, and of the echo only sequences that set modes and move no cursor.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence

from sesh import files, paths
from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH
from sesh.wording import blanked

_BEGIN = b"\x1b]7373;"
_MARK = re.compile(rb"\x1b\]7373;([.0-9a-f]+);([BCE])(?:;([0-9]+))?\x07")
_LONGEST = 96
_MOST_HELD = 64 << 10
_MODES = re.compile(rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]")
"""The private modes, keyboard modes, strings and queries in an echo (ECMA-48 5.4, XTerm ctlseqs)."""
_NAMED = re.compile(rb"(?<=\x1b\]133;C);cmdline_url=[^;\x07\x1b]*")
"""The command that a mark names. Where a shell keeps lines with a leading blank out of its history, it is not ours but
the one before."""


class MarkFilter:
    """A filter of the program's output.

    `marked` is called with every mark (token, letter, exit code) and returns its replacement. `passed` is called with
    the output between marks.
    """

    def __init__(
        self, secret: str, marked: Callable[[str, str, int | None], bytes], passed: Callable[[bytes], None]
    ) -> None:
        self._secret, self._start = secret, _BEGIN + secret.encode()
        self._marked, self._passed = marked, passed
        self._held: bytearray | None = None
        self._part = b""  # the end of the last block, if it may be the beginning of a mark

    def hold(self) -> None:
        """Hold output back until `drop` or `release`."""
        if self._held is None:
            self._held = bytearray()

    def drop(self) -> bytes:
        """Return the held sequences that set the terminal's modes, without the text; hold nothing any more."""
        return _NAMED.sub(b"", b"".join(_MODES.findall(self.release())))

    def release(self) -> bytes:
        """Return all held output; hold nothing any more."""
        held, self._held = bytes(self._held or b""), None
        return held

    def finish(self) -> bytes:
        """Return all held output, also the beginning of a mark, as no more output will come."""
        part, self._part = self._part, b""
        return self.release() + self._pass(part)

    def filter(self, block: bytes) -> bytes:
        """Return the block as clients and the emulator see it."""
        data, self._part = self._part + block, b""
        start = data.rfind(b"\x1b", max(0, len(data) - _LONGEST))
        if start >= 0 and self._may_begin(data[start:]):
            data, self._part = data[:start], data[start:]
        out, position = [], 0
        for mark in _MARK.finditer(data) if self._start in data else ():
            token, letter, digits = (group.decode() if group else "" for group in mark.groups())
            if not token.startswith(self._secret):
                continue  # another session's, whose shell runs in this one
            out.append(self._pass(data[position : mark.start()]))
            out.append(self._marked(token, letter, int(digits) if digits else None))
            position = mark.end()
        out.append(self._pass(data[position:]))
        return b"".join(out)

    def _may_begin(self, end: bytes) -> bool:
        return self._start.startswith(end) or (end.startswith(self._start) and b"\x07" not in end)

    def _pass(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        if self._held is None:
            self._passed(piece)
            return piece
        self._held += piece
        return self.release() if len(self._held) > _MOST_HELD else b""


_KEEP_OUT_OF_HISTORY = (
    "__sesh_history() { emulate -L zsh; [[ $1 != ' \\[ -e '*.run$'\\n' ]]; }; "
    "typeset -gaU zshaddhistory_functions; zshaddhistory_functions+=(__sesh_history)"
)
"""Keeps our lines out of zsh's history, from the second one on. In bash, the last line is deleted instead."""


def quoted(word: str, kind: str) -> str:
    text = shlex.quote(word)
    if kind == FISH and text != word:
        return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def source(words: Sequence[str], kind: str) -> str:
    """Join several words to one command line; a single word is shell source and stays as it is."""
    return words[0] if len(words) == 1 else " ".join(quoted(word, kind) for word in words)


def shown(words: Sequence[str], kind: str) -> str:
    """Return the first line of a command, as clients see it typed."""
    lines = source(words, kind).strip("\n").split("\n")
    first = blanked(lines[0])[:4096]
    return first + (" …" if len(lines) > 1 else "")


class Wrapper:
    """The files of one run, 0600 in the directory of sessions, and the line that makes a shell source them."""

    def __init__(self, name: str, secret: str, kind: str) -> None:
        folder, unique = paths.directory(), os.urandom(4).hex()
        self.kind, self.token = kind, f"{secret}.{unique}"
        # The outer file's name is never used again: a line that is read too late finds nothing. The inner file's name
        # appears in the shell's messages about the command, so it is one that people know.
        self._outer = os.path.join(folder, f".{unique}.run")
        self._inner = os.path.join(folder, f"{name}.sesh-run")

    @property
    def line(self) -> bytes:
        """The line to be typed; its leading blank keeps it out of the history of shells that are set so."""
        path = quoted(self._outer, self.kind)
        if self.kind == FISH:  # in a file that fish sources `exit` would leave that file alone
            line = f"builtin test -e {path}; and eval (command cat {path})"
        else:
            line = f"\\[ -e {path} ] && \\. {path}"
        return f" {line}\r".encode("utf-8", "surrogateescape")

    def write(self, command: str) -> None:
        # fish shows the line of an error: the mark is not to be in it.
        separator = "\n" if self.kind == FISH else "; "
        inner = f"{self._mark('C')}{separator}{command}"
        with files.masked(0o077):
            for path, text in ((self._outer, self._outer_text()), (self._inner, inner)):
                files.write_whole(path, f"{text}\n".encode("utf-8", "surrogateescape"))

    def remove(self) -> None:
        for path in (self._outer, self._inner):
            try:
                os.unlink(path)
            except OSError:
                continue

    def _mark(self, letter: str, before: str = "") -> str:
        """Return the words that print a mark; where a trace (`set -x`) goes to stderr, it is not seen."""
        fish = self.kind == FISH
        printf = "\\printf" if self.kind in (DASH, ASH) else "builtin printf"
        mark, code = f"7373;{self.token};{letter}", ""
        if letter == "E":
            mark, code = f"{mark};%s", "$status " if fish else '"$?" '
        words = f"{printf} '\\033]{mark}\\007' {code}>/dev/tty"
        return words if fish else f"{{ {before}{words}; }} 2>/dev/null"

    def _outer_text(self) -> str:
        inner, end = quoted(self._inner, self.kind), self._mark("E")
        if self.kind == FISH:
            ends = f"function __sesh_end --on-event fish_postexec; {end}; functions -e __sesh_end; end"
            reads = f"builtin test -e {inner}; and eval (command cat {inner} | string collect)"
            return f"{ends}; {self._mark('B')}; {reads}"
        reads = f"\\[ -e {inner} ] && "
        if self.kind == ZSH:
            begin = self._mark("B", f"{_KEEP_OUT_OF_HISTORY}; ")
            return f"{begin}; {{ {reads}\\. {inner}; }} always {{ {end}; }}"
        if self.kind == BASH:
            ours = quoted(self._outer, BASH)
            forget = f"case $(HISTTIMEFORMAT= builtin history 1) in *{ours}) builtin history -d -1;; esac; "
            return f"{self._mark('B', forget)}; {reads}\\. {inner}; {end}"
        return f"{self._mark('B')}; {reads}\\command . {inner}; {end}"
