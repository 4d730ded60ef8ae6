"""What is put around a command so that a live shell tells where it begins and how it ends.

The shell is made to source a first file, which prints B, sources a second one and prints E with the exit code; the
second prints C, then holds the command: a `return` in it ends that file alone. The marks are `OSC 7373;TOKEN;…BEL` on
/dev/tty. The first file is one line, else `set -v` would show it in the output.
"""

from __future__ import annotations

import os

from sesh import paths
from sesh.daemon.shells import ASH, BASH, DASH, FISH, ZSH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")

_FORGETTING = (
    "__sesh_history() { emulate -L zsh; [[ $1 != ' \\. '*.run$'\\n' ]]; }; "
    "typeset -gaU zshaddhistory_functions; zshaddhistory_functions+=(__sesh_history)"
)
"""Keeps our lines, from the second one on, out of zsh's history; bash's can be told to forget the last one."""


def quoted(word: str, kind: str) -> str:
    """A word as that shell reads it back."""
    if word and _SAFE.issuperset(word):
        return word
    if kind == FISH:
        return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + word.replace("'", "'\"'\"'") + "'"


def source(words: Sequence[str], kind: str) -> str:
    """Several words as one command line, a single one as it is: it is shell source."""
    return words[0] if len(words) == 1 else " ".join(quoted(word, kind) for word in words)


def shown(words: Sequence[str], kind: str) -> str:
    """A command as a watcher sees it typed: its first line."""
    lines = source(words, kind).strip("\n").split("\n")
    first = "".join(each if each.isprintable() else " " for each in lines[0])[:4096]
    return first + (" …" if len(lines) > 1 else "")


class Scaffold:
    """The files of one run, 0600 in the directory of sessions, and the line that has a shell read them."""

    def __init__(self, name: str, token: str, kind: str, command: str | None) -> None:
        folder = paths.directory()
        self.kind, self.token = kind, token
        # The first file's name is never used again: a line that is read too late finds nothing. The second one's
        # stands in a shell's complaints about the command, so it is one that people know.
        self.outer = os.path.join(folder, f".{os.urandom(4).hex()}.run")
        self.inner = os.path.join(folder, f"{name}.cmd")
        self._command = command

    @property
    def line(self) -> bytes:
        """What is typed; the blank before it keeps it out of the history of shells that are told so."""
        path = quoted(self.outer, self.kind)
        if self.kind != FISH:
            line = f"\\. {path}"
        elif self._command is None:
            line = f"builtin source {path}"  # what `eval` needs would change the code
        else:
            line = f"eval (cat {path})"  # in a file that fish sources `exit` would leave that file alone
        return f" {line}\r".encode("utf-8", "surrogateescape")

    def write(self) -> None:
        """Puts the files there. Raises OSError."""
        inner = (self._command or "") if self.kind == FISH else f"{{ {self._mark('C')}; }} 2>/dev/null; {self._command}"
        self._put(self.inner, f"{inner}\n")
        self._put(self.outer, f"{self._outer()}\n")

    def write_probe(self) -> None:
        """Puts a first file there that only tells the code of what ran before. Raises OSError."""
        self.outer = os.path.join(os.path.dirname(self.outer), f".{os.urandom(4).hex()}.run")
        told = self._mark("E") if self.kind == FISH else f"{{ {self._mark('E')}; }} 2>/dev/null"
        self._put(self.outer, f"{told}\n")

    def remove(self) -> None:
        """Takes the files away, whichever are there."""
        for path in (self.outer, self.inner):
            try:
                os.unlink(path)
            except OSError:
                continue

    def _put(self, path: str, text: str) -> None:
        with paths.masked(0o077):
            paths.write_whole(path, text.encode("utf-8", "surrogateescape"))

    def _mark(self, letter: str) -> str:
        printf = {DASH: "\\printf", ASH: "\\printf"}.get(self.kind, "builtin printf")
        if letter == "E":
            code = "$status" if self.kind == FISH else '"$?"'
            return f"{printf} '\\033]7373;{self.token};E;%s\\007' {code} >/dev/tty"
        return f"{printf} '\\033]7373;{self.token};{letter}\\007' >/dev/tty"

    def _outer(self) -> str:
        inner = quoted(self.inner, self.kind)
        begin, end = self._mark("B"), self._mark("E")
        if self.kind == FISH:
            ends = f"function __sesh_end --on-event fish_postexec; {end}; functions -e __sesh_end; end"
            return f"{ends}; {begin}; eval (cat {inner} | string collect)"
        if self.kind == ZSH:
            return (
                f"{{ {_FORGETTING}; {begin}; }} 2>/dev/null; {{ \\. {inner}; }} always {{ {{ {end}; }} 2>/dev/null; }}"
            )
        forget = ""
        if self.kind == BASH:
            ours = quoted(self.outer, BASH)
            forget = f"case $(HISTTIMEFORMAT= builtin history 1) in *{ours}) builtin history -d -1;; esac; "
        call = "\\." if self.kind == BASH else "\\command ."
        return f"{{ {forget}{begin}; }} 2>/dev/null; {call} {inner}; {{ {end}; }} 2>/dev/null"
