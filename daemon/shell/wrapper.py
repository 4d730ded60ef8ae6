"""Wraps a command of `--run` so that a live shell reports its begin and its end, and filters these marks.

The shell sources an outer file, which prints mark B, sources an inner file, and prints mark E with the exit code. The
inner file prints mark C and holds the command: a `return` in it ends that file alone. On /dev/tty each mark is written
as `OSC 7373;TOKEN;…BEL`. The outer file is one line, or `set -v` would show it in the output.

`MarkFilter` takes the marks out of the program's output. While a line of ours is on its way, it holds back the shell's
echo, and shows the command instead as if somebody had typed it. From the echo it passes only sequences that set modes
and move no cursor.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence

from sesh import paths, writing
from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH
from sesh.wording import blanked

_KEEP_OUT_OF_HISTORY = (
    "__sesh_history() { emulate -L zsh; [[ $1 != ' \\. '*.run$'\\n' ]]; }; "
    "typeset -gaU zshaddhistory_functions; zshaddhistory_functions+=(__sesh_history)"
)
"""Keeps our lines out of zsh's history, from the second one on. In bash, the last line is deleted instead."""


def quoted(word: str, kind: str) -> str:
    """A word, quoted for a shell."""
    text = shlex.quote(word)
    if kind == FISH and text != word:
        return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def source(words: Sequence[str], kind: str) -> str:
    """Several words as one command line; a single word is shell source and stays as it is."""
    return words[0] if len(words) == 1 else " ".join(quoted(word, kind) for word in words)


def shown(words: Sequence[str], kind: str) -> str:
    """The first line of a command, as clients see it typed."""
    lines = source(words, kind).strip("\n").split("\n")
    first = blanked(lines[0])[:4096]
    return first + (" …" if len(lines) > 1 else "")


class Wrapper:
    """The files of one run, 0600 in the directory of sessions, and the line that makes a shell source them.

    Without a `command`, the outer file only reports the exit code of the last command, and there is no inner file.
    """

    def __init__(self, name: str, token: str, kind: str, command: str | None = None) -> None:
        folder = paths.directory()
        self.kind, self.token = kind, token
        # The outer file's name is never used again: a line that is read too late finds nothing. The inner file's name
        # appears in the shell's messages about the command, so it is one that people know.
        self.outer = os.path.join(folder, f".{os.urandom(4).hex()}.run")
        self.inner = os.path.join(folder, f"{name}.sesh-run")
        self._command = command

    @property
    def line(self) -> bytes:
        """The line to be typed; its leading blank keeps it out of the history of shells that are set so."""
        path = quoted(self.outer, self.kind)
        if self.kind != FISH:
            line = f"\\. {path}"
        elif self._command is None:
            line = f"builtin source {path}"  # what `eval` needs would change the code
        else:
            line = f"eval (cat {path})"  # in a file that fish sources `exit` would leave that file alone
        return f" {line}\r".encode("utf-8", "surrogateescape")

    def write(self) -> None:
        """Writes the files. Raises OSError."""
        files = {self.outer: self._mark("E") if self._command is None else self._outer()}
        if self._command is not None:
            files[self.inner] = self._command if self.kind == FISH else f"{self._mark('C')}; {self._command}"
        with writing.masked(0o077):
            for path, text in files.items():
                writing.write_whole(path, f"{text}\n".encode("utf-8", "surrogateescape"))

    def remove(self) -> None:
        """Removes the files that exist."""
        for path in (self.outer, self.inner):
            try:
                os.unlink(path)
            except OSError:
                continue

    def _mark(self, letter: str, before: str = "") -> str:
        """The words that print a mark without a trace (`set -x`), which goes to stderr; fish writes none."""
        fish = self.kind == FISH
        printf = "\\printf" if self.kind in (DASH, ASH) else "builtin printf"
        mark, code = f"7373;{self.token};{letter}", ""
        if letter == "E":
            mark, code = f"{mark};%s", "$status " if fish else '"$?" '
        words = f"{printf} '\\033]{mark}\\007' {code}>/dev/tty"
        return words if fish else f"{{ {before}{words}; }} 2>/dev/null"

    def _outer(self) -> str:
        inner, end = quoted(self.inner, self.kind), self._mark("E")
        if self.kind == FISH:
            ends = f"function __sesh_end --on-event fish_postexec; {end}; functions -e __sesh_end; end"
            return f"{ends}; {self._mark('B')}; eval (cat {inner} | string collect)"
        if self.kind == ZSH:
            begin = self._mark("B", f"{_KEEP_OUT_OF_HISTORY}; ")
            return f"{begin}; {{ \\. {inner}; }} always {{ {end}; }}"
        if self.kind == BASH:
            ours = quoted(self.outer, BASH)
            forget = f"case $(HISTTIMEFORMAT= builtin history 1) in *{ours}) builtin history -d -1;; esac; "
            return f"{self._mark('B', forget)}; \\. {inner}; {end}"
        return f"{self._mark('B')}; \\command . {inner}; {end}"


