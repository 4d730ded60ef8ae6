"""Types a text and its Enter in two steps, and finds out whether the program has taken them (`--send --enter`).

Composers take a text that comes with its Enter in one read for a paste, and make a new line of the Enter. So it follows
once the program has read and shown the text. Silence proves nothing: a busy program prints nothing before it reads, and
a spinner prints all the time. What counts is the kernel's count of unread bytes, and the text's place on the screen.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator

from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.rules import Said
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.daemon.screen.text_end import Cell, TextEnd
from sesh.daemon.shell import shells
from sesh.errors import Busy
from sesh.loop.timers import Timers
from sesh.typed import PASTE, PASTE_END

Outcome = tuple[bool | None, str]
"""Whether the text was submitted, None if that cannot be known; and why not."""
Steps = Generator[None, None, Outcome]
Asker = Callable[[bool | None, str], object]

POLL = 0.02
"""Seconds between two looks while a text is on its way: right after a write the kernel may say that nothing waits."""
_MODAL = frozenset(("vi", "vim", "nvim", "view", "vimdiff", "nvi", "kak", "hx"))
"""Editors with a command mode: a pasted line would become text, so it is typed."""
_PIECE, _PASTED_PIECE = 1024, 4095
"""Bytes that are typed before the program has read them; the kernel counts no more."""
_READING, _STALLED = 30.0, 3.0
"""Seconds for a program to read a text; and seconds in which it has to read anything."""
_STANDS = 0.1
"""Seconds for which the end of the text stands, and for which it is gone, before that counts."""
_HIDDEN = 1.0
"""Seconds after it was read until the Enter for a text that is not shown."""
_RESTLESS = 10.0
"""Seconds in which the text has to stand still."""
_AGAIN, _JUDGED = 1.0, 2.0
"""Seconds after the Enter was read at which a swallowed one is repeated, and at which it counts as swallowed."""
_KEPT = 64
"""Outcomes that are kept for askers whose link was lost, and requests that wait for the active one's."""


class Submission:
    """One text on its way (see `Submissions.begin`)."""

    def __init__(self, key: str, before: bytes, text: bytes, after: bytes, told: Asker) -> None:
        self.key, self.before, self.text, self.after, self.told = key, before, text, after, told
        self.began = time.monotonic()
        self.pasted, self.group = False, 0
        """True if it is typed as a paste; and the process group that it is typed to."""
        self.disturbed = False
        """True if somebody has sent keys since."""
        self.cells: list[Cell] = []
        self.rows: list[str] = []
        """Where its end stands before the Enter, empty if it is not shown; and what the screen shows then."""


