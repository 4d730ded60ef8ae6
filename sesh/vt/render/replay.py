"""Replays: bytes that bring another terminal into the emulator's state.

They are generated from the state, not copied from the output, so that they have no bell, query, clipboard write or
reset. The order matters. Content comes before the modes that change printing (origin, wrap, insert). Margins and tab
stops come before the cursor, because setting them moves it. The pen is reset before each line feed, because the new row
takes the pen's background.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sesh.vt.charsets import DEFAULT_SETS
from sesh.vt.defaults import ON_BY_DEFAULT
from sesh.vt.emulator import Emulator
from sesh.vt.encoded import INPUT, PROMPT, Encoder, closed, decode, without_sgr
from sesh.vt.grid import Page, SavedCursor
from sesh.vt.modes import MOUSE_TRACKING, SYNCHRONIZED_OUTPUT, Stacks
from sesh.vt.osc_values import sequences
from sesh.vt.pen import DEFAULT
from sesh.vt.reflow import wrap
from sesh.vt.render.clean_screen import CANCEL, NEUTRAL, clean_screen
from sesh.vt.row import STUB, Row, blank
from sesh.vt.screen import Screen
from sesh.vt.titles import ICON_NAME, TITLE, Entry, parameter_of

NOTHING_PUSHED = Stacks()
_BACKGROUND = re.compile(r"[\[;](?:4[0-8]|10[0-7])[;m]")
_PART = 32 << 10  # weight at which a part ends, so that it takes some milliseconds
_ROW = 128  # the weight of a row: a line weighs its characters, and its rows
_ERASE = b"\x1b[K\x1b[B\x1b[J\x1b[H"
"""Erases the screen. Some terminals push an erased screen to their scrollback if ED begins at the first cell."""
_NO_FLAGS = "\x1b[=0;1u"  # clears kitty's keyboard flags
_INPUT_MODES = (1, 5, 9, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004)
"""Modes of input, and reverse video, which are always reset first: a terminal may have them from another program. Other
modes are reset only if this program has ever set them."""


def replay(emulator: Emulator, *, lines: int = 1000, clear: bool = True) -> bytes:
    """Return the bytes for a terminal of the emulator's size that attaches.

    They are the last `lines` logical lines of scrollback, the screen, all settings, and the bytes of an unfinished
    sequence, unless it is an image. `clear`: first scroll the terminal's content away.
    """
    return replaying(emulator, lines=lines, clear=clear).finish()


def replaying(emulator: Emulator, *, lines: int, clear: bool = True, status: str = "") -> Replay:
    """Begin a `replay` in parts; `status` follows the screen."""
    start = clean_screen(emulator.columns, emulator.height) if clear else b""
    return Replay(emulator, start + _reset_input(emulator.screen).encode(), lines, status=status)


def lines_as_bytes(lines: list[str], columns: int) -> bytes:
    """Return bytes that push finished lines into a scrollback; a `replay` without lines must follow."""
    out = Encoder()
    for line in lines:
        _line(out, line, columns)
    return str(out).encode()


def repainting(
    emulator: Emulator,
    *,
    lines: int = 0,
    begun: int = 0,
    was_alternate: bool = False,
    pushed: Stacks = NOTHING_PUSHED,
    clear: bool = False,
    status: str = "",
) -> Replay:
    """Return a replay for a terminal that shows the session but may have missed output.

    The lines that have left the session's screen meanwhile are printed first, from the terminal's first row on, and the
    stacks are rebuilt. What does not fit scrolls into the terminal's scrollback, as output would.

    `lines`: the number of logical lines to print first. `begun`: the number of rows that the terminal has already shown
    of the line before those; the rest of that line is printed, too. `was_alternate`: the terminal is on the alternate
    screen. `pushed`: the terminal's stacks. `clear`: first scroll the terminal's content away. `status` follows the
    screen.
    """
    start = CANCEL + (b"\x1b[?1049l" if was_alternate else b"")
    if clear:  # without the line that the terminal has begun, the rest of which does not come
        start += (b"" if was_alternate else b"\r\x1b[K") + clean_screen(emulator.columns, emulator.height)
    else:  # after leaving the alternate screen, because that restores a pen and charsets
        start += NEUTRAL
    start += _reset_input(emulator.screen).encode() + b"\x1b[H"
    if lines + begun > 0:
        start += _ERASE
    return Replay(emulator, start, lines, begun, pushed, status)


class Replay:
    """The bytes of one moment's scrollback, screens and settings, made in parts of a few milliseconds.

    The screen is drawn when the replay begins, and the lines before it are held. So the emulator may go on meanwhile:
    the terminal will show that moment, and output goes on from there.

    The terminal may already show the session, so its rows may not be blank, and its settings may be older. `lines`,
    `begun`, `pushed`, `status`: as in `repainting`.
    """

    def __init__(
        self,
        emulator: Emulator,
        start: bytes,
        lines: int,
        begun: int = 0,
        pushed: Stacks = NOTHING_PUSHED,
        status: str = "",
    ) -> None:
        self._columns = emulator.columns
        self._bytes = [start]
        self._pushed = pushed
        screen = emulator.screen
        screen.sync_scrollback()
        scrollback = screen.scrollback
        # `lines` does not count the line that the terminal has begun, but the open line, which comes with the screen.
        finished = lines + (begun > 0) - (scrollback.open_count > 0)
        first = max(scrollback.first, scrollback.end - max(0, finished))
        self._parts = pieces(scrollback.since(first), self._columns)
        self._begun = begun if first < scrollback.end else 0  # rows that the terminal has shown of the first line
        open_rows = scrollback.open_rows[begun - self._begun :] if lines + begun > 0 else []
        self._end = self._screen(emulator, screen, open_rows, status)

    def advance(self) -> bool:
        """Make the next part of the scrollback; return False if none is left."""
        part = next(self._parts, None)
        if part is None:
            return False
        self._bytes.append(self._part(part))
        return True

    def finish(self) -> bytes:
        """Make the rest; return all bytes."""
        return b"".join([*self._bytes, *map(self._part, self._parts), self._end])

    def _part(self, lines: list[str]) -> bytes:
        begun = self._begun
        self._begun = 0
        if not begun:
            return lines_as_bytes(lines, self._columns)
        out = Encoder()
        _rows(out, wrap(decode(lines[0]), self._columns)[begun:] or [blank(self._columns, DEFAULT)])
        out.set_pen(DEFAULT)
        out.sequence("\r\n")
        return str(out).encode() + lines_as_bytes(lines[1:], self._columns)

    def _screen(self, emulator: Emulator, screen: Screen, open_rows: list[Row], status: str) -> bytes:
        """Print the screens from the cursor's row on, and restore all settings.

        The rows fill the terminal, so what is above them scrolls off.
        """
        out = Encoder()
        self._screens(out, screen, open_rows)
        out.set_pen(DEFAULT)
        out.sequence(_strings(screen, self._pushed.titles) + status)
        out.sequence(_saved_modes(screen) + _tabs(screen) + _margins(screen))
        out.sequence(_modes(screen) + _keys(screen))
        put_cursor(out, screen)
        return str(out).encode() + (b"" if emulator.in_image else emulator.unfinished)

    def _screens(self, out: Encoder, screen: Screen, open_rows: list[Row]) -> None:
        shown = Page(screen.rows, screen.saved, screen.kitty_stack)
        main, alternate = (screen.other, shown) if screen.alternate else (shown, screen.other)
        _rows(out, open_rows + screen.main_rows)
        if screen.at_input:
            out.sequence(INPUT)
        out.sequence(_flags(main.kitty_stack, self._pushed.main_flags))
        # A terminal that missed output may have an older alternate screen.
        if alternate == Page([], SavedCursor(), [0]) and not screen.used.alternate:
            _save_cursor(out, screen, main.saved, main.rows)
            return
        _save_cursor(out, screen, main.saved, main.rows, by="\x1b[?1049h")
        out.set_pen(DEFAULT)
        if screen.used.keys:
            out.sequence(_NO_FLAGS)
        out.sequence(_flags(alternate.kitty_stack, self._pushed.alternate_flags) + "\x1b[H")
        rows = alternate.rows or screen.blank_rows(screen.height, DEFAULT)
        _rows(out, rows)
        _save_cursor(out, screen, alternate.saved, rows)
        if not screen.alternate:
            out.sequence("\x1b[?47l" if alternate.rows else "\x1b[?1047l")


def pieces(blocks: Iterable[list[str]], columns: int) -> Iterator[list[str]]:
    """Split each block of lines into parts that weigh about `_PART`."""
    for lines in blocks:
        start = weight = 0
        for end, line in enumerate(lines, 1):
            weight += len(line) + _ROW * (len(line) // columns + 1)
            if weight >= _PART or end == len(lines):
                yield lines[start:end]
                start = end
                weight = 0


def _line(out: Encoder, line: str, columns: int) -> None:
    """Print a finished line and a line feed, on blank rows.

    The text wraps by itself. A new row takes the background: the rest of the last row is erased, unless the row is
    full, when EL would erase its last column. Only an ASCII text tells by its length whether its last row is full.
    """
    coloured = _BACKGROUND.search(line) is not None
    text = without_sgr(line) if coloured else ""
    if text.isascii():
        if line.startswith(PROMPT):
            out.sequence(PROMPT)
        out.sequence(closed(line))
        if coloured and len(text) % columns:
            out.sequence("\x1b[K")
    else:
        _rows(out, wrap(decode(line), columns))
        out.set_pen(DEFAULT)
    out.sequence("\r\n")


def _rows(out: Encoder, rows: list[Row]) -> None:
    """Print rows from the cursor on; rows that continue a line are reached by wrapping.

    The first row may continue a line that the terminal shows: one that it has begun, or the last that scrolled off.
    """
    for y, row in enumerate(rows):
        wrapped = row.continues
        following = rows[y + 1] if y + 1 < len(rows) else None
        if y and not wrapped:
            out.set_pen(DEFAULT)
            out.sequence("\r\n")
        if not wrapped:
            out.sequence("\x1b[K")
        if row.prompt:
            out.sequence(PROMPT)
        if following is not None and following.continues:
            out.row(row.line_part(following))
            if row.ends_in_spacer(following):
                # By itself the terminal would not erase the last column (xterm, kitty, VTE, tmux).
                out.set_pen(row.pens[-1])
                out.sequence("\x1b[K")
            continue
        line = row.trimmed(least=int(wrapped))  # only a printed character wraps
        out.row(line)
        if wrapped and len(line) < len(row):
            out.set_pen(DEFAULT)
            out.sequence("\x1b[K")


def _save_cursor(out: Encoder, screen: Screen, saved: SavedCursor, rows: list[Row], by: str = "\x1b7") -> None:
    """Bring the cursor into the saved state, then save it with the sequence `by`."""
    # This happens even if nothing was saved, because the terminal may have another program's saved cursor.
    if saved.origin:
        out.sequence("\x1b[?6h")
    row = min(saved.row, screen.height - 1)
    _place_cursor(out, rows[row], row, saved.column, saved.column >= screen.columns)
    out.set_pen(saved.pen)
    own = saved.charsets.sequences()
    out.sequence(own + by)
    if saved.origin:
        out.sequence("\x1b[?6l")
    if own:
        out.sequence(DEFAULT_SETS.sequences(every=True))


def put_saved_cursor(out: Encoder, screen: Screen) -> None:
    """Save the cursor (DECSC) of the screen that is shown as the program has saved it."""
    _save_cursor(out, screen, screen.saved, screen.rows)


def _place_cursor(out: Encoder, row: Row, y: int, x: int, wraps: bool, screen: Screen | None = None) -> None:
    """Move the cursor; restore a pending wrap by printing. `screen`: its margins and origin mode are set already."""
    start = x
    if wraps:
        start -= 2 if x > 1 and row.text[x - 1] == STUB else 1
    if screen is None or not screen.origin:
        out.sequence(f"\x1b[{y + 1};{start + 1}H")
    elif screen.top <= y <= screen.bottom and screen.left <= start <= screen.right:
        out.sequence(f"\x1b[{y - screen.top + 1};{start - screen.left + 1}H")
    else:
        _leave_margins(out, screen, y, start)
    out.row(row.cut(start, x))


def _leave_margins(out: Encoder, screen: Screen, y: int, x: int) -> None:
    """Move the cursor out of the margins in origin mode: only DECRC can do that, and relative moves after it.

    A program that got there by DECRC has the saved cursor on the same side, or it has changed the screen since.
    """
    own, other = screen.saved, screen.other.saved
    if _reaches(screen, own, y, x):
        saved = own
        out.sequence("\x1b8")
    elif _reaches(screen, other, y, x):
        saved = other
        mode = 47 if screen.alternate or screen.other.rows else 1047  # 1047 drops an alternate screen that is not kept
        there, back = ("l", "h") if screen.alternate else ("h", "l")
        out.sequence(f"\x1b[?{mode}{there}\x1b8\x1b[?{mode}{back}")
    else:
        return
    down, right = y - saved.row, x - min(saved.column, screen.columns - 1)
    out.sequence(f"\x1b[{abs(down)}{'B' if down > 0 else 'A'}" if down else "")
    if right or saved.column >= screen.columns:  # CUF in the last column cancels a pending wrap
        out.sequence(f"\x1b[{abs(right)}{'D' if right < 0 else 'C'}")
    # DECRC restores more modes in some terminals: in kitty wrapping, in VTE new line mode, in both reverse video.
    again = {"\x1b[?7l": not screen.wrap, "\x1b[20h": screen.linefeed_mode, "\x1b[?5h": screen.modes.get(5)}
    out.sequence("".join(text for text, on in again.items() if on))
    out.sequence(DEFAULT_SETS.sequences(every=True) if saved.charsets != DEFAULT_SETS else "")
    out.sequence("\x1b[m")
    out.pen = DEFAULT


def _reaches(screen: Screen, saved: SavedCursor, y: int, x: int) -> bool:
    """Return whether CUU or CUD and then CUB or CUF lead from a saved cursor in origin mode to a cell."""

    def free(start: int, end: int, first: int, last: int) -> bool:
        return not (start >= first > end or start <= last < end)

    column = min(saved.column, screen.columns - 1)
    return saved.origin and free(saved.row, y, screen.top, screen.bottom) and free(column, x, screen.left, screen.right)


def put_cursor(out: Encoder, screen: Screen) -> None:
    """Restore cursor, pending wrap, joinable grapheme, charsets, insert mode and pen; must come last."""
    y, x = screen.cursor.y, screen.cursor.x
    row = screen.rows[y]
    modes = screen.charsets.sequences() + ("\x1b[4h" if screen.insert else "")
    if screen.joinable:
        start, cluster = screen.last_grapheme()
        _place_cursor(out, row, y, start, False, screen)
        out.set_pen(screen.pen)
        out.sequence(modes)
        if screen.insert:
            out.sequence(f"\x1b[{x - start}P")  # DCH, since printing the grapheme again inserts it
        out.parts.append(cluster)
        return
    _place_cursor(out, row, y, x, screen.pending_wrap, screen)
    if screen.pending_wrap:
        modes += f"\x1b[{screen.pen.sgr}m"  # SGR prevents joining to the grapheme just printed
    out.set_pen(screen.pen)
    out.sequence(modes)


def input_settings(screen: Screen) -> str:
    """Return the bytes that set input modes but the mouse's, keyboard protocols and cursor style."""
    # A terminal that shows a part of the screen would report other cells than the program's.
    wanted = set(_INPUT_MODES) - set(MOUSE_TRACKING)
    modes = "".join(f"\x1b[?{number}h" for number in sorted(wanted) if screen.modes.get(number))
    keypad = "\x1b=" if screen.keypad else ""
    return _reset_input(screen) + modes + keypad + _flags([screen.kitty_flags]) + _keys(screen)


