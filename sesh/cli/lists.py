"""Lists that a person looks at: `--watch` keeps one up to date, `--pick` has a session chosen from it.

The picker takes arrow keys or some letters of a name, and shows the screen of the marked session beside the list:
fetched aside, clipped to the room that there is.
"""

from __future__ import annotations

import os
import select
import time

from sesh import CALLED, wording
from sesh.cli import attach, console, printing, views
from sesh.cli.console import Stage
from sesh.errors import ExitCode, Interrupted, NotFound, Refused, SeshError
from sesh.names import check_label, is_name
from sesh.ops import find
from sesh.ops.lookup import SessionIndex
from sesh.ops.views import bears
from sesh.protocol import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.store.listing import Summary

    Key = tuple[str | None, str]
    Screen = dict[str, Any]

_LEAVING = ("C-c", "q", "escape", "C-d", "hangup")


def watch(cli: Invocation, *, label: Sequence[str] = ()) -> int:
    """`--watch [--label K=V]…`: on a terminal redrawn where something changed; with `--json` a list a line each time.

    q, Escape or Ctrl-C leave, and the last list stays on the terminal. Raises Refused without a terminal.
    """
    wanted = dict(check_label(word) for word in label)
    hosts = cli.hosts or None
    if cli.json:
        return _follow(cli, hosts, wanted)
    if not printing.on_terminal() or console.dumb():
        raise Refused(
            "--watch needs a terminal that can move its cursor",
            hint="use $sesh --watch --json, or $sesh --list",
        )
    from sesh.cli.console import Stage
    from sesh.client.terminal import RawTerminal

    with RawTerminal() as terminal, SessionIndex(cli.caller, hosts) as index:
        with Stage(terminal) as stage:
            keys: list[str] = []
            while not any(key in _LEAVING for key in keys):
                width, height = stage.size
                rows = _rows(index, wanted, width, coloured=printing.coloured(printing.STDOUT))
                if len(rows) > height:
                    rows[height - 1 :] = [wording.cut(f" … {len(rows) - height + 1} more", width)]
                stage.draw(rows)
                keys, ready = stage.wait(index.descriptors, index.due)
                index.take(ready)
                if "resize" in keys or "resume" in keys:
                    stage.forget()
        last = _rows(index, wanted, terminal.size()[0] or 80, coloured=printing.coloured(printing.STDOUT))
        terminal.write_all("".join(f"{row}\r\n" for row in last).encode("utf-8", "replace"), 2.0)
    return 0


def _rows(index: SessionIndex, wanted: dict[str, str], width: int, *, coloured: bool) -> list[str]:
    """The list as `--list` prints it."""
    now = time.time()
    drawn = views.Table(width, coloured=coloured)
    groups = {word: rows for word, rows in index.there.items() if not isinstance(rows, str)}
    shown = {word: [each for each in rows if bears(each, wanted)] for word, rows in groups.items()}
    here = [each for each in index.here if bears(each, wanted)]
    drawn.measure([*here, *(each for rows in shown.values() for each in rows)], now)
    lines = drawn.lines(here, now) if here or any(shown.values()) else []
    for word, rows in shown.items():
        if rows:
            lines += [drawn.remark(word, index.remarks.get(word, "")), *drawn.lines(rows, now)]
    lines += [drawn.remark(word, rows) for word, rows in index.there.items() if isinstance(rows, str)]
    missing = "no session has these labels" if wanted else f"no sessions; `{CALLED} NAME` creates one"
    return lines or [wording.cut(missing, width)]


