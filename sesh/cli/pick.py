"""`--pick`: a session chosen with the arrow keys or some of its letters, its screen beside the list."""

from __future__ import annotations

import select
import time

from sesh.cli import enter, parser, printing, prompts, settings, tables
from sesh.cli.console import Stage
from sesh.cli.preview import Previews, drawn
from sesh.errors import Interrupted, NotFound, Refused
from sesh.names import check_label, is_name
from sesh.ops import view
from sesh.ops.session_index import Roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sesh.cli.parser import Line
    from sesh.cli.preview import Key
    from sesh.store.listing import Summary

_BESIDE = 64
"""The columns from which on there is room for a screen beside the list."""
_HINT = "Enter attaches  ↑↓ choose  letters search  Esc leaves"
_MOVES = {"up": -1, "C-p": -1, "backtab": -1, "down": 1, "C-n": 1, "tab": 1}


def pick(line: Line, *, label: Sequence[str] = (), **manner: bool) -> int:
    """`--pick [--label K=V]… [OPTIONS]`: attaches to the session that is chosen; the exit code is that of attaching.

    Raises Refused without a terminal and where nothing is chosen, NotFound where there is no session.
    """
    wanted = dict(check_label(word) for word in label)
    how = enter.Manner(**manner)
    if not printing.on_terminal():
        raise Refused(
            "choosing needs a terminal", hint="`$sesh --list` lists the sessions, `$sesh --attach NAME` takes one"
        )
    hosts = settings.loaded().hosts_of(line.hosts) if line.hosts else None
    from sesh.client.terminal import RawTerminal

    with Roster(line, hosts) as roster:
        _filled(roster)
        if not _entries(roster, wanted):
            missing = "no session bears these labels" if wanted else "there is no session to choose"
            raise NotFound(f"{missing}", hint="`$sesh NAME` creates one")
        if prompts.dumb():
            chosen = _numbered(list(_entries(roster, wanted)))
        else:
            with RawTerminal() as terminal, Stage(terminal) as stage:
                chosen = _Picker(stage, roster, wanted, hosts).chosen()
    host, name = chosen
    options = [word for word in line.words if word in parser.OPTIONS["--attach"]]
    if host is not None:
        from sesh.cli import there

        return there.found(parser.split([f"@{host}", name, *options]))
    if name in {each["name"] for each in roster.here}:
        return enter.attach_to(name, how)
    created: Callable[..., int] = enter.go
    return created(parser.split([name, *options]), [name], **manner)


def _numbered(keys: Sequence[Key]) -> Key:
    """The choice on a terminal that cannot move its cursor. Raises Refused where nothing is chosen."""
    answers = [(str(number), _title(key)) for number, key in enumerate(keys, 1)]
    answer = prompts.ask("which session?", answers, "1")
    if not answer:
        raise Refused("nothing was chosen")
    return keys[int(answer) - 1]


def _filled(roster: Roster) -> None:
    """Waits for other hosts as long as there is nothing to show."""
    while roster.pending and not roster.here and not any(roster.there.values()):
        poll = select.poll()
        for descriptor in roster.descriptors:
            poll.register(descriptor, select.POLLIN)
        roster.take({descriptor for descriptor, _ in poll.poll(roster.due * 1000)})


