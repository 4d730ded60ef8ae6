"""The list, kept up to date on a terminal; who waits stands above, to be answered."""

from __future__ import annotations

import time

from sesh import wording
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.table import SIGNALS, Table
from sesh.cli.tui.console import Stage
from sesh.cli.tui.preview import Aside, target
from sesh.client.terminal import RawTerminal
from sesh.errors import SeshError
from sesh.moments import age
from sesh.ops.index import SessionIndex
from sesh.ops.views import bears
from sesh.wording import cut, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sesh.reach.caller import Caller
    from sesh.schema import Summary

    Key = tuple[str | None, str]
    Asked = tuple[Key, str, str]
    """A question: whose it is, since when it is asked, its words."""

_LEAVING = ("C-c", "C-\\", "q", "escape", "C-d", "hangup")
_AT_ONCE = ("y", "n", *"123456789")
"""Keys that are an answer by themselves."""
_HINTS = (
    "Enter y n 1-9 answer it  / answer with a line  ↑↓ choose  a attach  q quit",
    "Enter y n 1-9 answer  / line  a attach  q quit",
    "y n / answer  a attach  q quit",
)
_OTHER_HINTS = ("↑↓ choose  a attach  q quit",)
"""Where the marked session waits for no answer."""
_GOES_ON = 3.0
"""Seconds after an answer for which it is not shown that a session still waits for it."""
_SAID = 2.0
"""Seconds for which is shown what became of an answer."""
_MOVED = 1.0
"""Seconds for which keys answer nothing after another session was marked, unless the person chooses one."""
_BURST = 0.4
"""Seconds between two keys of one line, at the most: the end of one that began in that time answers nothing either."""
_HEADS = {"waiting": "waiting for you", "failed": "failed"}
"""The states that stand above the list, with their headings."""


def watch(caller: Caller, hosts: list[str] | None, wanted: dict[str, str]) -> Key | None:
    """Shows the sessions with the `wanted` labels until the person leaves; the one that is to be attached."""
    with RawTerminal() as terminal, Aside() as aside, SessionIndex(caller, hosts) as index:
        watcher = _Watcher(index, aside, wanted)
        with Stage(terminal) as stage:
            chosen = watcher.run(stage)
        width = terminal.size()[0] or 80
        last = [*watcher.needing(width), *watcher.rest(width)]
        terminal.write_all("".join(f"{row}\r\n" for row in last).encode("utf-8", "replace"), 2.0)
    return chosen


