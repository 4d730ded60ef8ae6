"""The bytes that make another terminal show what the model holds.

They are made from the state, never from what was received, so nothing in them acts: no bell, no query, no
clipboard, no reset. The order avoids the traps of restoring: content before the modes that bend it (origin, wrap,
insert), margins before the cursor (DECSTBM moves it home), tab stops before the cursor, every pen reset before a
line feed (the row that comes in takes the background).

What is set beside text and cursor, as sequences: titles, colours, tab stops, charsets, margins, modes, keys.
"""

from __future__ import annotations

import re

from sesh.vt.ansi import Painter, cells_of, plain
from sesh.vt.cell import DEFAULT
from sesh.vt.grid import Row
from sesh.vt.modes import SYNCHRONIZED, Saved
from sesh.vt.reflow import wrapped
from sesh.vt.render.clean_screen import LEAVE, NEUTRAL, clean_screen
from sesh.vt.scrollback import leftover, trimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator
    from sesh.vt.screen import Screen

_BACKGROUND = re.compile(r"[\[;](?:4[0-8]|10[0-7])[;m]")


def replay(emulator: Emulator, *, lines: int = 1000, clear: bool = True) -> bytes:
    """For a terminal of the emulator's size that attaches: its own screen scrolls away, then `lines` logical lines
    of scrollback, the screen, and all that is set. The unfinished bytes come last, as they were received.

    `clear`: whether its screen has to be scrolled away first.
    """
    start = clean_screen(emulator.rows) if clear else b""
    return start + leave_input(emulator.screen) + _whole(emulator, lines)


def repaint(emulator: Emulator, *, lines: int = 0, was_alternate: bool | None = None) -> bytes:
    """For a terminal that shows this session already: the visible rows anew, its scrollback untouched.

    With `lines`, the last so many logical lines of scrollback are written first, over what the terminal still
    shows, and scroll off as they would have. `was_alternate` is the screen that the terminal is on, for one that
    missed output: both screens are then made anew. None says that it missed nothing and is on the same screen.
    """
    screen = emulator.screen
    missed = was_alternate is not None or lines > 0
    on_alternate = screen.alternate if was_alternate is None else was_alternate
    leave = b"\x1b[?1049l" if on_alternate and (missed or not screen.alternate) else b""
    # Leaving the alternate screen brings a pen and charsets back: neutral comes after it.
    start = LEAVE + leave + NEUTRAL + leave_input(screen) + b"\x1b[H"
    return start + _whole(emulator, lines, erase=True, main=missed)


def _whole(emulator: Emulator, lines: int, *, erase: bool = False, main: bool = True) -> bytes:
    screen = emulator.screen
    screen.settle_scrollback()
    painter = Painter()
    if screen.main is None:
        _flow(painter, screen, screen.buffer, lines, erase)
        _slot(painter, screen, screen.saved, screen.buffer, again=erase)
    else:
        if main:
            _flow(painter, screen, screen.main, lines, erase)
            painter.raw(keys(screen.main_keys[-1:] if erase else screen.main_keys))
            _slot(painter, screen, screen.main_saved, screen.main, "\x1b[?1049h")
        painter.use(DEFAULT)
        painter.raw("\x1b[H")
        # The alternate screen came up in the background that the main screen's cursor was saved with.
        _rows(painter, screen.buffer, False, erase or screen.main_saved.pen.erased != DEFAULT)
        _slot(painter, screen, screen.saved, screen.buffer, again=erase)
    painter.use(DEFAULT)
    settings(painter, screen, again=erase)
    _cursor(painter, screen)
    return str(painter).encode() + emulator.tokenizer.unfinished


def _flow(painter: Painter, screen: Screen, rows: list[Row], count: int, erase: bool) -> None:
    """Scrollback and rows, one after the other from the top: the rows are as many as the screen has, so whatever
    comes before them scrolls off."""
    scrollback = screen.scrollback
    joined = scrollback.open and rows[0].continues and count > 0
    texts = scrollback.last(count)
    for at, text in enumerate(texts):
        last = joined and at == len(texts) - 1
        # Erasing from the first column also tells the terminal that the row is no longer the end of another.
        painter.out.append("\x1b[K" + text if erase else text)
        if last:
            painter.pen, painter.last = scrollback.end
            break
        if "\x1b" in text:
            painter.out.append("\x1b[m\x1b]8;;\x1b\\" if "\x1b]8" in text else "\x1b[m")
        wraps = 2 * len(text) > screen.columns
        if wraps and (erase or _BACKGROUND.search(text)) and not _fills(text, screen.columns):
            painter.out.append("\x1b[K")
        painter.out.append("\r\n")
    _rows(painter, rows, joined, erase)