def _follow(cli: Invocation, hosts: list[str] | None, wanted: dict[str, str]) -> int:
    """The sessions as `--list --json` shows them, a line whenever they are others than before."""
    import select

    from sesh.ops.interrupts import Interrupts

    before: list[dict[str, Any]] | None = None
    with Interrupts(tie=False, left="") as interrupts, SessionIndex(cli.caller, hosts) as index:
        while True:
            whole = [{**each, "host": None} for each in index.here]
            for rows in index.there.values():
                whole += [] if isinstance(rows, str) else rows
            whole = [each for each in whole if bears(each, wanted)]
            if whole != before and not (before is None and index.pending):
                printing.value(whole)
                before = whole
            poll = select.poll()
            for descriptor in (interrupts.inbound, *index.descriptors):
                poll.register(descriptor, select.POLLIN)
            poll.register(printing.STDOUT, 0)
            ready = {descriptor for descriptor, _ in poll.poll(index.due * 1000)}
            if printing.STDOUT in ready:
                raise BrokenPipeError  # nobody reads it any more
            if interrupts.inbound in ready:
                os.read(interrupts.inbound, 16)
                return ExitCode.INTERRUPTED
            index.take(ready)


_BESIDE = 64
"""The columns from which on there is room for a screen beside the list."""
_HINT = "Enter attach  ↑↓ choose  letters search  Esc quit"
_MOVES = {"up": -1, "C-p": -1, "backtab": -1, "down": 1, "C-n": 1, "tab": 1}


def pick(cli: Invocation, *, label: Sequence[str] = (), **view: bool) -> int:
    """`--pick [--label K=V]… [OPTIONS]`: attaches to the session that is chosen; the exit code is that of attaching.

    Raises Refused without a terminal and where nothing is chosen, NotFound where there is no session.
    """
    wanted = dict(check_label(word) for word in label)
    how = attach.View(**view)
    if not printing.on_terminal():
        raise Refused("--pick needs a terminal", hint="use `$sesh --list` and `$sesh --attach NAME`")
    hosts = cli.hosts or None
    from sesh.client.terminal import RawTerminal

    with SessionIndex(cli.caller, hosts) as index:
        _filled(index)
        if not _entries(index, wanted):
            missing = "no session has these labels" if wanted else "there are no sessions"
            raise NotFound(missing, hint="`$sesh NAME` creates one")
        if console.dumb():
            host, name = _numbered(list(_entries(index, wanted)))
        else:
            with RawTerminal() as terminal, Stage(terminal) as stage:
                host, name = _Picker(stage, index, wanted, hosts).chosen()
        here = {str(each["name"]) for each in index.here}
    cli.hosts = [host] if host is not None else []
    cli.caller.host = host
    if host is None and name in here:
        return attach.attach_to(cli, name, how)
    options: dict[str, Any] = {**view}
    return attach.go(cli, [name], **options)


def _numbered(keys: Sequence[Key]) -> Key:
    """The choice on a terminal that cannot move its cursor. Raises Refused where nothing is chosen."""
    answers = [(str(number), _title(key)) for number, key in enumerate(keys, 1)]
    answer = console.ask("attach to which session?", answers, "1")
    if not answer:
        raise Refused("no session chosen")
    return keys[int(answer) - 1]


def _filled(index: SessionIndex) -> None:
    """Waits for other hosts as long as there is nothing to show."""
    while index.pending and not index.here and not any(index.there.values()):
        poll = select.poll()
        for descriptor in index.descriptors:
            poll.register(descriptor, select.POLLIN)
        index.take({descriptor for descriptor, _ in poll.poll(index.due * 1000)})


def _entries(index: SessionIndex, wanted: dict[str, str]) -> dict[Key, Summary]:
    """The sessions by host and name, those of this machine first."""
    found: dict[Key, Summary] = {(None, each["name"]): each for each in index.here}
    for word, rows in index.there.items():
        found |= {(word, str(each["name"])): each for each in rows if not isinstance(each, str)}
    return {key: each for key, each in found.items() if bears(each, wanted)}


def matching(query: str, name: str, host: str | None, more: str = "") -> int | None:
    """How well a session fits what was typed, the smaller the better; None where it does not.

    Each word of `query` must be found in the name, the host (`@gpu`) or `more`, its letters in their order.
    """
    total = 0
    for word in query.lower().split():
        costs = [_cost(word, name.lower()), _cost(word, f"@{host} {name}".lower()) if host else None]
        costs.append(100 + more.lower().index(word) if word in more.lower() else None)
        fitting = [cost for cost in costs if cost is not None]
        if not fitting:
            return None
        total += min(fitting)
    return total


