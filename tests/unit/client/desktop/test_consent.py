"""Each row of the table of consent, by examples and by what must hold in any course of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.desktop.consent import (
    AGAIN_TIME,
    ASKED_TIME,
    MAX_ROUND_TRIP,
    OPEN_EVERY,
    OPEN_TIME,
    OPENS_FOR_KEY,
    READ_TIME,
    Consent,
    Content,
    Verdict,
)
from sesh.client.desktop.presses import Press

TEXT, OTHER = Content.of("text/plain", b"secret"), Content.of("text/plain", b"other")
PICTURE = Content.of("image/png", b"\x89PNG")
GIVE, LOOK, ASK, REFUSE = Verdict


def ask(consent: Consent, now: float, content: Content = TEXT, program: str = "vim") -> Verdict:
    """Return the verdict on a read, after a look if one is needed."""
    verdict = consent.read(program, now)
    return consent.read(program, now, content) if verdict is LOOK else verdict


def deliver(consent: Consent, now: float, content: Content = TEXT, program: str = "vim") -> bool:
    """Read; return whether the data was given."""
    return ask(consent, now, content, program) is GIVE and consent.claim(content, now, now)


@pytest.mark.parametrize("press", [Press.PASTE_KEY, Press.EMPTY_PASTE])
def test_a_paste_key_gives_the_clipboard_for_two_seconds(press: Press) -> None:
    consent = Consent()
    assert not consent.press(press, 100.0, 0.0)
    assert ask(consent, 100.0 + READ_TIME - 0.01) is GIVE
    assert ask(consent, 100.0 + READ_TIME) is ASK


@pytest.mark.parametrize("press", [Press.KEY, Press.NONE, Press.PASTE_KEY_RELEASE])
def test_no_other_key_gives_the_clipboard(press: Press) -> None:
    consent = Consent()
    consent.press(press, 0.0, 0.0)
    assert ask(consent, 0.0) is ASK


def test_times_count_from_the_key_plus_two_round_trips_which_a_host_cannot_make_long() -> None:
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 0.8)
    assert ask(consent, READ_TIME + 1.59) is GIVE
    assert ask(consent, READ_TIME + 1.6) is ASK
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 60.0)
    assert ask(consent, READ_TIME + 2 * MAX_ROUND_TRIP) is ASK


def test_lists_and_reads_that_find_nothing_are_free_until_the_first_data() -> None:
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 0.0)
    assert [consent.read("claude", 0.1) for _ in range(3)] == [GIVE] * 3
    assert deliver(consent, 0.2, PICTURE)
    assert not deliver(consent, 0.3, TEXT)


def test_what_was_given_is_given_again_for_half_a_minute_while_it_is_there() -> None:
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 0.0)
    assert deliver(consent, 1.0, PICTURE)
    assert deliver(consent, 1.0 + AGAIN_TIME - 0.1, PICTURE)
    assert not deliver(consent, 1.0 + AGAIN_TIME, PICTURE)
    consent.press(Press.PASTE_KEY, 100.0, 0.0)
    assert deliver(consent, 100.0, TEXT)
    assert not deliver(consent, 101.0, OTHER), "what has come since is of the same type, and nobody has pasted it"


def test_each_key_gives_once() -> None:
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 0.0)
    consent.press(Press.PASTE_KEY, 0.5, 0.0)
    assert deliver(consent, 1.0, TEXT)
    assert deliver(consent, 1.0, PICTURE)
    assert not deliver(consent, 1.0, OTHER)


def test_what_the_session_put_there_last_goes_at_once() -> None:
    consent = Consent()
    consent.wrote(TEXT)
    assert ask(consent, 0.0, TEXT) is GIVE
    assert ask(consent, 0.0, OTHER) is ASK
    consent.wrote(OTHER)
    assert ask(consent, 50.0, TEXT) is not GIVE
    assert ask(consent, 50.0, OTHER) is GIVE
    assert ask(consent, 1e6, OTHER, "vim") is GIVE


def test_a_tool_that_changes_the_line_ends_changes_no_text() -> None:
    assert Content.of("text/plain", b"a\nb") == Content.of("text/plain", b"a\r\nb\r\n")
    assert Content.of("image/png", b"a\nb") != Content.of("image/png", b"a\r\nb")


def test_the_key_of_the_line_is_not_the_programs_and_is_good_for_the_next_read() -> None:
    consent = Consent()
    assert ask(consent, 0.0) is ASK
    assert not consent.press(Press.KEY, 4.0, 0.0), "another key passes, and the line stays"
    assert consent.press(Press.PASTE_KEY, 5.0, 0.0)
    assert not consent.press(Press.PASTE_KEY, 5.1, 0.0), "the second one is the program's"
    assert deliver(consent, 5.0 + ASKED_TIME - 0.1)


def test_the_key_of_the_line_is_good_for_one_read() -> None:
    consent = Consent()
    assert ask(consent, 0.0) is ASK
    consent.press(Press.PASTE_KEY, 5.0, 0.0)
    assert deliver(consent, 6.0)
    assert not deliver(consent, 7.0, OTHER)


def test_the_line_stays_ten_seconds() -> None:
    consent = Consent()
    assert ask(consent, 0.0) is ASK
    assert consent.asking(ASKED_TIME - 0.1)
    assert not consent.press(Press.PASTE_KEY, ASKED_TIME, 0.0)


def test_a_program_that_polls_is_not_asked_for_again_before_the_next_key() -> None:
    consent = Consent()
    assert ask(consent, 0.0) is ASK
    assert ask(consent, 1.0) is ASK, "it waits for the same line"
    for now in range(int(ASKED_TIME), 1000, 10):
        assert consent.read("vim", now) is REFUSE
    consent.press(Press.KEY, 1000.0, 0.0)
    assert ask(consent, 1000.0) is ASK


def test_lines_that_are_ignored_end() -> None:
    """A program that polls made a line come with each key."""
    consent = Consent()
    shown = []
    for now in range(0, 1000, 20):
        consent.press(Press.KEY, now, 0.0)
        shown.append(ask(consent, now))
    assert shown.count(ASK) == 3
    consent.press(Press.PASTE_KEY, 1000.0, 0.0)
    assert ask(consent, 1000.0 + READ_TIME) is ASK


def test_a_host_that_renames_its_programs_gets_no_more_lines() -> None:
    consent = Consent()
    verdicts = []
    for now in range(0, 100_000, 20):
        consent.press(Press.KEY, now, 0.0)
        verdicts.append(ask(consent, now, program=f"program{now}"))
    assert verdicts.count(ASK) <= 9


def test_only_one_line_asks_at_a_time() -> None:
    consent = Consent()
    assert ask(consent, 0.0, program="vim") is ASK
    assert ask(consent, 0.0, program="emacs") is REFUSE


@pytest.mark.parametrize(("setting", "verdict"), [("always", GIVE), ("never", REFUSE)])
def test_a_setting_takes_the_place_of_the_key(setting: str, verdict: Verdict) -> None:
    consent = Consent(paste=setting, browse=setting)
    assert ask(consent, 0.0) is verdict
    assert consent.open(0.0) is verdict
    consent.press(Press.PASTE_KEY, 1.0, 0.0)
    assert ask(consent, 1.0) is verdict


@pytest.mark.parametrize(("setting", "verdict"), [("always", GIVE), ("never", REFUSE)])
def test_writing_is_free_unless_a_setting_says_never(setting: str, verdict: Verdict) -> None:
    assert Consent(copy=setting).write() is verdict


def test_a_page_opens_for_half_a_minute_after_any_key() -> None:
    consent = Consent()
    assert consent.open(0.0) is ASK
    consent.press(Press.KEY, 0.0, 0.5)
    assert consent.open(OPEN_TIME + 0.99) is GIVE
    consent.press(Press.KEY, 100.0, 0.0)
    assert consent.open(100.0 + OPEN_TIME) is ASK


def test_one_page_opens_in_two_seconds_and_three_for_each_key() -> None:
    consent = Consent()
    consent.press(Press.KEY, 0.0, 0.0)
    assert consent.open(1.0) is GIVE
    assert consent.open(1.0 + OPEN_EVERY - 0.1) is ASK
    assert consent.open(1.0 + OPEN_EVERY) is GIVE
    assert consent.open(6.0) is GIVE
    assert consent.open(9.0) is ASK
    consent.press(Press.KEY, 9.5, 0.0)
    assert consent.open(9.6) is GIVE


def test_a_hundred_opens_in_a_loop_open_three_pages_even_where_they_always_open_slowly() -> None:
    consent = Consent()
    consent.press(Press.KEY, 0.0, 0.0)
    assert [consent.open(number / 4) for number in range(100)].count(GIVE) == OPENS_FOR_KEY
    always = Consent(browse="always")
    assert [always.open(number / 4) for number in range(100)].count(GIVE) == 13


_EVENTS = st.one_of(
    st.tuples(st.just("press"), st.sampled_from(list(Press))),
    st.tuples(st.just("read"), st.sampled_from([TEXT, OTHER, PICTURE])),
    st.tuples(st.just("wrote"), st.sampled_from([TEXT, OTHER, PICTURE])),
    st.tuples(st.just("open"), st.none()),
)
_COURSES = st.lists(st.tuples(st.floats(0.0, 15.0), _EVENTS), max_size=40)


@given(_COURSES, st.floats(0.0, 5.0))
def test_what_is_given_has_a_key_of_its_own_or_is_known(
    course: list[tuple[float, tuple[str, object]]], trip: float
) -> None:
    """Counted without the states of the consent: each data that is new takes a paste key of the last seconds."""
    consent, now = Consent(), 0.0
    keys: list[float] = []  # times of paste keys that have given nothing
    written: object = None
    given_at: dict[object, float] = {}
    longest = ASKED_TIME + 2 * MAX_ROUND_TRIP
    for pause, (kind, what) in course:
        now += pause
        if kind == "press":
            assert isinstance(what, Press)
            swallowed = consent.press(what, now, trip)
            assert not swallowed or what is Press.PASTE_KEY
            keys += [now] * (what in (Press.PASTE_KEY, Press.EMPTY_PASTE))
        elif kind == "wrote":
            assert isinstance(what, Content)
            consent.wrote(what)
            written, given_at = what, {}
        elif kind == "read":
            assert isinstance(what, Content)
            if deliver(consent, now, what):
                is_known = what == written or now < given_at.get(what, -1e9) + AGAIN_TIME
                keys = [at for at in keys if now < at + longest]
                assert is_known or keys
                if keys and not is_known:
                    keys.pop(0)
                given_at.setdefault(what, now) if is_known else given_at.update({what: now})
        else:
            consent.open(now)


@given(st.lists(st.tuples(st.floats(0.0, 20.0), st.booleans()), max_size=60))
def test_pages_have_their_distance_and_their_key(course: list[tuple[float, bool]]) -> None:
    consent, now = Consent(), 0.0
    pressed_at, count, opened_at = -1e9, 0, -1e9
    for pause, is_key in course:
        now += pause
        if is_key:
            consent.press(Press.KEY, now, 0.0)
            pressed_at, count = now, 0
        elif consent.open(now) is GIVE:
            count += 1
            assert now - pressed_at < OPEN_TIME
            assert now - opened_at >= OPEN_EVERY - 1e-6
            assert count <= OPENS_FOR_KEY
            opened_at = now


def test_two_reads_that_were_allowed_by_one_key_get_its_delivery_once() -> None:
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 0.0)
    assert [consent.read(program, 0.1) for program in ("one", "two")] == [GIVE, GIVE]
    assert consent.claim(PICTURE, 0.1, 0.2)
    assert not consent.claim(TEXT, 0.1, 0.2)


def test_a_tool_may_take_longer_than_the_key_lasts() -> None:
    consent = Consent()
    consent.press(Press.PASTE_KEY, 0.0, 0.0)
    assert consent.read("vim", 1.9) is GIVE
    assert consent.claim(TEXT, 1.9, 20.0)
    consent.press(Press.PASTE_KEY, 100.0, 0.0)
    assert not consent.delivers(103.0)
    assert not consent.claim(OTHER, 103.0, 104.0)
