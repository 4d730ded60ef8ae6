r"""Find queries, titles, bells, notifications, progress, prompt marks and effects in the program's output.

The daemon must find a query before it passes the block on, since the terminal's reply may come at once. The search
needs no model of the screen: a regular expression skips plain text and colours at the speed of memchr.

`QueryScanner` turns blocks of output into findings, which the daemon acts on, and effects (see `effects`), which a
terminal must get. A `Finding` is a kind, a body, and the position at which its sequence ends.

Sources: ECMA-48, XTerm's control sequences, kitty's protocols, iTerm2's OSC 9, urxvt's OSC 777, FinalTerm's OSC 133,
and the Program Status Protocol (OSC 7501).
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from sesh.vt.effects import MAX_EFFECT, Effect, EffectKind, group_of, kind_of_string, only_sets

_HEADER = re.compile(rb"\x1b([\]_P])(?:(?<=\])([0-9]{1,5}|[lL])|(?<=_)([!-~])|(?<=P)[0-9;]*([!$+>][@-~]|@))")
_PARAMETERS = b"0123456789:;"
_REPLIES = {
    b"c": b"?c", b"=c": b"P!|", b">q": b"P>|", b"5n": b"n", b"6n": b"R", b"?6n": b"?R", b"?62n": b"*{", b"?63n": b"P!~",
    b"$p": b"$y", b"?$p": b"?$y", b"?m": b">m", b"?g": b">f", b"20t": b"]L", b"21t": b"]l", b"*y": b"P!~",
    b"$w": b"P$u", b"$u": b"P$s", b"&u": b"P!u", b"'|": b"&w", b"#R": b"?#Q", b'"v': b'"w',
    b"P$q": b"P$r", b"P+q": b"P+r",
}  # fmt: skip
"""By query or its form, the form of the reply, if it differs from the form of the query."""


def form(sequence: bytes) -> bytes:
    """Return a control sequence or string without parameters and content.

    `?R` for `ESC [ ? 1 ; 2 R`, `]10` for OSC 10; empty for any other sequence.
    """
    if sequence[1:2] == b"[":
        return sequence[2:].translate(None, _PARAMETERS)
    header = _HEADER.match(sequence)
    return header[1] + (header[2] or header[3] or header[4]) if header is not None else b""


def reply_form(query: bytes) -> bytes:
    """Return the form of the reply to a query."""
    own = form(query)
    without_more = query[2:].partition(b";")[0] + query[-1:]  # DSR may have a number behind that of the question
    return _REPLIES.get(query[2:]) or _REPLIES.get(without_more) or _REPLIES.get(own, own)


class Kind(str, Enum):
    """The kinds of finding; each comment says what the body is."""

    QUERY = "query"  # a sequence that has one reply; a string with several queries gives several findings
    TALK = "talk"  # a sequence that may have several replies, or none
    STATUS_QUERY = "status query"  # the terminator of a query for OSC 7501
    REPORTS = "reports"  # the sequence that sets mode 1004 or 2048, in which a terminal reports its focus or its size
    RIS = "ris"  # the sequence that resets the terminal
    BELL = "bell"
    TITLE = "title"  # the text
    NOTIFICATION = "notification"  # the text
    NOTIFICATION_PART = "notification_part"  # the text; an OSC 99 may split a notification
    PROGRESS = "progress"  # the numbers after `9;4;`
    STATUS = "status"  # the report after `7501;`
    MARK = "mark"  # a prompt mark without `133;`, such as `D;0`: a command has ended
    EDITOR = "editor"  # the sequence that switches bracketed paste alone, as line editors do
    INTEGRATION = "integration"  # what a shell says of sesh's integration, after `7373;integration;`


Finding = tuple[Kind, bytes, int]
_KINDS = {kind.value: kind for kind in Kind}
MAX_REPORT = 4096  # bytes of an OSC 7501, terminator included; a longer one is ignored
MAX_STRING = 64 << 10  # bytes of an OSC, DCS or APC; a longer one is no finding
_HEAD = 1024  # bytes that are kept of a string that is too long
_MAX_CONTROL = 256
_MAX_FINDINGS = {
    Kind.TITLE: 1, Kind.PROGRESS: 1, Kind.RIS: 1, Kind.BELL: 8, Kind.NOTIFICATION: 8, Kind.NOTIFICATION_PART: 8,
    Kind.MARK: 100, Kind.EDITOR: 100, Kind.INTEGRATION: 8, Kind.STATUS: 256, Kind.STATUS_QUERY: 16,
}  # fmt: skip
_MAX_OTHERS = 1000  # findings of any other kind that are kept for one block; earlier ones are dropped
_QUERIES = (
    rb"[>=]?0?c|>0?q|>(?:10[01])? q|[56]n|[01]?x|(?:1[1345689]|2[01])(?:;[0-9;]{0,16})?t|[0-9;]{0,64}\*y|#[RS]|\"v"
    rb"|[0-9]?(?:\$[uw]|'\|)|&u|[0-9]{1,16}\$p"
    rb"|\?(?![0-9;]*[hl])(?:u|[0-9][mg]|[0-9;]{1,32}n|[0-9]{1,16}\$p|[0-9;]{1,64}S)"
)
_SEQUENCES = (
    rb"\x1b(?!\[[0-;]*[@-bd-mo-su-wyz]|\[\?(?!(?:1004|20(?:04|48))[hl])[0-9]*[hl])"
    rb"(?:(?P<query>Z|\[(?:" + _QUERIES + rb"))"
    rb"|(?P<ris>c)|(?P<reports>\[\?(?:[0-9;]{1,64};)?(?:1004|2048)(?:;[0-9;]{0,64})?h)"
    rb"|(?P<editor>\[\?2004[hl])"
    rb"|(?P<string>\][^\x07\x18\x1a\x1b]*|[P_X^][^\x18\x1a\x1b]*))"
)
_SILENT, _AUDIBLE = re.compile(_SEQUENCES), re.compile(_SEQUENCES + rb"|(?P<bell>\x07)")
_GRAPHICS_QUERY = re.compile(rb"G(?:[^;]*,)?a=q|(?!G(?:[^;]*,)?q=[12])G(?:[^;]*,)?[iI]=0*[1-9]")
"""Matches a command of kitty's graphics that has a reply: a query, or a numbered image that is not quiet."""
_TERMINATOR = re.compile(rb"\x07|\x1b\\")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*)?\Z")
_FIRST_FOREIGN = 99
"""From this number on, an OSC is not one of xterm's, and may have replies; an OSC of xterm has one only for `?`."""