def _fills(text: str, columns: int) -> bool:
    """Whether the last row of a line is full to the last column."""
    words = plain(text)
    if words.isascii():
        return bool(words) and len(words) % columns == 0
    return wrapped([cells_of(text)], columns)[0][-1].used == columns


def _rows(painter: Painter, rows: list[Row], joined: bool, erase: bool) -> None:
    """The rows of a screen from where the cursor is; rows that go on with a line are reached by wrapping."""
    for y, row in enumerate(rows):
        # On a terminal that shows the session already, the first row may go on with what scrolled off before.
        continues = row.continues and (y > 0 or joined or erase)
        following = rows[y + 1] if y + 1 < len(rows) else None
        if y and not continues:
            painter.use(DEFAULT)
            painter.raw("\r\n")
        if erase and not continues:
            painter.raw("\x1b[K")
        if following is not None and following.continues:
            painter.cells(row[:-1] if leftover(row, following) else row)
            continue
        cells = trimmed(row)
        if continues and not cells:
            cells = row[:1]
        painter.cells(cells)
        if continues and len(cells) < len(row) and (erase or cells[0].pen.erased != DEFAULT):
            painter.use(DEFAULT)
            painter.raw("\x1b[K")


def _slot(
    painter: Painter, screen: Screen, saved: Saved, rows: list[Row], then: str = "\x1b7", again: bool = False
) -> None:
    """Stand as the cursor stood when it was saved, then save it (or let the switch of screens save it)."""
    if saved == Saved() and then == "\x1b7" and not again:
        return
    painter.raw(("\x1b[?6h" if saved.origin else "") + ("" if saved.wrap else "\x1b[?7l"))
    row = min(saved.row, screen.lines - 1)
    if saved.column >= screen.columns:
        _reprint(painter, rows[row], row, screen.columns)
    else:
        painter.raw(f"\x1b[{row + 1};{saved.column + 1}H")
    painter.use(saved.pen)
    painter.raw(charsets(saved.sets, saved.charset) + then)
    painter.raw(f"\x1b[?6l\x1b[?7h{charsets(('B',) * 4, 0, every=True)}")


def _reprint(painter: Painter, row: Row, y: int, end: int, top: int = 0, left: int = 0) -> None:
    """Write the grapheme that ends before column `end` once more, so that the cursor stands behind it."""
    x = end - 1
    if x > 0 and not row[x].data:
        x -= 1
    painter.raw(f"\x1b[{y - top + 1};{x - left + 1}H")
    painter.cells(row[x:end])


def _cursor(painter: Painter, screen: Screen) -> None:
    """The pen, the cursor, whether it waits to wrap, and the grapheme that may still be joined. Comes last."""
    cursor = screen.cursor
    row = screen.buffer[cursor.y]
    top, left = (screen.top, screen.left) if screen.origin else (0, 0)
    modes = charsets(screen.sets, screen.charset) + ("\x1b[4h" if screen.insert else "")
    waits = cursor.x >= screen.columns or screen.held == (cursor.y, cursor.x)
    if screen.open:
        painter.use(screen.pen)
        x, cluster = screen.last()
        width = cursor.x - x
        painter.raw(f"{modes}\x1b[{cursor.y - top + 1};{x - left + 1}H")
        if screen.insert:
            painter.raw(f"\x1b[{width}P")
        painter.out.append(cluster)
        return
    if waits:
        _reprint(painter, row, cursor.y, cursor.x, top, left)
    else:
        painter.raw(f"\x1b[{cursor.y - top + 1};{cursor.x - left + 1}H")
    painter.use(screen.pen)
    # The SGR also closes the grapheme just written: it was closed.
    painter.raw(modes + (f"\x1b[{screen.pen.sgr}m" if waits else "") + ("", "", "\x1bN", "\x1bO")[screen.single])


