"""Makes a shell mark a `run` command's start and end, and filters the marks.

The shell sources an outer file, which prints mark B, sources an inner file, and prints mark E with the exit code. The
inner file prints mark C and contains the command (for bash, evaluates it), so that a `return` in the command ends only
this file. If the command has a syntax error, nothing of this file runs: then the output follows B. Marks are written to
/dev/tty, as `OSC 7373;TOKEN;…BEL`. The outer file is one line, or `set -v` would show it in the output. Both files are
read only if they exist: if the run has been abandoned by the time the shell reads the line, the shell does nothing, and
prints no error.

Our lines stay in no history of a shell, neither for Up nor in its file, except in ash:

- zsh writes a line into its file before it executes any of it. So before the first run, a word is expanded within the
  line editor: it sources a file that adds a hook for all later lines, and prints mark A (`Wrapper.preparation`)
- bash and fish delete the line in the outer file, if its leading blank has not kept it out

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
from sesh.text.coding import encoded

_BEGIN = b"\x1b]7373;"
_MARK = re.compile(rb"\x1b\]7373;([.0-9a-f]+);([ABCE])(?:;([0-9]+))?\x07")
_MAX_MARK = 96  # bytes of a mark
_MAX_HELD = 64 << 10  # bytes held back; more are released
_MODES = re.compile(rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]")
"""Private modes, keyboard modes, strings and queries (ECMA-48 5.4, XTerm ctlseqs)."""
_NAMED = re.compile(rb"(\x1b\]133;C[^\x07\x1b]*?);cmdline_url=[^;\x07\x1b]*")
"""The command in the shell's own mark C. It is removed: a shell whose history lacks our line names an older command."""

_SUBSTITUTION = re.compile(r"[$<>]\(")
_ZSH_REPORTS = ("REPORTTIME", "REPORTMEMORY")  # zsh prints a line behind a command that used more than these


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