_CLIPBOARD = b"\x1b]52;"  # the only OSC without a finding that has an effect, unless it is too long for one
_STRING_END = re.compile(rb"[\x18\x1a\x1b]")
_OSC_END = re.compile(rb"[\x07\x18\x1a\x1b]")


class Scan(NamedTuple):
    """What a block of output completes, in order."""

    findings: list[Finding]
    effects: list[Effect]


@dataclass
class ScannerState:
    """Where a scanner is in its stream."""

    carry: bytes = b""  # the start of an unfinished sequence; the head of a string that is too long
    begun_at: int = 0  # its position
    too_long: bool = False  # bytes of it are left out
    groups: dict[str, int] = field(default_factory=dict)  # see `effects.group_of`


class QueryScanner:
    """Scans blocks of output. Its whole state is `state`. Each byte is read once, however a sequence is split."""

    def __init__(self, state: ScannerState | None = None) -> None:
        self.state = state if state is not None else ScannerState()

    @property
    def state(self) -> ScannerState:
        return ScannerState(
            bytes(self._carry), self._begun_at if self._carry else 0, self._too_long, dict(self._groups)
        )

    @state.setter
    def state(self, state: ScannerState) -> None:
        self._carry = bytearray(state.carry)
        self._begun_at, self._too_long, self._groups = state.begun_at, state.too_long, dict(state.groups)

    def scan(self, block: bytes) -> list[Finding]:
        """Return the findings that the block completes, with the offsets in the block at which they end."""
        return self.read(block, 0).findings

    def read(self, block: bytes, start: int) -> Scan:
        """Return the findings and effects that a block completes which begins at position `start`. Never raises."""
        if self._carry:
            if _goes_on(self._carry, block):
                self._carry += block
                self._bound_string()
                return Scan([], [])
        elif b"\x1b" not in block and b"\x07" not in block:
            return Scan([], [])
        return self._scan(block, start)

    def _scan(self, block: bytes, block_at: int) -> Scan:
        data = bytes(self._carry) + block
        carried = len(self._carry)
        data_at = block_at - carried
        begun_at, too_long = self._begun_at, self._too_long
        self._carry.clear()
        self._too_long = False
        search = _AUDIBLE.search if b"\x07" in data else _SILENT.search
        findings: list[Finding] = []
        effects: list[Effect] = []
        bells = end = 0
        while (match := search(data, end)) is not None:
            start, end = match.span()
            group = match.lastgroup
            was_carried = start == 0 and carried > 0
            at = begun_at if was_carried else data_at + start
            if group == "string":
                if data[end : end + 2] in (b"", b"\x1b"):
                    self._carry += data[start:]
                    self._begun_at = at
                    self._too_long = was_carried and too_long
                    self._bound_string()
                    return Scan(findings, effects)
                if terminator := _TERMINATOR.match(data, end):
                    end = terminator.end()
                    string = data[start:end]
                    cut = was_carried and too_long
                    if found := [] if cut else _parse_string(string, terminator[0]):
                        findings += [(kind, body, data_at + end) for kind, body in found]
                    if found or string[:5] == _CLIPBOARD or string[1:2] != b"]" or cut or len(string) > MAX_STRING:
                        effect = self._effect(string, found, at, data_at + end, cut=cut)
                        effects += [effect] if effect is not None else []
                continue
            sequence = b"\x1b[c" if match[0] == b"\x1bZ" else match[0]  # DECID is a DA1
            findings.append((_KINDS[group or ""], sequence, data_at + end))
            if group == "query":
                effects.append(Effect(EffectKind.QUERY, at, data_at + end, sequence, at))
            elif group == "bell":
                effects.append(Effect(EffectKind.BELL, at, data_at + end, sequence, at))
                bells += 1
                if bells == _MAX_FINDINGS[Kind.BELL]:  # a flood of bells must not slow the output down
                    search = _SILENT.search
        # The block may end inside a control sequence.
        start = data.rfind(b"\x1b", end)
        if start >= 0 and len(data) - start <= _MAX_CONTROL and _UNFINISHED.match(data, start):
            self._begun_at = begun_at if start == 0 and carried else data_at + start
            self._carry += data[start:]
        return Scan(findings, effects)

    def _bound_string(self) -> None:
        """Keep only the head of a carried string that is too long."""
        carry = self._carry
        half = int(carry.endswith(b"\x1b"))  # perhaps the first byte of ST
        size = len(carry) - half
        if size > MAX_STRING:
            self._too_long = self._too_long or size > MAX_EFFECT or kind_of_string(bytes(carry[:_HEAD])) is None
        if self._too_long:
            del carry[_HEAD:size]

    def _effect(
        self, string: bytes, found: list[tuple[Kind, bytes]], start: int, end: int, *, cut: bool
    ) -> Effect | None:
        """Return the effect of a string with these findings. `cut`: the string is too long; only its head is known."""
        kind = kind_of_string(string)
        if kind is None:
            kinds = [kind for kind, _ in found]
            if Kind.NOTIFICATION in kinds:
                kind = EffectKind.NOTIFICATION
            elif (Kind.QUERY in kinds or Kind.TALK in kinds) and not only_sets(string):
                return Effect(EffectKind.QUERY, start, end, b"".join(body for _, body in found), start)
            else:
                return None
        data = b"" if cut or len(string) > MAX_EFFECT else string
        return Effect(kind, start, end, data, group_of(kind, start, string, self._groups))