class Submissions:
    """The texts with Enter of one session, one after the other; what else is to be typed waits behind them.

    `note` is called with all that is typed.
    """

    def __init__(
        self, pump: Pump, model: Model, activity: Activity, timers: Timers, note: Callable[[bytes], object]
    ) -> None:
        self._pump, self._model, self._activity, self._timers, self._note = pump, model, activity, timers, note
        self.active: Submission | None = None
        self.later: deque[Callable[[], object]] = deque()
        """What waits for the end of the active one."""
        self.outcomes: OrderedDict[str, Outcome] = OrderedDict()
        """The last outcomes by their keys."""

    def defer(self, key: str, request: Callable[[], object]) -> bool:
        """Returns whether what is to be typed under this key waits for the end of the active text. Raises Busy."""
        if self.active is None or (key and key == self.active.key):
            return False
        if len(self.later) == _KEPT:
            raise Busy(f"{_KEPT} texts wait to be typed here; try again later")
        self.later.append(request)
        return True

    def begin(self, key: str, before: bytes, text: bytes, after: bytes, told: Asker) -> None:
        """Begins with a text, with keys `before` it and `after` its Enter; none may be active.

        `key`: the asker's name for it. `told` gets the outcome.
        """
        self.active = submission = Submission(key, before, text, after, told)
        self._go_on(submission, self._deliver(submission))

    def keep(self, key: str, outcome: Outcome) -> None:
        """Keeps an outcome for an asker whose link was lost."""
        self.outcomes[key] = outcome
        while len(self.outcomes) > _KEPT:
            self.outcomes.popitem(last=False)

    def _go_on(self, submission: Submission, steps: Steps) -> None:
        try:
            next(steps)
        except StopIteration as end:
            self._finish(submission, end.value)
        except Exception:
            self._finish(submission, (False, "the session's daemon failed"))
            raise
        else:
            self._timers.set("submission", POLL, lambda: self._go_on(submission, steps))

    def _finish(self, submission: Submission, outcome: Outcome) -> None:
        self.active = None
        self.keep(submission.key, outcome)
        submission.told(*outcome)
        while self.later and self.active is None:
            self.later.popleft()()

    def _deliver(self, submission: Submission) -> Steps:
        """Types the text, then Enter and the keys behind it; each step is a look at the program."""
        if submission.before:
            self._note(submission.before)
            yield from self._type(submission.before)
        text = unmarked(submission.text)
        submission.pasted, submission.group = self._model.pastes() and not self._commands(text), self._group()
        shown = TextEnd(text.decode("utf-8", "replace"), self._rows())
        self._note(text)
        question = self._activity.blocked  # what a hook said is answered now
        text, size = (PASTE + text + PASTE_END, _PASTED_PIECE) if submission.pasted else (submission.text, _PIECE)
        read = yield from self._type(text, size, shown)
        stands = read and (yield from self._stands(submission, shown))
        if not self._pump.running:
            return False, "it has ended, and got no Enter"
        if not stands:
            why = "its screen keeps changing" if read else "it has not read all of the text"
            return False, f"{why}, so it got no Enter"
        if self._disturbed(submission):
            return False, "somebody typed meanwhile, so it got no Enter"
        if submission.group != self._group():
            return False, "another program has the terminal now, and got no Enter"
        if not self._raw():
            return False, "it reads lines now, and got no Enter"
        if self._asks_anew(question):
            return False, "it asks something now, and got no Enter"
        if not submission.cells and shown.seen:
            return False, "the text is gone from its screen, and it got no Enter"
        self._note(b"\r" + submission.after)
        for keys in filter(None, (b"\r", submission.after)):
            yield from self._type(keys)
        return (yield from self._judge(submission, shown)) if submission.cells else (None, "")

    def _stands(self, submission: Submission, shown: TextEnd) -> Generator[None, None, bool]:
        """Waits until the end of a text that was read stands still, or will not be shown; returns whether it does."""
        read_at = seen_at = since = now = time.monotonic()
        while self._pump.running and now - read_at < _RESTLESS:
            yield
            now, rows = time.monotonic(), self._rows()
            if cells := shown.find(rows):
                since = since if cells == submission.cells else now
                submission.cells, submission.rows, seen_at = cells, rows, now
                if now - since >= _STANDS:
                    return True
            elif now - seen_at >= _STANDS:  # some clear the screen before they draw it
                submission.cells = []
                if now - read_at >= _HIDDEN:
                    return True
        return False

    def _type(self, data: bytes, size: int = _PIECE, shown: TextEnd | None = None) -> Generator[None, None, bool]:
        """Types bytes, the next piece once the program has read the last; returns whether it has read all.

        `shown`: the text's end, which is looked for while the last piece is on its way.
        """
        began = moved = time.monotonic()
        start = 0
        while start < len(data):
            end = _boundary(data, start + size)
            self._put(data[start:end])
            left, zeros = len(data[start:end]), 0
            while zeros < 2:
                yield
                if shown is not None and end >= len(data):
                    shown.find(self._rows())
                before, left = left, self._pump.unread
                now = time.monotonic()
                zeros = 0 if left else zeros + 1
                moved = now if left < before else moved
                late = left and (now - moved > _STALLED or now - began > _READING)
                if late or not self._pump.running:
                    self._put(data[end:])  # the mark at the end of a paste must follow
                    return False
            start, moved = end, time.monotonic()
        return True

    def _put(self, data: bytes) -> None:
        if data:
            self._pump.type("submission", data)

    def _judge(self, submission: Submission, shown: TextEnd) -> Steps:
        """Looks for what proves that the program has taken the text; repeats an Enter that it has swallowed."""
        began, repeated, since, question = time.monotonic(), False, 0.0, self._activity.blocked
        pasted, size = submission.pasted, (self._model.columns, self._model.rows)
        while True:
            now = time.monotonic()
            if size != (self._model.columns, self._model.rows):
                return None, ""  # all of it has moved
            left_mode = (pasted and not self._model.pastes()) or self._group() != submission.group
            if left_mode or not self._raw() or self._asks_anew(question) or (question and not self._activity.blocked):
                return True, ""
            if not shown.taken(submission.cells, submission.rows, self._rows()):
                since = 0.0
            elif not since:
                since = now
            elif now - since >= _STANDS:
                return True, ""
            again = pasted and not repeated and not since and now - began >= _AGAIN and not self._disturbed(submission)
            if again and shown.empty_below(self._rows()):
                repeated = True
                yield from self._type(b"\r")
            if not since and now - began >= _JUDGED:
                return False, "the text is still in its input line"
            yield

    def _disturbed(self, submission: Submission) -> bool:
        """Returns whether somebody has typed meanwhile, so that Enter would submit that too."""
        return submission.disturbed or self._pump.attended_at > submission.began

    def _rows(self) -> list[str]:
        self._model.catch_up()
        return self._model.emulator.text()

    def _asks_anew(self, before: Said | None) -> bool:
        """Returns whether the program says that it asks something, and has not said it as that did."""
        blocked = self._activity.blocked
        return blocked is not None and (before is None or blocked.since != before.since)

    def _raw(self) -> bool:
        return self._pump.pty is not None and self._pump.pty.raw()

    def _commands(self, text: bytes) -> bool:
        """Returns whether a text may be commands of an editor."""
        pty = self._pump.pty
        return b"\n" not in text and pty is not None and shells.foreground_name(pty) in _MODAL

    def _group(self) -> int:
        return self._pump.pty.foreground() if self._pump.pty is not None else 0


def _boundary(data: bytes, end: int) -> int:
    """The end of the last whole character of UTF-8 up to an index; the index itself if there is none near it."""
    ends = (index for index in range(end, end - 4, -1) if not b"\x80" <= data[index : index + 1] < b"\xc0")
    return next(ends, end)


def unmarked(text: bytes) -> bytes:
    """The text without the marks of bracketed paste; also without those that the bytes around one make up."""
    while PASTE in text or PASTE_END in text:
        text = text.replace(PASTE, b"").replace(PASTE_END, b"")
    return text
