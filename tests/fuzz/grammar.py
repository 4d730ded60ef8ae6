"""A grammar of terminal output, by kinds; a script adds changes of size to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.unit.vt.streams import ESCAPES, IMAGES, PRIVATE, SGR, STRINGS, TEXTS

Kind = Callable[[random.Random], bytes]

#: Sizes of a screen, including extreme ones.
SIZES = (
    (20, 5), (10, 4), (7, 3), (2, 2), (1, 3), (5, 1), (30, 6), (1, 1), (3, 40), (80, 24), (80, 24), (132, 10),
    (200, 60), (1000, 1), (1, 1000), (0, 0),
)  # fmt: skip
#: Bounds of the scrollback, in lines and in bytes.
BOUNDS = ((10_000, 8 << 20), (1000, 1 << 20), (30, 4096), (5, 200), (1, 50), (0, 1 << 20))
#: The mark before the number of a size in a script; no program's text has it.
RESIZE = b"\xff\xfe\xff"

_WIDE = ("中", "文字", "한글", "ｗｉｄｅ", "、。", "あいう", "㊙", "﷽", "中a", "a中")
_EMOJI = (
    "👩\u200d👩\u200d👧\u200d👦", "🇫🇷", "🇫", "🇩🇪🇫", "👍🏽", "❤\ufe0f", "❤\ufe0e", "⌚\ufe0e", "#\ufe0f\u20e3",
    "1\u20e3", "🏽", "🏴\U000e0067\U000e0062\U000e007f", "\u200d", "👩\u200d", "🧑\u200d🚀", "☺", "⚠\ufe0f", "🫠",
)  # fmt: skip
_MARKS = (
    "e\u0301", "\u0301", "a\u0300\u0301\u0302", "क्ष", "क्\u200dष", "\u094d", "กำ", "\u0e33", "\u200b", "\u200c",
    "\u2060", "\u00ad", "ㅎㅏㄴ", "ᄒ\u1161\u11ab", "\u1161", "\U000e0100", "\u0600", "ا\u064b", "\u202e", "\ufeff",
    "\u20dd",
)  # fmt: skip
_QUERIES = (
    "[c", "[>c", "[=c", "[5n", "[6n", "[?6n", "[?15n", "[?996n", "[x", "[18t", "[14t", "[16t", "[19t", "[21t", "[20t",
    "[?u", "[?1$p", "[?2026$p", "[4$p", "[>q", "[?4m", "Z", "]10;?\x07", "]11;?\x1b\\", "]4;1;?\x07", "]52;c;?\x07",
    'P$qm\x1b\\', 'P$q"p\x1b\\', "P+q544e\x1b\\", "]21;foreground=?\x07", "_Gi=1,a=q;AAAA\x1b\\", "[?1;1S", "\x05",
)  # fmt: skip
_ABSURD = ("99999999", "65536", "0", "-1", "4294967296", "9" * 400, "1;" * 300, ":::", "1:2:3:4:5:6:7", "?", ">1;?2")


def _number(rng: random.Random) -> str:
    return rng.choice(("", "0", "1", "1", "2", "3", "5", "8", "12", "40", "80", "1000", "70000", "99999999"))


def _csi(finals: str, most: int = 1, before: tuple[str, ...] = ("",)) -> Callable[[random.Random], str]:
    """Return a maker of control sequences with `finals` and up to `most` parameters."""

    def make(rng: random.Random) -> str:
        parameters = ";".join(_number(rng) for _ in range(rng.randint(0, most)))
        return f"\x1b[{rng.choice(before)}{parameters}{rng.choice(finals)}"

    return make


def _listed(*elements: str) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(elements)


def _some(rng: random.Random) -> str:
    return rng.choice(TEXTS)


def _plain(rng: random.Random) -> str:
    words = " ".join(
        rng.choice(("a", "word", "lorem ipsum", "x" * 30, "", "é", "─│┌")) for _ in range(rng.randint(0, 9))
    )
    return words + rng.choice(("\r\n", "\r\n", "\r\n", "\n", "\r", "", "\b", "\v", "\f"))


def _colour(rng: random.Random) -> str:
    return (
        f"\x1b[{rng.choice(SGR)}m{rng.choice(('text', ' ', '   ', '中', ''))}{rng.choice(('', '', chr(13) + chr(10)))}"
    )


def _notice(rng: random.Random) -> str:
    """Return a notification, a report, a title or a bell, sometimes a long one."""
    text = rng.choice(("done", "", "a;b", "ü", "x" * 4000, "[y/N]", "\x85")) * rng.choice((1, 1, 1, 20))
    return rng.choice((
        f"\x1b]9;{text}\x07", f"\x1b]777;notify;{text};{text}\x1b\\", f"\x1b]99;i=1:d=0;{text}\x1b\\",
        f"\x1b]99;i=1:p=body;{text}\x1b\\", f"\x1b]9;4;{rng.randint(0, 5)};50\x07", f"\x1b]0;{text}\x07", "\x07",
        f"\x1b]133;{rng.choice('ABCD')}\x07", f"\x1b]133;C;cmdline_url={text}\x07", "\x1b]133;D;1\x07",
        f"\x1b]7501;state=waiting;text={text}\x07", "\x1b]7501;state=working\x07", "\x1b]7501;?\x07",
    ))  # fmt: skip


def _rectangle(rng: random.Random) -> str:
    """DECCRA, DECFRA, DECERA or DECSERA, SL or SR, with numbers near the edges."""
    numbers = ";".join(rng.choice(("", "0", "1", "2", "5", "24", "80", "99999")) for _ in range(rng.randrange(9)))
    return f"\x1b[{numbers}{rng.choice(('$v', '$x', '$z', '${', ' @', ' A'))}"


def _repeat(rng: random.Random) -> str:
    count = rng.choice(("", "0", "1", "2", "7", "79", "80", "81", "4000", "65535", "99999999"))
    character = rng.choice((*TEXTS, "a", "-", "中", "\u0301", "\x1b[41m ", "\r\n", "🇫", "\x1b(0q"))
    return f"{character}\x1b[{count}b{rng.choice(('', '', chr(13) + chr(10)))}"


def _titles(rng: random.Random) -> str:
    text = rng.choice(("title", "", "a\x1bb", "x" * 2000, "中", "\x9b31m", "a;b;c", "\u202e", "file://h/p%20q", "%1b"))
    end = rng.choice(("\x07", "\x1b\\", "\x18", "\x1b[m"))
    pushed = _csi("t", 2, ("22;", "23;", "22", "23", "8;"))(rng)
    return rng.choice((f"\x1b]{rng.choice('0127')};{text}{end}", pushed, f"\x1bk{text}{end}", f"\x1b]7;{text}{end}"))


def _links(rng: random.Random) -> str:
    target = rng.choice(("http://x/", "", "a\x07b", "http://" + "y" * 3000, "javascript:x", "http://é/", "x\x9b"))
    given = rng.choice(("", "id=1", "id=a:b=c", "id=" + "z" * 500, "::", "id"))
    return f"\x1b]8;{given};{target}{rng.choice((chr(7), chr(27) + chr(92)))}{_some(rng)}"


def _palette(rng: random.Random) -> str:
    colour = rng.choice(
        ("#fff", "#ff0000", "rgb:1/2/3", "rgb:ffff/0/0", "red", "?", "", "rgba:1/2/3/4", "#" + "f" * 99)
    )
    code = rng.choice(
        ("4;1;", "4;255;", "4;256;", "4;-1;", "4;9999999;", "5;0;", "10;", "11;", "12;", "13;", "17;", "19;")
    )
    reset = rng.choice(("104", "104;1", "104;;", "105", "110", "111", "112", "117", "119"))
    return rng.choice((f"\x1b]{code}{colour}\x07", f"\x1b]{code}{colour};{colour}\x1b\\", f"\x1b]{reset}\x07"))


def _strings(rng: random.Random) -> str:
    body = rng.choice(("q#0~~", "1;2|text", "$qm", "Gf=24;" + "A" * 400, "", "\x07", "\x1bx", "+q1", "tmux;\x1b\x1b[m"))
    start = rng.choice(
        ("\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1b]1337;", "\x1b]52;c;", "\x1b]133;A", "\x1b]9;4;1;", "\x1b]99;")
    )
    return start + body + rng.choice(("\x1b\\", "\x1b\\", "\x07", "\x18", "\x1a", ""))


def _modes(rng: random.Random) -> str:
    private = ";".join(str(rng.choice(PRIVATE)) for _ in range(rng.choice((1, 1, 2, 5))))
    return rng.choice(
        (
            f"\x1b[?{private}{rng.choice('hhlsr')}",
            f"\x1b[{rng.choice((4, 20, 2, 12))}{rng.choice('hl')}",
            "\x1b[!p",
            f"\x1b{rng.choice('=>')}",
            f"{_some(rng)}",
        )
    )


def _alternate(rng: random.Random) -> str:
    inner = "".join(_plain(rng) for _ in range(rng.randint(0, 3)))
    return f"\x1b[?{rng.choice((47, 1047, 1048, 1049))}{rng.choice('hl')}{inner}"


def _keyboard(rng: random.Random) -> str:
    flags = rng.choice(("", "0", "1", "5", "31", "32", "99999999"))
    return rng.choice(
        (
            f"\x1b[>{flags}u",
            f"\x1b[<{flags}u",
            f"\x1b[={flags};{rng.randint(0, 4)}u",
            f"\x1b[>{rng.randint(0, 5)};{rng.randint(0, 3)}m",
            f"\x1b[>{rng.randint(0, 5)}n",
            f"\x1b[{rng.randint(0, 9)} q",
        )
    )


def _charsets(rng: random.Random) -> str:
    chosen = f"\x1b{rng.choice('()*+-./')}{rng.choice('0BAU<>4K%')}"
    return (
        chosen
        + rng.choice(("\x0e", "\x0f", "\x1bN", "\x1bO", "\x1bn", "\x1bo", ""))
        + rng.choice(("qqx~`", "a", "é", "中"))
    )


def _saved(rng: random.Random) -> str:
    where = f"\x1b[{_number(rng)};{_number(rng)}H"
    return rng.choice(
        ("\x1b7", "\x1b8", "\x1b[s", "\x1b[u", "\x1b[?1048h", "\x1b[?1048l", "\x1b[?6h", where, _some(rng))
    )


def _garbage(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.3:
        return rng.randbytes(rng.randint(1, 12))
    if kind < 0.5:
        return bytes(rng.choices(b"\x1b[]?;:0123456789hlmHJKPX\\_^\x07\x18 a$'\"!<=>", k=rng.randint(1, 30)))
    if kind < 0.7:
        return f"\x1b[{rng.choice(_ABSURD)}{chr(rng.randint(0x40, 0x7E))}".encode()
    if kind < 0.8:
        return rng.choice(("é", "中", "👩")).encode()[: rng.randint(1, 3)]
    return rng.choice((*STRINGS, *IMAGES, *(f"\x1b{each}" for each in ESCAPES))).encode()


def _bulk(rng: random.Random) -> bytes:
    """Hundreds of lines at once, for which the emulator has a fast path."""
    line = "".join(
        rng.choice((_colour(rng).strip(), "word ", "中", "x" * 30, "\t", "")) for _ in range(rng.randint(0, 6))
    )
    lines = [line] * rng.choice((30, 100, 300))
    for _ in range(rng.choice((0, 0, 1, 3))):
        lines[rng.randrange(len(lines))] = _any_text(rng)
    return "".join(f"{each}\r\n" for each in lines).encode()


def _any_text(rng: random.Random) -> str:
    return rng.choice((_plain, _colour, _repeat, _titles, _links, _some))(rng).replace("\r", "")


@cache
def recorded() -> list[bytes]:
    """Return the output of programs that tests/fidelity has recorded."""
    folder = Path(__file__).parents[1] / "fidelity" / "streams"
    return [path.read_bytes() for path in sorted(folder.glob("*.bin"))]


def _programs(rng: random.Random) -> bytes:
    data = rng.choice(recorded())
    start = rng.randrange(len(data))
    return data[start : start + rng.choice((20, 200, 2000))]


def _one_of(*makes: Callable[[random.Random], str]) -> Kind:
    return lambda rng: rng.choice(makes)(rng).encode()


#: The kinds of output, by name.
KINDS: dict[str, Kind] = {
    "plain": _one_of(_plain),
    "sgr": _one_of(_colour),
    "cursor": _one_of(_csi("ABCDEFGHIZ`adefjk", 2), _some),
    "rep": _one_of(_repeat),
    "erase": _one_of(_csi("JKX", 1, ("", "", "?")), _some, _csi("H", 2)),
    "regions": _one_of(_csi("rsSTLM^", 2), _listed("\x1bM", "\x1bD", "\x1bE", "\n", "\x1b[?69h", "\x1b[?69l"), _some),
    "edit": _one_of(_csi("@PLMX", 1), _csi("}~", 1, ("'",)), _listed("\x1b6", "\x1b9", "\x1b[4h", "\x1b[4l"), _some),
    "rectangles": _one_of(_rectangle, _some, _csi("Hr", 2), _listed("\x1b[?6h", "\x1b[?6l", "\x1b[44m")),
    "tabs": _one_of(_csi("gIZ"), _listed("\t", "\t\t", "\x1bH", "\x1b[3g", "\x1b[?5W"), _some, _csi("G")),
    "wide": lambda rng: (rng.choice(_WIDE) * rng.choice((1, 1, 3, 30))).encode(),
    "emoji": lambda rng: (rng.choice(_EMOJI) * rng.choice((1, 1, 2, 20))).encode(),
    "combining": lambda rng: (rng.choice(_MARKS) * rng.choice((1, 1, 2, 40))).encode(),
    "titles": _one_of(_titles),
    "notices": _one_of(_notice, _some),
    "links": _one_of(_links),
    "palette": _one_of(_palette),
    "strings": _one_of(_strings),
    "queries": lambda rng: f"\x1b{rng.choice(_QUERIES)}".encode(),
    "modes": _one_of(_modes),
    "alternate": _one_of(_alternate),
    "keyboard": _one_of(_keyboard),
    "charsets": _one_of(_charsets),
    "saved": _one_of(_saved),
    "resets": _one_of(_listed("\x1bc", "\x1b#8", "\x1b[!p", "\x1b[2J", "\x1b[3J", "\x1b[H"), _some, _plain),
    "bulk": _bulk,
    "programs": _programs,
    "garbage": _garbage,
}  # fmt: skip
RESIZES = "resizes"
NAMES = (*KINDS, RESIZES)


def _resize(rng: random.Random) -> bytes:
    return RESIZE + bytes([rng.randrange(len(SIZES))])


def output(rng: random.Random, most: int = 60, kinds: tuple[str, ...] = NAMES) -> bytes:
    """Return up to `most` elements of a few kinds, so that these kinds often meet."""
    some = rng.sample(kinds, min(len(kinds), rng.choice((1, 2, 3, 5, len(kinds)))))
    makes: list[Kind] = [KINDS.get(name, _resize) for name in some]
    return b"".join(rng.choice(makes)(rng) for _ in range(rng.randint(1, most)))


def flood(rng: random.Random, kind: str, size: int) -> Iterator[bytes]:
    """Yield at least `size` bytes of one kind, with elements repeated at random."""
    make = KINDS[kind]
    elements = [make(rng) for _ in range(500)]
    while size > 0:
        block = b"".join(rng.choices(elements, k=max(1, min(2000, 200_000 * len(elements) // sum(map(len, elements))))))
        size -= len(block)
        yield block


class Script(NamedTuple):
    """A case for an emulator: size, bounds of the scrollback, output and new sizes."""

    size: tuple[int, int]
    bounds: tuple[int, int]
    steps: list[bytes | tuple[int, int]]


def script(case: bytes) -> Script:
    """Return the script of any bytes: two choose size and bounds, others are output."""
    head = (*case[:2], 0, 0)
    first, *rest = case[2:].split(RESIZE)
    steps: list[bytes | tuple[int, int]] = [first]
    for part in rest:
        steps += [SIZES[(*part[:1], 0)[0] % len(SIZES)], part[1:]]
    return Script(SIZES[head[0] % len(SIZES)], BOUNDS[head[1] % len(BOUNDS)], [step for step in steps if step])


def make(rng: random.Random) -> bytes:
    """Make a case of the grammar, mostly on a small screen."""
    size = rng.randrange(len(SIZES)) if rng.random() < 0.3 else rng.randrange(8)
    return bytes([size, rng.randrange(len(BOUNDS))]) + output(rng)