def _goes_on(begun: bytearray, block: bytes) -> bool:
    """Return whether a begun sequence is a control string that does not end in a block."""
    kind = bytes(begun[1:2])
    if kind not in (b"]", b"P", b"_", b"X", b"^") or begun[-1] == 0x1B:
        return False
    return (_OSC_END if kind == b"]" else _STRING_END).search(block) is None


def bounded(findings: list[Finding]) -> list[Finding]:
    """Drop excess findings of each kind: a flood of them would block the daemon."""
    left: dict[Kind, int] = {}
    kept: list[Finding] = []
    for finding in reversed(findings):
        kind, _, _ = finding
        left[kind] = left.get(kind, _MAX_FINDINGS.get(kind, _MAX_OTHERS)) - 1
        if left[kind] >= 0:
            kept.append(finding)
    return kept[::-1]


def _parse_string(string: bytes, terminator: bytes) -> list[tuple[Kind, bytes]]:
    opener = string[1:2]
    content = string[2 : -len(terminator)]
    if len(string) - len(terminator) > MAX_STRING:
        return []
    if opener == b"]":
        return _parse_command(content, terminator)
    if opener == b"_" and content[:1] == b"G":
        return [(Kind.QUERY, string)] if _GRAPHICS_QUERY.match(content) else []
    kind = Kind.QUERY if opener == b"P" and content[:2] in (b"$q", b"+q") else Kind.TALK
    return [(kind, string)] if form(string) else []