class _Watcher:
    """The sessions, the one that is marked of those that need a person, and the answer as far as it is typed."""

    def __init__(self, index: SessionIndex, aside: Aside, wanted: dict[str, str]) -> None:
        self._index, self._aside, self._wanted = index, aside, wanted
        self._coloured = printing.coloured(printing.STDOUT)
        self._shown: dict[Key, Summary] = {}
        """Those that need a person, as they were drawn last: keys are meant for these."""
        self._mark: Key | None = next(iter(self._needing()), None)
        self._deaf_until = 0.0
        """Until when keys answer nothing, as the mark was not put there by the person (monotonic)."""
        self._line: tuple[Asked, str] | None = None
        """The line that is typed in answer, and to what; None while there is none."""
        self._probed: Asked | None = None
        """The question of which it was asked last whether its terminal shows what is typed."""
        self._hides: bool | None = None
        """Whether it shows nothing, as for a password; None while that is not known."""
        self._probing = False
        self._held: list[str] = []
        """Keys that wait until that is known: the first may be an answer, or the beginning of a secret."""
        self._answered: dict[Key, tuple[str, float]] = {}
        """By session: since when it had waited that was answered, and until when it need not have gone on yet."""
        self._said, self._said_until = "", 0.0
        """What became of the last answer, and until when it is shown at the least (monotonic)."""
        self._leaves: tuple[Key | None] | None = None
        """Once the person leaves: the session to attach to, None for none."""

    def run(self, stage: Stage) -> Key | None:
        """Shows the list until the person leaves; the session to attach to, None for none."""
        while self._leaves is None:
            self._take(stage.typed())  # they came before the picture that is drawn now
            width, height = stage.size
            stage.draw(self._picture(width, height))
            keys, ready = stage.wait([self._aside.inbound, *self._index.descriptors], self._index.due)
            if self._aside.inbound in ready:
                self._aside.take()
            self._index.take(ready - {self._aside.inbound})
            if "resize" in keys or "resume" in keys:
                stage.forget()
            self._take([*self._released(), *keys])
        return self._leaves[0]

    # -- keys

    def _released(self) -> list[str]:
        """The keys that were held, once it is known what to do with them; none where something else is asked by now."""
        if self._probing or not self._held:
            return []
        held, self._held = self._held, []
        return held if self._asked() == self._probed else []

    def _take(self, keys: Sequence[str]) -> None:
        """Takes in what was typed, until the person leaves."""
        for key in keys:
            if self._leaves is not None:
                return
            if self._held and key not in ("C-c", "hangup"):
                self._held.append(key)
            elif self._line is None and key in _LEAVING:
                self._leaves = (None,)
            elif self._line is None and key == "a" and self._mark in self._shown and not self._deaf():
                self._leaves = (self._mark,)
            else:
                self._pressed(key)

    def _pressed(self, key: str) -> None:
        needing = list(self._shown)
        if self._line is not None:
            self._write(*self._line, key)
        elif key in ("up", "down") and needing:
            at = needing.index(self._mark) if self._mark in needing else 0
            self._mark = needing[(at + (1 if key == "down" else -1)) % len(needing)]
            self._deaf_until = 0.0
        elif key in ("/", "enter", *_AT_ONCE):
            asked = self._asked()
            if asked is not None and (key == "/" or not self._deaf()):
                self._begin(asked, key)

    def _deaf(self) -> bool:
        """Whether a key comes too soon after another session was marked to be meant for that."""
        now = time.monotonic()
        if now >= self._deaf_until:
            return False
        self._deaf_until = max(self._deaf_until, now + _BURST)
        if self._mark is not None:
            self._say(f"{_title(self._mark)} is marked only now: nothing was answered")
        return True

    def _asked(self) -> Asked | None:
        """What the marked session asks, as it was shown; None where it waits for no answer."""
        found = self._shown.get(self._mark) if self._mark is not None else None
        if found is None or self._mark is None or not self._waits(self._mark):
            return None
        return self._mark, _since(found), _question(found)

    def _begin(self, asked: Asked, key: str) -> None:
        """Answers by a key, or begins a line with it where it may be the first of a secret."""
        text = "" if key in ("/", "enter") else key
        if key == "/" or (asked == self._probed and self._hides):
            self._line = asked, text
        elif asked == self._probed and self._probing:
            self._held = [key]
        else:
            self._answer(asked, text, single=True)

    def _probe(self, asked: Asked) -> None:
        """Finds out whether what is typed in answer is shown."""
        self._probed, self._hides, self._probing = asked, None, True
        (host, name), since, question = asked

        def look() -> None:
            from sesh.ops import send

            hides: bool | None = None
            try:
                hides = send.hides(target(host), name, since, question)
            except (SeshError, OSError):
                pass  # the answer will say what is wrong
            if asked == self._probed:
                self._hides, self._probing = hides, False

        self._aside.call(look)

    def _write(self, asked: Asked, typed: str, key: str) -> None:
        """A key of the line that is typed in answer."""
        if key in ("escape", "C-c", "C-d", "hangup", "enter"):
            self._line = None
        if key == "enter":
            self._answer(asked, typed)
        elif key == "bspace":
            self._line = asked, typed[:-1]
        elif len(key) == 1:
            self._line = asked, typed + key

    def _answer(self, asked: Asked, text: str, *, single: bool = False) -> None:
        """Types an answer, in a thread."""
        key, since, question = asked
        self._say("…")

        def act() -> None:
            from sesh.ops import send

            try:
                send.answer(target(key[0]), key[1], text, since, question, single=single)
                self._say(f"{_title(key)} was answered")
                self._answered[key] = since, time.monotonic() + _GOES_ON
            except (SeshError, OSError) as error:
                self._say(wording.one_line(str(error)))
            self._index.refresh()

        self._aside.call(act)

    def _say(self, what: str) -> None:
        self._said, self._said_until = what, time.monotonic() + _SAID

    # -- the picture

    def _picture(self, width: int, height: int) -> list[str]:
        self._shown = needing = self._needing()
        if self._mark not in needing and self._line is None:
            self._mark = next(iter(needing), None)
            self._deaf_until = time.monotonic() + _MOVED
        asked = self._asked()
        if asked is not None and asked != self._probed and self._line is None and not self._held:
            self._probe(asked)
        if self._said != "…" and time.monotonic() >= self._said_until:
            self._said = ""
        above = self.needing(width, marked=self._mark)
        below = self.rest(width)
        foot = [self._foot(width)] if needing or self._said else []
        room = max(0, height - len(foot))
        rows = [*above, *below]
        if len(rows) > room > 0:
            marked = next((at for at, row in enumerate(above) if row.startswith(">")), 0)
            start = max(0, marked - max(0, room - 2))
            more = cut(f" … {len(rows) - room + 1} more", width)
            rows = [*rows[start : start + room - 1], more] if room > 1 or not above else rows[marked:]
        return [*rows[:room], *foot]

    def _foot(self, width: int) -> str:
        if self._line is not None:
            asked, typed = self._line
            shown = typed if asked == self._probed and self._hides is False else "•" * len(typed)
            return cut(f"answer {_title(asked[0])}: {shown}_", width)
        if self._said:
            return cut(self._said, width)
        hints = _HINTS if self._waits(self._mark) else _OTHER_HINTS
        fitting = next((hint for hint in hints if len(hint) <= width), hints[-1])
        return self._coloured_text(cut(fitting, width), "2")

    def needing(self, width: int, *, marked: Key | None = None) -> list[str]:
        """Who needs a person, by how they stand, each with what it asks; the longest first."""
        now, lines = time.time(), []
        needing = self._needing()
        names = max((wording.columns(_title(key)) for key in needing), default=0)
        for state, head in _HEADS.items():
            group = {key: each for key, each in needing.items() if _state(each) == state}
            if group:
                lines.append(self._coloured_text(head, SIGNALS.get(state, "")))
            for key, each in group.items():
                since = _since(each)
                said = plain(_question(each)) or wording.runs(each)
                if self._goes_on(key, each):
                    said = "answered"
                mark, name = ">" if key == marked else " ", cut(_title(key), min(names, width // 2))
                gap = " " * (min(names, width // 2) - wording.columns(name))
                lines.append(cut(f"{mark} {name}{gap}  {age(since, now):>4}  {said}", width))
        return [*lines, ""] if lines else []

    def rest(self, width: int) -> list[str]:
        """All others as `--list` prints them, those that work before those that rest."""
        now, needing = time.time(), self._needing()
        drawn = Table(width, coloured=self._coloured)
        groups = {word: rows for word, rows in self._index.there.items() if not isinstance(rows, str)}
        here = _ordered(each for each in self._bearing(self._index.here) if (None, str(each["name"])) not in needing)
        shown = {
            word: _ordered(each for each in self._bearing(rows) if (word, str(each["name"])) not in needing)
            for word, rows in groups.items()
        }
        drawn.measure([*here, *(each for rows in shown.values() for each in rows)], now)
        lines = drawn.lines(here, now) if here or any(shown.values()) else []
        for word, rows in shown.items():
            if rows:
                lines += [drawn.remark(word, self._index.remarks.get(word, "")), *drawn.lines(rows, now)]
        lines += [drawn.remark(word, rows) for word, rows in self._index.there.items() if isinstance(rows, str)]
        missing = "no session has these labels" if self._wanted else f"no sessions; `{CALLED} NAME` creates one"
        return lines or ([] if needing else [cut(missing, width)])

    # -- the sessions

    def _needing(self) -> dict[Key, Summary]:
        """The sessions that wait or have failed, in the order of their groups, the longest first."""
        every: list[tuple[Key, Summary]] = [((None, str(each["name"])), each) for each in self._index.here]
        for word, rows in self._index.there.items():
            every += [((word, str(each["name"])), each) for each in rows if not isinstance(each, str)]
        order = list(_HEADS)
        found = [(key, each) for key, each in every if _state(each) in order and bears(each, self._wanted)]
        found.sort(key=lambda pair: (order.index(_state(pair[1])), _since(pair[1])))
        return dict(found)

    def _waits(self, key: Key | None) -> bool:
        found = self._shown.get(key) if key is not None else None
        return found is not None and _state(found) == "waiting" and not self._goes_on(key, found)

    def _goes_on(self, key: Key | None, session: Summary) -> bool:
        """Whether it was answered just now, and nothing has come of that yet."""
        since, until = self._answered.get(key, ("", 0.0)) if key is not None else ("", 0.0)
        return since == _since(session) and time.monotonic() < until

    def _bearing(self, rows: Sequence[Summary]) -> list[Summary]:
        return [each for each in rows if bears(each, self._wanted)]

    def _coloured_text(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured and code else text


def _ordered(sessions: Iterable[Summary]) -> list[Summary]:
    return sorted(sessions, key=lambda each: _state(each) != "working")


def _state(session: Summary) -> str:
    standing = session.get("activity")
    return standing["state"] if standing and session["state"] == "running" else ""


def _since(session: Summary) -> str:
    standing = session.get("activity")
    return str((standing and standing.get("since")) or "")


def _question(session: Summary) -> str:
    standing = session.get("activity")
    return str((standing and standing.get("question")) or "")


def _title(key: Key) -> str:
    return f"{plain(key[1])}@{plain(key[0])}" if key[0] is not None else plain(key[1])