def _reset_input(screen: Screen) -> str:
    """Return the bytes that reset input modes, which an earlier program may have set."""
    off = sorted({*_INPUT_MODES, *screen.used.modes} - {SYNCHRONIZED_OUTPUT})
    out = f"\x1b[?{';'.join(map(str, off))}l\x1b>\x1b[?25h"
    if screen.used.shape:
        out += "\x1b[0 q"
    if screen.used.keys:
        out += _NO_FLAGS
    if screen.used.charsets:  # the Linux console prints the B of ESC * B
        out += DEFAULT_SETS.sequences(every=True)
    for resource in sorted(screen.used.resources):
        out += f"\x1b[>{resource}m"
    return out


def _title(screen: Screen, entry: Entry) -> str:
    """Return the bytes that set icon name and title, unless the terminal's own stay."""
    if not (any(entry.values()) or screen.used.titles):
        return ""
    if entry.get(ICON_NAME) == entry.get(TITLE):
        return f"\x1b]0;{entry[TITLE]}\x1b\\"
    return "".join(f"\x1b]{number};{text}\x1b\\" for number, text in sorted(entry.items()))


def _strings(screen: Screen, pushed: tuple[int, ...]) -> str:
    """Return the bytes for titles, directory, progress, pointer and colours."""
    out = [f"\x1b[23;{parameter}t" for parameter in reversed(pushed)]
    for entry in screen.titles.entries:
        out += [_title(screen, entry), f"\x1b[22;{parameter_of(entry)}t"]
    out.append(_title(screen, {ICON_NAME: screen.icon_name, TITLE: screen.title}))
    return "".join(out) + sequences(screen.osc_values)