_ZSH_HISTORY = (
    "__sesh_history() { [[ $1 != ' \\builtin test -e '*'.run'$'\\n' ]] || \\builtin fc -p; }; "
    "typeset -gaU zshaddhistory_functions; zshaddhistory_functions+=(__sesh_history); "
)
"""Our lines go to a history that zsh drops at once: what a hook refuses stays in Up until the next line."""
_ZSH_BEGIN = (
    _ZSH_HISTORY
    + "[[ ! -o check_jobs ]] || { \\builtin setopt no_check_jobs; __sesh_kept_jobs=1; }; "
    + "".join(
        f"[[ -z ${{{name}-}} || ${{(t){name}}} == *readonly* ]] || {{ __sesh_kept_{name}=${name}; {name}=-7373; }}; "
        for name in _ZSH_REPORTS
    )
)
"""While the command runs, `exit` does not stop for jobs, and no line of REPORTTIME comes into the output."""
EXPANDING_KEYS = (b"\x18*", b"\x07")
"""Ctrl-X * in zsh's emacs keymap, and Ctrl-G in that of vi, expand a word. In the other one they do no harm: Ctrl-X *
is text, which is erased, and Ctrl-G begins a new prompt."""
_ZSH_END = "[[ -z ${__sesh_kept_jobs-} ]] || \\builtin setopt check_jobs; " + "".join(
    f"[[ -z ${{__sesh_kept_{name}-}} || ${{{name}-}} != -7373 ]] || {name}=$__sesh_kept_{name}; "
    for name in _ZSH_REPORTS
)
_ZSH_END += f"\\builtin unset {' '.join(f'__sesh_kept_{name}' for name in ('jobs', *_ZSH_REPORTS))}"


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

    def __init__(self, name: str, secret: str, shell: Shell, command: str) -> None:
        folder = paths.directory()
        unique = os.urandom(4).hex()
        self.shell = shell
        self._command = command
        self.token = f"{secret}.{unique}"
        # The outer file's name is unique, so that a line that is read too late finds no file. The inner file's name
        # appears in some shells' error messages, so it is readable.
        self._outer = os.path.join(folder, f".{unique}.run")
        self._inner = os.path.join(folder, f"{name}.sesh-run")
        self._text = os.path.join(folder, f".{unique}.text.run")
        self._hook = os.path.join(folder, f".{unique}.hook.run")
        # bash writes outside its memory, and may die of it later, if a sourced file has an unfinished substitution, in
        # `eval` too. So a command that may have one is checked first, by what is not sourced.
        self._checks = shell.kind == BASH and _SUBSTITUTION.search(command) is not None
        self._if_valid = os.path.join(folder, f".{unique}.whole.run")  # which the outer file sources if it has none

    @property
    def line(self) -> bytes:
        """The line to type; its leading blank may keep it out of the shell's history."""
        return f"{self._line}\r".encode("utf-8", "surrogateescape")

    @property
    def _line(self) -> str:
        # No brackets: keys that insert the end of a pair with its beginning (zsh-autopair) would change the line.
        path = quoted(self._outer, self.shell.kind)
        if self.shell.kind == FISH:  # in a sourced file, `exit` would not end fish
            return f" builtin test -e {path}; and eval (command cat {path})"
        if self._checks:
            return f' {self._builtin("test")} -e {path} && {self._builtin("eval")} "$(<{path})"'
        return f" {self._builtin('test')} -e {path} && {self._builtin('.')} {path}"

    @property
    def preparation(self) -> bytes:
        """A word for zsh: expanded, it runs a file that keeps our lines out of the history."""
        # zsh puts a line into the history, and into its file, before it executes any of it. So this is none: the line
        # editor expands the word, and sees for `/` whether the code of the pattern is true. Then it is erased.
        code = quoted(f"\\builtin . {quoted(self._hook, ZSH)}", ZSH)
        return f" /(e[{code}])".encode("utf-8", "surrogateescape")

    @property
    def erasure(self) -> bytes:
        """The keys that erase what the line editor made of the word."""
        return b"\x7f" * (len(self.preparation) + max(map(len, EXPANDING_KEYS)))

    def _builtin(self, name: str) -> str:
        """Return the word that calls this builtin, whatever aliases and functions have its name."""
        return f"\\command {name}" if self.shell.kind in (DASH, ASH) else f"\\builtin {name}"

    def write(self, coding: str) -> None:
        """Write the files, in the coding of the shell's locale. Raises OSError."""
        outer = self._outer_text()
        texts = {self._inner: self._inner_text(self._command), self._outer: outer}
        if self._checks:
            texts |= {self._if_valid: outer, self._outer: self._checked(outer)}
        if self.shell.kind == BASH:
            texts[self._text] = self._command
        if self.shell.kind == ZSH:
            texts[self._hook] = self._mark("A", before=_ZSH_HISTORY)
        for path, text in texts.items():
            files.write_whole(path, encoded(f"{text}\n", coding))

    def withdraw(self) -> None:
        """Remove the outer file, so that a line that is read later does nothing."""
        with suppress(OSError):
            os.unlink(self._outer)

    def remove(self) -> None:
        """Remove the files; the shell has read those that it needs."""
        for path in (self._outer, self._inner, self._text, self._if_valid, self._hook):
            with suppress(OSError):
                os.unlink(path)

    def _mark(self, letter: str, *, before: str = "", after: str = "") -> str:
        """Return shell source that prints a mark amid other commands, without a trace (`set -x`)."""
        mark = f"7373;{self.token};{letter}"
        word = "''"  # the last word of a command is `$_` in the next one
        if letter == "E":
            mark, word = f"{mark};", '"$?"'
        printf = f"{self._builtin('printf')} '\\033]{mark}%s\\007' {word} >/dev/tty"
        return f"{{ {before}{printf}{after and '; '}{after}; }} 2>/dev/null"

    def _fish_mark(self, letter: str, code: str = "") -> str:
        mark = f"7373;{self.token};{letter}{code and ';%s'}"
        return f"builtin printf '\\033]{mark}\\007' {code}>/dev/tty"

    def _inner_text(self, command: str) -> str:
        if self.shell.kind == FISH:  # prints the line in which an error occurs; it must not contain the mark
            return f"{self._fish_mark('C')}\n{command}"
        if self.shell.kind != BASH:
            return f"{self._mark('C')}; {command}"
        # bash prints the line of a syntax error, which must not contain the mark, and counts lines from that of `eval`.
        text = f"$(<{quoted(self._text, BASH)})$({self._mark('C')})"
        return (
            f'case $- in *x*) {{ \\builtin set +x; }} 2>/dev/null; \\builtin eval "set -x; {text}";; '
            f'*) \\builtin eval "{text}";; esac'
        )

    def _outer_text(self) -> str:
        inner = quoted(self._inner, self.shell.kind)
        if self.shell.kind == FISH:
            return self._fish_outer(inner)
        reads = f"{self._builtin('[')} -e {inner} ] && {self._builtin('.')} {inner}"
        if self.shell.kind == ZSH:
            begin = self._mark("B", before=_ZSH_BEGIN)
            return f"{begin}; {{ {reads}; }} always {{ {self._mark('E', after=_ZSH_END)}; }}"
        if self.shell.kind == BASH:
            # In bash before 5.0, `history -d` takes no -1.
            number = "\\builtin history 1 | { IFS=' ' \\builtin read -r n line; \\builtin echo \"$n\"; }"
            line = quoted(self._line, BASH)
            forget = f'case $(\\builtin history 1) in *{line}) \\builtin history -d "$({number})";; esac; '
            return f"{self._mark('B', before=forget)}; {reads}; {self._mark('E')}"
        return f"{self._mark('B')}; {reads}; {self._mark('E')}"

    def _checked(self, outer: str) -> str:
        """Return source that reads an outer file if the command has no syntax error, else does the same with `eval`."""
        inner, if_valid, text = (quoted(path, BASH) for path in (self._inner, self._if_valid, self._text))
        check = f'BASH_ENV= "$BASH" -O extglob -n {text} >/dev/null 2>&1'
        evaluated = outer.replace(f"\\builtin . {inner}", f'\\builtin eval "$(<{inner})"')
        return f"if {check}; then \\builtin . {if_valid}; else {evaluated}; fi"

    def _fish_outer(self, inner: str) -> str:
        # fish offers a line with a leading blank until the next one. It asks before `exit` if jobs run, so they become
        # nobody's, as bash leaves them. `exit` and Ctrl-C (130) alone skip what follows the command.
        forgets = f"builtin history delete --exact --case-sensitive -- {quoted(self._line, FISH)}"
        end = (
            f"set -l code $status; {self._fish_mark('E', '$code ')}; functions -e __sesh_run_end; "
            "set -q __sesh_run_done; or builtin test $code -eq 130; "
            "or disown (jobs -p | string match -r '^[0-9]+$') 2>/dev/null; "
            "set -e __sesh_run_done"
        )
        ends = f"function __sesh_run_end --on-event fish_postexec; {end}; end"
        reads = f"builtin test -e {inner}; and eval (command cat {inner} | string collect)"
        return f"{ends}; {self._fish_mark('B')}; {forgets}; {reads}; set -g __sesh_run_done"
