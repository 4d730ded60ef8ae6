"""What is put around a command so that a live shell tells where it begins and how it ends.

The shell is made to source a first file, which prints B, sources a second one and prints E with the exit code; the
second prints C, then holds the command: a `return` in it ends that file alone. The marks are `OSC 7373;TOKEN;…BEL` on
/dev/tty. The first file is one line, else `set -v` would show it in the output.

The marks of a run taken out of the program's output, and the echo of what was typed to make it print them.

While a line of ours is on its way, what the shell echoes is held back; the command takes its place, as if it had been
typed. Of what was held only that is passed on which sets modes and moves no cursor.
"""

from __future__ import annotations

import os

from sesh import paths
from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class Wrapper:
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


_OPENING = b"\x1b]7373;"
_LONGEST_MARK = 96
_LONGEST_HELD = 64 << 10


class MarkerFilter:
    """Passes output through. `marked` is told every mark (its token and what follows it), and returns what stands in
    its place; `passed` is given the output between marks.
    """

    def __init__(self, secret: str, marked: Callable[[str, str], bytes], passed: Callable[[bytes], None]) -> None:
        self._start = _OPENING + secret.encode()
        self._marked, self._passed = marked, passed
        self._held: bytearray | None = None
        self.part = b""
        """The beginning of what may become a mark."""

    def hold(self) -> None:
        """Holds back what comes, until `drop` or `release`."""
        if self._held is None:
            self._held = bytearray()

    def drop(self) -> bytes:
        """Ends the holding back: what of it a terminal has to know, without the text."""
        held, self._held = bytes(self._held or b""), None
        return _settings(held)

    def release(self) -> bytes:
        """Ends the holding back: all of it."""
        held, self._held = bytes(self._held or b""), None
        return held

    def let_go(self) -> bytes:
        """What had looked like the beginning of a mark and was none."""
        part, self.part = self.part, b""
        return self._through(part)

    def sift(self, block: bytes) -> bytes:
        """The block as clients and the emulator are to see it."""
        data = self.part + block
        self.part = b""
        out = []
        at = 0
        while (found := data.find(self._start, at)) >= 0:
            out.append(self._through(data[at:found]))
            end = data.find(b"\x07", found)
            if end < 0:
                if len(data) - found <= _LONGEST_MARK:
                    self.part = data[found:]
                    return b"".join(out)
                out.append(self._through(data[found : found + 1]))
                at = found + 1
                continue
            token, _, rest = data[found + len(_OPENING) : end].decode("ascii", "replace").partition(";")
            out.append(self._marked(token, rest))
            at = end + 1
        tail = data[at:]
        cut = _begun(tail, self._start)
        self.part = tail[len(tail) - cut :]
        out.append(self._through(tail[: len(tail) - cut]))
        return b"".join(out)

    def _through(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        if self._held is None:
            self._passed(piece)
            return piece
        self._held += piece
        if len(self._held) > _LONGEST_HELD:  # no echo is that long
            return self.release()
        return b""


def _begun(data: bytes, whole: bytes) -> int:
    """How many bytes at the end of `data` may begin `whole`."""
    at = data.rfind(b"\x1b", max(0, len(data) - len(whole)))
    return len(data) - at if at >= 0 and whole.startswith(data[at:]) else 0


def _settings(held: bytes) -> bytes:
    """The private modes, keyboards, strings and questions in an echo (ECMA-48 5.4, XTerm ctlseqs)."""
    import re

    kept = re.findall(
        rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]", held
    )
    return b"".join(kept)
