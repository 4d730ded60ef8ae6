"""The state of a link: what is asked, what is tried and when, against a model of links and networks."""

from __future__ import annotations

import itertools
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sesh import link_state
from sesh.errors import LoginRefused
from sesh.link_state import LOST_AFTER, QUIET, SILENT, LinkState
from tests.support import rounds

START = 1000.0
ASK, BEGIN, END = range(3)
"""What is to be done: send a question; begin the attempt of this number; end it."""


class Clock:
    """A recovery, and a time that goes on until something is due."""

    def __init__(self, **options: bool | int | float) -> None:
        self.now = START
        self.state = LinkState(START, **options)  # type: ignore[arg-type]
        self.done: list[tuple[float, int, int]] = []
        """What was to be done: seconds since the start, kinds, numbers."""
        self.running: set[int] = set()

    def act(self) -> None:
        actions = [(ASK, 0)] if self.state.act(self.now) else []
        actions += [(END, number) for number in sorted(self.running - set(self.state.attempts))]
        actions += [(BEGIN, number) for number in sorted(set(self.state.attempts) - self.running)]
        self.running = set(self.state.attempts)
        self.done += [(round(self.now - START, 3), kind, number) for kind, number in actions]

    def run(self, seconds: float) -> None:
        """Lets so many seconds pass, and does what is due."""
        until = self.now + seconds
        while self.state.due <= until:
            self.now = max(self.now, self.state.due)
            self.act()
            if self.state.due <= self.now:  # it has just been given up
                self.act()
            assert self.state.due > self.now, "it would turn without end"
        self.now = until

    def times(self, kind: int) -> list[float]:
        return [at for at, what, _ in self.done if what == kind]

    def answer(self) -> None:
        self.state.heard(self.now)
        self.state.answered()


def test_silence_is_asked_about_and_then_another_link_is_tried_until_the_link_is_lost() -> None:
    clock = Clock()
    clock.run(LOST_AFTER + 0.1)
    assert clock.times(ASK) == [QUIET]
    assert clock.times(BEGIN)[0] == QUIET + link_state.ANSWER_TIME
    assert clock.state.lost
    assert clock.state.doubted


def test_a_link_that_answers_is_asked_seldom_and_nothing_is_tried() -> None:
    clock = Clock()
    while len(clock.times(ASK)) < 10:
        asked = len(clock.times(ASK))
        clock.run(clock.state.due - clock.now)
        if len(clock.times(ASK)) > asked:
            clock.run(0.1)
            clock.answer()
    gaps = {round(after - before, 3) for before, after in itertools.pairwise(clock.times(ASK))}
    assert gaps == {SILENT + 0.1}
    assert clock.times(BEGIN) == []


def test_a_link_over_which_output_comes_without_end_is_asked_once_a_minute() -> None:
    """The host takes a client of which nothing comes for gone."""
    clock = Clock()
    for _ in range(int(25 * link_state.ANYWAY)):
        clock.run(0.1)
        clock.state.heard(clock.now)
    first, second = clock.times(ASK)
    assert link_state.ANYWAY <= second - first <= link_state.ANYWAY + SILENT
    assert clock.times(BEGIN) == []


def test_a_key_into_silence_is_asked_about_at_once_and_any_other_after_a_round_trip_without_an_answer() -> None:
    clock = Clock()
    clock.state.round_trip = 0.1
    clock.run(1.5)
    clock.state.typed(clock.now)
    clock.run(0)
    assert clock.times(ASK) == [1.5]
    clock.run(0.1)
    clock.answer()
    clock.state.typed(clock.now)
    clock.run(0.4)
    assert clock.times(ASK) == [1.5]
    clock.run(0.1)
    assert clock.times(ASK) == [1.5, 2.05]


def test_a_sign_has_the_link_asked_and_another_one_begun_soon_after() -> None:
    clock = Clock()
    clock.state.round_trip = 0.02
    clock.state.changed(clock.now)
    clock.run(0.5)
    assert clock.done == [(0, ASK, 0), (0.06, BEGIN, 1)]
    clock.state.changed(clock.now)
    clock.run(0)
    assert clock.times(BEGIN) == [0.06, 0.5]


def test_signs_in_quick_succession_are_one() -> None:
    clock = Clock()
    for _ in range(20):
        clock.state.changed(clock.now)
        clock.run(0.01)
    assert clock.times(ASK) == [0]
    assert clock.times(BEGIN) == [0.06, 0.16]


