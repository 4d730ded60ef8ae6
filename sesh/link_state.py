"""The state of one link to a host, and what to do about it: pure, all times are arguments (seconds, monotonic).

    stands ──question──▶ asked ──no answer in time──▶ doubted ──12 s of silence──▶ lost ──refused──▶ wants a person
      ▲                    │                             │                           │
      └────── answer ──────┴────────── answer ───────────┘                           │
      ▲                                                  │ an attempt succeeds       │ an attempt succeeds
      └──────────────────────────────────────────────────┴───────────────────────────┘

Doubted and lost links have attempts at another one: while the link is doubted it may still answer, which ends them.
"""

from __future__ import annotations

QUIET, SILENT, LOST_AFTER = 2.0, 4.0, 12.0
"""Seconds of silence before a question: after output, and after an answer. And before the link counts as lost."""
ANYWAY = 60.0
"""Seconds after which a link is asked although output comes over it: else the host would take this side for gone."""
ANSWER_TIME = 0.3
"""Seconds, beside 1.2 round trips, in which a question has to be answered before another link is opened."""
WATCHED_TIME = 1.5
"""The same for a link that a list holds: after it its rows are said to be old. Such a link is asked after `QUIET`."""
SIGN_TIME = 0.06
"""The same after a sign that the link may be dead, whatever the round trip: the link is asked meanwhile."""
_STALE = 0.05
"""Seconds in which bytes that were on their way before a question may still come."""
_KEY_TIME = 0.3
"""Seconds, beside 1.5 round trips, after which a key that nothing followed is a question."""
_SHORT_SILENCE = 1.0
"""Seconds of silence after which a key is a question at once."""
PACE, AGAIN = 1.0, 0.1
"""Seconds between two attempts; after a sign that one may succeed now."""
CLOSED_PAUSE = 0.2
"""Seconds, less a round trip, before the first attempt if the other end closed the link: a server that is restarted
listens again when that arrives."""
LONGEST_PACE, _SHARE = 10.0, 1 / 30
"""Seconds between two attempts at the most; the part of the time without an answer that lies between them."""
_PROGRESS, _LOGIN_TRIPS = 3.0, 10
"""Seconds and round trips that an attempt has for itself, once the server has answered."""
STOOD = 10.0
"""Seconds after which a link counts as one that stands: if links die at once attempts grow rarer still."""
_STOPPED = 2.0
"""Seconds of delay that mean that this process was stopped, or the machine slept."""
_NEVER = float("inf")


