"""Finds queries, titles, bells, notifications, progress and prompt marks in the program's output.

The daemon must know of a query before it passes the block on, so that the answer finds it open. The sources are
ECMA-48, XTerm's control sequences, kitty's protocols (keyboard, graphics, colours and notifications), iTerm2's OSC 9,
urxvt's OSC 777, FinalTerm's OSC 133, and the Program Status Protocol (OSC 7501).

It needs no model of the screen: one regular expression, which plain text and colours pass at the speed of memchr.

A `Finding` is a query, a notice or a mark: its kind, its body, and the offset in the block behind its last byte. The
body of a query follows its introducer: of a control sequence all after `CSI`, of a string all up to its terminator (a
colour's keeps the terminator, since its answer ends as the query did). The body of a notice is its text: the title, the
notification, `D;0` of a mark, `1;50` of a progress. A string that queries several colours gives a finding for each.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

Finding = tuple[str, bytes, int]

LONGEST_REPORT = 4096
"""Bytes of an OSC 7501, its terminator included; a longer one is ignored."""
LONGEST_STRING = 64 << 10
"""Bytes of an OSC, DCS or APC that are carried from block to block; a longer one is ignored."""

QUERIES = frozenset({
    "da1", "da2", "da3", "dsr", "cpr", "decxcpr", "dsr?", "decrqm", "xtversion", "kitty", "modkeys", "colour",
    "decrqss", "xtgettcap", "window", "decreqtparm", "clipboard", "graphics", "decrqcra", "xtsmgraphics",
})  # fmt: skip
"""The kinds of finding that a terminal answers."""

_LONGEST_CONTROL = 256
_MOST_TOLD, _MOST_MARKS, _MOST_REPORTS, _MOST_OTHERS = 8, 100, 256, 1000
_MOST = {
    "title": 1, "progress": 1, "ris": 1, "bell": _MOST_TOLD, "notification": _MOST_TOLD,
    "notification_part": _MOST_TOLD, "mark": _MOST_MARKS, "status": _MOST_REPORTS,
}  # fmt: skip
"""Findings of each kind in one block that count, the last ones; only the last of those that replace each other."""

# The empty groups at the ends tell the alternatives apart and cost nothing if none matches.
_CONTROLS = (
    rb"c()|0c()|>(?:0?c()|0?q())|=0?c()|5n()|6n()"
    rb"|\?(?![0-9;]*[hl])(?:6n()|u()|[0-9]m()|[0-9;]{1,32}n()|[0-9]{1,16}\$p()|[0-9;]{1,64}S())"
    rb"|[0-9]{1,16}\$p()|(?:1[1345689]|2[01])(?:;[0-9;]{0,16})?t()|[01]?x()|[0-9;]{0,64}\*y()"
)
_SEQUENCES = (
    rb"\x1b(?!\[[0-;]*[@-bd-mo-su-wyz])(?:\[(?:" + _CONTROLS + rb")|Z()"
    rb"|c()|\]([^\x07\x18\x1a\x1b]*)|[P_X^]([^\x18\x1a\x1b]*))"
)
_KINDS = (
    "", "da1", "da1", "da2", "xtversion", "da3", "dsr", "cpr",
    "decxcpr", "kitty", "modkeys", "dsr?", "decrqm", "xtsmgraphics",
    "decrqm", "window", "decreqtparm", "decrqcra", "da1", "ris", "osc", "string", "bell",
)  # fmt: skip
"""The kinds by the number of the group that has matched."""
_OSC, _BELL = 20, 22

_ST, _ENQUIRY = b"\x1b\\", b"\x05"
_GIVEN_UP = b"\xff"  # replaces the content of a string too long to carry; no known string begins with it


_SILENT = re.compile(_SEQUENCES)
_AUDIBLE = re.compile(_SEQUENCES + rb"|\x07()")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*)?\Z")


class QueryScanner:
    """Reads a session's output block by block. `carry`, plain bytes, is all of its state."""

    __slots__ = ("carry",)

    def __init__(self, carry: bytes = b"") -> None:
        self.carry = carry

    def find(self, block: bytes) -> list[Finding]:
        """The findings that the block completes, in order. Never raises, whatever the bytes."""
        if not self.carry and b"\x1b" not in block and b"\x07" not in block:
            return []
        data, offset, self.carry = self.carry + block, len(self.carry), b""
        search = _AUDIBLE.search if b"\x07" in data else _SILENT.search
        findings: list[Finding] = []
        bells = end = 0
        while (match := search(data, end)) is not None:
            start, end = match.span()
            group = match.lastindex or 0
            if group == _BELL:
                findings.append(("bell", b"", end - offset))
                bells += 1
                if bells == _MOST_TOLD:  # a flood of bells must not slow the relay down
                    search = _SILENT.search
            elif group < _OSC:
                findings.append((_KINDS[group], data[start + 2 : end], end - offset))
            else:
                terminator = _terminator(data, end)
                if terminator is None:
                    self._carry_string(data[start:])
                    return findings
                if terminator:
                    string = data[start:end]
                    end += len(terminator)
                    findings += _parse_string(string, terminator, end - offset)
        # The last bytes may be the beginning of a control sequence.
        start = data.rfind(b"\x1b", end)
        if start >= 0 and len(data) - start <= _LONGEST_CONTROL and _UNFINISHED.match(data, start):
            self.carry = data[start:]
        return findings

    def _carry_string(self, string: bytes) -> None:
        """Carries a string that has not ended, up to its limit."""
        half = b"\x1b" if string.endswith(b"\x1b") else b""  # its terminator may have begun
        fits = string[2:3] != _GIVEN_UP and len(string) - len(half) <= LONGEST_STRING
        self.carry = string if fits else string[:2] + _GIVEN_UP + half