def _tabs(screen: Screen) -> str:
    if not screen.used.tabs:
        return ""
    return "\x1b[3g" + "".join(f"\x1b[{stop + 1}G\x1bH" for stop in sorted(screen.tabstops))


def _margins(screen: Screen) -> str:
    out = ""
    if (screen.top, screen.bottom) != (0, screen.height - 1):
        out += f"\x1b[{screen.top + 1};{screen.bottom + 1}r"
    if screen.left_right_mode:
        out += "\x1b[?69h"
        if screen.narrow:
            out += f"\x1b[{screen.left + 1};{screen.right + 1}s"
    return out


def _saved_modes(screen: Screen) -> str:
    """Return the bytes that save each saved mode again (XTSAVE), and leave its default."""
    saved = sorted(screen.saved_modes.items())
    out = [f"\x1b[?{number}{'h' if on else 'l'}\x1b[?{number}s" for number, on in saved]
    return "".join(out + [f"\x1b[?{number}{'h' if number in ON_BY_DEFAULT else 'l'}" for number, _ in saved])


def printing_modes(screen: Screen) -> str:
    """Return the bytes that set margins, line feed mode, wrap and origin mode, after `NEUTRAL`."""
    out = _margins(screen)
    for on, text in ((screen.linefeed_mode, "\x1b[20h"), (not screen.wrap, "\x1b[?7l"), (screen.origin, "\x1b[?6h")):
        if on:
            out += text
    return out


def _modes(screen: Screen) -> str:
    modes = sorted((number, on) for number, on in screen.modes.items() if number != SYNCHRONIZED_OUTPUT)
    out = [f"\x1b[?{number}{'h' if on else 'l'}" for number, on in modes]
    for on, text in (
        (screen.linefeed_mode, "\x1b[20h"),
        (not screen.wrap, "\x1b[?7l"),
        (screen.origin, "\x1b[?6h"),
        (screen.keypad, "\x1b="),
        (screen.cursor.hidden, "\x1b[?25l"),
    ):
        if on:
            out.append(text)
    return "".join(out)


def _flags(stack: list[int], pushed: int = 0) -> str:
    """Return the bytes that pop `pushed` of kitty's keyboard flags, and restore a stack."""
    if stack == [0] and not pushed:
        return ""
    pops = f"\x1b[<{pushed}u" if pushed else ""
    return pops + f"\x1b[={stack[0]};1u" + "".join(f"\x1b[>{flags}u" for flags in stack[1:])


def _keys(screen: Screen) -> str:
    out = "".join(f"\x1b[>{resource};{value}m" for resource, value in sorted(screen.key_resources.items()))
    if screen.cursor_style:
        out += f"\x1b[{screen.cursor_style} q"
    return out
