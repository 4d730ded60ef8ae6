"""The course of a soak: rounds of a second with acts, and moments of rest."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial

from bench.soak.acts import Acts
from bench.soak.figures import SHORT, Record
from bench.soak.ground import SETTLING, Session, Sessions, answers, host
from sesh.daemon.screen import feed
from tests.remote.farm import SshHost
from tests.support import Home, wait_until
from tests.support.waiting import rest_until

ROUND = 1.0
FLOODS = 4 << 20
"""Bytes of one flood."""
FEW_ACTS = 120.0
"""Seconds that a soak must last so that acts have their full intervals; in a shorter soak the intervals shrink."""
MAX_AT_ONCE, MAX_FLOODS = 100, 5
"""The most attach cycles and floods in one round, if the soak has fallen behind."""
MAX_FAULTS = 20
SAMPLES, APART = 60, 60.0
"""The most samples, and the most seconds between two."""


def soak(
    home: Home,
    *,
    hours: float,
    sessions: int,
    attaches: float = 25.0,
    megabytes: float = 2.5,
    seed: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Record:
    """Run a soak in this process; `attaches` and `megabytes` are of each second."""
    with host(home) as reached:
        if reached is None:
            say("no host can be made here: no link is cut")
        else:
            reached[0].strict = False
        course = Course(Sessions(home, sessions), reached[1] if reached else None, seed, say)
        course.go(hours * 3600, attaches, megabytes * 1e6)
        return course.record


class Course:
    def __init__(self, ground: Sessions, far: SshHost | None, seed: int, say: Callable[[str], None]) -> None:
        self.ground, self.say = ground, say
        self.dice = random.Random(seed)
        self.acts = Acts(ground, far, self.dice)
        self.record = Record(Counter(session.sort for session in ground.every))
        self.began = time.monotonic()

    def go(self, seconds: float, attaches: float, output: float) -> None:
        """Do rounds for `seconds`, with so many attach cycles and bytes of output a second."""
        for session in self.ground.every:
            if session.reloads:
                self.do("reloads", partial(self.acts.reload, session))
        self.began = start = time.monotonic()
        rest = feed.PACK_AFTER + 1 if seconds >= SHORT * 3600 else 0.0  # until what floods have left is packed
        scale = min(1.0, seconds / FEW_ACTS)
        sample_due = start
        while (now := time.monotonic()) < start + seconds and len(self.record.faults) < MAX_FAULTS:
            if now >= sample_due:
                self.sample(rest)
                sample_due = time.monotonic() + max(seconds / SAMPLES, min(APART, seconds / 8))
                continue
            for _ in range(min(MAX_AT_ONCE, int(attaches * (now - start)) - self.acts.attaches)):
                self.do("attach cycles", self.acts.attach)
            for _ in range(min(MAX_FLOODS, int((output * (now - start) - self.acts.output) / FLOODS) + 1)):
                self.do("floods", partial(self.acts.flood, FLOODS))
            for name, (act, every) in self.acts.every.items():
                if self.dice.random() < ROUND / (every * scale):
                    self.do(name, act)
            rest_until(now + ROUND)
        self.sample(rest)

    def do(self, name: str, act: Callable[[], None]) -> None:
        """Do one act. If it fails, note the fault, and create lost sessions again."""
        self.record.acts[name] = self.record.acts.get(name, 0) + 1
        try:
            act()
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-2:])
            self.fault(f"{name}: {type(error).__name__}: {error}\n{where}")
            for session in self.ground.every:
                self.mend(session)

    def mend(self, session: Session) -> None:
        """Create a session again if it is lost, and note a fault."""
        if not answers(session.name):
            self.fault(f"{session} is lost")
            self.ground.home.sesh("kill", session.name)
            self.ground.create(session)

    def fault(self, text: str) -> None:
        self.record.faults.append(f"after {time.monotonic() - self.began:.0f} s: {text}")
        self.say(self.record.faults[-1])

    def tidy(self) -> bool:
        """Return whether every file and process belongs to a session."""
        self.acts.end_half()  # its daemon may have come up after its creator was killed
        return not self.ground.litter()

    def sample(self, rest: float) -> None:
        """Wait for quiet and `rest` seconds more; look for faults and litter, and count."""
        for session in self.ground.of("flood"):
            self.do("ends of floods", partial(self.acts.flooded, session))
        try:
            wait_until(self.ground.settled, "nobody is attached any more", timeout=SETTLING)
        except AssertionError as error:
            self.fault(str(error))
        rest_until(time.monotonic() + rest)
        for session in self.ground.every:
            for line in self.ground.faults(session):
                if not any(line in fault for fault in self.record.faults):
                    self.fault(f"{session}: {line}")
        try:
            wait_until(self.tidy, "each file and process belongs to a session", timeout=SETTLING, interval=0.5)
        except AssertionError:
            for what in self.ground.litter():
                self.fault(what)
        hours = (time.monotonic() - self.began) / 3600
        self.record.samples.append(self.ground.sample(hours, self.acts.attaches, self.acts.output))
        self.say(self.record.samples[-1].line())