def _cost(word: str, text: str) -> int | None:
    """What lies before and between the letters of `word` in `text`; None where they are not there in that order."""
    if word in text:
        return min(text.index(word), 9)
    at, gaps = text.find(word[0]), 10
    for letter in word[1:]:
        following = text.find(letter, at + 1)
        if at < 0 or following < 0:
            return None
        gaps += following - at - 1
        at = following
    return gaps if at >= 0 else None


class _Picker:
    """The list, what was typed, which session is marked."""

    def __init__(self, stage: Stage, index: SessionIndex, wanted: dict[str, str], hosts: list[str] | None) -> None:
        self._stage, self._index, self._wanted, self._hosts = stage, index, wanted, hosts
        self._previews = Previews()
        self._query = ""
        self._shown: dict[Key, Summary] = {}
        self._mark: Key | None = None
        self._top = 0
        self._coloured = printing.coloured(printing.STDOUT)

    def chosen(self) -> Key:
        """The session that a person chooses, or a name that is to be created. Raises Refused, Interrupted."""
        while True:
            self._sift()
            due = self._index.due
            if self._mark is not None and not self._shown[self._mark].get("current"):
                due = min(due, self._previews.want(self._mark))
            self._draw()
            keys, ready = self._stage.wait([self._previews.inbound, *self._index.descriptors], due)
            for key in keys:
                if (done := self._pressed(key)) is not None:
                    return done
            if self._previews.inbound in ready:
                self._previews.take()
            self._index.take(ready - {self._previews.inbound})

    def _sift(self) -> None:
        """The sessions that fit what was typed, the best first."""
        found = []
        for at, (key, each) in enumerate(_entries(self._index, self._wanted).items()):
            more = f"{each.get('cwd') or ''} {' '.join(each.get('command') or [])}"
            cost = matching(self._query, key[1], key[0], more)
            if cost is not None:
                found.append((cost, at, key, each))
        self._shown = {key: each for _, _, key, each in sorted(found, key=lambda row: row[:2])}
        if self._mark not in self._shown:
            self._mark = next(iter(self._shown), None)

    def _pressed(self, key: str) -> Key | None:
        """Does what a key says; the session where it chooses one."""
        if key == "C-c":
            raise Interrupted("interrupted")
        if key in ("escape", "hangup") or (key == "C-d" and not self._query):
            raise Refused("no session chosen")
        if key == "enter":
            self._sift()  # what was typed in the same moment counts
            return self._mark or self._new()
        if key in ("resize", "resume"):
            self._stage.forget()
        elif key in _MOVES or key in ("pageup", "pagedown", "home", "end"):
            self._move(key)
        elif key == "backspace":
            self._search(self._query[:-1])
        elif key in ("C-u", "C-w"):
            self._search("")
        elif len(key) == 1:
            self._search(self._query + key)
        return None

    def _search(self, query: str) -> None:
        self._query, self._mark, self._top = query, None, 0
        self._sift()

    def _new(self) -> Key | None:
        """The name that was typed, where a session of that name may be created on one machine."""
        if not is_name(self._query) or (self._hosts is not None and len(self._hosts) > 1):
            return None
        return (self._hosts[0] if self._hosts else None), self._query

    def _move(self, key: str) -> None:
        keys = list(self._shown)
        if not keys or self._mark is None:
            return
        at, page = keys.index(self._mark), max(1, self._stage.size[1] - 3)
        step = {"pageup": -page, "pagedown": page, "home": -len(keys), "end": len(keys)}.get(key)
        at = (at + _MOVES[key]) % len(keys) if step is None else min(max(0, at + step), len(keys) - 1)
        self._mark = keys[at]

    # -- the picture

    def _draw(self) -> None:
        columns, rows = self._stage.size
        body = max(1, rows - 2)
        beside = columns >= _BESIDE
        left = self._left(columns) if beside else columns
        lines = self._list(left, body)
        if beside:
            screen = self._previews.screens.get(self._mark) if self._mark is not None else None
            if self._mark is not None and self._shown[self._mark].get("current"):
                screen = "you are here"  # its screen shows this picture
            room = columns - left - 2
            shown = drawn(screen, room, body, coloured=self._coloured)
            lines = [f"{line}\x1b[2m│\x1b[m {more}" for line, more in zip(lines, shown, strict=True)]
        count = f"{len(self._shown)}/{len(_entries(self._index, self._wanted))}"
        asked = wording.cut(f"> {wording.plain(self._query)}", max(1, columns - len(count) - 3), keeps_end=True)
        gap = " " * max(1, columns - wording.columns(asked) - 1 - len(count))
        head = f"\x1b[1m{asked}\x1b[m\x1b[7m \x1b[m{gap[1:]}\x1b[2m{count}"
        creates = self._new() if self._mark is None else None
        hint = _HINT if creates is None else f"Enter create {_title(creates)}  Esc quit"
        self._stage.draw([head, *lines, f"\x1b[2m{wording.cut(hint, columns)}"][:rows])

    def _left(self, columns: int) -> int:
        """The width of the list: what its names need, two fifths of the terminal at the most."""
        names = max((wording.columns(_title(key)) for key in _entries(self._index, self._wanted)), default=0)
        return min(max(24, names + 19), columns * 2 // 5)

    def _list(self, width: int, rows: int) -> list[str]:
        keys = list(self._shown)
        at = keys.index(self._mark) if self._mark is not None else 0
        self._top = min(max(self._top, at - rows + 1), at)
        now = time.time()
        names = max((wording.columns(_title(key)) for key in keys), default=0)
        lines = [self._row(key, width, names, now) for key in keys[self._top : self._top + rows]]
        if not lines:
            message = wording.cut(" no match", width)
            lines = [message + " " * (width - len(message))]
        return lines + [" " * width] * (rows - len(lines))

    def _row(self, key: Key, width: int, names: int, now: float) -> str:
        """One session: its name and host, its state, how long it has been idle, and where there is room its place."""
        session = self._shown[key]
        state, idle = wording.state(session), wording.age(session.get("last_activity"), now)
        room = min(names, width - 1)
        name = wording.cut(_title(key), room)
        more = f"{state:<10} {idle:>4}"
        if width >= _BESIDE // 2 + room:
            more += f"  {wording.at_home(wording.plain(session.get('cwd') or ''))}"
        mark = "*" if session.get("current") else " "
        text = f"{mark}{name}{' ' * (room - wording.columns(name))}"
        text += f"  {wording.cut(more, width - room - 3)}" if width - room > 3 else ""
        text += " " * (width - wording.columns(text))
        if key == self._mark:
            return f"\x1b[7m{text}\x1b[m"
        code = views.colour(session) if self._coloured else ""
        if not code or state not in text:
            return text
        before, _, after = text.rpartition(state)
        return f"{before}\x1b[{code}m{state}\x1b[m{after}"


def _title(key: Key) -> str:
    """A session as it is typed: its host before its name."""
    return f"@{key[0]} {wording.plain(key[1])}" if key[0] is not None else wording.plain(key[1])


FRESH = (1.0, 4.0)
"""Seconds after which the screen of a session here, and of one elsewhere, is fetched again while it is looked at."""
_PATIENCE = 1.5
_MOST = 8
"""Screens that are fetched at the same time: a host that does not answer keeps nobody else waiting."""
_ON = {"bold": "1", "dim": "2", "italic": "3", "blink": "5", "reverse": "7", "strike": "9", "overline": "53"}
_UNDERLINES = {"single": "4", "double": "21", "curly": "4:3", "dotted": "4:4", "dashed": "4:5"}


class Previews:
    """The screens of sessions by (host, name), or in a line why there is none; `inbound` tells that one has come."""

    def __init__(self) -> None:
        self.screens: dict[Key, Screen | str] = {}
        self._times: dict[Key, float] = {}
        self._asked: set[Key] = set()
        self.inbound, self._outbound = os.pipe()

    def want(self, key: Key) -> float:
        """Fetches a screen that is not known, or not any more; seconds until it is to be wanted again."""
        now = time.monotonic()
        due = self._times.get(key, 0.0) + FRESH[key[0] is not None]
        if now < due:
            return due - now
        if key not in self._asked and len(self._asked) < _MOST:
            import threading

            self._asked.add(key)
            threading.Thread(target=self._fetch, args=(key,), daemon=True).start()
        return FRESH[0]

    def take(self) -> None:
        """Reads and drops what `inbound` has sent."""
        os.read(self.inbound, 64)

    def _fetch(self, key: Key) -> None:
        host, name = key
        found: Screen | str
        try:
            if host is None:
                found = parse(find.ask(name, "screen", timeout=_PATIENCE, format="json")[1])
            else:
                from sesh.ops.caller import Caller
                from sesh.ops.target import HostTarget

                found = HostTarget(Caller(), host).call("views.screen", name=name, form="json")
        except (SeshError, OSError) as error:
            found = wording.one_line(str(error))
        self.screens[key] = found
        self._times[key] = time.monotonic()
        self._asked.discard(key)
        os.write(self._outbound, b".")


def drawn(screen: Screen | str | None, columns: int, rows: int, *, coloured: bool) -> list[str]:
    """So many rows of a screen, none wider than `columns`: the lower part of it, with the row of the cursor."""
    if screen is None or isinstance(screen, str):
        return [wording.cut(wording.plain(screen or ""), columns)] + [""] * (rows - 1)
    lines: Sequence[Sequence[dict[str, Any]]] = screen["cells"]
    used = max((at for at, runs in enumerate(lines) if runs), default=-1)
    last = max(used, int(screen["cursor"]["row"])) + 1
    first = max(0, last - rows)
    shown = [_row(runs, columns, coloured=coloured) for runs in lines[first : first + rows]]
    return shown + [""] * (rows - len(shown))


def _row(runs: Sequence[dict[str, Any]], columns: int, *, coloured: bool) -> str:
    """One row of cells as text with SGR, cut at its right."""
    drawn, at = "", 0
    for run in runs:
        start = int(run["column"])
        if start >= columns:
            break
        text = _clipped(wording.plain(run["text"]), columns - start)
        codes = _codes(run, coloured=coloured)
        drawn += " " * (start - at) + (f"\x1b[{codes}m{text}\x1b[m" if codes else text)
        at = start + wording.columns(text)
    return drawn


def _clipped(text: str, columns: int) -> str:
    """As much of the text as fits, without a mark where it was cut."""
    return text if wording.columns(text) <= columns else wording.cut(text, columns + 1)[:-1]


def _codes(run: dict[str, Any], *, coloured: bool) -> str:
    """The SGR parameters of a run of cells."""
    codes = [code for key, code in _ON.items() if run.get(key)]
    codes += ["8"] if run.get("conceal") else []
    codes += [_UNDERLINES[run["underline"]]] if run.get("underline") in _UNDERLINES else []
    if coloured:
        codes += [_colour(38, run["fg"])] if "fg" in run else []
        codes += [_colour(48, run["bg"])] if "bg" in run else []
    return ";".join(codes)


def _colour(kind: int, value: int | str) -> str:
    """SGR for a colour: one of the 256, or `#rrggbb`."""
    if isinstance(value, int):
        return f"{kind};5;{value}"
    parts = (str(int(value[at : at + 2], 16)) for at in (1, 3, 5))
    return f"{kind};2;{';'.join(parts)}"