def test_bytes_that_were_on_their_way_before_a_question_are_no_answer_and_the_answer_always_is() -> None:
    clock = Clock()
    clock.state.changed(clock.now)
    clock.run(0.04)
    clock.state.heard(clock.now)
    clock.run(0.2)
    assert clock.times(BEGIN) == [0.06]
    other = Clock()
    other.state.changed(other.now)
    other.run(0.02)
    other.answer()
    other.run(1)
    assert other.times(BEGIN) == []


def test_attempts_end_where_the_link_lives() -> None:
    clock = Clock()
    clock.run(QUIET + 2.5)
    begun = [number for _, kind, number in clock.done if kind == BEGIN]
    assert len(begun) == 3
    clock.state.heard(clock.now)
    clock.run(0)
    assert [number for _, kind, number in clock.done if kind == END] == begun
    assert not clock.state.doubted


def test_an_attempt_that_the_server_has_answered_is_left_alone_and_for_a_while_the_only_one() -> None:
    clock = Clock()
    clock.state.closed(clock.now)
    clock.run(0.3)
    clock.state.reached(1, clock.now)
    clock.run(20)
    assert clock.times(BEGIN)[:2] == [0.2, 3.3]
    ended = {number for _, kind, number in clock.done if kind == END}
    assert 2 in ended
    assert 1 not in ended


def test_a_closed_link_is_replaced_after_a_moment_and_one_that_was_in_doubt_at_once() -> None:
    clock = Clock()
    clock.state.closed(clock.now)
    clock.run(1)
    assert clock.times(BEGIN) == [link_state.CLOSED_PAUSE]
    other = Clock()
    other.state.changed(other.now)
    other.run(0.03)
    other.state.closed(other.now)
    other.run(0)
    assert other.times(BEGIN) == [0.03]


def test_after_an_hour_without_a_network_the_next_address_is_tried_at_once() -> None:
    clock = Clock()
    clock.state.closed(clock.now)
    while clock.now < START + 3600:
        clock.run(max(0.0, clock.state.due - clock.now))
        for number in list(clock.state.attempts):
            clock.state.failed(number, clock.now, "network is unreachable")
    attempts = clock.times(BEGIN)
    assert attempts[-1] - attempts[-2] == link_state.LONGEST_PACE
    clock.run(5)
    count = len(clock.times(BEGIN))
    clock.state.changed(clock.now)
    clock.run(0)
    assert len(clock.times(BEGIN)) == count + 1
    clock.state.failed(clock.state._number, clock.now, "network is unreachable")
    clock.run(1)
    assert len(clock.times(BEGIN)) == count + 2, "and as often as at first from then on"


def test_a_refused_login_ends_all() -> None:
    clock = Clock()
    clock.state.closed(clock.now)
    clock.run(1.5)
    assert len(clock.state.attempts) == 2
    clock.state.failed(1, clock.now, "login refused", refusal=LoginRefused("no"))
    clock.state.changed(clock.now)
    clock.state.wished(clock.now)
    clock.state.typed(clock.now)
    clock.run(100)
    assert clock.done[-1][1:] == (END, 2)
    assert clock.state.due == inf


def test_a_refusal_counts_until_the_link_answers() -> None:
    clock = Clock()
    clock.run(QUIET + 0.5)
    clock.state.failed(1, clock.now, "login refused", refusal=LoginRefused("no"))
    clock.answer()
    assert (clock.state.refusal, clock.state.reason) == (None, "")
    clock.run(SILENT + 1)
    assert len(clock.times(BEGIN)) == 2


def test_nothing_is_due_while_no_attempt_may_be_made_beside_a_link() -> None:
    """The client turned without end until the link was lost."""
    clock = Clock()
    clock.run(QUIET + 0.5)
    clock.state.beside = False
    clock.state.failed(1, clock.now, "somebody would be asked")
    clock.run(LOST_AFTER)
    assert clock.times(BEGIN)[1] == LOST_AFTER


def test_links_that_die_at_once_are_opened_at_most_once_a_second() -> None:
    clock = Clock()
    for _ in range(20):
        clock.state.closed(clock.now)
        clock.run(link_state.PACE)
        clock.state.restored(clock.now)
    assert 15 <= len(clock.times(BEGIN)) <= 20


def test_a_process_that_was_stopped_asks_before_it_gives_up() -> None:
    clock = Clock()
    clock.now += 3600
    clock.act()
    assert not clock.state.lost
    assert clock.times(ASK) == [3600]
    clock.run(0.5)
    assert clock.times(BEGIN) == [3600.06]


def test_a_link_of_which_nothing_may_be_asked_is_lost_by_its_silence() -> None:
    clock = Clock(beside=False, unasked=14.0)
    clock.run(10)
    clock.state.heard(clock.now)
    clock.run(13.9)
    assert (clock.done, clock.state.lost) == ([], False)
    clock.run(0.2)
    assert clock.state.lost


