"""The list, kept up to date on a terminal; sessions that need a person stand above, to be answered."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from sesh import config, wording
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.table import SIGNALS, Table, painted
from sesh.cli.tui.console import LEAVING, MarkedList, Stage, edited, hint
from sesh.cli.tui.live import Key, LiveSessions, since, standing
from sesh.cli.tui.news import News
from sesh.client.notification import BELL, notification
from sesh.client.terminal import RawTerminal
from sesh.errors import Lost, NotFound, Unknown, Unreachable
from sesh.moments import age
from sesh.names import natural
from sesh.ops import send, views
from sesh.ops.index import SessionIndex
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.schema import Summary
from sesh.wording import cut, plain

Asked = tuple[Key, str, str]
"""A question: its session, the time since when it is asked, its text."""

_ANSWER_KEYS = ("y", "n", *"123456789")
"""Keys that are an answer by themselves."""
_SPELLED = {"y": "yes", "n": "no"}
"""The answers to a question that spells them out."""
_HINTS = (
    "Enter y n 1-9 answer it  / answer with a line  ↑↓ choose  a attach  r refresh  q quit",
    "Enter y n 1-9 answer it  / answer with a line  ↑↓ choose  a attach  q quit",
    "Enter y n 1-9 answer  / line  a attach  q quit",
    "y n / answer  a attach  q quit",
)
_SECRET_HINTS = ("type the answer, which is not shown  ↑↓ choose  Escape quit", "type the hidden answer  Escape quit")
"""The keys while what is typed to the marked session is hidden, as for a password: every character begins it."""
_OTHER_HINTS = ("↑↓ choose  a attach  r refresh  q quit",)
"""The keys while the marked session waits for no answer."""
_IDLE_HINTS = ("r refresh  q quit", "q quit")
"""The keys while no session needs a person."""
_SETTLING = 3.0
"""Seconds after an answer for which its session is not shown as waiting."""
_SHOWN_FOR = 2.0
"""Seconds for which the outcome of an answer is shown."""
_FAILURE_FOR = 10.0
"""Seconds for which it is shown that a session has failed, which may be listed no more."""
_DEAF_FOR = 1.0
"""Seconds for which keys answer nothing after the mark has moved by itself, unless the person moves it."""
_STAYS_FOR = 0.8
"""Seconds after an answer for which the mark stays at its session, which may ask again."""
_BURST = 0.4
"""The most seconds between two keys of one burst: the end of one that began while keys were dropped is dropped too."""
_WORD = 2.0
"""Seconds after a key that answers nothing in which the next ones are taken for the same word."""
_BEGINS = "/ begins an answer; nothing was sent"
_YOUNG = 2.0
"""Seconds of work after which the last line of a session is shown: the list stands still while somebody types."""
_HEADS = {"waiting": "waiting for you", "failed": "failed"}
"""The states that stand above the list, with their headings."""
_ASKING, _ECHO_OFF, _ECHO_ON, _UNKNOWN = "asking", "off", "on", "unknown"
"""The echo of a session's terminal, off as for a password: a typed answer is shown as dots unless it is on."""


def watch(caller: Caller, hosts: list[str] | None, wanted: dict[str, str], mark: Key | None = None) -> Key | None:
    """Show the sessions with the `wanted` labels until the person leaves; return the one to attach to.

    `mark`: the one that is marked at first, if it needs a person.
    """
    with (
        RawTerminal() as terminal,
        SessionIndex(caller, hosts, holds=True) as index,
        LiveSessions(index, wanted) as live,
    ):
        watcher = _Watcher(live, caller, mark)
        with Stage(terminal) as stage:
            chosen = watcher.run(stage)
        if chosen is None:
            width = terminal.size()[0] or 80
            last = [*watcher.needing(width), *watcher.rest(width)]
            terminal.write_all("".join(f"{row}\r\n" for row in last).encode("utf-8", "replace"), 2.0)
    return chosen


