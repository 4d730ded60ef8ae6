"""What is set beside text and cursor, as sequences: titles, colours, tab stops, charsets, margins, modes, keys."""

from __future__ import annotations

from sesh.daemon.modal import SYNCHRONIZED
from sesh.daemon.paint import Painter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.screen import Screen

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
        out += [_title(icon, title) + f"\x1b[22;{what}t" for what, icon, title in screen.titles]
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