@given(st.floats(0, 3 * LOST_AFTER), st.booleans())
def test_a_link_is_given_up_within_fifteen_seconds_whenever_it_goes_silent(last: float, beside: bool) -> None:
    clock = Clock(beside=beside)
    while clock.state.due < START + last:
        clock.run(clock.state.due - clock.now)
        clock.run(min(0.06, START + last - clock.now))
        clock.state.heard(clock.now)
    clock.run(max(0.0, START + last - clock.now))
    clock.state.heard(clock.now)
    clock.run(14)
    assert clock.state.lost


# -- a model of links


class Links(RuleBasedStateMachine):
    """A link that lives or does not, and attempts that a server answers, refuses or never hears of."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.state = LinkState(START)
        self.running: dict[int, bool] = {}
        """Attempts as who carries them out knows them: whether the server has answered."""
        self.begun: list[float] = []
        self.urged = -inf
        """When an attempt was last asked for by a sign, or by the person."""
        self.refused = False

    def carry_out(self, *, lives: bool = False) -> None:
        self.state.act(self.now)
        for number in self.running.keys() - self.state.attempts.keys():
            assert lives or self.refused or not self.running[number], "the server has answered it"
            del self.running[number]
        for number in self.state.attempts.keys() - self.running.keys():
            gap = self.now - self.begun[-1] if self.begun else inf
            assert gap >= link_state.PACE - 1e-6 or (self.urged >= self.begun[-1] and gap >= link_state.AGAIN - 1e-6)
            assert not self.refused, "a refused login ends all"
            self.begun.append(self.now)
            self.running[number] = False
        assert sum(not answered for answered in self.running.values()) <= 4
        if self.state.due <= self.now:
            assert self.state.lost, "it would turn without end"
            self.carry_out(lives=lives)

    @rule(seconds=st.floats(0.001, 3))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.state.due <= until:
            self.now = max(self.now, self.state.due)
            self.carry_out()
        self.now = until

    @rule(seconds=st.floats(3, 5000))
    def the_process_is_stopped(self, seconds: float) -> None:
        self.now += seconds
        self.urged = self.now
        self.carry_out()

    @rule(answers=st.booleans())
    @precondition(lambda self: not self.state.lost)
    def bytes_come(self, answers: bool) -> None:
        self.state.heard(self.now)
        if answers:
            self.state.answered()
            self.refused = False
        self.refused = self.refused and self.state.refusal is not None
        self.carry_out(lives=True)

    @rule()
    def a_key(self) -> None:
        self.state.typed(self.now)
        self.carry_out()

    @rule()
    def a_sign(self) -> None:
        self.state.changed(self.now)
        self.urged = self.now
        self.carry_out()

    @rule()
    def enter(self) -> None:
        self.state.wished(self.now)
        self.urged = self.now
        self.carry_out()

    @rule()
    def the_link_is_closed(self) -> None:
        self.state.closed(self.now)
        self.carry_out()

    @rule(data=st.data())
    @precondition(lambda self: self.running)
    def the_server_answers(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.running)))
        self.running[number] = True
        self.state.reached(number, self.now)
        self.carry_out()

    @rule(data=st.data(), refused=st.integers(0, 9))
    @precondition(lambda self: self.running)
    def an_attempt_fails(self, data: st.DataObject, refused: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[number]
        self.refused = self.refused or refused == 0
        self.state.failed(number, self.now, "", refusal=LoginRefused("no") if refused == 0 else None)
        self.carry_out()

    @rule()
    @precondition(lambda self: self.running)
    def an_attempt_succeeds(self) -> None:
        self.running.clear()
        self.refused = False
        self.state.restored(self.now)
        self.carry_out()

    @invariant()
    def a_lost_link_is_always_tried_for(self) -> None:
        if self.state.lost and self.state.refusal is None:
            assert self.state.due <= max(self.now, self.begun[-1] if self.begun else 0) + link_state.LONGEST_PACE + 60


Links.TestCase.settings = settings(max_examples=rounds(40, 1000), stateful_step_count=30, deadline=None)
TestLinks = Links.TestCase


def test_a_link_that_a_list_holds_is_known_to_be_late_within_four_seconds_and_again_after_it_was_back() -> None:
    clock = Clock(beside=False, at_once=1)
    clock.state.watched = True
    late: list[bool] = []
    for seconds in (QUIET + link_state.WATCHED_TIME - 0.1, 0.2, LOST_AFTER - 5) * 2:
        clock.run(seconds)
        late.append(clock.state.late)
        if late[-2:] == [True, True]:
            assert not clock.state.lost
            clock.answer()
            late.append(clock.state.late)
    assert late == [False, True, True, False] * 2