#: Input modes that are put off before they are set as they should be; others only once the program has used them.
_OFF = (1, 5, 9, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004)


def leave_input(screen: Screen) -> bytes:
    """Put off the modes that change what a terminal sends: it may hold them from another time."""
    off = sorted({*_OFF, *(screen.touched - {SYNCHRONIZED})})
    out = f"\x1b[?{';'.join(map(str, off))}l\x1b>\x1b[?25h"
    if "keys" in screen.used:
        out += "\x1b[=0;1u"
    if "style" in screen.used:
        out += "\x1b[0 q"
    if "charsets" in screen.used:
        out += charsets(("B",) * 4, 0, every=True)
    for resource in sorted(screen.resources):
        out += f"\x1b[>{resource}m"
    return out.encode()


def settings(painter: Painter, screen: Screen, *, again: bool) -> None:
    """All of it, save charsets, insert mode and pen, which come with the cursor.

    `again`: for a terminal that showed this session before. What was set and is no more is taken back, and the
    stacks of titles and keys, which it has, are left alone.
    """
    for part in (_strings(screen, again), _tabs(screen, again), _margins(screen), _modes(screen), _keys(screen, again)):
        if part:
            painter.raw(part)


def _title(icon: str, title: str) -> str:
    if icon == title:
        return f"\x1b]0;{title}\x1b\\"
    return f"\x1b]1;{icon}\x1b\\\x1b]2;{title}\x1b\\"


def _strings(screen: Screen, again: bool) -> str:
    out = []
    if again:
        if "palette" in screen.used:
            out.append("\x1b]104\x1b\\")
        out += [f"\x1b]1{index}\x1b\\" for index in range(10, 20) if f"colour {index}" in screen.used]
    else:
        out += [_title(icon, title) + f"\x1b[22;{what}t" for what, (icon, title) in screen.titles]
    if screen.title or screen.icon_name or "title" in screen.used:
        out.append(_title(screen.icon_name, screen.title))
    if screen.cwd or "cwd" in screen.used:
        out.append(f"\x1b]7;{screen.cwd}\x1b\\")
    out += [f"\x1b]4;{index};{value}\x1b\\" for index, value in sorted(screen.palette.items())]
    out += [f"\x1b]{index};{value}\x1b\\" for index, value in sorted(screen.dynamic.items())]
    return "".join(out)


def _tabs(screen: Screen, again: bool) -> str:
    if screen.tabstops == set(range(8, screen.columns, 8)) and not (again and "tabs" in screen.used):
        return ""
    return "\x1b[3g" + "".join(f"\x1b[{stop + 1}G\x1bH" for stop in sorted(screen.tabstops))


def charsets(sets: tuple[str, ...], charset: int, *, every: bool = False) -> str:
    """Designate G0 to G3 (those that are not ASCII, or all) and choose one."""
    out = [f"\x1b{slot}{code}" for slot, code in zip("()*+", sets, strict=True) if every or code != "B"]
    return "".join(out) + ("\x0f", "\x0e", "\x1bn", "\x1bo")[charset] * (every or charset > 0)


def _margins(screen: Screen) -> str:
    out = ""
    if (screen.top, screen.bottom) != (0, screen.lines - 1):
        out += f"\x1b[{screen.top + 1};{screen.bottom + 1}r"
    if screen.side_margins:
        out += "\x1b[?69h"
        if screen.narrowed:
            out += f"\x1b[{screen.left + 1};{screen.right + 1}s"
    return out


def _modes(screen: Screen) -> str:
    kept = sorted((number, on) for number, on in screen.modes.items() if number != SYNCHRONIZED)
    out = [f"\x1b[?{number}{'h' if on else 'l'}" for number, on in kept]
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


def keys(stack: list[int]) -> str:
    """The kitty keyboard stack, pushed anew; nothing where no flags were ever pushed."""
    if stack == [0]:
        return ""
    return f"\x1b[={stack[0]};1u" + "".join(f"\x1b[>{flags}u" for flags in stack[1:])


def _keys(screen: Screen, again: bool) -> str:
    out = keys(screen.keys[-1:] if again else screen.keys)
    out += "".join(f"\x1b[>{resource};{value}m" for resource, value in sorted(screen.key_resources.items()))
    if screen.cursor_style:
        out += f"\x1b[{screen.cursor_style} q"
    return out
