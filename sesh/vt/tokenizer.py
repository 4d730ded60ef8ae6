"""Bytes into runs of text, controls and sequences (ECMA-48 5.4, the parser of DEC terminals, XTerm ctlseqs).

One regular expression splits a block, and `findall` returns whole runs of text, so that a byte of text costs no Python.
What a block leaves unfinished is kept, within a bound, and can be sent on to a terminal as it is.

The grammar is that of `grammar`; C1 is dropped. As in DEC's parser, controls within a sequence act before it. A
sequence of LIMIT characters or more is ignored.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

from sesh.vt.cell import apply_sgr
from sesh.vt.dispatch import Call, Dispatcher
from sesh.vt.fast_path import SMALLEST, scroll_through, split
from sesh.vt.grammar import (
    ABORTED,
    CSI,
    CSI_END,
    CSI_START,
    ESCAPE,
    ESCAPE_START,
    LIMIT,
    SGR,
    STRING_END,
    STRINGS,
    UNFINISHED,
)
from sesh.vt.screen import Screen

#: Bytes that are tokenized at once.
PIECE = 32768
#: Control sequences whose calls are cached.
CACHE = 4096

_TEXT = "[^\x00-\x1f\x7f-\x9f]"
#: C0 controls that act within a sequence too: all but ESC, CAN and SUB; and DEL and C1, which do nothing.
_INNER = "\x00-\x17\x19\x1c-\x1f\x7f-\x9f"
TOKEN = re.compile(
    rf"""
      ({SGR})?({_TEXT}+)(\r\n)?       # 1 SGR, 2 text, 3 line end
    | ({SGR})                         # 4 SGR
    | (\r\n|[\x00-\x1a\x1c-\x1f])     # 5 control
    | ({CSI})                         # 6 control sequence
    | ({ESCAPE})                      # 7 control string or other escape
    | ({UNFINISHED})                  # 8 the start of one
    | (\x1b(?:{CSI_START}|{ESCAPE_START})[{_INNER}](?s:.*))   # 9 one with a control in it, and all that follows
    | {ABORTED}                       # nothing
    """,
    re.VERBOSE,
)
_ENDS = (re.compile(CSI_END), re.compile(STRING_END))
_WITH_CONTROLS = re.compile(rf"\x1b[{_INNER}]*(?:\[[\x20-?{_INNER}]*|[\x20-/{_INNER}]*)")
_CONTROL = re.compile(f"[{_INNER}]")


def _hoist(match: re.Match[str]) -> str:
    """Move the controls within a sequence to its front."""
    sequence = match[0]
    controls = "".join(_CONTROL.findall(sequence))
    return controls + _CONTROL.sub("", sequence)


class Tokenizer:
    """Feeds a screen; keeps what is unfinished, counts errors."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.dispatcher = Dispatcher(screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        #: The start of an unfinished sequence, as text.
        self.pending = ""
        self.errors = 0
        self.last_error: Exception | None = None
        self._calls: dict[str, Call] = {}

    @property
    def unfinished(self) -> bytes:
        """The start of a sequence, of a character or of both, with which the next bytes go on."""
        return self.pending.encode() + self.decoder.getstate()[0]

    def feed(self, data: bytes) -> None:
        """Act on `data`. Never raises: after an error the rest of the sequence that caused it is skipped."""
        if len(data) >= SMALLEST:
            try:
                data = self._feed_bulk(data)
            except Exception as error:
                self._note(error)
        # In pieces: a block of nothing but short sequences would become millions of tokens at once.
        for at in range(0, len(data), PIECE):
            self._feed(data[at : at + PIECE])

    def _feed_bulk(self, data: bytes) -> bytes:
        """Take the fast path if `data` is bulk output; returns what is left to feed."""
        bulk = split(self.screen, data)
        if bulk is None:
            return data
        for at in range(0, len(bulk.head), PIECE):
            self._feed(bulk.head[at : at + PIECE])
        if not self.unfinished and scroll_through(self.screen, bulk.lines, bulk.line_count):
            return bulk.tail
        return bulk.rest

    def _note(self, error: Exception) -> None:
        self.errors += 1
        self.last_error = error

    def _feed(self, data: bytes) -> None:
        text = self.decoder.decode(data)
        if self.pending:
            if len(self.pending) >= LIMIT and not _ENDS[self.pending[1] in STRINGS].search(text):
                return  # more of what is ignored already, usually an image
            text = self.pending + text
            self.pending = ""
        tokens = iter(TOKEN.findall(text))
        while True:
            try:
                again = self._run(tokens)
            except Exception as error:
                self._note(error)
                continue
            if not again:
                return
            tokens = iter(TOKEN.findall(_WITH_CONTROLS.sub(_hoist, again)))

    def _run(self, tokens: Any) -> str:
        """Act on tokens. Returns the text from a sequence with a control in it on, which has to be tokenized anew."""
        screen = self.screen
        draw = screen.draw
        calls = self._calls
        controls, escapes = self.dispatcher.controls, self.dispatcher.escapes
        for sgr, text, end, alone, control, csi, escape, unfinished, interrupted in tokens:
            if text:
                if sgr:
                    screen.pen = screen.pen.after_sgr.get(sgr[2:-1]) or apply_sgr(screen.pen, sgr[2:-1])
                    screen.joinable = False
                draw(text)
                if end:
                    screen.newline()
                    screen.joinable = False
                continue
            if csi:
                call, arguments = calls.get(csi) or self._resolve(csi)
                call(*arguments)
            elif alone:
                screen.pen = screen.pen.after_sgr.get(alone[2:-1]) or apply_sgr(screen.pen, alone[2:-1])
            elif control:
                action = controls.get(control)
                if action is not None:
                    action()
            elif escape:
                action = escapes.get(escape)
                if action is not None:
                    action()
                elif len(escape) - escape.endswith("\x07") < LIMIT:
                    self.dispatcher.escape(escape)
            elif unfinished:
                self.pending = unfinished[:LIMIT]
                continue
            elif interrupted:
                return str(interrupted)
            screen.joinable = False
        return ""

    def _resolve(self, csi: str) -> Call:
        """What a control sequence calls; remembered where it is short."""
        if len(csi) > LIMIT:
            return self.dispatcher.nothing, ()
        call = self.dispatcher.csi(csi)
        if len(csi) < 32:
            if len(self._calls) >= CACHE:
                self._calls.clear()
            self._calls[csi] = call
        return call