_MARK = b"\x1b]7373;"
_MAX_MARK = 96
"""Bytes of a mark."""
_MAX_HELD = 64 << 10
"""Bytes that are held back; an echo is shorter."""
_MODES = re.compile(rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]")
"""The private modes, keyboard modes, strings and queries in an echo (ECMA-48 5.4, XTerm ctlseqs)."""
_NAMED = re.compile(rb"(?<=\x1b\]133;C);cmdline_url=[^;\x07\x1b]*")
"""The command that a mark names. Where a shell keeps lines with a leading blank out of its history, it is not ours but
the one before."""


class MarkFilter:
    """Takes marks out of the output.

    `marked` is called with every mark (its token and what follows it) and returns its replacement. `passed` is called
    with the output between marks.
    """

    def __init__(self, secret: str, marked: Callable[[str, str], bytes], passed: Callable[[bytes], None]) -> None:
        self._start = _MARK + secret.encode()
        self._marked, self._passed = marked, passed
        self._held: bytearray | None = None
        self.part = b""
        """The end of the last block, if it may be the beginning of a mark."""

    def hold(self) -> None:
        """Holds output back until `drop` or `release`."""
        if self._held is None:
            self._held = bytearray()

    def drop(self) -> bytes:
        """Ends the holding; returns the sequences that set the terminal's modes, without the text."""
        return _NAMED.sub(b"", b"".join(_MODES.findall(self.release())))

    def release(self) -> bytes:
        """Ends the holding; returns all held output."""
        held, self._held = bytes(self._held or b""), None
        return held

    def release_part(self) -> bytes:
        """Returns the beginning of a mark that did not become one."""
        part, self.part = self.part, b""
        return self._pass_or_hold(part)

    def filter(self, block: bytes) -> bytes:
        """The block as clients and the emulator see it."""
        data, self.part = self.part + block, b""
        out, position = [], 0
        while (start := data.find(self._start, position)) >= 0:
            end = data.find(b"\x07", start, start + _MAX_MARK)
            if end < 0 and len(data) - start < _MAX_MARK:
                break  # its rest may come
            if end < 0:
                out.append(self._pass_or_hold(data[position : start + 1]))
                position = start + 1
            else:
                out.append(self._pass_or_hold(data[position:start]))
                token, _, rest = data[start + len(_MARK) : end].decode("ascii", "replace").partition(";")
                out.append(self._marked(token, rest))
                position = end + 1
        if start < 0:
            start = data.rfind(b"\x1b", max(position, len(data) - len(self._start)))
        if start >= 0 and data.startswith(self._start[: len(data) - start], start):
            self.part = data[start:]  # the end may be the beginning of a mark
        out.append(self._pass_or_hold(data[position : len(data) - len(self.part)]))
        return b"".join(out)

    def _pass_or_hold(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        if self._held is None:
            self._passed(piece)
            return piece
        self._held += piece
        if len(self._held) > _MAX_HELD:
            return self.release()
        return b""