class _Watcher:
    """The sessions, the marked one of those that need a person, and the answer as far as it is typed."""

    def __init__(self, sessions: LiveSessions, caller: Caller, mark: Key | None) -> None:
        self._live, self._caller = sessions, caller
        self._news = News()
        self._coloured = printing.coloured()
        self._shown: dict[Key, Summary] = {}
        """The sessions that need a person, as they were drawn last: keys are meant for these."""
        self._list = MarkedList({"up": -1, "down": 1}, list(self._needing()), around=True)
        self._mark = mark
        """The session to mark once it is there, unless a key has moved the mark before."""
        self._touched = False
        """True once a key was pressed: until then the first row is marked, whichever host answers first."""
        self._stays: tuple[Key | None, float] = None, 0.0
        """The session that was answered last, and until when the mark stays there (monotonic)."""
        self._deaf_until = self._dropped_at = 0.0
        """The end of the time in which keys answer nothing, as the mark has moved by itself (monotonic)."""
        self._line: tuple[Asked, str] | None = None
        """A question, and the line that is typed in answer to it; None while there is none."""
        self._probe: tuple[Asked, str] | None = None
        """The question for which the echo was asked last, and the echo."""
        self._held: list[str] = []
        """Keys that wait for the echo: the first may be an answer, or the beginning of a secret."""
        self._word: tuple[Asked | None, float] = None, 0.0
        """The question at which a key was pressed that answers nothing, and when (monotonic)."""
        self._answered: dict[Key, tuple[str, float]] = {}
        """The last answer by session: the time since when it had waited, and the end of its `_SETTLING` (monotonic)."""
        self._failures: list[str] = []
        """What is to be told of sessions that have failed, and are not listed any more."""
        self._message, self._message_until = "", 0.0
        """The outcome of the last answer, and the time until which it is shown (monotonic)."""
        self._some_young = False
        """True if the last line of a session is to be shown soon."""
        self._leaving = False
        self._chosen: Key | None = None
        """The session to attach to once the person leaves, None for none."""

    def run(self, stage: Stage) -> Key | None:
        """Show the list until the person leaves; return the session to attach to, None for none."""
        while not self._leaving:
            self._take(stage.typed())  # they came before the picture that is drawn now
            self._update()
            self._tell(stage)
            stage.draw(self._picture(*stage.size))
            young = _YOUNG if self._some_young else float("inf")
            keys = self._live.wait(stage, min(self._news.due, young, self._stay() or float("inf")))
            self._live.take()
            self._take([*self._released(), *keys])
        return self._chosen

    def _tell(self, stage: Stage) -> None:
        """Ring, and have the terminal tell the person what is new, not in quiet hours; say who has failed."""
        index = self._live.index
        answered = {None, *(host for host, rows in index.there.items() if not isinstance(rows, str))}
        lines, self._failures = [*self._failures, *self._news.lines(self._live.all().items(), answered)], []
        for line in self._news.ended:
            self._say(line, _FAILURE_FOR)
        for key in self._news.gone:
            self._ask_end(key)
        if lines and not config.in_quiet_hours(self._caller.settings().quiet):
            told = [notification(line, os.environ) for line in lines]
            stage.terminal.write_all(BELL + b"".join(data for data in told if data != BELL), 2.0)

    def _ask_end(self, key: Key) -> None:
        """Say if a session has failed that is not listed any more, as a job of `--exec`."""

        def failure(target: Target) -> str:
            try:
                session = target.call(views.status, name=key[1])
            except NotFound:
                return ""
            how = wording.failure(session.get("reason"), session.get("exit_code"))
            return wording.needs(key[1], "failed", how, key[0]) if wording.ended_badly(session) else ""

        def tell(line: str | None, _problem: str) -> None:
            if line:
                self._failures.append(line)
                self._say(line, _FAILURE_FOR)

        self._live.ask(key, failure, tell)

    # -- keys

    def _released(self) -> list[str]:
        """Return the held keys once the echo is known; none if another question is marked by now."""
        if self._probe is None or self._probe[1] == _ASKING:
            return []
        held, self._held = self._held, []
        if held and self._asked() != self._probe[0]:
            self._say(f"{_title(self._probe[0][0])} no longer asks that; nothing was sent")
            return []
        return held

    def _take(self, keys: Sequence[str]) -> None:
        self._touched = self._touched or bool(keys)
        for key in keys:
            if self._leaving:
                return
            if self._held and key not in ("C-c", "hangup"):
                self._held.append(key)
            elif self._line is not None:
                self._edit(*self._line, key)
            elif self._may_begin_secret(key):
                self._press_answer(key)
            elif key in LEAVING:
                self._leaving = True
            elif key == "r":
                self._live.index.ask_all()
                self._say("asking all hosts again")
            else:
                self._pressed(key)

    def _pressed(self, key: str) -> None:
        if self._shown and self._list.press(key):
            self._deaf_until, self._mark = 0.0, None
        elif key == "a" and self._list.mark in self._shown:
            if not self._drop_burst():
                self._leaving, self._chosen = True, self._list.mark
        elif key == "/" or (key in ("enter", *_ANSWER_KEYS) and not self._drop_of_word(key)):
            self._press_answer(key)
        elif len(key) == 1 and key.isprintable() and (asked := self._asked()) is not None:
            self._word = asked, time.monotonic()
            self._say(_BEGINS)

    def _drop_of_word(self, key: str) -> bool:
        """Drop a key behind one that answers nothing, as both are typed for a line; return whether it did.

        Enter would send an empty line, whenever it comes.
        """
        asked, at = self._word
        drops = asked is not None and asked == self._asked() and (key == "enter" or time.monotonic() < at + _WORD)
        self._word = (None if key == "enter" else asked), at
        if drops:
            self._say(_BEGINS)
        return drops

    def _may_begin_secret(self, key: str) -> bool:
        """Return whether a key begins a line that is not shown, or may do so as the echo is not known yet."""
        asked = self._asked()
        is_character = len(key) == 1 and key.isprintable()
        return asked is not None and is_character and self._probe in ((asked, _ECHO_OFF), (asked, _ASKING))

    def _press_answer(self, key: str) -> None:
        asked = self._asked()
        may_leave = key in LEAVING and self._probe == (asked, _ASKING)  # held: it leaves once the echo is known
        opens_line = key == "/" and self._probe != (asked, _ECHO_OFF)  # there it is the first of the secret
        if asked is not None and (opens_line or may_leave or not self._drop_early()):
            self._begin(asked, key)

    def _drop_early(self) -> bool:
        """Drop a key that comes too soon after the mark has moved by itself, with a message; return whether it did."""
        now = time.monotonic()
        if now >= self._deaf_until:
            return False
        self._deaf_until, self._dropped_at = max(self._deaf_until, now + _BURST), now
        if self._list.mark is not None:
            self._say(f"the mark just moved to {_title(self._list.mark)}; nothing was sent, press it again")
        return True

    def _drop_burst(self) -> bool:
        """Drop a key that harms nothing only if it belongs to a burst whose beginning was dropped."""
        return time.monotonic() < self._dropped_at + _BURST and self._drop_early()

    def _asked(self) -> Asked | None:
        """Return the question of the marked session, as it was shown; None if it waits for no answer."""
        mark: Key | None = self._list.mark
        if mark is None or not self._waits(mark):
            return None
        _, since, question = standing(self._shown[mark])
        return mark, since, question

    def _begin(self, asked: Asked, key: str) -> None:
        """Answer by a key; begin a line with it if it may be the first of a secret, hold it while that is not known."""
        if self._probe == (asked, _ASKING):
            self._held = [key]
        elif self._probe == (asked, _ECHO_OFF):
            self._line = asked, "" if key == "enter" else key
        elif key == "/":
            self._line = asked, ""
        else:
            self._answer(asked, "" if key == "enter" else key, single=True)

    def _ask_echo(self, asked: Asked) -> None:
        self._probe = asked, _ASKING
        key, since, question = asked

        def echo_is_off(target: Target) -> bool:
            return send.hides(target, key[1], since, question)

        def tell(hidden: bool, problem: str) -> None:
            if self._probe == (asked, _ASKING):  # if something went wrong, the answer will say what
                self._probe = asked, _UNKNOWN if problem else _ECHO_OFF if hidden else _ECHO_ON

        self._live.ask(key, echo_is_off, tell)

    def _edit(self, asked: Asked, typed: str, key: str) -> None:
        ends = key in ("escape", "C-c", "C-d", "hangup", "enter")
        self._line = None if ends else (asked, edited(typed, key))
        if key == "enter":
            self._answer(asked, typed)

    def _answer(self, asked: Asked, text: str, *, single: bool = False) -> None:
        key, since, question = asked
        self._stays = key, float("inf")

        def answer(target: Target) -> None:
            words = text
            if single and text in _SPELLED and _spells_out(question):
                modes = target.call(views.status, name=key[1]).get("modes")
                words = _SPELLED[text] if modes and modes["canonical"] else text
            try:
                send.answer(target, key[1], words, since, question)
            except Unreachable as error:
                if not isinstance(error, (Lost, Unknown)):  # else it may have been typed
                    error.message = f"{_title(key)} was not answered: {error.message}"
                raise

        def tell(_: object, problem: str) -> None:
            if not problem:
                self._answered[key] = since, time.monotonic() + _SETTLING
            if self._stays[0] == key:
                self._stays = key, 0.0 if problem else time.monotonic() + _STAYS_FOR
            self._say(problem or f"{_title(key)} was answered")
            self._live.index.refresh()

        self._say(f"answering {_title(key)} …")
        self._message_until = float("inf")
        self._live.ask(key, answer, tell)

    def _say(self, message: str, seconds: float = _SHOWN_FOR) -> None:
        self._message, self._message_until = message, time.monotonic() + seconds

    # -- the picture

    def _update(self) -> None:
        """Bring the mark and the message up to date, and ask for the echo of a question that is marked anew."""
        self._shown = self._needing()
        before = self._list.mark
        if self._line is None or before in self._shown:
            self._list.show(list(self._shown), stays=self._stay() > 0)
            if self._mark in self._shown:
                self._list.mark, self._mark, self._touched = self._mark, None, True
            elif not self._touched:
                self._list.mark = next(iter(self._shown), None)
        if self._list.mark != before:
            self._deaf_until = time.monotonic() + _DEAF_FOR
        asked = self._asked()
        probed = self._probe[0] if self._probe is not None else None
        if asked is not None and asked != probed and self._line is None and not self._held:
            self._ask_echo(asked)
        if time.monotonic() >= self._message_until:
            self._message = ""

    def _stay(self) -> float:
        """Return for how many seconds the mark stays where it is, as an answer was given there; infinity while it is
        on its way."""
        key, until = self._stays
        return max(0.0, until - time.monotonic()) if key is not None and key == self._list.mark else 0.0

    def _picture(self, width: int, height: int) -> list[str]:
        above, below = self.needing(width, marked=self._list.mark), self.rest(width)
        rows = [*above, *below]
        idle = not (self._shown or self._message)
        foot = ["", self._foot(width)] if idle else [self._foot(width)]
        if idle and len(rows) + len(foot) > height:
            foot = []
        room = max(0, height - len(foot))
        if len(rows) > room > 0:  # the last row of room says how many more there are, the marked one stays above it
            marked = next((number for number, row in enumerate(above) if row.startswith(">")), 0)
            start = max(0, marked - max(0, room - 2))
            more = cut(f" … {len(rows) - room + 1} more", width)
            rows = [*rows[start : start + room - 1], more] if room > 1 or not above else rows[marked:]
        return [*rows[:room], *foot]

    def _foot(self, width: int) -> str:
        if self._line is not None:
            asked, typed = self._line
            shown = typed if self._probe == (asked, _ECHO_ON) else "•" * len(typed)
            return cut(f"answer {_title(asked[0])}: {shown}_", width)
        if self._message:
            return cut(self._message, width)
        others = _OTHER_HINTS if self._shown else _IDLE_HINTS
        hints = _HINTS if self._waits(self._list.mark) else others
        if self._probe is not None and self._probe == (self._asked(), _ECHO_OFF):
            hints = _SECRET_HINTS
        return painted(hint(hints, width), "2", coloured=self._coloured)

    def needing(self, width: int, *, marked: Key | None = None) -> list[str]:
        """Return the lines of the sessions that need a person, with their questions, under a heading for each state."""
        now, lines, state = time.time(), [], ""
        sessions = self._needing()
        names = min(max((wording.columns(_title(key)) for key in sessions), default=0), width // 2)
        for key, session in sessions.items():
            before, (state, began, question) = state, standing(session)
            ago = age(began, now + session.get("clock", 0.0))
            if state != before:
                lines.append(painted(_HEADS[state], SIGNALS.get(state, ""), coloured=self._coloured))
            asks = "answered" if self._settling(key, session) else plain(question) or wording.runs(session)
            mark, name = ">" if key == marked else " ", cut(_title(key), names)
            gap = " " * (names - wording.columns(name))
            lines.append(cut(f"{mark} {name}{gap}  {ago:>4}  {asks}", width))
        return [*lines, ""] if lines else []

    def rest(self, width: int) -> list[str]:
        """Return the lines of all others as `--list` prints them, the working ones of each host first.

        Below one that works stands what it has printed last.
        """
        self._some_young = False
        now, needing, index = time.time(), self._needing(), self._live.index
        drawn = Table(width, coloured=self._coloured)
        by_host: dict[str | None, list[Summary]] = {}
        for key, session in self._live.all().items():
            if key not in needing:
                by_host.setdefault(key[0], []).append(session)
        for sessions in by_host.values():
            sessions.sort(key=lambda session: standing(session)[0] != "working")
        drawn.measure([session for sessions in by_host.values() for session in sessions], now)
        lines = self._rows(drawn, by_host.pop(None, []), now) if by_host else []
        silent = {host: rows for host, rows in index.there.items() if isinstance(rows, str)}
        for host in sorted({*map(str, by_host), *silent}, key=natural):
            remark = drawn.remark(host, silent.get(host) or index.remarks.get(host, ""))
            lines += [remark, *(self._rows(drawn, by_host[host], now) if host in by_host else ())]
        missing = "no session has these labels" if self._live.wanted else f"no sessions; `{CALLED} NAME` creates one"
        missing = "waiting for hosts that have not answered yet" if index.pending else missing
        return lines or ([] if needing else [cut(missing, width)])

    def _rows(self, drawn: Table, sessions: list[Summary], now: float) -> list[str]:
        """Return the lines of sessions, and below each one that works what it has printed last."""
        lines = drawn.lines(sessions, now)
        shown = lines[: len(lines) - len(sessions)]
        for session, line in zip(sessions, lines[len(shown) :], strict=True):
            shown.append(line)
            words = plain(session.get("last_line") or "")
            if standing(session)[0] == "working" and words:
                young = 0 <= now - since(session) < _YOUNG
                self._some_young = self._some_young or young
                shown += [] if young else [drawn.below(words)]
        return shown

    # -- the sessions

    def _needing(self) -> dict[Key, Summary]:
        """Return the sessions that wait, then those that have failed, the longest first."""
        order = list(_HEADS)
        sessions = [row for row in self._live.all().items() if standing(row[1])[0] in order]
        return dict(sorted(sessions, key=lambda row: (order.index(standing(row[1])[0]), since(row[1]))))

    def _waits(self, key: Key | None) -> bool:
        session = self._shown.get(key) if key is not None else None
        activity = session.get("activity") if session is not None else None
        if session is None or activity is None or activity.get("kind") == "auth":  # a login is no quick answer
            return False
        return activity["state"] == "waiting" and not self._settling(key, session)

    def _settling(self, key: Key | None, session: Summary) -> bool:
        """Return whether a session was answered just now, and its state has not changed since."""
        since, until = self._answered.get(key, ("", 0.0)) if key is not None else ("", 0.0)
        return since == standing(session)[1] and time.monotonic() < until


def _spells_out(question: str) -> bool:
    """Return whether a question ends with `(yes/no)`, or with more choices in such brackets, as ssh's does."""
    before, choice, more = question.rstrip(" ?:").rpartition("yes/no")
    return bool(choice) and before.endswith(("(", "[")) and more.endswith((")", "]")) and " " not in more


def _title(key: Key) -> str:
    return f"{plain(key[1])}@{plain(key[0])}" if key[0] is not None else plain(key[1])
