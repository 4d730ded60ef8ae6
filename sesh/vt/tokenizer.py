"""Bytes into text runs, controls and sequences (ECMA-48 5.4, the parser of DEC terminals, XTerm ctlseqs).

One regular expression splits a block; `findall` hands over whole runs of text, so what a byte costs does not
depend on Python. Everything a block leaves unfinished is kept, bounded, and can be sent on raw.

Decisions: output is UTF-8, so C1 bytes and code points are no controls and are dropped. ESC within a string ends
it (ST is then ESC and a backslash that means nothing more); BEL ends an OSC only; CAN and SUB cancel. Controls
within a sequence act before it. A sequence of LIMIT characters or more is passed over.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any

from sesh.vt.bulk import SMALLEST, found, pour
from sesh.vt.cell import LIMIT, step
from sesh.vt.dispatch import Controls
from sesh.vt.screen import Screen

#: Bytes that are tokenized at once.
PIECE = 32768
#: Sequences whose meaning is kept ready.
CACHE = 4096

_TEXT = "[^\x00-\x1f\x7f-\x9f]"
TOKEN = re.compile(
    rf"""
      (\x1b\[[0-9;:]*m)?({_TEXT}+)(\r\n)?                  # 1 SGR, 2 text, 3 line end
    | (\x1b\[[0-9;:]*m)                                    # 4 SGR
    | (\r\n|[\x00-\x1a\x1c-\x1f])                          # 5 control
    | (\x1b\[[\x20-?]*[@-~])                               # 6 CSI
    | (\x1b(?:\][^\x07\x18\x1a\x1b]*(?:\x07|(?=\x1b))      # 7 OSC with its end,
        |[PX^_k][^\x18\x1a\x1b]*(?=\x1b)                   #   other strings,
        |[\x20-/]+[0-~]|[0-OQ-WYZ\\`-jl-~]))               #   other escapes
    | (\x1b(?:\[[\x20-?]*|[\x20-/]*|\][^\x07\x18\x1a\x1b]*|[PX^_k][^\x18\x1a\x1b]*)\Z)   # 8 unfinished
    | (\x1b(?:\[[\x20-?]*|[\x20-/]*)[\x00-\x17\x19\x1c-\x1f\x7f-\x9f](?s:.*))            # 9 interrupted by a control
    | \x1b(?:\[[\x20-?]*|\][^\x07\x18\x1a\x1b]*|[PX^_k][^\x18\x1a\x1b]*|[\x20-/]*)       # aborted: nothing
    """,
    re.VERBOSE,
)
#: What a sequence, and what a string, cannot contain.
_ENDS = (re.compile("[^\x20-?]"), re.compile("[\x07\x18\x1a\x1b]"))
_QUIET = "\x00-\x17\x19\x1c-\x1f\x7f-\x9f"
_INTERRUPTED = re.compile(rf"\x1b[{_QUIET}]*(?:\[[\x20-?{_QUIET}]*|[\x20-/{_QUIET}]*)")
_CONTROL = re.compile(f"[{_QUIET}]")


def _hoist(match: re.Match[str]) -> str:
    """Put the controls within a sequence before it."""
    sequence = match[0]
    controls = "".join(_CONTROL.findall(sequence))
    return controls + _CONTROL.sub("", sequence)


class Tokenizer:
    """Feeds a screen; keeps what is unfinished, counts what failed."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.controls = Controls(screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        #: The start of an unfinished sequence, as text.
        self.pending = ""
        self.errors = 0
        self.last_error: Exception | None = None
        self._known: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {}

    @property
    def unfinished(self) -> bytes:
        """What the next bytes go on with: the start of a sequence, of a character, or of both."""
        return self.pending.encode() + self.decoder.getstate()[0]

    def feed(self, data: bytes) -> None:
        """Act on `data`. Never raises: an error costs the one sequence that it came from."""
        if len(data) >= SMALLEST:
            try:
                data = self._pour(data)
            except Exception as error:
                self._failed(error)
        # In pieces: a block of nothing but short sequences must not become millions of tokens at once.
        for at in range(0, len(data), PIECE):
            self._feed(data[at : at + PIECE])

    def _pour(self, data: bytes) -> bytes:
        """Take the short cut where `data` is a flood; returns what is left to feed."""
        flood = found(self.screen, data)
        if flood is None:
            return data
        for at in range(0, len(flood.head), PIECE):
            self._feed(flood.head[at : at + PIECE])
        if not self.unfinished and pour(self.screen, flood.lines, flood.count):
            return flood.tail
        return flood.rest

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        self.last_error = error

    def _feed(self, data: bytes) -> None:
        text = self.decoder.decode(data)
        if self.pending:
            if len(self.pending) >= LIMIT and not _ENDS[self.pending[1] in "]PX^_k"].search(text):
                return  # more of what is passed over already: an image, as a rule
            text = self.pending + text
            self.pending = ""
        tokens = iter(TOKEN.findall(text))
        while True:
            try:
                again = self._run(tokens)
            except Exception as error:
                self._failed(error)
                continue
            if not again:
                return
            tokens = iter(TOKEN.findall(_INTERRUPTED.sub(_hoist, again)))

    def _run(self, tokens: Any) -> str:
        """Act on tokens; returns the text to tokenize anew where a control interrupts a sequence."""
        screen = self.screen
        draw = screen.draw
        known = self._known
        plain, escapes = self.controls.plain, self.controls.escapes
        for sgr, text, end, alone, control, csi, escape, unfinished, interrupted in tokens:
            if text:
                if sgr:
                    screen.pen = screen.pen.steps.get(sgr[2:-1]) or step(screen.pen, sgr[2:-1])
                    screen.open = False
                draw(text)
                if end:
                    screen.newline()
                    screen.open = False
                continue
            if csi:
                found = known.get(csi) or self._learn(csi)
                found[0](*found[1])
            elif alone:
                screen.pen = screen.pen.steps.get(alone[2:-1]) or step(screen.pen, alone[2:-1])
            elif control:
                action = plain.get(control)
                if action is not None:
                    action()
            elif escape:
                action = escapes.get(escape)
                if action is not None:
                    action()
                elif len(escape) - escape.endswith("\x07") < LIMIT:
                    self.controls.escape(escape)
            elif unfinished:
                self.pending = unfinished[:LIMIT]
                continue
            elif interrupted:
                return str(interrupted)
            screen.open = False
        return ""

    def _learn(self, csi: str) -> tuple[Callable[..., Any], tuple[int, ...]]:
        """What a CSI sequence calls, with which arguments."""
        if len(csi) > LIMIT:
            return self.controls.nothing, ()
        found = self.controls.csi(csi)
        if len(csi) < 32:
            if len(self._known) >= CACHE:
                self._known.clear()
            self._known[csi] = found
        return found