def _parse_command(command: bytes, terminator: bytes) -> list[tuple[Kind, bytes]]:
    number, _, text = command.partition(b";")
    if number == b"7501":
        if text == b"?":
            return [(Kind.STATUS_QUERY, terminator)]
        fits = 2 + len(command) + len(terminator) <= MAX_REPORT
        return [(Kind.STATUS, text)] if fits and text[:1] != b"?" else []
    notice = _notice(number, text)
    findings = [notice] if notice is not None else []
    if findings and number != b"99":  # kitty reports clicks on a notification
        return findings
    if b"?" in text and (queries := _queries(command)):
        return [(Kind.QUERY, b"\x1b]" + query + terminator) for query in queries]
    if number.isdigit() and len(number) < 6 and int(number) >= _FIRST_FOREIGN:
        findings.append((Kind.TALK, b"\x1b]" + command + terminator))
    return findings


def _notice(number: bytes, text: bytes) -> tuple[Kind, bytes] | None:
    """Return kind and body of an OSC that is a notice; None for any other."""
    first, separator, rest = text.partition(b";")
    if number in (b"0", b"2"):
        return Kind.TITLE, text
    if number == b"9" and first == b"4":
        return Kind.PROGRESS, rest
    if number == b"9" and not (separator and first.isdigit() and len(first) < 3):  # 9;9;C:\: one of ConEmu's
        return Kind.NOTIFICATION, text
    if number == b"777" and first == b"notify":
        return Kind.NOTIFICATION, rest.replace(b";", b": ", 1)
    if number == b"99":
        return _kitty_notification(first, rest)
    if number == b"133" and text[:1] in (b"A", b"B", b"C", b"D", b"O"):  # O is of sesh alone
        return Kind.MARK, text
    if number == b"7373" and first == b"integration":
        return Kind.INTEGRATION, rest
    return None


def _kitty_notification(metadata: bytes, payload: bytes) -> tuple[Kind, bytes] | None:
    """Return kind and text of a notification or its part (OSC 99), else None."""
    keys = dict(pair.partition(b"=")[::2] for pair in metadata.split(b":"))
    if keys.get(b"p", b"title") not in (b"title", b"body"):
        return None  # a query, an icon, a button
    if keys.get(b"e") == b"1":
        try:
            payload = binascii.a2b_base64(payload)
        except binascii.Error:
            return None
    kind = Kind.NOTIFICATION_PART if keys.get(b"d") == b"0" else Kind.NOTIFICATION
    return kind, payload


def _queries(command: bytes) -> list[bytes]:
    """Return the queries of an OSC, each as a separate OSC.

    A query has a field `?`, or one that begins with `?` or ends in `=?`.
    """
    number, *fields = command.split(b";")
    if not number.isdigit() or len(number) > 5:
        return []
    if b"?" not in fields:
        is_query = any(field.startswith(b"?") or field.endswith(b"=?") for field in fields)
        return [command] if is_query else []
    places = [index for index, field in enumerate(fields) if field == b"?"]
    if 10 <= int(number) <= 19:  # a list of colours with successive numbers
        return [b"%d;?" % (int(number) + index) for index in places if int(number) + index <= 19]
    return [b";".join((number, *fields[max(0, index - 1) : index], b"?")) for index in places]


_REMOVED = frozenset((Kind.QUERY, Kind.TALK, Kind.STATUS_QUERY))  # the kinds of finding to which a terminal may reply
_ST, _CANCEL, _ENQUIRY = b"\x1b\\", b"\x18", b"\x05"


class QueryRemover:
    """Removes queries from output that is shown later, when nobody waits for the replies.

    A CAN replaces each query, so that the text before it and the text after it do not join. An unfinished sequence is
    held back, and lost if it never ends.
    """

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, block: bytes) -> bytes:
        """Return the output that can be shown now, without queries."""
        block = block.replace(_ENQUIRY, b"")
        if self._held and _goes_on(self._held, block):
            self._held += block
            return self._release_if_long()
        data = bytes(self._held) + block
        scanner = QueryScanner()
        parts = []
        start = 0
        for kind, _, end in scanner.scan(data):
            if end == start or kind not in _REMOVED:  # several queries of one OSC have the same end
                continue
            # The query begins at its last ESC, apart from that of an ST at its end.
            last = end - len(_ST) if data.endswith(_ST, start, end) else end
            parts += [data[start : data.rfind(_ST[:1], start, last)], _CANCEL]
            start = end
        held = len(data) if scanner.state.too_long else len(data) - len(scanner.state.carry)
        parts.append(data[start:held])
        self._held = bytearray(data[held:])
        return b"".join(parts) + self._release_if_long()

    def _release_if_long(self) -> bytes:
        """Return what is held of a string that is too long for a query: it is shown."""
        if len(self._held) <= MAX_STRING:
            return b""
        shown = bytes(self._held)
        self._held.clear()
        return shown
