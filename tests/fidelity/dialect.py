"""The differences between xterm.js and our emulator, which the streams for xterm.js avoid.

LACKS and OTHERWISE name elements of the grammar that @xterm/headless 6 never treats as xterm, kitty and we do. The
SITUATIONS are narrower: an element is left out only if the two emulators would differ after what came before. Our own
emulator follows the stream to tell whether they would.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable

from sesh.vt.charsets import ASCII, DEFAULT_SETS
from sesh.vt.emulator import Emulator
from sesh.vt.graphemes import joined_width, width
from sesh.vt.grid import SavedCursor
from sesh.vt.pen import DEFAULT
from sesh.vt.row import SPACER, Row
from tests.unit.vt.streams import piece

#: What @xterm/headless 6 does not have.
LACKS = {
    "left and right margins": r"\?69[hl]",
    "DECBI and DECFI": r"\x1b[69]",
    "single shifts": r"\x1b[NO]",
    "a string that ESC k begins": r"\x1bk",
    "mode 2027": r"\?2027[hl]",
    "text of another size, and colours of OSC 5 and 21": r"\x1b\](?:66|5|21|105)(?![0-9])",
    "mouse encodings 1005 and 1015": r"\?(?:1005|1015)[hl]",
    "CSI j, k, ^, and T with more than a number": r"\x1b\[[\d;]*[jk^]|\x1b\[\d*;[\d;]*T",
}
#: What @xterm/headless 6 does differently than xterm, kitty and we, whatever the situation.
OTHERWISE = {
    "C1 controls act in UTF-8": r"[\x80-\x9f]",
    "broken UTF-8 is dropped without a sign": "\ufffd",
    "a sequence broken by other characters swallows them": r"\x1b\[[\d;]*[^\x00-\x7f]",
    "a colour out of range is a colour": "999|\x1b\\[38m",
    "sets of 96 characters act like those of 94": r"\x1b-",
    "what joins in no emulator alike": "[\u0e33\u0600\u1100-\u11ff\uff9e\u1780\u17d2\u0b95\u0bcd\u0bb7]",
    "zero-width spaces and soft hyphens take other widths": "[\u200b\u00ad\U000e0100-\U000e01ef]",
}
#: What its two tables of widths lack. One joins graphemes, but makes all characters beyond the BMP narrow, and gives
#: spacing marks and conjuncts one column. The other (Unicode 11) joins only marks.
WIDTHS = {
    "15-graphemes": ("widths beyond the BMP, conjuncts, spacing marks", r"[\U00010000-\U0010ffff\u0915\u094d\u093e]"),
    "11": (
        "selectors, joiners, flags, skin tones, conjuncts",
        r"[\u0915\u094d\u093e\ufe0e\ufe0f\u200d\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]",
    ),
}
#: Unfinished elements, which streams leave out because they would swallow the next element.
UNFINISHED = re.compile(r"\x1b(?:\[?\d*|[\x00-\x1f]+)$|\x1b\]0;un$|\x1bP1$|\x1b\($")

_RESTORES = re.compile(r"\x1b8|\x1b\[[\d;]*u|\x1b\[\?104[89]l")
_SAVES = re.compile(r"\x1b7|\x1b\[[\d;]*s|\x1b\[\?104[89]h")
_SWITCHES = re.compile(r"\x1b\[\?(?:47|1047|1049)[hl]")
_CSI = re.compile(r"\x1b\[([\d;]*)([@-~])")


class Dialect:
    """Follows a stream and takes only what both emulators understand alike.

    `left_out` counts what was not taken, by name. `loose`: rows were moved so that the two emulators disagree which
    rows belong to one line, so only cells can be compared, not lines.
    """

    def __init__(self, columns: int, rows: int, widths: str = "15-graphemes") -> None:
        self.emulator = Emulator(columns, rows)
        self.left_out: Counter[str] = Counter()
        self.loose = self.leftovers = self.moved = self.linkless = False
        self._linked = False
        self.widths = widths
        self.after_replay = False
        """Whether this part of a stream comes after a replay; then what clears the scrollback is left out."""
        self._never = re.compile("|".join([*LACKS.values(), *OTHERWISE.values(), WIDTHS[widths][1]]))
        self._pushed = 0
        self._saved_at = {False: 0, True: 0}
        self._saved_on_alternate = False
        push = self.emulator.screen.scrollback.push

        def counted(row: Row, line_continues: bool) -> bool:
            self._pushed += 1
            return push(row, line_continues)

        self.emulator.screen.scrollback.push = counted  # type: ignore[method-assign]

    def take(self, item: bytes) -> bytes:
        """Return the element as it is sent; nothing if the emulators would differ."""
        text = item.decode(errors="replace")
        if self._never.search(text):
            self.left_out["by its kind"] += 1
            return b""
        for name, parts in SITUATIONS.items():
            if parts(self, text):
                self.left_out[name] += 1
                return b""
        screen = self.emulator.screen
        if _SWITCHES.fullmatch(text) and (screen.top, screen.bottom) != (0, screen.height - 1):
            item = b"\x1b[r" + item  # margins are the terminal's in xterm and kitty, each screen's in xterm.js
        self._follow(item, text)
        return item

    def _follow(self, item: bytes, text: str) -> None:
        screen = self.emulator.screen
        csi = _CSI.fullmatch(text)
        moves = (csi and csi[2] in "LMST") or text in {"\x1bM", "\x1b'}"} or "'" in text
        if moves and any(row.continues for row in screen.rows):
            self.loose = True
        self._linked = self._linked or text.startswith("\x1b]8;")
        if self._linked and (
            screen.alternate or moves or "J" in text or text in {"\x1bc", "\x1b#8"} or _SWITCHES.fullmatch(text)
        ):
            self.linkless = True
        if _SAVES.fullmatch(text) or text == "\x1b[!p":
            self._saved_at[screen.alternate] = self._pushed
            self._saved_on_alternate = self._saved_on_alternate or screen.alternate
        if text == "\x1bc":
            self._saved_at = {False: self._pushed, True: self._pushed}
        if _has_spacers(screen.rows) and (screen.insert or (csi and csi[2] in "P@") or "'" in text):
            self.moved = True
        self.emulator.feed(item)
        below = screen.cursor.y > screen.bottom
        if below or (screen.top > 0 and any(row.continues for row in screen.rows)):
            self.loose = True
        self.leftovers = self.leftovers or _has_spacers(screen.rows)
        assert self.emulator.last_error is None, self.emulator.last_error


def _has_spacers(rows: list[Row]) -> bool:
    return any(cell is SPACER for row in rows for cell in row.text)


def _restores_otherwise(dialect: Dialect, text: str) -> bool:
    """DECRC, and the sequences that include a DECRC."""
    if not _RESTORES.fullmatch(text):
        return False
    screen = dialect.emulator.screen
    to_main = text == "\x1b[?1049l" and screen.alternate
    saved = screen.other.saved if to_main else screen.saved
    where = screen.alternate and not to_main
    rows_moved = dialect._saved_at[where] != dialect._pushed and saved != SavedCursor()
    stale = where and saved == SavedCursor() and dialect._saved_on_alternate
    apart = (saved.origin, saved.charsets) != (screen.origin, screen.charsets)
    outside = saved.origin and not screen.top <= saved.row <= screen.bottom
    now, then = screen.pen.style, saved.pen.style
    unsaved = (then.underline, then.underline_colour) != (now.underline, now.underline_colour)
    return rows_moved or stale or apart or outside or unsaved or now.link != "" or saved.column >= screen.columns


def _row(dialect: Dialect, text: str, letters: str) -> re.Match[str] | None:
    csi = _CSI.fullmatch(text)
    return csi if csi and csi[2] in letters else None


def _waits(dialect: Dialect) -> bool:
    return dialect.emulator.screen.cursor.x >= dialect.emulator.columns


def _moves_otherwise(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    return screen.origin and screen.top > 0 and _row(dialect, text, "ABCDEFG`ae") is not None


def _joins_otherwise(dialect: Dialect, text: str) -> bool:
    """Return whether xterm.js would join the marks and selectors of a text otherwise."""
    first = text[0]
    screen = dialect.emulator.screen
    if first < " ":
        return first != "\x1b" and any(unicodedata.category(char).startswith("M") for char in text)
    if not screen.wrap and (any(width(char) == 2 for char in text) or not screen.rows[screen.cursor.y].text[-1]):
        return True
    if screen.insert and (not text.isprintable() or not all(screen.rows[screen.cursor.y].text)):
        return True
    if "\ufe0f" in text and (screen.insert or not screen.wrap or screen.charsets.sets[screen.charsets.gl] != ASCII):
        return True
    if first < "\u0300":
        return False
    x, cluster = screen.last_grapheme() if screen.joinable else (0, "")
    new = joined_width(cluster, screen.cursor.x - x, first) if cluster else 0
    own = first == "\u200d" or unicodedata.category(first).startswith("M")
    if own and (not new or (first == "\ufe0f" and new != 2)):
        return True
    return cluster.endswith("\u200d") and not new and first >= "\u2000"  # xterm.js joins any emoji to anything


def _resets_otherwise(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    clears = re.fullmatch(r"\x1b\[\??0*3(?:;[\d;]*)?J", text)
    if (dialect.after_replay and (clears or text == "\x1bc")) or (clears and screen.alternate):
        return True
    if text == "\x1bc":
        colours = any(value for name, value in screen.osc_values.items() if name not in {"7", "9;4", "22"})
        kept = screen.linefeed_mode or screen.cursor.hidden or colours
        return bool(dialect._pushed or kept or screen.modes)
    if text == "\x1b[!p" and screen.cursor_style:
        return True
    return text == "\x1b[!p" and any(screen.modes.get(mode) for mode in (2004, 1004))


def _fills_otherwise(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    if text == "\x1b#8":
        return screen.pen is not DEFAULT or screen.origin or (screen.top, screen.bottom) != (0, screen.height - 1)
    if _row(dialect, text, "S"):
        return not screen.alternate and screen.top == 0
    return _row(dialect, text, "T") is not None and (screen.pen.erased is not DEFAULT or ";" in text)


def _splits_otherwise(dialect: Dialect, text: str) -> bool:
    """Return whether xterm.js would split a wide character otherwise, at ICH or DECIC."""
    screen = dialect.emulator.screen
    if _row(dialect, text, "@"):
        return not all(screen.rows[screen.cursor.y].text)
    return text.startswith("\x1b[") and "'}" in text and not all(cell for row in screen.rows for cell in row.text)


def _underlines_otherwise(dialect: Dialect, text: str) -> bool:
    chosen = dialect.emulator.screen.pen.style.underline_colour != "default"
    return "[59" in text or ("[58" in text and chosen)


def _screens_tabs(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    return bool(_SWITCHES.fullmatch(text)) and screen.tabstops != set(range(8, screen.columns, 8))


def _stops_otherwise(dialect: Dialect, text: str) -> bool:
    return _waits(dialect) and (text == "\x1bH" or "'" in text or _row(dialect, text, "Zg") is not None)


def _crashes(dialect: Dialect, text: str) -> bool:
    emulator = dialect.emulator
    row, column = emulator.cursor
    erases = re.fullmatch(r"\x1b\[\??0*1(?:;[\d;]*)?J", text)
    return erases is not None and row == emulator.height - 1 and column == emulator.columns - 1


def _repeats_beyond(dialect: Dialect, text: str) -> bool:
    repeats = _row(dialect, text, "b")
    emulator = dialect.emulator
    return bool(repeats) and int("0" + (repeats or [""])[1].split(";")[0]) > emulator.columns * emulator.height


def _designates_otherwise(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    return text in {"\x1b%@", "\x1b%G"} and screen.charsets != DEFAULT_SETS


def _goes_back_otherwise(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    return text == "\b" and not screen.wrap and bool(screen.modes.get(45))


def _wraps_otherwise(dialect: Dialect, text: str) -> bool:
    screen = dialect.emulator.screen
    wide = any(width(char) == 2 or char == "\ufe0f" for char in text) or text.endswith("b")
    return wide and (screen.insert or any(row.text[-1] != " " for row in screen.rows[screen.cursor.y :]))


def _enters_otherwise(dialect: Dialect, text: str) -> bool:
    return (
        text in {"\x1b[?47h", "\x1b[?1047h"}
        and not dialect.emulator.alternate
        and bool(dialect.emulator.screen.other.rows)
    )


def _lacks(dialect: Dialect, text: str) -> bool:
    return re.fullmatch(r"\x1b\[[\d;]*(?:\$[xvz{]| [@A])|\x1b\[\?1045[hl]", text) is not None


SITUATIONS: dict[str, Callable[[Dialect, str], bool]] = {
    "DECRC stays within the margins in origin mode, follows rows that scrolled, leaves origin, wrapping, G0 to G3, "
    "kinds of underline as they are, an open link not, and forgets a wait to wrap": _restores_otherwise,
    "relative moves count from the top margin again in origin mode": _moves_otherwise,
    "marks with nothing to join take a cell; U+FE0F widens whatever it follows; wide ones "
    "without wrapping, what comes over one in the last column then, and inserting beside halves of wide ones, leave "
    "other cells": _joins_otherwise,
    "RIS clears the scrollback, keeps LNM, colours and some modes; DECSTR resets paste, focus, cursor shape; ED 3 has "
    "no effect on the alternate screen": _resets_otherwise,
    "DECALN uses the pen; SU keeps rows out of the scrollback; SD fills without background, and scrolls with several "
    "parameters, too": _fills_otherwise,
    "ICH and DECIC leave halves of wide characters": _splits_otherwise,
    "a wide character that does not fit takes what stands in the last column away": _wraps_otherwise,
    "the alternate screen is empty whenever it is entered": _enters_otherwise,
    "an underline colour is mixed with the one before, and with what SGR 59 leaves": _underlines_otherwise,
    "each screen has its own tab stops": _screens_tabs,
    "CBT, HTS, TBC, DECIC and DECDC of a cursor that waits to wrap do nothing": _stops_otherwise,
    "ED 1 from the last cell of all ends in an error": _crashes,
    "REP beyond as many cells as the screen has goes on": _repeats_beyond,
    "ESC % @ resets the charsets": _designates_otherwise,
    "rectangles, SL, SR and mode 1045 have no effect": _lacks,
    "mode 45 holds without wrapping, too": _goes_back_otherwise,
}


def stream(rng: random.Random, length: int, dialect: Dialect) -> bytes:
    """Return `length` elements of the grammar, which continue the stream of `dialect`."""
    out: list[bytes] = []
    while len(out) < length:
        item = piece(rng)
        if UNFINISHED.search(item.decode(errors="replace")):
            continue
        taken = dialect.take(item)
        if taken:
            out.append(taken)
    return b"".join(out)