def _entries(roster: Roster, wanted: dict[str, str]) -> dict[Key, Summary]:
    """The sessions by host and name, those of this machine first."""
    found: dict[Key, Summary] = {(None, each["name"]): each for each in roster.here}
    for word, rows in roster.there.items():
        found |= {(word, str(each["name"])): each for each in rows if not isinstance(each, str)}
    return {key: each for key, each in found.items() if view.bears(each, wanted)}


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

    def __init__(self, stage: Stage, roster: Roster, wanted: dict[str, str], hosts: list[str] | None) -> None:
        self._stage, self._roster, self._wanted, self._hosts = stage, roster, wanted, hosts
        self._previews = Previews()
        self._query = ""
        self._shown: dict[Key, Summary] = {}
        self._mark: Key | None = None
        self._top = 0
        self._coloured = tables.coloured(printing.STDOUT)

    def chosen(self) -> Key:
        """The session that a person chooses, or a name that is to be created. Raises Refused, Interrupted."""
        while True:
            self._sift()
            due = self._roster.due
            if self._mark is not None and not self._shown[self._mark].get("current"):
                due = min(due, self._previews.want(self._mark))
            self._draw()
            keys, ready = self._stage.wait([self._previews.inbound, *self._roster.descriptors], due)
            for key in keys:
                if (done := self._pressed(key)) is not None:
                    return done
            if self._previews.inbound in ready:
                self._previews.take()
            self._roster.take(ready - {self._previews.inbound})

    def _sift(self) -> None:
        """The sessions that fit what was typed, the best first."""
        found = []
        for at, (key, each) in enumerate(_entries(self._roster, self._wanted).items()):
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
            raise Refused("nothing was chosen")
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
                screen = "you are here"  # its screen shows this very picture
            room = columns - left - 2
            shown = drawn(screen, room, body, coloured=self._coloured)
            lines = [f"{line}\x1b[2m│\x1b[m {more}" for line, more in zip(lines, shown, strict=True)]
        count = f"{len(self._shown)}/{len(_entries(self._roster, self._wanted))}"
        asked = tables.cut(f"> {printing.plain(self._query)}", max(1, columns - len(count) - 3), keeps_end=True)
        gap = " " * max(1, columns - tables.columns(asked) - 1 - len(count))
        head = f"\x1b[1m{asked}\x1b[m\x1b[7m \x1b[m{gap[1:]}\x1b[2m{count}"
        creates = self._new() if self._mark is None else None
        hint = _HINT if creates is None else f"Enter creates {_title(creates)}  Esc leaves"
        self._stage.draw([head, *lines, f"\x1b[2m{tables.cut(hint, columns)}"][:rows])

    def _left(self, columns: int) -> int:
        """The width of the list: what its names need, two fifths of the terminal at the most."""
        names = max((tables.columns(_title(key)) for key in _entries(self._roster, self._wanted)), default=0)
        return min(max(24, names + 19), columns * 2 // 5)

    def _list(self, width: int, rows: int) -> list[str]:
        keys = list(self._shown)
        at = keys.index(self._mark) if self._mark is not None else 0
        self._top = min(max(self._top, at - rows + 1), at)
        now = time.time()
        names = max((tables.columns(_title(key)) for key in keys), default=0)
        lines = [self._row(key, width, names, now) for key in keys[self._top : self._top + rows]]
        if not lines:
            told = tables.cut(" none fits", width)
            lines = [told + " " * (width - len(told))]
        return lines + [" " * width] * (rows - len(lines))

    def _row(self, key: Key, width: int, names: int, now: float) -> str:
        """One session: its name and host, its state, how long it has been idle, and where there is room its place."""
        session = self._shown[key]
        state, idle = tables.state(session), tables.age(session.get("last_activity"), now)
        room = min(names, width - 1)
        name = tables.cut(_title(key), room)
        more = f"{state:<10} {idle:>4}"
        if width >= _BESIDE // 2 + room:
            more += f"  {tables.at_home(printing.plain(session.get('cwd') or ''))}"
        mark = "*" if session.get("current") else " "
        text = f"{mark}{name}{' ' * (room - tables.columns(name))}"
        text += f"  {tables.cut(more, width - room - 3)}" if width - room > 3 else ""
        text += " " * (width - tables.columns(text))
        if key == self._mark:
            return f"\x1b[7m{text}\x1b[m"
        code = tables.colour(session) if self._coloured else ""
        if not code or state not in text:
            return text
        before, _, after = text.rpartition(state)
        return f"{before}\x1b[{code}m{state}\x1b[m{after}"


def _title(key: Key) -> str:
    """A session as it is typed: its host before its name."""
    return f"@{key[0]} {printing.plain(key[1])}" if key[0] is not None else printing.plain(key[1])