class LinkState:
    """One link over its lifetime: facts come in; `act` says whether to ask, and is called again when it is `due`.

    `attempts` are those that are to run, by number: who carries them out begins and ends its own after these.

    `beside`: whether attempts are made while the link may still live. `at_once`: attempts that run at the same time
    and wait for the server; with 1 there is no other before one has failed. `unasked`: nothing may be asked over
    the link yet, and so many seconds of silence end it; 0 for a link that is asked. `watched`: a list holds the link.
    """

    def __init__(self, now: float, *, beside: bool = True, at_once: int = 4, unasked: float = 0.0) -> None:
        self.beside, self.at_once, self._unasked = beside, at_once, unasked
        self.watched = self.late = False
        """`late`: the newest question was not answered in time."""
        self.heard_at = self.trouble_at = now
        """When something came last; since when the host does not answer, once that is so."""
        self.round_trip = 0.0
        """Seconds, as far as known."""
        self.lost = False
        self.refusal: Exception | None = None
        """The error of an attempt that says that none can succeed without a person; None as far as known."""
        self.reason = ""
        """Why the attempt that failed last did."""
        self.attempts: dict[int, bool] = {}
        """By number: whether the server has answered it."""
        self.due = now + (unasked or QUIET)
        """When to call `act`."""
        self._patience = QUIET
        self._asked_at, self._ask_at, self._answer_by = 0.0, _NEVER, _NEVER
        self._ask_anyway = now + ANYWAY
        self.begun_at = -_NEVER
        """When the newest attempt began."""
        self._next, self._number = _NEVER, 0
        self._restored_at = -_NEVER

    @property
    def doubted(self) -> bool:
        """True if the link has not answered in time, or is lost."""
        return self.lost or self._next < _NEVER or bool(self.attempts)

    # -- what is learnt of the link

    def heard(self, now: float) -> None:
        """Bytes came over the link."""
        if not self.lost:
            self.heard_at, self._patience, self._ask_at = now, QUIET, _NEVER
            if self._asked_at and now > self._asked_at + _STALE:
                self._lives()

    def answered(self) -> None:
        """The answer to the newest question came: call `heard` first."""
        if not self.lost:
            self._patience = QUIET if self.watched else SILENT
            self._lives()

    def typed(self, now: float) -> None:
        """A key was sent, or waits for a link."""
        if self.doubted:
            if True not in self.attempts.values():
                self._try(now, PACE)
        elif not self._asked_at:
            silent = now > self.heard_at + _SHORT_SILENCE
            self._ask_at = min(self._ask_at, now if silent else now + _KEY_TIME + 1.5 * self.round_trip)
            self.due = min(self.due, self._ask_at)

    def changed(self, now: float) -> None:
        """A sign that links may be dead, or may succeed now: an address, a route, or the machine slept."""
        if self.doubted:
            self._try(now, AGAIN)
        else:
            self._answer_by = min(self._answer_by, now + SIGN_TIME)
            if now > self._asked_at + AGAIN:
                self._ask_at = self.due = now

    def wished(self, now: float) -> None:
        """The person wants an attempt now."""
        if self.doubted:
            self._try(now, AGAIN)

    def closed(self, now: float) -> None:
        """The other end closed the link."""
        if not self.lost:
            self._lose(now, now if self._asked_at else now + max(0.0, CLOSED_PAUSE - self.round_trip))

    # -- what is learnt of attempts

    def reached(self, number: int, now: float) -> None:
        """The server has answered an attempt: it is left alone, and for a while the only one."""
        if self.attempts.get(number) is False:
            self.attempts[number] = True
            self._next, self.trouble_at = now + _PROGRESS + _LOGIN_TRIPS * self.round_trip, now

    def failed(self, number: int, now: float, reason: str, *, refusal: Exception | None = None) -> None:
        """An attempt failed; `refusal`: its error, if any other attempt would fail alike."""
        if self.attempts.pop(number, None) is None:
            return
        self.reason, self.refusal = reason, refusal or self.refusal
        if self.refusal is not None:
            self._end_attempts()
        elif True not in self.attempts.values():
            self._next = min(self._next, max(now, self.begun_at + self._pause(now)))
        self.due = min(self.due, self._next)

    def restored(self, now: float) -> None:
        """Another link has taken the place of this one."""
        self.heard_at = self._restored_at = now
        self.lost, self._patience = False, QUIET
        self._lives()
        self.due = now + QUIET

    # -- what is to be done

    def act(self, now: float) -> bool:
        """Bring `attempts` up to date; return whether to send a question."""
        if 0 < self.due < now - _STOPPED:
            self.heard_at = max(self.heard_at, now - LOST_AFTER + SILENT)
            self.changed(now)
        was_lost = self.lost
        asks = not was_lost and self._question(now)
        if self._next <= now and (was_lost or self.beside):
            self._attempt(now)
        silence = self.heard_at + (self._unasked or (LOST_AFTER if self._asked_at else self._patience))
        attempt = self._next if self.lost or self.beside else _NEVER
        self.due = min(attempt, self._answer_by, self._ask_at, _NEVER if self.lost else silence)
        return asks

    def _question(self, now: float) -> bool:
        if self._unasked:
            if now >= self.heard_at + self._unasked:
                self._lose(now, now)
            return False
        unasked = min(self.heard_at + self._patience, self._ask_anyway)
        asks = min(self._ask_at, _NEVER if self._asked_at else unasked) <= now
        if asks:
            self._asked_at, self._ask_at, self._ask_anyway = now, _NEVER, now + ANYWAY
            answer_time = WATCHED_TIME if self.watched else ANSWER_TIME
            self._answer_by = min(self._answer_by, now + answer_time + 1.2 * self.round_trip)
        elif self._asked_at and now >= self.heard_at + LOST_AFTER:
            self._lose(now, now)
        if self._answer_by <= now:
            self._answer_by, self.late = _NEVER, True
            if self.beside:
                self._begin_trouble(now)
                self._try_from(now, PACE)
        return asks

    def _attempt(self, now: float) -> None:
        unreached = [number for number, reached in self.attempts.items() if not reached]
        if len(unreached) >= self.at_once:
            del self.attempts[unreached[0]]
        self._number += 1
        self.attempts[self._number] = False
        self.begun_at, self._next = now, now + self._pause(now) if self.at_once > 1 else _NEVER

    # -- steps of these

    def _pause(self, now: float) -> float:
        return max(PACE, min((now - self.trouble_at) * _SHARE, LONGEST_PACE))

    def _try(self, now: float, pause: float) -> None:
        """Try again soon: no sooner than `pause` after the attempt before."""
        self.trouble_at = now
        self._try_from(now, pause)

    def _try_from(self, moment: float, pause: float) -> None:
        if self.refusal is None and (self.at_once > 1 or not self.attempts):
            self._next = min(self._next, max(moment, self.begun_at + pause))
            self.due = min(self.due, self._next)

    def _begin_trouble(self, now: float) -> None:
        if not self.doubted and now >= self._restored_at + STOOD:
            self.trouble_at = now

    def _lose(self, now: float, first: float) -> None:
        self._begin_trouble(now)
        self.lost, self._asked_at, self._ask_at, self._answer_by = True, 0.0, _NEVER, _NEVER
        if not self.attempts:
            self._try_from(first, self._pause(now))

    def _lives(self) -> None:
        if self.late:
            self.late, self.due = False, 0.0  # the next question is not due when the link would have been lost
        self._asked_at, self._ask_at, self._answer_by = 0.0, _NEVER, _NEVER
        self.reason, self.refusal = "", None
        self._end_attempts()

    def _end_attempts(self) -> None:
        if self.attempts:
            self.attempts.clear()
            self.due = 0.0
        self._next = _NEVER
