"""Wraps a command of `--run` in two files, so that a live shell reports its begin and its end.

The shell sources an outer file, which prints mark B, sources an inner file, and prints mark E with the exit code. The
inner file prints mark C and holds the command: a `return` in it ends that file alone. On /dev/tty each mark is written
as `OSC 7373;TOKEN;…BEL`. The outer file is one line, or `set -v` would show it in the output.

Both files are read only if they exist: a line that a shell reads after its run was given up does nothing, and puts no
error of ours on the screen.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from sesh import paths, writing
from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH
from sesh.wording import blanked

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
        with writing.masked(0o077):
            for path, text in ((self._outer, self._outer_text()), (self._inner, inner)):
                writing.write_whole(path, f"{text}\n".encode("utf-8", "surrogateescape"))

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