def bounded(findings: list[Finding]) -> list[Finding]:
    """Drops what a block says too often, so that a flood of it cannot hold the daemon up."""
    left: dict[str, int] = {}
    kept: list[Finding] = []
    for finding in reversed(findings):
        left[finding[0]] = more = left.get(finding[0], _MOST.get(finding[0], _MOST_OTHERS)) - 1
        if more >= 0:
            kept.append(finding)
    return kept[::-1]


class QueryRemover:
    """Takes queries out of output for a terminal whose answers nobody reads: a shell would take them for typed text.

    A string terminator stands in place of each, so that what is around it does not become another one. A sequence that
    has not ended is held back, and is lost if it never does.
    """

    def __init__(self) -> None:
        self._scanner = QueryScanner()
        self._held = b""

    def take(self, block: bytes) -> bytes:
        """The output that can be shown now, without what a terminal answers."""
        block = block.replace(_ENQUIRY, b"")
        before, data = len(self._held), self._held + block
        parts, start = [], 0
        for kind, _, behind in self._scanner.find(block):
            end = before + behind
            if end == start or not (kind in QUERIES or kind == "status query"):  # several colours have one end
                continue
            last = end - len(_ST) if data.endswith(_ST, start, end) else end
            parts += [data[start : data.rfind(_ST[:1], start, last)], _ST]
            start = end
        carry = self._scanner.carry
        held = len(carry) - (2 + len(_GIVEN_UP) if carry[2:3] == _GIVEN_UP else 0)  # a string that is too long passes
        parts.append(data[start : len(data) - held])
        self._held = data[len(data) - held :]
        return b"".join(parts)


def _terminator(data: bytes, end: int) -> bytes | None:
    """The terminator of a string whose content ends at `end`: empty if it is cut off, None if it goes on."""
    following = data[end : end + 2]
    if following in (b"", b"\x1b"):
        return None
    if following.startswith(b"\x07"):
        return b"\x07"
    return following if following == b"\x1b\\" else b""


def _parse_string(string: bytes, terminator: bytes, end: int) -> list[Finding]:
    """The findings of a whole string: with its introducer, without its terminator."""
    opener, body = string[1:2], string[2:]
    number, separator, _ = body.partition(b";")
    if len(string) > LONGEST_STRING or opener in b"X^":
        return []
    if opener == b"P":
        kind = {b"$q": "decrqss", b"+q": "xtgettcap"}.get(body[:2], "")
    elif opener == b"_":
        kind = "graphics" if _expects_graphics_reply(body) else ""
    elif separator and number in _COLOURS:
        return [("colour", query + terminator, end) for query in _colour_queries(body)]
    elif body == b"7501;?":
        kind, body = "status query", terminator
    elif number == b"7501":
        fits = len(string) + len(terminator) <= LONGEST_REPORT
        kind, body = "status" if fits and body[5:6] != b"?" else "", body[5:]
    else:
        kind, body = _notice(body)
    return [(kind, body, end)] if kind else []


_COLOURS = frozenset(b"%d" % number for number in (4, 5, *range(10, 20), 21))
"""The operating system commands that set and query colours."""


def _notice(command: bytes) -> tuple[str, bytes]:
    """The kind and the body of an operating system command that is a notice, or asks for the clipboard; else empty."""
    number, _, text = command.partition(b";")
    first, separator, rest = text.partition(b";")
    if number in (b"0", b"2"):
        return "title", text
    if number == b"9" and first == b"4":
        return "progress", rest
    if number == b"9" and not (separator and first.isdigit() and len(first) < 3):  # 9;9;C:\: one of ConEmu's
        return "notification", text
    if number == b"777" and first == b"notify":
        return "notification", rest.replace(b";", b": ", 1)
    if number == b"99":
        return _kitty_notification(first, rest)
    if number == b"133" and text[:1] in (b"A", b"B", b"C", b"D"):
        return "mark", text
    if number == b"52" and text.endswith(b";?"):
        return "clipboard", command
    return "", b""


def _kitty_notification(metadata: bytes, payload: bytes) -> tuple[str, bytes]:
    """The kind and the text of an OSC 99: a whole notification, or a part of one that another one completes."""
    keys = dict(pair.partition(b"=")[::2] for pair in metadata.split(b":"))
    if keys.get(b"p", b"title") not in (b"title", b"body"):
        return "", b""  # a question, an icon, a button
    if keys.get(b"e") == b"1":
        try:
            payload = binascii.a2b_base64(payload)
        except binascii.Error:
            return "", b""
    return "notification_part" if keys.get(b"d") == b"0" else "notification", payload


def _colour_queries(body: bytes) -> Iterator[bytes]:
    """The queries in an OSC 4, 5, 10 to 19 or 21, each as if it had been sent alone."""
    fields = body.split(b";")
    first = int(fields[0])
    if first == 21:
        if any(field.endswith(b"=?") for field in fields[1:]):
            yield body
    elif first < 10:
        for index, value in zip(fields[1::2], fields[2::2], strict=False):
            if value == b"?" and index.isdigit() and len(index) < 4:
                yield b"%d;%d;?" % (first, int(index))
    else:
        for number, value in enumerate(fields[1:], first):
            if value == b"?" and number <= 19:
                yield b"%d;?" % number


def _expects_graphics_reply(body: bytes) -> bool:
    """Returns whether a terminal answers a kitty graphics command: a query, or a numbered image that is not quiet."""
    if body[:1] != b"G":
        return False
    keys = dict(pair.partition(b"=")[::2] for pair in body[1:].partition(b";")[0][:1024].split(b","))
    numbered = keys.get(b"i", b"0") != b"0" or keys.get(b"I", b"0") != b"0"
    return keys.get(b"a") == b"q" or (numbered and keys.get(b"q", b"0") == b"0")
